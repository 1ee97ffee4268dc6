"""The studies of parities: their judges on small runs, and on made-up ones with known answers."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import flyroom as fr
from flyroom import studies
from flyroom.models.mlp import MLPNetwork
from flyroom.studies import Answer, Study, Sweep, Verdict

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1] / "studies"
SMALL = {
    "barak_parity": {"model.widths": (6,), "steps": 700, "task.test_count": 50},
    "merrill_parity": {"model.widths": (6,), "task.test_count": 50},
    "parity_decay": {"model.widths": (6,)},
    "parity_noise": {"model.widths": (6,)},
}


@functools.cache
def study(name: str) -> Study:
    return studies.load(name, ROOT)


def judged(name: str, data: dict[str, xr.Dataset]) -> dict[str, Answer]:
    return {answer.claim.id: answer for answer in studies.judge(study(name), data)}


@pytest.mark.parametrize("name", SMALL)
def test_every_judge_and_picture_works_on_small_runs(name: str, tmp_path: Path):
    """Networks too small to learn: numbers are missing or far off, and nothing raises."""
    data = {}
    for label, sweep in study(name).at("quick").items():
        small = Sweep(fr.spec.replace(sweep.experiment, SMALL[name]), {**sweep.over, "seed": [0]})
        machine = fr.Machine(devices=1, progress=False)
        store = tmp_path / f"{label}.zarr"
        data[label] = fr.train(small.experiment, small.over, store=store, machine=machine)
    for answer in judged(name, data).values():
        assert answer.verdict == Verdict.NOT_ENOUGH, (answer.claim.id, answer.error)
    for _, draw in study(name).pictures:
        assert draw(data) is not None


def test_every_claim_needs_runs_that_its_quick_size_has():
    for name in SMALL:
        sizes = study(name).at("quick").values()
        most = max(
            np.prod([len(list(values)) for values in sweep.over.values()]) for sweep in sizes
        )
        assert all(1 < claim.needs <= most for claim in study(name).claims)


def jumping(path: str, jumps: Mapping[Any, Any], step: np.ndarray, **more) -> xr.Dataset:
    """Runs whose test accuracy jumps from one half to one at given steps."""
    times = np.array([time for values in jumps.values() for time in values])
    of = np.repeat(list(jumps), [len(values) for values in jumps.values()])
    accuracy = np.where(step >= times[:, None], 1.0, 0.5)
    curves = {"test_accuracy": accuracy, **more}
    return xr.Dataset(
        {name: (("run", "step"), values) for name, values in curves.items()},
        {"run": range(len(times)), "step": step, path: ("run", of)},
    )


def test_an_exponent_is_found_again():
    steps, sizes = np.arange(0, 8000), (20, 30, 40, 50, 60)
    for power, verdict in ((2, Verdict.REPRODUCED), (1, Verdict.NOT_REPRODUCED)):
        jumps = {n: [round(t * n**power) for t in np.linspace(0.8, 1.2, 11)] for n in sizes}
        answers = judged("barak_parity", {"online": jumping("task.n", jumps, steps)})
        assert answers["BA1"].verdict == verdict
        assert answers["BA1"].finding is not None
        assert answers["BA1"].finding.value == pytest.approx(power, abs=0.01)
        assert answers["BA3"].finding is not None
        assert answers["BA3"].finding.value == pytest.approx(0.8, abs=0.02)


def test_times_of_a_random_search_are_not_reproduced():
    steps = np.arange(0, 8000)
    waits = np.random.default_rng(0).exponential(500, (5, 20))
    jumps = {n: list(row) for n, row in zip((20, 30, 40, 50, 60), waits, strict=True)}
    answers = judged("barak_parity", {"online": jumping("task.n", jumps, steps)})
    assert answers["BA3"].verdict == Verdict.NOT_REPRODUCED


def test_delays_that_go_with_one_over_the_decay_have_slope_minus_one():
    decay = "events.0.set.optimizer.weight_decay"
    steps = np.arange(0, 5001, 10)
    jumps = {w: [140 + 17 / w] * 10 for w in (0.005, 0.01, 0.05, 0.1)} | {0.5: [np.inf] * 10}
    train = np.where(steps >= 140, 1.0, 0.5)[None].repeat(50, 0)
    runs = jumping(decay, jumps, steps, train_accuracy=train, spectral_norm=train)
    answers = judged("parity_decay", {"raised": runs})
    assert answers["B5x"].verdict == Verdict.REPRODUCED
    assert answers["B5-0.5"].verdict == Verdict.REPRODUCED
    assert answers["B5-0.005"].finding is not None
    assert answers["B5-0.005"].finding.value == 354


@pytest.mark.parametrize(
    ("strongest", "middle"), [(0.1, 0.1), (0.2, 0.25), (0.34, 0.35), (0.4, 0.425), (1.0, np.inf)]
)
def test_the_threshold_lies_between_two_decays(strongest: float, middle: float):
    decay = "events.1.set.optimizer.weight_decay"
    decays = [w for w in (0.2, 0.3, 0.34, 0.36, 0.4, 0.45) for _ in range(4)]
    accuracy = np.array([[1.0, 1.0 if w <= strongest else 0.5] for w in decays])
    runs = xr.Dataset(
        {"test_accuracy": (("run", "step"), accuracy)},
        {"step": [2000, 4000], decay: ("run", decays)},
    )
    found = judged("parity_decay", {"threshold": runs})["B5y-collapse"].finding
    assert found is not None
    assert found.value == pytest.approx(middle)


def test_noise_that_delays_and_then_prevents():
    steps = np.arange(0, 5001, 10)
    never = [np.inf] * 10
    jumps = {0.0: [200] * 10, 0.05: [280] * 10, 0.1: [480] * 10, 0.15: never, 0.2: never}
    train = np.full((50, len(steps)), 0.95)
    answers = judged(
        "parity_noise", {"strong": jumping("task.noise", jumps, steps, train_accuracy=train)}
    )
    assert answers["B8-order"].verdict == Verdict.REPRODUCED
    found = answers["B8-threshold"]
    assert found.verdict == Verdict.REPRODUCED
    assert found.finding is not None
    assert found.finding.value == pytest.approx(0.125)
    early = judged(
        "parity_noise",
        {"strong": jumping("task.noise", jumps | {0.1: [270] * 10}, steps, train_accuracy=train)},
    )
    assert early["B8-order"].verdict == Verdict.NOT_REPRODUCED


def test_the_fourier_gap_of_a_conjunction():
    """A neuron that fires if all three bits are set has every coefficient of their span at 1/8."""
    rows = fr.tasks.SparseParity(n=6, k=3, train_count=9, test_count=9).split(0).train
    first = np.zeros((6, 2), np.float32)
    first[:3, 0] = 1.0  # fires if x1 + x2 + x3 > 2; the other neuron never does
    network = MLPNetwork(jnp.asarray(first), (jnp.ones((2, 1)),), (jnp.array([-2.0, -1.0]), None))
    experiment = study("barak_parity").at("quick")["hidden"].experiment
    gap = next(measure for measure in experiment.record if measure.name == "fourier_gap")
    context = fr.training.Context(rows, rows, fr.losses.Hinge())
    assert float(gap(network, context)) == pytest.approx(1 / 16, abs=0.004)  # mean of two neurons


def test_points_have_a_line_through_their_medians_and_leave_out_what_is_not_finite():
    places = np.array([0.1, 0.1, 0.1, 0.5, 0.9])
    values = np.array([3.0, 1.0, 8.0, np.inf, 2.0])
    names = "abcdefg"
    figure = studies.points(dict.fromkeys(names, (places, values)), "place", "value", log=True)
    (axes,) = figure.axes
    dots, line = axes.lines[:2]
    assert list(np.asarray(dots.get_ydata())) == [3.0, 1.0, 8.0, 2.0]
    assert list(np.asarray(line.get_xdata())) == [0.1, 0.9]
    assert list(np.asarray(line.get_ydata())) == [3.0, 2.0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0.1", "0.5", "0.9"]
    drawn = {(one.get_color(), one.get_linestyle()) for one in axes.lines[1::2]}
    assert len(drawn) == len(names)  # nobody looks like another


def test_a_swept_value_has_a_colour_and_a_median_of_its_own():
    steps = np.array([0, 10, 20])
    runs = jumping("task.noise", {0.0: [10, 10, 20], 0.1: [20, 20, 20]}, steps)
    figure = studies.curves(runs, "test_accuracy", by="task.noise")
    (axes,) = figure.axes
    first, second = axes.lines
    assert first.get_color() != second.get_color()
    assert list(np.asarray(first.get_ydata())) == [0.5, 1.0, 1.0]
    assert list(np.asarray(second.get_ydata())) == [0.5, 0.5, 1.0]
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["0", "0.1"]
    with pytest.raises(ValueError, match=r"on one axis by task\.noise; allowed: one measure"):
        studies.curves(runs, ("test_accuracy", "test_accuracy"), by="task.noise")
