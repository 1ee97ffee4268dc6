"""What the explorer is told of all runs beside each other."""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from .. import measures
from ..figures import leaf_name, swept

MOST = 12  # levels of an axis that have a curve each
NO_TIME = "Whether runs generalised is not known: no test accuracy was recorded."


def axes_of(runs: xr.Dataset) -> list[dict[str, Any]]:
    """The axes of a sweep: their levels in order, and the level of each run.

    Seeds come last: what differs by chance alone is rarely what one wants to see first.
    """
    told = []
    for path in sorted(swept(runs), key=lambda path: path.endswith("seed")):
        levels, places = np.unique(runs[path].values, return_inverse=True)
        if len(levels) > 1:
            told.append(
                {
                    "path": path,
                    "name": leaf_name(path),
                    "levels": [
                        f"{x:g}" if isinstance(x, float) else str(x) for x in levels.tolist()
                    ],
                    "of": places.astype(np.uint16),
                }
            )
    return told


def times_of(runs: xr.Dataset) -> dict[str, dict[str, Any]]:
    """When each run had memorised and generalised, or until when it had not."""
    status = runs.get("status")
    found: dict[str, dict[str, Any]] = {}
    rules = {
        "memorization": ("train_accuracy", measures.memorization_step),
        "generalization": ("test_accuracy", measures.generalization_step),
    }
    for name, (curve, rule) in rules.items():
        if curve in runs:
            times = rule(runs)
            found[name] = {
                "threshold": float(times.attrs["threshold"]),
                "at": times.values.astype(np.float32),
                "censored_at": times.censored_at.values.astype(np.float32),
                "told": measures.describe_times(times, status),
            }
    return found


def phases_of(runs: xr.Dataset) -> list[dict[str, Any]]:
    """The phase of each run by every rule that what was recorded allows."""
    last = float(runs.step.max())
    rules: dict[str, tuple[Callable[[], xr.DataArray], tuple[str, ...]]] = {
        "by accuracies": (
            lambda: measures.phase_liu(runs, budget=last),
            ("train_accuracy", "test_accuracy"),
        ),
        "by losses": (lambda: measures.phase_pair(runs), ("train_loss", "test_loss")),
        "with wrong labels": (
            lambda: measures.phase_doshi(runs),
            ("train_accuracy", "test_accuracy", "corrected_accuracy"),
        ),
    }
    told = []
    for name, (rule, needed) in rules.items():
        if all(curve in runs for curve in needed):
            phase = rule()
            values = phase.attrs["flag_values"]
            told.append(
                {
                    "name": name,
                    "meanings": [
                        one.replace("_", " ") for one in phase.attrs["flag_meanings"].split()
                    ],
                    "thresholds": {
                        key: float(value)
                        for key, value in phase.attrs.items()
                        if not key.startswith("flag")
                    },
                    "of": (phase.values - values[0]).astype(np.uint8),
                }
            )
    return told


def survival_of(runs: xr.Dataset) -> dict[str, Any]:
    """The share of runs that are still to generalise: of all, and at each level of each axis."""
    if "test_accuracy" not in runs:
        return {"why": NO_TIME}
    times = measures.generalization_step(runs)
    by = {"": [_curve(times, "all runs")]}
    for axis in axes_of(runs):
        if len(axis["levels"]) <= MOST:
            by[axis["path"]] = [
                _curve(times[axis["of"] == i], level) for i, level in enumerate(axis["levels"])
            ]
    return {"by": by}


def _curve(times: xr.DataArray, level: str) -> dict[str, Any]:
    """One Kaplan–Meier curve; without a step where no run of the level was observed."""
    if len(measures.censored_data(times)) == 0:
        none = np.zeros(0, np.float32)
        return {
            "level": level,
            "reached": 0,
            "censored": 0,
            "unobserved": times.size,
            "median": None,
            **dict.fromkeys(("step", "survival", "low", "high"), none),
        }
    curve = measures.survival(times)
    median = float(measures.median_time(times))
    return {
        "level": level,
        **{name: int(curve.attrs[name]) for name in ("reached", "censored", "unobserved")},
        "median": None if np.isnan(median) else median,
        **{name: curve[name].values.astype(np.float32) for name in ("step", "survival")},
        **{name: curve[name].values.astype(np.float32) for name in ("low", "high")},
    }
