"""Scaling laws: what comes back of known laws, censored as sweeps are, and of published times."""

from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings, strategies as st

from censored import times_of
from flyroom import measures

pytestmark = pytest.mark.slow

DECAYS = np.repeat([0.01, 0.03, 0.1, 0.3, 1.0], 8)


def powers(random: np.random.Generator, scatter: float, exponent: float = -1.0) -> np.ndarray:
    return 3 * DECAYS**exponent * np.exp(scatter * random.normal(size=DECAYS.size))


def line_through(x: np.ndarray, y: np.ndarray) -> Any:
    """The line of least squares, of a class that SciPy does not name."""
    return scipy.stats.linregress(x, y)


def test_without_censoring_a_straight_law_is_least_squares():
    true = powers(np.random.default_rng(4), 0.6)
    law = measures.scaling_law(times_of(true, x=DECAYS), "x", confidence=0.9)
    line = line_through(np.log(DECAYS), np.log(true))
    reach = scipy.stats.t.ppf(0.95, DECAYS.size - 2) * line.stderr
    found = law.parameters["exponent"]
    assert found.value == pytest.approx(line.slope)
    assert (found.low, found.high) == pytest.approx(
        (line.slope - reach, line.slope + reach), rel=1e-4
    )
    factor = law.parameters["factor"]
    reach = scipy.stats.t.ppf(0.95, DECAYS.size - 2) * line.intercept_stderr
    ends = np.exp([line.intercept, line.intercept - reach, line.intercept + reach])
    assert (factor.value, factor.low, factor.high) == pytest.approx(tuple(ends), rel=1e-4)
    square = np.polyfit(np.log(DECAYS), np.log(true), 2)[0]
    assert law.curvature is not None
    assert law.curvature.value == pytest.approx(square)
    center, low, high = law.at(np.array([1.0]))
    assert (center[0], low[0], high[0]) == pytest.approx(tuple(ends), rel=1e-4)
    assert law.decades == pytest.approx(2)


def test_with_censoring_a_fit_is_that_of_lifelines():
    """LogNormalAFTFitter of lifelines 0.30, whose likelihood is that of t instead of ln t."""
    true = [np.inf, 7000, np.inf, 3100, np.inf, 2500, 1200, 800, 900, 420, 260, 330]
    x = np.repeat([0.01, 0.03, 0.1, 0.3], 3)
    law = measures.scaling_law(times_of(true, 9000, x=x), "x")
    assert law.parameters["exponent"].value == pytest.approx(-1.061246, abs=1e-5)
    assert np.log(law.parameters["factor"].value) == pytest.approx(4.506825, abs=1e-5)
    assert np.log(law.scatter) == pytest.approx(-0.889484, abs=1e-5)
    jacobian = sum(np.log(t) for t in true if np.isfinite(t))
    assert law.log_likelihood - jacobian == pytest.approx(-69.748667, abs=1e-5)
    assert (law.reached, law.censored) == (9, 3)


def test_intervals_cover_a_known_exponent_and_a_fit_of_the_known_times_does_not():
    """Three fifths of the runs are censored, nearly all of those with weak decay."""
    random, runs = np.random.default_rng(5), 200
    covered = bent = straight = naive = 0
    for _ in range(runs):
        true = powers(random, 0.6)
        law = measures.scaling_law(times_of(true, 25, x=DECAYS), "x")
        found = law.parameters["exponent"]
        covered += found.low <= -1 <= found.high
        if law.curvature is not None:  # two values of x where runs got there have none
            bent += 1
            straight += law.curvature.low <= 0 <= law.curvature.high
        known = true <= 25
        line = line_through(np.log(DECAYS[known]), np.log(true[known]))
        naive += abs(line.slope + 1) <= scipy.stats.t.ppf(0.975, known.sum() - 2) * line.stderr
    # Of 200 fair intervals between 181 and 197 cover, in 99 cases of 100.
    low, high = scipy.stats.binom.interval(0.99, runs, 0.95)
    assert low <= covered <= high
    assert naive < low
    assert bent > 0.9 * runs
    low, high = scipy.stats.binom.interval(0.99, bent, 0.95)
    assert low <= straight <= high


def test_what_is_no_power_law_is_seen_to_be_none():
    true = 3 * np.exp(1 / DECAYS**0.5 + 0.2 * np.random.default_rng(6).normal(size=DECAYS.size))
    times = times_of(true, 1e4, x=DECAYS)
    law = measures.scaling_law(times, "x")
    assert law.curvature is not None
    assert law.curvature.low > 0
    inverse = times.assign_coords(root=times.x**-0.5)
    better = measures.scaling_law(inverse, "root", form="exponential")
    assert better.aic < law.aic - 10
    assert better.parameters["rate"].low < 1 < better.parameters["rate"].high


def test_times_on_a_law_give_it_back():
    law = measures.scaling_law(times_of(5 / DECAYS, x=DECAYS), "x")
    found = law.parameters["exponent"]
    assert (found.value, found.low, found.high) == pytest.approx((-1, -1, -1), abs=1e-5)
    assert law.parameters["factor"].value == pytest.approx(5)
    assert law.scatter == pytest.approx(1e-6)
    assert law.curvature is not None
    assert law.curvature.low <= 0 <= law.curvature.high


