"""Models against plain one-hot forms, in float64, with their gradients."""

import dataclasses
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import flyroom as fr
from flyroom.models import MLP, AbstractModel, AbstractNetwork, FactoredMLP, activations, initial
from flyroom.models.linear import WIDE
from flyroom.results.labels import dims, paths
from flyroom.spec import SpecError
from flyroom.tasks import Signature

TOKENS, ROWS = 7, 12
PAIRS = Signature((2,), TOKENS, TOKENS)
INPUTS = np.random.default_rng(0).integers(TOKENS, size=(ROWS, 2)).astype(np.int32)
ONE_HOT = np.eye(TOKENS)[INPUTS]  # row, position, token
FORMS = list(itertools.product(["factored", "collapsed"], ["factored", "collapsed"], [True, False]))

NUMPY = {
    fr.models.relu: lambda x: np.maximum(x, 0),
    fr.models.square: np.square,
    fr.models.absolute: np.abs,
    fr.models.tanh: np.tanh,
    fr.models.identity: lambda x: x,
}


def init(model: AbstractModel, signature: Signature = PAIRS, outputs: int = TOKENS) -> Any:
    return jax.jit(lambda: model.init(signature, outputs, key=jr.key(0)))()


def some(model: AbstractModel, signature: Signature = PAIRS, outputs: int = TOKENS) -> Any:
    """A network of the model with arbitrary weights in float64."""
    random = np.random.default_rng(2)
    shapes = jax.eval_shape(lambda: model.init(signature, outputs, key=jr.key(0)))
    return jax.tree.map(lambda w: random.normal(size=w.shape) / w.shape[-1] ** 0.5, shapes)


AXES = {
    "embed": ("token", "embedding"),
    "into": ("embedding", "neuron"),
    "out": ("neuron", "embedding"),
    "unembed": ("embedding", "class"),
    "whole_in": ("token", "neuron"),
    "whole_out": ("neuron", "class"),
}


def plain_factored(n: Any, one_hot: Any, act: Any) -> Any:
    """Every product as it is written in the formula, for NumPy and for JAX."""
    embed = n.embed if n.circles is None else n.circles
    vectors = one_hot if n.into is None else one_hot @ embed
    weights = n.whole_in if n.into is None else n.into
    tables = [weights, weights] if weights.ndim == 2 else weights
    hidden = act(vectors[:, 0] @ tables[0] + vectors[:, 1] @ tables[1])
    if n.out is None:
        return hidden @ n.whole_out
    return hidden @ n.out @ (embed.T if n.unembed is None else n.unembed)


def plain_mlp(n: Any, rows: Any, act: Any) -> Any:
    """A multilayer perceptron on the flattened input."""
    weights = [n.first.reshape(-1, n.first.shape[-1]), *n.weights]
    value = rows.reshape(len(rows), -1)
    for layer, (weight, bias) in enumerate(zip(weights, n.biases, strict=True)):
        value = value @ weight if bias is None else value @ weight + bias[None]
        value = value if layer == len(weights) - 1 else act(value)
    return value


def check_form(network: Any, inputs: Any, rows: np.ndarray, plain: Any, act: Any):
    """Logits equal NumPy, and gradients those that JAX finds for the plain form."""
    coefficients = np.cos(np.arange(len(rows) * 5).reshape(len(rows), 5))

    @jax.jit
    def graded(network: Any) -> Any:
        def ours(n: Any) -> Any:
            return jnp.sum(n.table(inputs)[:, :5] * coefficients)

        def theirs(n: Any) -> Any:
            return jnp.sum(plain(n, jnp.asarray(rows), act)[:, :5] * coefficients)

        return network.table(inputs), jax.grad(ours)(network), jax.grad(theirs)(network)

    with jax.enable_x64(True):
        inputs = jnp.asarray(inputs)
        logits, found, true = jax.device_get(graded(network))
    np.testing.assert_allclose(logits, plain(network, rows, NUMPY[act]), rtol=1e-12, atol=1e-12)
    for slope, expected in zip(jax.tree.leaves(found), jax.tree.leaves(true), strict=True):
        assert np.any(expected)
        np.testing.assert_allclose(slope, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("input", "output", "tied"), FORMS)
