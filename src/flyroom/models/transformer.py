import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..spec import SpecError, leaf, shape
from ..tasks import Signature
from ..typing import AnyArray, FloatScalar
from ._base import AbstractModel, AbstractNetwork, Tap, constant
from ._shared import Shared, normed
from .activations import relu
from .linear import linear

_SCHEMES = ("width", "wide", "pytorch")


class Norm(eqx.Module):
    """Weights of a layer norm: what its values are multiplied by, and what is added."""

    scale: Float[Array, "residual"]
    shift: Float[Array, "residual"]

    def __call__(self, x: Float[Array, "row residual"]) -> Float[Array, "row residual"]:
        # Products with a vector of ones are faster sums than reductions are.
        share = jnp.full((x.shape[-1], 1), 1 / x.shape[-1], x.dtype)
        centred = x - x @ share
        spread = jax.lax.rsqrt(centred**2 @ share + jnp.asarray(1e-5, x.dtype))
        return centred * spread * self.scale[None] + self.shift[None]


class Block(eqx.Module):
    """Weights of one layer: attention and a perceptron, each of which adds to the residual."""

    query: Float[Array, "residual head channel"]
    key: Float[Array, "residual head channel"]
    value: Float[Array, "residual head channel"]
    mix: Float[Array, "head channel residual"]
    into: Float[Array, "residual neuron"]
    into_bias: Float[Array, "neuron"] | None
    out: Float[Array, "neuron residual"]
    out_bias: Float[Array, "residual"] | None
    after_attention: Norm | None
    after_perceptron: Norm | None


class TransformerNetwork(AbstractNetwork):
    """Weights of a `Transformer`. Its answer is what it says at the last position.

    The activations of layer 0 are named `query_0`, `key_0`, `value_0`, `pattern_0`, `mixed_0`,
    `attention_0`, `preactivation_0`, `hidden_0`, `perceptron_0` and `residual_0`.
    """

    embed: Float[Array, "token residual"]
    place: Float[Array, "position residual"] | None
    blocks: tuple[Block, ...]
    unembed: Float[Array, "residual class"]
    waves: Float[Array, "position residual"] | None = constant(default=None)
    rate: Float[Array, ""] | None = constant(default=None)
    activation: Callable[[Array], Array] = shape(relu)
    causal: bool = shape(True)
    spans: tuple[tuple[int, int], ...] = shape(())

    @property
    def positions(self) -> Float[AnyArray, "position residual"]:
        """What is added to the embedding of a token at every position."""
        found = self.waves if self.place is None else self.place
        assert found is not None
        return found

    @property
    def residues(self) -> tuple[int, int]:
        """The first token of what it is asked about, and the one after the last."""
        return max(self.spans, key=lambda span: span[1] - span[0])

    def forward(
        self, x: Int[Array, "position"], tap: Tap, key: PRNGKeyArray | None
    ) -> Float[Array, "output"]:
        del key
        places = jnp.arange(x.shape[0])
        embedded = jnp.asarray(self.embed)[x] + jnp.asarray(self.positions)[: x.shape[0]]
        residual = tap("embedding", embedded)
        for number, block in enumerate(self.blocks):

            def named(name: str, value: Array, number: int = number) -> Array:
                return tap(f"{name}_{number}", value)

            # Only what reaches the answer is computed: in the last layer one position asks.
            asking = places[-1:] if number == len(self.blocks) - 1 else places
            added = self._attend(block, residual, asking, places, named)
            residual = normed(residual[asking] + added, block.after_attention)
            total = residual + self._perceive(block, residual, named)
            residual = named("residual", normed(total, block.after_perceptron))
        return tap("logits", linear(residual[-1], self.unembed))

    def answer(self, vectors: Float[Array, "position residual"]) -> Float[Array, "output"]:
        """The logits for embedding vectors in the place of tokens, one for each position."""
        return dataclasses.replace(self, embed=vectors)(jnp.arange(vectors.shape[0]))

    def _attend(
        self,
        block: Block,
        residual: Float[Array, "position residual"],
        asking: Int[Array, "query"],
        places: Int[Array, "position"],
        tap: Tap,
    ) -> Float[Array, "query residual"]:
        """What attention adds at the positions that ask; if causal, each sees none after it."""
        queries = tap("query", jnp.einsum("qr,rhc->qhc", residual[asking], block.query))
        keys = tap("key", jnp.einsum("kr,rhc->khc", residual, block.key))
        values = tap("value", jnp.einsum("kr,rhc->khc", residual, block.value))
        scores = jnp.einsum("qhc,khc->qkh", queries, keys) * queries.shape[-1] ** -0.5
        if self.causal:
            seen = places[None, :, None] <= asking[:, None, None]
            scores = jnp.where(seen, scores, -jnp.inf)
        pattern = jax.nn.softmax(scores, axis=1)
        if self.rate is not None:
            pattern = self.rate * pattern + (1 - self.rate)
        pattern = tap("pattern", pattern)
        mixed = tap("mixed", jnp.einsum("qkh,khc->qhc", pattern, values))
        return tap("attention", jnp.einsum("qhc,hcr->qr", mixed, block.mix))

    def _perceive(
        self, block: Block, residual: Float[Array, "query residual"], tap: Tap
    ) -> Float[Array, "query residual"]:
        """What the perceptron adds."""
        before = tap("preactivation", plus(residual @ block.into, block.into_bias))
        hidden = tap("hidden", self.activation(before))
        return tap("perceptron", plus(hidden @ block.out, block.out_bias))

    def prepared(self) -> Shared:
        return Shared.of(self)


