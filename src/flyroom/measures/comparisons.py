"""Whether settings differ in their times, when some of the times are censored."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy.stats
import xarray as xr

from .survival import by_setting, observed_times, time_table


@dataclasses.dataclass(frozen=True, eq=False)
class LogRank:
    """Whether runs of several settings get there equally fast, as `logrank` tells.

    Attributes:
        statistic: χ², which is large where they do not.
        degrees: its degrees of freedom.
        p_value: how often runs that are equally fast give a statistic as large.
        table: what `time_table` says of each setting, and beside the runs that got there how many
            were `expected` to, were all settings alike.
    """

    statistic: float
    degrees: int
    p_value: float
    table: pd.DataFrame

    def __str__(self) -> str:
        return (
            f"log-rank χ² = {self.statistic:.3g}, degrees of freedom: {self.degrees}, "
            f"{p_words(self.p_value)}"
        )


def logrank(
    times: xr.DataArray, by: str | Sequence[str], *, within: str | Sequence[str] | None = None
) -> LogRank:
    r"""The log-rank test: do the runs of all settings get there equally fast?

    At every time at which some run got there, the \(d\) that did are shared out among settings in
    proportion to the runs \(n_j\) still observed: \(\chi^2 = (O - E)^\top V^{-1} (O - E)\) with
    \(E_j = \sum d\, n_j / n\) and the hypergeometric covariance \(V\). A censored run counts for as
    long as it was observed. Whatever order the runs come in, only that of their times matters.

    Args:
        times: a time over `run`, as from `first_step`.
        by: the path of the swept value whose settings are compared, or several paths.
        within: paths whose settings are not compared: runs are held only against runs that share
            their values (a stratified test).

    Raises:
        ValueError: fewer than two settings had runs under observation when a run got there; or as
            `by_setting`.

    Example:
        >>> until = [np.nan] * 4 + [64.0, 64.0]
        >>> coords = {
        ...     "censored_at": ("run", until),
        ...     "decay": ("run", [1.0, 1.0, 1.0, 0.1, 0.1, 0.1]),
        ... }
        >>> times = xr.DataArray([8.0, 12.0, 16.0, 32.0, np.nan, np.nan], coords, "run")
        >>> print(logrank(times, by="decay"))
        log-rank χ² = 5.05, degrees of freedom: 1, p = 0.025

    Source: Mantel 1966, Cancer Chemotherapy Reports 50, 163–170; Peto and Peto 1972,
    doi:10.2307/2344317.
    """
    settings = list(by_setting(times, by))
    places = {key: place for place, key in enumerate(settings)}
    observed, expected = np.zeros(len(settings)), np.zeros(len(settings))
    covariance = np.zeros((len(settings), len(settings)))
    for stratum in by_setting(times, within).values():
        parts = {places[key]: part for key, part in by_setting(stratum, by).items()}
        for total, term in zip(
            (observed, expected, covariance), _terms(parts, len(settings)), strict=True
        ):
            total += term
    degrees = int((expected > 0).sum()) - 1
    if degrees < 1:
        raise ValueError(
            f"logrank: got {int(observed.sum())} of {times.size} runs that got there, and "
            f"{degrees + 1} of {len(settings)} settings under observation then; allowed: at least "
            "2. Train for longer, or compare settings that were trained equally long."
        )
    off = observed - expected
    statistic = float(off @ np.linalg.pinv(covariance, hermitian=True) @ off)
    table = time_table(times, by)
    table.insert(list(table.columns).index("reached") + 1, "expected", expected)
    return LogRank(statistic, degrees, float(scipy.stats.chi2.sf(statistic, degrees)), table)


def _terms(
    parts: dict[int, xr.DataArray], settings: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Runs that got there and were expected to, by setting, and the covariance of these."""
    samples = {place: observed_times(part) for place, part in parts.items()}
    at = np.unique(np.concatenate([reached for reached, _ in samples.values()]))
    there, left = np.zeros((settings, at.size)), np.zeros((settings, at.size))
    for place, (reached, ended) in samples.items():
        reached, seen = np.sort(reached), np.sort(np.concatenate([reached, ended]))
        there[place] = np.searchsorted(reached, at, "right") - np.searchsorted(reached, at, "left")
        left[place] = seen.size - np.searchsorted(seen, at, "left")
    d, n = there.sum(0), left.sum(0)
    shares = left / n
    weights = d * (n - d) / np.maximum(n - 1, 1)
    covariance = np.diag(shares @ weights) - (shares * weights) @ shares.T
    return there.sum(1), shares @ d, covariance


def p_words(p_value: float) -> str:
    """A p-value as it is written."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"
