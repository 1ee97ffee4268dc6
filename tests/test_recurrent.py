"""The LSTM against NumPy, written once more from its formula, and what it is given of a task."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import flyroom as fr
from flyroom.models import LSTM, LSTMNetwork
from flyroom.results.labels import dims, paths
from flyroom.tasks import Signature

WIDTH, CLASSES, ROWS = 5, 4, 9
SIGNATURES = {
    "tokens": Signature((3,), 7, CLASSES),
    "one token": Signature((1,), 7, CLASSES),
    "more tokens than examples": Signature((3,), ROWS + 1, CLASSES),
    "numbers": Signature((3,), None, CLASSES),
    "vectors": Signature((3, 2), None, CLASSES),
}
CASES = pytest.mark.parametrize("case", SIGNATURES)


def some(signature: Signature) -> LSTMNetwork:
    """A network with arbitrary weights in float64."""
    random = np.random.default_rng(1)
    init = LSTM(WIDTH).init
    shapes = jax.eval_shape(lambda: init(signature, CLASSES, key=jr.key(0)))
    return jax.tree.map(lambda w: random.normal(size=w.shape), shapes)


def rows(signature: Signature) -> tuple[np.ndarray, np.ndarray]:
    """Inputs of the network, and the vectors that it reads at every position."""
    random, size = np.random.default_rng(0), (ROWS, *signature.inputs)
    if signature.tokens is None:
        inputs = random.normal(size=size)
        return inputs, inputs.reshape(ROWS, signature.inputs[0], -1)
    inputs = random.integers(signature.tokens, size=size).astype(np.int32)
    return inputs, np.eye(signature.tokens)[inputs]


def plain(n: Any, sequence: Any, xp: Any, seen: dict[str, Any]) -> Any:
    """One example through the formula, gate by gate, in NumPy or in JAX."""
    c = h = xp.zeros(WIDTH, n.out.dtype)
    for position, x in enumerate(sequence):
        pre = [
            x @ n.into[:, k] + n.into_bias[k] + h @ n.recurrent[:, k] + n.recurrent_bias[k]
            for k in range(4)
        ]
        i, f, o = (1 / (1 + xp.exp(-pre[k])) for k in (0, 1, 3))
        c = f * c + i * xp.tanh(pre[2])
        h = o * xp.tanh(c)
        seen |= {f"cell_{position}": c, f"hidden_{position}": h}
    seen["logits"] = h @ n.out + n.out_bias
    return seen["logits"]


@CASES
def test_logits_and_gradients_equal_the_formula(case: str):
    network, (inputs, vectors) = some(SIGNATURES[case]), rows(SIGNATURES[case])
    shares = np.cos(np.arange(ROWS * CLASSES)).reshape(ROWS, CLASSES)

    def ours(n: Any) -> Any:
        logits = n.table(jnp.asarray(inputs))
        return jnp.sum(logits * shares), logits

    def theirs(n: Any) -> Any:
        logits = jax.vmap(lambda v: plain(n, v, jnp, {}))(jnp.asarray(vectors))
        return jnp.sum(logits * shares)

    with jax.enable_x64(True):
        found, logits = jax.jit(jax.grad(ours, has_aux=True))(network)
        each = jax.jit(lambda n: jax.vmap(n)(jnp.asarray(inputs)))(network)
        true = jax.jit(jax.grad(theirs))(network)
    expected = np.stack([plain(network, v, np, {}) for v in vectors])
    np.testing.assert_allclose(logits, expected, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(each, expected, rtol=1e-11, atol=1e-13)
    for name, slope in paths(found).items():
        if not (case == "one token" and name == "recurrent"):  # nothing comes before
            assert np.any(slope), name
        np.testing.assert_allclose(slope, paths(true)[name], rtol=1e-10, atol=1e-12, err_msg=name)


def test_gradients_equal_finite_differences():
    signature = SIGNATURES["tokens"]
    network, (inputs, vectors) = some(signature), rows(signature)
    random = np.random.default_rng(2)
    toward = jax.tree.map(lambda w: random.normal(size=w.shape), network)

    def total(step: float) -> float:
        moved = jax.tree.map(lambda w, d: w + step * d, network, toward)
        return sum(float(np.sum(np.sin(plain(moved, v, np, {})))) for v in vectors)

    with jax.enable_x64(True):
        slopes = jax.jit(jax.grad(lambda n: jnp.sum(jnp.sin(n.table(jnp.asarray(inputs))))))(
            network
        )
    along = jax.tree.map(lambda g, d: float(np.sum(np.asarray(g) * d)), slopes, toward)
    rise = (total(1e-5) - total(-1e-5)) / 2e-5
    assert sum(jax.tree.leaves(along)) == pytest.approx(rise, rel=1e-7)


def test_what_is_read_first_is_read_once_for_each_token():
    """The tanh of the first position is of so many rows as there are tokens."""
    signature = Signature((2,), 7, CLASSES)
    network = some(signature)
    text = str(jax.make_jaxpr(lambda n: n.table(jnp.zeros((50, 2), jnp.int32)))(network))
    heights = [line.split("[")[1].split(",")[0] for line in text.splitlines() if "= tanh" in line]
    assert heights == ["7", "7", "50", "50"]


@CASES
def test_activations_and_patches_are_those_of_the_formula(case: str):
    network, (inputs, vectors) = some(SIGNATURES[case]), rows(SIGNATURES[case])
    expected: dict[str, Any] = {}
    plain(network, vectors[0], np, expected)
    with jax.enable_x64(True):
        network = jax.tree.map(jnp.asarray, network)
        x = jnp.asarray(inputs[0])
        seen = network.activations(x)
        assert list(seen) == list(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(seen[name], value, rtol=1e-11, err_msg=name)
        last = vectors.shape[1] - 1
        answer = network.patched(x, {f"hidden_{last}": jnp.zeros(WIDTH)})
        np.testing.assert_allclose(answer, network.out_bias, rtol=1e-12)
        # What a cell holds is shown, and then carried on.
        answer = network.patched(x, {f"cell_{last}": jnp.zeros(WIDTH)})
        np.testing.assert_allclose(answer, network.out_bias, rtol=1e-12)
        for name in ("cell_0", "hidden_0"):
            assert not np.allclose(network.patched(x, {name: lambda a: 2 * a}), seen["logits"])


def test_a_patch_of_the_first_position_leaves_the_sequence_to_the_others():
    weights, (inputs, vectors) = some(SIGNATURES["tokens"]), rows(SIGNATURES["tokens"])
    with jax.enable_x64(True):
        network = jax.tree.map(jnp.asarray, weights)
        x, other = jnp.asarray(inputs[0]), jnp.asarray(inputs[1])
        theirs = network.activations(other)
        found = network.patched(x, {name: theirs[name] for name in ("cell_0", "hidden_0")})
    mixed = np.concatenate([vectors[1][:1], vectors[0][1:]])
    np.testing.assert_allclose(found, plain(weights, mixed, np, {}), rtol=1e-11)


@pytest.mark.parametrize("case", ["tokens", "numbers", "vectors"])
def test_it_passes_the_public_suite(case: str):
    fr.testing.check_model(LSTM(WIDTH), SIGNATURES[case], CLASSES)


def test_initial_weights_are_uniform_and_axes_have_names():
    signature = Signature((2,), 97, 97)
    drawn = [LSTM(25, scale).init(signature, 97, key=jr.key(0)) for scale in (1.0, 3.0)]
    network, thrice = (paths(n) for n in drawn)
    for name, weights in network.items():
        # A uniform sample of n has its extremes within about 1/n of the bounds.
        assert 0.2 * (1 - 10 / weights.size) < np.abs(weights).max() <= 0.2, name
        error = 4.5 / np.sqrt(weights.size)
        assert np.std(weights) == pytest.approx(0.2 / np.sqrt(3), rel=error), name
        np.testing.assert_allclose(thrice[name], 3 * weights, rtol=1e-6)
    assert not np.any(network["into_bias"] == network["recurrent_bias"])
    assert {name: dims(drawn[0], name, w.ndim) for name, w in network.items()} == {
        "into": ("token", "gate", "cell"),
        "recurrent": ("hidden", "gate", "cell"),
        "into_bias": ("gate", "cell"),
        "recurrent_bias": ("gate", "cell"),
        "out": ("hidden", "class"),
        "out_bias": ("class",),
    }
    assert [n.into.shape[0] for n in map(some, SIGNATURES.values())] == [7, 7, ROWS + 1, 1, 2]


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        (Signature((), None, 2), r"shape \(\); allowed: \(positions,\) for tokens or numbers"),
        (Signature((2, 3), 5, 5), r"shape \(2, 3\); .* Use a task that gives a sequence"),
        (Signature((2, 3, 4), None, 2), r"shape \(2, 3, 4\); .* \(positions, features\)"),
    ],
)
def test_what_is_no_sequence_is_refused(signature: Signature, message: str):
    with pytest.raises(fr.SpecError, match=message):
        LSTM().init(signature, 2, key=jr.key(0))


def test_numbers_are_the_pair_as_a_real_vector():
    pair, numbers = (fr.tasks.ModularArithmetic(p=5, encoding=e) for e in ("pair", "numbers"))
    assert numbers.signature == Signature((2,), None, 5)
    splits = (jax.tree.leaves(task.split(3)) for task in (pair, numbers))
    for one, other in zip(*splits, strict=True):
        np.testing.assert_array_equal(one, other)
    assert numbers.split(3).train.inputs.dtype == np.float32
    fr.testing.check_task(numbers)


@pytest.mark.parametrize("encoding", ["pair", "numbers"])
@pytest.mark.parametrize("model", [LSTM(), fr.models.MLP((32,))])
def test_they_train_on_both_encodings(model: Any, encoding: str, tmp_path):
    task = fr.tasks.ModularArithmetic(p=11, train_fraction=0.6, encoding=encoding)
    optimizer = fr.optim.AdamW(learning_rate=1e-2, weight_decay=0.0)
    experiment = fr.Experiment(task, model, optimizer, steps=200)
    runs = fr.train(
        experiment, store=tmp_path / "r.zarr", machine=fr.Machine(progress=False)
    ).load()
    first, last = (float(runs.train_loss.isel(run=0).sel(step=s)) for s in (0, 200))
    assert last < (0.5 if encoding == "pair" else 0.95) * first
