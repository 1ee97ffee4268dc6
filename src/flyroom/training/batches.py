"""Which rows a step sees: all of them, in parts or at once, or one minibatch of an epoch."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int

from ..tasks import Examples


def epoch_order(key: Array, rows: Examples, length: int) -> Int[Array, "row"]:
    """The order of one epoch, filled up to whole batches with rows of weight zero."""
    count, real = rows.weights.shape[0], rows.weights > 0
    # Random bits above each row's number: one array sorts several times faster than pairs do.
    number, bits = jnp.arange(count, dtype="uint32"), jr.bits(key, (count,), "uint32")
    low = ~number[0] >> jax.lax.clz(jnp.max(jnp.where(real, number, number[0])))
    drawn = jnp.sort(jnp.where(real, (bits & ~low) | number, ~number[0]))
    # Index `count` is out of range on purpose: `batch` reads it as a row of weight zero.
    order = jnp.where(number < jnp.sum(real, dtype=jnp.uint32), drawn & low, jnp.uint32(count))
    short = max(0, length - count)
    return jnp.concatenate([order, jnp.full(short, count, order.dtype)]).astype(jnp.int32)


def batch(rows: Examples, order: Int[Array, "row"], first: Int[Array, ""], size: int) -> Examples:
    """The rows of one minibatch; a last ragged one is averaged over its true count."""
    index = jax.lax.dynamic_slice(order, (first,), (size,))
    taken = jax.tree.map(lambda x: x[index], rows)
    weights = jnp.where(index < rows.weights.shape[0], taken.weights, 0)
    return eqx.tree_at(lambda e: e.weights, taken, weights.astype(rows.weights.dtype))


def slope(
    prepare: Callable[[Any], Any],
    share: Callable[[Any, Examples, int | Array], Float[Array, ""]],
    params: Any,
    rows: Examples,
    parts: int,
) -> tuple[Float[Array, ""], Any]:
    """A sum over rows and its gradient, one part of the rows after another.

    The activations of one part stay in a core's cache, where those of all rows may not.

    Args:
        prepare: what is made of the parameters once for all parts.
        share: what some rows add to the sum, given what was prepared and the number of their part.
        params: where the gradient is taken.
        rows: all of them, a multiple of `parts`.
        parts: how many there are.
    """
    ready, back = jax.vjp(prepare, params)
    of_part = jax.value_and_grad(share)
    if parts == 1:
        value, gradient = of_part(ready, rows, 0)
        return value, *back(gradient)
    cut = jax.tree.map(lambda x: x.reshape(parts, -1, *x.shape[1:]), rows)
    start = of_part(ready, jax.tree.map(lambda x: x[0], cut), 0)

    def add(total: tuple[Array, Any], part: tuple[Array, Examples]) -> tuple[Any, None]:
        number, rows = part
        return jax.tree.map(jnp.add, total, of_part(ready, rows, number)), None

    others = (jnp.arange(1, parts), jax.tree.map(lambda x: x[1:], cut))
    value, gradient = jax.lax.scan(add, start, others)[0]
    return value, *back(gradient)
