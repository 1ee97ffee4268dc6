import dataclasses
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from ..spec import leaf, shape
from ..tasks import Signature
from ..typing import FloatScalar
from ._base import AbstractModel, AbstractNetwork, Tap, constant, untouched
from .activations import relu
from .batch_norm import BatchNorm
from .initial import Initial, pytorch
from .linear import linear


class MLPNetwork(AbstractNetwork):
    """Weights of an `MLP`. On tokens the first matrix has one table for each position."""

    first: Float[Array, "position token neuron"] | Float[Array, "feature neuron"]
    # With an underscore an axis has a name and no fixed size: each layer has its own.
    weights: tuple[Float[Array, "_fan_in _fan_out"], ...]
    biases: tuple[Float[Array, "_unit"] | None, ...]
    norms: tuple[BatchNorm, ...] = ()
    dropout: Float[Array, ""] | None = constant(default=None)
    activation: Callable[[Array], Array] = shape(relu)

    def forward(
        self, x: Shaped[Array, "input"], tap: Tap, key: PRNGKeyArray | None
    ) -> Float[Array, "output"]:
        value = self._sums(x)
        for layer, weight in enumerate(self.weights):
            hidden = self._hidden(layer, value, tap, key)
            hidden = self.norms[layer](hidden) if self.norms else hidden
            value = linear(tap(f"hidden_{layer}", hidden), weight)
        return tap("logits", self._last(value))

    def _sums(self, x: Shaped[Array, "input"]) -> Float[Array, "neuron"]:
        """What the first layer's neurons get, without bias."""
        if self.first.ndim == 2:
            return linear(x.astype(self.first.dtype), self.first)
        # A row of a table is the product with a one-hot vector, without the multiplications.
        value = self.first[0, x[0]]
        for position in range(1, x.shape[0]):
            value = value + self.first[position, x[position]]
        return value

    def _hidden(
        self, layer: int, value: Float[Array, "neuron"], tap: Tap, key: PRNGKeyArray | None
    ) -> Float[Array, "neuron"]:
        """What neurons do with what they get."""
        bias = self.biases[layer]
        value = tap(f"preactivation_{layer}", value if bias is None else value + bias)
        if key is not None and self.dropout is not None:
            value = dropped(value, self.dropout, jr.fold_in(key, layer))
        return self.activation(value)

    def _last(self, value: Float[Array, "output"]) -> Float[Array, "output"]:
        last = self.biases[-1]
        return value if last is None else value + last

    def table(
        self,
        inputs: Shaped[Array, "example *input"],
        *,
        key: PRNGKeyArray | None = None,
        weights: Float[Array, "example"] | None = None,
    ) -> Float[Array, "example output"]:
        if not self.norms or weights is None:
            return super().table(inputs, key=key)
        return self._batch(inputs, key, weights)[0]

    def seen(
        self, inputs: Shaped[Array, "example *input"], key: PRNGKeyArray | None, weights: Array
    ) -> "MLPNetwork":
        if not self.norms:
            return self
        return dataclasses.replace(self, norms=self._batch(inputs, key, weights)[1])

    def _batch(
        self, inputs: Shaped[Array, "example *input"], key: PRNGKeyArray | None, weights: Array
    ) -> tuple[Float[Array, "example output"], tuple[BatchNorm, ...]]:
        """The logits of a batch by its own norms, and what the norms are when they have seen it."""
        keys = None if key is None else jr.split(key, inputs.shape[0])
        values, norms = jax.vmap(self._sums)(inputs), []
        for layer, (norm, weight) in enumerate(zip(self.norms, self.weights, strict=True)):

            def hidden(value: Array, key: PRNGKeyArray | None, layer: int = layer) -> Array:
                return self._hidden(layer, value, untouched, key)

            activity = jax.vmap(hidden)(values, keys)
            norms.append(norm.seen(activity, weights))
            values = jax.vmap(linear, (0, None))(norm.over(activity, weights), weight)
        return jax.vmap(self._last)(values), tuple(norms)


def dropped(
    values: Float[Array, "neuron"], rate: Float[Array, ""], key: PRNGKeyArray
) -> Float[Array, "neuron"]:
    """Each value zero with probability `rate`, and otherwise as much larger as keeps the mean."""
    kept = jr.uniform(key, values.shape, values.dtype) >= rate
    return jnp.where(kept, values / (1 - rate), 0)


class MLP(AbstractModel):
    """A plain multilayer perceptron on tokens (one-hot, concatenated) or on real vectors.

    Args:
        widths: number of neurons of each hidden layer.
        activation: what a neuron does.
        bias: whether hidden layers have biases.
        output_bias: whether the output has one.
        initial: scheme of the initial weights, of weights and biases alike.
        init_scale: multiplies every initial weight.
        batch_norm: whether what neurons say goes through a batch norm before the next layer.
        dropout: probability that what a neuron gets is set to zero, while training; `None` for a
            program without any.
    """

    widths: tuple[int, ...] = shape((128,), minimum=1)
    activation: Callable[[Array], Array] = shape(relu, room="models")
    bias: bool = shape(True)
    output_bias: bool = shape(False)
    initial: Initial = shape(pytorch, room="models")
    init_scale: FloatScalar = leaf(1.0, minimum=0, initial=True)
    batch_norm: bool = shape(False)
    dropout: FloatScalar | None = leaf(None, minimum=0, below=1)

    @property
    def joint(self) -> bool:
        return self.batch_norm

    def init(self, signature: Signature, outputs: int, *, key: PRNGKeyArray) -> MLPNetwork:
        tokens = 1 if signature.tokens is None else signature.tokens
        fans = (math.prod(signature.inputs) * tokens, *self.widths, outputs)
        biased = [self.bias] * len(self.widths) + [self.output_bias]
        keys = jr.split(key, 2 * len(biased))

        def draw(k: PRNGKeyArray, size: tuple[int, ...], fan_in: int) -> Array:
            weights = self.initial(k, size, fan_in)
            return jnp.asarray(self.init_scale, weights.dtype) * weights

        matrices = [
            draw(k, (n, m), n) for k, n, m in zip(keys[::2], fans[:-1], fans[1:], strict=True)
        ]
        biases = [
            draw(k, (m,), n) if b else None
            for k, n, m, b in zip(keys[1::2], fans[:-1], fans[1:], biased, strict=True)
        ]
        first = matrices[0]
        if signature.tokens is not None:
            first = jnp.reshape(first, (-1, signature.tokens, fans[1]))
        norms = tuple(BatchNorm.of(n) for n in self.widths) if self.batch_norm else ()
        network = MLPNetwork(
            first, tuple(matrices[1:]), tuple(biases), norms, activation=self.activation
        )
        return self.bind(network)

    def bind(self, network: MLPNetwork) -> MLPNetwork:
        if self.dropout is None:
            return network
        rate = jnp.asarray(self.dropout, network.first.dtype)
        return dataclasses.replace(network, dropout=rate)
