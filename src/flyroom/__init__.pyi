from . import (
    algebra as algebra,
    explorer as explorer,
    exports as exports,
    figures as figures,
    interop as interop,
    losses as losses,
    measures as measures,
    mechanisms as mechanisms,
    models as models,
    optim as optim,
    recipes as recipes,
    results as results,
    spec as spec,
    studies as studies,
    sweeps as sweeps,
    tasks as tasks,
    testing as testing,
    training as training,
)
from .explorer.widget import explore as explore
from .exports import run_table as run_table
from .mechanisms import explain as explain
from .results import (
    JournalError as JournalError,
    StoreError as StoreError,
    experiment_of as experiment_of,
    network as network,
    open as open,
)
from .spec import SpecError as SpecError
from .sweeps import (
    Interrupted as Interrupted,
    Machine as Machine,
    RayCluster as RayCluster,
    map as map,
    merge as merge,
    resume as resume,
    train as train,
)
from .training import (
    CURVES as CURVES,
    AtStep as AtStep,
    Event as Event,
    Experiment as Experiment,
    Reaches as Reaches,
    Schedule as Schedule,
    snapshot as snapshot,
)

__version__: str
