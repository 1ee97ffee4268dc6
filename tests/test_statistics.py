"""Statistics of times, some of them censored: published, of other hands, and of known chances."""

import numpy as np
import pytest
import scipy.stats
import xarray as xr
from hypothesis import assume, given, settings, strategies as st

from censored import NAN, times_of
from flyroom import measures

pytestmark = pytest.mark.slow

some = settings(max_examples=30, deadline=None)

# Weeks in remission, with 6-mercaptopurine and without: Freireich et al. 1963.
RELAPSED = [6, 6, 6, 7, 10, 13, 16, 22, 23]
LEFT = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


@pytest.fixture(scope="module")
def remission() -> xr.DataArray:
    true = [*RELAPSED, *[np.inf] * len(LEFT), *PLACEBO]
    until = [*[np.inf] * len(RELAPSED), *LEFT, *[np.inf] * len(PLACEBO)]
    return times_of(true, until, drug=["6-MP"] * 21 + ["none"] * 21)


def some_runs(draw: st.DrawFn, groups: int) -> xr.DataArray:
    size = draw(st.integers(2 * groups, 24))
    numbers = st.lists(st.integers(1, 12), min_size=size, max_size=size)
    of = np.arange(size) % groups
    return times_of(draw(numbers), draw(numbers), group=of, seed=np.arange(size) // groups)


two_groups, three_groups = (st.composite(lambda draw, k=k: some_runs(draw, k))() for k in (2, 3))


def compared(times: xr.DataArray) -> bool:
    """Whether two groups were under observation when the first run got there."""
    last = times.fillna(times.censored_at)
    return np.unique(times.group[(last >= times.min()).values]).size > 1


# Medians in numbers and in words.


def test_a_median_has_the_interval_of_other_programs(remission: xr.DataArray):
    """As lifelines 0.30 gives it, and SAS with its log–log transformation."""
    for drug, expected in {"6-MP": (23, 13, np.inf), "none": (8, 4, 11)}.items():
        found = measures.median_time(remission[(remission.drug == drug).values])
        assert (found.item(), found.low.item(), found.high.item()) == expected
        assert np.isnan(found.censored_at)


def test_a_median_that_was_not_reached_says_what_it_exceeds():
    found = measures.median_time(times_of([10, 20, *[np.inf] * 6], 5e4))
    assert np.isnan(found)
    assert found.censored_at == 5e4
    assert measures.describe_times(found) == ["not by step 50,000 (censored)"]


def test_a_table_of_times_has_words_for_what_is_not_known():
    true = [10, 20, 30, 40, 50, 60, 90, *[np.inf] * 5, NAN]
    times = times_of(true, 2e4, decay=[1.0] * 7 + [0.1] * 5 + [0.0])
    table = measures.time_table(times, "decay")
    assert table.index.name == "decay"
    assert table.loc[1.0].tolist() == [7, 7, 0, 0, "40", "10 to 60"]
    assert table.loc[0.1].tolist() == [5, 0, 5, 0, "not reached (> 20,000)", "–"]
    nothing = xr.DataArray([NAN], {"censored_at": ("run", [NAN])}, "run")
    assert measures.time_table(nothing)["median"].tolist() == ["no run observed"]
    assert measures.time_table(nothing)["unobserved"].tolist() == [1]


def test_a_table_has_a_row_for_each_combination():
    times = times_of([1, 2, 3, 4], width=[8, 8, 16, 16], seed=[1, 0, 0, 1])
    table = measures.time_table(times, ["width", "seed"])
    assert table.index.tolist() == [(8, 0), (8, 1), (16, 0), (16, 1)]
    assert table["median"].tolist() == ["2", "1", "3", "4"]


def test_settings_are_named_when_they_are_not_there():
    times = times_of([1, 2], seed=[0, 1])
    with pytest.raises(ValueError, match=r"got \['decay'\]; allowed: \['seed'\]"):
        measures.by_setting(times, "decay")
    with pytest.raises(ValueError, match=r"allowed: over run alone"):
        measures.by_setting(times.expand_dims("stage"), "seed")


@some
@given(three_groups)
def test_settings_part_the_runs(times: xr.DataArray):
    parts = measures.by_setting(times, ["group", "seed"])
    assert list(parts) == sorted(parts)
    assert sum(part.size for part in parts.values()) == times.size
    counts = measures.time_table(times, "group")
    kinds = counts[["reached", "censored", "unobserved"]]
    assert (kinds.sum(axis=1) == counts["runs"]).all()


# Log-rank tests.


def test_logrank_is_that_of_a_textbook(remission: xr.DataArray):
    """χ² = 16.79, with 19.3 and 10.7 relapses expected: Kleinbaum and Klein, Survival Analysis."""
    found = measures.logrank(remission, "drug")
    assert found.statistic == pytest.approx(16.79, abs=0.005)
    assert found.p_value == pytest.approx(4.17e-5, rel=1e-3)
    np.testing.assert_allclose(found.table["expected"], [19.25, 10.75], atol=0.005)
    assert found.table["reached"].tolist() == [9, 21]
    assert str(found) == "log-rank χ² = 16.8, degrees of freedom: 1, p < 0.001"


def test_logrank_of_three_settings_is_that_of_lifelines():
    true = [8, 12, 16, np.inf, 12, 32, 50, np.inf, 20, np.inf, np.inf, np.inf]
    times = times_of(true, [64, 64, 64, 40, *[64] * 8], group=np.repeat([0, 1, 2], 4))
    found = measures.logrank(times, "group")
    assert (found.statistic, found.p_value) == pytest.approx((3.7405499477, 0.1540812877))
    assert found.degrees == 2


@some
@given(two_groups)
def test_logrank_of_two_settings_is_that_of_scipy(times: xr.DataArray):
    one, other = (
        measures.censored_data(part) for part in measures.by_setting(times, "group").values()
    )
    assume(compared(times))
    found = measures.logrank(times, "group")
    with np.errstate(invalid="ignore"):  # where all get there at once nothing varies
        theirs = scipy.stats.logrank(one, other)
    if np.isfinite(theirs.statistic):
        assert found.statistic == pytest.approx(theirs.statistic**2, abs=1e-9)
        assert found.p_value == pytest.approx(theirs.pvalue, abs=1e-9)


@some
@given(three_groups, st.randoms(use_true_random=False))
def test_logrank_knows_no_units_no_names_and_no_order(times: xr.DataArray, random):
    assume(compared(times))
    found = measures.logrank(times, "group")
    order = random.sample(range(times.size), times.size)
    changed = times.isel(run=order)
    changed = changed.copy(data=changed.values**3).assign_coords(
        censored_at=changed.censored_at**3, group=5 - changed.group
    )
    again = measures.logrank(changed, "group")
    assert again.statistic == pytest.approx(found.statistic, abs=1e-8)
    np.testing.assert_allclose(found.table["expected"].sum(), found.table["reached"].sum())


def test_logrank_within_strata_compares_nothing_across_them():
    """All runs of one width are slower, and that is all: pooled, the settings would differ."""
    random = np.random.default_rng(0)
    width = np.repeat([8, 8, 16, 16], [60, 10, 10, 60])
    group = np.repeat([0, 1, 0, 1], [60, 10, 10, 60])
    times = times_of(
        np.exp(random.normal(size=140) + 4 * (width == 16)), 1e3, width=width, group=group
    )
    assert measures.logrank(times, "group").p_value < 0.001
    assert measures.logrank(times, "group", within="width").p_value > 0.05


def test_equal_settings_have_uniform_p_values_and_unequal_ones_small_ones():
    random = np.random.default_rng(1)
    group = np.repeat([0, 1, 2], 20)
    draws = [np.exp(random.normal(size=60)) for _ in range(300)]
    equal = [measures.logrank(times_of(draw, 1.5, group=group), "group").p_value for draw in draws]
    assert scipy.stats.kstest(equal, "uniform").pvalue > 0.01
    faster = [
        measures.logrank(times_of(draw / (1 + 2 * group), 1.5, group=group), "group").p_value
        for draw in draws[:50]
    ]
    assert np.mean(np.array(faster) < 0.05) > 0.9


def test_logrank_needs_two_settings_and_a_run_that_got_there():
    with pytest.raises(ValueError, match="0 of 2 runs that got there"):
        measures.logrank(times_of([9, 9], 5, seed=[0, 1]), "seed")
    with pytest.raises(ValueError, match="1 of 1 settings"):
        measures.logrank(times_of([3, 4], 5, seed=[0, 0]), "seed")


# Pairs.


def test_pairs_by_hand():
    """Four sooner with 1, one with 0.1, a tie, two undecided, two whose partner is not there."""
    first = {0: (10, NAN), 1: (10, NAN), 2: (10, NAN), 3: (20, NAN), 4: (NAN, 50), 5: (8, NAN),
             6: (70, NAN), 7: (NAN, 100), 8: (10, NAN)}  # fmt: skip
    second = {0: (40, NAN), 1: (NAN, 100), 2: (20, NAN), 3: (30, NAN), 4: (25, NAN), 5: (8, NAN),
              6: (NAN, 35), 7: (NAN, 100), 8: (NAN, NAN), 9: (5, NAN)}  # fmt: skip
    rows = [(1.0, seed, *row) for seed, row in first.items()]
    rows += [(0.1, seed, *row) for seed, row in second.items()]
    decay, seed, reached, until = map(np.array, zip(*rows, strict=True))
    times = xr.DataArray(
        reached,
        {"decay": ("run", decay), "seed": ("run", seed), "censored_at": ("run", until)},
        "run",
    )
    found = measures.paired(times, "decay", values=(1.0, 0.1))
    assert found.counts == {"first": 4, "second": 1, "tie": 1, "undecided": 2, "incomplete": 2}
    assert found.p_value == pytest.approx(2 * (1 + 5) / 32)  # of five coins
    np.testing.assert_allclose(found.pairs.least, [4, 10, 2, 1.5, 0, 1, 0.5, 0, NAN, NAN])
    np.testing.assert_allclose(
        found.pairs.most, [4, np.inf, 2, 1.5, 0.5, 1, np.inf, np.inf, NAN, NAN]
    )
    # Sorted: 0 0 .5 1 1.5 2 4 10, and .5 1 1.5 2 4 and three without bound.
    assert found.median == pytest.approx((1.5**0.5, 8**0.5))
    assert found.interval == (0.0, np.inf)
    assert found.table["pairs"].tolist() == [4, 1, 1, 2, 2]


@some
@given(two_groups)
def test_sides_may_be_exchanged(times: xr.DataArray):
    found = measures.paired(times, "group", values=(0, 1))
    other = measures.paired(times, "group", values=(1, 0))
    assert found.counts["first"] == other.counts["second"]
    assert found.p_value == pytest.approx(other.p_value)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(found.median, 1 / np.array(other.median)[::-1])
        np.testing.assert_allclose(found.interval, 1 / np.array(other.interval)[::-1])


@some
@given(two_groups)
def test_a_sign_test_is_a_logrank_test_of_pairs(times: xr.DataArray):
    """Where both runs of a pair are observed, who is first is all that one learns of it."""
    counts = measures.paired(times, "group").counts
    decided = counts["first"] + counts["second"]
    if decided:
        found = measures.logrank(times, "group", within="seed")
        assert found.statistic == pytest.approx((counts["first"] - counts["second"]) ** 2 / decided)


@some
@given(two_groups, st.floats(1.0, 8.0))
def test_longer_observation_never_contradicts_a_pair(times: xr.DataArray, factor: float):
    """What is said with censoring holds of the times that it hid."""
    hidden = times.fillna(times.censored_at * factor + 1)
    known = hidden.assign_coords(censored_at=xr.full_like(hidden.censored_at, NAN))
    seen, true = (measures.paired(each, "group") for each in (times, known))
    slack = 1e-12
    assert not (true.pairs.least < seen.pairs.least - slack).any()
    assert not (true.pairs.most > seen.pairs.most + slack).any()
    assert seen.median[0] - slack <= true.median[0] <= seen.median[1] + slack
    assert seen.interval[0] <= true.interval[0] + slack
    decided = np.isin(seen.pairs.outcome, ("first", "second", "tie"))
    assert (seen.pairs.outcome == true.pairs.outcome).values[decided].all()


def test_the_interval_of_a_ratio_covers_it_and_equal_settings_are_seldom_told_apart():
    random, covered, told = np.random.default_rng(2), 0, 0
    group, seed = np.repeat([0, 1], 12), np.tile(np.arange(12), 2)
    for _ in range(300):
        common = np.tile(random.normal(size=12), 2)
        true = np.exp(common + 0.5 * random.normal(size=24)) * np.where(group == 1, 3, 1)
        times = times_of(true, 3, group=group, seed=seed)
        low, high = measures.paired(times, "group").interval
        covered += low <= 3 <= high
        same = times_of(true / np.where(group == 1, 3, 1), 3, group=group, seed=seed)
        told += measures.paired(same, "group").p_value < 0.05
    assert covered >= 0.95 * 300
    assert told <= 0.05 * 300


def test_differences_are_of_times_that_have_no_ratio():
    times = times_of([0, 5, 9, 3], group=[0, 0, 1, 1], seed=[0, 1, 0, 1])
    with pytest.raises(ValueError, match=r"1 times of zero or below.*ratio=False"):
        measures.paired(times, "group")
    assert measures.paired(times, "group", ratio=False).median == (3.5, 3.5)


def test_pairs_that_are_none_are_refused():
    times = times_of([1, 2, 3], group=[0, 1, 2], seed=[0, 0, 0])
    with pytest.raises(ValueError, match=r"got \[0, 1, 2\] as values of group; allowed: two of"):
        measures.paired(times, "group")
    twice = times_of([1, 2, 3], group=[0, 1, 1], seed=[0, 0, 0])
    with pytest.raises(ValueError, match="several runs with the same seed"):
        measures.paired(twice, "group")
    apart = times_of([1, 2], group=[0, 1], seed=[0, 1])
    with pytest.raises(ValueError, match="no pair of runs by seed"):
        measures.paired(apart, "group")


# Bootstrap over seeds.


def test_a_bootstrap_of_single_runs_is_that_of_scipy():
    values = np.random.default_rng(3).gamma(2.0, size=20)
    found = measures.bootstrap(lambda t: t.mean(), times_of(values, seed=np.arange(20)))
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=999, rng=np.random.default_rng(0)
    )
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval))
    assert found == measures.bootstrap(lambda t: t.mean(), times_of(values, seed=np.arange(20)))
    assert found != measures.bootstrap(
        lambda t: t.mean(), times_of(values, seed=np.arange(20)), seed=1
    )


