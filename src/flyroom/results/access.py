"""Reading a store: its runs as a dataset, and the networks that were kept."""

import json
import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import xarray as xr
import zarr

from .. import spec
from ..training import Experiment
from . import journal
from .later import in_journal, in_store
from .place import place
from .records import Records
from .schema import LAYOUT
from .store import StoreError, read_schema

LAZY = 2**26  # bytes: a larger store is not read through when it is opened
_T = TypeVar("_T")
_PATIENCE = 2.0  # seconds: how long one that is being replaced may be away


def open(store: str | Path) -> xr.Dataset:
    """The runs of a store, finished or not, as a dataset over `run` and `step`.

    Nothing that the store names is imported. Where a chunk of it is damaged, the runs in it are
    named in a warning and their values are missing; the others are served.

    Curves of a store above 64 MB are read when their values are asked for, and then only of the
    runs and steps that are asked for: choose by hyperparameters first, as in
    `runs.isel(run=runs["optimizer.weight_decay"] > 0.1)`.

    Args:
        store: the folder that `train` was given, or an address that `flyroom export` was.

    Raises:
        StoreError: there is no such store, or one of another layout.

    Example:
        >>> import flyroom as fr
        >>> runs = fr.open("runs/decay.zarr")  # doctest: +SKIP
    """
    path = place(store)
    return steadily(path, lambda: _opened(path))


def steadily(path: Path | str, read: Callable[[], _T]) -> _T:
    """What `read` finds in a store and its journal, both as they were at one moment.

    A training puts a new store in the place of the old one when it goes on, and takes the journal
    away when it is over. Whoever reads meanwhile reads again.

    Args:
        path: the store; one at an address is read once, because no training is into it.
        read: does so.
    """
    if not isinstance(path, Path):
        return read()
    last = time.monotonic() + _PATIENCE
    while True:
        before = _identity(path)
        try:
            found = read()
        except Exception:
            away = before[0] is None and before[1] is not None  # or not made yet
            if time.monotonic() > last or (before == _identity(path) and not away):
                raise
        else:
            if before == _identity(path):
                return found
        time.sleep(0.01)


def _identity(path: Path) -> tuple[int | None, int | None]:
    """Which folders are the store and its journal at the moment."""

    def number(folder: Path) -> int | None:
        try:
            return os.stat(folder).st_ino
        except OSError:
            return None

    return number(path), number(journal.journal_path(path))


def _opened(path: Path | str) -> xr.Dataset:
    if isinstance(path, Path) and not (path / "runs" / "zarr.json").exists():
        raise StoreError(f"{path}: there is no store there. `flyroom train --store` makes one.")
    try:
        runs = xr.open_dataset(path, group="runs", engine="zarr", consolidated=False)
    except Exception as error:
        raise StoreError(f"{path}: its description cannot be read ({error}).") from error
    check_layout(path, runs.attrs)
    notes = journal.journal_path(path) if isinstance(path, Path) else None
    if notes and notes.exists():
        records = Records(read_schema(path), notes, live=True)
        data = records.ends() | {c.name: in_journal(records, c) for c in records.schema.curves}
    else:
        group: Any = zarr.open_group(path, path="runs", mode="r")
        data = {name: in_store(str(path), group[name]) for name in map(str, runs.data_vars)}
    runs = runs.assign({k: (runs[k].dims, v, runs[k].attrs) for k, v in data.items()})
    if runs.nbytes <= LAZY:
        runs.load()
    runs.attrs["store"] = str(path)
    return runs


def check_layout(path: Path | str, written: Mapping[str, Any]) -> None:
    """Raises `StoreError` if a store or a journal was written by a flyroom of another layout."""
    if (layout := written.get("layout")) != LAYOUT:
        raise StoreError(
            f"{path}: got a store of layout {layout}; this flyroom reads layout {LAYOUT}. Read it "
            "with the flyroom that made it, or train it again."
        )


def experiment_of(
    runs: xr.Dataset, run: int | None = None, *, recording: bool = True
) -> Experiment:
    """The experiment of a store, or that of one of its runs. Imports the classes that it names.

    Args:
        runs: an opened store.
        run: the number of the run; if `None`, what all of them have in common.
        recording: whether it has to say what was recorded: functions of somebody's notebook or
            study, which need not be there where weights are only read.

    Raises:
        StoreError: there is no run of that number.
    """
    data = json.loads(runs.attrs["spec"])
    if not recording:
        data.pop("record", None)
    experiment = spec.from_dict(data)
    if run is None:
        return experiment
    tables = json.loads(runs.attrs["over"])
    shape = [len(next(iter(table.values()))) for table in tables]
    if not 0 <= run < (count := math.prod(shape)):
        raise StoreError(
            f"{runs.attrs.get('store', 'runs')}: got run {run}; allowed: 0 to {count - 1}."
        )
    point = {
        path: spec.from_dict(column[row])
        for table, row in zip(tables, np.unravel_index(run, shape), strict=True)
        for path, column in table.items()
        if column[row] != {}  # where a field is left as it is
    }
    return spec.replace(experiment, point)