def test_factored_networks_equal_the_one_hot_form(input: str, output: str, tied: bool):
    act = fr.models.square if tied else fr.models.relu
    model = FactoredMLP(5, 11, input=input, output=output, tied=tied, activation=act)
    network = some(model)
    arrays = paths(network)
    parts = {"into", "embed"} if input == "factored" else {"whole_in"}
    parts |= {"out", "embed" if tied else "unembed"} if output == "factored" else {"whole_out"}
    assert {path: dims(network, path, w.ndim) for path, w in arrays.items()} == {
        part: AXES[part] for part in parts
    }
    check_form(network, INPUTS, ONE_HOT, plain_factored, act)


@pytest.mark.parametrize(("input", "output", "tied"), FORMS)
def test_positions_may_have_projections_of_their_own(input: str, output: str, tied: bool):
    model = FactoredMLP(5, 11, input=input, output=output, tied=tied, shared=False)
    network = some(model)
    name = "into" if input == "factored" else "whole_in"
    first, *_ = dims(network, name, 3)
    assert first == "position"
    assert fr.measures.input_tables(network).shape == (2, TOKENS, 5)
    check_form(network, INPUTS, ONE_HOT, plain_factored, fr.models.relu)
    fr.testing.check_model(model, PAIRS, TOKENS)


def test_whole_matrices_of_positions_begin_with_the_spread_of_one():
    signature = Signature((2,), 97, 97)
    whole = init(FactoredMLP(500, input="collapsed", shared=False), signature, 97).whole_in
    assert whole.std(axis=(1, 2)) == pytest.approx([np.sqrt(2 / 97)] * 2, rel=0.02)


def test_circles_are_waves_of_unit_norm_that_do_not_learn():
    model = FactoredMLP(5, 4, circles=(1, 3))
    fr.testing.check_model(model, PAIRS, TOKENS)
    network = init(model)
    angles = 2 * np.pi / TOKENS * np.outer(np.arange(TOKENS), [1, 1, 3, 3])
    waves = np.where([True, False] * 2, np.cos(angles), np.sin(angles))
    np.testing.assert_allclose(network.circles, waves * (2 / TOKENS) ** 0.5, atol=1e-7)
    np.testing.assert_allclose(network.circles.T @ network.circles, np.eye(4), atol=1e-6)
    assert set(paths(network)) == {"into", "out", "circles"}
    learns, stays = fr.models.divide(network)
    assert set(paths(learns)) == {"into", "out"}
    assert set(paths(stays)) == {"circles"}
    check_form(
        jax.tree.map(np.asarray, some(model)), INPUTS, ONE_HOT, plain_factored, fr.models.relu
    )


def test_circles_stay_where_they_are_while_the_rest_learns():
    experiment = fr.spec.replace(fr.recipes.pair_five_neurons(), {"task.p": 11, "steps": 20})
    runs = fr.train(experiment, {"seed": [0]}, machine=fr.Machine(devices=1, progress=False))
    trained: Any = fr.network(runs, 0)
    start: Any = experiment.model.init(experiment.task.signature, 11, key=jr.key(5))
    np.testing.assert_array_equal(trained.circles, start.circles)
    assert trained.into.size + trained.out.size == 20
    norm = np.sqrt((np.square(trained.into)).sum() + np.square(trained.out).sum())
    assert runs.weight_norm.isel(step=-1).item() == pytest.approx(norm, rel=1e-5)
    assert runs.weight_norm.isel(step=0).item() != pytest.approx(norm, rel=1e-3)


@pytest.mark.parametrize("shared", [True, False])
def test_a_network_answers_vectors_as_it_answers_their_tokens(shared: bool):
    network = init(FactoredMLP(5, 11, shared=shared))
    vectors = network.embed[INPUTS[0]]
    np.testing.assert_allclose(network.answer(vectors), network(jnp.asarray(INPUTS[0])), rtol=1e-5)
    collapsed = init(FactoredMLP(5, 11, input="collapsed"))
    with pytest.raises(SpecError, match="its input side is collapsed"):
        collapsed.answer(vectors)


