import jax
import jax.numpy as jnp
import optax

from ..typing import FloatScalar


def coupled(penalty: str, strength: FloatScalar) -> optax.GradientTransformation:
    r"""Adds a penalty's slope to the gradient, before an optimizer sees it.

    `"l2"` adds \(\lambda\theta\), which is what PyTorch calls `weight_decay`; `"l1"` adds
    \(\lambda\,\mathrm{sign}(\theta)\).
    """
    slope = {"l2": lambda w: w, "l1": jnp.sign}[penalty]

    def update(updates, state, params=None):
        return jax.tree.map(lambda g, w: g + strength * slope(w), updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)
