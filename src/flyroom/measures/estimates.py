import dataclasses
import warnings
from collections.abc import Callable
from typing import SupportsFloat

import numpy as np
import scipy.stats
import xarray as xr


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number that comes from runs, and the interval that they leave it.

    Attributes:
        value: the number.
        low: where its interval begins; infinite where the runs set no bound.
        high: where it ends.

    Example:
        >>> print(Estimate(-0.9384, -0.9612, -0.9217), Estimate(2.0, 0.5, float("inf")))
        -0.938 (-0.961 to -0.922) 2 (0.5 to no bound)
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        value, low, high = (
            "no bound" if np.isinf(number) else f"{number:.3g}"
            for number in (self.value, self.low, self.high)
        )
        return f"{value} ({low} to {high})"


def bootstrap(
    statistic: Callable[[xr.DataArray], SupportsFloat] | Callable[[xr.Dataset], SupportsFloat],
    runs: xr.DataArray | xr.Dataset,
    *,
    over: str = "seed",
    resamples: int = 999,
    confidence: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """The interval of any statistic over seeds, which are drawn again with replacement.

    A seed that is drawn brings its runs at every setting of the sweep along: runs that share a seed
    may share their split and initial weights, and are no independent evidence. Each drawing counts
    as a seed of its own. The interval is bias-corrected and accelerated (BCa) where that exists,
    else it goes by percentiles: where the statistic was not finite for some drawing. With few seeds
    it is too short: of eight, an interval of 95 % covers a mean in about 85 cases of 100.

    Args:
        statistic: what gives a number for times or results over `run`. NaN, a time that was not
            reached, counts as larger than every other number.
        runs: times over `run`, as from `first_step`, or results.
        over: the path of the seeds, or of whatever else was drawn at random.
        resamples: how often they are drawn again.
        confidence: level of the interval.
        seed: of the drawing. The same seed gives the same interval.

    Raises:
        ValueError: the runs have no such path, or fewer than two seeds.

    Example:
        >>> coords = {"seed": ("run", [0, 1, 2, 3, 4, 5])}
        >>> times = xr.DataArray([8.0, 16.0, 16.0, 32.0, 32.0, 64.0], coords, "run")
        >>> print(bootstrap(lambda times: times.mean(), times))
        28 (17.3 to 45.3)

    Source: Efron 1987, doi:10.1080/01621459.1987.10478410; of whole clusters: Davison and Hinkley
    1997, Bootstrap Methods and their Application, section 3.8.
    """
    allowed = sorted(str(name) for name, c in runs.coords.items() if c.dims == ("run",))
    if over not in allowed:
        raise ValueError(f"bootstrap: got over={over!r}; allowed: {allowed}.")
    own = runs[over].values
    members = [np.flatnonzero(own == value) for value in np.unique(own)]
    if len(members) < 2:
        raise ValueError(
            f"bootstrap: got {len(members)} value of {over}; allowed: at least 2. Train with more."
        )

    def of(drawn: np.ndarray) -> float:
        parts = [members[i] for i in drawn]
        labels = np.repeat(np.arange(len(parts)), [part.size for part in parts])
        again = runs.isel(run=np.concatenate(parts)).assign_coords({over: ("run", labels)})
        value = float(statistic(again))  # pyright: ignore[reportArgumentType]
        return np.inf if np.isnan(value) else value

    places = np.arange(len(members))
    asked = {"vectorized": False, "confidence_level": confidence}
    with warnings.catch_warnings():
        # It also computes what there is not: a spread where some numbers are infinite, and an
        # acceleration where every seed that is left out gives the same number.
        warnings.simplefilter("ignore", RuntimeWarning)
        found = scipy.stats.bootstrap(
            (places,), of, n_resamples=resamples, method="percentile",
            rng=np.random.default_rng(seed), **asked,
        )  # fmt: skip
        drawn, ends = found.bootstrap_distribution, (np.nan, np.nan)
        if np.isfinite(drawn).all():
            ends = scipy.stats.bootstrap(
                (places,), of, n_resamples=0, method="BCa", bootstrap_result=found, **asked
            ).confidence_interval
    if np.isnan(ends).any():
        tail = (1 - confidence) / 2
        ends = np.quantile(drawn, [tail, 1 - tail], method="nearest")
    return Estimate(of(places), float(ends[0]), float(ends[1]))
