"""The machines of a Ray cluster: the same workers, each in a process somewhere else.

The coordinator is the only one who writes. A worker sends what it would have written as parcels,
one for each of its checkpoints, and the coordinator puts them into a folder of the journal that it
keeps for that worker. So a unit of work that is begun again elsewhere goes on from its last parcel,
nothing is ever written twice, and the journal of a cluster is that of a single machine. A unit is
named by the fingerprint of what it trains, in Ray's list of tasks and wherever it fails.
"""

import dataclasses
import logging
import os
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

try:
    import ray
    import ray.exceptions
except ImportError as error:
    raise ImportError(
        "A cluster needs a package that is not installed: `pip install 'flyroom[ray]'`."
    ) from error

from ..results import failures, journal
from ..results.schema import end_dtype
from ..spec import SpecError, fingerprint
from ..training import MappingKind, Status
from .checkpoint import packed, under_way
from .machine import AbstractCrew, AbstractMachine, Hand, slots_of
from .remote import About, Parcel, Remote
from .space import Space
from .worker import Job

ATTEMPTS = 3  # as it is, then once more elsewhere, then each run by itself


@dataclasses.dataclass(frozen=True, kw_only=True)
class RayCluster(AbstractMachine):
    """A Ray cluster: the one at `address`, or else the one that runs here, or else a new one here.

    Args:
        address: such as `ray://host:10001`.
        cpus: how many workers with a core each; as many as the cluster has cores if `None`.
        gpus: how many workers with a GPU each, likewise.
        slots: networks side by side in each worker, and runs in a unit of work.
        checkpoint_every: seconds between the parcels of a worker: what is lost with it.
        keep_bytes: final weights are kept if all of them take no more than this.
        progress: whether to show how it goes, on standard error.

    Example:
        >>> import flyroom as fr
        >>> machine = fr.sweeps.RayCluster()
        >>> runs = fr.train(fr.recipes.pair_mod67(), machine=machine)  # doctest: +SKIP
    """

    address: str | None = None
    cpus: int | None = None
    gpus: int | None = None
    slots: int | None = None
    checkpoint_every: float = 10.0

    def reach(self) -> None:
        if ray.is_initialized():
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            with warnings.catch_warnings():  # its servers are forked and at once replaced
                warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
                ray.init(self.address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise SpecError(
                f"RayCluster.address: got {self.address!r}, where no cluster answers ({error}). "
                "If it asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN here too."
            ) from error

    def crew(self, runs: int) -> "Cluster":
        there = ray.cluster_resources()
        cpus, gpus = (
            int(there.get(kind, 0)) if asked is None else asked
            for kind, asked in (("CPU", self.cpus), ("GPU", self.gpus))
        )
        if not cpus + gpus:
            raise SpecError("RayCluster: the cluster has no core and no GPU to work with.")
        return Cluster(cpus, gpus, self.slots, runs)


class Cluster(AbstractCrew):
    """A process on the cluster for each core and each GPU, which stays from round to round."""

    def __init__(self, cpus: int, gpus: int, slots: int | None, runs: int) -> None:
        self.size, self.gpus = cpus + gpus, gpus
        kinds = ((cpus, "CPU"), (gpus, "GPU"))
        self.words = " and ".join(f"{n} {kind}" for n, kind in kinds if n) + " workers of Ray"
        self.mapping: MappingKind = "vmap" if gpus else "map"
        self.slots = slots or slots_of(self.mapping, runs, self.size)
        self.processes: list[Any] = [None] * self.size  # hired when they are needed
        self.resting: set[int] = set()  # places at which there is nothing left to do
        self.lock = threading.Lock()
        self.about: Any = None

    def hire(self, job: Job, notes: Path) -> Sequence[Hand]:
        if self.about is None:  # sent once: programs that are sent again would be compiled again
            # Which runs a group has is left out, for that differs between rounds.
            groups = tuple(dataclasses.replace(g, runs=g.runs[:0]) for g in job.groups)
            about: About = (job.space, groups, job.begin, job.keep, job.checkpoint_every)
            self.about = ray.put(about)
        self.resting.clear()
        folders = journal.session(notes, self.size)
        return [Correspondent(job, folder, self, i) for i, folder in enumerate(folders)]

    def process(self, place: int, stop: threading.Event) -> Any:
        """The process at a place, hired if there is none; `None` if it is to stop before it begins.

        What one lacks, others lack as well: if none of a few can begin, that is an error.
        """
        for left in reversed(range(ATTEMPTS)):
            if self.processes[place] is not None or stop.is_set():
                break
            hired = self._hired(place)
            try:
                self.processes[place] = self._begun(place, hired, stop)
            except ray.exceptions.RayActorError as error:
                ray.kill(hired)
                if not left:
                    raise ConnectionError(f"no worker of Ray can begin: {error}") from error
        return self.processes[place]

    def _hired(self, place: int) -> Any:
        gpus = int(place < self.gpus)
        kind: Any = ray.remote(Remote).options(
            num_cpus=1 - gpus,
            num_gpus=gpus,
            max_concurrency=2,  # it is waited for, and can be told to stop
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": {"PJRT_NPROC": "1"}},  # XLA's threads; it has one core
        )
        return kind.remote(self.about)

    def _begun(self, place: int, hired: Any, stop: threading.Event) -> Any:
        """The process once it has begun, or that of a place at rest if there is no room for it."""
        answer = hired.process.remote()
        while True:
            try:
                ray.get(answer, timeout=1)
                return hired
            except ray.exceptions.GetTimeoutError:
                if (spare := self._spare(place)) is not None or stop.is_set():
                    ray.kill(hired)
                    return spare

    def _spare(self, place: int) -> Any:
        """The process of a place at rest, which has none then."""
        with self.lock:
            for other in self.resting:
                alike = (other < self.gpus) == (place < self.gpus)
                if alike and self.processes[other] is not None:
                    spare, self.processes[other] = self.processes[other], None
                    return spare
        return None

    def rest(self, place: int) -> None:
        """There is nothing left to do at a place, for now."""
        with self.lock:
            self.resting.add(place)

    def lose(self, place: int) -> None:
        """Ends the process at a place, if there is one; the next is another."""
        if self.processes[place] is not None:
            ray.kill(self.processes[place])
            self.processes[place] = None

    def dismiss(self) -> None:
        for place in range(self.size):
            self.lose(place)


class Correspondent(threading.Thread):
    """Sends units of work to one process of the cluster, and writes down what comes back."""

    def __init__(self, job: Job, folder: journal.Folder, crew: Cluster, place: int) -> None:
        super().__init__(name=f"flyroom-{folder.path.name}", daemon=True)
        self.job, self.folder, self.crew, self.place = job, folder, crew, place
        self.restored = dict(job.restored)
        self.left: set[int] = set()
        self.error: BaseException | None = None
        self.done = threading.Event()

    def run(self) -> None:
        """Works through the groups until nothing is left."""
        try:
            for group, waiting in enumerate(self.job.queues):
                while not self.job.stop.is_set() and (runs := waiting.take(self.crew.slots)):
                    self._unit(group, runs)
        except BaseException as error:  # handed to whoever waits for this thread
            self.error = error
            self.job.stop.set()
        finally:
            self.crew.rest(self.place)
            self.folder.close()
            self.done.set()

    def _unit(self, group: int, runs: list[int]) -> None:
        """Some runs, which are begun again elsewhere if what trains them is lost, or fails."""
        self.left, parts, told = set(runs), [runs], ""
        name = name_of(self.job.space, runs)
        for attempt in range(ATTEMPTS):
            for part in parts:
                told = self._attempt(group, part, name) or told
            if not self.left or self.job.stop.is_set():
                return
            # The last time each by itself, so that one bad run takes no other with it.
            parts = [[run] for run in runs] if attempt == ATTEMPTS - 2 else [runs]
        for run in sorted(self.left):
            self.left.discard(run)
            self._lost(group, run, name, told)

    def _attempt(self, group: int, runs: list[int], name: str) -> str:
        """Trains those of the runs that are left; says what went wrong, if anything did."""
        some = [run for run in runs if run in self.left]
        if not some:
            return ""
        remote, slots = self.crew.process(self.place, self.job.stop), self.crew.slots
        if remote is None:
            return ""
        restored = {run: self.restored[run] for run in some if run in self.restored}
        get: Any = ray.get
        try:
            told = False
            begin = remote.begin.options(name=f"flyroom unit {name}")
            get(begin.remote(group, some, restored, slots))
            # One by one, and no stream of them, which Ray's client from elsewhere does not know.
            while (parcel := get(remote.parcel.remote())) is not None:
                self._write(parcel)
                if self.job.stop.is_set() and not told:
                    told = bool(remote.halt.remote())
        except ray.exceptions.RayError as error:
            self.crew.lose(self.place)
            return f"{type(error).__name__}: {error}"
        return ""

    def _write(self, parcel: Parcel) -> None:
        """Makes a parcel count, and tells of it."""
        for name, rows in parcel.rows.items():
            self.folder.table(name, rows.dtype).append(rows)
        self.restored |= {r.progress.run: r for r in under_way(parcel.meta, parcel.arrays)}
        self.left -= {end[0] for end in parcel.ends}
        self._checkpoint()
        self.job.observer.advanced(parcel.steps)
        for name, rows in parcel.rows.items():
            if name.endswith(".records"):
                for row in rows[-self.crew.slots :]:
                    values = {field: row[field] for field in (rows.dtype.names or ())[2:]}
                    self.job.observer.recorded(int(row["run"]), int(row["step"]), values)
        for end in parcel.ends:
            self.restored.pop(end[0], None)
            self.job.observer.ended(*end)

    def _checkpoint(self) -> None:
        """Makes every row count, with the states of all of the unit that are not over.

        A parcel tells of those that were trained together: of one run where each is by itself.
        """
        there = (self.restored[run] for run in sorted(self.left) if run in self.restored)
        self.folder.checkpoint(*packed(there))

    def _lost(self, group: int, run: int, unit: str, told: str) -> None:
        """Writes down that a run failed, whatever it was that ended its unit each time."""
        there = self.restored.get(run)
        step = there.progress.age if there else 0
        row = np.zeros(1, end_dtype(*self.job.space.most))
        row["run"], row["step"], row["status"], row["fired"] = run, step, Status.FAILED, -1
        point = self.job.space.point(run)
        message = f"what trained it (unit {unit}) failed {ATTEMPTS} times, at {point}: {told}"
        name = self.job.groups[group].name
        self.folder.table(f"{name}.ends", row.dtype).append(row)
        failures.append(self.folder, name, run, message)
        self._checkpoint()
        self.job.observer.ended(run, Status.FAILED, step, message)


def name_of(space: Space, runs: Sequence[int]) -> str:
    """The name of a unit of work: the fingerprint of what it trains, in whichever store."""
    return fingerprint([space.experiment, [space.point(run) for run in runs]])
