"""Losses against arithmetic of forty digits, and against NumPy."""

from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

import flyroom as fr
from flyroom.losses import AbstractLoss, CrossEntropy, Hinge, Logistic, NaiveCrossEntropy, Squared
from flyroom.spec import SpecError

mpmath.mp.dps = 40


def exact(logits: np.ndarray, label: int) -> tuple[Any, list[Any]]:
    """Cross-entropy of the logits as they are, and its gradient."""
    z = [mpmath.mpf(float(x)) for x in logits]
    others = mpmath.fsum(mpmath.exp(x - z[label]) for i, x in enumerate(z) if i != label)
    slope = [mpmath.exp(x - z[label]) / (1 + others) for x in z]
    slope[label] = -others / (1 + others)
    return mpmath.log1p(others), slope


def relative(found: Any, true: Any) -> float:
    return abs(float((mpmath.mpf(float(found)) - true) / true))


def logits_of_loss(target: float, classes: int, random: np.random.Generator) -> np.ndarray:
    """Float32 logits whose loss is near `target`: scattered, then the right one moved."""
    z = random.normal(size=classes) * random.choice([0.1, 1.0, 3.0])
    lead = np.log(np.expm1(target)) if target < 30 else target  # log of the sum over the others
    z[1:] -= np.log(np.exp(z[1:]).sum())
    z[1:] += lead + z[0]
    return z.astype(np.float32)


value_and_slope = jax.jit(jax.vmap(jax.value_and_grad(fr.losses.exact_cross_entropy)))


@pytest.mark.parametrize(
    ("low", "high", "tolerance"), [(-30, -10, 1e-5), (-10, 0, 2e-6), (0, 3, 2e-6)]
)
@pytest.mark.parametrize("classes", [2, 67])
def test_cross_entropy_is_exact(low: int, high: int, tolerance: float, classes: int):
    random = np.random.default_rng(0)
    targets = 10.0 ** random.uniform(low, high, 60)
    logits = np.stack([logits_of_loss(t, classes, random) for t in targets])
    labels = np.zeros(len(logits), np.int32)
    losses, slopes = value_and_slope(logits, labels)
    worst = largest = 0.0
    for z, loss, slope in zip(logits, losses, slopes, strict=True):
        true, true_slope = exact(z, 0)
        worst = max(worst, relative(loss, true))
        # Entries that float32 can hold to full precision; smaller ones are zero to any optimizer.
        pairs = zip(slope, true_slope, strict=True)
        errors = [relative(s, t) for s, t in pairs if abs(t) > 1e-36]
        largest = max(largest, *errors)
    assert worst <= tolerance
    assert largest <= 1e-5


def test_the_right_class_may_be_any():
    random = np.random.default_rng(1)
    logits = random.normal(size=(5, 5)).astype(np.float32) * 4
    losses, slopes = value_and_slope(logits, np.arange(5, dtype=np.int32))
    for label in range(5):
        true, true_slope = exact(logits[label], label)
        assert relative(losses[label], true) < 2e-6
        np.testing.assert_allclose(slopes[label], [float(t) for t in true_slope], rtol=1e-5)
        assert abs(float(slopes[label].sum())) < 1e-6


def test_exact_cross_entropy_in_float64():
    with jax.enable_x64(True):
        logits = jnp.array([40.0, 0.0, -1.0])
        loss = fr.losses.exact_cross_entropy(logits, jnp.array(0))
        assert loss.dtype == jnp.float64
        assert relative(float(loss), exact(np.array([40.0, 0.0, -1.0]), 0)[0]) < 1e-14


