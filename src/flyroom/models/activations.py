import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def relu(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """`max(0, x)`."""
    return jax.nn.relu(x)


def square(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """`x²`."""
    return x * x


def absolute(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """`|x|`."""
    return jnp.abs(x)


def gelu(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """`x Φ(x)`, with the normal distribution function itself and not its tanh approximation."""
    return jax.nn.gelu(x, approximate=False)


def tanh(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """The hyperbolic tangent."""
    return jnp.tanh(x)


def identity(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Nothing: a linear network."""
    return x


def sine(x: Float[Array, "..."]) -> Float[Array, "..."]:
    """`sin x`."""
    return jnp.sin(x)


@functools.cache
def monomial(k: int) -> Callable[[Float[Array, "..."]], Float[Array, "..."]]:
    """The activation `x ** k`, the same function for the same `k`.

    Args:
        k: a whole number.

    Example:
        >>> print(monomial(3)(jnp.array([-2.0, 0.5])))
        [-8.     0.125]
    """

    def power(x: Float[Array, "..."]) -> Float[Array, "..."]:
        return jax.lax.integer_pow(x, k)

    return power
