"""The transformer against NumPy, written once more from its formula, and what it sees of a task."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import flyroom as fr
from flyroom.models import Transformer, TransformerNetwork
from flyroom.results.labels import dims, paths
from flyroom.tasks import Signature

pytestmark = pytest.mark.slow

SIGNATURE = Signature((4,), 9, 7)
ROWS = np.random.default_rng(0).integers(9, size=(5, 4))


def some(model: Transformer) -> TransformerNetwork:
    """A network of the model with arbitrary weights in float64, biases among them."""
    random = np.random.default_rng(1)
    shapes = jax.eval_shape(lambda: model.init(SIGNATURE, 7, key=jr.key(0)))
    return jax.tree.map(lambda w: random.normal(size=w.shape), shapes)


def plain(n: Any, x: np.ndarray, act: Any) -> np.ndarray:
    """Every position through every layer, as it is written in the papers."""
    h = n.embed[x] + n.positions
    length = len(x)
    for b in n.blocks:
        q, k, v = (np.einsum("pr,rhc->hpc", h, w) for w in (b.query, b.key, b.value))
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
        if n.causal:
            scores[:, *np.triu_indices(length, 1)] = -np.inf
        pattern = np.exp(scores - scores.max(-1, keepdims=True))
        pattern /= pattern.sum(-1, keepdims=True)
        pattern = pattern if n.rate is None else n.rate * pattern + (1 - n.rate)
        h = plain_norm(h + np.einsum("hpc,hcr->pr", pattern @ v, b.mix), b.after_attention)
        into, out = (0 if w is None else w for w in (b.into_bias, b.out_bias))
        h = plain_norm(h + act(h @ b.into + into) @ b.out + out, b.after_perceptron)
    return h[-1] @ n.unembed


def plain_norm(h: np.ndarray, norm: Any) -> np.ndarray:
    if norm is None:
        return h
    spread = np.sqrt(h.var(1, keepdims=True) + 1e-5)
    return (h - h.mean(1, keepdims=True)) / spread * norm.scale + norm.shift


OPTIONS = [
    {},
    {"norm": True, "positions": "sinusoidal", "bias": False},
    {"causal": False, "attention_rate": 0.3},
    {"causal": False, "norm": True, "attention_rate": 0.0},
]
# Of the five positions the first three have 1, 3 and 3 different beginnings.
SPANS = Signature((5,), 8, 6, ((6, 7), (0, 3), (7, 8), (1, 4), (6, 7)))


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_rows_that_share_equal_the_formula(options: Any, layers: int):
    """Of 6 examples, that are fewer than the beginnings of most positions, and of 40."""
    model = Transformer(layers, 6, 3, 5, **options)
    shapes = jax.eval_shape(lambda: model.init(SPANS, 6, key=jr.key(0)))
    random = np.random.default_rng(1)
    network: Any = jax.tree.map(lambda w: random.normal(size=w.shape), shapes)
    low, high = np.array(SPANS.spans).T
    for count in (6, 40):
        rows = random.integers(low, high, size=(count, 5))
        expected = np.stack([plain(network, x, lambda x: np.maximum(x, 0)) for x in rows])
        with jax.enable_x64(True):
            found = jax.jit(lambda n, r: n.table(r))(network, jnp.asarray(rows))
        np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("options", OPTIONS)
def test_conformance_of_every_kind(options: Any):
    fr.testing.check_model(Transformer(2, 6, 3, 5, **options), SPANS, outputs=6)


def test_conformance_of_one_layer():
    fr.testing.check_model(Transformer(1, 6, 3, 5), SPANS, outputs=6)


def test_waves_and_the_rate_do_not_learn():
    model = Transformer(2, 6, 3, 5, positions="sinusoidal", attention_rate=0.4)
    network = model.init(SPANS, 6, key=jr.key(0))
    weights, constants = fr.models.divide(network)
    assert sorted(paths(constants)) == ["rate", "waves"]
    assert weights.place is None
    assert network.waves is not None
    # sin and cos of the position, then of a tenth of it and so on
    np.testing.assert_allclose(network.waves[2, :2], [np.sin(2), np.cos(2)], rtol=1e-6)
    slow = 2 / 10_000 ** (2 / 6)
    np.testing.assert_allclose(network.waves[2, 2:4], [np.sin(slow), np.cos(slow)], rtol=1e-6)


def test_the_schemes_differ_where_the_sources_do():
    wide, torch = (
        Transformer(initial=s).init(SIGNATURE, 49, key=jr.key(0)) for s in ("wide", "pytorch")
    )
    assert np.std(wide.blocks[0].into) == pytest.approx(512**-0.5, rel=0.05)
    assert np.std(torch.embed) == pytest.approx(1, rel=0.1)
    assert np.abs(torch.blocks[0].out).max() == pytest.approx(512**-0.5, rel=0.01)
    assert np.std(torch.unembed) == pytest.approx((3 * 128) ** -0.5, rel=0.05)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize(("bias", "act"), [(True, fr.models.relu), (False, fr.models.square)])
def test_logits_equal_every_position_through_every_layer(layers: int, bias: bool, act: Any):
    network = some(Transformer(layers, 6, 3, 5, bias=bias, activation=act))
    numpy = {fr.models.relu: lambda x: np.maximum(x, 0), fr.models.square: np.square}[act]
    expected = np.stack([plain(network, x, numpy) for x in ROWS])
    with jax.enable_x64(True):
        found = jax.jit(lambda n: n.table(jnp.asarray(ROWS)))(network)
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_activations_are_those_of_the_formula():
    network = some(Transformer(2, 6, 3, 5))
    with jax.enable_x64(True):
        seen = jax.device_get(jax.jit(lambda n: n.activations(jnp.asarray(ROWS[0])))(network))
    first, last = seen["pattern_0"], seen["pattern_1"]
    assert first.shape == (4, 4, 3)  # who asks, who is seen, head
    assert last.shape == (1, 4, 3)  # only the last position reaches the answer
    np.testing.assert_allclose(first.sum(1), 1, rtol=1e-12)
    later = np.triu(np.ones((4, 4), bool), 1)
    assert not np.any(first[later])
    total = seen["embedding"] + seen["attention_0"] + seen["perceptron_0"]
    np.testing.assert_allclose(seen["residual_0"], total, rtol=1e-12)
    np.testing.assert_allclose(seen["logits"], seen["residual_1"][-1] @ network.unembed, rtol=1e-10)


def test_initial_weights_have_the_spread_of_the_source():
    network = Transformer(init_scale=2.0).init(SIGNATURE, 49, key=jr.key(0))
    for path, w in paths(network).items():
        expected = 0.0 if "bias" in path else 2 / np.sqrt(49 if path == "unembed" else 128)
        assert np.std(w) == pytest.approx(expected, rel=0.1), path


def test_axes_are_named_alike_in_every_layer():
    network = Transformer(2, 6, 3, 5).init(SIGNATURE, 7, key=jr.key(0))
    named = {path: dims(network, path, w.ndim) for path, w in paths(network).items()}
    assert named["embed"] == ("token", "residual")
    for layer in (0, 1):
        assert named[f"blocks.{layer}.query"] == ("residual", "head", "channel")
        assert named[f"blocks.{layer}.out"] == ("neuron", "residual")


def test_what_cannot_be_a_transformer_is_refused():
    with pytest.raises(fr.SpecError, match="heads: got 4; allowed: divisors of the width 6"):
        Transformer(width=6, heads=4)
    with pytest.raises(fr.SpecError, match="reads tokens; the task gives real vectors"):
        Transformer().init(Signature((4,), None, 2), 2, key=jr.key(0))


def test_the_task_can_ask_with_an_equals_sign():
    pair, asks = (fr.tasks.ModularArithmetic(p=5, encoding=e) for e in ("pair", "equals"))
    assert asks.signature == Signature((3,), 6, 5, ((0, 5), (0, 5), (5, 6)))
    splits = (jax.tree.leaves(task.split(3)) for task in (pair, asks))
    for one, other in zip(*splits, strict=True):
        if one.ndim == 2:
            assert np.all(other[:, 2] == 5)
            other = other[:, :2]
        np.testing.assert_array_equal(one, other)


def test_a_small_one_groks(tmp_path):
    """Addition modulo 31: the training sums by heart within 200 steps, the others much later."""
    experiment = fr.Experiment(
        task=fr.tasks.ModularArithmetic(p=31, train_fraction=0.6, encoding="equals"),
        model=Transformer(width=48, heads=4, neurons=96),
        optimizer=fr.optim.AdamW(learning_rate=5e-3, weight_decay=1.0, warmup=10.0),
        stop=(fr.Reaches("test_accuracy", 0.99, records=2),),
        steps=2000,
    )
    machine = fr.Machine(progress=False)
    runs = fr.train(experiment, {"seed": range(2)}, store=tmp_path / "t.zarr", machine=machine)
    began, ended = fr.measures.memorization_step(runs), fr.measures.generalization_step(runs)
    assert (began < 200).all()
    assert (ended > 2 * began).any()
    run = int(np.nanargmin(ended.values))
    network = fr.network(runs, run)
    sums = jnp.array([[a, b, 31] for a in range(31) for b in range(31)])
    right = network.table(sums).argmax(1) == sums[:, :2].sum(1) % 31
    assert right.mean() > 0.98