def test_collapsing_a_network_keeps_its_function():
    network = some(FactoredMLP(5, 11))
    other = some(FactoredMLP(5, input="collapsed", output="collapsed"))
    with jax.enable_x64(True):
        network = jax.tree.map(jnp.asarray, network)
        other = jax.tree.unflatten(jax.tree.structure(other), [network.w_in, network.w_out])
        left, right = (jax.jit(lambda n: n.table(jnp.asarray(INPUTS)))(n) for n in (other, network))
        np.testing.assert_allclose(network.w_in, network.embed @ network.into, rtol=1e-12)
        np.testing.assert_allclose(network.w_out, network.out @ network.embed.T, rtol=1e-12)
    np.testing.assert_allclose(left, right, rtol=1e-12)


@pytest.mark.parametrize(
    ("widths", "bias", "output_bias", "act"),
    [
        ((6,), True, False, fr.models.relu),
        ((6, 5), True, True, fr.models.tanh),
        ((4, 6, 5), False, True, fr.models.absolute),
        ((), False, True, fr.models.relu),
    ],
)
@pytest.mark.parametrize("tokens", [True, False])
def test_mlps_equal_the_concatenated_form(widths, bias, output_bias, act, tokens: bool):
    signature = PAIRS if tokens else Signature((9,), None, 2)
    rows = ONE_HOT if tokens else np.random.default_rng(1).normal(size=(ROWS, 9))
    inputs = INPUTS if tokens else rows
    model = MLP(widths, act, bias=bias, output_bias=output_bias)
    network = some(model, signature)
    assert [b is not None for b in network.biases] == [bias] * len(widths) + [output_bias]
    check_form(network, inputs, rows, plain_mlp, act)


def test_networks_of_two_classes_may_have_one_output():
    signature = fr.tasks.SparseParity(n=9).signature
    assert some(MLP((4,)), signature, 1).weights[-1].shape == (4, 1)


@pytest.mark.parametrize("activation", NUMPY)
def test_activations_equal_numpy(activation):
    x = np.linspace(-3, 3, 13).astype(np.float32)
    np.testing.assert_allclose(activation(jnp.asarray(x)), NUMPY[activation](x), rtol=1e-6)


def test_gelu_is_the_normal_distribution_function():
    # x Φ(x) at these points, from a table of Φ.
    found = activations.gelu(jnp.array([-1.0, 0.0, 1.0, 2.0]))
    np.testing.assert_allclose(found, [-0.158655, 0.0, 0.841345, 1.954500], atol=2e-6)


@pytest.mark.parametrize(
    ("model", "signature", "outputs", "message"),
    [
        (FactoredMLP(), Signature((9,), None, 2), 2, "reads tokens; the task gives real vectors"),
        (FactoredMLP(), PAIRS, 2, "2 outputs cannot share the embedding of 7 tokens. Use tied=Fal"),
        (FactoredMLP(circles=(1,)), PAIRS, 7, "embed_width=500; allowed: .* 1 to 3 .* number, 2"),
        (FactoredMLP(embed_width=2, circles=(4,)), PAIRS, 7, r"got \(4,\)"),
    ],
)
def test_models_refuse_tasks_that_they_cannot_read(model, signature, outputs: int, message: str):
    with pytest.raises(SpecError, match=message):
        model.init(signature, outputs, key=jr.key(0))


# --- Names ---


@pytest.fixture(scope="module")
def network() -> AbstractNetwork:
    network = some(MLP((6, 5), output_bias=True))
    return jax.tree.map(lambda w: jnp.asarray(w, jnp.float32), network)


X = jnp.array([2, 5], jnp.int32)


def test_every_activation_has_a_name(network: Any):
    seen = network.activations(X)
    assert list(seen) == [
        "preactivation_0", "hidden_0", "preactivation_1", "hidden_1", "logits",
    ]  # fmt: skip
    assert seen["hidden_0"].shape == (6,)
    np.testing.assert_array_equal(seen["hidden_1"], jax.nn.relu(seen["preactivation_1"]))
    np.testing.assert_array_equal(seen["logits"], network(X))
    first = network.first[0, 2] + network.first[1, 5] + network.biases[0]
    np.testing.assert_allclose(seen["preactivation_0"], first, rtol=1e-6)


