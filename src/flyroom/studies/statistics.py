"""Findings: one number from many runs, with an interval that owns up to how many there were."""

from collections.abc import Sequence

import numpy as np
import scipy.stats
import xarray as xr

from .claim import Finding, Number

CONFIDENCE = 0.95
Values = xr.DataArray | np.ndarray | Sequence[Number] | Sequence[bool]


def share(holds: Values, *, note: str = "") -> Finding:
    """The share of runs of which something holds, with Wilson's interval.

    Args:
        holds: true or false for each run.
        note: what has to be known beside it.

    Example:
        >>> found = share([True, True, True, False])
        >>> print(found.value, [round(float(end), 3) for end in found.interval])
        0.75 [0.301, 0.954]

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    yes = np.asarray(holds, bool)
    if yes.size == 0:
        return Finding(np.nan, None, 0, note=note)
    low, high = scipy.stats.binomtest(int(yes.sum()), yes.size).proportion_ci(CONFIDENCE, "wilson")
    return Finding(float(yes.mean()), (float(low), float(high)), yes.size, note=note)


def median(values: Values, *, note: str = "") -> Finding:
    """The median over runs, with the interval that its ranks give whatever the distribution.

    A value that is missing counts as larger than every other: a time that was not reached within
    the budget, the loss of a run that diverged. A median that falls among those is infinite, which
    means *not reached*. Fewer than six runs have no interval at 95 %.

    Args:
        values: one for each run.
        note: what has to be known beside it.

    Example:
        >>> found = median([3.0, 1.0, 4.0, 1.5, float("nan"), 2.0, 5.0])
        >>> print(found.value, found.interval, found.runs)
        3.0 (1.0, inf) 7

    Source: Conover 1999, Practical Nonparametric Statistics, section 3.2.
    """
    known = np.asarray(values, float)
    known = np.where(np.isnan(known), np.inf, known)
    if known.size == 0:
        return Finding(np.nan, None, 0, note=note)
    test = scipy.stats.quantile_test(known, q=0, p=0.5)
    low, high = test.confidence_interval(CONFIDENCE)
    interval = None if np.isnan(low) or np.isnan(high) else (float(low), float(high))
    return Finding(float(np.median(known)), interval, known.size, note=note)


def mean(values: Values, *, note: str = "") -> Finding:
    """The mean over runs, with a bootstrap interval (bias-corrected and accelerated).

    A missing value makes it missing, and the claim is then not reproduced.

    Args:
        values: one for each run.
        note: what has to be known beside it.

    Example:
        >>> found = mean([1.0, 2.0, 4.0, 8.0])
        >>> print(found.value, found.interval)
        3.75 (1.75, 7.0)

    Source: Efron 1987, doi:10.1080/01621459.1987.10478410.
    """
    known = np.asarray(values, float)
    if known.size == 0:
        return Finding(np.nan, None, 0, note=note)
    interval = None
    if np.ptp(known) == 0:
        interval = (float(known[0]), float(known[0]))
    elif known.size > 1 and np.isfinite(known).all():
        low, high = scipy.stats.bootstrap(
            (known,), np.mean, confidence_level=CONFIDENCE, rng=np.random.default_rng(0)
        ).confidence_interval
        interval = (float(low), float(high))
    return Finding(float(known.mean()), interval, known.size, note=note)
