"""The only room that compiles: experiments, what they record, and the engine."""

from . import engine as engine
from .devices import (
    Device as Device,
    cache_programs as cache_programs,
    devices as devices,
    workers as workers,
)
from .engine import Fixed as Fixed, Nouns as Nouns, Program as Program, State as State
from .ensemble import (
    Ensemble as Ensemble,
    MappingKind as MappingKind,
    insert as insert,
    repeat as repeat,
)
from .events import (
    AbstractCondition as AbstractCondition,
    AtStep as AtStep,
    Event as Event,
    Reaches as Reaches,
)
from .experiment import Experiment as Experiment
from .prepare import fixed as fixed, outline as outline, program_of as program_of, rung as rung
from .record import (
    CURVES as CURVES,
    OF_LOSS as OF_LOSS,
    Context as Context,
    Snapshot as Snapshot,
    mean as mean,
    snapshot as snapshot,
    test_accuracy as test_accuracy,
    test_loss as test_loss,
    train_accuracy as train_accuracy,
    train_loss as train_loss,
    weight_norm as weight_norm,
)
from .schedule import Schedule as Schedule
from .status import Status as Status
