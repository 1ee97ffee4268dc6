import warnings

import numpy as np
import scipy.stats
import xarray as xr
from scipy.stats import CensoredData

# Products of ratios such as 7/8 · 6/7 · 5/6 · 4/5 may end a rounding error above one half.
_ROUNDING = 1e-9


def censored_data(times: xr.DataArray) -> CensoredData:
    """Times as SciPy wants them: those that were reached, and those known only to be longer.

    Args:
        times: a time, as from `first_step` or `grokking_delay`. Runs that were never under
            observation (no record; no memorisation, for a delay) are no part of the sample.

    Example:
        >>> times = xr.DataArray([8.0, np.nan], {"censored_at": ("run", [np.nan, 64.0])}, "run")
        >>> print(censored_data(times))
        CensoredData(2 values: 1 not censored, 1 right-censored)
    """
    reached, censored_at = times.values.ravel(), times.censored_at.values.ravel()
    return CensoredData(reached[~np.isnan(reached)], right=censored_at[~np.isnan(censored_at)])


def survival(times: xr.DataArray, *, confidence: float = 0.95) -> xr.Dataset:
    r"""Share of runs for which a time is still to come: the Kaplan–Meier estimate.

    \(S(t) = \prod_{t_i \le t} (1 - d_i / n_i)\) with \(d_i\) runs that got there at \(t_i\) of the
    \(n_i\) still observed then. A run that diverged counts as censored when it did.

    Args:
        times: a time, as from `first_step` or `grokking_delay`.
        confidence: level of the interval (log–log).

    Returns:
        `survival`, `low` and `high` over the increasing `step` at which a run got there or was
        censored, constant in between. The bounds are NaN where they are undefined. Attributes
        count the runs that were `reached`, `censored` and `unobserved`.

    Raises:
        ValueError: no run was under observation.

    Example:
        >>> times = xr.DataArray([8.0, np.nan], {"censored_at": ("run", [np.nan, 64.0])}, "run")
        >>> print(survival(times).survival.values)
        [0.5 0.5]

    Source: Kaplan and Meier 1958, doi:10.2307/2281868.
    """
    data = censored_data(times)
    if len(data) == 0:
        raise ValueError(f"survival: none of {times.size} runs was under observation.")
    estimate = scipy.stats.ecdf(data).sf
    with warnings.catch_warnings():
        # Where nothing or everything is left the interval is undefined, and is NaN.
        warnings.filterwarnings("ignore", "The confidence interval is undefined", RuntimeWarning)
        bounds = estimate.confidence_interval(confidence, method="log-log")
    curves = {
        "survival": estimate.probabilities,
        "low": bounds.low.probabilities,
        "high": bounds.high.probabilities,
    }
    reached = int(times.notnull().sum())
    counts = {
        "reached": reached,
        "censored": len(data) - reached,
        "unobserved": times.size - len(data),
        "confidence": confidence,
    }
    step = xr.Variable("step", estimate.quantiles, {"units": times.attrs.get("units", "step")})
    variables = {name: ("step", values, {"units": "1"}) for name, values in curves.items()}
    return xr.Dataset(variables, {"step": step}, counts)


def median_time(times: xr.DataArray) -> xr.DataArray:
    """The time by which half of the runs got there (Kaplan–Meier); NaN if it was not reached.

    Unlike a median of the times that are known, it does not make settings that rarely get there
    look fast. One value for each setting: `times.groupby("seed").map(median_time)`.

    Args:
        times: a time, as from `first_step` or `grokking_delay`.

    Returns:
        A number in the units of the times.

    Example:
        >>> until = [np.nan, np.nan, 64.0, 64.0, 64.0]
        >>> times = xr.DataArray([8.0, 16.0, *[np.nan] * 3], {"censored_at": ("run", until)}, "run")
        >>> print(median_time(times).item(), times.median().item())
        nan 12.0
    """
    attrs = {"units": times.attrs.get("units", "step"), "long_name": "Kaplan–Meier median"}
    if len(censored_data(times)) == 0:
        return xr.DataArray(np.nan, attrs=attrs)
    left = survival(times).survival
    half = left.step.values[left.values <= 0.5 + _ROUNDING]
    return xr.DataArray(half[0] if half.size else np.nan, attrs=attrs)
