"""Stores of one experiment that were trained apart, put together."""

import contextlib
import dataclasses
import json
import shutil
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .. import results, spec
from ..results import StoreError, copy_runs, disk, journal, store
from ..spec import SpecError
from ..training import Experiment
from .agreement import Part, conflicts
from .manifest import Manifest, differences
from .plan import Plan, plan
from .space import Space


def merge(
    stores: Iterable[str | Path], into: str | Path, experiment: Experiment | None = None
) -> xr.Dataset:
    """Puts stores together that hold parts of one sweep, trained apart: on several machines, say.

    They have to be of one experiment, with one budget, and may be swept over different fields. The
    runs are those of the first store, in their order, and then of each other store those that were
    in none before it. Runs that are in several have to agree in every curve, weight and end, to
    the last bit if the stores were made on equal machines by equal versions. If they were not,
    those that differ are told of in a warning, and the first one is kept. A run that is not over or
    has failed in one store is taken from one in which it did not.

    Nothing is at `into` before everything is.

    Args:
        stores: the stores, which are left as they are.
        into: where the new one goes.
        experiment: what they are of; needed only if a class of it lives in a notebook.

    Returns:
        The runs, as `fr.open` reads them.

    Raises:
        StoreError: a store is unfinished or of another experiment, or `into` exists, or runs do not
            agree; the message names the run, the array and both values.

    Example:
        >>> import flyroom as fr
        >>> runs = fr.merge(["a.zarr", "b.zarr"], into="all.zarr")  # doctest: +SKIP
    """
    paths, target = [Path(path) for path in stores], Path(into)
    if not paths:
        raise StoreError(f"{target}: got no stores to merge; allowed: at least one.")
    if target.exists() or journal.journal_path(target).exists():
        raise StoreError(f"{target} exists already. Choose another place.")
    manifests, spaces = zip(*(_read(path, experiment) for path in paths), strict=True)
    space, numbers = joined(spaces, paths)
    parts = [Part(path, runs) for path, runs in zip(paths, numbers, strict=True)]
    made_by = [manifest.provenance for manifest in manifests]
    taken = _taken(parts, space.count)
    _compare(parts, made_by, taken, space, target)
    budgets = tuple(sorted({steps for manifest in manifests for steps in manifest.budgets}))
    same = all(one == made_by[0] for one in made_by)
    written = dataclasses.replace(
        Manifest.of(space, made_by[0] if same else made_by[0] | {"merged": made_by}),
        spec=manifests[0].spec,
        budgets=budgets,
    )
    _write(target, plan(space.experiment, space.over), written, parts, taken)
    return results.open(target)


def _read(path: Path, experiment: Experiment | None) -> tuple[Manifest, Space]:
    """What a complete store is of."""
    if journal.journal_path(path).exists():
        raise StoreError(f"{path}: it is unfinished. Finish it first: flyroom resume {path}")
    manifest = Manifest.read(path)
    return manifest, manifest.space(path, experiment)


def joined(spaces: Sequence[Space], paths: Sequence[Path]) -> tuple[Space, list[np.ndarray]]:
    """The space of the runs of several, each once, and which of its runs those of each are.

    Raises:
        StoreError: they are not of one experiment; the message names what differs, and the store.
    """
    over = list(dict.fromkeys(path for space in spaces for path in space.axes))
    rows: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    place: dict[tuple[Any, ...], int] = {}
    numbers = []
    for space in spaces:
        columns = [_column(space, path) for path in over]
        keys = list(zip(*(_keys(column) for column in columns), strict=True))
        rows = dict(zip(keys, zip(*columns, strict=True), strict=True)) | rows
        numbers.append(np.array([place.setdefault(key, len(place)) for key in keys]))
    table = [rows[key] for key in place]
    _check_same(spaces, paths, over, table)
    first = spaces[0]
    if list(first.axes) == over and first.count == len(table):
        return first, numbers  # the others hold nothing that is not in it
    return Space(first.experiment, {tuple(over): table}), numbers


def _column(space: Space, path: str) -> list[Any]:
    """The value that every run of a space has at a path; `...` where it is the experiment's own.

    A field that is not swept over in one space may be in another, and is written out. One of a noun
    that is swept over itself belongs to that noun.
    """
    if path in space.axes:
        values = (*space.axes[path], ...)
        return [values[code] for code in space.index(path).tolist()]
    if any(path.startswith(f"{other}.") for other in space.axes):
        return [...] * space.count
    try:
        return [spec.get(space.experiment, path)] * space.count
    except SpecError:
        return [...] * space.count


