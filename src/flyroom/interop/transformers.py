"""Transformers, as others keep them."""

import re
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..models import Block, TransformerNetwork, absolute, gelu, relu, tanh
from ._base import Built, Config, Tensors
from .pytorch import CheckpointError

LENS = "TransformerLens"
_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": relu,
    "gelu": gelu,
    "tanh": tanh,
    "abs": absolute,
}

# What TransformerLens does if its config says no more, which is all that our transformers do.
_PLAIN: dict[str, tuple[Any, ...]] = {
    "normalization_type": (None, "None"),
    "positional_embedding_type": ("standard",),
    "attn_only": (False,),
    "gated_mlp": (False,),
    "parallel_attn_mlp": (False,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "attn_scores_soft_cap": (-1.0,),
    "output_logits_soft_cap": (-1.0,),
}


def pizza(tensors: Tensors, config: Config) -> Built:
    """Matrices with outputs first, heads side by side; attention sees every position."""
    return _turned(tensors, config, causal=False)


def progress(tensors: Tensors, config: Config) -> Built:
    """The same, whose attention does not see what comes after."""
    neurons = {"act_fn": config["act_type"]} if "act_type" in config else {}
    return _turned(tensors, {**neurons, **config}, causal=True)


def _turned(tensors: Tensors, config: Config, causal: bool) -> Built:
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
    return lens(straight, config, causal=causal)


def bridge(tensors: Tensors, config: Config) -> Built:
    """PyTorch's own matrices, outputs first, heads side by side; each part has a bias."""
    if "n_heads" not in config:
        raise CheckpointError(
            "Its heads stand side by side and are not counted: give a config with `n_heads`."
        )
    heads, straight = int(config["n_heads"]), {}
    for name, value in tensors.items():
        part, _, kind = name.rpartition(".")
        outer, _, last = part.rpartition(".")
        plain = {"embed": "W_E", "pos_embed": "W_pos"}.get(part)
        if plain:
            straight[f"{part}.{plain}"] = value
            continue
        letter = "W" if kind == "weight" else "b"
        value = value.T
        if last in ("q", "k", "v"):
            value = np.moveaxis(value.reshape(*value.shape[:-1], heads, -1), -2, 0)
        elif last == "o" and kind == "weight":
            value = value.reshape(heads, -1, value.shape[-1])
        name = {"in": f"{letter}_in", "out": f"{letter}_out"}.get(last, f"{letter}_{last.upper()}")
        straight["unembed." + f"{letter}_U" if part == "unembed" else f"{outer}.{name}"] = value
    return lens(straight, config)


def lens(tensors: Tensors, config: Config, *, causal: bool = True) -> Built:
    """Matrices with inputs first, and one for each head."""
    if any(".ln" in name or name.startswith("ln") for name in tensors):
        raise CheckpointError(
            "It has layer norms before its parts, which none of our transformers has."
        )
    _refuse(config)
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
        blocks=tuple(_block(tensors, f"blocks.{n}.", one, config) for n in sorted(layers)),
        unembed=jnp.asarray(unembed),
        rate=None if rate is None else jnp.float32(rate),
        activation=_ACTIVATIONS[activation],
        causal=causal and config.get("attention_dir") != "bidirectional",
        spans=((0, len(embed)),) * len(place),
    )
    return Built(network, tensors["embed.W_E"], len(place))


def _refuse(config: Config) -> None:
    """Refuses what TransformerLens can be told to do besides, of which weights say nothing."""
    for name, ours in _PLAIN.items():
        if config.get(name, ours[0]) not in ours:
            raise CheckpointError(
                f"Its config says {name}={config[name]!r}, which none of our transformers does; "
                f"known is {ours[0]!r}."
            )


def _needs_one(tensors: Tensors) -> bool:
    """Whether there are biases that are not zero where ours has none."""
    kinds = ("b_Q", "b_K", "b_V", "b_O", "b_U")
    return any(v.any() for name, v in tensors.items() if name.rpartition(".")[2] in kinds)


def _bias(tensors: Tensors, name: str, shape: tuple[int, ...]) -> np.ndarray:
    return tensors[name] if name in tensors else np.zeros(shape, np.float32)


def _gain(config: Config, channels: int) -> float:
    """What queries are multiplied by where scores are not divided by the root of the channels."""
    scale = float(config.get("attn_scale") or -1)
    if not config.get("use_attn_scale", True):
        scale = 1.0
    return channels**0.5 / scale if scale > 0 else 1.0


def _block(tensors: Tensors, prefix: str, one: bool, config: Config) -> Block:
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
        query=jnp.asarray(sides[0] * np.float32(_gain(config, sides[0].shape[2]))),
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


def lacks(network: TransformerNetwork) -> bool:
    """Whether the network has something that TransformerLens has not."""
    return (
        network.blocks[0].after_attention is not None
        or network.rate is not None
        or (len(network.blocks) > 1 and not network.causal)
        or network.activation not in (relu, gelu)
    )


def as_lens(network: TransformerNetwork) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The tensors and the config that TransformerLens has for a network."""
    first = network.blocks[0]
    tensors = {"embed.W_E": network.embed, "pos_embed.W_pos": network.positions}
    for number, block in enumerate(network.blocks):
        at, mlp = f"blocks.{number}.attn.", f"blocks.{number}.mlp."
        for kind, side in (("Q", block.query), ("K", block.key), ("V", block.value)):
            tensors[f"{at}W_{kind}"] = side.transpose(1, 0, 2)
            tensors[f"{at}b_{kind}"] = np.zeros(side.shape[1:], np.float32)
        width, neurons = block.into.shape
        into_bias, out_bias = block.into_bias, block.out_bias
        tensors |= {
            f"{at}W_O": block.mix,
            f"{at}b_O": np.zeros(width, np.float32),
            f"{mlp}W_in": block.into,
            f"{mlp}b_in": np.zeros(neurons, np.float32) if into_bias is None else into_bias,
            f"{mlp}W_out": block.out,
            f"{mlp}b_out": np.zeros(width, np.float32) if out_bias is None else out_bias,
        }
    classes = network.unembed.shape[1]
    tensors |= {"unembed.W_U": network.unembed, "unembed.b_U": np.zeros(classes, np.float32)}
    config = {
        "n_layers": len(network.blocks),
        "d_model": network.embed.shape[1],
        "n_ctx": len(network.positions),
        "d_head": first.query.shape[2],
        "n_heads": first.query.shape[1],
        "d_mlp": first.into.shape[1],
        "act_fn": network.activation.__name__,
        "d_vocab": len(network.embed),
        "d_vocab_out": classes,
        "normalization_type": None,
    }
    return {name: np.ascontiguousarray(value) for name, value in tensors.items()}, config
