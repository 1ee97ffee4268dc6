import dataclasses
import math
from collections.abc import Callable

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from ..spec import leaf, shape
from ..tasks import Signature
from ..typing import FloatScalar
from ._base import AbstractModel, AbstractNetwork, Tap, constant
from .activations import relu
from .initial import Initial, pytorch
from .linear import linear


class MLPNetwork(AbstractNetwork):
    """Weights of an `MLP`. On tokens the first matrix has one table for each position."""

    first: Float[Array, "position token neuron"] | Float[Array, "feature neuron"]
    # With an underscore an axis has a name and no fixed size: each layer has its own.
    weights: tuple[Float[Array, "_fan_in _fan_out"], ...]
    biases: tuple[Float[Array, "_unit"] | None, ...]
    dropout: Float[Array, ""] | None = constant(default=None)
    activation: Callable[[Array], Array] = shape(relu)

    def forward(
        self, x: Shaped[Array, "input"], tap: Tap, key: PRNGKeyArray | None
    ) -> Float[Array, "output"]:
        if self.first.ndim == 3:
            # A row of a table is the product with a one-hot vector, without the multiplications.
            value = self.first[0, x[0]]
            for position in range(1, x.shape[0]):
                value = value + self.first[position, x[position]]
        else:
            value = linear(x.astype(self.first.dtype), self.first)
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=False)):
            value = value if bias is None else value + bias
            value = tap(f"preactivation_{layer}", value)
            if key is not None and self.dropout is not None:
                value = dropped(value, self.dropout, jr.fold_in(key, layer))
            value = linear(tap(f"hidden_{layer}", self.activation(value)), weight)
        last = self.biases[-1]
        return tap("logits", value if last is None else value + last)


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
        dropout: probability that what a neuron gets is set to zero, while training; `None` for a
            program without any.
    """

    widths: tuple[int, ...] = shape((128,), minimum=1)
    activation: Callable[[Array], Array] = shape(relu, room="models")
    bias: bool = shape(True)
    output_bias: bool = shape(False)
    initial: Initial = shape(pytorch, room="models")
    init_scale: FloatScalar = leaf(1.0, minimum=0, initial=True)
    dropout: FloatScalar | None = leaf(None, minimum=0, below=1)

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
        network = MLPNetwork(first, tuple(matrices[1:]), tuple(biases), activation=self.activation)
        return self.bind(network)

    def bind(self, network: MLPNetwork) -> MLPNetwork:
        if self.dropout is None:
            return network
        rate = jnp.asarray(self.dropout, network.first.dtype)
        return dataclasses.replace(network, dropout=rate)