def test_activations_are_put_in_place_of_others(network: Any):
    seen = network.activations(X)
    # By an array: what comes after is computed from it.
    hidden = jnp.arange(5.0)
    expected = hidden @ network.weights[-1] + network.biases[-1]
    np.testing.assert_allclose(network.patched(X, {"hidden_1": hidden}), expected, rtol=1e-6)
    # By a function of the activation, and several at once.
    doubled = network.patched(X, {"hidden_1": lambda h: 2 * h, "logits": lambda z: z - 1})
    expected = 2 * seen["hidden_1"] @ network.weights[-1] + network.biases[-1] - 1
    np.testing.assert_allclose(doubled, expected, rtol=1e-5)
    # By a number, which every entry becomes; and by nothing.
    zero = network.patched(X, {"hidden_1": jnp.float32(0)})
    np.testing.assert_allclose(zero, network.biases[-1], rtol=1e-6)
    np.testing.assert_array_equal(network.patched(X, {}), network(X))


def test_an_unknown_activation_lists_the_known(network: Any):
    with pytest.raises(SpecError, match="no activation `hidden_2`; it has preactivation_0, hidden"):
        network.patched(X, {"hidden_0": jnp.zeros(6), "hidden_2": jnp.zeros(5)})


class Doubling(AbstractNetwork):
    """Random while it trains: dropout, in one line."""

    weight: jax.Array

    def forward(self, x, tap, key):
        keep = jnp.ones(3) if key is None else 2 * jr.bernoulli(key, shape=(3,)).astype(jnp.float32)
        return tap("logits", self.weight[x[0]] * keep)


def test_rows_of_a_random_network_have_keys_of_their_own():
    network = Doubling(jnp.ones((TOKENS, 3)))
    inputs = jnp.zeros((64, 1), jnp.int32)
    np.testing.assert_array_equal(network.table(inputs), np.ones((64, 3)))
    noisy = np.asarray(network.table(inputs, key=jr.key(0)))
    assert set(noisy.flatten()) == {0.0, 2.0}
    assert 0.3 < noisy.mean() / 2 < 0.7
    assert len(np.unique(noisy, axis=0)) == 8  # rows differ from each other
    np.testing.assert_array_equal(noisy, network.table(inputs, key=jr.key(0)))


# --- Where weights begin ---

# Spread of a normal distribution that is cut at two standard deviations.
CUT = np.sqrt(1 - 4 * np.exp(-2) / np.sqrt(2 * np.pi) / 0.9544997361)


@pytest.mark.parametrize(
    ("scheme", "std", "largest"),
    [
        (initial.pytorch, 1 / np.sqrt(3 * 400), 1 / 20),
        (initial.haiku, CUT / 20, 2 / 20),
        (initial.he, np.sqrt(2) / 20, np.inf),
        (initial.variance_scaling_2, np.sqrt(2) / 20, 2 * np.sqrt(2) / 20 / CUT),
    ],
)
def test_schemes_have_the_spread_of_their_frameworks(scheme, std: float, largest: float):
    weights = np.asarray(scheme(jr.key(0), (400, 250), 400))
    # A sample of 100,000 has a relative error of about 0.3 % in its standard deviation.
    assert weights.std() == pytest.approx(std, rel=0.012)
    assert abs(weights.mean()) < 4.5 * std / np.sqrt(weights.size)
    assert np.abs(weights).max() <= largest * 1.0001
    if np.isfinite(largest):
        assert np.abs(weights).max() > 0.98 * largest


@pytest.mark.parametrize("model", [MLP((50,), output_bias=True), FactoredMLP(tied=False)])
def test_the_initial_scale_multiplies_every_weight(model):
    @jax.jit
    def weights(scale: jax.Array) -> list[jax.Array]:
        scaled = dataclasses.replace(model, init_scale=scale)
        return jax.tree.leaves(scaled.init(PAIRS, TOKENS, key=jr.key(0)))

    for once, thrice in zip(weights(1.0), weights(3.0), strict=True):
        np.testing.assert_allclose(thrice, 3 * once, rtol=1e-6)
        assert np.any(once)


