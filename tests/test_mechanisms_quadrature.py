"""Neurons of one wave each: what is found, and what is not."""

import dataclasses
import importlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import flyroom as fr
from flyroom.mechanisms import FourierSum, Quadrature, explain, neurons
from flyroom.models import constructed


def addition(p: int, **options) -> fr.tasks.ModularArithmetic:
    return fr.tasks.ModularArithmetic(p=p, **options)


def test_random_phases_are_found_though_their_logits_are_no_sum_of_waves():
    found = explain(constructed.quadratic(31, 120), addition(31))
    assert found.mechanism == "quadrature"
    assert min(found.sufficient, found.necessary, found.predictive) > 0.99
    assert sum(found.fit.found["neurons_by_frequency"].values()) == 120
    assert found.by(FourierSum).predictive < 0.9
    told = neurons(found)
    assert (told.share > 0.999).all()
    assert told.attrs["pure"] == pytest.approx(1)
    assert told.attrs["without"] < 0.1


def test_what_neurons_hear_is_put_together_from_their_waves():
    network = constructed.circles(31, 5, (2, 7))
    found = Quadrature.fit(fr.mechanisms.Pairs.of(network, addition(31)))
    assert found.part.tolist() == [2] * 5 + [7] * 5
    heard = np.asarray(network.w_in, np.float64)
    np.testing.assert_allclose(found.left, heard - heard.mean(0), atol=1e-6)
    np.testing.assert_allclose(found.right, found.left, atol=1e-6)


def test_a_sum_of_waves_that_holds_is_told_before_neurons():
    found = explain(constructed.circles(31, 5, (2, 7)), addition(31))
    assert found.mechanism == "pizza"
    assert [one.fit.kind for one in found.others] == ["quadrature", "memorised table"]
    assert [one.holds for one in found.others] == [True, False]


def test_neurons_that_hear_waves_and_say_nonsense_have_learned_nothing():
    whole = constructed.circles(31, 5, (2, 7, 11))
    order = np.random.default_rng(0).permutation(15)
    network = dataclasses.replace(whole, out=jnp.asarray(whole.out)[order])
    found = explain(network, addition(31))
    assert found.by(Quadrature).predictive > 0.99
    assert not found.by(Quadrature).holds
    assert "less than half of what there is to learn" in found.verdict


def test_of_what_does_not_hold_the_best_is_told():
    whole = constructed.quadratic(31, 120)
    noise = 0.5 * np.random.default_rng(0).normal(size=whole.first.shape)
    network = dataclasses.replace(whole, first=jnp.asarray(np.asarray(whole.first) + noise))
    found = explain(network, addition(31))
    assert not found.holds
    rules = [one for one in (found, *found.others) if one.fit.rule]
    assert found.least == max(one.least for one in rules)


def test_logits_have_no_neurons():
    network = constructed.quadratic(31, 120)
    a, b = np.divmod(np.arange(31**2), 31)
    logits = np.asarray(network.table(jnp.stack([a, b], axis=1))).reshape(31, 31, 31)
    found = explain(logits, addition(31))
    assert found.mechanism == "no explanation"
    assert (found.by(Quadrature).fit.parts, found.by(Quadrature).predictive) == ("no neuron", 0)


@pytest.mark.parametrize("seed", range(5))
def test_random_networks_are_not_explained(seed: int):
    task = addition(31)
    model = fr.models.MLP(widths=(64,), activation=fr.models.square)
    network = model.init(task.signature, 31, key=jax.random.key(seed))
    assert explain(network, task).mechanism == "no explanation"


def test_runs_are_explained_whose_measures_are_somebodys_own(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(
        "import flyroom as fr\n"
        "from jaxtyping import Array, Float\n"
        "@fr.snapshot()\n"
        "def own(network, context) -> Float[Array, '']:\n"
        "    return network.first.sum()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    mine = importlib.import_module("mine")

    experiment = fr.Experiment(
        task=addition(7),
        model=fr.models.MLP(widths=(8,)),
        record=(*fr.CURVES, mine.own),
        steps=2,
    )
    machine = fr.Machine(progress=False)
    fr.train(experiment, {"seed": [0, 1]}, store=tmp_path / "x.zarr", machine=machine)
    before = fr.network(tmp_path / "x.zarr", 1)
    monkeypatch.delitem(sys.modules, "mine")
    (tmp_path / "mine.py").unlink()
    after = fr.network(tmp_path / "x.zarr", 1)
    assert all(map(np.array_equal, *map(jax.tree.leaves, (before, after))))
    assert (fr.mechanisms.explain_runs(tmp_path / "x.zarr").mechanism == "no explanation").all()
    assert not explain(tmp_path / "x.zarr", run=1).holds
    with pytest.raises(fr.SpecError, match="nothing of that name in `mine`"):
        fr.experiment_of(fr.open(tmp_path / "x.zarr"))
