"""What a training says of itself to those who look on: a small file beside the journal's tables."""

import contextlib
import dataclasses
import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path

from ..results.journal import PULSE, journal_path

MOST = 2**16  # bytes that are read of one: a store may be anybody's
_ODD = (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)
QUIET = 30.0  # seconds after which a training that says nothing is taken to have ended


def duration(seconds: float) -> str:
    """A time as a person would say it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def over(statuses: Mapping[str, int]) -> int:
    """How many of the runs nothing more will come of."""
    return sum(statuses.values()) - sum(statuses.get(name, 0) for name in ("queued", "running"))


def counted(statuses: Mapping[str, int]) -> str:
    """The same as a person would say it, and how many are in each status."""
    counts = ", ".join(f"{count:,} {name}" for name, count in statuses.items())
    return f"{over(statuses):,} of {sum(statuses.values()):,} runs are over ({counts})"


@dataclasses.dataclass(frozen=True)
class Pulse:
    """How a training stands.

    Attributes:
        at: when that was, in seconds since 1970.
        runs: how many there are.
        statuses: how many of them are in each status that any is in.
        steps: model-steps done in this session.
        left: model-steps that are still to be done.
        rate: model-steps per second; 0 while it is too early to say.
        workers: how many train.
        seconds: for how long they have.
    """

    at: float
    runs: int
    statuses: dict[str, int]
    steps: int
    left: int
    rate: float
    workers: int
    seconds: float

    @property
    def pace(self) -> str:
        """How fast it goes, how long it takes, and what it costs, for a person."""
        workers = f"{self.workers} worker{'s' * (self.workers != 1)}"
        if not self.rate:
            return f"starting on {workers}"
        spent, left = self.seconds * self.workers, self.left / self.rate
        return (
            f"{self.rate:,.0f} model-steps/s on {workers}, {duration(left)} left; "
            f"{duration(spent)} of workers' time so far, about "
            f"{duration(spent + left * self.workers)} in all"
        )

    def write(self, notes: Path) -> None:
        """Replaces the last one. Nobody's training is to end because nobody could be told of it."""
        part = notes / f"{PULSE}.part"
        with contextlib.suppress(OSError):
            part.write_text(json.dumps(dataclasses.asdict(self)))
            os.replace(part, notes / PULSE)

    @staticmethod
    def read(store: Path) -> "Pulse | None":
        """The last one of a store that is being trained into, if there is one."""
        try:
            with open(journal_path(store) / PULSE) as file:
                told = json.loads(file.read(MOST))
            statuses = {str(name)[:32]: int(count) for name, count in told["statuses"].items()}
            found = Pulse(
                at=float(told["at"]),
                runs=int(told["runs"]),
                statuses=statuses,
                steps=int(told["steps"]),
                left=int(told["left"]),
                rate=float(told["rate"]),
                workers=int(told["workers"]),
                seconds=float(told["seconds"]),
            )
            known = all(map(math.isfinite, (found.at, found.rate, found.seconds)))
            return found if known else None
        # A store may be anybody's: what it says may be anything, and as deep as it likes.
        except (OSError, *_ODD):
            return None

    @property
    def fresh(self) -> bool:
        """Whether whoever said it is still at it."""
        return time.time() - self.at <= QUIET
