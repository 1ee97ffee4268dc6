"""Times with their censoring, phases, and waves in weights: hand-made, published and random."""

import csv
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings, strategies as st

from flyroom import measures
from flyroom.training import Status

NAN = float("nan")
ANGLES = 2 * np.pi * np.arange(67) / 67


def curve(rows: object, steps: object, name: str = "test_accuracy") -> xr.DataArray:
    values = np.asarray(rows, np.float32)
    return xr.DataArray(values, {"step": np.asarray(steps)}, ("run", "step"), name)


def runs_of(steps: object, **rows: object) -> xr.Dataset:
    status = rows.pop("status", None)
    runs = xr.Dataset({name: curve(values, steps, name) for name, values in rows.items()})
    runs = runs.assign_coords(run=np.arange(runs.sizes["run"]))
    return runs if status is None else runs.assign(status=("run", np.asarray(status, np.int8)))


def times_of(reached: list[float], censored_at: list[float]) -> xr.DataArray:
    return xr.DataArray(np.array(reached, float), {"censored_at": ("run", censored_at)}, "run")


# When something first held.


def test_every_run_has_a_step_or_a_censoring_or_no_record():
    found = measures.first_step(
        curve([[0, 1, 0, 1], [0, 0.5, 0.9, 0.98], [NAN] * 4, [0, 0.2, NAN, NAN]], [0, 8, 64, 512]),
        0.99,
    )
    np.testing.assert_array_equal(found, [8, NAN, NAN, NAN])
    np.testing.assert_array_equal(found.censored_at, [NAN, 512, NAN, 8])
    assert found.attrs["units"] == "step"
    assert found.attrs["threshold"] == 0.99


def test_a_sustained_step_is_the_first_of_its_records():
    accuracy = curve([[0, 1, 0, 1, 1, 1], [0, 0, 0, 0, 1, 1]], [0, 1, 2, 3, 4, 5])
    np.testing.assert_array_equal(measures.first_step(accuracy, 0.99, records=2), [3, 4])
    sustained = measures.first_step(accuracy, 0.99, records=3)
    np.testing.assert_array_equal(sustained, [3, NAN])
    np.testing.assert_array_equal(sustained.censored_at, [NAN, 5])


def test_steps_without_a_record_are_passed_over():
    found = measures.first_step(curve([[NAN, 1, NAN, 1, 0]], [0, 1, 2, 3, 4]), 0.99, records=2)
    assert found.item() == 1


def test_a_share_of_right_answers_reaches_the_same_share():
    """0.9 in float32 is less than 0.9 in float64."""
    assert measures.first_step(curve([[90 / 100]], [0]), 0.9).item() == 0


def test_losses_fall_to_a_threshold():
    found = measures.first_step(curve([[1, 1e-3, 1e-6]], [0, 8, 64], "loss"), 1e-5, falling=True)
    assert found.item() == 64
    assert found.attrs["long_name"] == "first step with loss at most 1e-05"


def test_other_axes_and_orders_of_axes_are_kept():
    shares = np.array([[[0, 1], [1, 0], [1, 1]]])
    found = measures.first_step(
        xr.DataArray(shares, {"step": [0, 5, 9]}, ("run", "step", "neuron")), 0.5
    )
    assert found.dims == ("run", "neuron")
    np.testing.assert_array_equal(found, [[5, 0]])


def test_a_store_without_records_yet_has_no_times():
    found = measures.first_step(curve(np.zeros((2, 0)), np.zeros(0, int)), 0.5, records=3)
    assert np.isnan(found).all()
    assert np.isnan(found.censored_at).all()


def test_a_count_of_records_below_one_is_refused():
    with pytest.raises(ValueError, match="got records=0; allowed: at least 1"):
        measures.first_step(curve([[1]], [0]), 0.5, records=0)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.5, 1.0, NAN]), min_size=1, max_size=12),
    st.integers(1, 4),
)
def test_first_step_is_what_a_loop_finds(values: list[float], records: int):
    steps = 3 * np.arange(len(values))
    own = [(s, v) for s, v in zip(steps, values, strict=True) if v == v]
    windows = [own[i : i + records] for i in range(len(own) - records + 1)]
    expected = next((w[0][0] for w in windows if all(v >= 0.5 for _, v in w)), NAN)
    found = measures.first_step(curve([values], steps), 0.5, records=records)
    np.testing.assert_array_equal(found, [expected])
    if np.isnan(expected):
        np.testing.assert_array_equal(found.censored_at, [own[-1][0] if own else NAN])


def test_the_published_run_groks_where_its_log_says(published: Path):
    with (published / "pair_mod67_log.csv").open() as file:
        rows = list(csv.DictReader(file))
    steps = [int(row["step"]) for row in rows]
    runs = runs_of(
        steps,
        train_accuracy=[[float(row["train_acc"]) for row in rows]],
        test_accuracy=[[float(row["eval_acc"]) for row in rows]],
        test_loss=[[float(row["eval_loss"]) for row in rows]],
    )
    assert measures.memorization_step(runs).item() == 300
    assert measures.generalization_step(runs).item() == 40_800
    assert measures.grokking_delay(runs).item() == 40_500
    assert measures.first_step(runs.test_loss, 1e-3, falling=True).item() == 40_400


def test_a_delay_is_censored_from_memorisation_on():
    runs = runs_of(
        [0, 10, 100, 1000],
        train_accuracy=[[0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]],
        test_accuracy=[[0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 1, 1], [0, 0, 1, 1]],
    ).assign_coords(seed=("run", [5, 6, 7, 8, 9]))
    delay = measures.grokking_delay(runs)
    np.testing.assert_array_equal(delay, [990, NAN, NAN, -90, NAN])
    np.testing.assert_array_equal(delay.censored_at, [NAN, 990, NAN, NAN, NAN])
    np.testing.assert_array_equal(delay.seed, runs.seed)


