"""What networks train on, seen from the verbs; here the workers of this machine."""

import abc
import dataclasses
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from ..results import journal
from ..spec import SpecError
from ..training import Device, MappingKind, devices, workers
from .worker import Job, Worker


@runtime_checkable
class Hand(Protocol):
    """Somebody who takes runs from the queues of a job and sees to it that they are trained."""

    @property
    def done(self) -> threading.Event: ...

    @property
    def error(self) -> BaseException | None: ...

    def start(self) -> None: ...


class AbstractCrew(abc.ABC):
    """Those who are there for one sweep.

    Attributes:
        size: how many they are.
        words: what they are, for a person.
        slots: how many networks each has side by side.
        mapping: how they are mapped.
    """

    size: int
    words: str
    slots: int
    mapping: MappingKind

    @abc.abstractmethod
    def hire(self, job: Job, notes: Path) -> Sequence[Hand]:
        """Everybody, each with a folder of the journal and ready to start."""

    @abc.abstractmethod
    def dismiss(self) -> None:
        """The sweep is over, or has stopped."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AbstractMachine(abc.ABC):
    """What networks train on. None of it changes what is computed.

    Args:
        checkpoint_every: seconds between checkpoints, which is what a crash can cost.
        keep_bytes: final weights are kept if all of them take no more than this.
        progress: whether to show how it goes, on standard error.
    """

    checkpoint_every: float = 60.0
    keep_bytes: float = 4e9
    progress: bool = True

    def __post_init__(self) -> None:
        least = {"checkpoint_every": 0, "keep_bytes": 0}
        for field in dataclasses.fields(self):
            value, bound = getattr(self, field.name), least.get(field.name, 1)
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if number and not value >= bound:
                raise SpecError(
                    f"{type(self).__name__}.{field.name}: got {value!r}; allowed: at least {bound}."
                )

    @abc.abstractmethod
    def reach(self) -> None:
        """Finds it, before anything is written; a `SpecError` says why it cannot."""

    @abc.abstractmethod
    def crew(self, runs: int) -> AbstractCrew:
        """Who is there to train; `runs` are waiting in the largest program."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Machine(AbstractMachine):
    """How this machine is used. None of it changes what is computed.

    Args:
        devices: how many workers, each on a GPU or a core of its own; if `None`, one for each.
        slots: networks that each has side by side; chosen for the kind of device if `None`.
        mapping: `"map"` trains the slots of a worker one after another, `"vmap"` all as one batch;
            by default the former on CPUs and the latter elsewhere.
        checkpoint_every: seconds between checkpoints, which is what a crash can cost.
        keep_bytes: final weights are kept if all of them take no more than this.
        progress: whether to show how it goes, on standard error.
    """

    devices: int | None = None
    slots: int | None = None
    mapping: MappingKind | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.devices is None:
            workers()  # what the environment gets wrong is said before anything is written
        if self.mapping not in (None, "map", "vmap"):
            raise SpecError(f"Machine.mapping: got {self.mapping!r}; allowed: 'map', 'vmap'.")

    def reach(self) -> None:
        pass  # this one is here

    def crew(self, runs: int) -> "Crew":
        team = devices(self.devices)
        mapping = self.mapping or mapping_of(team[0].platform)
        return Crew(team, mapping, self.slots or slots_of(mapping, runs, len(team)))


class Crew(AbstractCrew):
    """A worker for each place in a team, in a thread of its own."""

    def __init__(self, team: list[Device], mapping: MappingKind, slots: int) -> None:
        self.team, self.mapping, self.slots = team, mapping, slots
        self.size = len(team)
        self.words = f"{self.size} {team[0].device_kind} {plural('worker', self.size)}"

    def hire(self, job: Job, notes: Path) -> Sequence[Hand]:
        folders = journal.session(notes, self.size)
        return [
            Worker(job, folder, device, self.mapping, self.slots)
            for folder, device in zip(folders, self.team, strict=True)
        ]

    def dismiss(self) -> None:
        pass  # a thread ends by itself


def mapping_of(platform: str) -> MappingKind:
    """On CPUs, batches fall out of a core's cache."""
    return "map" if platform == "cpu" else "vmap"


def slots_of(mapping: MappingKind, runs: int, workers: int) -> int:
    """Side by side: enough to hide the host; on CPUs they only take turns."""
    return max(1, min(32 if mapping == "map" else 256, -(-runs // workers)))


def plural(noun: str, count: int) -> str:
    """`run` or `runs`."""
    return noun if count == 1 else f"{noun}s"
