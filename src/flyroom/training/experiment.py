import functools
import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from ..losses import AbstractLoss, CrossEntropy
from ..models import MLP, AbstractModel
from ..optim import AbstractOptimizer, AdamW
from ..spec import Spec, SpecError, host, kind, replace, shape, walk
from ..tasks import AbstractTask
from .events import AbstractCondition, AtStep, Event
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

    def after(self, fired: Sequence[int]) -> "Experiment":
        """What goes on once some of its events have happened, itself without any.

        Args:
            fired: for each event the step at which it happened, or -1.
        """
        happened = sorted((step, event) for event, step in enumerate(fired) if step >= 0)
        # One after another: a whole task takes back what an earlier event set in it.
        changes = [self.events[event].set for _, event in happened]
        return functools.reduce(replace, changes, replace(self, {"events": ()}))

    def tasks(self) -> list[AbstractTask]:
        """The task, and what it can be after any of the events."""
        paths = [[p for p in e.set if p.partition(".")[0] == "task"] for e in self.events]
        changing, every = [i for i, own in enumerate(paths) if own], list(itertools.chain(*paths))
        nested = any(inner.startswith(f"{outer}.") for outer in every for inner in every)
        # Only a noun and what is in it give another task when they are set the other way round.
        some = itertools.permutations if nested else itertools.combinations
        orders = [order for n in range(len(changing) + 1) for order in some(changing, n)]
        numbers = range(len(self.events))
        return [
            self.after([order.index(i) if i in order else -1 for i in numbers]).task
            for order in orders
            if self._possible(order)
        ]

    def _possible(self, order: Sequence[int]) -> bool:
        """Whether events can happen in an order: those at a given step do so by their steps."""
        whens = [(self.events[i].when, i) for i in order]
        fixed = [(when.step, i) for when, i in whens if isinstance(when, AtStep)]
        return fixed == sorted(fixed)

    def never(self) -> list[str]:
        """What is waited for and cannot happen, or changes nothing when it does, in words."""
        ages, ranges = self.ages().tolist(), {r.name: r.within for r in self.record}
        why = [condition.never(ages, ranges) for condition in self.conditions]
        names = [f"stop rule {i}" for i in range(len(self.stop))]
        names += [f"event {i}" for i in range(len(self.events))]
        said = [f"{name} can never happen: {w}." for name, w in zip(names, why, strict=True) if w]
        return said + [
            f"event {i} changes nothing: it can happen at step {ages[-1]:,} only, the run's last."
            for i, (event, w) in enumerate(zip(self.events, why[len(self.stop) :], strict=True))
            if not w and event.when.never(ages[:-1], ranges)
        ]

    def __check_init__(self) -> None:
        super().__check_init__()  # by itself it would come after what follows
        if self.task.stream is not None and self.batch_size is None:
            raise SpecError(
                f"Experiment.batch_size: got None; allowed: a number, because "
                f"{type(self.task).__name__} draws the examples of every step anew."
            )
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
        for number in range(len(self.events)):
            self._check_event(number)

    def _check_event(self, number: int) -> None:
        values = self.events[number].set
        for path in values:
            *_, (node, name, field) = walk(self, path)
            if path.partition(".")[0] == "task":
                continue
            if kind(self, path) != "leaf":
                raise SpecError(
                    f"Event.set: `{path}` is neither a leaf nor in the task, so it cannot change "
                    "while training."
                )
            if field is not None and field.metadata.get("initial"):
                raise SpecError(
                    f"Event.set: `{path}` acts only when a network begins, so a change would do "
                    f"nothing. {type(node).__name__}.{name} is swept with `over` instead."
                )
        task = self.after([0 if i == number else -1 for i in range(len(self.events))]).task
        if task.signature != self.task.signature:
            raise SpecError(
                f"Event.set: the task would have the form {task.signature} instead of "
                f"{self.task.signature}; a network keeps its inputs and answers."
            )
        if task.stream != self.task.stream:
            raise SpecError(
                f"Event.set: what is drawn anew at every step would be {task.stream} instead of "
                f"{self.task.stream}; that is compiled in."
            )
