"""Reading a store: its runs as a dataset, and the networks that were kept."""

import json
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from .. import spec
from ..training import Experiment
from . import journal
from .store import block_arrays, read_schema

_LAZY = 256 * 2**20  # stores above this many bytes are not read through when they are opened


class StoreError(RuntimeError):
    """A store that is missing, damaged or another one than was meant."""


def open(store: str | Path) -> xr.Dataset:
    """The runs of a store, finished or not, as a dataset over `run` and `step`.

    Nothing that the store names is imported. Where a chunk of it is damaged, the runs in it are
    named in a warning and their values are missing; the others are served.

    Args:
        store: the folder that `train` was given.

    Raises:
        StoreError: there is no such store.

    Example:
        >>> import flyroom as fr
        >>> runs = fr.open("runs/decay.zarr")  # doctest: +SKIP
    """
    path = Path(store)
    notes = journal.journal_path(path)
    if not (path / "runs" / "zarr.json").exists():
        raise StoreError(f"{path}: there is no store there. `flyroom train --store` makes one.")
    try:
        runs = xr.open_dataset(path, group="runs", engine="zarr", consolidated=False)
    except Exception as error:
        raise StoreError(f"{path}: its description cannot be read ({error}).") from error
    if notes.exists():
        schema = read_schema(path)
        curves, ends = block_arrays(schema, notes, 0, schema.count, live=True)
        runs = runs.assign(
            {k: (runs[k].dims, v, runs[k].attrs) for k, v in (curves | ends).items()}
        )
    elif runs.nbytes <= _LAZY:
        runs = _whole(path, runs)
    runs.attrs["store"] = str(path)
    return runs


def _whole(path: Path, runs: xr.Dataset) -> xr.Dataset:
    """Reads everything; what cannot be read becomes missing, with a warning that names it."""
    group: Any = zarr.open_group(path, path="runs", mode="r")
    damaged: dict[str, list[str]] = {}
    for name, variable in runs.data_vars.items():
        try:
            variable.load()
        except Exception:
            rows = group[str(name)].chunks[0]
            values = np.full(variable.shape, np.nan, np.result_type(variable.dtype, np.float32))
            for low in range(0, variable.shape[0], rows):
                high = min(low + rows, variable.shape[0])
                try:
                    values[low:high] = group[str(name)][low:high]
                except Exception:
                    damaged.setdefault(f"runs {low} to {high - 1}", []).append(str(name))
            runs = runs.assign({name: (variable.dims, values, variable.attrs)})
    if damaged:
        text = "; ".join(f"{where}: {', '.join(names)}" for where, names in damaged.items())
        warnings.warn(
            f"{path}: damaged, and read as missing: {text}. The others are whole.", stacklevel=4
        )
    return runs


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
