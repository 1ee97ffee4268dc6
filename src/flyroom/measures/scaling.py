"""Laws that times follow over a swept value, fitted with the runs that are censored."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.stats
import xarray as xr

from ._likelihood import Array, Curve, Problem, profile, slopes_of
from .estimates import Estimate
from .survival import by_setting, observed_times, percent


class _Form(NamedTuple):
    """One form of a law.

    Attributes:
        formula: of the median time.
        names: of its parameters.
        curve: the logarithm of that time.
        shown: what each parameter is, from the number that is fitted and the least `x`.
        bends: guesses at the third parameter, from times and `x`; it ends where they do, at what is
            as good as none.
        straight: what `x` the logarithm of the time is a straight line over, if it is.
    """

    formula: str
    names: tuple[str, ...]
    curve: Curve
    shown: tuple[Callable[[float, float], float], ...]
    bends: Callable[[Array, Array], Array] | None = None
    straight: Callable[[Array], Array] | None = None


def _as_is(value: float, least: float) -> float:
    del least
    return value


def _raised(value: float, least: float) -> float:
    del least
    with np.errstate(over="ignore"):
        return float(np.exp(value))


def _below(value: float, least: float) -> float:
    return least - _raised(value, least)


def _beyond(x: Array, theta: Array, least: float) -> Array:
    """A power of the distance to a critical point, below which nothing ever gets there."""
    distance = x - least + np.exp(theta[2])
    return theta[0] + theta[1] * np.log(np.where(distance.real > 0, distance, 1e-300))


_FORMS = {
    "power": _Form(
        "t = A x^b",
        ("factor", "exponent"),
        lambda x, theta, least: theta[0] + theta[1] * np.log(x),
        (_raised, _as_is),
        straight=np.log,
    ),
    "exponential": _Form(
        "t = A exp(b x)",
        ("factor", "rate"),
        lambda x, theta, least: theta[0] + theta[1] * x,
        (_raised, _as_is),
        straight=lambda x: x,
    ),
    "critical": _Form(
        "t = A (x − c)^b",
        ("factor", "exponent", "critical"),
        _beyond,
        (_raised, _as_is, _below),
        bends=lambda x, time: np.log(np.ptp(x)) + np.linspace(np.log(1e-4), np.log(1e4), 16),
    ),
    "floor": _Form(
        "t = A x^b + c",
        ("factor", "exponent", "floor"),
        lambda x, theta, least: np.log(np.exp(theta[0] + theta[1] * np.log(x)) + np.exp(theta[2])),
        (_raised, _as_is, _raised),
        bends=lambda x, time: np.linspace(np.log(1e-6 * time.min()), np.log(time.max()), 24),
    ),
}


@dataclasses.dataclass(frozen=True, eq=False)
class ScalingLaw:
    """A law of times over a swept value, as `scaling_law` fits it.

    Attributes:
        x: the path of the swept value.
        form: the name of the form.
        formula: the median time in terms of the parameters.
        parameters: by name, with their intervals.
        curvature: what the square of the straight coordinate (ln x of a power, x of an exponential)
            adds to ln t, with its interval: a law of this form has none. `None` for the bent forms,
            and where runs got there at two values only.
        scatter: the standard deviation of ln t around the law.
        log_likelihood: of ln t. Forms are compared by `aic`.
        reached: how many runs got there.
        censored: how many did not while they were observed; they are part of the fit.
        unobserved: how many were never under observation.
        decades: how many powers of ten lie between the least and the largest `x` of the fit.
        confidence: level of the intervals.
        fitted: the parameters as they were fitted, and ln of the scatter.
        covariance: of those, from the curvature of the likelihood.
        least: the smallest `x` at which a run got there.
    """

    x: str
    form: str
    formula: str
    parameters: dict[str, Estimate]
    curvature: Estimate | None
    scatter: float
    log_likelihood: float
    reached: int
    censored: int
    unobserved: int
    decades: float
    confidence: float
    fitted: Array
    covariance: Array
    least: float

    @property
    def aic(self) -> float:
        """Akaike's criterion: the smaller, the better a form does for its number of parameters."""
        return 2 * (self.fitted.size - self.log_likelihood)

    @property
    def table(self) -> pd.DataFrame:
        """A row for each parameter and for the curvature: its value and its interval, in words."""
        shown = dict(self.parameters)
        if self.curvature is not None:
            shown["curvature"] = self.curvature
        words = {name: str(each).partition(" (") for name, each in shown.items()}
        columns = {
            "value": {name: value for name, (value, _, _) in words.items()},
            percent(self.confidence): {
                name: ends.rstrip(")") for name, (_, _, ends) in words.items()
            },
        }
        return pd.DataFrame(columns).rename_axis(self.formula)

    def at(self, x: Array) -> tuple[Array, Array, Array]:
        """The median time that the law gives at values of `x`, and the interval of that median.

        The interval is that of a fit that is straight near its best (Wald's).
        """
        curve, theta = _FORMS[self.form].curve, self.fitted[:-1]
        slopes = slopes_of(curve, x, theta, self.least)
        spread = np.sqrt(np.einsum("xi,ij,xj->x", slopes, self.covariance[:-1, :-1], slopes))
        center = curve(x, theta, self.least)
        # The likelihood's own scatter is too small: it counts the parameters as known.
        spread *= np.sqrt(self.reached / (self.reached - theta.size))
        reach = spread * _student(self.reached, theta.size, self.confidence)
        with np.errstate(over="ignore"):  # below a critical point it takes forever
            return np.exp(center), np.exp(center - reach), np.exp(center + reach)

    def __str__(self) -> str:
        parts = [f"{name} {estimate}" for name, estimate in self.parameters.items()]
        if self.curvature is not None:
            parts.append(f"curvature {self.curvature}")
        runs = f"{self.reached + self.censored} runs, {self.censored} of them censored"
        return f"{self.formula}: {', '.join(parts)}; {runs}; {self.decades:.2g} decades of {self.x}"