@settings(max_examples=10, deadline=None)
@given(st.floats(0.2, 20), st.floats(0.2, 20))
def test_units_change_the_factor_alone(of_time: float, of_x: float):
    true = powers(np.random.default_rng(7), 0.5)
    law = measures.scaling_law(times_of(true, 60, x=DECAYS), "x")
    other = measures.scaling_law(times_of(true * of_time, 60 * of_time, x=DECAYS * of_x), "x")
    assert law.curvature is not None
    assert other.curvature is not None
    for one, two in ((law.parameters["exponent"], other.parameters["exponent"]),
                     (law.curvature, other.curvature)):  # fmt: skip
        assert (one.value, one.low, one.high) == pytest.approx(
            (two.value, two.low, two.high), abs=1e-4
        )
    factor = of_time * of_x ** -law.parameters["exponent"].value
    assert other.parameters["factor"].value == pytest.approx(
        law.parameters["factor"].value * factor, rel=1e-4
    )


def test_a_published_sweep_has_its_published_slope():
    """Steps until the test loss is below 1 of Nanda et al. 2023, arXiv:2301.05217: one run each.

    From a quarter to a half of the pairs ln t falls by 13.4 per unit of the fraction. At a fifth
    and below nothing happens in 40,000 steps, which a critical fraction says as well.
    """
    steps = {0.5: 744, 0.4: 2615, 0.3: 7583, 0.28: 14465, 0.25: 21419}
    times = times_of(list(steps.values()), 4e4, fraction=list(steps))
    rate = measures.scaling_law(times, "fraction", form="exponential").parameters["rate"]
    assert rate.value == pytest.approx(-13.2, abs=0.1)
    assert rate.low < -13.4 < rate.high
    more = {**steps, 0.2: np.inf, 0.15: np.inf, 0.1: np.inf}
    law = measures.scaling_law(
        times_of(list(more.values()), 4e4, fraction=list(more)), "fraction", form="critical"
    )
    assert law.parameters["critical"].value < 0.25
    assert law.censored == 3


def test_a_critical_point_and_a_floor_are_found_again():
    x = np.repeat([0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6], 6)
    noise = np.exp(0.1 * np.random.default_rng(8).normal(size=x.size))
    with np.errstate(divide="ignore"):
        true = 30 * np.maximum(x - 0.17, 0) ** -1.5 * noise
    law = measures.scaling_law(times_of(true, 1e4, x=x), "x", form="critical")
    assert law.parameters["critical"].low < 0.17 < law.parameters["critical"].high
    assert law.parameters["critical"].high - law.parameters["critical"].low < 0.05
    assert law.parameters["exponent"].low < -1.5 < law.parameters["exponent"].high
    true = (0.5 * x**-4 + 40) * noise
    law = measures.scaling_law(times_of(true, 1500, x=x), "x", form="floor")
    assert law.parameters["floor"].low < 40 < law.parameters["floor"].high
    assert law.parameters["exponent"].low < -4 < law.parameters["exponent"].high
    assert law.aic < measures.scaling_law(times_of(true, 1500, x=x), "x").aic - 10
    none = measures.scaling_law(times_of(x**-2 * noise, x=x), "x", form="floor")
    assert none.parameters["floor"].low == 0


def test_a_table_of_a_law_is_in_words():
    law = measures.scaling_law(times_of(powers(np.random.default_rng(9), 0.5), 60, x=DECAYS), "x")
    assert law.table.index.tolist() == ["factor", "exponent", "curvature"]
    assert law.table.index.name == "t = A x^b"
    assert law.table.columns.tolist() == ["value", "95 % interval"]
    assert " to " in law.table.loc["exponent", "95 % interval"]
    assert "16 of them censored" in str(law) or f"{law.censored} of them censored" in str(law)


def test_a_law_can_be_drawn_over_seeds():
    seed = np.tile(np.arange(8), 5)
    times = times_of(powers(np.random.default_rng(10), 0.3), 150, x=DECAYS, seed=seed)
    found = measures.bootstrap(
        lambda t: measures.scaling_law(t, "x").parameters["exponent"].value, times, resamples=40
    )
    own = measures.scaling_law(times, "x").parameters["exponent"]
    assert found.value == own.value
    assert found.low < found.value < found.high
    # Seeds are independent here, so that both intervals know as much.
    assert 0.4 < (found.high - found.low) / (own.high - own.low) < 2.5


def test_laws_that_cannot_be_fitted_are_refused():
    times = times_of([10, 20, 9, 9, 9], 8, x=[1, 1, 2, 2, 3])
    with pytest.raises(ValueError, match="got form='line'; allowed: power, exponential"):
        measures.scaling_law(times, "x", form="line")
    with pytest.raises(ValueError, match=r"got 0 runs that got there, at 0 values of x; allowed"):
        measures.scaling_law(times, "x")
    with pytest.raises(ValueError, match="got x = 0 in the form 'power'"):
        measures.scaling_law(times_of([1, 2, 3, 4], x=[0, 1, 2, 3]), "x")
    with pytest.raises(ValueError, match="1 times of zero or below"):
        measures.scaling_law(times_of([0, 2, 3, 4], x=[1, 1, 2, 3]), "x")
