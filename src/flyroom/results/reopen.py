"""A complete store, turned back into a journal so that its runs can go on, or go elsewhere."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from ..training import Status
from . import failures
from .journal import Folder
from .schema import Schema, Tiles, array_dtype, end_dtype, power_of_two
from .store import BATCH, read, read_schema


def reopen(path: Path, notes: Path) -> None:
    """Writes into `notes` the tables that a store was made from."""
    schema = read_schema(path)
    with contextlib.closing(Folder(notes / "session-000-00")) as folder:
        copy_runs(path, folder, np.arange(schema.count), schema.program)


def copy_runs(path: Path, folder: Folder, numbers: np.ndarray, program: np.ndarray) -> None:
    """Writes into an empty folder of a journal the tables that runs of a store were made from.

    Args:
        path: the store.
        folder: the folder.
        numbers: which run of the journal each run of the store is; -1 if it is none.
        program: the program of every run of the journal.

    Raises:
        StoreError: a part of the store is damaged.
    """

    def append(kind: str, rows: np.ndarray) -> None:
        rows = rows[numbers[rows["run"]] >= 0]
        rows["run"] = numbers[rows["run"]]
        for number in np.unique(program[rows["run"]]):
            table = folder.table(f"program-{number}.{kind}", rows.dtype)
            table.append(rows[program[rows["run"]] == number])

    schema = read_schema(path)
    root: Any = zarr.open_group(path, mode="r")
    size = schema.count, len(schema.steps)
    many = min(Tiles.of(curve, *size).shard[0] for curve in schema.curves)
    for low in range(0, schema.count, many):
        append("records", _records(schema, root["runs"], low, min(low + many, schema.count)))
    for name, arrays in root.groups():
        kind, _, _ = name.partition("-")
        if kind in ("weights", "state"):
            for rows in _members(arrays):
                append(kind, rows)
    append("ends", _ends(schema, root["runs"]))
    for run, text in root["runs"].attrs.get("failures", {}).items():
        append("failures", failures.rows(int(run), text))
    folder.checkpoint({"slots": []}, {})


def _records(schema: Schema, group: Any, low: int, high: int) -> np.ndarray:
    dtype = array_dtype({c.name: np.empty(c.shape, c.dtype) for c in schema.curves})
    curves = {c.name: read(group[c.name], slice(low, high)) for c in schema.curves}
    # A run was recorded at the steps of its own schedule, where some of its curves are numbers; one
    # that diverged has none at its last step.
    at = schema.steps == read(group["last_step"], slice(low, high))[:, None]
    for values in curves.values():
        at |= ~np.isnan(values.reshape(*at.shape, -1)).all(2)
    at &= group["status"][low:high][:, None] != Status.QUEUED
    run, step = np.nonzero(at)
    rows = np.zeros(len(run), dtype)
    rows["run"], rows["step"] = run + low, schema.steps[step]
    for name, values in curves.items():
        rows[name] = values[run, step]
    return rows


def _ends(schema: Schema, group: Any) -> np.ndarray:
    rows = np.zeros(schema.count, end_dtype(0, schema.events))
    rows["run"] = np.arange(schema.count)
    rows["step"], rows["status"] = read(group["last_step"]), read(group["status"])
    for i in range(schema.events):
        rows["fired"][:, i] = read(group[f"event_{i}_step"])
    return rows[rows["status"] != Status.QUEUED]


def _members(group: Any) -> Iterator[np.ndarray]:
    """The weights or states of a group, some of them at a time."""
    arrays = {k: group[k] for k in group.array_keys() if k not in ("run", "step")}
    dtype = array_dtype({k: np.empty(a.shape[1:], a.dtype) for k, a in arrays.items()})
    runs, steps, many = (
        read(group["run"]),
        read(group["step"]),
        power_of_two(BATCH // dtype.itemsize),
    )
    for low in range(0, len(runs), many):
        rows = np.zeros(len(runs[low : low + many]), dtype)
        rows["run"], rows["step"] = runs[low : low + many], steps[low : low + many]
        for key, array in arrays.items():
            rows[key] = read(array, slice(low, low + many))
        yield rows
