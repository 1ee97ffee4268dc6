"""How other code bases name and turn their weights."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..models import Block, FactoredNetwork, TransformerNetwork, absolute, gelu, relu
from .pytorch import CheckpointError

Tensors = Mapping[str, np.ndarray]
Config = Mapping[str, Any]

_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {"relu": relu, "gelu": gelu, "abs": absolute}


@dataclasses.dataclass(frozen=True)
class Layout:
    """A way to keep the weights of one kind of network.

    Attributes:
        name: of the code base.
        names: tensors that it must have.
        fits: whether tensors of these names have its form.
        build: the network, and how many tokens it reads at once.
    """

    name: str
    names: tuple[str, ...]
    fits: Callable[[Tensors], bool]
    build: Callable[[Tensors, Config], tuple[Any, int]]

    def recognises(self, tensors: Tensors) -> bool:
        """Whether these tensors are kept in this way."""
        return all(name in tensors for name in self.names) and self.fits(tensors)


def _turned(tensors: Tensors, config: Config) -> tuple[TransformerNetwork, int]:
    """Matrices with outputs first, but for the unembedding, and heads side by side."""
    width = tensors["pos_embed.W_pos"].shape[1]
    straight = dict(tensors)
    for name, weight in tensors.items():
        kind = name.rpartition(".")[2]
        if kind in ("W_E", "W_in", "W_out"):
            straight[name] = weight.T
        elif kind in ("W_Q", "W_K", "W_V"):
            straight[name] = weight.transpose(0, 2, 1)
        elif kind == "W_O":
            heads = len(tensors[name.replace("W_O", "W_Q")])
            straight[name] = weight.reshape(width, heads, -1).transpose(1, 2, 0)
    return _transformer(straight, config)


def _transformer(tensors: Tensors, config: Config) -> tuple[TransformerNetwork, int]:
    """The network of matrices with inputs first and one for each head."""
    if any(".ln" in name or name.startswith("ln") for name in tensors):
        raise CheckpointError(
            "It has layer norms before its parts, which none of our transformers has."
        )
    layers = {int(found[1]) for name in tensors if (found := re.match(r"blocks\.(\d+)\.", name))}
    place, embed = tensors["pos_embed.W_pos"], tensors["embed.W_E"]
    unembed = tensors["unembed.W_U"]
    one = _needs_one(tensors)
    if one:  # a channel that is always 1, so that its rows are the biases that ours has not
        place = np.pad(place, ((0, 0), (0, 1)), constant_values=1)
        embed = np.pad(embed, ((0, 0), (0, 1)))
        unembed = np.concatenate([unembed, _bias(tensors, "unembed.b_U", unembed.shape[1:])[None]])
    rate, activation = config.get("attn_coeff"), str(config.get("act_fn", "relu")).lower()
    if activation not in _ACTIVATIONS:
        raise CheckpointError(
            f"Its neurons are {activation!r}; known are {', '.join(_ACTIVATIONS)}."
        )
    network = TransformerNetwork(
        embed=jnp.asarray(embed),
        place=jnp.asarray(place),
        blocks=tuple(_block(tensors, f"blocks.{n}.", one) for n in sorted(layers)),
        unembed=jnp.asarray(unembed),
        rate=None if rate is None else jnp.float32(rate),
        activation=_ACTIVATIONS[activation],
        spans=((0, len(embed)),) * len(place),
    )
    return network, len(place)


def _needs_one(tensors: Tensors) -> bool:
    """Whether there are biases that are not zero where ours has none."""
    kinds = ("b_Q", "b_K", "b_V", "b_O", "b_U")
    return any(v.any() for name, v in tensors.items() if name.rpartition(".")[2] in kinds)


def _bias(tensors: Tensors, name: str, shape: tuple[int, ...]) -> np.ndarray:
    return tensors[name] if name in tensors else np.zeros(shape, np.float32)


def _block(tensors: Tensors, prefix: str, one: bool) -> Block:
    """One layer: attention and a perceptron."""
    attention, perceptron = f"{prefix}attn.", f"{prefix}mlp."
    sides = []
    for kind in ("Q", "K", "V"):
        weight = tensors[f"{attention}W_{kind}"]  # head, residual, channel
        if one:
            bias = _bias(tensors, f"{attention}b_{kind}", weight[:, 0].shape)
            weight = np.concatenate([weight, bias[:, None]], axis=1)
        sides.append(weight.transpose(1, 0, 2))
    mix = tensors[f"{attention}W_O"]
    into, out = tensors[f"{perceptron}W_in"], tensors[f"{perceptron}W_out"]
    into_bias = _bias(tensors, f"{perceptron}b_in", into.shape[1:])
    out_bias = _bias(tensors, f"{perceptron}b_out", out.shape[1:])
    if one:
        # What attention adds as its bias enters the perceptron, and what comes after it.
        added = _bias(tensors, f"{attention}b_O", out_bias.shape)
        into_bias, out_bias = into_bias + added @ into, out_bias + added
        mix, out = (np.pad(w, (*((0, 0),) * (w.ndim - 1), (0, 1))) for w in (mix, out))
        into, out_bias = np.pad(into, ((0, 1), (0, 0))), np.pad(out_bias, (0, 1))
    return Block(
        query=jnp.asarray(sides[0]),
        key=jnp.asarray(sides[1]),
        value=jnp.asarray(sides[2]),
        mix=jnp.asarray(mix),
        into=jnp.asarray(into),
        into_bias=jnp.asarray(into_bias),
        out=jnp.asarray(out),
        out_bias=jnp.asarray(out_bias),
        after_attention=None,
        after_perceptron=None,
    )


def _factored(tensors: Tensors, config: Config) -> tuple[FactoredNetwork, int]:
    """Embedding, projection, and back through the embedding."""
    del config
    embed, into, out = (jnp.asarray(tensors[name]) for name in ("embed", "hidden", "out"))
    network = FactoredNetwork(embed=embed, into=into, out=out, unembed=None)
    return network, 2


_TRANSFORMER = (
    "embed.W_E",
    "pos_embed.W_pos",
    "blocks.0.attn.W_Q",
    "blocks.0.attn.W_K",
    "blocks.0.attn.W_V",
    "blocks.0.attn.W_O",
    "blocks.0.mlp.W_in",
    "blocks.0.mlp.W_out",
    "unembed.W_U",
)

LAYOUTS = (
    Layout(
        "TransformerLens",
        _TRANSFORMER,
        lambda tensors: tensors["blocks.0.attn.W_O"].ndim == 3,
        _transformer,
    ),
    Layout(
        "pizza and progress-measures transformer",
        _TRANSFORMER,
        lambda tensors: tensors["blocks.0.attn.W_O"].ndim == 2,
        _turned,
    ),
    Layout(
        "factored perceptron of the PAIR explorable",
        ("embed", "hidden", "out"),
        lambda tensors: tensors["hidden"].shape == tensors["out"].T.shape,
        _factored,
    ),
)
