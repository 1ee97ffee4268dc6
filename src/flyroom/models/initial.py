"""Where weights begin: the schemes of the frameworks that the sources used.

All draw in float32, so that a run in float64 begins where the same run in float32 does.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

Initial = Callable[[PRNGKeyArray, tuple[int, ...], int], Array]


def normal(key: PRNGKeyArray, shape: tuple[int, ...], fan_in: int) -> Float[Array, "..."]:
    """Normal with variance one; a model's `init_scale` is then the standard deviation."""
    del fan_in
    return jr.normal(key, shape, jnp.float32)


def pytorch(key: PRNGKeyArray, shape: tuple[int, ...], fan_in: int) -> Float[Array, "..."]:
    """Uniform within `±1/√fan_in`, for weights and biases: the default of PyTorch's `Linear`."""
    bound = fan_in**-0.5
    return jr.uniform(key, shape, jnp.float32, -bound, bound)


def haiku(key: PRNGKeyArray, shape: tuple[int, ...], fan_in: int) -> Float[Array, "..."]:
    """Normal of scale `1/√fan_in`, cut at two of it: the default of Haiku's `Linear`."""
    return fan_in**-0.5 * jr.truncated_normal(key, -2.0, 2.0, shape, jnp.float32)


def he(key: PRNGKeyArray, shape: tuple[int, ...], fan_in: int) -> Float[Array, "..."]:
    """Normal with variance `2/fan_in`."""
    return (2 / fan_in) ** 0.5 * jr.normal(key, shape, jnp.float32)


def variance_scaling_2(
    key: PRNGKeyArray, shape: tuple[int, ...], fan_in: int
) -> Float[Array, "..."]:
    """Truncated normal with variance `2/fan_in` after the cut: Haiku's `VarianceScaling(2)`."""
    del fan_in
    several = tuple(range(len(shape) - 2))  # matrices, each with a fan-in of its own
    draw = jax.nn.initializers.variance_scaling(
        2.0, "fan_in", "truncated_normal", batch_axis=several
    )
    return draw(key, shape, jnp.float32)