def test_only_the_exact_form_does_not_collapse():
    """The leads at which float32 and float64 give up are about ln of their precisions."""

    def both(loss: AbstractLoss, lead: float) -> tuple[float, float]:
        """Loss and slope of the right logit when it leads two others."""
        logits = jnp.array([lead, 0.0, 0.0], jnp.float32)
        value, slope = jax.value_and_grad(loss)(logits, jnp.int32(0))
        return float(value), float(slope[0])

    assert both(NaiveCrossEntropy("float16"), 7.0)[0] > 0
    assert both(NaiveCrossEntropy("float16"), 9.0) == (0.0, 0.0)
    assert both(NaiveCrossEntropy("float32"), 16.0)[0] > 0
    assert both(NaiveCrossEntropy("float32"), 18.0) == (0.0, 0.0)
    with jax.enable_x64(True):
        assert both(NaiveCrossEntropy("float64"), 36.0)[0] > 0
        assert both(NaiveCrossEntropy("float64"), 38.0) == (0.0, 0.0)
    for lead in (9.0, 18.0, 38.0, 80.0):
        value, slope = both(CrossEntropy(), lead)
        assert value == pytest.approx(np.log1p(2 * np.exp(-lead)), rel=1e-5)
        assert slope == pytest.approx(-2 / (2 + np.exp(lead)), rel=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_naive_form_is_right_where_nothing_collapses(dtype: str):
    logits = np.array([0.5, -1.0, 2.0, 0.25], np.float32)
    with jax.enable_x64(dtype == "float64"):
        found = NaiveCrossEntropy(dtype)(jnp.asarray(logits), jnp.int32(1))
        assert found.dtype == dtype
    tolerance = {"float16": 3e-3, "float32": 1e-6, "float64": 1e-14}[dtype]
    assert relative(float(found), exact(logits, 1)[0]) < tolerance


@pytest.mark.parametrize("loss", [CrossEntropy, NaiveCrossEntropy])
def test_the_mean_over_classes_divides_by_their_number(loss):
    logits, label = jnp.array([1.0, 2.0, 3.0]), jnp.int32(0)
    ratio = float(loss(class_mean=True)(logits, label)) / float(loss()(logits, label))
    assert ratio == pytest.approx(1 / 3, rel=1e-6)


def test_a_fresh_network_knows_nothing():
    """P1 trains on the loss over 67, and through Adam's epsilon that scale matters.

    Its published log starts at 0.0652 (train) and 0.0644 (test), weights of norm 37.39.
    """
    task = fr.tasks.ModularArithmetic(67, ordered=False)
    init = jax.jit(lambda key: fr.models.FactoredMLP().init(task.signature, 67, key=key))
    network = init(jax.random.key(0))
    inputs, labels = task.table()

    @jax.jit
    def measure(network, loss):
        return jnp.mean(jax.vmap(loss)(network.table(jnp.asarray(inputs)), jnp.asarray(labels)))

    assert float(measure(network, CrossEntropy())) == pytest.approx(np.log(67), rel=0.06)
    assert float(measure(network, CrossEntropy(True))) == pytest.approx(0.0647, rel=0.02)
    norm = np.sqrt(sum(np.sum(np.square(w)) for w in jax.tree.leaves(network)))
    assert norm == pytest.approx(37.39, rel=0.01)


# --- Two classes ---

MARGINS = np.array([-90.0, -3.0, -0.5, 0.0, 0.5, 1.0, 2.0, 30.0])


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize(
    ("loss", "value", "slope"),
    [
        (Logistic(), lambda m: np.logaddexp(0, -m), lambda m: -1 / (1 + np.exp(m))),
        (Hinge(), lambda m: np.maximum(0, 1 - m), None),
    ],
    ids=["logistic", "hinge"],
)
def test_losses_of_one_output_equal_numpy(loss, value, slope, label: int):
    sign = 2 * label - 1
    logits = (sign * MARGINS).astype(np.float32)[:, None]
    labels = np.full(len(logits), label, np.int32)
    found, slopes = jax.vmap(jax.value_and_grad(loss))(logits, labels)
    np.testing.assert_allclose(found, value(MARGINS), rtol=2e-6)
    if slope is not None:
        np.testing.assert_allclose(slopes[:, 0], sign * slope(MARGINS), rtol=2e-6)
    answers = jax.vmap(loss.predict)(jnp.asarray(logits))
    assert answers.tolist() == [label if m > 0 else 0 if m == 0 else 1 - label for m in MARGINS]
    assert loss.outputs(2) == 1


def test_only_logarithms_of_probabilities_are_informations():
    units = {name: loss().units for name, loss in vars(fr.losses).items() if final(loss)}
    assert {name for name, unit in units.items() if unit == "nat"} == {
        "CrossEntropy",
        "NaiveCrossEntropy",
        "Logistic",
    }
    assert set(units.values()) == {"nat", "1"}


def final(value: object) -> bool:
    """Whether this is the class of a loss that can be made."""
    return isinstance(value, type) and not value.__name__.startswith("Abstract")


@pytest.mark.parametrize("loss", [Logistic(), Hinge()])
def test_losses_of_one_output_are_for_two_classes(loss):
    with pytest.raises(SpecError, match=r"tells two classes apart; the task has 7. Use CrossEnt"):
        loss.outputs(7)
    experiment = fr.Experiment(task=fr.tasks.ModularArithmetic(7), loss=loss)
    with pytest.raises(SpecError, match="two classes"):
        fr.training.program_of(experiment)


def test_squared_equals_numpy():
    logits = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
    labels = np.array([0, 1, 2, 3, 1, 0], np.int32)
    found, slopes = jax.vmap(jax.value_and_grad(Squared()))(logits, labels)
    wrong = logits - np.eye(4)[labels]
    np.testing.assert_allclose(found, (wrong**2).mean(1), rtol=1e-6)
    np.testing.assert_allclose(slopes, 2 * wrong / 4, rtol=1e-6)
    assert jax.vmap(Squared().predict)(jnp.asarray(logits)).tolist() == logits.argmax(1).tolist()


# --- Second derivatives ---


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max())
    return e / e.sum()


