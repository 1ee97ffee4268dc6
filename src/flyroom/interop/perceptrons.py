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
    network = _embedded(tensors, embed, layers, _JOINS[kind], tensors["l1.weight"].T)
    return Built(network, embed)


def two_embeddings(tensors: Tensors, config: Config) -> Built:
    """The model of the source's type X: each position has an embedding of its own."""
    del config
    left, right = tensors["embed1.weight"], tensors["embed2.weight"]
    first = tensors["l1.weight"].T
    network = _embedded(tensors, *_side_by_side(left, right, first, first, ("l1",)))
    return Built(network, left, shared=False)


def of_group(tensors: Tensors, config: Config) -> Built:
    """Two embeddings, side by side, and one layer without biases."""
    del config
    left, right, whole = (tensors[name] for name in ("W_x", "W_y", "W"))
    alike = {"l1.bias": np.zeros(whole.shape[1], whole.dtype), "unembed.weight": tensors["W_U"].T}
    parts = whole[: left.shape[1]], whole[left.shape[1] :]
    network = _embedded(alike, *_side_by_side(left, right, *parts, ("l1",)))
    return Built(network, left, shared=False)


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


def _side_by_side(
    left: np.ndarray,
    right: np.ndarray,
    into_left: np.ndarray,
    into_right: np.ndarray,
    layers: tuple[str, ...],
) -> tuple[np.ndarray, tuple[str, ...], str, np.ndarray]:
    """One embedding of both, of which each position's matrix reads its own half."""
    none = [np.zeros_like(into) for into in (into_left, into_right)]
    first = np.vstack([into_left, none[1], none[0], into_right])
    return np.hstack([left, right]), layers, "concatenate", first


def _embedded(
    tensors: Tensors, embed: np.ndarray, layers: tuple[str, ...], join: str, first: np.ndarray
) -> EmbeddedNetwork:
    deeper = [tensors[f"{layer}.weight"].T for layer in layers[1:]]
    return EmbeddedNetwork(
        embed=jnp.asarray(embed),
        weights=tuple(jnp.asarray(weight) for weight in (first, *deeper)),
        biases=tuple(jnp.asarray(tensors[f"{layer}.bias"]) for layer in layers),
        unembed=jnp.asarray(tensors["unembed.weight"].T),
        join=join,
    )
