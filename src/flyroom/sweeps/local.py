"""The verbs `train` and `resume`: what happens once for a sweep, whoever trains it."""

import contextlib
import dataclasses
import functools
import getpass
import json
import os
import platform
import tempfile
import threading
import warnings
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import xarray as xr
from filelock import FileLock, Timeout
from rich.console import Console

from .. import results
from ..models import AbstractNetwork
from ..results import Schema, StoreError, disk, failures, journal, provenance, store
from ..spec import SpecError
from ..training import Experiment, cache_programs
from . import checkpoint
from .estimate import announced, kept_bytes, store_bytes
from .machine import AbstractMachine, Hand, Machine
from .manifest import Manifest
from .plan import Plan, plan
from .progress import Progress
from .queue import Queue
from .space import Over
from .survey import Survey
from .worker import Job


class Interrupted(RuntimeError):
    """Training ended before its budget; everything that was done is on disk."""


def train(
    experiment: Experiment,
    over: Over | None = None,
    *,
    store: str | Path | None = None,
    begin: AbstractNetwork | None = None,
    machine: AbstractMachine | None = None,
) -> xr.Dataset:
    """Trains every combination of `over`, in as few compiled programs as possible.

    Args:
        experiment: what is trained.
        over: values by dotted path, such as `{"model.init_scale": [0.5, 1.0], "seed": range(8)}`.
        store: folder for the results, `NAME.zarr`; a temporary one if `None`.
        begin: the network that every run starts from; a fresh one if `None`.
        machine: devices, checkpoints and the like.

    Returns:
        The runs, as `fr.open` reads them from the store.

    Raises:
        SpecError: one of the experiments cannot be run; nothing was compiled or written.
        StoreError: the store exists.
        Interrupted: it was stopped, or the disk is full; `resume` goes on.

    Example:
        >>> import flyroom as fr
        >>> task = fr.tasks.ModularArithmetic(p=5)
        >>> experiment = fr.Experiment(task, fr.models.MLP(widths=(8,)), steps=10)
        >>> runs = fr.train(experiment, over={"seed": range(2)})
        >>> dict(runs.test_loss.sizes)
        {'run': 2, 'step': 11}
    """
    path = (
        Path(tempfile.mkdtemp(prefix="flyroom-")) / "runs.zarr"
        if store is None
        else results.folder(store)
    )
    machine, todo = machine or Machine(), plan(experiment, over)
    for text in todo.never:
        warnings.warn(text, stacklevel=2)
    if path.exists() or journal.journal_path(path).exists():
        raise StoreError(
            f"{path} exists already. Go on with it (`flyroom resume {path}`, `fr.resume`), "
            "or choose another store."
        )
    machine.reach()
    path.parent.mkdir(parents=True, exist_ok=True)
    manifest = Manifest.of(todo.space, provenance())
    manifest.start(path, begin)
    with alone(path, manifest):
        return work(path, todo, machine)


def resume(
    store: str | Path,
    experiment: Experiment | None = None,
    *,
    steps: int | None = None,
    machine: AbstractMachine | None = None,
) -> xr.Dataset:
    """Goes on with a store: what is over stays, what was under way continues where it was.

    Args:
        store: the folder that `train` or `map` was given.
        experiment: what it is of; needed only if a class of it lives in a notebook.
        steps: a larger budget: runs that had finished go on too.
        machine: devices, checkpoints and the like.

    Raises:
        StoreError: there is no such store, or it is of another experiment.
        Interrupted: it was stopped again.
    """
    machine, path = machine or Machine(), results.folder(store)
    manifest = Manifest.read(path)
    space = manifest.space(path, experiment)
    if steps is None and not journal.journal_path(path).exists():
        disk.clear(journal.journal_path(path))
        return results.open(path)
    if steps is not None:
        if "steps" in space.axes:
            raise SpecError("steps: it is an axis of this sweep, so it has no one value to extend.")
        if steps < manifest.budgets[-1]:
            least = manifest.budgets[-1]
            raise SpecError(f"steps: got {steps}; allowed: at least the {least} of the store.")
        space = manifest.space(path, experiment, steps)
    todo = plan(space.experiment, space.over)
    survey = Survey.read(manifest.survey) if manifest.survey else None
    machine.reach()
    manifest.start(path)
    with alone(path, manifest):
        if steps is not None:
            manifest.extended(steps).write(path)
        return work(path, todo, machine, survey)


