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
_INITIALS = ("linear", "normal")


class EmbeddedNetwork(AbstractNetwork):
    """Weights of an `EmbeddedMLP`. Where positions share no embedding, there is one for each."""

    embed: Float[Array, "token embedding"] | Float[Array, "position token embedding"]
    weights: tuple[Float[Array, "_fan_in _neuron"], ...]
    biases: tuple[Float[Array, "_neuron"] | None, ...]
    unembed: Float[Array, "neuron class"]
    join: str = shape("sum")
    activation: Callable[[Array], Array] = shape(relu)

    @property
    def w_in(self) -> Float[AnyArray, "table token neuron"]:
        """What each token adds to each neuron of the first layer: one table, or one a position."""
        # Every token times the first matrix, once for all examples, which look up their rows.
        embeds = jnp.reshape(self.embed, (-1, *self.embed.shape[-2:]))
        first = jnp.reshape(self.weights[0], (-1, embeds.shape[2], self.weights[0].shape[1]))
        tables = range(max(len(embeds), len(first)))
        return jnp.stack([embeds[i % len(embeds)] @ first[i % len(first)] for i in tables])

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
            before = value if layer == 0 else linear(value, weight)
            if bias is not None:
                before = before + (times * bias if layer == 0 else bias)
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
        shared: whether all positions share one embedding.
        bias: whether neurons have biases.
        activation: what a neuron does.
        initial: `"linear"`, embeddings normal of variance `2/widths[0]`, unembeddings
            `1/widths[-1]`, the rest as PyTorch's `Linear`; or `"normal"`, all normal, embeddings of
            variance `1/width`, the rest of one over how many they read (biases are then zero).
        init_scale: multiplies every initial weight.

    Example:
        >>> import flyroom as fr
        >>> task = fr.tasks.ModularArithmetic(p=59, train_fraction=0.8)
        >>> delta = EmbeddedMLP(width=128, widths=(256,), join="concatenate")
        >>> experiment = fr.Experiment(task, delta)

    Source: Zhong et al. 2023, arXiv:2306.17844: its linear models α (one layer), β (two), γ (two,
    `"sum_after"`) and δ (one, `"concatenate"`); Chughtai et al. 2023, arXiv:2302.03025: its
    perceptron on products of a group (one, `"concatenate"`, neither shared nor biased).
    """

    width: int = shape(256, minimum=1)
    widths: tuple[int, ...] = shape((256,), minimum=1)
    join: str = shape("sum", options=_JOINS)
    shared: bool = shape(True)
    bias: bool = shape(True)
    activation: Callable[[Array], Array] = shape(relu, room="models")
    initial: str = shape("linear", options=_INITIALS)
    init_scale: FloatScalar = leaf(1.0, minimum=0, initial=True)

    def init(self, signature: Signature, outputs: int, *, key: PRNGKeyArray) -> EmbeddedNetwork:
        if signature.tokens is None:
            raise SpecError("EmbeddedMLP reads tokens; the task gives real vectors. Use MLP.")
        scale, normal = jnp.float32(self.init_scale), self.initial == "normal"
        parts = math.prod(signature.inputs) if self.join == "concatenate" else 1
        fans = (parts * self.width, *self.widths)
        k_embed, k_unembed, *keys = jr.split(key, 2 + 2 * len(self.widths))
        positions = () if self.shared else signature.inputs

        def drawn(key: PRNGKeyArray, size: tuple[int, ...], variance: float) -> Array:
            return scale * variance**0.5 * jr.normal(key, size, jnp.float32)

        def weight(key: PRNGKeyArray, size: tuple[int, int]) -> Array:
            return drawn(key, size, 1 / size[0]) if normal else scale * pytorch(key, size, size[0])

        def bias(key: PRNGKeyArray, size: int, fan_in: int) -> Array | None:
            if not self.bias:
                return None
            return jnp.zeros(size, jnp.float32) if normal else scale * pytorch(key, (size,), fan_in)

        pairs = list(itertools.pairwise(fans))
        spread = 1 / self.width if normal else 2 / self.widths[0]
        return EmbeddedNetwork(
            embed=drawn(k_embed, (*positions, signature.tokens, self.width), spread),
            weights=tuple(weight(k, pair) for k, pair in zip(keys[::2], pairs, strict=True)),
            biases=tuple(bias(k, m, n) for k, (n, m) in zip(keys[1::2], pairs, strict=True)),
            unembed=drawn(k_unembed, (self.widths[-1], outputs), 1 / self.widths[-1]),
            join=self.join,
            activation=self.activation,
        )
