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
from ..models import AbstractNetwork
from ..training import Experiment, Program, program_of
from . import journal
from .labels import paths, rebuild
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


def experiment_of(runs: xr.Dataset, run: int | None = None) -> Experiment:
    """The experiment of a store, or that of one of its runs. Imports the classes that it names.

    Raises:
        StoreError: there is no run of that number.
    """
    experiment = spec.from_dict(json.loads(runs.attrs["spec"]))
    if run is None:
        return experiment
    over = json.loads(runs.attrs["over"])
    shape = [len(values) for values in over.values()]
    if not 0 <= run < (count := math.prod(shape)):
        raise StoreError(
            f"{runs.attrs.get('store', 'runs')}: got run {run}; allowed: 0 to {count - 1}."
        )
    where = np.unravel_index(run, shape)
    point = {
        path: spec.read(experiment, path, values[i])
        for (path, values), i in zip(over.items(), where, strict=True)
    }
    return spec.replace(experiment, point)


def network(runs: xr.Dataset | str | Path, run: int, step: int | None = None) -> AbstractNetwork:
    """One network as it was kept.

    Args:
        runs: an opened store, or the path of one.
        run: the number of the run.
        step: the age at which it was kept; the last if `None`.

    Raises:
        StoreError: no weights of this run were kept at that step; the message lists the steps.
    """
    runs = runs if isinstance(runs, xr.Dataset) else open(runs)
    path = Path(runs.attrs["store"])
    experiment = experiment_of(runs, run)
    program, _ = program_of(experiment)
    kept = _kept(path, run)
    if not kept:
        raise StoreError(
            f"{path}: no weights of run {run} were kept. The final ones are by default."
        )
    step = max(kept) if step is None else step
    if step not in kept:
        steps = ", ".join(map(str, sorted(kept)))
        raise StoreError(f"{path}: run {run} was kept at steps {steps}, not at {step}.")
    return as_network(program, kept[step])


def as_network(program: Program, row: Any) -> AbstractNetwork:
    """The network whose arrays a row of a weights table holds."""
    return rebuild(
        program.template, {name: np.asarray(row[name]) for name in paths(program.template)}
    )


def _kept(path: Path, run: int) -> dict[int, Any]:
    """The kept weights of a run, by step, from the journal or from the store."""
    notes = journal.journal_path(path)
    if notes.exists():
        rows = [
            r for _, t in journal.tables(notes, "weights", live=True) for r in t if r["run"] == run
        ]
        return {int(r["step"]): r for r in rows}
    groups: Any = zarr.open_group(path, mode="r").groups()
    for name, group in groups:
        if name.startswith("weights-"):
            members = np.flatnonzero(group["run"][:] == run)
            steps = group["step"][:]
            if len(members):
                fields = [k for k in group.array_keys() if k not in ("run", "step")]
                return {int(steps[m]): {k: group[k][int(m)] for k in fields} for m in members}
    return {}