def test_runs_of_a_seed_are_drawn_together():
    """Ten copies of each of six runs know no more than the six; and settings stay complete."""
    values = np.array([1.0, 2.0, 4.0, 5.0, 9.0, 12.0])
    once = measures.bootstrap(lambda t: t.mean(), times_of(values, seed=np.arange(6)))
    copies = times_of(
        np.tile(values, 10), seed=np.tile(np.arange(6), 10), decay=np.repeat(np.arange(10), 6)
    )
    many = measures.bootstrap(lambda t: t.mean(), copies)
    assert (many.low, many.high) == pytest.approx((once.low, once.high))
    sizes = {tuple(np.bincount(copies.decay))}
    measures.bootstrap(
        lambda t: sizes.add(tuple(np.bincount(t.decay))) or 0.0, copies, resamples=20
    )
    assert {len(set(counts)) for counts in sizes} == {1}


def test_each_drawing_of_a_seed_is_a_seed_of_its_own():
    times = times_of([1, 2, 4, 3, 5, 7], group=[0, 0, 0, 1, 1, 1], seed=[4, 5, 6, 4, 5, 6])
    found = measures.bootstrap(lambda t: measures.paired(t, "group").median[0], times, resamples=50)
    assert (found.value, found.low, found.high) == pytest.approx((2.5, 1.75, 3.0))


def test_a_median_that_some_drawings_do_not_reach_has_no_upper_bound():
    times = times_of([10, 20, 30, 40, *[np.inf] * 3], 100, seed=np.arange(7))
    found = measures.bootstrap(measures.median_time, times)
    assert found.value == 40
    assert found.low < 40
    assert found.high == np.inf
    assert str(found).endswith("to no bound)")


def test_what_does_not_vary_has_an_interval_without_width():
    found = measures.bootstrap(lambda t: t.size, times_of([1, 2, 3], seed=[0, 1, 2]))
    assert (found.value, found.low, found.high) == (3, 3, 3)


def test_a_bootstrap_needs_seeds():
    times = times_of([1, 2], seed=[0, 0])
    with pytest.raises(ValueError, match="got 1 value of seed; allowed: at least 2"):
        measures.bootstrap(lambda t: t.mean(), times)
    with pytest.raises(ValueError, match=r"over='draw'; allowed: \['censored_at', 'seed'\]"):
        measures.bootstrap(lambda t: t.mean(), times, over="draw")
