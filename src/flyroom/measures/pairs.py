"""Runs that differ in one setting alone, held against each other, some of them censored."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import scipy.stats
import xarray as xr

from .comparisons import p_words
from .survival import by_setting, paths_of, percent

_OUTCOMES = ("first", "second", "tie", "undecided", "incomplete")


@dataclasses.dataclass(frozen=True, eq=False)
class Paired:
    """Pairs of runs that differ in one setting, as `paired` compares them.

    Attributes:
        between: the path of the setting.
        values: its two values, the first and the second.
        ratio: whether times are compared by their ratio, else by their difference.
        pairs: by `pair` and `side` the `time` and `censored_at`; by `pair` its `outcome` in a word,
            and the `least` and the `most` that its ratio or difference can be.
        p_value: of the sign test: how often equally fast settings leave decided pairs as uneven.
        median: the least and the most that the median over pairs can be: the same number twice,
            unless that hangs on pairs that censoring leaves open.
        interval: of the median, whatever the open pairs are; without a bound if fewer than six.
        confidence: level of the interval.
    """

    between: str
    values: tuple[object, object]
    ratio: bool
    pairs: xr.Dataset
    p_value: float
    median: tuple[float, float]
    interval: tuple[float, float]
    confidence: float

    @property
    def counts(self) -> dict[str, int]:
        """How many pairs have which outcome; every pair has one."""
        found = self.pairs.outcome.values.tolist()
        return {name: found.count(name) for name in _OUTCOMES}

    @property
    def table(self) -> pd.DataFrame:
        """The counts in words, a row for each outcome."""
        first, second = self.values
        words = {
            "first": f"sooner with {first}",
            "second": f"sooner with {second}",
            "tie": "at the same time",
            "undecided": "undecided: censored too early",
            "incomplete": "incomplete: one never observed",
        }
        rows = {words[name]: count for name, count in self.counts.items()}
        return pd.DataFrame({"pairs": rows}).rename_axis(self.between)

    @property
    def said(self) -> tuple[str, str, str]:
        """What the sign test gives, the median, and its interval, in words."""
        first, second = self.values
        what = f"{second} / {first}" if self.ratio else f"{second} − {first}"
        least, most = map(_end, self.median)
        low, high = map(_end, self.interval)
        return (
            f"sign test: {p_words(self.p_value)}",
            f"median {what}: {least if least == most else f'{least} to {most}'}",
            f"{percent(self.confidence)} of it: {low} to {high}",
        )

    def __str__(self) -> str:
        first, second = self.values
        counts = self.counts
        pairs = f"{sum(counts.values())} pairs, {counts['first']} sooner with {first}"
        return f"{pairs}, {counts['second']} with {second}; {'; '.join(self.said)}"


def paired(
    times: xr.DataArray,
    between: str,
    *,
    along: str | Sequence[str] = "seed",
    values: tuple[object, object] | None = None,
    ratio: bool = True,
    confidence: float = 0.95,
) -> Paired:
    r"""Each run held against the one that differs in a single setting: same seed, other decay.

    A pair is decided if it is known who was sooner: also where the later one is censored, if it was
    observed for long enough. And every pair bounds its ratio: with \(t_1\) known and the other
    censored at \(c_2\), to \([c_2 / t_1, \infty)\); with both censored, to \([0, \infty)\). The
    median over pairs and its interval by ranks hold wherever in these bounds the ratios are. No
    pair is left out, and nothing is assumed about the distribution of times.

    Args:
        times: a time over `run`, as from `first_step`.
        between: the path of the setting.
        along: what the runs of a pair share: the path of the seeds, or several paths.
        values: the two values of the setting, if it has more than two.
        ratio: whether the second time is divided by the first; if not, the first is subtracted.
            Times of zero and below, which delays can be, have differences only.
        confidence: level of the interval.

    Raises:
        ValueError: the setting has not two values, or not those; several runs share what should
            tell pairs apart; no pair is complete; a time has no ratio; or as `by_setting`.

    Example:
        >>> coords = {
        ...     "censored_at": ("run", [*[np.nan] * 3, *[64.0] * 3]),
        ...     "decay": ("run", [1.0, 1.0, 1.0, 0.1, 0.1, 0.1]),
        ...     "seed": ("run", [0, 1, 2, 0, 1, 2]),
        ... }
        >>> times = xr.DataArray([8.0, 16.0, 99.0, *[np.nan] * 3], coords, "run")
        >>> found = paired(times, "decay", values=(1.0, 0.1))
        >>> found.counts["first"], found.counts["undecided"], found.said[1]
        (2, 1, 'median 0.1 / 1.0: 4 to no bound')

    Source: interval by ranks: Conover 1999, Practical Nonparametric Statistics, section 3.2; bounds
    for pairs that censoring leaves open: ours.
    """
    parts = {key[0]: part for key, part in by_setting(times, between).items()}
    asked = list(parts) if values is None else list(values)
    if len(asked) != 2 or not set(asked) <= set(parts):
        raise ValueError(
            f"paired: got {asked} as values of {between}; allowed: two of {list(parts)}. Name "
            "them, as in values=(0.1, 1.0)."
        )
    reached, ended = _matched([parts[value] for value in asked], along)
    if ratio and (reached <= 0).any():
        raise ValueError(
            f"paired: got {int((reached <= 0).sum())} times of zero or below, which have no ratio; "
            "allowed: times above zero, or ratio=False for differences."
        )
    outcome = _outcomes(reached, ended)
    whole = outcome != "incomplete"
    if not whole.any():
        raise ValueError(
            f"paired: got no pair of runs by {along} that were both observed; allowed: at least 1."
        )
    first, second = (int((outcome == name).sum()) for name in ("first", "second"))
    decided = first + second
    least, most = _bounds(reached, ended, np.log if ratio else np.asarray)
    medians = [np.median(bounds[whole]) for bounds in (least, most)]
    ends = _interval(least[whole], most[whole], confidence)
    back = np.exp if ratio else np.asarray  # of two pairs in the middle, the geometric mean
    bounds = {"least": ("pair", back(least)), "most": ("pair", back(most))}
    return Paired(
        between=between,
        values=(asked[0], asked[1]),
        ratio=ratio,
        pairs=xr.Dataset(
            {"time": (("pair", "side"), reached), "outcome": ("pair", outcome), **bounds},
            {"censored_at": (("pair", "side"), ended)},
            {"units": times.attrs.get("units", "step")},
        ),
        p_value=float(scipy.stats.binomtest(first, decided).pvalue) if decided else 1.0,
        median=(float(back(medians[0])), float(back(medians[1]))),
        interval=(float(back(ends[0])), float(back(ends[1]))),
        confidence=confidence,
    )


def _matched(
    sides: list[xr.DataArray], along: str | Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Of each pair the two times, and where they are censored; NaN where there is no such run."""
    members = [by_setting(side, along) for side in sides]
    if any(part.size > 1 for side in members for part in side.values()):
        raise ValueError(
            f"paired: got several runs with the same {', '.join(paths_of(along))}; allowed: one on "
            "each side of a pair. Name in `along` whatever else was swept."
        )
    keys = sorted(members[0].keys() | members[1].keys())
    both = [[side.get(key) for side in members] for key in keys]
    nothing = np.nan
    reached = [[nothing if run is None else run.item() for run in row] for row in both]
    ended = [[nothing if run is None else run.censored_at.item() for run in row] for row in both]
    return np.array(reached), np.array(ended)