def plus(x: Float[Array, "row unit"], bias: Float[AnyArray, "unit"] | None) -> Array:
    """With a bias, if there is one."""
    return x if bias is None else x + bias[None]


class Transformer(AbstractModel):
    r"""A decoder that reads tokens and answers at the last one.

    Every layer adds \(\sum_h \mathrm{softmax}(q_h k_h^\top / \sqrt{c})\, v_h\, O_h\), over the
    positions up to its own, and then a perceptron of one hidden layer, to the residual.

    Args:
        layers: how many.
        width: of the residual.
        heads: of attention, in each layer; they share the width.
        neurons: of the perceptron in each layer.
        bias: whether perceptrons have biases, which begin at zero.
        norm: whether the residual goes through a layer norm after each of the two sums.
        positions: `"learned"`, or `"sinusoidal"` for waves that do not learn.
        causal: whether a position sees only those up to its own; otherwise all.
        activation: what a neuron does.
        initial: scheme of the initial weights. `"width"`: normal of variance `1/width`, those of
            the unembedding of `1/classes`; `"wide"`: the same, but `1/neurons` into the perceptron;
            `"pytorch"`: uniform within \(1/\sqrt{\text{fan-in}}\), embeddings of variance 1.
        init_scale: multiplies every initial weight.
        attention_rate: \(\alpha\) in \(\alpha\,\mathrm{softmax} + (1 - \alpha)\), between attention
            and a plain sum; `None` is 1.

    Example:
        >>> import flyroom as fr
        >>> task = fr.tasks.ModularArithmetic(p=113, encoding="equals")
        >>> model = fr.models.Transformer(width=128, heads=4, neurons=512)
        >>> experiment = fr.Experiment(task, model)

    Source: Nanda et al. 2023, arXiv:2301.05217; with norms and waves: Power et al. 2022,
    arXiv:2201.02177; attention rate: Zhong et al. 2023, arXiv:2306.17844.
    """

    layers: int = shape(1, minimum=1)
    width: int = shape(128, minimum=1)
    heads: int = shape(4, minimum=1)
    neurons: int = shape(512, minimum=1)
    bias: bool = shape(True)
    norm: bool = shape(False)
    positions: str = shape("learned", options=("learned", "sinusoidal"))
    causal: bool = shape(True)
    activation: Callable[[Array], Array] = shape(relu, room="models")
    initial: str = shape("width", options=_SCHEMES)
    init_scale: FloatScalar = leaf(1.0, minimum=0, initial=True)
    attention_rate: FloatScalar | None = leaf(None, minimum=0, maximum=1)

    def __check_init__(self) -> None:
        if self.width % self.heads:
            raise SpecError(
                f"Transformer.heads: got {self.heads}; allowed: divisors of the width {self.width}."
            )

    def init(self, signature: Signature, outputs: int, *, key: PRNGKeyArray) -> TransformerNetwork:
        if signature.tokens is None:
            raise SpecError("Transformer reads tokens; the task gives real vectors. Use MLP.")
        k_embed, k_place, k_blocks, k_unembed = jr.split(key, 4)
        width, length = self.width, *signature.inputs
        # Its rows are looked up, so that an embedding has one input.
        spread = 1 if self.initial == "pytorch" else width
        learned = self.positions == "learned"
        network = TransformerNetwork(
            embed=self._normal(k_embed, (signature.tokens, width), spread),
            place=self._normal(k_place, (length, width), spread) if learned else None,
            blocks=tuple(self._block(k) for k in jr.split(k_blocks, self.layers)),
            unembed=self._draw(k_unembed, (width, outputs), width, outputs),
            waves=None if learned else jnp.asarray(_waves(length, width)),
            activation=self.activation,
            causal=self.causal,
            spans=signature.spans or ((0, signature.tokens),) * length,
        )
        return self.bind(network)

    def bind(self, network: TransformerNetwork) -> TransformerNetwork:
        if self.attention_rate is None:
            return network
        rate = jnp.asarray(self.attention_rate, network.embed.dtype)
        return dataclasses.replace(network, rate=rate)

    def _block(self, key: PRNGKeyArray) -> Block:
        width, heads, neurons = self.width, self.heads, self.neurons
        keys = jr.split(key, 6)
        split = (width, heads, width // heads)
        query, keyed, value = (self._draw(k, split, width, width) for k in keys[:3])
        wide = neurons if self.initial == "wide" else width
        ones, zeros = jnp.ones(width, jnp.float32), jnp.zeros(width, jnp.float32)
        return Block(
            query=query,
            key=keyed,
            value=value,
            mix=self._draw(keys[3], (*split[1:], width), width, width),
            into=self._draw(keys[4], (width, neurons), width, wide),
            into_bias=jnp.zeros(neurons, jnp.float32) if self.bias else None,
            out=self._draw(keys[5], (neurons, width), neurons, width),
            out_bias=zeros if self.bias else None,
            after_attention=Norm(ones, zeros) if self.norm else None,
            after_perceptron=Norm(ones, zeros) if self.norm else None,
        )

    def _draw(self, key: PRNGKeyArray, size: tuple[int, ...], fan_in: int, spread: int) -> Any:
        """A matrix: uniform by its fan-in as in PyTorch, or normal of variance `1/spread`."""
        if self.initial != "pytorch":
            return self._normal(key, size, spread)
        bound = fan_in**-0.5
        return jnp.float32(self.init_scale) * jr.uniform(key, size, jnp.float32, -bound, bound)

    def _normal(self, key: PRNGKeyArray, size: tuple[int, ...], spread: int) -> Any:
        return jnp.float32(self.init_scale) * jr.normal(key, size, jnp.float32) * spread**-0.5


@functools.cache
def _waves(length: int, width: int) -> Float[np.ndarray, "position residual"]:
    """Sines and cosines of ever longer waves, in turn."""
    column = np.arange(width)
    angle = np.arange(length)[:, None] / 10_000.0 ** ((column - column % 2) / width)
    return np.where(column % 2 == 0, np.sin(angle), np.cos(angle)).astype(np.float32)
