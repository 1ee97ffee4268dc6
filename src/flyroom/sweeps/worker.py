"""One device at work. Schedules, events, stop rules and the queue live here, on the host."""

import dataclasses
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ..models import AbstractNetwork
from ..results import failures
from ..results.journal import AbstractFolder
from ..results.schema import array_dtype, end_dtype
from ..training import Device, Ensemble, Experiment, MappingKind, State, Status, fixed
from .checkpoint import Progress, Restored, save
from .plan import Group
from .queue import Queue
from .slots import Run, Slots
from .space import Space

TICK = 1024  # slots are refilled at multiples of it, so that old and new ones fall due together
SEGMENT = 1.0  # seconds of compute between two signs of life


@runtime_checkable
class Observer(Protocol):
    """Who is told what happens."""

    def advanced(self, steps: int) -> None: ...
    def recorded(self, run: int, step: int, values: Mapping[str, Any]) -> None: ...
    def ended(self, run: int, status: Status, step: int, message: str) -> None: ...


@dataclasses.dataclass
class Job:
    """What all workers of a sweep share.

    Attributes:
        space: all runs of the sweep.
        experiment_of: the experiment of every run.
        groups: the programs.
        queues: for each of them, the runs that are waiting.
        restored: the runs that were under way before.
        begin: the network that runs start from, if one was given.
        keep: whether weights are kept.
        checkpoint_every: in seconds.
        observer: who is told what happens.
        stop: set when everybody is to stop.
    """

    space: Space
    experiment_of: Callable[[int], Experiment]
    groups: tuple[Group, ...]
    queues: tuple[Queue, ...]
    restored: Mapping[int, Restored]
    begin: AbstractNetwork | None
    keep: bool
    checkpoint_every: float
    observer: Observer
    stop: threading.Event


