"""What the bundle says of all runs beside each other, and of networks beside their weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import flyroom as fr
from flyroom.explorer._examined import spread
from flyroom.explorer._sweep import axes_of
from helpers import MAPPED, modular, parity
from test_explorer import unpack

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """Eight runs of which some memorise and few generalise, with a measure beside their curves."""
    experiment = modular(
        **{
            "keep": fr.Schedule(per_octave=1),
            "steps": 400,
            "optimizer.learning_rate": 0.03,
            "record": (*fr.CURVES, fr.measures.neuron_power_share),
        }
    )
    over = {
        "seed": range(2),
        "optimizer.weight_decay": [0.1, 3.0],
        "task.train_fraction": [0.5, 0.9],
    }
    store = tmp_path_factory.mktemp("sweep") / "runs.zarr"
    return fr.train(experiment, over, store=store, machine=MAPPED)


@pytest.fixture(scope="module")
def found(runs: xr.Dataset) -> Any:
    return unpack(fr.explorer.bundle(runs, explained=16))


def test_axes_are_those_of_the_sweep_and_seeds_are_last(runs: xr.Dataset, found: Any):
    assert [axis["path"] for axis in found["axes"]] == [
        "optimizer.weight_decay", "task.train_fraction", "seed",
    ]  # fmt: skip
    for axis in found["axes"]:
        levels = [float(axis["levels"][i]) for i in axis["of"]]
        np.testing.assert_allclose(levels, runs[axis["path"]])
    assert axes_of(runs.isel(run=[0])) == []


def test_times_are_those_of_the_measures_with_their_words(runs: xr.Dataset, found: Any):
    for name, rule in (
        ("memorization", fr.measures.memorization_step),
        ("generalization", fr.measures.generalization_step),
    ):
        times = rule(runs)
        told = found["times"][name]
        np.testing.assert_array_equal(told["at"], times.values.astype(np.float32))
        np.testing.assert_array_equal(told["censored_at"], times.censored_at.values)
        assert told["told"] == fr.measures.describe_times(times, runs.status)
        assert told["threshold"] == 0.99
    assert np.isnan(found["times"]["generalization"]["at"]).any()


def test_phases_are_those_of_the_measures(runs: xr.Dataset, found: Any):
    rules = {
        "by accuracies": fr.measures.phase_liu(runs, budget=400.0),
        "by losses": fr.measures.phase_pair(runs),
    }
    assert [phases["name"] for phases in found["phases"]] == list(rules)
    for phases in found["phases"]:
        expected = rules[phases["name"]]
        np.testing.assert_array_equal(phases["of"].astype(int) - 1, expected)
        assert " ".join(phases["meanings"]).replace(" ", "_") == (
            expected.attrs["flag_meanings"].replace(" ", "_")
        )
    assert len(np.unique(found["phases"][0]["of"])) > 1


def test_survival_is_the_estimate_of_each_level(runs: xr.Dataset, found: Any):
    times = fr.measures.generalization_step(runs)
    by = found["survival"]["by"]
    assert set(by) == {"", *(axis["path"] for axis in found["axes"])}
    for curve, level in zip(by["task.train_fraction"], (0.5, 0.9), strict=True):
        part = times[runs["task.train_fraction"].values == level]
        expected = fr.measures.survival(part)
        np.testing.assert_array_equal(curve["step"], expected.step)
        np.testing.assert_allclose(curve["survival"], expected.survival, rtol=1e-6)
        assert (curve["reached"], curve["censored"]) == (
            expected.attrs["reached"], expected.attrs["censored"],
        )  # fmt: skip
    assert by[""][0]["reached"] == int(times.notnull().sum())


def test_profiles_have_the_frequencies_of_the_last_networks(runs: xr.Dataset, found: Any):
    for one in found["runs"]:
        network = fr.network(runs, one["run"])
        power = fr.measures.neuron_power(network).sum("neuron")
        np.testing.assert_allclose(one["profile"]["shares"], power / power.sum(), rtol=1e-5)
        assert one["profile"]["marked"] == fr.measures.key_frequencies(network)


@pytest.mark.parametrize("encoding", ["equals", "equation"])
def test_waves_are_among_the_operands_alone(tmp_path: Path, encoding: str):
    """A network that reads other tokens too: of these there is neither period nor pair."""
    task = fr.tasks.ModularArithmetic(p=7, train_fraction=0.7, encoding=encoding)
    experiment = fr.Experiment(
        fr.tasks.Corrupted(task, noise=0.2),
        fr.models.MLP(widths=(40,)),
        optimizer=fr.optim.AdamW(learning_rate=0.01),
        steps=400,
        keep=fr.Schedule(per_octave=1),
    )
    runs = fr.train(experiment, store=tmp_path / "runs.zarr", machine=MAPPED)
    told = unpack(fr.explorer.bundle(runs, explained=4))["runs"][0]
    network: Any = fr.network(runs, 0)
    tables = np.asarray(network.first)
    own = tables[[0, 1], :7] if encoding == "equals" else tables[[1, 3], :7]
    power = fr.measures.neuron_power(own).sum("neuron").values
    np.testing.assert_allclose(told["profile"]["shares"], power / power.sum(), rtol=1e-5)
    assert told["progress"]["gini"][-1] == pytest.approx(fr.measures.gini(np.sqrt(power)), rel=1e-5)
    assert told["progress"]["keys"] == fr.measures.key_frequencies(own)
    inputs = fr.experiment_of(runs, 0).task.split(0).train.inputs
    np.testing.assert_array_equal(
        told["answers"]["pairs"], inputs[:, :2] if encoding == "equals" else inputs[:, [1, 3]]
    )


def test_measures_beside_the_curves_are_left_out_where_they_have_no_room(
    runs: xr.Dataset, found: Any
):
    assert {"weight_norm", "neuron_power_share"} < set(found["curves"])
    assert found["curves_left_out"] == []
    np.testing.assert_array_equal(
        found["curves"]["neuron_power_share"], runs.neuron_power_share.astype(np.float32)
    )
    few = unpack(fr.explorer.bundle(runs, limit=4 * runs.test_loss.size * 4))
    assert set(few["curves_left_out"]) == {"neuron_power_share", "weight_norm"}
    assert {"train_loss", "test_loss", "train_accuracy", "test_accuracy"} == set(few["curves"])


def test_explanations_are_those_of_the_networks(runs: xr.Dataset, found: Any):
    told = found["runs"][3]["explained"]
    assert len(told["steps"]) == len(told["of"]) == 2
    for step, one in zip(told["steps"].tolist(), told["of"], strict=True):
        expected = fr.explain(runs, run=3, step=step)
        assert (one["verdict"], one["parts"]) == (expected.verdict, expected.fit.parts)
        for name in ("sufficient", "necessary", "predictive", "accuracy"):
            assert one[name] == pytest.approx(getattr(expected, name))
        assert len(one["others"]) == len(expected.others)
    none = unpack(fr.explorer.bundle(runs))
    assert all("--explained" in one["explained"]["why"] for one in none["runs"])


def test_progress_measures_are_those_of_the_logits(runs: xr.Dataset, found: Any):
    waves = [one for one in found["runs"] if "restricted" in one["progress"]]
    assert waves
    run, told = waves[0]["run"], waves[0]["progress"]
    split = fr.experiment_of(runs, run).task.split(fr.experiment_of(runs, run).seed)
    trained = np.zeros((7, 7), bool)
    trained[tuple(split.train.inputs.T)] = True
    for i, step in enumerate(told["steps"].tolist()):
        network: Any = fr.network(runs, run, step)
        a, b = np.divmod(np.arange(49), 7)
        rows = np.stack([a, b], axis=1)
        logits = np.maximum(network.w_in[rows[:, 0]] + network.w_in[rows[:, 1]], 0) @ network.w_out
        logits = np.asarray(logits).reshape(7, 7, 7)
        for name, loss in (
            ("restricted", fr.measures.restricted_loss(logits, told["keys"])),
            ("excluded", fr.measures.excluded_loss(logits, told["keys"], trained)),
        ):
            assert told[name][i] == pytest.approx(loss, rel=1e-4), name
        power = fr.measures.neuron_power(network).sum("neuron").values
        assert told["gini"][i] == pytest.approx(fr.measures.gini(np.sqrt(power)), rel=1e-5)


def test_answers_to_wrong_labels_are_those_of_the_networks(tmp_path: Path):
    task = fr.tasks.Corrupted(fr.tasks.ModularArithmetic(p=7, train_fraction=0.6), noise=0.4)
    experiment = modular(task=task, keep=fr.Schedule(per_octave=1), steps=60)
    runs = fr.train(experiment, store=tmp_path / "runs.zarr", machine=MAPPED)
    told = unpack(fr.explorer.bundle(runs, explained=4))["runs"][0]["answers"]
    train = task.split(0).train
    np.testing.assert_array_equal(told["given"], train.labels)
    np.testing.assert_array_equal(told["truth"], train.truth)
    np.testing.assert_array_equal(told["pairs"], train.inputs)
    assert (told["given"] != told["truth"]).any()
    for step, answered in zip(told["steps"].tolist(), told["answers"], strict=True):
        right = fr.measures.accuracy(fr.network(runs, 0, step), train)
        assert (answered == train.labels).mean() == pytest.approx(right)
    assert len(np.unique(told["answers"], axis=0)) > 1


def test_of_a_parity_the_bits_are_told(tmp_path: Path):
    experiment = parity(keep=fr.Schedule(per_octave=1), record=(*fr.CURVES, fr.measures.input_mass))
    runs = fr.train(experiment, store=tmp_path / "runs.zarr", machine=MAPPED)
    one = unpack(fr.explorer.bundle(runs, explained=2))["runs"][0]
    told = one["parity"]
    assert told["relevant"] == one["profile"]["marked"] == [0, 1]
    for i, step in enumerate(told["steps"].tolist()):
        network = fr.network(runs, 0, step)
        mass = np.abs(np.asarray(fr.measures.input_tables(network))).sum((0, 2))
        np.testing.assert_allclose(told["mass"][i], mass, rtol=1e-5)
        norm = np.linalg.norm(np.asarray(fr.measures.input_tables(network))[0], 2)
        assert told["spectral_norm"][i] == pytest.approx(norm, rel=1e-4)
    assert told["score"].shape == (len(told["steps"]), 31, 2)
    assert told["trained"].sum() == 21
    assert set(told["t_sne_steps"]) <= set(told["steps"])
    assert one["explained"]["of"][-1]["kind"] == "sparse parity"


def test_steps_are_spread_evenly_with_both_ends():
    assert spread(list(range(10)), 4) == [0, 3, 6, 9]
    assert spread([3, 5], 4) == [3, 5]