def _outcomes(reached: np.ndarray, ended: np.ndarray) -> np.ndarray:
    """Who was sooner, in a word for each pair. Comparisons with NaN are false."""
    (one, other), (until, other_until) = reached.T, ended.T
    found = {
        "first": (one < other) | (one <= other_until),
        "second": (other < one) | (other <= until),
        "tie": one == other,
        "incomplete": (np.isnan(reached) & np.isnan(ended)).any(1),
    }
    return np.select(list(found.values()), list(found), "undecided")


def _bounds(
    reached: np.ndarray, ended: np.ndarray, scale: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most that the second time less the first can be, on a scale of times."""
    known = ~np.isnan(reached)
    with np.errstate(divide="ignore"):  # a run that was observed at step 0 alone bounds no ratio
        earliest = scale(np.where(known, reached, ended))
    latest = np.where(known, earliest, np.where(np.isnan(ended), np.nan, np.inf))
    return earliest[:, 1] - latest[:, 0], latest[:, 1] - earliest[:, 0]


def _interval(least: np.ndarray, most: np.ndarray, confidence: float) -> tuple[float, float]:
    """Of the median, by ranks; where so few pairs give no end, there is none."""
    low = scipy.stats.quantile_test(least).confidence_interval(confidence).low
    high = scipy.stats.quantile_test(most).confidence_interval(confidence).high
    return -np.inf if np.isnan(low) else low, np.inf if np.isnan(high) else high


def _end(value: float) -> str:
    return f"{value:.3g}" if np.isfinite(value) else "no bound"
