"""Networks without attention, as others keep them."""

import jax.numpy as jnp
import numpy as np

from ..models import EmbeddedNetwork, FactoredNetwork, MLPNetwork, square
from ._base import Built, Config, Tensors
from .pytorch import CheckpointError

# How the source's models of one and two layers join their embeddings.
_JOINS = {"A": "sum", "B": "sum", "C": "sum_after", "D": "concatenate"}


def factored(tensors: Tensors, config: Config) -> Built:
    """Embedding, projection, and back through the embedding."""
    del config
    embed, into, out = (jnp.asarray(tensors[name]) for name in ("embed", "hidden", "out"))
    network = FactoredNetwork(embed=embed, into=into, out=out, unembed=None)
    return Built(network, tensors["embed"])


def linear_model(tensors: Tensors, config: Config) -> Built:
    """The models α, β, γ and δ, which the source's config calls A, B, C and D."""
    embed, layers = tensors["embed.weight"], ("l1", "l2")[: 1 + ("l2.weight" in tensors)]
    wide = tensors["l1.weight"].shape[1] == 2 * embed.shape[1]
    kind = str(config.get("model_type", "D" if wide else "B" if len(layers) == 2 else "A"))
    if kind not in _JOINS or wide != (kind == "D"):
        raise CheckpointError(
            f"Its config calls it a model of type {kind!r}, which these tensors are not; known are "
            f"{', '.join(_JOINS)}."
        )
    return Built(_embedded(tensors, embed, layers, _JOINS[kind]), embed)


def two_embeddings(tensors: Tensors, config: Config) -> Built:
    """The model of the source's type X: each position has an embedding of its own."""
    del config
    both = np.stack([tensors["embed1.weight"], tensors["embed2.weight"]])
    return Built(_embedded(tensors, both, ("l1",), "sum"), both[0], shared=False)


def of_group(tensors: Tensors, config: Config) -> Built:
    """Two embeddings, side by side, and one layer without biases."""
    del config
    both = np.stack([tensors["W_x"], tensors["W_y"]])
    network = EmbeddedNetwork(
        embed=jnp.asarray(both),
        weights=(jnp.asarray(tensors["W"]),),
        biases=(None,),
        unembed=jnp.asarray(tensors["W_U"]),
        join="concatenate",
    )
    return Built(network, both[0], shared=False)


def of_permutations(tensors: Tensors, config: Config) -> Built:
    """Two embeddings, side by side, one layer, and answers that may have a bias."""
    del config
    both = np.stack([tensors["lembed.weight"], tensors["rembed.weight"]])
    sides = np.split(tensors["linear.weight"].T, 2)
    biases = (tensors.get("linear.bias"), tensors.get("unembed.bias"))
    network = MLPNetwork(
        first=jnp.asarray(np.matmul(both, sides)),
        weights=(jnp.asarray(tensors["unembed.weight"].T),),
        biases=tuple(None if bias is None else jnp.asarray(bias) for bias in biases),
    )
    return Built(network, both[0], shared=False)


def bilinear(tensors: Tensors, config: Config) -> Built:
    """Products of two embeddings, each as the squares of their sum and their difference."""
    del config
    left, right, out = (tensors[name] for name in ("W_x", "W_y", "W_U"))
    network = MLPNetwork(
        first=jnp.asarray(np.stack([np.hstack([left, left]), np.hstack([right, -right])])),
        weights=(jnp.asarray(np.vstack([out, -out]) / 4),),
        biases=(None, None),
        activation=square,
    )
    return Built(network, left, shared=False)


def _embedded(
    tensors: Tensors, embed: np.ndarray, layers: tuple[str, ...], join: str
) -> EmbeddedNetwork:
    return EmbeddedNetwork(
        embed=jnp.asarray(embed),
        weights=tuple(jnp.asarray(tensors[f"{layer}.weight"].T) for layer in layers),
        biases=tuple(jnp.asarray(tensors[f"{layer}.bias"]) for layer in layers),
        unembed=jnp.asarray(tensors["unembed.weight"].T),
        join=join,
    )
