"""A complete store, turned back into a journal so that its runs can go on."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from ..training import Status
from .journal import Folder
from .schema import Schema, Tiles, array_dtype, end_dtype, power_of_two
from .store import BATCH, read_schema


def reopen(path: Path, notes: Path) -> None:
    """Writes into `notes` the tables that a store was made from."""
    schema = read_schema(path)
    root: Any = zarr.open_group(path, mode="r")
    with contextlib.closing(Folder(notes / "session-000-00")) as folder:
        size = schema.count, len(schema.steps)
        many = min(Tiles.of(curve, *size).shard[0] for curve in schema.curves)
        for low in range(0, schema.count, many):
            _records(folder, schema, root["runs"], low, min(low + many, schema.count))
        for name, arrays in root.groups():
            kind, _, number = name.partition("-")
            if kind in ("weights", "state"):
                _members(folder, f"program-{number}.{kind}", arrays)
        _ends(folder, schema, root["runs"])
        folder.checkpoint({"slots": []}, {})


def _records(folder: Folder, schema: Schema, group: Any, low: int, high: int) -> None:
    dtype = array_dtype({c.name: np.empty(c.shape, c.dtype) for c in schema.curves})
    curves = {c.name: group[c.name][low:high] for c in schema.curves}
    # A run was recorded at the steps of its own schedule, where its curves are numbers; one that
    # diverged has none at its last step.
    some = next(iter(curves.values())).reshape(high - low, len(schema.steps), -1)
    at = np.isfinite(some).any(2) | (schema.steps == group["last_step"][low:high][:, None])
    at &= group["status"][low:high][:, None] != Status.QUEUED
    run, step = np.nonzero(at)
    rows = np.zeros(len(run), dtype)
    rows["run"], rows["step"] = run + low, schema.steps[step]
    for name, values in curves.items():
        rows[name] = values[run, step]
    _append(folder, schema, "records", rows)


def _ends(folder: Folder, schema: Schema, group: Any) -> None:
    rows = np.zeros(schema.count, end_dtype(0, schema.events))
    rows["run"] = np.arange(schema.count)
    rows["step"], rows["status"] = group["last_step"][:], group["status"][:]
    for i in range(schema.events):
        rows["fired"][:, i] = group[f"event_{i}_step"][:]
    _append(folder, schema, "ends", rows[rows["status"] != Status.QUEUED])


def _append(folder: Folder, schema: Schema, kind: str, rows: np.ndarray) -> None:
    """Adds rows to the tables of the programs that their runs are of."""
    programs = schema.program[rows["run"]]
    for program in np.unique(programs):
        table = folder.table(f"program-{program}.{kind}", rows.dtype)
        table.append(rows[programs == program])


def _members(folder: Folder, name: str, group: Any) -> None:
    arrays = {k: group[k] for k in group.array_keys() if k not in ("run", "step")}
    dtype = array_dtype({k: np.empty(a.shape[1:], a.dtype) for k, a in arrays.items()})
    runs, steps, table = group["run"][:], group["step"][:], folder.table(name, dtype)
    many = power_of_two(BATCH // dtype.itemsize)
    for low in range(0, len(runs), many):
        rows = np.zeros(len(runs[low : low + many]), dtype)
        rows["run"], rows["step"] = runs[low : low + many], steps[low : low + many]
        for key, array in arrays.items():
            rows[key] = array[low : low + many]
        table.append(rows)
