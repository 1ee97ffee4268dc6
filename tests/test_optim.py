"""Optimizers against NumPy, written once more from their papers, in float64."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import flyroom as fr
from flyroom import spec
from flyroom.optim import AbstractOptimizer

STEPS = 6
random = np.random.default_rng(0)
START = {"w": random.normal(size=(3, 2)), "b": np.array([0.0, -1.5])}
TARGET = {"w": random.normal(size=(3, 2)), "b": np.array([0.5, 1.0])}


def slope(weights: dict[str, Any]) -> dict[str, Any]:
    """Of a sum of fourth powers, so that it changes from step to step."""
    return {k: (weights[k] - TARGET[k]) ** 3 for k in weights}


def penalised(weights: np.ndarray, gradient: np.ndarray, strength: float, penalty: str):
    return gradient + strength * (np.sign(weights) if penalty == "l1" else weights)


def sgd(weights, *, learning_rate, momentum, weight_decay, penalty):
    velocity = {k: np.zeros_like(w) for k, w in weights.items()}
    for _ in range(STEPS):
        gradient = slope(weights)
        for k, w in weights.items():
            velocity[k] = momentum * velocity[k] + penalised(w, gradient[k], weight_decay, penalty)
        weights = {k: w - learning_rate * velocity[k] for k, w in weights.items()}
    return weights


def adam(weights, *, learning_rate, weight_decay, b1, b2, eps, penalty=None, warmup=0):
    """Adam with a coupled penalty, or AdamW without one."""
    m = {k: np.zeros_like(w) for k, w in weights.items()}
    v = {k: np.zeros_like(w) for k, w in weights.items()}
    for t in range(1, STEPS + 1):
        gradient, new = slope(weights), {}
        for k, w in weights.items():
            g = gradient[k] if penalty is None else penalised(w, gradient[k], weight_decay, penalty)
            m[k] = b1 * m[k] + (1 - b1) * g
            v[k] = b2 * v[k] + (1 - b2) * g**2
            step = (m[k] / (1 - b1**t)) / (np.sqrt(v[k] / (1 - b2**t)) + eps)
            decay = weight_decay * w if penalty is None else 0.0
            risen = min((t - 1) / warmup, 1) if warmup else 1
            new[k] = w - risen * learning_rate * (step + decay)
        weights = new
    return weights


def trained(optimizer: AbstractOptimizer) -> dict[str, np.ndarray]:
    """Weights after some steps, with every leaf traced, in float64."""

    @jax.jit
    def train(leaves: dict[str, jax.Array], weights: Any):
        transform = spec.replace(optimizer, leaves).transform()
        state = transform.init(weights)
        for _ in range(STEPS):
            with jax.numpy_dtype_promotion("standard"):
                updates, state = transform.update(slope(weights), state, weights)
            weights = optax.apply_updates(weights, updates)
        return weights

    with jax.enable_x64(True):
        leaves = {k: np.float64(v) for k, v in spec.leaves(optimizer).items()}
        return jax.device_get(train(leaves, START))


def check(optimizer: AbstractOptimizer, expected: dict[str, np.ndarray], tolerance: float = 1e-12):
    for name, found in trained(optimizer).items():
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected[name], rtol=tolerance, err_msg=name)


ADAM = {"learning_rate": 0.02, "weight_decay": 0.3, "b1": 0.8, "b2": 0.95, "eps": 1e-3}
SGD = {"learning_rate": 0.02, "weight_decay": 0.3, "momentum": 0.9}


@pytest.mark.parametrize(
    ("optimizer", "plain", "settings"),
    [
        (fr.optim.AdamW, adam, ADAM),
        (fr.optim.AdamW, adam, {**ADAM, "eps": 1e-8, "weight_decay": 0.0, "b2": 0.999}),
        (fr.optim.AdamW, adam, {**ADAM, "warmup": 4}),
        (fr.optim.AdamW, adam, {**ADAM, "warmup": 0.5}),
        (fr.optim.Adam, adam, {**ADAM, "penalty": "l2"}),
        (fr.optim.Adam, adam, {**ADAM, "penalty": "l1"}),
        (fr.optim.SGD, sgd, {**SGD, "penalty": "l2"}),
        (fr.optim.SGD, sgd, {**SGD, "penalty": "l1"}),
        (fr.optim.SGD, sgd, {**SGD, "momentum": 0.0, "penalty": "l2"}),
    ],
)
def test_steps_equal_numpy(optimizer: Callable[..., AbstractOptimizer], plain, settings: dict):
    check(optimizer(**settings), plain(START, **settings))


def test_the_defaults_are_those_of_the_papers_set_ups():
    assert spec.leaves(fr.optim.AdamW()) == {
        "learning_rate": 1e-3,
        "weight_decay": 1.0,
        "b1": 0.9,
        "b2": 0.98,
        "eps": 1e-8,
        "warmup": 0.0,
    }
    assert spec.leaves(fr.optim.Adam())["weight_decay"] == 0.0
    assert spec.leaves(fr.optim.SGD())["momentum"] == 0.0


def test_decoupled_decay_shrinks_what_has_no_gradient():
    """AdamW multiplies by 1 − ηλ; Adam's coupled penalty moves by about η whatever its size."""

    def once(optimizer: AbstractOptimizer) -> float:
        transform, weights = optimizer.transform(), jnp.float32(2.0)
        with jax.numpy_dtype_promotion("standard"):
            update, _ = transform.update(jnp.float32(0.0), transform.init(weights), weights)
        return float(weights + update)

    assert once(fr.optim.AdamW(0.01, 0.5)) == pytest.approx(2 * (1 - 0.005))
    assert once(fr.optim.Adam(0.01, 0.5)) == pytest.approx(2 - 0.01)
    assert once(fr.optim.SGD(0.01, weight_decay=0.5)) == pytest.approx(2 * (1 - 0.005))
    assert once(fr.optim.SGD(0.01, weight_decay=0.5, penalty="l1")) == pytest.approx(2 - 0.005)


def warmed(peak: float, decay: float) -> optax.GradientTransformation:
    """A user's own composition."""
    schedule = optax.warmup_constant_schedule(0.0, peak, 3)
    return optax.chain(
        optax.scale_by_adam(),
        optax.add_decayed_weights(decay),
        optax.scale_by_learning_rate(schedule),
    )


@pytest.mark.parametrize(
    ("make", "arguments", "tolerance"),
    [
        (optax.lion, {"learning_rate": 1e-2, "b1": 0.8, "weight_decay": 0.1}, 1e-12),
        (optax.rmsprop, {"learning_rate": 1e-2, "decay": 0.8}, 1e-12),
        # Optax counts the steps of a schedule in float32.
        (warmed, {"peak": 0.05, "decay": 0.2}, 1e-6),
    ],
)
def test_any_optax_optimizer_is_itself(
    make: Callable[..., Any], arguments: dict[str, float], tolerance: float
):
    weights: Any = START
    with jax.enable_x64(True):
        transform = make(**arguments)
        state = transform.init(weights)
        for _ in range(STEPS):
            with jax.numpy_dtype_promotion("standard"):
                updates, state = transform.update(slope(weights), state, weights)
            weights = jax.tree.map(lambda w, u: w + u, weights, updates)
    check(fr.optim.Optax(make, arguments), jax.device_get(weights), tolerance)


def test_optimizers_without_arguments():
    assert spec.leaves(fr.optim.Optax(optax.identity)) == {}
    weights = {"w": np.ones(2)}
    transform = fr.optim.Optax(optax.identity).transform()
    assert transform.update(weights, transform.init(weights), weights)[0] == weights