@contextlib.contextmanager
def alone(path: Path, manifest: Manifest) -> Iterator[None]:
    """Nobody else trains into a store, which has a journal, meanwhile.

    Args:
        path: the store.
        manifest: what its journal said when it was looked at.

    Raises:
        StoreError: another process does, or has done so since the journal was looked at.
        Interrupted: what is done was stopped, or the disk took no more.
    """
    notes = journal.journal_path(path)
    owner = notes / "owner"
    try:
        lock = FileLock(notes / "lock").acquire(timeout=0)
    except Timeout as error:
        whose = owner.read_text() if owner.exists() else "it has not said who it is"
        raise StoreError(f"{path}: another process is training into it ({whose}).") from error
    with lock:
        if not manifest.stands(path):
            if [file.name for file in notes.iterdir()] == ["lock"]:  # which made the folder
                disk.discard(notes)
            raise StoreError(f"{path}: another process has just trained into it. Ask again.")
        try:
            owner.write_text(
                f"process {os.getpid()} of {getpass.getuser()} on {platform.node()}, "
                f"since {datetime.now().isoformat(' ', 'seconds')}"
            )
            yield
        except KeyboardInterrupt as error:  # before the workers started, or after they ended
            raise Interrupted(f"{path}: stopped. Go on with: flyroom resume {path}") from error
        except OSError as error:
            raise Interrupted(f"{path}: {error}; {_kept(path)}") from error


def _kept(path: Path) -> str:
    return f"everything up to the last checkpoint is kept. Go on with: flyroom resume {path}"


def work(
    path: Path, todo: Plan, machine: AbstractMachine, survey: Survey | None = None
) -> xr.Dataset:
    """Trains what is left of a store that is ours: all runs, or those that a survey chooses.

    Raises:
        Interrupted: it was stopped.
    """
    failed = _run(path, todo, machine, survey)
    # While it is still ours: whoever comes now finds the whole store, or is refused.
    disk.discard(journal.journal_path(path))
    if failed:
        run, text = next(iter(failed.items()))
        said = text.partition("\n")[0]
        warnings.warn(
            f"{path}: {len(failed)} of {todo.space.count} runs failed, run {run} with: {said} "
            "(all tracebacks: the attribute `failures` of the runs).",
            stacklevel=3,
        )
    return results.open(path)


