import numpy as np
from jaxtyping import Int

from ..losses import AbstractLoss, CrossEntropy
from ..models import MLP, AbstractModel
from ..optim import AbstractOptimizer, AdamW
from ..spec import Spec, SpecError, host, kind, replace, shape
from ..tasks import AbstractTask
from .events import AbstractCondition, Event
from .record import CURVES, Snapshot
from .schedule import Schedule

_SEED_BOUNDS = {"minimum": 0, "maximum": 2**32 - 1}


class Experiment(Spec):
    """Everything that decides how one network is trained, and nothing else.

    Main arguments:
        task: what is to be learned.
        model: who learns it.
        optimizer: how.
        loss: what a wrong answer costs.
        steps: the budget, in optimizer steps.
        seed: decides the split, the initial weights, the order of minibatches and the noise.

    Other Arguments:
        batch_size: examples per step; all of them if `None`.
        precision: `"float32"` or `"float64"`, for everything.
        record: measures that are recorded while training.
        schedule: when they are.
        keep: when weights are kept; the final ones always are.
        stop: conditions that end a run before its budget.
        events: interventions.
        split_seed: a seed of its own for the split, if not `None`; `init_seed`, `batch_seed` and
            `noise_seed` likewise.
    """

    task: AbstractTask
    model: AbstractModel = MLP()
    optimizer: AbstractOptimizer = AdamW()
    loss: AbstractLoss = CrossEntropy()
    batch_size: int | None = shape(None, minimum=1)
    precision: str = shape("float32", options=("float32", "float64"))
    steps: int = host(10_000, minimum=1)
    record: tuple[Snapshot, ...] = shape(CURVES)
    schedule: Schedule = host(Schedule())
    keep: Schedule = host(Schedule(per_octave=0))
    stop: tuple[AbstractCondition, ...] = host(())
    events: tuple[Event, ...] = host(())
    seed: int = host(0, **_SEED_BOUNDS)
    split_seed: int | None = host(None, **_SEED_BOUNDS)
    init_seed: int | None = host(None, **_SEED_BOUNDS)
    batch_seed: int | None = host(None, **_SEED_BOUNDS)
    noise_seed: int | None = host(None, **_SEED_BOUNDS)

    @property
    def conditions(self) -> tuple[AbstractCondition, ...]:
        """What is asked at every record: first the stop rules, then the events."""
        return (*self.stop, *(event.when for event in self.events))

    def ages(self) -> Int[np.ndarray, "record"]:
        """The steps at which measures are recorded and conditions asked."""
        due = [step for condition in self.conditions for step in condition.due]
        kept = self.keep.ages(self.steps)
        ages = np.unique(np.concatenate([self.schedule.ages(self.steps), kept, np.array(due, int)]))
        return ages[ages <= self.steps]

    def __check_init__(self) -> None:
        names = [r.name for r in self.record]
        if len(set(names)) < len(names):
            raise SpecError(f"Experiment.record: a name is given twice among {', '.join(names)}.")
        scalars = [r.name for r in self.record if not r.dims]
        for condition in self.conditions:
            for measure in condition.measures:
                if measure not in scalars:
                    raise SpecError(
                        f"{type(condition).__name__}: `{measure}` is not a recorded scalar; "
                        f"recorded are {', '.join(scalars)}."
                    )
        for event in self.events:
            for path in event.set:
                if kind(self, path) != "leaf":
                    raise SpecError(
                        f"Event.set: `{path}` is not a leaf, so it cannot change while training."
                    )
            for noun in {path.partition(".")[0] for path in event.set}:
                new = {p: v for p, v in event.set.items() if p.startswith(f"{noun}.")}
                within = {p.removeprefix(f"{noun}."): v for p, v in new.items()}
                replace(getattr(self, noun), within)  # checks the bounds of the new values
