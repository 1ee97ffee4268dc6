"""The Zarr store of a sweep, made from its journal."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from zarr.codecs import ZstdCodec

from ..training import Program, Status
from . import disk
from .journal import tables
from .labels import dims
from .schema import BLOCK, CHUNK, STATUS_ATTRS, Curve, Schema


def create(path: Path, schema: Schema) -> None:
    """Writes a store without results: coordinates, hyperparameters, and room for every curve."""
    part = path.with_name(path.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    _coordinates(schema).to_zarr(part, group="runs", zarr_format=3, consolidated=False, mode="w")
    group: Any = zarr.open_group(part, path="runs", mode="r+")
    runs = min(BLOCK, schema.count)
    for curve in schema.curves:
        group.create_array(
            curve.name,
            shape=(schema.count, len(schema.steps), *curve.shape),
            chunks=(min(CHUNK, runs), len(schema.steps), *curve.shape),
            shards=(runs + -runs % min(CHUNK, runs), len(schema.steps), *curve.shape),
            compressors=ZstdCodec(level=3, checksum=True),
            dtype=curve.dtype,
            fill_value=np.nan,
            dimension_names=("run", "step", *curve.dims),
            attributes=curve.attrs,
        )
    ends: dict[str, tuple[str, int, dict[str, Any]]] = {
        "status": ("int8", 0, STATUS_ATTRS),
        "last_step": ("int64", 0, {"units": "step", "long_name": "age that the run reached"}),
    }
    for i in range(schema.events):
        about = {"units": "step", "long_name": f"when event {i} happened; -1 if it did not"}
        ends[f"event_{i}_step"] = ("int64", -1, about)
    for name, (dtype, fill, attrs) in ends.items():
        group.create_array(
            name,
            shape=(schema.count,),
            chunks=(runs,),
            dtype=dtype,
            fill_value=fill,
            dimension_names=("run",),
            attributes=attrs,
        )
    if path.exists():
        shutil.rmtree(path)
    disk.rename(part, path)


def read_schema(path: Path) -> Schema:
    """The schema of a store, as far as its arrays tell it."""
    group: Any = zarr.open_group(path, path="runs", mode="r")
    curves = []
    for name, array in group.arrays():
        names = array.metadata.dimension_names or ()
        if names[:2] == ("run", "step"):
            about = dict(array.attrs)
            curves.append(Curve(name, tuple(names[2:]), array.shape[2:], array.dtype.str, about))
    attrs = dict(group.attrs)
    events = sum(1 for name in group.array_keys() if name.startswith("event_"))
    return Schema(
        count=group["run"].shape[0],
        steps=group["step"][:],
        curves=tuple(curves),
        axes={},
        program=group["program"][:],
        events=events,
        attrs=attrs,
    )


def _coordinates(schema: Schema) -> xr.Dataset:
    about = {"long_name": "optimizer steps since the start", "units": "step"}
    coords: dict[str, Any] = {
        "run": ("run", np.arange(schema.count), {"long_name": "number of the run in its sweep"}),
        "step": ("step", schema.steps, about),
        "program": ("run", schema.program, {"long_name": "which weights group holds the run"}),
    }
    for path, values in schema.axes.items():
        coords[path] = ("run", values)
    return xr.Dataset(coords=coords, attrs=schema.attrs)


def write_block(path: Path, schema: Schema, journal: Path, block: int) -> None:
    """Writes the curves and the ends of one block of runs, all of which are over."""
    low, high = block * BLOCK, min((block + 1) * BLOCK, schema.count)
    curves, ends = block_arrays(schema, journal, low, high)
    group: Any = zarr.open_group(path, path="runs", mode="r+")
    for name, values in (*curves.items(), *ends.items()):
        group[name][low:high] = values


def block_arrays(
    schema: Schema, journal: Path, low: int, high: int, live: bool = False
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """The curves and the ends of the runs from `low` up to `high`, read from the journal."""
    size = (high - low, len(schema.steps))
    curves = {c.name: np.full((*size, *c.shape), np.nan, c.dtype) for c in schema.curves}
    ends = {"status": np.zeros(size[0], np.int8), "last_step": np.zeros(size[0], np.int64)}
    for i in range(schema.events):
        ends[f"event_{i}_step"] = np.full(size[0], -1, np.int64)
    for _, rows in tables(journal, "records", live):
        mine = rows[(rows["run"] >= low) & (rows["run"] < high)]
        where = (mine["run"] - low, np.searchsorted(schema.steps, mine["step"]))
        for curve in schema.curves:
            name = curve.name
            values = mine[name]
            # A measure may be shorter in a program of smaller shape; the rest stays empty.
            curves[name][(*where, *(slice(0, n) for n in values.shape[1:]))] = values
        np.maximum.at(ends["last_step"], where[0], mine["step"])
        ends["status"][where[0]] = np.maximum(ends["status"][where[0]], Status.RUNNING)
    for _, rows in tables(journal, "ends", live):
        mine = rows[(rows["run"] >= low) & (rows["run"] < high)]
        at = mine["run"] - low
        ends["status"][at], ends["last_step"][at] = mine["status"], mine["step"]
        for i in range(schema.events):
            ends[f"event_{i}_step"][at] = mine["fired"][:, i]
    return curves, ends


def write_arrays(
    path: Path, journal: Path, kind: str, programs: Iterable[tuple[str, Program]]
) -> None:
    """Writes the groups `/weights-N` or `/state-N`: arrays whose shape depends on the program.

    Each has its own axis `member`, with the run and the step that a member was kept at.
    """
    for name, program in programs:
        parts = [rows for stem, rows in tables(journal, kind) if stem == name and len(rows)]
        if not parts:
            continue
        order = [
            (int(run), int(step), i, j)
            for i, rows in enumerate(parts)
            for j, (run, step) in enumerate(zip(rows["run"], rows["step"], strict=True))
        ]
        order.sort()
        group: Any = zarr.open_group(
            path, path=f"{kind}-{name.rpartition('-')[2]}", mode="w", zarr_format=3
        )
        for axis, column in (("run", 0), ("step", 1)):
            _put(group, axis, np.array([row[column] for row in order]), ("member",))
        fields = [f for f in parts[0].dtype.names or () if f not in ("run", "step")]
        for field in fields:
            kept = parts[0].dtype[field]
            names = dims(program.template, field, len(kept.shape)) if kind == "weights" else None
            names = names or tuple(f"{field}_{i}" for i in range(len(kept.shape)))
            per = max(1, min(len(order), 2**20 // max(1, kept.itemsize)))
            array = group.create_array(
                field,
                shape=(len(order), *kept.shape),
                chunks=(per, *(max(1, n) for n in kept.shape)),
                dtype=kept.base,
                dimension_names=("member", *names),
            )
            for first in range(0, len(order), per):
                rows = order[first : first + per]
                array[first : first + len(rows)] = np.stack(
                    [parts[i][j][field] for *_, i, j in rows]
                )


def _put(group: Any, name: str, values: np.ndarray, names: tuple[str, ...]) -> None:
    array = group.create_array(
        name, shape=values.shape, chunks=values.shape, dtype=values.dtype, dimension_names=names
    )
    array[:] = values


def set_attrs(path: Path, **attrs: Any) -> None:
    """Adds attributes to `/runs`."""
    group: Any = zarr.open_group(path, path="runs", mode="r+")
    group.attrs.update(json.loads(json.dumps(attrs)))