def scaling_law(
    times: xr.DataArray, x: str, *, form: str = "power", confidence: float = 0.95
) -> ScalingLaw:
    r"""How a time scales with a swept value: a law fitted to all runs, censored ones among them.

    The logarithm of a time is normal around that of the law (a log-normal model of accelerated
    failure times). A run that got there contributes its density, one that is censored the
    probability of a longer time, and the fit is the most likely one. Forms:

    - `"power"`: \(t = A x^b\); an exponent \(b\) of −1 is an inverse proportion;
    - `"exponential"`: \(t = A e^{b x}\); in \(1/x\), give the times a coordinate of that;
    - `"critical"`: \(t = A (x - c)^b\) with \(c\) below every \(x\) at which a run got there: times
      diverge at \(c\), if \(b < 0\), and below it no run ever gets there;
    - `"floor"`: \(t = A x^b + c\) with \(c > 0\).

    Intervals are those of the profile likelihood \(\ell\): values with \(2 (\ell_\mathrm{max} -
    \ell) \le d \ln(1 + q^2 / (d - k))\) for \(d\) runs that got there, \(k\) parameters and \(q\)
    of Student's distribution. Without censoring a straight law has exactly those of least squares.
    They take runs as independent; where runs of a seed are alike, see `bootstrap`.

    Args:
        times: a time over `run`, as from `first_step`, in any unit.
        x: the path of the swept value.
        form: the name of the form.
        confidence: level of the intervals.

    Raises:
        ValueError: an unknown form; a time or an `x` whose logarithm is needed is not above zero;
            too few runs got there, or at too few values of `x`; or as `by_setting`.

    Example:
        >>> decay = np.array([0.01, 0.01, 0.1, 0.1, 1.0, 1.0])
        >>> coords = {"decay": ("run", decay), "censored_at": ("run", [900.0, *[np.nan] * 5])}
        >>> times = xr.DataArray([np.nan, 850.0, 95.0, 110.0, 9.0, 10.0], coords, "run")
        >>> law = scaling_law(times, "decay")
        >>> print(law.parameters["exponent"], law.censored)
        -0.992 (-1.08 to -0.922) 1

    Source: Tobin 1958, doi:10.2307/1907382; log-normal failure times: Kalbfleisch and Prentice
    2002, doi:10.1002/9781118032985, chapter 3; the correction for few runs: ours.
    """
    shape = _FORMS.get(form)
    if shape is None:
        raise ValueError(f"scaling_law: got form={form!r}; allowed: {', '.join(_FORMS)}.")
    place, time, there, unobserved = _data(times, x, form)
    levels, count = np.unique(place[there]).size, len(shape.names)
    if there.sum() <= count or levels < count:
        raise ValueError(
            f"scaling_law: got {int(there.sum())} runs that got there, at {levels} values of {x}; "
            f"allowed: at least {count + 1} at {count} for the form {form!r}. Train for longer or "
            "at more values."
        )
    least = float(place[there].min())
    starts = _starts(shape, place, time)
    problem = Problem(shape.curve, place, np.log(time), there, least, starts[:, 2:-1])
    best = problem.best_of(starts)
    height, _, bowl = problem(best)
    limit = _cutoff(int(there.sum()), count, confidence)
    found = {}
    for number, name in enumerate(shape.names):
        ends = profile(problem, best, number, limit)
        value, *shown = (shape.shown[number](end, least) for end in (best[number], *ends))
        found[name] = Estimate(value, min(shown), max(shown))
    return ScalingLaw(
        x=x,
        form=form,
        formula=shape.formula,
        parameters=found,
        curvature=_curvature(shape, place, time, there, best, confidence) if levels > 2 else None,
        scatter=float(np.exp(best[-1])),
        log_likelihood=height,
        reached=int(there.sum()),
        censored=int((~there).sum()),
        unobserved=unobserved,
        decades=float(np.log10(place.max() / place.min())) if place.min() > 0 else np.nan,
        confidence=confidence,
        fitted=best,
        covariance=np.linalg.pinv(bowl, hermitian=True),
        least=least,
    )