def _run(path: Path, todo: Plan, machine: AbstractMachine, survey: Survey | None) -> dict[int, str]:
    """Trains everything that is not over yet, and completes the store; says what failed."""
    notes, console = journal.journal_path(path), Console(stderr=True) if machine.progress else None
    experiment_of = functools.lru_cache(maxsize=1024)(todo.space.at)
    budget = functools.lru_cache(maxsize=1024)(todo.space.steps)
    (restored, over), told = checkpoint.load(notes, budget), failures.read(notes)
    manifest = Manifest.read(path)
    schema = manifest.schema(todo)
    store.create(path, schema)
    cache_programs()
    count = todo.space.count
    most = survey.budget if survey else count
    idle = [sum(run not in over for run in group.runs.tolist()) for group in todo.groups]
    # One crew for all rounds, for whose slots programs are compiled.
    crew = machine.crew(-(-max(idle) * survey.batch // count) if survey else max(idle))
    steps = round(todo.steps * most / count)
    keep = kept_bytes(todo) * most / count <= machine.keep_bytes
    progress = Progress(steps, most, budget, console, notes, crew.size)
    for run, status in over.items():
        progress.resumed(budget(run))
        progress.ended(run, status, budget(run), told.get(run, ""))
    for run in restored.values():
        progress.resumed(run.progress.age)
    if console and progress.left:
        left = [-(-n * (most - len(over)) // max(1, sum(idle))) for n in idle]
        text = announced(todo, crew, progress.left, left, store_bytes(todo, schema, keep))
        console.print(text, soft_wrap=True, highlight=False)
    try:
        for wanted in _rounds(path, count, survey, console):
            waiting = [
                [r for r in group.runs.tolist() if r in wanted and r not in progress.ends]
                for group in todo.groups
            ]
            job = Job(
                space=todo.space,
                experiment_of=experiment_of,
                groups=todo.groups,
                queues=tuple(Queue(_under_way_first(r, restored), crew.size) for r in waiting),
                restored=restored,
                begin=manifest.begin(path, todo),
                keep=keep,
                checkpoint_every=machine.checkpoint_every,
                observer=progress,
                stop=threading.Event(),
            )
            _watch(path, crew.hire(job, notes), job, progress)
    finally:
        crew.dismiss()
    _complete(path, todo, schema)
    return progress.failures


def _rounds(
    path: Path, count: int, survey: Survey | None, console: Console | None
) -> Iterator[Container[int]]:
    """The runs that are wanted, until all that are wanted are over: all of them, or some at a time.

    Those of a round are written down before it begins. So a round that was cut short is finished
    as it was chosen, and the next depends on nothing but what is over by then.
    """
    if survey is None:
        yield range(count)
        return
    if survey.chosen:
        yield {*survey.chosen}
    while True:
        runs = results.open(path)
        diagram = survey.diagram(runs)
        if console and survey.chosen:
            console.print(
                f"{len(survey.chosen)} of at most {survey.budget} runs: "
                f"{diagram.attrs['misnamed']:.1%} of {diagram.runs.size} cells may be misnamed",
                soft_wrap=True,
                highlight=False,
            )
        more = survey.more(runs, diagram)
        if not more:
            break
        survey = dataclasses.replace(survey, chosen=(*survey.chosen, *more))
        dataclasses.replace(Manifest.read(path), survey=survey.written()).write(path)
        yield {*survey.chosen}


def _under_way_first(runs: list[int], restored: Mapping[int, object]) -> Iterable[int]:
    return sorted(runs, key=lambda run: run not in restored)


def _watch(path: Path, workers: Sequence[Hand], job: Job, progress: Progress) -> None:
    """Shows progress until the workers are done, and turns what stops them into one message."""
    stopped: BaseException | None = None
    with progress:
        for worker in workers:
            worker.start()
        while not all(worker.done.is_set() for worker in workers):
            try:
                workers[0].done.wait(0.1)
                workers[-1].done.wait(0.1)
                progress.tick()
            except KeyboardInterrupt as error:
                stopped = error
                job.stop.set()
    stopped = next((w.error for w in workers if w.error is not None), stopped)
    if stopped is None and not job.stop.is_set():
        return
    done = f"{len(progress.ends)} of {progress.runs} runs are over"
    how = _kept(path)
    if isinstance(stopped, OSError):
        raise Interrupted(f"{path}: {stopped.strerror or stopped} ({done}); {how}") from stopped
    if isinstance(stopped, KeyboardInterrupt) or stopped is None:
        raise Interrupted(f"{path}: stopped ({done}); {how}") from stopped
    raise stopped


def _complete(path: Path, todo: Plan, schema: Schema) -> None:
    """Makes the store from the journal, once every run is over."""
    store.write_all(path, schema, [(group.name, group.program) for group in todo.groups])
    if (survey := Manifest.read(path).survey) is not None:  # as it has become
        store.set_attrs(path, survey=json.dumps(survey))
