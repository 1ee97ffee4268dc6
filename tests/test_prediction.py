"""What early signs foretell: by hand, by other packages, and on signs of which all is known."""

from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings, strategies as st

from censored import times_of
from flyroom import measures

NUMBERS = st.lists(st.tuples(st.integers(0, 40), st.integers(-5, 5)), min_size=3, max_size=30).map(
    lambda pairs: np.array(pairs, float).T
)


def test_one_pair_of_five_is_the_wrong_way_round():
    """Sooner to later: 0.9, 0.4, and two that are still under way, of 0.5 and 0.1."""
    times, sign = times_of([8, 16, 99, 99], 64), np.array([0.9, 0.4, 0.5, 0.1])
    assert measures.auroc(times, sign) == 3 / 4
    assert measures.concordance(times, sign) == 4 / 5
    assert measures.false_alarms(times, sign) == 1 / 2
    assert measures.false_alarms(times, sign, caught=0.5) == 0


def test_a_sign_may_be_perfect_upside_down_or_empty():
    times = times_of([1, 2, 3, 9, 9, 9], 5)
    sign = -np.array([1.0, 2, 3, 4, 5, 6])
    for factor, area, alarms in ((1, 1, 0), (-1, 0, 1), (0, 0.5, 1)):
        assert measures.auroc(times, factor * sign) == area
        assert measures.concordance(times, factor * sign) == area
        assert measures.false_alarms(times, factor * sign) == alarms


@settings(max_examples=50, deadline=None)
@given(NUMBERS)
def test_the_area_is_the_statistic_of_mann_and_whitney(drawn: np.ndarray):
    true, sign = drawn
    reached = true <= 20
    area = measures.auroc(times_of(true, 20), sign)
    if reached.all() or not reached.any():
        assert np.isnan(area)
        return
    u = scipy.stats.mannwhitneyu(sign[reached], sign[~reached]).statistic
    assert area == pytest.approx(u / (reached.sum() * (~reached).sum()))


@settings(max_examples=50, deadline=None)
@given(NUMBERS)
def test_with_one_time_for_all_concordance_is_the_area(drawn: np.ndarray):
    """Then who gets there and who gets there sooner are one question."""
    true, sign = drawn
    times = times_of(np.where(true <= 20, 10.0, np.inf), 20)
    np.testing.assert_allclose(measures.concordance(times, sign), measures.auroc(times, sign))


@settings(max_examples=50, deadline=None)
@given(st.permutations(range(12)))
def test_without_censoring_concordance_is_kendalls(order: list[int]):
    sign = np.array(order, float)
    kendall: Any = scipy.stats.kendalltau(np.arange(12), sign)
    found = measures.concordance(times_of(np.arange(12.0)), sign)
    assert found == pytest.approx((1 - kendall.statistic) / 2)


def test_who_was_never_observed_is_left_out_and_who_left_early_says_less():
    times = times_of([8, 16, 99, 99], [64, 64, 64, 12])
    sign = np.array([0.4, 0.9, 0.1, 0.6])
    # The last was censored at 12: it came after the first, and nothing is known of it and the
    # second.
    assert measures.concordance(times, sign) == 2 / 4
    gone = times.copy()
    gone.values[0] = np.nan
    assert measures.concordance(gone, sign) == measures.concordance(times[1:], sign[1:]) == 1


def test_signs_that_cannot_be_judged_are_refused():
    times = times_of([1, 2, 9], 5)
    with pytest.raises(ValueError, match="1 signs that are NaN"):
        measures.auroc(times, np.array([1, np.nan, 2.0]))
    with pytest.raises(ValueError, match=r"got \(2,\) signs for \(3,\) times"):
        measures.concordance(times, np.array([1, 2.0]))


def test_the_table_has_the_same_numbers_and_an_interval_over_seeds():
    random = np.random.default_rng(0)
    true = random.exponential(20, 80)
    times = times_of(true, 20, seed=np.arange(80))
    every_other = np.argsort(np.argsort(true)) % 2.0  # of the runs in the order of their times
    signs = {"good": -np.log(true) + random.normal(size=80), "none": every_other}
    table = measures.prediction_table(times, signs, resamples=199)
    for name, row in table.iterrows():
        assert row.auroc == measures.auroc(times, signs[str(name)])
        assert row.concordance == measures.concordance(times, signs[str(name)])
        assert row.false_alarms == measures.false_alarms(times, signs[str(name)])
        assert row.low < row.auroc < row.high
    assert table.low["good"] > 0.5
    assert table.low["none"] < 0.5 < table.high["none"]
    with pytest.raises(ValueError, match="got over='init_seed'"):
        measures.prediction_table(times, signs, over="init_seed")


def test_where_all_get_there_only_the_order_can_be_foretold():
    table = measures.prediction_table(
        times_of([1, 2, 3], seed=[0, 1, 2]), {"it": np.array([3.0, 2, 1])}
    )
    row = table.loc["it"]
    assert row.concordance == 1
    assert row[["auroc", "low", "high", "false_alarms"]].isna().all()


def test_no_area_is_beyond_one_where_few_get_there():
    """Of so few, many a drawing has runs of one kind only."""
    times = times_of([1, 2, 9, 9, 9, 9, 9, 9], 5, seed=range(8))
    sign = np.array([3.0, 0, 1, 2, -1, -2, -3, 4])
    row = measures.prediction_table(times, {"it": sign}).loc["it"]
    assert row.low < row.auroc < row.high == 1
