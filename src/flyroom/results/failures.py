"""What went wrong in runs that failed, in a journal: texts in tables of equal rows."""

from pathlib import Path

import numpy as np

from .journal import AbstractFolder, tables

_PIECE = 256  # bytes of a text that a row holds
_ROW = np.dtype([("run", "<i8"), ("text", f"S{_PIECE}")])


def rows(run: int, text: str) -> np.ndarray:
    """What went wrong in one run as rows of the table `failures`, a piece in each."""
    data = text.encode(errors="backslashreplace")
    pieces = [data[first : first + _PIECE] for first in range(0, len(data), _PIECE)]
    return np.array([(run, piece) for piece in pieces], _ROW)


def append(folder: AbstractFolder, program: str, run: int, text: str) -> None:
    """Writes down what went wrong in one run, if anything did."""
    if text:
        folder.table(f"{program}.failures", _ROW).append(rows(run, text))


def read(journal: Path) -> dict[int, str]:
    """What went wrong in every run that has failed, in any session."""
    found: dict[int, list[bytes]] = {}
    for _, table in tables(journal, "failures"):
        for run, piece in zip(table["run"].tolist(), table["text"].tolist(), strict=True):
            found.setdefault(run, []).append(piece)
    return {run: b"".join(found[run]).decode() for run in sorted(found)}
