import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ._base import AbstractLoss, first_maximum


class Squared(AbstractLoss):
    r"""Mean over outputs of \((z_j - [j = y])^2\): squared distance to the one-hot label.

    Source: Gromov 2023, arXiv:2301.02679.
    """

    def outputs(self, classes: int) -> int:
        return classes

    def __call__(self, logits: Float[Array, "output"], label: Int[Array, ""]) -> Float[Array, ""]:
        target = jax.nn.one_hot(label, logits.shape[0], dtype=logits.dtype)
        return jnp.mean((logits - target) ** 2)

    def predict(self, logits: Float[Array, "output"]) -> Int[Array, ""]:
        return first_maximum(logits)
