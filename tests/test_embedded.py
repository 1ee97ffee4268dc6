"""Perceptrons on embeddings against NumPy, in every way to join two tokens; and the recipes."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import flyroom as fr
from flyroom.models import EmbeddedMLP
from flyroom.tasks import Signature

TOKENS = Signature((2,), 7, 5)


@pytest.mark.parametrize("widths", [(6,), (6, 4)])
@pytest.mark.parametrize("join", ["sum", "sum_after", "concatenate"])
@pytest.mark.parametrize("alike", [True, False])
def test_logits_are_those_of_the_formula(alike: bool, join: str, widths: tuple[int, ...]):
    model = EmbeddedMLP(width=3, widths=widths, join=join, shared=alike, bias=alike)
    shapes = jax.eval_shape(lambda: model.init(TOKENS, 5, key=jr.key(0)))
    random = np.random.default_rng(0)
    network: Any = jax.tree.map(lambda w: random.normal(size=w.shape), shapes)
    rows = random.integers(7, size=(9, 2))
    left, right = (network.embed, network.embed) if alike else network.embed
    a, b = left[rows[:, 0]], right[rows[:, 1]]
    first, (bias, *biases) = network.weights[0], network.biases if alike else [0.0] * len(widths)
    value = {
        "sum": lambda: (a + b) @ first + bias,
        "sum_after": lambda: (a @ first + bias) + (b @ first + bias),
        "concatenate": lambda: np.concatenate([a, b], axis=1) @ first + bias,
    }[join]()
    for weight, bias in zip(network.weights[1:], biases, strict=True):
        value = np.maximum(value, 0) @ weight + bias
    with jax.enable_x64(True):
        found = jax.jit(lambda n: n.table(jnp.asarray(rows)))(network)
    np.testing.assert_allclose(found, np.maximum(value, 0) @ network.unembed, rtol=1e-12)


@pytest.mark.parametrize("join", ["sum", "sum_after", "concatenate"])
@pytest.mark.parametrize("alike", [True, False])
def test_it_conforms(alike: bool, join: str):
    model = EmbeddedMLP(width=3, widths=(6, 4), join=join, shared=alike, bias=alike)
    fr.testing.check_model(model, TOKENS, 5)


def test_initial_weights_have_the_spread_of_the_source():
    network = EmbeddedMLP(width=128, widths=(256,), join="concatenate").init(
        Signature((2,), 59, 59), 59, key=jr.key(0)
    )
    assert network.weights[0].shape == (256, 256)
    assert np.std(network.embed) == pytest.approx(128**-0.5, rel=0.05)
    assert np.std(network.unembed) == pytest.approx(256**-0.5, rel=0.05)
    assert np.abs(network.weights[0]).max() == pytest.approx(256**-0.5, rel=0.01)
    model = fr.recipes.chughtai_s5().model
    network: Any = model.init(Signature((2,), 120, 120), 120, key=jr.key(0))
    assert network.embed.shape == (2, 120, 256)
    assert network.biases == (None,)
    assert np.std(network.embed) == pytest.approx(256**-0.5, rel=0.05)
    assert np.std(network.weights[0]) == pytest.approx(512**-0.5, rel=0.05)
    assert np.std(network.unembed) == pytest.approx(128**-0.5, rel=0.05)


def test_normal_weights_and_no_biases_begin_in_float32():
    with jax.enable_x64(True):
        network = EmbeddedMLP(width=3, widths=(6, 4), initial="normal").init(
            TOKENS, 5, key=jr.key(0)
        )
    assert {x.dtype for x in jax.tree.leaves(network)} == {np.dtype(np.float32)}
    for bias in network.biases:
        np.testing.assert_array_equal(bias, 0)


def test_real_vectors_are_refused():
    with pytest.raises(fr.SpecError, match="EmbeddedMLP reads tokens; the task gives real vectors"):
        EmbeddedMLP().init(Signature((2,), None, 2), 2, key=jr.key(0))


def test_a_small_one_learns():
    """Model α of the source in small: it fits the training sums within 300 steps."""
    experiment = fr.Experiment(
        fr.tasks.ModularArithmetic(p=13, train_fraction=0.8),
        EmbeddedMLP(width=32, widths=(32,)),
        fr.optim.AdamW(learning_rate=1e-2, weight_decay=0.1),
        steps=300,
    )
    runs = fr.train(experiment, machine=fr.Machine(progress=False))
    assert float(runs.train_accuracy.isel(run=0, step=-1)) == 1.0
