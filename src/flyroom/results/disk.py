"""The few ways in which this library changes a disk, so that each can be counted and cut short."""

import os
import shutil
from pathlib import Path
from typing import BinaryIO


def append(file: BinaryIO, data: bytes) -> None:
    """Adds bytes to an unbuffered file; a full disk may leave a part of them."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def sync(file: BinaryIO) -> None:
    """Returns once what was written is on the disk."""
    os.fsync(file.fileno())


def replace(path: Path, data: bytes) -> None:
    """Writes a whole file so that a reader sees the old one or the new one, never a part."""
    part = path.with_name(path.name + ".part")
    with open(part, "wb", buffering=0) as file:
        append(file, data)
        sync(file)
    rename(part, path)


def rename(source: Path, target: Path) -> None:
    """Renames, and returns once the folder says so on the disk."""
    os.replace(source, target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def discard(folder: Path) -> None:
    """Takes a folder away at once: a reader, or a crash, never meets it with half of its files."""
    clear(folder)
    rename(folder, _old(folder))
    clear(folder)


def put(part: Path, folder: Path) -> None:
    """Moves a folder to where another may be, which is gone for no longer than a rename takes."""
    clear(folder)
    if folder.exists():
        rename(folder, _old(folder))
    rename(part, folder)
    clear(folder)


def clear(folder: Path) -> None:
    """Deletes what a crash has left of a folder that was to go; its owner may be at it too."""
    shutil.rmtree(_old(folder), ignore_errors=True)


def _old(folder: Path) -> Path:
    return folder.with_name(folder.name + ".old")
