"""Batch norms against NumPy: by the batch while training, by averages otherwise."""

import dataclasses
from typing import cast

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import flyroom as fr
from flyroom.models import MLP, BatchNorm, MLPNetwork
from flyroom.training import engine, prepare

TASK = fr.tasks.ModularArithmetic(p=7, train_fraction=0.5)
MODEL = MLP(widths=(6, 5), batch_norm=True)
QUIET = fr.Machine(devices=1, progress=False)


def some(model: MLP = MODEL) -> MLPNetwork:
    """A network with arbitrary weights and averages in float64."""
    random = np.random.default_rng(1)
    shapes = jax.eval_shape(lambda: model.init(TASK.signature, 7, key=jr.key(0)))
    network = jax.tree.map(lambda w: jnp.asarray(random.normal(size=w.shape)), shapes)
    positive = [dataclasses.replace(n, variance=n.variance**2 + 0.1) for n in network.norms]
    return dataclasses.replace(network, norms=tuple(positive))


def by_hand(network: MLPNetwork, inputs, weights):
    """Logits of a batch, and the averages after it, as PyTorch computes them."""
    network = jax.tree.map(np.asarray, network)
    real = np.asarray(weights) > 0
    value = network.first[0][inputs[:, 0]] + network.first[1][inputs[:, 1]]
    averages = []
    for norm, bias, weight in zip(network.norms, network.biases, network.weights, strict=False):
        hidden = np.maximum(value + np.asarray(bias), 0)
        mean, variance = hidden[real].mean(0), hidden[real].var(0)
        unbiased = hidden[real].var(0, ddof=1)
        averages.append((0.9 * norm.mean + 0.1 * mean, 0.9 * norm.variance + 0.1 * unbiased))
        hidden = (hidden - mean) / np.sqrt(variance + 1e-5) * norm.scale + norm.shift
        value = hidden @ weight
    return np.asarray(value), averages


@pytest.mark.parametrize("padding", [0, 3])
def test_a_batch_is_normed_by_itself_and_remembered(padding: int):
    with jax.enable_x64(True):
        network = some()
        inputs = np.random.default_rng(0).integers(7, size=(11, 2)).astype(np.int32)
        weights = jnp.asarray(np.arange(11) < 11 - padding, np.float64)
        logits, averages = by_hand(network, inputs, weights)
        real = np.asarray(weights) > 0
        table = network.table(jnp.asarray(inputs), key=jr.key(0), weights=weights)
        np.testing.assert_allclose(table[real], logits[real], rtol=1e-10)
        after = network.seen(jnp.asarray(inputs), jr.key(0), weights)
        for norm, (mean, variance) in zip(after.norms, averages, strict=True):
            np.testing.assert_allclose(norm.mean, mean, rtol=1e-10)
            np.testing.assert_allclose(norm.variance, variance, rtol=1e-10)


def test_without_a_batch_every_example_is_alone():
    with jax.enable_x64(True):
        network = some()
        inputs = jnp.asarray([[1, 2], [3, 4], [5, 6]], jnp.int32)
        alone = jnp.stack([network(x) for x in inputs])
        np.testing.assert_allclose(network.table(inputs), alone, rtol=1e-12)
        np.testing.assert_allclose(network.table(inputs)[1], network(inputs[1]), rtol=1e-12)


def test_a_fresh_norm_changes_nothing_but_by_its_epsilon():
    norm, x = BatchNorm.of(4), jnp.arange(4.0)
    np.testing.assert_allclose(norm(x), x / np.sqrt(1 + 1e-5), rtol=1e-6)


def test_averages_are_kept_do_not_learn_and_do_not_decay():
    optimizer = fr.optim.AdamW(learning_rate=0.0, weight_decay=1.0)
    experiment = fr.Experiment(TASK, MODEL, optimizer, steps=3, precision="float64")
    program, sizes = prepare.program_of(experiment)
    with jax.enable_x64(True):
        fixed = jax.tree.map(jnp.asarray, prepare.fixed(experiment, sizes))
        state = engine.start(program, fixed)
        after = jax.jit(lambda: engine.advance(program, state, fixed, jnp.int32(3)))()
        network, rows = cast("MLPNetwork", state.network), fixed.split.train
        for _ in range(3):  # no weight moves, so that only the averages do
            network = network.seen(rows.inputs, None, rows.weights)
    assert jax.tree.all(jax.tree.map(lambda a, b: np.allclose(a, b), network, after.network))
    assert not np.allclose(network.norms[0].mean, 0)


def test_a_full_batch_is_not_cut_in_parts():
    big = fr.tasks.ModularArithmetic(p=113, train_fraction=0.9)
    plain = fr.Experiment(big, MLP(widths=(512,)))
    normed = fr.Experiment(big, MLP(widths=(512,), batch_norm=True))
    assert prepare.program_of(plain)[0].parts > 1
    assert prepare.program_of(normed)[0].parts == 1


def test_it_learns_and_comes_back_from_a_store(tmp_path):
    experiment = fr.Experiment(
        TASK,
        MLP(widths=(32,), batch_norm=True),
        fr.optim.AdamW(1e-2),
        steps=200,
        batch_size=9,
        keep=fr.Schedule(0),
    )
    runs = fr.train(experiment, {"seed": [0, 1]}, store=tmp_path / "runs.zarr", machine=QUIET)
    assert runs.train_accuracy.isel(step=-1).min() > 0.9
    for run, seed in enumerate([0, 1]):
        network = jax.tree.map(jnp.asarray, fr.network(runs, run))
        assert float(network.norms[0].mean.min()) > 0
        right = fr.measures.accuracy(network, TASK.split(seed).train)
        assert float(right) == pytest.approx(float(runs.train_accuracy[run, -1]), abs=1e-6)
