from typing import Any

import jax.numpy as jnp
import optax
from jaxtyping import Array

from ..spec import leaf, shape
from ..typing import FloatScalar
from ._base import AbstractOptimizer
from .regularisers import coupled

_PENALTIES = ("l2", "l1")


class SGD(AbstractOptimizer):
    r"""Gradient descent with momentum.

    \(v \leftarrow \mu v + g + \lambda\theta\), \(\theta \leftarrow \theta - \eta v\).

    Args:
        learning_rate: \(\eta\).
        momentum: \(\mu\).
        weight_decay: \(\lambda\), coupled: it enters the gradient.
        penalty: `"l2"`, or `"l1"` for \(\lambda\,\mathrm{sign}(\theta)\).
    """

    learning_rate: FloatScalar = leaf(0.1, minimum=0)
    momentum: FloatScalar = leaf(0.0, minimum=0, below=1)
    weight_decay: FloatScalar = leaf(0.0, minimum=0)
    penalty: str = shape("l2", options=_PENALTIES)

    def transform(self) -> optax.GradientTransformation:
        return optax.chain(
            coupled(self.penalty, self.weight_decay),
            optax.trace(self.momentum),
            optax.scale_by_learning_rate(self.learning_rate),
        )


class Adam(AbstractOptimizer):
    r"""Adam with *coupled* weight decay.

    The penalty's slope is part of the gradient that the moments see.

    Args:
        learning_rate: \(\eta\).
        weight_decay: \(\lambda\).
        penalty: `"l2"`, or `"l1"` for \(\lambda\,\mathrm{sign}(\theta)\).
        b1: decay of the mean gradient.
        b2: decay of the mean squared gradient.
        eps: added to the root of the latter.

    Source: Kingma and Ba 2015, arXiv:1412.6980.
    """

    learning_rate: FloatScalar = leaf(1e-3, minimum=0)
    weight_decay: FloatScalar = leaf(0.0, minimum=0)
    b1: FloatScalar = leaf(0.9, minimum=0, below=1)
    b2: FloatScalar = leaf(0.999, minimum=0, below=1)
    eps: FloatScalar = leaf(1e-8, minimum=0)
    penalty: str = shape("l2", options=_PENALTIES)

    def transform(self) -> optax.GradientTransformation:
        return optax.chain(
            coupled(self.penalty, self.weight_decay),
            optax.adam(self.learning_rate, self.b1, self.b2, self.eps),
        )


class AdamW(AbstractOptimizer):
    r"""Adam with decoupled weight decay.

    \(\theta \leftarrow \theta - \eta(\hat m / (\sqrt{\hat v} + \epsilon) + \lambda\theta)\).

    Args:
        learning_rate: \(\eta\).
        weight_decay: \(\lambda\).
        b1: decay of the mean gradient.
        b2: decay of the mean squared gradient.
        eps: added to the root of the latter.
        warmup: steps over which the learning rate rises in a line from zero, which it is at the
            first one; 0 for none.

    Source: Loshchilov and Hutter 2019, arXiv:1711.05101.
    """

    learning_rate: FloatScalar = leaf(1e-3, minimum=0)
    weight_decay: FloatScalar = leaf(1.0, minimum=0)
    b1: FloatScalar = leaf(0.9, minimum=0, below=1)
    b2: FloatScalar = leaf(0.98, minimum=0, below=1)
    eps: FloatScalar = leaf(1e-8, minimum=0)
    warmup: FloatScalar = leaf(0.0, minimum=0)

    def transform(self) -> optax.GradientTransformation:
        def risen(step: Any) -> Array:
            # Never more than one, and one from the first step on if there is no warm-up.
            return jnp.where(step < self.warmup, step / jnp.maximum(self.warmup, 1), 1)

        return optax.chain(
            optax.adamw(
                self.learning_rate, self.b1, self.b2, self.eps, weight_decay=self.weight_decay
            ),
            optax.scale_by_schedule(risen),
        )
