import abc

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..spec import Spec


class AbstractLoss(Spec):
    """What one example costs, and which answer the logits give."""

    @property
    def units(self) -> str:
        """Of what it returns: `"nat"` where that is an information, `"1"` for a pure number."""
        return "1"

    @property
    def wide(self) -> bool:
        """Whether it computes in float64 even when the network does not."""
        return False

    @abc.abstractmethod
    def outputs(self, classes: int) -> int:
        """How many numbers a network must give for so many classes."""

    @abc.abstractmethod
    def __call__(self, logits: Float[Array, "output"], label: Int[Array, ""]) -> Float[Array, ""]:
        """The loss of one example."""

    @abc.abstractmethod
    def predict(self, logits: Float[Array, "output"]) -> Int[Array, ""]:
        """The label that the logits stand for."""


def first_maximum(logits: Float[Array, "class"]) -> Int[Array, ""]:
    """The class with the largest logit, the first of equals: `argmax`, in half the time.

    Where a logit is not a number the answer is no class: it is the number of classes.
    """
    classes = logits.shape[0]
    # Two maxima of floats use vector instructions; an argmax carries pairs through every step.
    backwards = jnp.arange(classes, 0, -1).astype(logits.dtype)
    return classes - jnp.max(jnp.where(logits == logits.max(), backwards, 0)).astype(jnp.int32)
