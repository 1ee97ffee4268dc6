"""What is looked at before a store is read that somebody else may have written.

Nothing in a store is run and no pickle is read. What is left to a store that means ill is to point
out of itself, to name an older form of Zarr whose filters can be pickles, to name a module that is
imported for it, and to ask for more memory than there is.
"""

import json
import math
import os
import re
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from .. import spec
from ..results import StoreError, journal, journal_path
from ._packed import Packing, lengths

Files = dict[str, tuple[int, int]]  # size in bytes and time of change, by path

CURVES = 2**31  # bytes of `/runs`, all of which is read
PIECE = 2**30  # bytes of any array that are read at once
DESCRIPTION = 2**26  # bytes of one zarr.json
ROWS = 64  # networks that are read at once
LARGEST = {
    "p": 2**11, "layers": 2**8,
    **dict.fromkeys(("train_count", "test_count", "neurons", "heads"), 2**18),
    **dict.fromkeys(("width", "widths", "embed_width"), 2**18),
}  # fmt: skip
_BYTES = {
    "bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "float16": 2,
    "int32": 4, "uint32": 4, "float32": 4, "int64": 8, "uint64": 8, "float64": 8, "string": 16,
}  # fmt: skip
_INNER = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")  # a name in a name


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
    """Raises `StoreError` if what the files of a store describe or hold is too large to be read."""
    total, packings = 0, dict[Path, Packing]()
    for text, (size, _) in files.items():
        path = Path(text)
        if path.name == journal.CHECKPOINT:
            _check_checkpoint(path)
        if path.name != "zarr.json":
            continue
        _within(path, size, DESCRIPTION)
        described = _described(path)
        if described.get("consolidated_metadata") is not None:
            raise StoreError(
                f"{path}: it describes arrays that have descriptions of their own, which can "
                "differ; allowed: a zarr.json that describes one group or array, as flyroom writes."
            )
        if described.get("node_type") == "array":
            whole, one, packings[path.parent] = _check_array(path, described)
            if path.is_relative_to(store / "runs"):
                total += whole
                _within(path, total, CURVES)
            else:
                _within(path, one * ROWS, PIECE)
    for path in map(Path, files):
        if path.name != "zarr.json":
            for folder in packings.keys() & set(path.parents):
                packings[folder].check(path)


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


def _check_array(path: Path, described: dict[str, Any]) -> tuple[int, int, Packing]:
    """How many bytes an array has, and one row of it, and how they lie in pieces not too large."""
    kind = described.get("data_type")
    if kind not in _BYTES:
        raise StoreError(f"{path}: got values of kind {kind!r}; allowed: {', '.join(_BYTES)}.")
    try:
        shape = lengths(described["shape"])
        piece = lengths(described["chunk_grid"]["configuration"]["chunk_shape"])
        packing = Packing.of(described, _BYTES[kind])
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise StoreError(f"{path}: it is damaged ({error!r}).") from error
    _within(path, math.prod(piece) * _BYTES[kind], PIECE)
    return math.prod(shape) * _BYTES[kind], math.prod(shape[1:]) * _BYTES[kind], packing


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


def why_unread(attributes: Mapping[str, Any]) -> str:
    """Why networks are not made from what a store says of its experiments; empty if they can be.

    To make them, what the spec names is imported and tables are made of the numbers in it. What was
    recorded is not looked at, because it is not read with weights.
    """
    told = json.loads(attributes["spec"])
    parts = [{k: v for k, v in told.items() if k != "record"}, json.loads(attributes["over"])]
    for key, value in values_in("", parts):
        name = key.rpartition(".")[2]
        if isinstance(value, str) and not is_at_hand(value):
            return (
                f"Its networks are not shown: it names `{value}`, which this process has not "
                "imported, and nothing is imported because a store says so. In Python, import its "
                "module and then call fr.explore, or flyroom.explorer.server.serve."
            )
        if type(value) is int and value > (limit := LARGEST.get(name, value)):
            return (
                f"Its networks are not shown: got {name} = {value:,}; allowed in the explorer: "
                f"at most {limit:,}."
            )
    return ""


def values_in(key: str, data: Any) -> Iterator[tuple[str, Any]]:
    """Everything in nested data that is a value, each with the key that it stands under."""
    if isinstance(data, dict):
        for inner, value in data.items():
            yield from values_in(inner, value)
    elif isinstance(data, list):
        for value in data:
            yield from values_in(key, value)
    else:
        yield key, data


def is_at_hand(text: str) -> bool:
    """Whether a text of a spec, if it is a name, is one of flyroom or of a module that is imported.

    Modules of Python itself always are, for reasons that have nothing to do with an experiment; so
    these do not count, nor what other modules have imported of them.
    """
    module, colon, name = text.rpartition(":")
    if not colon:
        return not _INNER.fullmatch(text)
    first, _, inner = name.partition(".")
    homes = [sys.modules.get(f"flyroom.{module}")] if spec._is_room(module) else []
    if module.partition(".")[0] not in sys.stdlib_module_names:
        homes.append(sys.modules.get(module))
    found = next((one for home in homes if (one := getattr(home, first, None)) is not None), None)
    return isinstance(found, type) if inner else not isinstance(found, ModuleType | None)
