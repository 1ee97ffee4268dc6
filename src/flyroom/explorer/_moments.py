"""The steps of a run at which a story about it has something to say."""

from collections.abc import Collection
from typing import Any

import numpy as np
import xarray as xr

from .. import measures, results
from ..results import StoreError
from ..spec import SpecError
from ..tasks import ModularArithmetic, SparseParity

THRESHOLD = 0.99  # the accuracy at which examples count as known, as in all reports


def moments_of(runs: xr.Dataset, shown: Collection[int]) -> dict[int, dict[str, Any]]:
    """Of each run when it had memorised, formed a circuit and generalised.

    A step is `None` where the run did not get there; `seen` is the last one at which it was looked
    at, so that a run that never generalised can be told from one that was not watched for long.
    What was to be learned is told of the `shown` runs, those whose networks are in the page.
    """
    times = {"memorized": ("train_accuracy", measures.memorization_step)}
    times["generalized"] = ("test_accuracy", measures.generalization_step)
    found = {
        name: measure(runs, THRESHOLD) for name, (curve, measure) in times.items() if curve in runs
    }
    if "test_loss" in runs:
        stages = measures.circuit_stages(runs)
        found |= {name: stages.sel(stage=name) for name in ("circuit_formation", "cleanup")}
    told: dict[int, dict[str, Any]] = {}
    for i, run in enumerate(runs.run.values.tolist()):
        steps = {name: _whole(time.values[i]) for name, time in found.items()}
        told[run] = {"threshold": THRESHOLD, "steps": steps, "seen": _seen(runs, i)}
        told[run]["task"] = _task_of(runs, run) if run in shown else {"kind": "other"}
    return told


def _whole(step: float) -> int | None:
    return None if np.isnan(step) else int(step)


def _seen(runs: xr.Dataset, i: int) -> int:
    """The last step of a run at which anything of it was recorded."""
    names = [name for name in ("train_accuracy", "test_accuracy", "test_loss") if name in runs]
    rows = [runs[name].transpose("run", "step").values[i] for name in names]
    known = np.flatnonzero(~np.isnan(rows).all(0)) if rows else np.array([], int)
    return int(runs.step.values[known[-1]]) if known.size else 0


def _task_of(runs: xr.Dataset, run: int) -> dict[str, Any]:
    """What was to be learned, as far as the story knows how to tell it."""
    try:
        task = results.experiment_of(runs, run, recording=False).task
    except (StoreError, SpecError):
        return {"kind": "other"}
    if isinstance(task, ModularArithmetic) and _adds(task):
        return {"kind": "addition", "p": task.p}
    if isinstance(task, SparseParity):
        return {"kind": "parity", "n": task.n, "k": task.k}
    return {"kind": "other"}


def _adds(task: ModularArithmetic) -> bool:
    numbers = np.arange(task.p)
    return np.array_equal(task.results(), np.add.outer(numbers, numbers) % task.p)
