import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
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
    reached, ended = observed_times(times)
    return CensoredData(reached, right=ended)


def observed_times(times: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """The times of the runs that got there, and those at which the censored ones were last seen."""
    columns = times.values.ravel(), times.censored_at.values.ravel()
    reached, ended = (column[~np.isnan(column)] for column in columns)
    return reached, ended


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


def median_time(times: xr.DataArray, *, confidence: float = 0.95) -> xr.DataArray:
    """The time by which half of the runs got there (Kaplan–Meier).

    Unlike a median of the times that are known, it does not make settings that rarely get there
    look fast. One value for each setting: `times.groupby("seed").map(median_time)`.

    Args:
        times: a time, as from `first_step` or `grokking_delay`.
        confidence: level of the interval: the times at which the log–log band of `survival` admits
            that half of the runs are left. With four runs it covers a little less often than that.

    Returns:
        A time without dimensions: a number in the units of the times, or NaN if half of the runs
        did not get there, and then `censored_at` is the time that the median exceeds. The
        coordinates `low` and `high` are its interval. A high end that was not reached is infinite;
        both are NaN where there is no interval.

    Example:
        >>> until = [np.nan, np.nan, 64.0, 64.0, 64.0]
        >>> times = xr.DataArray([8.0, 16.0, *[np.nan] * 3], {"censored_at": ("run", until)}, "run")
        >>> found = median_time(times)
        >>> print(found.item(), found.censored_at.item(), times.median().item())
        nan 64.0 12.0

    Source: Brookmeyer and Crowley 1982, doi:10.2307/2530286.
    """
    attrs = {"units": times.attrs.get("units", "step"), "long_name": "Kaplan–Meier median"}
    if len(censored_data(times)) == 0:
        nothing = dict.fromkeys(("censored_at", "low", "high"), np.nan)
        return xr.DataArray(np.nan, nothing, (), "median", attrs)
    curve = survival(times, confidence=confidence)
    step = curve.step.values

    def half(name: str, never: float) -> float:
        there = step[curve[name].values <= 0.5 + _ROUNDING]
        return float(there[0]) if there.size else never

    value, low = half("survival", np.nan), half("low", np.nan)
    coords = {
        "censored_at": float(step[-1]) if np.isnan(value) else np.nan,
        "low": low,
        "high": np.nan if np.isnan(low) else half("high", np.inf),
    }
    return xr.DataArray(value, coords, (), "median", attrs)


def by_setting(
    times: xr.DataArray, by: str | Sequence[str] | None = None
) -> dict[tuple[object, ...], xr.DataArray]:
    """The times of each setting of a sweep, by its values and in their order.

    Args:
        times: a time over `run`, as from `first_step`.
        by: the path of a swept value, or several; all runs together if `None`.

    Raises:
        ValueError: the times are over more than `run`, or have no such path.

    Example:
        >>> coords = {"seed": ("run", [0, 1, 0]), "censored_at": ("run", [np.nan] * 3)}
        >>> parts = by_setting(xr.DataArray([8.0, 16.0, 64.0], coords, "run"), "seed")
        >>> {key: part.values.tolist() for key, part in parts.items()}
        {(0,): [8.0, 64.0], (1,): [16.0]}
    """
    if times.dims != ("run",):
        raise ValueError(
            f"by_setting: got times over {times.dims}; allowed: over run alone. Choose one of the "
            "others first, as in times.sel(stage=...)."
        )
    paths = paths_of(by)
    over = {str(name) for name, c in times.coords.items() if c.dims == ("run",)}
    unknown = [path for path in paths if path not in over]
    if unknown:
        allowed = sorted(over - {"run", "program", "censored_at"})
        raise ValueError(f"by_setting: got {unknown}; allowed: {allowed}, or no path at all.")
    members: dict[tuple[object, ...], list[int]] = {}
    rows = zip(*(times[path].values.tolist() for path in paths), strict=True)
    for position, key in enumerate(rows if paths else [()] * times.size):
        members.setdefault(key, []).append(position)
    return {key: times.isel(run=members[key]) for key in sorted(members)}


def time_table(
    times: xr.DataArray, by: str | Sequence[str] | None = None, *, confidence: float = 0.95
) -> pd.DataFrame:
    """How many runs of each setting got there, and by when half of them had, in words.

    Args:
        times: a time over `run`, as from `first_step`.
        by: the path of a swept value, or several; all runs together if `None`.
        confidence: level of the intervals, which are those of `median_time`.

    Returns:
        A row for each setting: the runs; of these those that got there, were censored, or never
        were under observation; their Kaplan–Meier median and its interval. A median that was not
        reached says so, and what it exceeds.

    Raises:
        ValueError: as `by_setting`.

    Example:
        >>> until = [np.nan, np.nan, 2e4, 2e4, 2e4]
        >>> coords = {"censored_at": ("run", until), "decay": ("run", [1.0, 1.0, 0.1, 0.1, 0.1])}
        >>> times = xr.DataArray([800.0, 1600.0, *[np.nan] * 3], coords, "run")
        >>> time_table(times, "decay")["median"].to_dict()
        {0.1: 'not reached (> 20,000)', 1.0: '800'}
    """
    parts = by_setting(times, by)
    rows = []
    for part in parts.values():
        reached, ended = (sample.size for sample in observed_times(part))
        median = median_time(part, confidence=confidence)
        ends = [float(median.low), float(median.high)]
        counts = {
            "runs": part.size,
            "reached": reached,
            "censored": ended,
            "unobserved": part.size - reached - ended,
        }
        rows.append(
            {
                **counts,
                "median": _median_words(median),
                percent(confidence): "–"
                if np.isnan(ends).any()
                else " to ".join(map(number, ends)),
            }
        )
    return pd.DataFrame(rows, index_of(list(parts), paths_of(by)))


def number(value: float) -> str:
    """A time in words: whole where it is long, and never infinite."""
    if np.isinf(value):
        return "not reached"
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"


def percent(confidence: float) -> str:
    """What a column of intervals is called."""
    return f"{100 * confidence:g} % interval"


def paths_of(by: str | Sequence[str] | None) -> list[str]:
    """The paths that are meant: none, one or several."""
    return [by] if isinstance(by, str) else list(by or ())


def index_of(keys: Sequence[tuple[object, ...]], paths: Sequence[str]) -> pd.Index:
    """The settings as an index of a table, which names the paths."""
    if not paths:
        return pd.Index(["all runs"])
    if len(paths) == 1:
        return pd.Index([key[0] for key in keys], name=paths[0])
    return pd.MultiIndex.from_tuples(keys, names=list(paths))


def _median_words(median: xr.DataArray) -> str:
    if not np.isnan(median):
        return number(float(median))
    beyond = float(median.censored_at)
    return "no run observed" if np.isnan(beyond) else f"not reached (> {number(beyond)})"
