"""The stages of runs, on curves that are written down."""

import numpy as np
import pytest
import xarray as xr

from flyroom.measures import (
    circuit_stages,
    describe_times,
    milestones,
    onset_step,
    phase_nanda,
    settled_step,
)

STEPS = np.array([0, 100, 1400, 5000, 9400, 12000, 14000])


def of_runs(step: np.ndarray = STEPS, **curves: list) -> xr.Dataset:
    values = {name: (("run", "step"), np.array(rows)) for name, rows in curves.items()}
    return xr.Dataset(values, {"step": step})


GROKKED = [4.7, 8.0, 20.0, 19.5, 18.1, 5.0, 0.05]
MEMORISED = [4.7, 8.0, 20.0, 19.5, 19.0, 19.0, 19.0]
RISING = [4.7, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
FALLING = [4.7, 4.0, 3.0, 2.0, 1.0, 0.05, 0.01]


def test_stages_of_circuits_are_as_they_are_written():
    runs = of_runs(test_loss=[GROKKED, MEMORISED, RISING, FALLING])
    found = circuit_stages(runs)
    nan = np.nan
    expected = [[1400, 9400, 14000], [1400, nan, nan], [nan, nan, nan], [0, 0, 12000]]
    np.testing.assert_array_equal(found, expected)
    # Every stage was reached or not by the last record.
    np.testing.assert_array_equal(found.isnull(), found.censored_at == 14000)
    # By the words of the definition, run by run.
    for values, times in zip(runs.test_loss.values[[0, 3]], found.values[[0, 3]], strict=True):
        highest = max(values)
        above = [s for s, x in zip(STEPS, values, strict=True) if x > 0.9 * highest]
        below = [s for s, x in zip(STEPS, values, strict=True) if x < 0.1]
        assert times.tolist() == [STEPS[values.tolist().index(highest)], above[-1], below[0]]


def test_thresholds_of_stages_are_arguments():
    runs = of_runs(test_loss=[GROKKED])
    assert circuit_stages(runs, level=0.95).sel(stage="cleanup").item() == 5000
    assert circuit_stages(runs, loss=5.0).sel(stage="generalized").item() == 12000
    assert circuit_stages(runs).attrs["loss"] == 0.1


def test_stages_pass_over_steps_without_a_record_and_runs_without_any():
    every = np.full((3, 2 * len(STEPS)), np.nan)
    every[0, ::2], every[1, 1::2] = GROKKED, MEMORISED
    runs = of_runs(np.repeat(STEPS, 2) + np.tile([0, 1], len(STEPS)), test_loss=every.tolist())
    found = circuit_stages(runs)
    np.testing.assert_array_equal(found[0], [1400, 9400, 14000])
    np.testing.assert_array_equal(found.censored_at[1], [np.nan, 14001, 14001])
    words = describe_times(found.sel(stage="cleanup"))
    assert words == ["at step 9,400", "not by step 14,001 (censored)", "no record"]


def test_a_loss_that_is_not_finite_is_no_largest_loss():
    diverged = [4.7, 8.0, 20.0, 1.0, np.inf, np.inf, np.nan]
    found = circuit_stages(of_runs(test_loss=[diverged]))
    np.testing.assert_array_equal(found[0], [1400, 1400, np.nan])
    assert found.censored_at[0, 2] == 5000


def test_milestones_are_the_first_steps_beyond_chance_and_with_everything():
    chance = 0.25
    train = [[0.25, 0.25, 0.5, 1.0, 1.0, 1.0, 1.0], [0.25] * 7]
    test = [[0.25, 0.2, 0.25, 0.25, 0.3, 0.9, 1.0], [0.2] * 7]
    runs = of_runs(train_accuracy=train, test_accuracy=test)
    for precision in (np.float32, np.float64):
        found = milestones(runs.astype(precision), chance=chance)
        np.testing.assert_array_equal(found[0], [1400, 5000, 9400, 14000])
        assert found[1].isnull().all()
        assert (found.censored_at[1] == 14000).all()
    # As fractions of three the guesses are not exact in binary, and still no more than chance.
    guesses = np.full((1, 7), 1 / 3, np.float32)
    thirds = xr.Dataset(
        dict.fromkeys(("train_accuracy", "test_accuracy"), (("run", "step"), guesses)),
        {"step": STEPS},
    )
    assert milestones(thirds, chance=1 / 3).isnull().all()


def test_milestones_can_be_held():
    train = [[0.0, 1.0, 0.9, 1.0, 1.0, 1.0, 1.0]]
    runs = of_runs(train_accuracy=train, test_accuracy=train)
    assert milestones(runs, chance=0.1).sel(stage="t2") == 100
    assert milestones(runs, chance=0.1, records=3).sel(stage="t2") == 5000


@pytest.mark.parametrize("seed", range(5))
def test_settled_windows_are_as_they_are_written(seed: int):
    random = np.random.default_rng(seed)
    test = 1 - random.exponential(0.012, (20, 60))
    train = 1 - random.exponential(0.001, (20, 60))
    test[random.random(test.shape) < 0.2] = np.nan
    runs = of_runs(np.arange(60) * 10, train_accuracy=train.tolist(), test_accuracy=test.tolist())
    found = settled_step(runs, window=4)
    for run in range(20):
        at = [i for i in range(60) if not np.isnan(test[run, i])]
        fits = [
            at[i] * 10
            for i in range(len(at) - 3)
            if np.mean(test[run, at[i : i + 4]]) > 0.98
            and np.std(test[run, at[i : i + 4]]) < 0.02
            and all(train[run, at[i : i + 4]] > 0.995)
        ]
        expected = fits[0] if fits else np.nan
        np.testing.assert_equal(found[run].item(), expected)
    assert found.notnull().any()


def test_accuracy_that_swings_or_is_not_remembered_is_not_settled():
    high, swings = [0.99] * 7, [0.9, 1.0] * 3 + [0.9]
    runs = of_runs(train_accuracy=[[1.0] * 7, [1.0] * 7, high], test_accuracy=[high, swings, high])
    found = settled_step(runs)
    np.testing.assert_array_equal(found, [0, np.nan, np.nan])
    np.testing.assert_array_equal(found.censored_at, [np.nan, 14000, 14000])
    with pytest.raises(ValueError, match="got window=0; allowed: at least 1"):
        settled_step(runs, window=0)


def test_a_run_is_in_the_stage_that_it_has_come_to():
    """Rising, near the largest loss, falling, fallen; without a loss or not over, unknown."""
    loss = [
        [1, 2, 3, 4],
        [1, 4, 3.9, 3.8],
        [1, 4, 3.9, 2],
        [1, 4, 2, 0.05],
        [np.nan] * 4,
        [1, 4, 2, 1],
    ]
    curve = (("run", "step"), np.array(loss, float))
    status = ("run", [2, 3, 4, 2, 5, 1])
    runs = xr.Dataset({"test_loss": curve, "status": status}, {"step": [0, 10, 20, 30]})
    phase = phase_nanda(runs)
    names = phase.attrs["flag_meanings"].split()
    assert [names[code + 1] for code in phase.values] == [
        "memorization", "circuit_formation", "cleanup", "generalized", "unknown", "unknown",
    ]  # fmt: skip


def test_an_onset_stands_out_of_what_was_before():
    values = [[1.0, 1.2, 0.8, 1.1, 1.3, 9.0, 9.0], [1.0, 1.2, 0.8, 1.1, 1.3, 1.0, np.nan]]
    curve = xr.DataArray(values, {"step": range(0, 14, 2)}, ("run", "step"))
    began = xr.DataArray([6.0, 6.0], {"censored_at": ("run", [np.nan] * 2)}, ("run",))
    found = onset_step(curve, began)  # the median until step 6 is 1.05, and its MAD 0.1
    assert found.values[0] == 10
    assert np.isnan(found.values[1])
    assert found.censored_at.values[1] == 10
    assert onset_step(curve, began, deviations=2.0).values.tolist() == [8, 8]
    never = onset_step(curve, began.where(False))
    assert np.isnan(never).all()
    assert np.isnan(never.censored_at).all()
