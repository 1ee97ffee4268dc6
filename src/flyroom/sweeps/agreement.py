"""Whether the runs that two stores share are the same ones."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from ..results import Curve
from ..results.schema import Tiles
from ..results.store import read, read_schema
from ..training import Status

Conflict = tuple[int, str, Any, Any]  # the run, what differs, and what it is in each


class Part:
    """A store that is merged.

    Args:
        path: the store.
        numbers: which run of the merged store each of its runs is.
    """

    def __init__(self, path: Path, numbers: np.ndarray) -> None:
        self.path, self.numbers = path, numbers
        self.schema = read_schema(path)
        self.root: Any = zarr.open_group(path, mode="r")
        self.former = json.loads(self.root["runs"].attrs["budgets"])[:-1]
        status = read(self.root["runs"]["status"])
        self.rank = np.where(status == Status.FAILED, 1, np.where(status < Status.FINISHED, 2, 0))

    def own(self, runs: np.ndarray) -> np.ndarray:
        """Which of its own runs those of the merged store are."""
        order = np.argsort(self.numbers)
        return order[np.searchsorted(self.numbers[order], runs)]


def conflicts(one: Part, other: Part, runs: np.ndarray) -> Iterator[Conflict]:
    """What differs between two stores, for each run and array the first of it.

    Args:
        one: a store.
        other: another.
        runs: the runs that are over in both, by their numbers in the merged store.
    """
    for name, array in one.root["runs"].arrays():
        if array.metadata.dimension_names == ("run",) and (
            name in ("status", "last_step") or name.startswith("event_")
        ):
            pair = (read(part.root["runs"][name], part.own(runs)) for part in (one, other))
            for at, (here, there) in _different(*pair):
                yield int(runs[at[0]]), name, here, there
    for curve in one.schema.curves:
        many = Tiles.of(curve, one.schema.count, len(one.schema.steps)).shard[0]
        for low in range(0, len(runs), many):
            yield from _of_curve(one, other, curve, runs[low : low + many])
    for kind in ("weights", "state"):
        yield from _of_members(one, other, kind, runs)


def _of_curve(one: Part, other: Part, curve: Curve, runs: np.ndarray) -> Iterator[Conflict]:
    """Where a curve differs at steps at which both stores have it."""
    # One that was extended also has the ends of its former budgets, and one with larger programs
    # has longer axes: there is nothing that they could be compared with.
    steps, *at = np.intersect1d(one.schema.steps, other.schema.steps, return_indices=True)
    kept = ~np.isin(steps, [*one.former, *other.former])
    pair = [
        read(part.root["runs"][curve.name], part.own(runs), where[kept])
        for part, where in zip((one, other), at, strict=True)
    ]
    least = tuple(slice(0, n) for n in np.minimum(pair[0].shape, pair[1].shape))
    for index, (here, there) in _different(*(values[least] for values in pair)):
        where = f"{curve.name} at step {steps[kept][index[1]]}"
        yield int(runs[index[0]]), where, here, there


def _of_members(one: Part, other: Part, kind: str, runs: np.ndarray) -> Iterator[Conflict]:
    """Where weights differ that both have kept of a run at a step."""
    kept = [_kept(part, kind, runs) for part in (one, other)]
    places: dict[tuple[str, str], list[tuple[int, int, int, int]]] = {}
    for key in sorted(kept[0].keys() & kept[1].keys()):
        (here, row), (there, twin) = kept[0][key], kept[1][key]
        places.setdefault((here, there), []).append((*key, row, twin))
    for (here, there), found in places.items():
        run, step, *rows = np.array(found).T
        for name in sorted({*one.root[here].array_keys()} - {"run", "step"}):
            for low in range(0, len(run), 64):
                some = slice(low, low + 64)
                pair = (
                    read(part.root[group][name], row[some])
                    for part, group, row in ((one, here, rows[0]), (other, there, rows[1]))
                )
                for index, values in _different(*pair):
                    at = low + index[0]
                    what = f"{kind} `{name}`{list(map(int, index[1:]))} at step {step[at]}"
                    yield int(run[at]), what, *values


def _kept(part: Part, kind: str, runs: np.ndarray) -> dict[tuple[int, int], tuple[str, int]]:
    """The group and the row of what is kept of some runs, by run and step."""
    wanted = {*runs.tolist()}
    found = {}
    for name in part.root.group_keys():
        if name.startswith(f"{kind}-"):
            group = part.root[name]
            merged = part.numbers[read(group["run"])].tolist()
            for row, key in enumerate(zip(merged, read(group["step"]).tolist(), strict=True)):
                if key[0] in wanted:
                    found[key] = (name, row)
    return found


def _different(one: np.ndarray, other: np.ndarray) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """For each row the first place at which two arrays differ, and both values there."""
    if one.shape != other.shape:
        yield (0,), (f"of shape {one.shape[1:]}", f"of shape {other.shape[1:]}")
        return
    same = (one == other) | ((one != one) & (other != other))  # NaN is NaN
    for row in np.flatnonzero(~same.all(tuple(range(1, same.ndim)))):
        index = (int(row), *np.unravel_index(np.argmin(same[row]), same.shape[1:]))
        yield index, (one[index].item(), other[index].item())
