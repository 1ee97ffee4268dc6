"""Mathematics that knows no networks."""

from .counting import Counting as Counting, as_addition as as_addition
from .cyclic import (
    fourier_basis as fourier_basis,
    frequency_margin as frequency_margin,
    power as power,
    sums_of_waves as sums_of_waves,
    waves as waves,
)
from .groups import (
    Group as Group,
    numbering as numbering,
    subgroups as subgroups,
    symmetric as symmetric,
)
from .representations import (
    irrep as irrep,
    isotypic as isotypic,
    partitions as partitions,
)
