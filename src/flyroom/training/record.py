"""What is written down while a network trains: pure functions of one network at one step."""

import dataclasses
import math
import sys
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .. import spec
from ..losses import AbstractLoss
from ..models import AbstractNetwork, divide
from ..tasks import Examples

OF_LOSS = "loss"  # the units of a snapshot that has those of the experiment's loss


class Context(eqx.Module):
    """What a network is asked about: the examples it trains on, those it does not, and its loss."""

    train: Examples
    test: Examples
    loss: AbstractLoss

    def losses(self, network: AbstractNetwork, rows: Examples) -> Float[Array, "example"]:
        """The loss of every example."""
        return jax.vmap(self.loss)(network.table(rows.inputs), rows.labels)

    def hits(self, network: AbstractNetwork, rows: Examples) -> Float[Array, "example"]:
        """One where the answer is the given label, zero elsewhere."""
        answers = jax.vmap(self.loss.predict)(network.table(rows.inputs))
        return (answers.astype(rows.labels.dtype) == rows.labels).astype(rows.weights.dtype)


class Snapshot(eqx.Module):
    """A function of one network, ready to be recorded while it trains."""

    fn: Callable[[AbstractNetwork, Context], Float[Array, "..."]] = eqx.field(static=True)
    name: str = eqx.field(static=True)
    dims: tuple[str, ...] = eqx.field(static=True)
    units: str = eqx.field(static=True)
    within: tuple[float, float] = eqx.field(static=True)
    reference: str = eqx.field(static=True)
    definition: str = eqx.field(static=True)

    def __call__(self, network: AbstractNetwork, context: Context) -> Float[Array, "..."]:
        return self.fn(network, context)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # The name of its function is its own, so it goes to another process by name as a whole.
        module, _, name = self.reference.partition(":")
        if getattr(sys.modules.get(module), name, None) is self and module != "__main__":
            return spec.resolve, (self.reference,)
        return Snapshot, tuple(getattr(self, field.name) for field in dataclasses.fields(self))


def snapshot(
    *, units: str = "1", within: tuple[float, float] = (-math.inf, math.inf)
) -> Callable[[Callable[..., Any]], Snapshot]:
    """Makes `fn(network, context)` recordable. Its return annotation names its axes.

    Args:
        units: of what is returned, such as `"nat"`; `"1"` for a pure number; `"loss"` for those of
            the experiment's loss.
        within: the smallest and the largest value there can be.

    Raises:
        TypeError: the function does not say which array it returns.

    Example:
        >>> import flyroom as fr, jax.numpy as jnp
        >>> from jaxtyping import Array, Float
        >>> @fr.snapshot()
        ... def singular_values(network, context) -> Float[Array, "singular_value"]:
        ...     "Of the input matrix."
        ...     return jnp.linalg.svd(network.w_in, compute_uv=False)
        >>> singular_values.dims
        ('singular_value',)
    """

    def wrap(fn: Callable[..., Any]) -> Snapshot:
        returns = fn.__annotations__.get("return")
        dims = getattr(returns, "dim_str", None)
        if dims is None:
            raise TypeError(
                f"`{fn.__name__}` must be annotated with the array it returns, such as "
                '`-> Float[Array, "layer"]`; the axis names become dimensions of the results.'
            )
        where = f"{fn.__module__}:{fn.__qualname__}"
        text = (fn.__doc__ or "").strip().split("\n")[0]
        return Snapshot(fn, fn.__name__, tuple(dims.split()), units, within, where, text)

    return wrap


def mean(values: Float[Array, "example"], rows: Examples) -> Float[Array, ""]:
    """The mean over examples, padding left out."""
    dtype = np.promote_types(values.dtype, rows.weights.dtype)  # a loss may be in float16 or 64
    weights = rows.weights.astype(dtype)
    return jnp.sum(values.astype(dtype) * weights) / jnp.sum(weights)


@snapshot(units=OF_LOSS, within=(0.0, math.inf))
def train_loss(network: AbstractNetwork, context: Context) -> Float[Array, ""]:
    """Mean of the experiment's loss over the training examples, as they are labelled."""
    return mean(context.losses(network, context.train), context.train)


@snapshot(units=OF_LOSS, within=(0.0, math.inf))
def test_loss(network: AbstractNetwork, context: Context) -> Float[Array, ""]:
    """Mean of the experiment's loss over the test examples."""
    return mean(context.losses(network, context.test), context.test)


@snapshot(within=(0.0, 1.0))
def train_accuracy(network: AbstractNetwork, context: Context) -> Float[Array, ""]:
    """Share of training examples answered with the label they were given."""
    return mean(context.hits(network, context.train), context.train)


@snapshot(within=(0.0, 1.0))
def test_accuracy(network: AbstractNetwork, context: Context) -> Float[Array, ""]:
    """Share of test examples answered rightly."""
    return mean(context.hits(network, context.test), context.test)


@snapshot(within=(0.0, math.inf))
def weight_norm(network: AbstractNetwork, context: Context) -> Float[Array, ""]:
    """Euclidean norm of all weights."""
    del context
    return jnp.sqrt(sum(jnp.sum(w * w) for w in jax.tree.leaves(divide(network)[0])))


CURVES = (train_loss, test_loss, train_accuracy, test_accuracy, weight_norm)
