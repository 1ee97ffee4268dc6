"""Pictures of times show every run, and say what the statistics say."""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from censored import NAN, times_of
from flyroom import figures, measures

DECAY = "optimizer.weight_decay"
DECAYS, SEEDS = np.repeat([0.01, 0.03, 0.1, 0.3], 6), np.tile(np.arange(6), 4)


@pytest.fixture(scope="module")
def times():
    true = 300 / DECAYS * np.exp(0.3 * np.random.default_rng(0).normal(size=24))
    return times_of(true, 12_000, **{DECAY: DECAYS, "seed": SEEDS})


def words(figure: Figure) -> list[str]:
    return [t.get_text() for t in figure.findobj(Text) if isinstance(t, Text) and t.get_text()]


def marks(axes: Axes, filled: bool) -> np.ndarray:
    """Where marks of one kind stand, in rows; those of censored runs are not filled."""
    found = [line for line in axes.lines if (line.get_markerfacecolor() != "none") == filled]
    found = [line for line in found if line.get_linestyle() == "None"]
    places = np.concatenate([np.asarray(line.get_xydata(), float) for line in found])
    return places[~np.isnan(places).any(1)]


def test_runs_still_observed_are_counted_below_each_tick(times):
    figure = figures.survival_curves(times.isel(run=DECAYS <= 0.03), by=DECAY)
    (axes,) = figure.axes
    said = words(figure)
    ticks = axes.get_xticks()
    for value in (0.01, 0.03):
        last = times.fillna(times.censored_at)[value == DECAYS].values
        counts = [str(int((last >= tick).sum())) for tick in ticks]
        assert counts[0] == "6"
        at = said.index("still observed") + 1 + len(ticks) * (value == 0.03)
        assert said[at : at + len(ticks)] == counts


def test_what_the_test_says_of_settings_stands_above_them(times):
    assert str(measures.logrank(times, DECAY)) in words(figures.survival_curves(times, by=DECAY))
    assert not any("log-rank" in one for one in words(figures.survival_curves(times)))


def test_intervals_show_each_number_and_where_there_is_no_bound():
    estimates = {
        "both": measures.Estimate(0.9, 0.7, 1.0),
        "open": measures.Estimate(0.6, 0.5, np.inf),
        "none": measures.Estimate(0.5, NAN, NAN),
    }
    figure = figures.intervals(estimates, label="area", reference=0.4)
    (axes,) = figure.axes
    *lines, dots, reference = axes.lines
    np.testing.assert_array_equal(dots.get_xydata(), [[0.9, 0], [0.6, 1], [0.5, 2]])
    first, second, arrow = lines
    np.testing.assert_array_equal(first.get_xdata(), [0.7, 1.0])
    assert np.asarray(second.get_xdata())[1] == np.asarray(arrow.get_xdata())[0] > 1
    assert arrow.get_marker() == ">"
    np.testing.assert_array_equal(reference.get_xdata(), [0.4, 0.4])
    assert [text.get_text() for text in axes.get_yticklabels()] == list(estimates)


def test_a_setting_without_a_record_is_named_in_the_survival_picture():
    figure = figures.survival_curves(times_of([5, NAN], [9, NAN], seed=[0, 1]), by="seed")
    assert {"seed 0: 1 of 1", "seed 1: none observed"} <= {*words(figure)}


def test_a_law_is_drawn_through_every_run(times):
    figure = figures.scaling(times, DECAY)
    (axes,) = figure.axes
    law = measures.scaling_law(times, DECAY)
    assert law.censored > 0
    there = times.notnull().values
    np.testing.assert_allclose(marks(axes, True), np.stack([DECAYS, times.values], 1)[there])
    np.testing.assert_allclose(marks(axes, False)[:, 1], 12_000)
    assert len(marks(axes, False)) == law.censored
    (line,) = (line for line in axes.lines if line.get_linestyle() == "-")
    x, y = np.asarray(line.get_xydata(), float).T
    inside = (x > 0.1) & (x < 0.29)
    np.testing.assert_allclose(y[inside], law.at(x)[0][inside])
    exponent = str(law.parameters["exponent"]).replace("-", "−")
    assert f"t = A x^b:  exponent {exponent}" in words(figure)
    assert any(f"24 runs, {law.censored} censored" in said for said in words(figure))


def test_a_critical_point_is_marked():
    x = np.repeat([0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.6], 4)
    noise = np.exp(0.1 * np.random.default_rng(8).normal(size=x.size))
    with np.errstate(divide="ignore"):
        true = 30 * np.maximum(x - 0.17, 0) ** -1.5 * noise
    times = times_of(true, 1e4, fraction=x)
    axes = figures.scaling(times, "fraction", form="critical").axes[0]
    found = measures.scaling_law(times, "fraction", form="critical").parameters["critical"]
    (mark,) = (line for line in axes.lines if line.get_linestyle() == "--")
    np.testing.assert_allclose(np.asarray(mark.get_xdata(), float), found.value)
    assert (axes.get_xscale(), axes.get_yscale()) == ("linear", "log")


def test_each_pair_is_a_mark_on_the_side_of_the_later_run(times):
    figure = figures.paired(times, DECAY, values=(0.01, 0.03))
    (axes,) = figure.axes
    found = measures.paired(times, DECAY, values=(0.01, 0.03))
    assert found.counts["undecided"] > 0
    places = np.concatenate([marks(axes, True), marks(axes, False)])
    assert len(places) == 6
    known = found.pairs.time.fillna(found.pairs.censored_at).values
    np.testing.assert_allclose(np.sort(places, 0), np.sort(known, 0))
    said = words(figure)
    assert f"sooner with 0.03: {found.counts['second']}" in said
    assert any(found.said[1] in text for text in said)


def test_a_pair_that_is_not_complete_is_counted_in_the_picture():
    times = times_of([5, 6, 8, 9, 7], decay=[1, 1, 2, 2, 2], seed=[0, 1, 0, 1, 2])
    assert "incomplete: one never observed: 1" in words(figures.paired(times, "decay"))
    axes = figures.paired(times, "decay", ratio=False).axes[0]
    assert axes.get_xscale() == "linear"
