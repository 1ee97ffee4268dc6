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
