"""Many examples at once through a transformer: whatever rows share is computed once.

In the first layer everything but the pattern of attention depends on one token. After it, if
attention is causal, a position depends on the tokens up to its own, and many examples begin alike.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..typing import AnyArray
from .linear import linear

Index = Int[AnyArray, "row"] | None  # which row of a table; `None` where the rows are the same


class Rows:
    """Which rows there are at each position once its context has been read.

    At a position that has fewer different beginnings than there are examples, they are the
    beginnings, in the order of the numbers that their tokens spell; at others, the examples.
    """

    def __init__(
        self,
        inputs: Int[Array, "example position"],
        spans: tuple[tuple[int, int], ...],
        causal: bool,
    ) -> None:
        self.tokens = [inputs[:, i] - first for i, (first, _) in enumerate(spans)]
        self.sizes = [last - first for first, last in spans]
        self.examples, self.causal = inputs.shape[0], causal

    def shared(self, at: int) -> bool:
        """Whether the rows at a position are beginnings."""
        return self.causal and math.prod(self.sizes[: at + 1]) < self.examples

    def count(self, at: int) -> int:
        return math.prod(self.sizes[: at + 1]) if self.shared(at) else self.examples

    def token(self, of: int, at: int) -> Index:
        """For every row at a position, the token at a position in its context."""
        if not self.shared(at):
            return self.tokens[of]
        return self._beginning(of, at) % self.sizes[of]

    def row(self, of: int, at: int) -> Index:
        """For every row at a position, the row of a position in its context."""
        if self.shared(at):
            return self._beginning(of, at)
        return self.of_example(of)

    def of_example(self, of: int) -> Index:
        """For every example, the row of a position."""
        if not self.shared(of):
            return None
        number = self.tokens[0]
        for i in range(1, of + 1):
            number = number * self.sizes[i] + self.tokens[i]
        return number

    def _beginning(self, of: int, at: int) -> Int[np.ndarray, "row"]:
        return np.arange(self.count(at)) // math.prod(self.sizes[of + 1 : at + 1])


class Projected(NamedTuple):
    """Queries, keys and values of the rows of one position; heads side by side."""

    query: Float[Array, "row channel"]
    key: Float[Array, "row channel"]
    value: Float[Array, "row channel"]


class Last(NamedTuple):
    """Matrices of the last layer and the unembedding, multiplied with one another.

    Only without layer norms is a sum of the residual's parts the sum of what becomes of them.
    """

    into: Float[Array, "channel neuron"]
    into_bias: Float[Array, "row neuron"]
    out: Float[Array, "neuron class"]
    past: Float[Array, "channel class"]  # from attention to the classes, past the neurons
    end: Float[Array, "row class"]


class Shared(eqx.Module):
    """A transformer that is ready for examples.

    Attributes:
        network: its weights.
        tables: what each position's tokens are at first.
        projected: their queries, keys and values in the first layer.
        last: the last layer, if it could be multiplied with the unembedding.
    """

    network: Any
    tables: tuple[Float[Array, "_token residual"], ...]
    projected: tuple[Projected, ...]
    last: Last | None

    @staticmethod
    def of(network: Any) -> "Shared":
        """Everything that no example is needed for."""
        places = jnp.asarray(network.positions)
        spans = network.spans
        tables = tuple(
            jnp.asarray(network.embed)[first:last] + places[i : i + 1]
            for i, (first, last) in enumerate(spans)
        )
        sizes = [len(table) for table in tables]
        projected = _projected(network.blocks[0], jnp.concatenate(tables), sizes)
        folds = len(network.blocks) == 1 and network.blocks[0].after_attention is None
        last = _fold(network, tables[-1]) if folds and tables[-1].shape[0] == 1 else None
        return Shared(network, tables, projected, last)

    def table(
        self,
        inputs: Int[Array, "example position"],
        *,
        key: PRNGKeyArray | None = None,
        weights: Float[Array, "example"] | None = None,
    ) -> Float[Array, "example output"]:
        """The logits of many examples."""
        del key, weights
        network, rows = self.network, Rows(inputs, self.network.spans, self.network.causal)
        end, projected, before = len(self.tables) - 1, self.projected, self.tables
        where, *later = rows.token, *network.blocks[1:]
        counts = [rows.count(at) for at in range(end + 1)]
        for block, following in zip(network.blocks, later, strict=False):
            mixed = [self._mix(projected, rows, where, at) for at in range(end + 1)]
            residual = [_pick(before[at], where(at, at), counts[at]) for at in range(end + 1)]
            # All positions at once: a product is the faster the more rows it has.
            after = self._layer(block, jnp.concatenate(mixed), jnp.concatenate(residual))
            projected, before = _projected(following, after, counts), _cut(after, counts)
            where = rows.row
        mixed = self._mix(projected, rows, where, end)
        if self.last is None:
            residual = _pick(before[end], where(end, end), rows.count(end))
            logits = linear(self._layer(network.blocks[-1], mixed, residual), network.unembed)
        else:
            logits = self._answer(self.last, mixed)
        return _pick(logits, rows.of_example(end), rows.examples)

    def _mix(
        self,
        projected: tuple[Projected, ...],
        rows: Rows,
        where: Callable[[int, int], Index],
        at: int,
    ) -> Float[Array, "row channel"]:
        """Values at the positions that one position sees, as attention mixes them."""
        network, count = self.network, rows.count(at)
        seen = range(at + 1) if network.causal else range(len(projected))
        _, heads, channels = network.blocks[0].query.shape
        kind = projected[0].key.dtype
        # Products with a matrix of ones and zeros add up the channels of each head, and give every
        # channel what its head has; sums along short axes take several times as long.
        of_head = jnp.repeat(jnp.eye(heads, dtype=kind), channels, axis=0)
        query, who = projected[at].query, where(at, at)
        scores = []
        for other in seen:
            key, whom = projected[other].key, where(other, at)
            if len(query) == 1 or len(key) == 1:  # fewer scores than there are rows
                score = _pick((query * key) @ of_head, who if len(key) == 1 else whom, count)
            else:
                score = (_pick(query, who, count) * _pick(key, whom, count)) @ of_head
            scores.append(score * jnp.asarray(channels**-0.5, kind))
        mixed = jnp.zeros((count, heads * channels), kind)
        for other, share in zip(seen, _softmax(scores, network.rate), strict=True):
            value = projected[other].value
            if len(value) == 1:  # a product, because the gradient of a broadcast is a slow sum
                mixed = mixed + share @ (of_head.T * value)
            else:
                mixed = mixed + (share @ of_head.T) * _pick(value, where(other, at), count)
        return mixed

    def _layer(
        self, block: Any, mixed: Float[Array, "row channel"], residual: Float[Array, "row residual"]
    ) -> Float[Array, "row residual"]:
        """The residual after a layer."""
        flat = block.mix.reshape(-1, block.mix.shape[-1])
        residual = normed(residual + linear(mixed, flat), block.after_attention)
        inside = linear(residual, block.into)
        inside = inside if block.into_bias is None else _plus(inside, block.into_bias)
        added = linear(self.network.activation(inside), block.out)
        added = added if block.out_bias is None else _plus(added, block.out_bias)
        return normed(residual + added, block.after_perceptron)

    def _answer(self, last: Last, mixed: Float[Array, "row channel"]) -> Float[Array, "row output"]:
        """The logits, without the residual ever being written down."""
        count = mixed.shape[0]
        before = linear(mixed, last.into) + _one_row(last.into_bias, count)
        hidden = self.network.activation(before)
        return linear(hidden, last.out) + linear(mixed, last.past) + _one_row(last.end, count)


def normed(x: Float[Array, "row unit"], norm: Callable[[Array], Array] | None) -> Array:
    """Through a layer norm, if there is one."""
    return x if norm is None else norm(x)


def _projected(
    block: Any, rows: Float[Array, "row residual"], counts: list[int]
) -> tuple[Projected, ...]:
    """Queries, keys and values of each position, whose rows follow one another."""
    width = rows.shape[-1]
    query, *parts = (w.reshape(width, -1) for w in (block.query, block.key, block.value))
    both = _cut(linear(rows, jnp.concatenate(parts, axis=1)), counts)
    # Apart from one another, so that those of positions that do not ask are not computed.
    asked = [linear(part, query) for part in _cut(rows, counts)]
    return tuple(
        Projected(q, *jnp.split(pair, 2, axis=1)) for q, pair in zip(asked, both, strict=True)
    )


def _cut(rows: Float[Array, "row unit"], counts: list[int]) -> list[Float[Array, "_row unit"]]:
    """The rows of each position."""
    return jnp.split(rows, np.cumsum(counts)[:-1])


def _fold(network: Any, asks: Float[Array, "row residual"]) -> Last:
    """One layer and the unembedding, where the same token always asks."""
    (block,) = network.blocks
    flat = block.mix.reshape(-1, block.mix.shape[-1])
    before, end = asks @ block.into, asks @ network.unembed
    if block.into_bias is not None:
        before = before + jnp.asarray(block.into_bias)[None]
        end = end + (block.out_bias @ network.unembed)[None]
    out, past = block.out @ network.unembed, flat @ network.unembed
    return Last(flat @ block.into, before, out, past, end)


def _softmax(
    scores: list[Float[Array, "row head"]], rate: Float[AnyArray, ""] | None
) -> list[Float[Array, "row head"]]:
    """Over the positions, which are a list because they are few."""
    top = scores[0]
    for score in scores[1:]:
        top = jnp.maximum(top, score)
    top = jax.lax.stop_gradient(top)  # any constant would do
    powers = [jnp.exp(score - top) for score in scores]
    total = sum(powers[1:], powers[0])
    shares = [power / total for power in powers]
    return shares if rate is None else [rate * share + (1 - rate) for share in shares]


def _pick(table: Float[Array, "_row unit"], index: Index, count: int) -> Float[Array, "_ unit"]:
    """A row of a table for each of `count`."""
    if len(table) == 1:
        return _one_row(table, count)
    return table if index is None else table[index]


def _one_row(row: Float[Array, "1 unit"], count: int) -> Float[Array, "_row unit"]:
    """The same row `count` times: as a product, because the gradient of a broadcast is slow."""
    return jnp.ones((count, 1), row.dtype) @ row


def _plus(x: Float[Array, "row unit"], bias: Float[AnyArray, "unit"]) -> Float[Array, "row unit"]:
    return x + _one_row(jnp.asarray(bias)[None], x.shape[0])
