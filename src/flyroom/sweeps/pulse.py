"""What a training says of itself to those who look on: a small file beside the journal's tables."""

import contextlib
import dataclasses
import json
import os
from pathlib import Path

from ..results.journal import PULSE, journal_path

MOST = 2**16  # bytes that are read of one: a store may be anybody's


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
        line: the same for a person.
    """

    at: float
    runs: int
    statuses: dict[str, int]
    steps: int
    left: int
    rate: float
    workers: int
    seconds: float
    line: str

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
                return Pulse(**json.loads(file.read(MOST)))
        except (OSError, ValueError, TypeError):
            return None
