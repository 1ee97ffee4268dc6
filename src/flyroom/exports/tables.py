"""Runs as rows and columns."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from .. import measures
from ..training import Status

BLOCK = 4096  # runs whose curves are in memory at once, in whole shards


def run_table(runs: xr.Dataset, threshold: float = 0.99) -> pd.DataFrame:
    """One row for each run: how it was made, what became of it, and where its curves ended.

    Columns are `run`, the hyperparameters that were swept, `status` in words, `last_step` and
    whatever else there is one of for each run; then, where accuracies were recorded,
    `memorization_step` and `generalization_step`, missing where a run did not get there by its
    last step; then every curve, by its name, at the last step of the run. Measures with axes of
    their own are left out. Curves are read a few thousand runs at a time.

    Args:
        runs: an opened store, or some of its runs.
        threshold: the accuracy that both times are of, noted in the table's `attrs`.

    Example:
        >>> import flyroom as fr
        >>> table = fr.run_table(fr.open("runs/decay.zarr"))  # doctest: +SKIP
        >>> table.groupby("optimizer.weight_decay").test_accuracy.mean()  # doctest: +SKIP
    """
    table = pd.concat(run_tables(runs, threshold), ignore_index=True)
    table.attrs["threshold"] = threshold
    return table


def curve_table(runs: xr.Dataset) -> pd.DataFrame:
    """One row for each run and step at which it was recorded: the long form of all curves.

    Columns are `run`, the hyperparameters that were swept, `step` and every curve. Measures with
    axes of their own are left out.

    Args:
        runs: an opened store, or some of its runs.

    Example:
        >>> import flyroom as fr
        >>> table = fr.exports.curve_table(fr.open("runs/decay.zarr"))  # doctest: +SKIP
    """
    return pd.concat(curve_tables(runs), ignore_index=True)


def run_tables(runs: xr.Dataset, threshold: float = 0.99) -> Iterator[pd.DataFrame]:
    """The parts of `run_table`, one after the other."""
    return _parts(runs, lambda part: _of_runs(part, threshold))


def curve_tables(runs: xr.Dataset) -> Iterator[pd.DataFrame]:
    """The parts of `curve_table`, one after the other."""
    return _parts(runs, _of_curves)


def write_csv(parts: Iterable[pd.DataFrame], path: Path) -> int:
    """Writes the parts of a table as text, one after the other; says how many rows there were.

    Args:
        parts: tables with the same columns, as `run_tables` and `curve_tables` give them.
        path: the file.
    """
    rows = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        for number, part in enumerate(parts):
            part.to_csv(file, header=number == 0, index=False)
            rows += len(part)
    return rows


def hyperparameters(runs: xr.Dataset) -> dict[str, np.ndarray]:
    """The values that the runs were swept over, by path, in the order of the sweep."""
    order = [path for table in json.loads(runs.attrs.get("over", "[]")) for path in table]
    flat = {str(name): c.values for name, c in runs.coords.items() if c.dims == ("run",)}
    others = sorted(flat.keys() - {"run", "program", *order})
    return {path: flat[path] for path in [*order, *others] if path in flat}


def scalar_curves(runs: xr.Dataset) -> list[str]:
    """The curves with one number for each run and step."""
    return sorted(str(n) for n, c in runs.data_vars.items() if set(c.dims) == {"run", "step"})


def recorded(part: xr.Dataset) -> np.ndarray:
    """Whether each run was recorded at each step; one that diverged has no numbers at its last."""
    last, begun = part.last_step.values, part.status.values != Status.QUEUED
    seen = (part.step.values == last[:, None]) & begun[:, None]
    for name in scalar_curves(part):
        seen = seen | np.isfinite(part[name].transpose("run", "step").values)
    return seen


def _parts(runs: xr.Dataset, table: Callable[[xr.Dataset], pd.DataFrame]) -> Iterator[pd.DataFrame]:
    curves = scalar_curves(runs)
    large = [n for n, v in runs.data_vars.items() if n not in curves and v.dims != ("run",)]
    chosen = runs.drop_vars(large)
    for low in range(0, max(1, runs.sizes["run"]), BLOCK):  # no runs: a table with a head
        yield table(chosen.isel(run=slice(low, low + BLOCK)).load())


def _of_runs(part: xr.Dataset, threshold: float) -> pd.DataFrame:
    flat = {str(name): v.values for name, v in part.data_vars.items() if v.dims == ("run",)}
    words = np.array([Status(code).name.lower() for code in flat.pop("status")], object)
    columns = {"run": part.run.values, **hyperparameters(part), "status": words}
    columns |= {name: flat[name] for name in ("last_step", *sorted(flat.keys() - {"last_step"}))}
    for time in (measures.memorization_step, measures.generalization_step):
        if {"train_accuracy", "test_accuracy"} <= set(part.data_vars):
            found = time(part, threshold)
            columns[str(found.name)] = found.values
    last = np.searchsorted(part.step.values, part.last_step.values, side="right") - 1
    for name in scalar_curves(part):
        values = part[name].transpose("run", "step").values
        columns[name] = np.where(last < 0, np.nan, values[np.arange(len(last)), last])
    return _frame(columns)


def _of_curves(part: xr.Dataset) -> pd.DataFrame:
    run, step = np.nonzero(recorded(part))
    columns = {"run": part.run.values[run]}
    columns |= {name: values[run] for name, values in hyperparameters(part).items()}
    columns["step"] = part.step.values[step]
    for name in scalar_curves(part):
        columns[name] = part[name].transpose("run", "step").values[run, step]
    return _frame(columns)


def _frame(columns: dict[str, np.ndarray]) -> pd.DataFrame:
    """A part of a table; text is text where there is none yet, too, so that parts fit together."""
    text = {name: pd.array(v, "str") for name, v in columns.items() if v.dtype == object}
    return pd.DataFrame(columns | text)
