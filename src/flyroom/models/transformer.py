import functools
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..spec import SpecError, leaf, shape
from ..tasks import Signature
from ..typing import AnyArray, FloatScalar
from ._base import AbstractModel, AbstractNetwork, Tap
from .activations import relu
from .linear import linear

Project = Callable[[AnyArray, Array], Array]


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

    def attend(
        self,
        project: Project,
        asking: Int[Array, "query"],
        places: Int[Array, "position"],
        tap: Tap,
    ) -> Float[Array, "query residual"]:
        """What attention adds at the positions that ask, each of which sees none after it."""
        queries = tap("query", project(self.query, asking))
        keys = tap("key", project(self.key, places))
        values = tap("value", project(self.value, places))
        _, heads, channels = self.query.shape
        # Products with a matrix of ones and zeros add up the channels of each head, and give every
        # channel what its head has; sums along short axes take several times as long.
        of_head = jnp.repeat(jnp.eye(heads, dtype=keys.dtype), channels, axis=0)
        flat = jnp.stack([queries * keys[i : i + 1] for i in range(len(keys))], axis=1)
        flat = flat.reshape(-1, heads * channels)
        scores = (flat @ of_head).reshape(asking.shape[0], -1, heads) * channels**-0.5
        seen = places[None, :, None] <= asking[:, None, None]
        pattern = tap("pattern", jax.nn.softmax(jnp.where(seen, scores, -jnp.inf), axis=1))
        spread = (pattern.reshape(-1, heads) @ of_head.T).reshape(*pattern.shape, channels)
        shares = spread * values[None]
        mixed = tap("mixed", functools.reduce(jnp.add, [shares[:, i] for i in range(len(keys))]))
        flat = self.mix.reshape(-1, self.mix.shape[-1])
        return tap("attention", _rows(mixed.reshape(mixed.shape[0], -1), flat))

    def perceive(
        self,
        residual: Float[Array, "query residual"],
        activation: Callable[[Array], Array],
        tap: Tap,
    ) -> Float[Array, "query residual"]:
        """What the perceptron adds."""
        before = tap("preactivation", _plus(_rows(residual, self.into), self.into_bias))
        hidden = tap("hidden", activation(before))
        return tap("perceptron", _plus(_rows(hidden, self.out), self.out_bias))


class TransformerNetwork(AbstractNetwork):
    """Weights of a `Transformer`. Its answer is what it says at the last position.

    The activations of layer 0 are named `query_0`, `key_0`, `value_0`, `pattern_0`, `mixed_0`,
    `attention_0`, `preactivation_0`, `hidden_0`, `perceptron_0` and `residual_0`.
    """

    embed: Float[Array, "token residual"]
    place: Float[Array, "position residual"]
    blocks: tuple[Block, ...]
    unembed: Float[Array, "residual class"]
    activation: Callable[[Array], Array] = shape(relu)

    def forward(
        self, x: Int[Array, "position"], tap: Tap, key: PRNGKeyArray | None
    ) -> Float[Array, "output"]:
        del key
        places = jnp.arange(x.shape[0])
        # What every token is at every position. No example is in it, so that what the first layer
        # makes of it is computed once for all examples, which look up their rows.
        table = jnp.asarray(self.embed[None] + self.place[: x.shape[0], None])
        residual = tap("embedding", table[places, x])

        def looked_up(weight: AnyArray, who: Array) -> Array:
            made = table @ weight.reshape(weight.shape[0], -1)
            return made[who, x[who]].reshape(-1, *weight.shape[1:])

        for number, block in enumerate(self.blocks):

            def named(name: str, value: Array, number: int = number) -> Array:
                return tap(f"{name}_{number}", value)

            def projected(weight: AnyArray, who: Array, residual: Array = residual) -> Array:
                made = _rows(residual[who], weight.reshape(weight.shape[0], -1))
                return made.reshape(-1, *weight.shape[1:])

            # Only what reaches the answer is computed: in the last layer one position asks.
            asking = places[-1:] if number == len(self.blocks) - 1 else places
            project = looked_up if number == 0 else projected
            residual = residual[asking] + block.attend(project, asking, places, named)
            residual = named(
                "residual", residual + block.perceive(residual, self.activation, named)
            )
        return tap("logits", linear(residual[-1], self.unembed))


def _rows(x: Float[Array, "row input"], w: Float[AnyArray, "input output"]) -> Array:
    return jax.vmap(linear, (0, None))(x, w)


def _plus(x: Float[Array, "row unit"], bias: Float[AnyArray, "unit"] | None) -> Array:
    return x if bias is None else x + bias[None]


class Transformer(AbstractModel):
    r"""A decoder without layer norm that reads tokens and answers at the last one.

    Every layer adds \(\sum_h \mathrm{softmax}(q_h k_h^\top / \sqrt{c})\, v_h\, O_h\), over the
    positions up to its own, and then a perceptron of one hidden layer, to the residual.

    Args:
        layers: how many.
        width: of the residual.
        heads: of attention, in each layer; they share the width.
        neurons: of the perceptron in each layer.
        bias: whether perceptrons have biases, which begin at zero.
        activation: what a neuron does.
        init_scale: multiplies every initial weight. Without it they are normal of variance
            `1/width`, those of the unembedding of `1/classes`.

    Example:
        >>> import flyroom as fr
        >>> task = fr.tasks.ModularArithmetic(p=113, encoding="equals")
        >>> model = fr.models.Transformer(width=128, heads=4, neurons=512)
        >>> experiment = fr.Experiment(task, model)

    Source: Nanda et al. 2023, arXiv:2301.05217.
    """

    layers: int = shape(1, minimum=1)
    width: int = shape(128, minimum=1)
    heads: int = shape(4, minimum=1)
    neurons: int = shape(512, minimum=1)
    bias: bool = shape(True)
    activation: Callable[[Array], Array] = shape(relu, room="models")
    init_scale: FloatScalar = leaf(1.0, minimum=0, initial=True)

    def __check_init__(self) -> None:
        if self.width % self.heads:
            raise SpecError(
                f"Transformer.heads: got {self.heads}; allowed: divisors of the width {self.width}."
            )

    def init(self, signature: Signature, outputs: int, *, key: PRNGKeyArray) -> TransformerNetwork:
        if signature.tokens is None:
            raise SpecError("Transformer reads tokens; the task gives real vectors. Use MLP.")
        width, heads, channels = self.width, self.heads, self.width // self.heads

        def draw(key: PRNGKeyArray, *size: int, spread: int = width) -> Float[Array, "..."]:
            return jnp.float32(self.init_scale) * jr.normal(key, size, jnp.float32) * spread**-0.5

        def block(key: PRNGKeyArray) -> Block:
            keys = jr.split(key, 6)
            query, keyed, value = (draw(k, width, heads, channels) for k in keys[:3])
            return Block(
                query=query,
                key=keyed,
                value=value,
                mix=draw(keys[3], heads, channels, width),
                into=draw(keys[4], width, self.neurons),
                into_bias=jnp.zeros(self.neurons, jnp.float32) if self.bias else None,
                out=draw(keys[5], self.neurons, width),
                out_bias=jnp.zeros(width, jnp.float32) if self.bias else None,
            )

        k_embed, k_place, k_blocks, k_unembed = jr.split(key, 4)
        return TransformerNetwork(
            embed=draw(k_embed, signature.tokens, width),
            place=draw(k_place, *signature.inputs, width),
            blocks=tuple(block(k) for k in jr.split(k_blocks, self.layers)),
            unembed=draw(k_unembed, width, outputs, spread=outputs),
            activation=self.activation,
        )
