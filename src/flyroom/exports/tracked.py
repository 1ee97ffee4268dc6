"""What trackers of experiments want to know of a run."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from ..training import Status
from .tables import hyperparameters, recorded, scalar_curves


class Tracked(NamedTuple):
    """One run as a tracker sees it.

    Attributes:
        name: which sorts by number.
        status: in a word.
        hyperparameters: those that it has, by path.
        records: a step, and the curves that have numbers there, by name.
    """

    name: str
    status: str
    hyperparameters: dict[str, Any]
    records: list[tuple[int, dict[str, float]]]

    @property
    def last(self) -> dict[str, float]:
        """The last values of the curves, by name."""
        return {name: value for _, values in self.records for name, value in values.items()}


def tracked(runs: xr.Dataset) -> Iterator[Tracked]:
    """The runs, one after the other."""
    names, steps = scalar_curves(runs), runs.step.values.tolist()
    chosen = runs[[*names, "status", "last_step"]]
    for position, number in enumerate(runs.run.values.tolist()):
        run = chosen.isel(run=[position]).load()
        own = {path: column.item() for path, column in hyperparameters(run).items()}
        curves = {name: run[name].transpose("run", "step").values[0].tolist() for name in names}
        yield Tracked(
            name=f"run-{number:06d}",
            status=Status(run.status.item()).name.lower(),
            hyperparameters={path: v for path, v in own.items() if v != "" and not pd.isna(v)},
            records=[
                (steps[i], {k: v[i] for k, v in curves.items() if np.isfinite(v[i])})
                for i in np.flatnonzero(recorded(run)[0])
            ],
        )
