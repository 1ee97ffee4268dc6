from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

from .. import spec
from ..optim import AbstractOptimizer
from ._rules import check_written, close, finite, name_of, rule, same, settings, swept


def check_optimizer(optimizer: AbstractOptimizer) -> None:
    """Raises `AssertionError` if `optimizer` breaks a rule that the engine relies on.

    Args:
        optimizer: the optimizer.

    Raises:
        AssertionError: its state holds hyperparameters or changes its form, an update is not
            finite, sweeping a leaf compiles again, or many at once differ from one by one.

    Example:
        >>> import flyroom as fr
        >>> fr.testing.check_optimizer(fr.optim.SGD(momentum=0.9))
    """
    name = name_of(optimizer)
    random = np.random.default_rng(0)
    weights = {
        "matrix": random.normal(size=(4, 3)).astype(np.float32),
        "vector": random.normal(size=3).astype(np.float32),
    }
    first, second = swept(optimizer, lambda o: o.transform().init(weights))
    rule(
        same(first, second),
        f"{name}: the initial state depends on its leaves ({', '.join(spec.leaves(optimizer))}). "
        "Interventions change leaves while a network trains and leave the state alone, so the "
        "state holds none.",
    )

    def train(o: AbstractOptimizer) -> tuple[Any, Any]:
        return _train(o, weights)

    results = swept(optimizer, train)
    for new, state in results:
        rule(finite((new, state)), f"{name}: three steps lead to numbers that are not finite.")
        rule(
            _form(state) == _form(first),
            f"{name}: an update changes the form of the state (shapes or types), so that it cannot "
            "be carried through a compiled loop.",
        )
        rule(_form(new) == _form(weights), f"{name}: an update changes shapes or types of weights.")
    leaves = settings(optimizer)
    if leaves[0]:
        stacked = jax.tree.map(lambda *x: np.stack(x), *leaves)
        batched = jax.jit(jax.vmap(lambda v: train(spec.replace(optimizer, v))))(stacked)
        for i, one in enumerate(results):
            mine = jax.tree.map(lambda x, i=i: x[i], batched)
            rule(close(mine, one, 1e-5), f"{name}: under vmap it trains otherwise than alone.")
    check_written(optimizer)


def _train(optimizer: AbstractOptimizer, weights: Any) -> tuple[Any, Any]:
    """Weights and state after three steps, made as the engine makes them."""
    transform = optax.with_extra_args_support(optimizer.transform())

    def objective(weights: Any) -> jax.Array:
        return sum((jnp.sum((w - 1) ** 2) for w in jax.tree.leaves(weights)), jnp.float32(0))

    state = transform.init(weights)
    for step in range(3):
        value, gradient = jax.value_and_grad(objective)(weights)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = transform.update(
                gradient, state, weights, key=jr.key(step),
                value=value, grad=gradient, value_fn=objective,
            )  # fmt: skip
        weights = optax.apply_updates(weights, updates)
    return weights, state


def _form(tree: Any) -> Any:
    shapes = [(jnp.shape(x), jnp.result_type(x)) for x in jax.tree.leaves(tree)]
    return jax.tree.structure(tree), shapes
