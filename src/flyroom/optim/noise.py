from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import jax.random as jr
import optax
from jaxtyping import Array, PRNGKeyArray

from ..spec import leaf
from ..typing import FloatScalar
from ._base import AbstractOptimizer
from .standard import AdamW

_W = TypeVar("_W")


class Noisy(AbstractOptimizer):
    r"""Another optimizer, with normal noise at any of three places, drawn anew at every step.

    Args:
        inner: the optimizer.
        weight: standard deviation of what is added to the weights for the time in which the
            gradient is taken.
        gradient: of what is added to the gradient.
        update: of what is added to the update. Sources that scale it with the learning rate mean
            `update` equal to that rate.

    Example:
        >>> noisy = Noisy(AdamW(weight_decay=0.0), weight=0.01)

    Source: Power et al. 2022, arXiv:2201.02177.
    """

    inner: AbstractOptimizer = AdamW()
    weight: FloatScalar = leaf(0.0, minimum=0)
    gradient: FloatScalar = leaf(0.0, minimum=0)
    update: FloatScalar = leaf(0.0, minimum=0)

    def transform(self) -> optax.GradientTransformationExtraArgs:
        inner = optax.with_extra_args_support(self.inner.transform())

        def update(updates: Any, state: Any, params: Any = None, **more: Any):
            before, within, after = jr.split(more["key"], 3)
            noisy = _plus(updates, self.gradient, before)
            updates, state = inner.update(noisy, state, params, **{**more, "key": within})
            return _plus(updates, self.update, after), state

        return optax.GradientTransformationExtraArgs(inner.init, update)

    def perturbed(self, weights: _W, key: PRNGKeyArray) -> _W:
        around, within = jr.split(key)
        return _plus(self.inner.perturbed(weights, within), self.weight, around)


def _plus(tree: _W, deviation: FloatScalar, key: PRNGKeyArray) -> _W:
    """A tree with noise added to every array."""
    arrays, form = jax.tree.flatten(tree)
    keys = jr.split(key, len(arrays))

    def noisy(x: Array, k: PRNGKeyArray) -> Array:
        return x + jnp.asarray(deviation, x.dtype) * jr.normal(k, x.shape, x.dtype)

    return jax.tree.unflatten(form, [noisy(x, k) for x, k in zip(arrays, keys, strict=True)])
