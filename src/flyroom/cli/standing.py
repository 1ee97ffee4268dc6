"""How a store stands: what `flyroom watch` shows."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.text import Text

from ..measures import generalization_step, memorization_step
from ..results import journal_path, open as open_store
from ..sweeps import Pulse
from ..sweeps.pulse import counted, over
from . import output, phases

PAUSE = 1.0  # seconds between two looks
SHARE = 8  # reading a store takes no more than this part of the time

Rule = Callable[[int], Callable[[xr.Dataset], xr.DataArray]]


class Standing(NamedTuple):
    """How a store stood when it was last looked at.

    Attributes:
        store: which.
        pulse: what its training says of itself; `None` if there is none under way.
        statuses: how many runs are in each status.
        outcomes: how many of the runs so far have memorised, and generalised; or the phases that
            a rule names, and how many of the runs are in each.
        next: when the store itself is to be read again.
    """

    store: Path
    pulse: Pulse | None
    statuses: dict[str, int]
    outcomes: dict[str, int]
    next: float

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.pulse is None

    def told(self) -> dict[str, Any]:
        """For programs."""
        told: dict[str, Any] = {"store": str(self.store), "training": not self.over}
        told |= {"runs": sum(self.statuses.values()), "statuses": self.statuses}
        told |= {"so_far": self.outcomes}
        if (pulse := self.pulse) is not None:
            told |= {"model_steps_per_second": round(pulse.rate, 1), "model_steps_left": pulse.left}
            told |= {
                "workers": pulse.workers,
                "worker_seconds": round(pulse.seconds * pulse.workers),
            }
            if pulse.rate:
                told["seconds_left"] = round(pulse.left / pulse.rate)
        return told

    def render(self) -> Group:
        """For people."""
        lines = [f"{self.store.name}: {counted(self.statuses)}"]
        if (pulse := self.pulse) is None:
            interrupted = journal_path(self.store).exists()
            lines.append(
                f"Nobody trains into it. Go on with: flyroom resume {self.store}"
                if interrupted
                else "It is complete."
            )
        else:
            lines.append(pulse.pace)
        said = ", ".join(f"{count:,} {name}" for name, count in self.outcomes.items())
        lines.append(f"so far: {said.replace('_', ' ')}" if said else "so far: nothing to tell")
        total = max(1, sum(self.statuses.values()))
        bar = ProgressBar(total=total, completed=over(self.statuses), width=60)
        return Group(bar, *(Text(line) for line in lines))


def of(store: Path, before: Standing | None = None, rule: Rule | None = None) -> Standing:
    """Looks at a store; its curves are read now and then only.

    Args:
        store: which.
        before: how it stood the last time.
        rule: from the runs and the budget to the phase of each; if `None`, what they have learnt.

    Raises:
        StoreError: there is none.
    """
    pulse = Pulse.read(store)
    pulse = pulse if pulse is not None and pulse.fresh else None
    if before is not None and pulse is not None and time.monotonic() < before.next:
        return before._replace(pulse=pulse, statuses=pulse.statuses)
    began = time.monotonic()
    runs = open_store(store)
    statuses = output.statuses(runs) if pulse is None else pulse.statuses
    steps = json.loads(runs.attrs["budgets"])[-1]
    outcomes = phases.counts(runs, rule(steps)) if rule else _outcomes(runs)
    rest = SHARE * (time.monotonic() - began)
    return Standing(store, pulse, statuses, outcomes, time.monotonic() + rest)


def _outcomes(runs: xr.Dataset) -> dict[str, int]:
    steps = {"memorised": memorization_step, "generalised": generalization_step}
    sides = {"memorised": "train_accuracy", "generalised": "test_accuracy"}
    return {
        name: int(np.isfinite(step(runs).values).sum())
        for name, step in steps.items()
        if sides[name] in runs
    }