def _data(times: xr.DataArray, x: str, form: str) -> tuple[Array, Array, Array, int]:
    """Of each observed run its `x`, its time, and whether it got there; and how many are not."""
    places, values, there = [], [], []
    for (place,), part in by_setting(times, x).items():
        for kind, sample in zip((True, False), observed_times(part), strict=True):
            places += [place] * sample.size
            values += sample.tolist()
            there += [kind] * sample.size
    place, time, reached = np.array(places, float), np.array(values), np.array(there, bool)
    if (time[reached] <= 0).any():
        raise ValueError(
            f"scaling_law: got {int((time[reached] <= 0).sum())} times of zero or below; allowed: "
            "times above zero. A delay of nothing follows no law: fit generalization_step."
        )
    if form in ("power", "floor") and (place <= 0).any():
        raise ValueError(
            f"scaling_law: got {x} = {place.min():g} in the form {form!r}; allowed: values above "
            "zero. Select the runs with these, or take the form 'exponential'."
        )
    # Seen at step 0 alone, a run says nothing: every time is longer than this one.
    return place, np.maximum(time, np.finfo(float).tiny), reached, times.size - time.size


def _starts(shape: _Form, x: Array, time: Array) -> Array:
    """Parameters to begin at, in rows: least squares, as if no run were censored."""
    y = np.log(time)
    over = (shape.straight or np.log)(x) if shape.straight or (x > 0).all() else x
    slope, level = np.polyfit(over, y, 1)
    spread = np.log(max(np.std(y - level - slope * over), 0.1))
    if shape.bends is None:
        return np.array([[level, slope, spread]])
    return np.array([[level, slope, bend, spread] for bend in shape.bends(x, time)])


def _cutoff(reached: int, count: int, confidence: float) -> float:
    """By how much twice the log-likelihood may fall within an interval."""
    return reached * np.log1p(_student(reached, count, confidence) ** 2 / (reached - count))


def _student(reached: int, count: int, confidence: float) -> float:
    return float(scipy.stats.t.ppf((1 + confidence) / 2, reached - count))


def _curvature(
    shape: _Form, x: Array, time: Array, there: Array, best: Array, confidence: float
) -> Estimate | None:
    """What a square adds to a straight law."""
    straight = shape.straight
    if straight is None or there.sum() <= 3:
        return None
    middle = straight(x).mean()

    def bent(x: Array, theta: Array, least: float) -> Array:
        return shape.curve(x, theta, least) + theta[2] * (straight(x) - middle) ** 2

    anywhere = np.array([[-np.inf], [np.inf]])
    problem = Problem(bent, x, np.log(time), there, float(x[there].min()), anywhere)
    theta = problem.best(np.insert(best, 2, 0.0))
    limit = _cutoff(int(there.sum()), 3, confidence)
    return Estimate(float(theta[2]), *profile(problem, theta, 2, limit))
