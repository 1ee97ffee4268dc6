"""Static pictures of results, for reports and notebooks."""

from ._labels import (
    leaf_name as leaf_name,
    run_label as run_label,
    swept as swept,
)
from .curves import (
    learning_curves as learning_curves,
    overview as overview,
)
from .maps import phase_diagram as phase_diagram
from .palette import palette as palette, ramps as ramps
from .report import write_report as write_report
from .run import plot as plot
from .times import (
    intervals as intervals,
    paired as paired,
    scaling as scaling,
    survival_curves as survival_curves,
)
from .weights import (
    neurons_by_frequency as neurons_by_frequency,
    spectrum as spectrum,
    weights_before_after as weights_before_after,
)
