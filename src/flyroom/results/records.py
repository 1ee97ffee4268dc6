"""The records of a journal, found by run and step without holding the others."""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..training import Status
from .journal import JournalError, tables
from .schema import Schema

SEGMENT = 2**20  # bytes of rows that are looked through at once, which a core's cache holds


class _Segment(NamedTuple):
    """Neighbouring rows of one table, and the runs that have some of them, increasing."""

    rows: np.ndarray
    runs: np.ndarray


class Records:
    """What a journal knows of every run, as it is when this is made.

    A worker has few runs in its slots at a time, so the rows of a run lie close together. What is
    remembered is which runs each segment of a table has rows of; to read some runs is to look
    through their segments alone, and all runs, some after others, through each segment a few times
    however large the journal is. It may be larger than memory.

    Args:
        schema: of its store.
        journal: the journal's folder.
        live: whether rows that no checkpoint covers yet are wanted too.
    """

    def __init__(self, schema: Schema, journal: Path, live: bool = False) -> None:
        self.schema = schema
        self._segments: list[_Segment] = []
        self._last = np.full(schema.count, -1)
        for _, table in tables(journal, "records", live):
            if not self._fits(table, live):
                continue
            for rows in _segments(table):
                runs = rows["run"]
                seen = np.zeros(schema.count, bool)
                seen[runs] = True
                np.maximum.at(self._last, runs, rows["step"])
                self._segments.append(_Segment(rows, np.flatnonzero(seen)))
        ranges = [(found.runs[0], found.runs[-1]) for found in self._segments]
        self._first, self._final = np.array(ranges, int).reshape(-1, 2).T
        self._over = list(tables(journal, "ends", live))

    def _fits(self, table: np.ndarray, live: bool) -> bool:
        """Whether a table has every curve; only one that another version wrote has not."""
        lacking = {curve.name for curve in self.schema.curves} - {*(table.dtype.names or ())}
        if lacking and len(table):
            runs = f"runs {table['run'].min()} to {table['run'].max()}"
            told = (
                f"{getattr(table, 'filename', 'a table')}: what it has of {runs} lacks "
                f"{', '.join(sorted(lacking))}: another version wrote it."
            )
            if not live:
                raise JournalError(f"{told} Finish the store with that version.")
            warnings.warn(f"{told} They are left out.", stacklevel=4)
        return not lacking

    def ends(self) -> dict[str, np.ndarray]:
        """The status, the last step and the steps of the events of every run, by name."""
        count, events = self.schema.count, range(self.schema.events)
        begun = self._last >= 0
        status = np.where(begun, Status.RUNNING, Status.QUEUED).astype(np.int8)
        last = np.where(begun, self._last, 0)
        fired = np.full((len(events), count), -1)
        for _, rows in self._over:  # a run that was extended ended twice; the last time counts
            status[rows["run"]], last[rows["run"]] = rows["status"], rows["step"]
            fired[:, rows["run"]] = rows["fired"].T
        steps = {f"event_{i}_step": fired[i] for i in events}
        return {"status": status, "last_step": last, **steps}

    def read(
        self, names: Iterable[str], runs: np.ndarray, steps: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Some curves of some runs at some steps, by name; NaN where there is no record.

        Args:
            names: of the curves.
            runs: their numbers, increasing.
            steps: which of the steps of the schema, increasing.
        """
        known = {curve.name: curve for curve in self.schema.curves}
        size = (len(runs), len(steps))
        out = {n: np.full((*size, *known[n].shape), np.nan, known[n].dtype) for n in names}
        row, column = np.full(self.schema.count, -1), np.full(len(self.schema.steps), -1)
        row[runs], column[steps] = np.arange(len(runs)), np.arange(len(steps))
        near = (self._first <= runs.max(initial=-1)) & (self._final >= runs.min(initial=0))
        for segment in (self._segments[i] for i in np.flatnonzero(near)):
            if (row[segment.runs] < 0).all():
                continue
            down = row[segment.rows["run"]]
            at = np.flatnonzero(down >= 0)
            across = column[np.searchsorted(self.schema.steps, segment.rows["step"][at])]
            at, across = at[across >= 0], across[across >= 0]
            where = down[at] * len(steps) + across
            for name, array in out.items():
                values = segment.rows[name][at]
                flat = array.reshape(-1, *array.shape[2:])
                # A measure may be shorter in a program of smaller shape; the rest stays empty.
                flat[(where, *(slice(0, n) for n in values.shape[1:]))] = values
        return out


def _segments(table: np.ndarray) -> Iterable[np.ndarray]:
    """The rows of a table, a few megabytes at a time."""
    rows, table = max(1, SEGMENT // table.dtype.itemsize), np.asarray(table)
    return (table[first : first + rows] for first in range(0, len(table), rows))