def test_fan_in_is_the_size_of_the_concatenated_input():
    network = init(MLP((300,)), Signature((2,), 50, 50), 50)
    assert np.abs(network.first).max() == pytest.approx(0.1, rel=0.01)  # 1/√(2·50)
    assert np.abs(network.weights[0]).max() == pytest.approx(1 / np.sqrt(300), rel=0.01)


@pytest.mark.parametrize("model", [MLP((8,)), FactoredMLP(4, 6)])
def test_networks_begin_alike_in_every_precision(model):
    """So that suspect arithmetic can be run again in float64."""
    narrow = init(model)
    with jax.enable_x64(True):
        broad = init(model)
    for left, right in zip(jax.tree.leaves(narrow), jax.tree.leaves(broad), strict=True):
        np.testing.assert_array_equal(left, right)


def logits_of(product: Any, x: Any, weights: Any) -> Any:
    """Two layers, so that the second product's inputs depend on weights too."""
    return jax.vmap(lambda row: at_once(product, row, weights))(x)


def at_once(product: Any, x: Any, weights: Any) -> Any:
    """The same of all examples together."""
    return product(jnp.tanh(product(x, weights[0])), weights[1])


def in_a_row(product: Any, x: Any, weights: Any) -> Any:
    """The same along one axis more."""
    return at_once(product, x[None], weights)[0]


@pytest.mark.parametrize("logits", [logits_of, at_once, in_a_row])
@pytest.mark.parametrize("inputs", [WIDE - 1, WIDE])
def test_products_and_all_their_derivatives_equal_the_plain_ones(inputs: int, logits: Any):
    random = np.random.default_rng(3)
    sizes = [(5, inputs), (inputs, WIDE + 1), (WIDE + 1, 3)]
    x, *weights = (random.normal(size=size) / size[1] ** 0.5 for size in sizes)
    other = [random.normal(size=w.shape) for w in weights]

    def derivatives(product: Any) -> Any:
        def loss(w: Any) -> Any:
            return jnp.sum(jnp.sin(logits(product, x, w)))

        many = jax.tree.map(lambda w, v: jnp.stack([w, v]), weights, other)
        slope = jax.grad(loss)
        return {
            "value": loss(weights),
            "reverse": slope(weights),
            "forward": jax.jvp(loss, (weights,), (other,))[1],
            "forward over reverse": jax.jvp(slope, (weights,), (other,))[1],
            "reverse over reverse": jax.vjp(slope, weights)[1](other)[0],
            "of many networks": jax.vmap(slope)(many),
            "of every example": jax.vmap(
                lambda row: jax.grad(lambda w: jnp.sum(logits(product, row[None], w)))(weights)
            )(x),
        }

    with jax.enable_x64(True):
        found, true = derivatives(fr.models.linear), derivatives(jnp.matmul)
    for name, expected in true.items():
        for a, b in zip(jax.tree.leaves(found[name]), jax.tree.leaves(expected), strict=True):
            assert a.dtype == b.dtype == np.float64
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("logits", [logits_of, at_once])
@pytest.mark.parametrize(("product", "slow"), [(fr.models.linear, 0), (jnp.matmul, 2)])
def test_gradients_of_wide_products_sum_along_rows(product: Any, slow: int, logits: Any):
    """What makes the gradient fast: no product of the compiled program sums down columns."""
    sizes = [(96, WIDE), (WIDE, 2 * WIDE), (2 * WIDE, 64)]
    x, *weights = (np.ones(size, np.float32) for size in sizes)
    graded = jax.jit(jax.grad(lambda w: jnp.sum(jnp.sin(logits(product, x, w)))))
    program = str(graded.lower(weights).compile().as_text())
    assert program.count("lhs_contracting_dims={0}") == slow
    assert program.count("lhs_contracting_dims={1}") == 5 - slow
