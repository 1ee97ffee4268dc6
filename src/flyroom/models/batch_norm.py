import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._base import constant

_EPSILON, _MOMENTUM = 1e-5, 0.1


class BatchNorm(eqx.Module):
    r"""Weights of a batch norm: \((x - \mu) / \sqrt{\sigma^2 + \epsilon}\), scaled and shifted.

    While a network trains, \(\mu\) and \(\sigma^2\) are those of its batch; otherwise averages of
    those it has seen, a tenth of which each batch replaces.

    Source: Ioffe and Szegedy 2015, arXiv:1502.03167; the constants are PyTorch's.
    """

    scale: Float[Array, "neuron"]
    shift: Float[Array, "neuron"]
    mean: Float[Array, "neuron"] = constant()
    variance: Float[Array, "neuron"] = constant()

    @classmethod
    def of(cls, neurons: int) -> "BatchNorm":
        """The norm of neurons that nothing is known of."""
        ones, zeros = jnp.ones(neurons, jnp.float32), jnp.zeros(neurons, jnp.float32)
        return cls(ones, zeros, zeros, ones)

    def __call__(self, x: Float[Array, "neuron"]) -> Float[Array, "neuron"]:
        """One example by the averages."""
        spread = jax.lax.rsqrt(self.variance + jnp.asarray(_EPSILON, x.dtype))
        return (x - self.mean) * spread * self.scale + self.shift

    def over(
        self, x: Float[Array, "example neuron"], weights: Float[Array, "example"]
    ) -> Float[Array, "example neuron"]:
        """A batch by its own mean and variance."""
        mean, variance = _moments(x, weights)
        own = dataclasses.replace(self, mean=mean, variance=variance)
        return jax.vmap(own)(x)

    def seen(
        self, x: Float[Array, "example neuron"], weights: Float[Array, "example"]
    ) -> "BatchNorm":
        """The norm whose averages have seen one more batch."""
        count = jnp.sum(weights)
        mean, variance = _moments(x, weights)
        new = (mean, variance * count / jnp.maximum(count - 1, 1))
        kept = jnp.asarray(1 - _MOMENTUM, x.dtype)
        averages = [
            kept * old + (1 - kept) * value
            for old, value in zip((self.mean, self.variance), new, strict=True)
        ]
        return dataclasses.replace(self, mean=averages[0], variance=averages[1])


def _moments(
    x: Float[Array, "example neuron"], weights: Float[Array, "example"]
) -> tuple[Float[Array, "neuron"], Float[Array, "neuron"]]:
    """Mean and variance over the examples; those of weight zero do not count."""
    share = weights.astype(x.dtype) / jnp.sum(weights).astype(x.dtype)
    mean = share @ x
    return mean, share @ (x - mean[None]) ** 2
