"""A complete store, turned back into a journal so that its runs can go on."""

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from .journal import Folder
from .schema import BLOCK, Schema, array_dtype, end_dtype
from .store import read_schema


def reopen(path: Path, notes: Path) -> None:
    """Writes into `notes` the tables that a store was made from."""
    schema = read_schema(path)
    root: Any = zarr.open_group(path, mode="r")
    with contextlib.closing(Folder(notes / "session-000-00")) as folder:
        for low in range(0, schema.count, BLOCK):
            _records(folder, schema, root["runs"], low, min(low + BLOCK, schema.count))
        for name, arrays in root.groups():
            kind, _, number = name.partition("-")
            if kind in ("weights", "state"):
                _members(folder, f"program-{number}.{kind}", arrays)
        _ends(folder, schema, root["runs"])
        folder.checkpoint({"slots": []}, {})


def _records(folder: Folder, schema: Schema, group: Any, low: int, high: int) -> None:
    empty = {c.name: np.empty(c.shape, c.dtype) for c in schema.curves}
    curves = {name: group[name][low:high] for name in empty}
    last = group["last_step"][low:high]
    for run in range(low, high):
        # A run was recorded at the steps of its own schedule, where its curves are numbers; one
        # that diverged has none at its last step.
        some = next(iter(curves.values()))[run - low].reshape(len(schema.steps), -1)
        at = np.isfinite(some).any(1) | (schema.steps == last[run - low])
        rows = np.zeros(int(at.sum()), array_dtype(empty))
        rows["run"], rows["step"] = run, schema.steps[at]
        for name in curves:
            rows[name] = curves[name][run - low][at]
        folder.table(f"program-{schema.program[run]}.records", rows.dtype).append(rows)


def _ends(folder: Folder, schema: Schema, group: Any) -> None:
    last, status = group["last_step"][:], group["status"][:]
    fired = [group[f"event_{i}_step"][:] for i in range(schema.events)]
    for run in range(schema.count):
        row = np.zeros(1, end_dtype(0, schema.events))
        row["run"], row["step"], row["status"] = run, last[run], status[run]
        for i, column in enumerate(fired):
            row["fired"][0, i] = column[run]
        folder.table(f"program-{schema.program[run]}.ends", row.dtype).append(row)


def _members(folder: Folder, name: str, group: Any) -> None:
    arrays = {k: group[k] for k in group.array_keys() if k not in ("run", "step")}
    shapes = {k: np.empty(a.shape[1:], a.dtype) for k, a in arrays.items()}
    table = folder.table(name, array_dtype(shapes))
    runs, steps = group["run"][:], group["step"][:]
    for member in range(len(runs)):
        row = np.zeros(1, table.dtype)
        row["run"], row["step"] = runs[member], steps[member]
        for key, array in arrays.items():
            row[key] = array[member]
        table.append(row)
