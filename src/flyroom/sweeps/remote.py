"""A worker far from the journal: in a process of a cluster, where there may be no shared folder."""

import functools
import os
import queue
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..models import AbstractNetwork
from ..results import journal
from ..training import Ensemble, Status, cache_programs, devices
from .checkpoint import Restored
from .machine import mapping_of
from .plan import Group
from .queue import Queue
from .space import Space
from .worker import Job, Worker

About = tuple[Space, tuple[Group, ...], AbstractNetwork | None, bool, float]  # of a job


class Parcel(NamedTuple):
    """What a worker has done since its last checkpoint.

    Attributes:
        rows: new rows of its tables, by name.
        meta: what its checkpoint says, without the number of rows.
        arrays: the state of the runs in its slots.
        steps: model-steps.
        ends: runs that are over: their number, status, step, and what went wrong.
    """

    rows: dict[str, np.ndarray]
    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]
    steps: int
    ends: list[tuple[int, Status, int, str]]


class Parcels(journal.AbstractFolder):
    """What a worker writes into and tells, far from the journal."""

    def __init__(self) -> None:
        self.sent: queue.SimpleQueue[Parcel | None] = queue.SimpleQueue()
        self._begin()

    def _begin(self) -> None:
        self.tables: dict[str, Rows] = {}
        self.steps, self.ends = 0, []

    # The journal's folder, to the worker.

    def table(self, name: str, dtype: np.dtype) -> "Rows":
        return self.tables.setdefault(name, Rows([]))

    def checkpoint(self, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        rows = {name: np.concatenate(table.parts) for name, table in self.tables.items()}
        self.sent.put(Parcel(rows, dict(meta), dict(arrays), self.steps, self.ends))
        self._begin()

    def close(self) -> None:
        self.sent.put(None)

    # The observer.

    def advanced(self, steps: int) -> None:
        self.steps += steps

    def recorded(self, run: int, step: int, values: Mapping[str, Any]) -> None:
        pass  # the coordinator reads it off the rows

    def ended(self, run: int, status: Status, step: int, message: str) -> None:
        self.ends.append((run, status, step, message))


class Rows(NamedTuple):
    """A table that is on its way."""

    parts: list[np.ndarray]

    def append(self, rows: np.ndarray) -> None:
        self.parts.append(rows.copy())


class Unit(Worker):
    """A worker that does not say of runs that they failed if what trains them all did."""

    def _group(self, group: Group, queue: Queue) -> None:
        self._train(group, queue, Ensemble(group.program, self.mapping, self.device))


class Remote:
    """A worker's process. It stays, so that what it has compiled stays."""

    def __init__(self, about: About) -> None:
        cache_programs()
        space, self.groups, self.initial, self.keep, self.every = about
        self.experiment_of = functools.lru_cache(maxsize=1024)(space.at)
        self.space = space
        self.stop = threading.Event()

    def begin(self, group: int, runs: list[int], restored: dict[int, Restored], slots: int) -> None:
        """Begins to train some runs of one group."""
        device, self.parcels = devices(1)[0], Parcels()
        job = Job(
            space=self.space,
            experiment_of=self.experiment_of,
            groups=(self.groups[group],),
            queues=(Queue(runs, 1),),
            restored=restored,
            begin=self.initial,
            keep=self.keep,
            checkpoint_every=self.every,
            observer=self.parcels,
            stop=self.stop,
        )
        self.worker = Unit(job, self.parcels, device, mapping_of(device.platform), slots)
        self.worker.start()

    def parcel(self) -> Parcel | None:
        """The next parcel of what was begun, one for each checkpoint; `None` after the last."""
        parcel = self.parcels.sent.get()
        if parcel is None and self.worker.error is not None:
            raise self.worker.error
        return parcel

    def process(self) -> int:
        """The number of its process, once it has begun."""
        return os.getpid()

    def halt(self) -> None:
        """Ends what is under way at the next checkpoint, which is now."""
        self.stop.set()