def test_words_say_what_is_not_known():
    ends = [Status.FINISHED, Status.STOPPED, Status.DIVERGED, Status.RUNNING, Status.QUEUED]
    times = times_of([NAN] * 5, [5e4, 2048, 300, 7, NAN])
    assert measures.describe_times(times, xr.DataArray([int(s) for s in ends], dims="run")) == [
        "not within the budget (censored at step 50,000)",
        "not before it was stopped (censored at step 2,048)",
        "not before it diverged (censored at step 300)",
        "not yet (censored at step 7)",
        "no record",
    ]
    assert measures.describe_times(times_of([1234], [NAN])) == ["at step 1,234"]


# Many runs, some of them censored.


def test_survival_is_that_of_a_textbook():
    """Remission times of 21 leukaemia patients (Freireich et al. 1963), in weeks."""
    relapsed = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    left = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    times = times_of(relapsed + [NAN] * 12, [NAN] * 9 + left)
    found = measures.survival(times)
    expected = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448}
    np.testing.assert_allclose(
        found.survival.sel(step=list(expected)), [*expected.values()], atol=1e-3
    )
    assert measures.median_time(times).item() == 23
    assert (found.attrs["reached"], found.attrs["censored"], found.attrs["unobserved"]) == (
        9,
        12,
        0,
    )
    some = found.sel(step=22)
    assert some.low < some.survival < some.high


def test_rare_success_does_not_look_fast():
    """Two of eight are fast, the others never: the median of the known times would be 15."""
    times = times_of([10, 20] + [NAN] * 6, [NAN, NAN] + [5e4] * 6)
    assert np.isnan(measures.median_time(times))
    assert measures.survival(times).survival.values[-1] == pytest.approx(0.75)


def test_half_of_the_runs_is_enough_for_a_median():
    times = times_of([10, 20, 30, 40] + [NAN] * 4, [NAN] * 4 + [5e4] * 4)
    assert measures.median_time(times).item() == 40


def test_medians_are_taken_by_setting():
    times = times_of([10, 20, 30, NAN, NAN, NAN], [NAN, NAN, NAN, 99, 99, 99])
    times = times.assign_coords(decay=("run", [1.0, 1.0, 1.0, 0.1, 0.1, 0.1]))
    medians = times.groupby("decay").map(measures.median_time)
    np.testing.assert_array_equal(medians.sel(decay=[1.0, 0.1]), [20, NAN])


def test_runs_that_were_never_observed_are_no_part_of_the_sample():
    data = measures.censored_data(times_of([10, NAN, NAN], [NAN, NAN, 50]))
    assert len(data) == 2
    nothing = times_of([NAN], [NAN])
    assert np.isnan(measures.median_time(nothing))
    with pytest.raises(ValueError, match="none of 1 runs was under observation"):
        measures.survival(nothing)


# Phases of learning.


def names(phases: xr.DataArray) -> list[str]:
    meanings = dict(
        zip(phases.attrs["flag_values"], phases.attrs["flag_meanings"].split(), strict=True)
    )
    return [meanings[code] for code in phases.values]


def test_phases_of_liu():
    steps = [0, 100, 2000, 100_000]
    late, early, never = [0, 0, 0, 1], [0, 1, 1, 1], [0, 0, 0, 0]
    short = [0, 0, 0, NAN]
    runs = runs_of(
        steps,
        train_accuracy=[early, early, early, never, short, short, [0, 1, 1, NAN]],
        test_accuracy=[late, [0, 0.2, 1, 1], [0, 1, 1, 1], never, short, short, [0, 1, 1, NAN]],
        status=[2, 2, 2, 2, 1, 4, 1],
    )
    assert names(measures.phase_liu(runs)) == [
        "grokking", "grokking", "comprehension", "confusion", "unknown", "confusion",
        "comprehension",
    ]  # fmt: skip
    assert names(measures.phase_liu(runs, gap=2e3))[1] == "comprehension"
    assert names(measures.phase_liu(runs, budget=5e4))[0] == "memorization"
    assert measures.phase_liu(runs).attrs["gap"] == 1e3


def test_phases_of_pair_are_the_published_ones(published: Path):
    """1,125 parity networks: 435 grok, 390 do not generalise, 152 do not learn, 148 do both."""
    with (published / "pair_parity_sweep.csv").open() as file:
        rows = list(csv.DictReader(file))
    train, test, ratio = (
        np.array([float(row[k]) for row in rows])
        for k in ("minTrainLoss", "minEvalLoss", "maxRatio")
    )
    # Two steps with the published extremes: both minima, and the largest ratio between them.
    runs = runs_of([0, 1], train_loss=np.stack([train, train + 1], 1), test_loss=np.ones((1125, 2)))
    runs["test_loss"] = (("run", "step"), np.stack([ratio * train, test], 1))
    runs["train_loss"] = (("run", "step"), np.stack([train, np.maximum(train, 1)], 1))
    found = names(measures.phase_pair(runs))
    counts = {name: found.count(name) for name in set(found)}
    assert counts == {
        "grokking": 435, "no_generalization": 390, "no_learning": 152, "together": 148,
    }  # fmt: skip


def test_a_run_that_was_not_watched_to_its_end_has_no_phase():
    loss = [[1.0, 1e-7], [1.0, 1e-7], [1.0, 1e-7], [1.0, 1e-7]]
    worse = [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 0.0]]
    runs = runs_of([0, 9], train_loss=loss, test_loss=worse, status=[2, 1, 3, 1])
    assert names(measures.phase_pair(runs)) == [
        "no_generalization", "unknown", "unknown", "together",
    ]  # fmt: skip
