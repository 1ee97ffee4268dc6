"""The journal of a store: everything that unfinished runs have produced, in append-only files.

While a journal exists it is the truth, and the store beside it is made from it. Each worker of each
session has a folder of its own with one file per table. Rows count once a checkpoint of that worker
says so; what a killed worker wrote after its last checkpoint is written again, bit for bit.
"""

import abc
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from . import disk

CHECKPOINT = "checkpoint.npz"
PULSE = "pulse.json"  # how the training stands, for those who look on


class JournalError(RuntimeError):
    """A journal that cannot be read as what it should be."""


def journal_path(store: Path) -> Path:
    """Where the journal of a store lies."""
    return store.with_name(store.name.removesuffix(".zarr") + ".journal")


class Table:
    """An append-only file of equal rows, headed by their NumPy dtype."""

    def __init__(self, path: Path, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.file = open(path, "xb", buffering=0)  # noqa: SIM115 - closed by its folder
        try:
            disk.append(self.file, _header(dtype))
        except BaseException:
            self.file.close()
            raise
        self.start = len(_header(dtype))

    def append(self, rows: np.ndarray) -> None:
        """Adds rows."""
        disk.append(self.file, np.ascontiguousarray(rows, self.dtype).tobytes())

    @property
    def rows(self) -> int:
        """How many there are."""
        return (self.file.tell() - self.start) // self.dtype.itemsize


def _header(dtype: np.dtype) -> bytes:
    buffer = io.BytesIO()
    description = np.lib.format.dtype_to_descr(dtype)
    head = {"descr": description, "fortran_order": False, "shape": (0,)}
    np.lib.format.write_array_header_2_0(buffer, head)
    return buffer.getvalue()


def read_table(path: Path, rows: int | None = None) -> np.ndarray:
    """The first `rows` rows of a table, as a map of the file; all whole ones if `None`.

    Raises:
        JournalError: the file is not a table, or shorter than its checkpoint says.
    """
    try:
        with open(path, "rb") as file:
            np.lib.format.read_magic(file)
            _, _, dtype = np.lib.format.read_array_header_2_0(file)
            start = file.tell()
        if dtype.hasobject or not dtype.itemsize:  # bytes of the file would be taken for pointers
            raise ValueError(f"got rows of {dtype}; allowed: numbers")
    except (ValueError, EOFError) as error:
        raise JournalError(f"{path}: not a table of records ({error}).") from error
    whole = (path.stat().st_size - start) // dtype.itemsize
    if rows is not None and rows > whole:
        raise JournalError(f"{path}: {rows} rows were checkpointed, {whole} are left.")
    count = whole if rows is None else rows
    if count == 0:
        return np.zeros(0, dtype)
    return np.memmap(path, dtype, mode="r", offset=start, shape=(count,))


class AbstractFolder(abc.ABC):
    """What a worker writes into."""

    @abc.abstractmethod
    def table(self, name: str, dtype: np.dtype) -> Any:
        """The table of that name, made if there is none."""

    @abc.abstractmethod
    def checkpoint(self, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Makes every row so far count, together with the given state."""

    @abc.abstractmethod
    def close(self) -> None:
        """Nothing more comes."""


class Folder(AbstractFolder):
    """Where one worker writes in one session."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True)
        self.path = path
        self.tables: dict[str, Table] = {}

    def table(self, name: str, dtype: np.dtype) -> Table:
        if name not in self.tables:
            self.tables[name] = Table(self.path / name, dtype)
        return self.tables[name]

    def checkpoint(self, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        for table in self.tables.values():
            disk.sync(table.file)
        rows = {name: table.rows for name, table in self.tables.items()}
        buffer = io.BytesIO()
        text = np.frombuffer(json.dumps({**meta, "rows": rows}).encode(), np.uint8)
        np.savez(buffer, allow_pickle=False, meta=text, **dict(arrays))
        disk.replace(self.path / CHECKPOINT, buffer.getvalue())

    def close(self) -> None:
        for table in self.tables.values():
            table.file.close()


def session(journal: Path, workers: int) -> list[Folder]:
    """A new folder for each worker of a new session."""
    number = len({folder.name.rpartition("-")[0] for folder in folders(journal)})
    return [Folder(journal / f"session-{number:03d}-{i:02d}") for i in range(workers)]


def folders(journal: Path) -> list[Path]:
    """The workers' folders, the oldest session first."""
    return sorted(p for p in journal.glob("session-*") if p.is_dir())


def read_checkpoint(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
    """What the last checkpoint of a worker says, or `None` if it never wrote one.

    Raises:
        JournalError: the checkpoint is damaged.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    try:
        with np.load(io.BytesIO(path.read_bytes())) as file:
            arrays = {name: file[name] for name in file.files}
        return json.loads(arrays.pop("meta").tobytes()), arrays
    except Exception as error:
        raise JournalError(f"{path}: damaged checkpoint ({error}).") from error


def tables(journal: Path, kind: str, live: bool = False) -> Iterator[tuple[str, np.ndarray]]:
    """`(program, rows)` of every worker's tables of one kind: records, weights, state or ends.

    Args:
        journal: the journal's folder.
        kind: the name after the dot.
        live: whether rows that no checkpoint covers yet are wanted too.
    """
    for folder in folders(journal):
        checkpoint = read_checkpoint(folder)
        counted = {} if checkpoint is None else checkpoint[0]["rows"]
        for path in sorted(folder.glob(f"*.{kind}")):
            rows = counted.get(path.name, 0)
            if rows and not live:
                yield path.stem, read_table(path, rows)
            elif live and _begun(path):
                yield path.stem, read_table(path)


def _begun(path: Path) -> bool:
    """Whether a table has its head: that of a worker that was killed may be cut short."""
    try:
        read_table(path)
    except JournalError:
        return False
    return True
