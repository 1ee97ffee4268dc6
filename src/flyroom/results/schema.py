"""What a store holds: the published names, axes and units of its arrays."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..losses import AbstractLoss
from ..training import OF_LOSS, Snapshot, Status

LAYOUT = 1  # of stores and journals; one that is laid out in another way is not read
BLOCK = 1024  # runs per shard of a scalar curve: the unit that is written at once
CHUNK = 256  # runs and steps per chunk inside it: the unit that is read, or lost to damage
_MOST = 2**28  # bytes of a shard; one of a curve with large axes has fewer runs
_LARGE = 2**20  # bytes of a chunk, likewise


@dataclasses.dataclass(frozen=True)
class Curve:
    """A measure that is recorded for every run: its name, its own axes, and what it means."""

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    attrs: dict[str, Any]

    @property
    def cell(self) -> int:
        """Bytes of one run at one step."""
        return max(1, np.dtype(self.dtype).itemsize * math.prod(self.shape))

    @staticmethod
    def of(snapshot: Snapshot, loss: AbstractLoss, shape: tuple[int, ...], dtype: str) -> "Curve":
        """The curve that a snapshot draws while `loss` is trained on."""
        about = {
            "units": loss.units if snapshot.units == OF_LOSS else snapshot.units,
            "long_name": snapshot.name.replace("_", " "),
            "definition": snapshot.definition,
            "reference": snapshot.reference,
        }
        return Curve(snapshot.name, snapshot.dims, shape, dtype, about)


@dataclasses.dataclass(frozen=True)
class Tiles:
    """How a curve is cut into shards and chunks, by runs and steps; its own axes are whole.

    Somebody wants all steps of some runs, somebody else all runs at one step. With both sides of a
    chunk bounded neither reads much more than that; and chunks are few, for each costs a fraction
    of a millisecond whatever its size.
    """

    chunk: tuple[int, int]
    shard: tuple[int, int]

    @staticmethod
    def of(curve: Curve, runs: int, steps: int) -> "Tiles":
        """Those of a curve over so many runs and steps."""
        across = min(CHUNK, steps)
        down = min(CHUNK, runs, power_of_two(_LARGE // (across * curve.cell)))
        wide = across * -(-steps // across)
        high = min(BLOCK, max(down, power_of_two(_MOST // (wide * curve.cell))))
        return Tiles((down, across), (down * -(-min(high, runs) // down), wide))


def power_of_two(most: int) -> int:
    """The largest that is no more than `most`, and 1 where that is less."""
    return 1 << max(0, most.bit_length() - 1)


@dataclasses.dataclass(frozen=True)
class Schema:
    """The arrays of `/runs`, which every run shares whatever its program.

    Attributes:
        count: number of runs.
        steps: every age at which any of them is recorded, increasing.
        curves: what is recorded.
        axes: the values of each swept path for every run.
        program: for every run, the number of its weights group.
        events: number of events.
        attrs: attributes of the group.
    """

    count: int
    steps: np.ndarray
    curves: tuple[Curve, ...]
    axes: dict[str, np.ndarray]
    program: np.ndarray
    events: int
    attrs: dict[str, Any]


STATUS_ATTRS = {
    "flag_values": [int(s) for s in Status],
    "flag_meanings": " ".join(s.name.lower() for s in Status),
    "long_name": "what became of the run",
}


def end_dtype(conditions: int, events: int) -> np.dtype:
    """Rows of a journal's `ends`: how each run that is over ended."""
    return np.dtype(
        [
            ("run", "<i8"),
            ("step", "<i8"),
            ("status", "i1"),
            ("streaks", "<i4", (conditions,)),
            ("fired", "<i8", (events,)),
        ]
    )


def array_dtype(arrays: Mapping[str, Any]) -> np.dtype:
    """Rows of a journal's other tables: named arrays of one run at one step."""
    return np.dtype(
        [
            ("run", "<i8"),
            ("step", "<i8"),
            *((path, np.dtype(x.dtype).str, tuple(x.shape)) for path, x in arrays.items()),
        ]
    )