class Worker(threading.Thread):
    """Takes runs from the queues and trains them on one device until there are none."""

    def __init__(
        self, job: Job, folder: AbstractFolder, device: Device, mapping: MappingKind, size: int
    ) -> None:
        super().__init__(name=f"flyroom-{device}", daemon=True)
        self.job, self.folder, self.device, self.size = job, folder, device, size
        self.mapping: MappingKind = mapping
        self.error: BaseException | None = None
        self.done = threading.Event()  # an interrupted `join` may say so of a thread that runs
        self.slots: Slots | None = None
        self.taken: list[int] = []  # from the queue, and not yet in a slot
        self.saved = time.monotonic()

    def run(self) -> None:
        """Works through the groups, then checkpoints and lets go of its files."""
        try:
            for group, queue in zip(self.job.groups, self.job.queues, strict=True):
                if not self.job.stop.is_set():
                    self.slots = None  # another program's networks have other shapes
                    self._group(group, queue)
            self._checkpoint()
        except BaseException as error:  # handed to whoever waits for this thread
            self.error = error
            self.job.stop.set()
        finally:
            self.folder.close()
            self.done.set()

    def _group(self, group: Group, queue: Queue) -> None:
        try:
            self._train(group, queue, Ensemble(group.program, self.mapping, self.device))
        except OSError:
            raise  # the disk, not the experiment
        except Exception as error:
            text = _told(error)
            lost = [run.progress for run in self.slots.runs.values()] if self.slots else []
            placed = {progress.run for progress in lost}
            while some := queue.take(self.size):
                self.taken += some
            lost += [self._begin(number) for number in self.taken if number not in placed]
            for progress in lost:
                self._ended(group, progress, Status.FAILED, text)
            self.slots, self.taken = None, []

    def _train(self, group: Group, queue: Queue, ensemble: Ensemble) -> None:
        tick, pace = 0, 0.0
        while not self.job.stop.is_set():
            if self.slots is None or not self.slots.runs:
                tick = 0
            if tick % TICK == 0:
                self._refill(group, queue, ensemble)
            if (slots := self.slots) is None or not slots.runs:
                return
            n = min(run.wait for run in slots.runs.values())
            if len(queue) and len(slots.runs) < self.size:
                n = min(n, TICK - tick % TICK)
            n = min(n, max(1, int(pace * SEGMENT)))
            began = time.monotonic()
            seen = slots.advance(n)
            # The first call compiles and says little of the pace; later ones correct it.
            now = n / (time.monotonic() - began)
            pace = now if pace == 0 else (pace + now) / 2
            tick += n
            self.job.observer.advanced(n * len(slots.runs))
            self._record(group, slots, *seen)
            if time.monotonic() - self.saved >= self.job.checkpoint_every:
                self._checkpoint()

    def _refill(self, group: Group, queue: Queue, ensemble: Ensemble) -> None:
        self.taken = queue.take(self.size - (len(self.slots.runs) if self.slots else 0))
        arrivals = []
        for number in self.taken:
            try:
                arrivals.append(self._arrival(number, group, ensemble))
            except Exception as error:  # its own, whatever it is: nothing is written in there
                self._ended(group, self._begin(number), Status.FAILED, _told(error))
        if not arrivals:
            self.taken = []
            return
        if self.slots is None:
            run, state = arrivals[0]
            self.slots = Slots(ensemble, self.size, state, run.given)
        self.slots.place(arrivals)
        self.taken = []
        self._record(group, self.slots, *self.slots.advance(0))

    def _arrival(self, number: int, group: Group, ensemble: Ensemble) -> tuple[Run, State]:
        """A run that comes into a slot: fresh, or as it was when it was last saved."""
        experiment, progress = self.job.experiment_of(number), self._begin(number)
        given = fixed(experiment.after(progress.fired), group.sizes)
        state = ensemble.start(given, self.job.begin)
        if (restored := self.job.restored.get(number)) is not None:
            state = restored.state(state)
        return Run(experiment, progress, given), state

    def _begin(self, number: int) -> Progress:
        """Where a run stands before this worker has touched it."""
        if (restored := self.job.restored.get(number)) is not None:
            return dataclasses.replace(restored.progress)
        conditions, events = self.job.space.most
        return Progress(number, 0, [0] * conditions, [-1] * events)

    def _record(
        self,
        group: Group,
        slots: Slots,
        due: list[int],
        seen: Mapping[str, np.ndarray],
        finite: np.ndarray,
    ) -> None:
        """Writes down what was seen of runs that are due, and does what their conditions ask."""
        if not due:
            return
        whose = [slots.runs[slot].progress for slot in due]
        self._append(group, "records", whose, {name: stack[due] for name, stack in seen.items()})
        for slot in due:
            run, values = slots.runs[slot], {name: stack[slot] for name, stack in seen.items()}
            progress = run.progress
            self.job.observer.recorded(progress.run, progress.age, values)
            try:
                stopped = _react(slots, slot, values, group.sizes)
            except Exception as error:  # of its conditions or its task; nothing is written in there
                self._ended(group, progress, Status.FAILED, _told(error))
                del slots.runs[slot]
                continue
            status = Status.FINISHED if progress.age >= run.experiment.steps else Status.RUNNING
            status = Status.STOPPED if stopped else status
            status = status if finite[slot] else Status.DIVERGED
            if self.job.keep and (status.over or progress.age in run.kept):
                self._append(group, "weights", [progress], slots.network([slot]))
            if self.job.keep and status.over:
                self._append(group, "state", [progress], slots.final(slot))
            if status.over:
                self._ended(group, progress, status, "")
                del slots.runs[slot]

    def _append(
        self, group: Group, kind: str, whose: list[Progress], stacks: Mapping[str, np.ndarray]
    ) -> None:
        """Writes named arrays of some runs at their present ages."""
        rows = np.zeros(len(whose), array_dtype({name: stack[0] for name, stack in stacks.items()}))
        rows["run"], rows["step"] = [p.run for p in whose], [p.age for p in whose]
        for name, stack in stacks.items():
            rows[name] = stack
        self.folder.table(f"{group.name}.{kind}", rows.dtype).append(rows)

    def _ended(self, group: Group, progress: Progress, status: Status, message: str) -> None:
        """Writes down how a run ended."""
        row = np.zeros(1, end_dtype(len(progress.streaks), len(progress.fired)))
        row["run"], row["step"], row["status"] = progress.run, progress.age, status
        row["streaks"], row["fired"] = progress.streaks, progress.fired
        self.folder.table(f"{group.name}.ends", row.dtype).append(row)
        failures.append(self.folder, group.name, progress.run, message)
        self.job.observer.ended(progress.run, status, progress.age, message)

    def _checkpoint(self) -> None:
        runs, state = (self.slots.runs, self.slots.state) if self.slots else ({}, None)
        save(self.folder, {i: run.progress for i, run in runs.items()}, state)
        self.saved = time.monotonic()


def _told(error: Exception) -> str:
    """A line that says what went wrong, then the traceback without notes (JAX's are about JAX)."""
    found = traceback.TracebackException.from_exception(error)
    found.__notes__ = None
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}\n\n{''.join(found.format())}"


def _react(slots: Slots, slot: int, values: Mapping[str, Any], sizes: tuple[int, int]) -> bool:
    """Lets events happen; says whether a stop rule is met."""
    run = slots.runs[slot]
    experiment, progress, met = run.experiment, run.progress, []
    for i, condition in enumerate(run.conditions):
        holds = condition.holds(progress.age, values)
        progress.streaks[i] = progress.streaks[i] + 1 if holds else 0
        met.append(progress.streaks[i] >= condition.streak)
    stops, before = len(experiment.stop), list(progress.fired)
    for i, now in enumerate(met[stops:]):
        if now and progress.fired[i] < 0:
            progress.fired[i] = progress.age
    if progress.fired != before:
        slots.change(slot, fixed(experiment.after(progress.fired), sizes))
    return any(met[:stops])
