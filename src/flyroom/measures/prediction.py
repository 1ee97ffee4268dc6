from collections.abc import Mapping
from typing import Any

import lazy_loader
import numpy as np
import pandas as pd
import xarray as xr

from .estimates import bootstrap

sklearn: Any = lazy_loader.load("sklearn")
Sign = xr.DataArray | np.ndarray


def auroc(times: xr.DataArray, sign: Sign) -> float:
    """How well a large sign tells the runs that get there from those that do not.

    The area under the curve of hits over false alarms: the share of pairs, one of a run that gets
    there and one of a run that is censored, in which the former has the larger sign. A half is
    chance; NaN if all runs are of one kind. Runs that were never under observation are left out.

    Args:
        times: a time over `run`, as from `generalization_step`.
        sign: what was seen of each run before. If a small one is the good one, give its negative.

    Example:
        >>> until = {"censored_at": ("run", [np.nan, np.nan, 64.0, 64.0])}
        >>> times = xr.DataArray([8.0, 16.0, np.nan, np.nan], until, "run")
        >>> auroc(times, np.array([0.9, 0.4, 0.5, 0.1]))
        0.75

    Source: Fawcett 2006, doi:10.1016/j.patrec.2005.10.010; `sklearn.metrics.roc_auc_score`.
    """
    reached, _, values = _observed(times, sign)
    if reached.all() or not reached.any():
        return np.nan
    return float(sklearn.metrics.roc_auc_score(reached, values))


def false_alarms(times: xr.DataArray, sign: Sign, *, caught: float = 0.9) -> float:
    """The share of censored runs that are announced where most of the others are to be caught.

    A run is announced if its sign is large enough, and that is chosen, with hindsight, so that of
    those that get there no smaller share than `caught` is announced. NaN if all are of one kind.

    Args:
        times: a time over `run`, as from `generalization_step`.
        sign: what was seen of each run before; a large one is the good one.
        caught: share of the runs that get there.

    Example:
        >>> until = {"censored_at": ("run", [np.nan, np.nan, 64.0, 64.0])}
        >>> times = xr.DataArray([8.0, 16.0, np.nan, np.nan], until, "run")
        >>> false_alarms(times, np.array([0.9, 0.4, 0.5, 0.1]))
        0.5
    """
    reached, _, values = _observed(times, sign)
    if reached.all() or not reached.any():
        return np.nan
    alarms, hits, _ = sklearn.metrics.roc_curve(reached, values)
    return float(alarms[np.argmax(hits >= caught)])


def concordance(times: xr.DataArray, sign: Sign) -> float:
    """How often the run with the larger sign is the one that gets there sooner.

    Over all pairs of which it is known who was sooner, censored runs included; equal signs count
    half. A half is chance; NaN if nothing is known of any pair.

    Args:
        times: a time over `run`, as from `generalization_step`.
        sign: what was seen of each run before; a large one is the good one.

    Example:
        >>> until = {"censored_at": ("run", [np.nan, np.nan, 64.0, 64.0])}
        >>> times = xr.DataArray([8.0, 16.0, np.nan, np.nan], until, "run")
        >>> concordance(times, np.array([0.9, 0.4, 0.5, 0.1]))
        0.8

    Source: Harrell et al. 1982, doi:10.1001/jama.1982.03320430047030.
    """
    reached, until, values = _observed(times, sign)
    later = (until[:, None] < until) | ((until[:, None] == until) & ~reached)
    sooner, after = np.nonzero(reached[:, None] & later)
    if sooner.size == 0:
        return np.nan
    return float(np.mean(0.5 + 0.5 * np.sign(values[sooner] - values[after])))


def prediction_table(
    times: xr.DataArray, signs: Mapping[str, Sign], *, over: str = "seed", resamples: int = 999
) -> pd.DataFrame:
    """How well early signs foretell a time, each beside the others.

    A sign is worth something if it is better than those that are free: training loss, test loss
    and the norm of the weights at the same step. Leave out, before, the runs that had got there.

    Args:
        times: a time over `run`, as from `generalization_step`.
        signs: by name, what was seen of each run; a large one is the good one.
        over: the path of the seeds, which are drawn again for the interval.
        resamples: how often.

    Returns:
        A row for each sign: its area under the curve of hits over false alarms, with an interval
        of 95 % over seeds; the false alarms at 90 % caught; its concordance. Where all runs or
        none get there, only the last is a number.

    Raises:
        ValueError: the times have no such path.

    Example:
        >>> coords = {"seed": ("run", range(4))}
        >>> coords["censored_at"] = ("run", [np.nan, np.nan, 64.0, 64.0])
        >>> times = xr.DataArray([8.0, 16.0, np.nan, np.nan], coords, "run")
        >>> table = prediction_table(times, {"loss": -np.array([0.1, 0.6, 0.5, 0.9])})
        >>> table.loc["loss", ["auroc", "false_alarms", "concordance"]].tolist()
        [0.75, 0.5, 0.8]
    """
    rows = {}
    for name, sign in signs.items():
        seen = times.assign_coords(sign=("run", np.asarray(sign, float)))
        area = auroc(times, sign)
        ends = (np.nan, np.nan)
        if not np.isnan(area):
            found = bootstrap(lambda t: auroc(t, t["sign"]), seen, over=over, resamples=resamples)
            ends = found.low, min(found.high, 1.0)  # a drawing without one of the kinds is no bound
        rows[name] = {
            "auroc": area,
            "low": ends[0],
            "high": ends[1],
            "false_alarms": false_alarms(times, sign),
            "concordance": concordance(times, sign),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("sign")


def _observed(times: xr.DataArray, sign: Sign) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the runs that were: whether they got there, until when they were seen, their signs."""
    values = np.asarray(sign, float)
    if values.shape != times.shape:
        raise ValueError(f"got {values.shape} signs for {times.shape} times; give one for each.")
    reached = times.notnull().values
    until = np.where(reached, times.values, times.censored_at.values)
    seen = ~np.isnan(until)
    if np.isnan(values[seen]).any():
        count = int(np.isnan(values[seen]).sum())
        raise ValueError(f"got {count} signs that are NaN; leave those runs out and say so.")
    return reached[seen], until[seen], values[seen]
