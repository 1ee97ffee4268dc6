"""The Zarr store of a sweep, made from its journal."""

import contextlib
import itertools
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from zarr.codecs import ZstdCodec
from zarr.core.sync import sync

from ..training import Program
from . import disk, failures
from .journal import journal_path, tables
from .labels import dims
from .records import Records
from .schema import LAYOUT, STATUS_ATTRS, Curve, Schema, Tiles, power_of_two

_MOST = 2**28  # bytes of shards that are in memory at once
BATCH = 2**26  # bytes of weights, likewise
_CHUNK = 2**20  # bytes of a chunk of them
# Files of nothing but NaN are written too, so that one that is gone is noticed.
_WHOLE: Any = {"write_empty_chunks": True}


class StoreError(RuntimeError):
    """A store that is missing, damaged or another one than was meant."""


def create(path: Path, schema: Schema) -> None:
    """Writes a store without results: coordinates, hyperparameters, and room for every curve."""
    part = path.with_name(path.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    coordinates = _coordinates(schema)
    whole = {str(name): {"chunks": array.shape} for name, array in coordinates.variables.items()}
    coordinates.to_zarr(
        part, group="runs", zarr_format=3, consolidated=False, mode="w", encoding=whole
    )
    group: Any = zarr.open_group(part, path="runs", mode="r+")
    for curve in schema.curves:
        tiles = Tiles.of(curve, schema.count, len(schema.steps))
        group.create_array(
            curve.name,
            shape=(schema.count, len(schema.steps), *curve.shape),
            chunks=(*tiles.chunk, *curve.shape),
            shards=(*tiles.shard, *curve.shape),
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
            chunks=(schema.count,),
            dtype=dtype,
            fill_value=fill,
            dimension_names=("run",),
            attributes=attrs,
        )
    disk.put(part, path)


def read_schema(path: Path | str) -> Schema:
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


def read(array: Any, *key: Any) -> np.ndarray:
    """Some values of an array of a complete store.

    Args:
        array: the Zarr array.
        key: for each of its first axes a number, a slice or an array of numbers.

    Raises:
        StoreError: something of it is damaged, or gone, which Zarr would take for empty.
    """
    sizes = array.shards or array.chunks
    cuts: Any = itertools.zip_longest(array.shape, sizes, key, fillvalue=slice(None))
    for at in itertools.product(*(np.unique(np.arange(n)[k] // size) for n, size, k in cuts)):
        file = f"{array.path}/{array.metadata.encode_chunk_key(at)}"
        with contextlib.suppress(FileNotFoundError):
            if sync(array.store.getsize(file)):
                continue
        raise StoreError(f"{array.store}/{file}: it is gone, or empty.".removeprefix("file://"))
    plain = all(isinstance(k, (int, np.integer, slice)) for k in key)
    try:
        return np.asarray(array[key] if plain else array.oindex[key])
    except Exception as error:  # of any codec
        name = f"{array.store}/{array.path}".removeprefix("file://")
        raise StoreError(f"{name}: damaged ({error}).") from error


def _coordinates(schema: Schema) -> xr.Dataset:
    about = {"long_name": "optimizer steps since the start", "units": "step"}
    coords: dict[str, Any] = {
        "run": ("run", np.arange(schema.count), {"long_name": "number of the run in its sweep"}),
        "step": ("step", schema.steps, about),
        "program": ("run", schema.program, {"long_name": "which weights group holds the run"}),
    }
    for path, values in schema.axes.items():
        coords[path] = ("run", values)
    return xr.Dataset(coords=coords, attrs={**schema.attrs, "layout": LAYOUT})


def write_all(path: Path, schema: Schema, programs: Sequence[tuple[str, Program]]) -> None:
    """Writes everything that the journal of a store knows of its runs, all of which are over."""
    notes = journal_path(path)
    write_runs(path, schema, notes)
    for kind in ("weights", "state"):
        write_arrays(path, notes, kind, programs)
    if told := failures.read(notes):
        set_attrs(path, failures={str(run): text for run, text in told.items()})


def write_runs(path: Path, schema: Schema, journal: Path) -> None:
    """Writes the curves and the ends of all runs, each shard once; all runs are over."""
    records = Records(schema, journal)
    group: Any = zarr.open_group(path, path="runs", mode="r+")
    for name, values in records.ends().items():
        group[name].with_config(_WHOLE)[:] = values
    steps = np.arange(len(schema.steps))
    for size, names in _together(schema):
        for low in range(0, schema.count, size):
            runs = np.arange(low, min(low + size, schema.count))
            for name, values in records.read(names, runs, steps).items():
                group[name].with_config(_WHOLE)[low : low + size] = values


def _together(schema: Schema) -> Iterator[tuple[int, list[str]]]:
    """Curves whose shards span as many runs, as many of them as fit into memory side by side."""
    spans: dict[int, list[Curve]] = {}
    for curve in schema.curves:
        tiles = Tiles.of(curve, schema.count, len(schema.steps))
        spans.setdefault(tiles.shard[0], []).append(curve)
    for size, curves in spans.items():
        largest = size * len(schema.steps) * max(curve.cell for curve in curves)
        many = max(1, _MOST // largest)
        for first in range(0, len(curves), many):
            yield size, [curve.name for curve in curves[first : first + many]]


def write_arrays(
    path: Path, journal: Path, kind: str, programs: Iterable[tuple[str, Program]]
) -> None:
    """Writes the groups `/weights-N` or `/state-N`: arrays whose shape depends on the program.

    Each has its own axis `member`, with the run and the step that a member was kept at.
    """
    for name, program in programs:
        parts = [rows for stem, rows in tables(journal, kind) if stem == name and len(rows)]
        if parts:
            number = name.rpartition("-")[2]
            group: Any = zarr.open_group(path, path=f"{kind}-{number}", mode="w", zarr_format=3)
            _write_members(group, parts, program if kind == "weights" else None)


def _write_members(group: Any, parts: list[np.ndarray], program: Program | None) -> None:
    """Writes rows by run and step, a batch of them at a time; of those that are twice, the last."""
    runs, steps = (np.concatenate([rows[axis] for rows in parts]) for axis in ("run", "step"))
    order, starts = np.lexsort((steps, runs)), np.cumsum([0, *map(len, parts)])
    order = order[np.append(np.diff(runs[order]) | np.diff(steps[order]), 1) != 0]
    for axis, values in (("run", runs), ("step", steps)):
        array = group.create_array(
            axis,
            shape=order.shape,
            chunks=order.shape,
            dtype=values.dtype,
            dimension_names=("member",),
        )
        array.with_config(_WHOLE)[:] = values[order]
    dtype = parts[0].dtype
    batch = power_of_two(BATCH // dtype.itemsize)
    fields = [field for field in dtype.names or () if field not in ("run", "step")]
    for field in fields:
        kept = dtype[field]
        names = dims(program.template, field, len(kept.shape)) if program else None
        names = names or tuple(f"{field}_{i}" for i in range(len(kept.shape)))
        many = min(batch, power_of_two(_CHUNK // max(1, kept.itemsize)), len(order))
        group.create_array(
            field,
            shape=(len(order), *kept.shape),
            chunks=(many, *(max(1, n) for n in kept.shape)),
            dtype=kept.base,
            dimension_names=("member", *names),
        )
    for first in range(0, len(order), batch):  # whole chunks of every field
        at = order[first : first + batch]
        part = np.searchsorted(starts, at, side="right") - 1
        for field in fields:  # by name: their order is another after a store was reopened
            values = np.empty((len(at), *dtype[field].shape), dtype[field].base)
            for i in np.unique(part):
                values[part == i] = parts[i][field][at[part == i] - starts[i]]
            group[field].with_config(_WHOLE)[first : first + len(at)] = values


def set_attrs(path: Path, **attrs: Any) -> None:
    """Adds attributes to `/runs`."""
    group: Any = zarr.open_group(path, path="runs", mode="r+")
    group.attrs.update(json.loads(json.dumps(attrs)))
