"""Things that happen to a run while it trains, decided on the host from what was recorded."""

import abc
from collections.abc import Mapping
from typing import Any

from ..spec import Spec, host


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


class Event(Spec):
    """Once `when` is met, leaves of the experiment take new values. It happens at most once.

    Args:
        when: the condition.
        set: new values by the dotted path of a leaf.

    Example:
        >>> raise_decay = Event(Reaches("train_accuracy", 1.0), {"optimizer.weight_decay": 0.1})
    """

    when: AbstractCondition = host()
    set: Mapping[str, float] = host()
