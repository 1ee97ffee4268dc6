"""Things that happen to a run while it trains, decided on the host from what was recorded."""

import abc
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..spec import Spec, host

Ranges = Mapping[str, tuple[float, float]]


class AbstractCondition(Spec):
    """A question about a run that is asked at every record.

    It is met once the answer has been yes at `streak` consecutive records.
    """

    @property
    @abc.abstractmethod
    def streak(self) -> int:
        """At how many records in a row the answer has to be yes."""

    @abc.abstractmethod
    def holds(self, step: int, values: Mapping[str, Any]) -> bool:
        """The answer at age `step`, given what was recorded there, by name."""

    @property
    @abc.abstractmethod
    def due(self) -> tuple[int, ...]:
        """Steps at which it must be asked, whatever the schedule."""

    @property
    @abc.abstractmethod
    def measures(self) -> tuple[str, ...]:
        """Names of the recorded scalars that it reads."""

    def never(self, ages: Sequence[int], ranges: Ranges) -> str:
        """Why it can never be met, or nothing if it can.

        Args:
            ages: the steps at which it is asked.
            ranges: the smallest and largest value of recorded scalars, where they are known.
        """
        del ages, ranges
        return ""


class Reaches(AbstractCondition):
    """A recorded measure is at least (or at most) a threshold, at several records in a row.

    Args:
        measure: name of a recorded scalar, such as `"test_accuracy"`.
        threshold: the value to reach.
        records: at how many consecutive records.
        falling: whether it is to fall to the threshold instead of rising to it.
    """

    measure: str = host()
    threshold: float = host()
    records: int = host(1, minimum=1)
    falling: bool = host(False)

    def holds(self, step: int, values: Mapping[str, Any]) -> bool:
        del step
        value = values[self.measure]  # compared in its own precision: nine of ten are 0.9
        return bool(value <= self.threshold if self.falling else value >= self.threshold)

    @property
    def streak(self) -> int:
        return self.records

    @property
    def due(self) -> tuple[int, ...]:
        return ()

    @property
    def measures(self) -> tuple[str, ...]:
        return (self.measure,)

    def never(self, ages: Sequence[int], ranges: Ranges) -> str:
        low, high = ranges.get(self.measure, (-math.inf, math.inf))
        word, limit = ("at most", low) if self.falling else ("at least", high)
        if self.threshold < low if self.falling else self.threshold > high:
            return f"{self.measure} is never {word} {self.threshold:g}: its limit is {limit:g}"
        if self.records > len(ages):
            return f"it asks for {self.records:,} records and there are only {len(ages):,}"
        return ""


class AtStep(AbstractCondition):
    """The run is so many steps old, which is made a record if the schedule has none there."""

    step: int = host(minimum=0)

    def holds(self, step: int, values: Mapping[str, Any]) -> bool:
        del values
        return step >= self.step

    @property
    def streak(self) -> int:
        return 1

    @property
    def due(self) -> tuple[int, ...]:
        return (self.step,)

    @property
    def measures(self) -> tuple[str, ...]:
        return ()

    def never(self, ages: Sequence[int], ranges: Ranges) -> str:
        del ranges
        last = max(ages)
        return f"the run ends at step {last:,}, before {self.step:,}" if self.step > last else ""


class Event(Spec):
    """Once `when` is met, parts of the experiment take new values. It happens at most once.

    Leaves take effect from the next step on. A change of the task changes the examples: the split
    is drawn again, from the same seed, by the task as it is then.

    Args:
        when: the condition.
        set: new values by dotted path, of leaves or of anything in the task that leaves the form of
            inputs and answers as it is.

    Example:
        >>> raise_decay = Event(Reaches("train_accuracy", 1.0), {"optimizer.weight_decay": 0.1})
        >>> fewer_examples = Event(AtStep(9000), {"task.train_fraction": 0.2})
    """

    when: AbstractCondition = host()
    set: Mapping[str, Any] = host()
