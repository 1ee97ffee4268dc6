"""Measures of the loss around weights, against dense Hessians and integrals."""

import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
from jax.flatten_util import ravel_pytree

import flyroom as fr
from flyroom import measures


@pytest.fixture(autouse=True)
def _wide():
    """Differences of gradients are looked at in float64."""
    with jax.enable_x64():
        yield


def symmetric(size: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(size, size))
    return values + values.T


def small(circles: tuple[int, ...] = ()):
    """A small network in float64, its loss of network and rows, and rows."""
    task = fr.tasks.ModularArithmetic(p=5)
    model = fr.models.FactoredMLP(
        width=4, embed_width=4, circles=circles, activation=fr.models.tanh
    )
    network = model.init(task.signature, 5, key=jax.random.key(0))
    network = jax.tree.map(lambda w: jnp.asarray(w, jnp.float64), network)
    train = task.split(seed=0).train

    def loss(network, rows):
        return jax.vmap(fr.losses.CrossEntropy())(network.table(rows[0]), rows[1]).mean()

    return network, loss, (jnp.asarray(train.inputs), jnp.asarray(train.labels))


# Sharpness.


@pytest.mark.parametrize("size", [1, 2, 3, 30])
def test_sharpness_of_a_quadratic_form_is_its_largest_eigenvalue(size: int):
    matrix = symmetric(size)

    def loss(weights: dict[str, jax.Array]) -> jax.Array:
        w = jnp.concatenate([weights["a"], weights["b"]])
        return w @ jnp.asarray(matrix) @ w / 2 + w.sum()

    split = {"a": jnp.ones(size // 2), "b": jnp.zeros(size - size // 2)}
    largest = np.linalg.eigvalsh(matrix)[-1]
    assert measures.sharpness(loss, split) == pytest.approx(largest, rel=1e-4)


def test_sharpness_is_the_largest_eigenvalue_and_not_the_largest_in_size():
    sizes = jnp.array([-9.0, 2.0, 1.0, -3.0])
    assert measures.sharpness(lambda w: (sizes * w**2).sum() / 2, jnp.ones(4)) == pytest.approx(2)


def test_sharpness_of_a_network_is_that_of_its_dense_hessian():
    network, loss, rows = small()
    flat, unravel = ravel_pytree(network)
    dense = np.asarray(jax.hessian(lambda v: loss(unravel(v), rows))(flat))
    found = measures.sharpness(lambda n: loss(n, rows), network, tolerance=1e-8)
    assert found == pytest.approx(np.linalg.eigvalsh(dense)[-1], rel=1e-6)
    narrow = jax.tree.map(lambda w: w.astype(jnp.float32), network)
    again = measures.sharpness(lambda n: loss(n, rows), narrow)
    assert again == pytest.approx(found, rel=1e-3)


def test_sharpness_in_a_box_is_the_rise_to_its_worst_corner():
    """Of a quadratic function the corner is where each weight goes the way its slope says."""
    sizes, at = jnp.array([1.0, 5.0, 0.5]), jnp.array([1.0, -2.0, 0.0])

    def loss(w: jax.Array) -> jax.Array:
        return (sizes * w**2).sum() + w[2]

    corner = at + 0.01 * (jnp.abs(at) + 1) * jnp.array([1.0, -1.0, 1.0])
    expected = 100 * (loss(corner) - loss(at)) / (1 + loss(at))
    assert measures.keskar_sharpness(loss, at, size=0.01) == pytest.approx(float(expected))
    network, of_rows, rows = small()
    narrow, wide = (
        measures.keskar_sharpness(lambda n: of_rows(n, rows), network, size=size)
        for size in (1e-4, 1e-3)
    )
    assert 0 < narrow < wide


def test_what_does_not_learn_is_not_varied():
    network, loss, rows = small(circles=(1, 2))
    learns = {"into": network.into, "out": network.out}
    flat, unravel = ravel_pytree(learns)

    def of(values: jax.Array) -> jax.Array:
        there = unravel(values)
        both = network.circles @ there["into"], there["out"] @ network.circles.T
        hidden = jnp.tanh(both[0][rows[0][:, 0]] + both[0][rows[0][:, 1]])
        logits = hidden @ both[1]
        picked = jnp.take_along_axis(jax.nn.log_softmax(logits), rows[1][:, None], 1)
        return -picked.mean()

    expected = np.linalg.eigvalsh(np.asarray(jax.hessian(of)(flat)))[-1]
    found = measures.sharpness(lambda n: loss(n, rows), network, tolerance=1e-8)
    assert found == pytest.approx(expected, rel=1e-6)


# The tangent kernel.


def test_the_tangent_kernel_is_a_sum_of_products_of_gradients():
    network, _, (inputs, _) = small()
    some = np.asarray(inputs[:4])
    found = measures.tangent_kernel(lambda n, x: n(x), network, some)
    for i, j in itertools.product(range(4), range(4)):
        total = 0.0
        for o in range(5):
            left, right = (
                ravel_pytree(jax.grad(lambda n, x=x, o=o: n(jnp.asarray(x))[o])(network))[0]
                for x in (some[i], some[j])
            )
            total += float(left @ right)
        assert found[i, j] == pytest.approx(total, rel=1e-9)


def test_a_linear_model_has_the_kernel_of_its_inputs_whatever_its_weights():
    inputs = np.random.default_rng(0).normal(size=(12, 3))
    kernels = [
        measures.tangent_kernel(lambda w, x: x @ w, jnp.full((3, 2), size), inputs)
        for size in (0.0, 5.0)
    ]
    np.testing.assert_allclose(kernels[0], 2 * inputs @ inputs.T, rtol=1e-12)
    assert measures.kernel_alignment(*kernels) == pytest.approx(1)


def test_alignment_is_a_cosine_of_centred_kernels():
    random = np.random.default_rng(0)
    one, other = (x @ x.T for x in random.normal(size=(2, 9, 4)))
    centre = np.eye(9) - 1 / 9
    left, right = (centre @ k @ centre for k in (one, other))
    expected = np.trace(left @ right) / np.sqrt(np.trace(left @ left) * np.trace(right @ right))
    assert measures.kernel_alignment(one, other) == pytest.approx(expected, rel=1e-12)
    assert measures.kernel_alignment(one, 3 * one + 7) == pytest.approx(1)
    assert np.isnan(measures.kernel_alignment(one, np.ones((9, 9))))
    # Kernels that know nothing of one another.
    wide = [x @ x.T for x in random.normal(size=(2, 200, 1))]
    assert measures.kernel_alignment(*wide) < 0.1


def test_lazy_learning_keeps_its_kernel_and_other_weights_do_not():
    network, _, (inputs, _) = small()
    some, random = np.asarray(inputs), np.random.default_rng(0)

    def kernel(size: float) -> np.ndarray:
        moved = jax.tree.map(lambda w: w + size * random.normal(size=w.shape), network)
        return measures.tangent_kernel(lambda n, x: n(x), moved, some)

    there, near, far = (kernel(size) for size in (0.0, 1e-3, 3.0))
    assert measures.kernel_alignment(there, near) > 0.999
    assert measures.kernel_alignment(there, far) < 0.95


# The local learning coefficient.

Height = Callable[[jax.Array], jax.Array]


def coefficient(height: Height, size: int, **settings) -> tuple[float, float]:
    """The mean over chains, and its standard error."""
    found = measures.local_learning_coefficient(
        lambda w, rows: height(w) + rows.sum(), jnp.zeros(size), jnp.zeros(1), chains=32, **settings
    ).coefficient
    return found.mean().item(), found.std(ddof=1).item() / 32**0.5


@pytest.mark.parametrize("size", [1, 4])
def test_a_regular_model_has_half_its_weights(size: int):
    """λ = d / 2, up to what is known of the tie and of the step."""
    curvature, strength, tie, step = np.linspace(1, 2, size), 100.0, 1.0, 1e-3
    found, error = coefficient(
        lambda w: (jnp.asarray(curvature) * w**2).sum() / 2,
        size,
        strength=strength,
        localization=tie,
        step=step,
        draws=3000,
        burn_in=200,
    )
    rate = strength * curvature + tie
    variance = step / (1 - (1 - step * rate / 2) ** 2)
    expected = strength * (curvature * variance).sum() / 2
    assert error < 0.03 * size / 2
    assert found == pytest.approx(expected, abs=4 * error)
    assert found == pytest.approx(size / 2, rel=0.1)


def test_a_fourth_power_has_a_quarter():
    """λ = 1/4 at any temperature where nothing ties the weight."""
    found, error = coefficient(
        lambda w: (w**4).sum(), 1, strength=100.0, localization=0.0, draws=20000, burn_in=1000
    )
    assert error < 0.01
    assert found == pytest.approx(0.25, abs=4 * error + 0.01)


def test_a_singular_model_has_less_than_a_regular_one():
    r"""\(w_1^2 w_2^2\) has λ = 1/2 of multiplicity two; its posterior is integrated here."""
    strength, tie = 100.0, 5.0
    settings = {"strength": strength, "localization": tie, "step": 1e-3}
    settings |= {"draws": 20000, "burn_in": 1000}
    found, error = coefficient(lambda w: w[0] ** 2 * w[1] ** 2, 2, **settings)

    # Given one weight the other is normal, which leaves one integral.
    def density(x: float) -> float:
        return np.exp(-tie * x**2 / 2) / np.sqrt(2 * strength * x**2 + tie)

    def height(x: float) -> float:
        return density(x) * strength * x**2 / (2 * strength * x**2 + tie)

    top, total = (scipy.integrate.quad(f, -10, 10, points=[0.0])[0] for f in (height, density))
    assert error < 0.02
    assert found == pytest.approx(top / total, abs=4 * error + 0.02)
    regular, _ = coefficient(lambda w: (w**2).sum(), 2, **settings)
    assert found < 0.5 < 0.9 < regular


def test_a_coefficient_away_from_a_minimum_is_negative():
    found, _ = coefficient(lambda w: (w - 3.0).dot(w - 3.0), 2, strength=10.0)
    assert found < -1


def test_chains_are_of_their_seed_and_see_batches():
    rows = jnp.asarray(np.random.default_rng(0).normal(size=50))
    seen = []

    def loss(w: jax.Array, rows: jax.Array) -> jax.Array:
        seen.append(rows.shape[0])
        return jnp.mean((rows - w[0]) ** 2)

    one, same, other = (
        measures.local_learning_coefficient(
            loss, rows.mean()[None], rows, draws=20, batch_size=7, seed=seed
        )
        for seed in (0, 0, 1)
    )
    assert set(seen) == {7, 50}
    assert one.identical(same)
    assert not one.equals(other)
    assert one.loss_there.item() == pytest.approx(np.var(np.asarray(rows)))
    expected = one.attrs["strength"] * (one.loss.mean("draw") - one.loss_there)
    np.testing.assert_allclose(one.coefficient, expected)
    with pytest.raises(ValueError, match="got batch_size=51; allowed: 1 to 50"):
        measures.local_learning_coefficient(loss, rows[:1], rows, batch_size=51)


def test_the_coefficient_of_a_network_can_be_asked_for():
    network, loss, rows = small()
    found = measures.local_learning_coefficient(loss, network, rows, draws=50, chains=2)
    assert found.sizes == {"chain": 2, "draw": 50}
    assert np.isfinite(found.loss).all()


# The commutator of two steps.


def batches(count: int, size: int, pairs: int, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.permutation(count)[: 2 * size].reshape(2, size) for _ in range(pairs)]


@pytest.mark.parametrize("step", [1e-3, 0.05])
def test_the_defect_is_the_gap_between_two_orders(step: float):
    network, loss, rows = small()
    flat, unravel = ravel_pytree(network)
    slope = jax.jit(jax.grad(lambda v, seen: loss(unravel(v), seen)))
    size = 3
    gaps = []
    for index in batches(len(rows[1]), size, 9):
        a, b = ((rows[0][half], rows[1][half]) for half in index)
        forth = flat - step * slope(flat, a)
        forth = forth - step * slope(forth, b)
        back = flat - step * slope(flat, b)
        back = back - step * slope(back, a)
        lengths = [jnp.linalg.norm(step * slope(flat, x)) for x in (a, b)]
        gaps.append(float(jnp.linalg.norm(forth - back) / (lengths[0] * lengths[1])))
    found = measures.commutator_defect(loss, network, rows, batch_size=size, step=step)
    assert found == pytest.approx(np.median(gaps), rel=1e-6)


def test_the_defect_of_small_steps_is_that_of_hessians():
    rows = np.random.default_rng(0).normal(size=(8, 3))
    w = np.array([0.3, -0.2, 0.5])

    def loss(w: jax.Array, rows: jax.Array) -> jax.Array:
        return jnp.mean((rows @ w - 1) ** 2)

    expected = []
    for index in batches(8, 4, 9):
        slopes = [2 * rows[h].T @ (rows[h] @ w - 1) / 4 for h in index]
        hessians = [2 * rows[h].T @ rows[h] / 4 for h in index]
        gap = np.linalg.norm(hessians[1] @ slopes[0] - hessians[0] @ slopes[1])
        expected.append(gap / np.linalg.norm(slopes, axis=1).prod())
    for step in (1e-3, 1.0):  # the gradients are linear: no step is too large
        found = measures.commutator_defect(loss, jnp.asarray(w), jnp.asarray(rows), step=step)
        assert found == pytest.approx(np.median(expected), rel=1e-6)
    narrow = measures.commutator_defect(
        loss, jnp.asarray(w, jnp.float32), jnp.asarray(rows, jnp.float32)
    )
    assert narrow == pytest.approx(np.median(expected), rel=0.01)


def test_batches_that_are_alike_commute_and_too_large_ones_are_refused():
    def loss(w: jax.Array, rows: jax.Array) -> jax.Array:
        return jnp.mean(jnp.cos(rows @ w))

    rows = jnp.ones((6, 2))
    assert measures.commutator_defect(loss, jnp.ones(2), rows) == 0
    assert np.isnan(measures.commutator_defect(loss, jnp.zeros(2), rows))
    with pytest.raises(ValueError, match="got batch_size=4; allowed: 1 to 3, half of the 6 rows"):
        measures.commutator_defect(loss, jnp.ones(2), rows, batch_size=4)
