import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_POWER = "monomial_"


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

    # A name by which a stored experiment finds it again, in `__getattr__` below.
    power.__name__ = power.__qualname__ = f"{_POWER}{k}"
    return power


def __getattr__(name: str) -> Callable[[Float[Array, "..."]], Float[Array, "..."]]:
    if name.startswith(_POWER) and name[len(_POWER) :].isdecimal():
        return monomial(int(name[len(_POWER) :]))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