@pytest.mark.parametrize("logits", [[0.0, 0.0, 0.0], [3.0, -1.0, 0.5], [-2.0, 4.0, 4.0]])
def test_hessian_vector_products_of_cross_entropy(logits: list[float]):
    """Also where logits are tied, as those of a network of zeros are."""
    z, v = np.array(logits), np.array([0.3, -1.0, 2.0])
    p = softmax(z)
    true = p * v - p * (p @ v)
    with jax.enable_x64(True):
        found = _second_derivatives(jnp.asarray(z), jnp.asarray(v))
    np.testing.assert_allclose(found["forward over reverse"], true, atol=1e-13)
    np.testing.assert_allclose(found["reverse over reverse"], true, atol=1e-13)
    np.testing.assert_allclose(found["forward over forward"], v @ true, atol=1e-13)
    # The value that comes along with a derivative can be differentiated as well.
    np.testing.assert_allclose(found["reverse over value"], p - np.eye(3)[0], atol=1e-13)


@jax.jit
def _second_derivatives(point: jax.Array, direction: jax.Array) -> dict[str, jax.Array]:
    def cost(z: jax.Array) -> jax.Array:
        return fr.losses.exact_cross_entropy(z, jnp.int32(0))

    def along(z: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.jvp(cost, (z,), (direction,))

    return {
        "forward over reverse": jax.jvp(jax.grad(cost), (point,), (direction,))[1],
        "reverse over reverse": jax.grad(lambda z: jnp.vdot(jax.grad(cost)(z), direction))(point),
        "forward over forward": jax.jvp(lambda z: along(z)[1], (point,), (direction,))[1],
        "reverse over value": jax.grad(lambda z: along(z)[0])(point),
    }


def test_an_answer_is_the_first_of_the_largest_logits():
    random = np.random.default_rng(5)
    logits = random.integers(-2, 3, (300, 4)).astype(np.float32)  # most rows have ties
    logits[:10] = 0
    for loss in (CrossEntropy(), NaiveCrossEntropy(), Squared()):
        found = jax.vmap(loss.predict)(jnp.asarray(logits))
        np.testing.assert_array_equal(found, logits.argmax(1))


def test_logits_that_are_no_numbers_stand_for_no_class():
    logits = jnp.array([0.0, jnp.nan, 1.0])
    assert int(CrossEntropy().predict(logits)) == 3
