from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from ..spec import leaf
from ..typing import FloatScalar
from ._base import AbstractOptimizer
from .standard import AdamW

_W = TypeVar("_W")


class Clamped(AbstractOptimizer):
    r"""Another optimizer, after each of whose steps all weights are scaled to a fixed norm.

    \(\theta \leftarrow \rho\, \|\theta_0\|\, \theta / \|\theta\|\), over all weights together.

    Args:
        inner: the optimizer.
        ratio: \(\rho\), the norm in units of the one at the start; 0 leaves the norm alone, so that
            an event can clamp it later.

    Example:
        >>> clamped = Clamped(AdamW(weight_decay=0.0), ratio=0.8)

    Source: Liu, Michaud and Tegmark 2023, arXiv:2210.01117.
    """

    inner: AbstractOptimizer = AdamW()
    ratio: FloatScalar = leaf(1.0, minimum=0)

    def transform(self) -> optax.GradientTransformationExtraArgs:
        inner = optax.with_extra_args_support(self.inner.transform())

        def init(params: Any) -> tuple[Any, Array]:
            return inner.init(params), _norm(params)

        def update(updates: Any, state: Any, params: Any = None, **more: Any):
            updates, moments = inner.update(updates, state[0], params, **more)
            new = jax.tree.map(jnp.add, params, updates)
            now = _norm(new)
            scale = jnp.where(self.ratio > 0, self.ratio * state[1] / now, 1).astype(now.dtype)
            return jax.tree.map(lambda w, old: scale * w - old, new, params), (moments, state[1])

        return optax.GradientTransformationExtraArgs(init, update)

    def perturbed(self, weights: _W, key: PRNGKeyArray) -> _W:
        return self.inner.perturbed(weights, key)


def _norm(tree: Any) -> Float[Array, ""]:
    return jnp.sqrt(sum(jnp.sum(w * w) for w in jax.tree.leaves(tree)))
