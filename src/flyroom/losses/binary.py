import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..spec import SpecError
from ._base import AbstractLoss


def _margin(logits: Float[Array, "1"], label: Int[Array, ""]) -> Float[Array, ""]:
    """The logit, signed so that positive is right."""
    return logits[0] * (2 * label - 1).astype(logits.dtype)


def _one_output(classes: int, name: str) -> int:
    if classes != 2:
        raise SpecError(
            f"{name} tells two classes apart; the task has {classes}. Use CrossEntropy."
        )
    return 1


def _positive(logits: Float[Array, "1"]) -> Int[Array, ""]:
    return (logits[0] > 0).astype(jnp.int32)


class Logistic(AbstractLoss):
    r"""\(\log(1 + e^{-m})\) of the signed logit \(m\) of a network with one output, in nats."""

    @property
    def units(self) -> str:
        return "nat"

    def outputs(self, classes: int) -> int:
        return _one_output(classes, "Logistic")

    def __call__(self, logits: Float[Array, "output"], label: Int[Array, ""]) -> Float[Array, ""]:
        return jax.nn.softplus(-_margin(logits, label))

    def predict(self, logits: Float[Array, "output"]) -> Int[Array, ""]:
        return _positive(logits)


class Hinge(AbstractLoss):
    r"""\(\max(0, 1 - m)\) of the signed logit \(m\) of a network with one output."""

    def outputs(self, classes: int) -> int:
        return _one_output(classes, "Hinge")

    def __call__(self, logits: Float[Array, "output"], label: Int[Array, ""]) -> Float[Array, ""]:
        return jax.nn.relu(1 - _margin(logits, label))

    def predict(self, logits: Float[Array, "output"]) -> Int[Array, ""]:
        return _positive(logits)
