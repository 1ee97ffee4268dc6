"""What is looked at before a store is read that somebody else may have written.

Nothing in a store is run and no pickle is read. What is left to a store that means ill is to point
out of itself, to name an older form of Zarr whose filters can be pickles, and to ask for more
memory than there is.
"""

import json
import math
import os
import zipfile
from pathlib import Path
from typing import Any

from ..results import StoreError, journal, journal_path

Files = dict[str, tuple[int, int]]  # size in bytes and time of change, by path

CURVES = 2**31  # bytes of `/runs`, all of which is read
PIECE = 2**30  # bytes of any array that are read at once
DESCRIPTION = 2**26  # bytes of one zarr.json
ROWS = 64  # networks that are read at once
_BYTES = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "float16": 2,
    "int32": 4, "uint32": 4, "float32": 4, "int64": 8, "uint64": 8, "float64": 8, "string": 16,
}  # fmt: skip


def files_of(store: Path) -> Files:
    """The files of a store and of its journal, none of which is anything but a plain file.

    Raises:
        StoreError: there is a link, a device or a file of an older Zarr among them.
    """
    found: Files = {}
    for root in (store, journal_path(store)):
        if os.path.lexists(root):
            _collect(root, found)
    return found


def _collect(folder: Path, found: Files) -> None:
    if folder.is_symlink():
        raise _refused(folder, "a link")
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return  # it went while we looked: a training that ends takes its journal with it
    for entry in entries:
        if entry.is_symlink():
            raise _refused(Path(entry.path), "a link")
        if entry.is_dir(follow_symlinks=False):
            _collect(Path(entry.path), found)
        elif not entry.is_file(follow_symlinks=False):
            if os.path.lexists(entry.path):
                raise _refused(Path(entry.path), "no plain file")
        elif entry.name.startswith(journal.PULSE):
            continue  # it comes and goes, and says nothing of what the store holds
        elif entry.name.startswith(".z"):
            raise _refused(Path(entry.path), "of Zarr version 2")
        else:
            try:
                about = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            found[entry.path] = (about.st_size, about.st_mtime_ns)


def _refused(path: Path, what: str) -> StoreError:
    return StoreError(f"{path}: it is {what}; allowed in a store: plain files, as flyroom writes.")


def check_sizes(store: Path, files: Files) -> None:
    """Raises `StoreError` if what the files of a store describe is too large to be read."""
    total = 0
    for text, (size, _) in files.items():
        path = Path(text)
        if path.name == journal.CHECKPOINT:
            _check_checkpoint(path)
        if path.name != "zarr.json":
            continue
        _within(path, size, DESCRIPTION)
        described = _described(path)
        if described.get("node_type") == "array":
            whole, one = _check_array(path, described)
            if path.is_relative_to(store / "runs"):
                total += whole
                _within(path, total, CURVES)
            else:
                _within(path, one * ROWS, PIECE)


def _described(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{path}: it is damaged ({error}).") from error
    if not isinstance(found, dict) or found.get("zarr_format") != 3:
        raise StoreError(f"{path}: it does not describe a group or an array of Zarr version 3.")
    return found


def _check_array(path: Path, described: dict[str, Any]) -> tuple[int, int]:
    """How many bytes an array has, and one row of it; no piece in which it lies is too large."""
    kind = described.get("data_type")
    if kind not in _BYTES:
        raise StoreError(f"{path}: got values of kind {kind!r}; allowed: {', '.join(_BYTES)}.")
    try:
        shape = _lengths(described["shape"])
        pieces = [_lengths(described["chunk_grid"]["configuration"]["chunk_shape"])]
        inner = [c["configuration"] for c in described["codecs"] if c["name"] == "sharding_indexed"]
        pieces += [_lengths(one["chunk_shape"]) for one in inner]
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{path}: it is damaged ({error!r}).") from error
    for piece in pieces:
        _within(path, math.prod(piece) * _BYTES[kind], PIECE)
    return math.prod(shape) * _BYTES[kind], math.prod(shape[1:]) * _BYTES[kind]


def _lengths(value: Any) -> list[int]:
    if not all(type(n) is int and n >= 0 for n in value):
        raise ValueError(f"{value} are no lengths")
    return list(value)


def _check_checkpoint(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as file:
            size = sum(one.file_size for one in file.infolist())
    except FileNotFoundError:
        return
    except zipfile.BadZipFile as error:
        raise StoreError(f"{path}: damaged checkpoint ({error}).") from error
    _within(path, size, CURVES)


def _within(path: Path, size: int, limit: int) -> None:
    if size > limit:
        raise StoreError(f"{path}: it would take {size:,} bytes to read; allowed: {limit:,} bytes.")
