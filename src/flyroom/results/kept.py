"""The networks that a store has kept."""

import functools
import warnings
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
import zarr

from ..models import AbstractNetwork
from ..training import program_of
from . import journal
from .access import experiment_of, open, steadily
from .labels import paths, rebuild
from .place import place
from .store import StoreError, read

BLOCK = 64  # rows that are read at once


class Kept(NamedTuple):
    """A network as it was kept of a run at a step."""

    run: int
    step: int
    network: AbstractNetwork


class _Table(NamedTuple):
    """Rows of weights, all of networks of one form."""

    runs: np.ndarray
    steps: np.ndarray
    row: Callable[[int], Any]


def network(runs: xr.Dataset | str | Path, run: int, step: int | None = None) -> AbstractNetwork:
    """One network as it was kept.

    Args:
        runs: an opened store, or the path of one.
        run: the number of the run.
        step: the age at which it was kept; the last if `None`.

    Raises:
        StoreError: no weights of this run were kept at that step; the message lists the steps.
    """
    data = runs if isinstance(runs, xr.Dataset) else open(runs)
    path = place(data.attrs["store"])
    template = _template(data, run)
    rows = {
        int(table.steps[m]): (table, int(m))
        for table in _tables(path)
        for m in np.flatnonzero(table.runs == run)
    }
    if not rows:
        raise StoreError(
            f"{path}: no weights of run {run} were kept. The final ones are by default."
        )
    step = max(rows) if step is None else step
    if step not in rows:
        steps = ", ".join(map(str, sorted(rows)))
        raise StoreError(f"{path}: run {run} was kept at steps {steps}, not at {step}.")
    table, member = rows[step]
    return _filled(template, table.row(member))


def networks(runs: xr.Dataset | str | Path, steps: Collection[int] | None = None) -> Iterator[Kept]:
    """The networks of all runs that were kept, in the order in which they lie in the store.

    Much faster than to ask for one after the other: networks of one form are read in blocks. Those
    of a damaged block are left out, and named in a warning.

    Args:
        runs: an opened store, or the path of one; of the runs that are left in it.
        steps: of which steps; the last of each run if `None`.

    Example:
        >>> import flyroom as fr
        >>> for run, step, network in networks("runs/decay.zarr"):  # doctest: +SKIP
        ...     print(run, step, fr.measures.key_frequencies(network))
    """
    data = runs if isinstance(runs, xr.Dataset) else open(runs)
    wanted, tables = set(data.run.values.tolist()), _tables(place(data.attrs["store"]))
    last: dict[int, int] = {}
    for table in tables:
        for run, step in zip(table.runs.tolist(), table.steps.tolist(), strict=True):
            last[run] = max(step, last.get(run, step))
    seen: set[tuple[int, int]] = set()  # a killed worker's rows are written again
    for table in tables:
        template = None
        for member, key in enumerate(zip(table.runs.tolist(), table.steps.tolist(), strict=True)):
            run, step = key
            asked = step == last[run] if steps is None else step in steps
            if run in wanted and asked and key not in seen:
                seen.add(key)
                try:
                    row = table.row(member)
                except StoreError as error:
                    warnings.warn(str(error), stacklevel=2)
                    continue
                template = _template(data, run) if template is None else template
                yield Kept(run, step, _filled(template, row))


def kept_steps(runs: xr.Dataset | str | Path) -> dict[int, list[int]]:
    """The steps at which weights were kept, increasing, of each run of which some were.

    Args:
        runs: an opened store, or the path of one; of the runs that are left in it.

    Example:
        >>> import flyroom as fr
        >>> kept_steps("runs/decay.zarr")[0]  # doctest: +SKIP
        [0, 50000]
    """
    data = runs if isinstance(runs, xr.Dataset) else open(runs)
    steps: dict[int, list[int]] = {run: [] for run in data.run.values.tolist()}
    for table in _tables(place(data.attrs["store"])):
        for run, step in zip(table.runs.tolist(), table.steps.tolist(), strict=True):
            if run in steps:
                steps[run].append(step)
    return {run: sorted(set(found)) for run, found in steps.items() if found}


def _template(data: xr.Dataset, run: int) -> AbstractNetwork:
    """A network of the form of a run's, without weights."""
    return program_of(experiment_of(data, run, recording=False))[0].template


def _filled(template: AbstractNetwork, row: Any) -> AbstractNetwork:
    """The network whose arrays a row of a table holds."""
    return rebuild(template, {name: np.asarray(row[name]) for name in paths(template)})


def _tables(path: Path | str) -> list[_Table]:
    """All weights, from the journal or from the store."""
    return steadily(path, lambda: list(_found(path)))


def _found(path: Path | str) -> Iterator[_Table]:
    notes = journal.journal_path(path) if isinstance(path, Path) else None
    if notes and notes.exists():
        for _, rows in journal.tables(notes, "weights", live=True):
            yield _Table(rows["run"], rows["step"], rows.__getitem__)
        return
    groups: Any = zarr.open_group(path, mode="r", zarr_format=3).groups()
    for name, group in groups:
        if name.startswith("weights-"):
            runs, steps = (read(group[axis]) for axis in ("run", "step"))
            yield _Table(runs, steps, _in_blocks(path, group, runs))


def _in_blocks(
    path: Path | str, group: Any, runs: np.ndarray
) -> Callable[[int], dict[str, np.ndarray]]:
    """Reads rows of a group; neighbours come from memory."""
    names = [name for name in group.array_keys() if name not in ("run", "step")]

    @functools.lru_cache(maxsize=1)
    def block(number: int) -> dict[str, np.ndarray]:
        rows = slice(number * BLOCK, (number + 1) * BLOCK)
        try:
            return {name: read(group[name], rows) for name in names}
        except StoreError as error:
            lost = f"runs {runs[rows].min()} to {runs[rows].max()}"
            raise StoreError(f"{path}: the weights of {lost} are damaged ({error}).") from error

    return lambda member: {k: v[member % BLOCK] for k, v in block(member // BLOCK).items()}
