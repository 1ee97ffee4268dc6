import dataclasses
import itertools
import math
from collections.abc import Callable

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..spec import SpecError, leaf, shape
from ..tasks import Signature
from ..typing import AnyArray, FloatScalar
from ._base import AbstractModel, AbstractNetwork, Tap
from .activations import relu
from .initial import pytorch
from .linear import linear

_JOINS = ("sum", "sum_after", "concatenate")


class EmbeddedNetwork(AbstractNetwork):
    """Weights of an `EmbeddedMLP`."""

    embed: Float[Array, "token embedding"]
    weights: tuple[Float[Array, "_fan_in _neuron"], ...]
    biases: tuple[Float[Array, "_neuron"], ...]
    unembed: Float[Array, "neuron class"]
    join: str = shape("sum")
    activation: Callable[[Array], Array] = shape(relu)

    @property
    def w_in(self) -> Float[AnyArray, "table token neuron"]:
        """What each token adds to each neuron of the first layer: one table, or one a position."""
        # Every token times the first matrix, once for all examples, which look up their rows.
        first = jnp.reshape(self.weights[0], (-1, self.embed.shape[1], self.weights[0].shape[1]))
        return jnp.stack([jnp.asarray(self.embed) @ part for part in first])

    @property
    def w_out(self) -> Float[AnyArray, "_fan_in _fan_out"]:
        """What each neuron of the first layer adds to each of the next, or to each logit."""
        return self.weights[1] if len(self.weights) > 1 else self.unembed

    def answer(self, vectors: Float[AnyArray, "position embedding"]) -> Float[Array, "output"]:
        """The logits for embedding vectors in the place of tokens, one for each position."""
        return dataclasses.replace(self, embed=vectors)(jnp.arange(vectors.shape[0]))

    def forward(
        self, x: Int[Array, "position"], tap: Tap, key: PRNGKeyArray | None
    ) -> Float[Array, "output"]:
        del key
        positions, tables = x.shape[0], self.w_in
        value = tables[0, x[0]]
        for i in range(1, positions):
            value = value + tables[i % len(tables), x[i]]
        times = positions if self.join == "sum_after" else 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            before = value + times * bias if layer == 0 else linear(value, weight) + bias
            before = tap(f"preactivation_{layer}", before)
            value = tap(f"hidden_{layer}", self.activation(before))
        return tap("logits", linear(value, self.unembed))


class EmbeddedMLP(AbstractModel):
    r"""A multilayer perceptron on learned embeddings of tokens, without attention.

    Args:
        width: of the embedding of one token.
        widths: number of neurons of each hidden layer.
        join: `"sum"` of the embeddings; `"sum_after"` the first matrix and its bias, which is so
            added once for each; or `"concatenate"`.
        activation: what a neuron does.
        init_scale: multiplies every initial weight. Without it embeddings are normal of variance
            `2/widths[0]`, unembeddings `1/widths[-1]`, the rest as PyTorch's `Linear`.

    Example:
        >>> import flyroom as fr
        >>> task = fr.tasks.ModularArithmetic(p=59, train_fraction=0.8)
        >>> delta = EmbeddedMLP(width=128, widths=(256,), join="concatenate")
        >>> experiment = fr.Experiment(task, delta)

    Source: Zhong et al. 2023, arXiv:2306.17844: its linear models α (one layer), β (two), γ (two,
    `"sum_after"`) and δ (one, `"concatenate"`).
    """

    width: int = shape(256, minimum=1)
    widths: tuple[int, ...] = shape((256,), minimum=1)
    join: str = shape("sum", options=_JOINS)
    activation: Callable[[Array], Array] = shape(relu, room="models")
    init_scale: FloatScalar = leaf(1.0, minimum=0, initial=True)

    def init(self, signature: Signature, outputs: int, *, key: PRNGKeyArray) -> EmbeddedNetwork:
        if signature.tokens is None:
            raise SpecError("EmbeddedMLP reads tokens; the task gives real vectors. Use MLP.")
        scale = jnp.float32(self.init_scale)
        parts = math.prod(signature.inputs) if self.join == "concatenate" else 1
        fans = (parts * self.width, *self.widths)
        k_embed, k_unembed, *keys = jr.split(key, 2 + 2 * len(self.widths))

        def normal(key: PRNGKeyArray, size: tuple[int, int], variance: float) -> Array:
            return scale * variance**0.5 * jr.normal(key, size, jnp.float32)

        pairs = list(itertools.pairwise(fans))
        return EmbeddedNetwork(
            embed=normal(k_embed, (signature.tokens, self.width), 2 / self.widths[0]),
            weights=tuple(
                scale * pytorch(k, pair, pair[0]) for k, pair in zip(keys[::2], pairs, strict=True)
            ),
            biases=tuple(
                scale * pytorch(k, (m,), n) for k, (n, m) in zip(keys[1::2], pairs, strict=True)
            ),
            unembed=normal(k_unembed, (self.widths[-1], outputs), 1 / self.widths[-1]),
            join=self.join,
            activation=self.activation,
        )
