"""Cosets and irreps: what is found in constructed networks of groups, and what is not."""

import dataclasses
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import flyroom as fr
from flyroom.mechanisms import Representations, explain, idealise, neurons
from flyroom.models import constructed


def permutations(n: int) -> fr.tasks.GroupOperation:
    return fr.tasks.GroupOperation(degree=n)


@pytest.mark.parametrize("n", [4, 5])
def test_a_network_of_cosets_is_found(n: int):
    found = explain(constructed.cosets(n), permutations(n))
    assert found.accuracy == 1
    assert found.mechanism == "cosets"
    assert min(found.sufficient, found.necessary, found.predictive) > 0.99
    # The permutations that send one position to another are a coset of those that fix one.
    stabiliser = len(fr.algebra.symmetric(n - 1).elements)
    assert found.fit.found["subgroup_orders"] == {str(stabiliser): n**3}
    assert (found.fit.concentration < 1e-9).all()
    told = neurons(found)
    assert (told.part == str(stabiliser)).all()
    assert told.attrs["pure"] == 1
    other = found.by(Representations)
    assert other.fit.names[0] == f"({n - 1}, 1)"


@pytest.mark.parametrize("n", [4, 5])
def test_an_ideal_network_of_permutations_has_entries_of_irreps_and_multiplies(n: int):
    task, standard = permutations(n), (n - 1, 1)
    whole = constructed.cosets(n)
    random = np.random.default_rng(0)

    def noisy(values):
        return values + jnp.asarray(0.05 * random.normal(size=values.shape), values.dtype)

    network = dataclasses.replace(
        whole, first=noisy(whole.first), weights=(noisy(whole.weights[0]),)
    )
    ideal = idealise(explain(network, task))
    span = fr.algebra.isotypic(n, standard)
    for values in (*ideal.first, ideal.weights[0].T):
        assert np.asarray(values).std() > 0.01
        np.testing.assert_allclose(span @ values, values, atol=1e-6)
    left, right, back = (np.asarray(x) for x in (*ideal.first, ideal.weights[0].T))
    matrices = fr.algebra.irrep(n, standard)
    for neuron in range(0, n**3, 7):
        one, two, three = (
            np.einsum("g,gij->ij", values[:, neuron], matrices) for values in (left, right, back)
        )
        u, w = (np.linalg.svd(one)[0][:, 0], np.linalg.svd(two)[2][0])
        # One entry each, the answer's of the left one's first vector and the right one's last.
        assert np.linalg.matrix_rank(one, tol=1e-4) == np.linalg.matrix_rank(two, tol=1e-4) == 1
        np.testing.assert_allclose(np.outer(u, w) * (u @ three @ w), three, atol=1e-4)
    assert explain(ideal, task).accuracy == 1


def test_an_ideal_network_is_numbered_as_the_task_is(tmp_path: Path):
    """Somebody's network numbers permutations in another order."""
    order = np.random.default_rng(0).permutation(24)
    whole = constructed.characters(4, [(3, 1)])
    network = dataclasses.replace(
        whole, first=whole.first[:, order], weights=(whole.weights[0][:, order],)
    )
    fr.interop.write(tmp_path / "theirs.safetensors", network)
    found = explain(fr.interop.read(tmp_path / "theirs.safetensors"), permutations(4))
    assert found.accuracy == 1
    assert explain(idealise(found), permutations(4)).accuracy == 1


def test_what_multiplies_nothing_has_no_ideal_that_does():
    task = permutations(4)
    model = fr.models.EmbeddedMLP(width=32, widths=(64,), join="concatenate", shared=False)
    network = model.init(task.signature, task.signature.classes, key=jax.random.key(0))
    assert explain(idealise(explain(network, task)), task).accuracy < 0.3


def test_logits_alone_have_irreps_and_no_cosets():
    network = constructed.cosets(4)
    a, b = np.divmod(np.arange(24**2), 24)
    logits = np.asarray(network.table(jnp.stack([a, b], axis=1))).reshape(24, 24, 24)
    found = explain(logits, permutations(4))
    assert found.mechanism == "representations"
    assert found.fit.names == ["(3, 1)"]
    assert (found.others[0].fit.parts, found.others[0].predictive) == ("no subgroup", 0)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [4, 5])
def test_random_and_scrambled_networks_are_not_explained(n: int, seed: int):
    task = permutations(n)
    model = fr.models.EmbeddedMLP(width=16, widths=(32,), join="concatenate", shared=False)
    network = model.init(task.signature, task.signature.classes, key=jax.random.key(seed))
    assert explain(network, task).mechanism == "no explanation"
    order = np.random.default_rng(seed).permutation(len(fr.algebra.symmetric(n).table))
    whole = constructed.cosets(n)
    scrambled = fr.models.MLPNetwork(
        whole.first[:, order], whole.weights, whole.biases, activation=whole.activation
    )
    assert explain(scrambled, task).mechanism == "no explanation"


def test_a_memorising_network_is_not_explained(tmp_path):
    experiment = fr.Experiment(
        task=fr.tasks.GroupOperation(degree=4, train_fraction=0.6),
        model=fr.models.EmbeddedMLP(width=64, widths=(256,), join="concatenate", shared=False),
        optimizer=fr.optim.AdamW(learning_rate=3e-3, weight_decay=0.0),
        steps=300,
        schedule=fr.Schedule(0),
    )
    machine = fr.Machine(progress=False)
    runs = fr.train(experiment, {"seed": range(4)}, store=tmp_path / "x.zarr", machine=machine)
    assert (runs.train_accuracy.isel(step=-1) == 1).all()
    assert (runs.test_accuracy.isel(step=-1) < 0.3).all()
    assert (fr.mechanisms.explain_runs(runs).mechanism == "no explanation").all()
