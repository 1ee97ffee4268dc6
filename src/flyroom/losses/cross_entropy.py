import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..spec import shape
from ._base import AbstractLoss, first_maximum


def _terms(logits: Float[Array, "class"], label: Int[Array, ""]):
    """The pieces that value and gradient share; the true class never enters the sum."""
    mask = jnp.arange(logits.shape[0], dtype=label.dtype) == label
    above = logits - logits[label]
    # At least zero, because the true class is among them. Any constant would do, so it is one.
    top = jax.lax.stop_gradient(above.max())
    others = jnp.where(mask, 0.0, jnp.exp(above - top)).astype(logits.dtype)
    # As a dot product the sum over classes uses vector instructions; a reduction does not.
    return mask, top, others, jnp.dot(others, jnp.ones_like(others)), jnp.exp(-top)


def _value(top, total, shrunk):
    return jnp.where(top > 0, top + jnp.log(shrunk + total), jnp.log1p(total))


@jax.custom_jvp
def exact_cross_entropy(logits: Float[Array, "class"], label: Int[Array, ""]) -> Float[Array, ""]:
    r"""Cross-entropy of one example, exact also where the answer is certain.

    \(\log(1 + \sum_{j \ne y} e^{z_j - z_y})\), without the subtraction of nearly equal numbers by
    which a float32 log-softmax turns every loss below 1e-7 into zero and its gradient with it.

    Args:
        logits: scores of the classes, in nats.
        label: the index of the right one.

    Returns:
        The loss in nats, relative error at most 1e-5 from 1e-30 upwards.

    Example:
        >>> import jax.numpy as jnp
        >>> print(f"{exact_cross_entropy(jnp.array([30.0, 0.0]), jnp.array(0)):.5e}")
        9.35762e-14
    """
    _, top, _, total, shrunk = _terms(logits, label)
    return _value(top, total, shrunk)


@exact_cross_entropy.defjvp
def _exact_cross_entropy_jvp(primals, tangents):
    mask, top, others, total, shrunk = _terms(*primals)
    scale = 1 / (shrunk + total)
    slope = jnp.where(mask, -total * scale, others * scale)
    return _value(top, total, shrunk), jnp.dot(slope, tangents[0])


class CrossEntropy(AbstractLoss):
    """Cross-entropy in nats, exact for losses down to 1e-30 in float32.

    Args:
        class_mean: divide by the number of classes as well, as a mean over examples *and* classes
            of one-hot labels does. The gradient's scale meets Adam's epsilon, so it matters.

    Example:
        >>> import jax.numpy as jnp
        >>> float(CrossEntropy()(jnp.zeros(67), jnp.array(3)))  # ln 67
        4.204...

    Source: the collapse that it avoids is described by Prieto et al. 2025, arXiv:2501.04697.
    """

    class_mean: bool = shape(False)

    @property
    def units(self) -> str:
        return "nat"

    def outputs(self, classes: int) -> int:
        return classes

    def __call__(self, logits: Float[Array, "output"], label: Int[Array, ""]) -> Float[Array, ""]:
        loss = exact_cross_entropy(logits, label)
        return loss / logits.shape[0] if self.class_mean else loss

    def predict(self, logits: Float[Array, "output"]) -> Int[Array, ""]:
        return first_maximum(logits)


class NaiveCrossEntropy(AbstractLoss):
    r"""Cross-entropy as most published code computes it: \(-\mathrm{log\_softmax}(z)_y\).

    In float32 it is exactly zero once the right logit leads by about 17: the softmax collapse,
    which stops training. In float64 that happens at about 37.

    Args:
        dtype: the precision of the logarithm, `"float16"`, `"float32"` or `"float64"`, whatever the
            network's own.
        class_mean: divide by the number of classes as well.

    Source: Prieto et al. 2025, arXiv:2501.04697; in float64: Nanda et al. 2023, arXiv:2301.05217.
    """

    dtype: str = shape("float32", options=("float16", "float32", "float64"))
    class_mean: bool = shape(False)

    @property
    def units(self) -> str:
        return "nat"

    @property
    def wide(self) -> bool:
        return self.dtype == "float64"

    def outputs(self, classes: int) -> int:
        return classes

    def __call__(self, logits: Float[Array, "output"], label: Int[Array, ""]) -> Float[Array, ""]:
        loss = -jax.nn.log_softmax(logits.astype(self.dtype))[label]
        return loss / logits.shape[0] if self.class_mean else loss

    def predict(self, logits: Float[Array, "output"]) -> Int[Array, ""]:
        return first_maximum(logits)
