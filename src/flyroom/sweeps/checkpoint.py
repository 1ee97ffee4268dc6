"""What a worker must know to go on exactly where it was."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..results import journal
from ..results.labels import paths, rebuild
from ..training import State, Status


@dataclasses.dataclass
class Progress:
    """How far one run has come, seen from the host.

    Attributes:
        run: its number.
        age: in steps.
        streaks: for each condition, at how many records in a row it has held.
        fired: for each event, the step at which it happened, or -1.
    """

    run: int
    age: int
    streaks: list[int]
    fired: list[int]


@dataclasses.dataclass(frozen=True)
class Restored:
    """A run that was under way: how far it had come, and its arrays by path."""

    progress: Progress
    arrays: dict[str, np.ndarray]

    def state(self, template: State) -> State:
        """Its state, shaped like `template`."""
        return rebuild(template, self.arrays)


def save(
    folder: journal.AbstractFolder,
    slots: Mapping[int, Progress],
    state: State | None,
) -> None:
    """Writes a checkpoint of a worker: all rows so far, and every run in a slot.

    Args:
        folder: where.
        slots: the runs in them, by number of the slot.
        state: the states of all slots, one after another; `None` when there are none.
    """
    arrays: dict[str, np.ndarray] = {}
    if slots:
        for path, stack in paths(state).items():
            stack = np.asarray(stack)
            arrays |= {f"{slots[i].run}/{path}": stack[i] for i in slots}
    folder.checkpoint({"slots": [dataclasses.asdict(p) for p in slots.values()]}, arrays)


def load(path: Path, steps: Callable[[int], int]) -> tuple[dict[int, Restored], dict[int, Status]]:
    """The runs that a journal can go on with, and how those that are over ended.

    Args:
        path: the journal.
        steps: the budget of every run; one that had finished a smaller one goes on.

    Raises:
        JournalError: a file of the journal is damaged.
    """
    over: dict[int, Status] = {}
    for _, rows in journal.tables(path, "ends"):
        for run, step, status in zip(
            *(rows[k].tolist() for k in ("run", "step", "status")), strict=True
        ):
            over[run] = Status(status)
            if status == Status.FINISHED and step < steps(run):
                del over[run]
    going: dict[int, Restored] = {}
    for restored in (*_finished(path), *_last(path)):
        run = restored.progress.run
        if run not in over and (
            run not in going or going[run].progress.age < restored.progress.age
        ):
            going[run] = restored
    return going, over


def packed(runs: Iterable[Restored]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What a checkpoint says of runs that are under way, and their arrays."""
    arrays: dict[str, np.ndarray] = {}
    slots = []
    for run in runs:
        slots.append(dataclasses.asdict(run.progress))
        arrays |= {f"{run.progress.run}/{path}": array for path, array in run.arrays.items()}
    return {"slots": slots}, arrays


def under_way(meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Iterator[Restored]:
    """The runs that were in slots at a checkpoint."""
    for slot in meta["slots"]:
        prefix = f"{slot['run']}/"
        mine = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
        yield Restored(Progress(**slot), mine)


def _last(path: Path) -> Iterator[Restored]:
    """The runs that were in slots at each worker's last checkpoint."""
    for folder in journal.folders(path):
        if (checkpoint := journal.read_checkpoint(folder)) is not None:
            yield from under_way(*checkpoint)


def _finished(path: Path) -> Iterator[Restored]:
    """The final state of the runs that are over."""
    networks = {}
    for name, rows in journal.tables(path, "weights"):
        networks |= {(name, int(row["run"]), int(row["step"])): row for row in rows}
    for name, rows in journal.tables(path, "state"):
        fields = [f for f in rows.dtype.names or () if f not in ("run", "step")]
        for row in rows:
            run, age = int(row["run"]), int(row["step"])
            network = networks[name, run, age]
            arrays = {f"network.{f}": network[f] for f in network.dtype.names[2:]}
            arrays |= {f: row[f] for f in fields if f.startswith("optimizer.")}
            arrays["age"] = np.int32(age)
            progress = Progress(run, age, row["streaks"].tolist(), row["fired"].tolist())
            yield Restored(progress, arrays)