def _keys(column: list[Any]) -> list[Any]:
    """What values are told apart by: a number is the same number in any type."""
    return [
        value
        if type(value) in (int, float)
        else "..."
        if value is ...
        else json.dumps(spec.to_dict(value), sort_keys=True)
        for value in column
    ]


def _check_same(
    spaces: Sequence[Space], paths: Sequence[Path], over: list[str], table: list[tuple[Any, ...]]
) -> None:
    """Raises `StoreError` if a run would be another one had it been asked for in another store."""
    kinds = {tuple(value is ... for value in row): row for row in reversed(table)}
    for row in kinds.values():
        point = {p: value for p, value in zip(over, row, strict=True) if value is not ...}
        whole = spec.to_dict(spec.replace(spaces[0].experiment, point))
        for space, path in zip(spaces[1:], paths[1:], strict=True):
            own = spec.to_dict(spec.replace(space.experiment, point))
            told = [f"{w} is {one} and {two}" for w, one, two in differences(whole, own)]
            if whole["steps"] != own["steps"]:
                told.append(
                    f"the budget is {whole['steps']} and {own['steps']} steps "
                    "(`flyroom resume STORE --steps N` makes it larger)"
                )
            if told:
                raise StoreError(
                    f"{paths[0]} and {path} are of different experiments: {'; '.join(told)}."
                )


def _taken(parts: list[Part], count: int) -> np.ndarray:
    """The store that each run is taken from: the first one in which it is over and did not fail."""
    taken, best = np.zeros(count, int), np.full(count, 3)
    for i, part in enumerate(parts):
        better = part.rank < best[part.numbers]
        taken[part.numbers[better]] = i
        best[part.numbers[better]] = part.rank[better]
    return taken


def _compare(
    parts: list[Part], made_by: list[dict[str, Any]], taken: np.ndarray, space: Space, target: Path
) -> None:
    """Refuses or tells of runs that are in several stores and are not the same there."""
    geometry = [{**one, "revision": ""} for one in made_by]
    for i, j in sorted({(int(k), j) for j, p in enumerate(parts) for k in taken[p.numbers]}):
        if i == j:
            continue
        one, other = parts[i], parts[j]
        runs = other.numbers[(other.rank == 0) & (taken[other.numbers] == i)]
        runs = np.intersect1d(runs, one.numbers[one.rank == 0])
        different: set[int] = set()
        first = ""
        for run, what, here, there in conflicts(one, other, runs):
            point = ", ".join(f"{p} = {spec.to_dict(v)}" for p, v in space.point(run).items())
            text = (
                f"run {run} ({point}): {what} is {here} in {one.path} and {there} in {other.path}"
            )
            if geometry[i] == geometry[j]:
                raise StoreError(
                    f"{target}: {text}. Both were made by equal versions on equal machines, so one "
                    "is damaged or was mapped in another way. Leave one of the stores out."
                )
            first = first or text
            different.add(run)
        if different:
            warnings.warn(
                f"{target}: {len(different)} of {len(runs)} runs that are in {one.path} and in "
                f"{other.path} differ, which were made by different versions or machines; those "
                f"of the former are kept. The first is {first}.",
                stacklevel=3,
            )


def _write(
    target: Path, todo: Plan, manifest: Manifest, parts: list[Part], taken: np.ndarray
) -> None:
    """Makes the store from a journal with the runs of all, beside its place, and puts it there."""
    work = target.with_name(target.name + ".part")
    shutil.rmtree(work, ignore_errors=True)  # of a merge that was killed
    work.mkdir(parents=True)
    try:
        path, schema = work / target.name, manifest.schema(todo)
        _gather(journal.journal_path(path), parts, taken, schema.program)
        store.create(path, schema)
        store.write_all(path, schema, [(group.name, group.program) for group in todo.groups])
        disk.rename(path, target)
    finally:
        shutil.rmtree(work)


def _gather(notes: Path, parts: list[Part], taken: np.ndarray, program: np.ndarray) -> None:
    """Writes a journal of the runs that are taken from each store."""
    for i, part in enumerate(parts):
        numbers = np.where(taken[part.numbers] == i, part.numbers, -1)
        with contextlib.closing(journal.Folder(notes / f"session-{i:03d}-00")) as folder:
            copy_runs(part.path, folder, numbers, program)
