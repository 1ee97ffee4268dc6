import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..models import Block, TransformerNetwork, absolute, gelu, relu
from collections.abc import Callable
from .errors import CheckpointError

Tensors = Mapping[str, np.ndarray]
ACTIVATIONS: dict = {"relu": relu, "gelu": gelu, "abs": absolute}


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a code base names and orients the weights of a transformer.

    Attributes:
        name: of the code base.
        turned: whether its matrices have outputs first.
    """

    name: str
    turned: bool


LENS = Layout("TransformerLens", turned=False)
PIZZA = Layout("pizza / progress-measures transformer", turned=True)


def layout_of(tensors: Tensors) -> Layout | None:
    """Which of the two layouts these tensors have; `None` if they are no such transformer."""
    mix = tensors.get("blocks.0.attn.W_O")
    if mix is None or "embed.W_E" not in tensors or "unembed.W_U" not in tensors:
        return None
    return LENS if mix.ndim == 3 else PIZZA


def transformer(tensors: Tensors, config: Mapping[str, Any] | None = None) -> TransformerNetwork:
    """The transformer of a state dict."""
    layout = layout_of(tensors)
    if layout is None:
        raise CheckpointError("no transformer")
    config = config or {}
    width = tensors["pos_embed.W_pos"].shape[1]
    numbers = {int(m[1]) for name in tensors if (m := re.match(r"blocks\.(\d+)\.", name))}
    embed, unembed = tensors["embed.W_E"], tensors["unembed.W_U"]
    rate = config.get("attn_coeff")
    return TransformerNetwork(
        embed=embed.T if layout.turned else embed,
        place=tensors["pos_embed.W_pos"],
        blocks=tuple(_block(tensors, f"blocks.{n}.", layout, width) for n in sorted(numbers)),
        unembed=unembed.T if layout.turned and unembed.shape[0] != width else unembed,
        rate=None if rate is None else np.float32(rate),
        spans=((0, (embed.T if layout.turned else embed).shape[0]),) * len(tensors["pos_embed.W_pos"]),
        activation=ACTIVATIONS[str(config.get("act_fn", "relu")).lower()],
    )


def _block(tensors: Tensors, prefix: str, layout: Layout, width: int) -> Block:
    """One layer: attention and perceptron."""

    def split(name: str) -> np.ndarray:
        weight = tensors[f"{prefix}attn.{name}"]  # head first
        return weight.transpose(2, 0, 1) if layout.turned else weight.transpose(1, 0, 2)

    mix = tensors[f"{prefix}attn.W_O"]
    if layout.turned:
        heads = len(tensors[f"{prefix}attn.W_Q"])
        mix = mix.reshape(width, heads, -1).transpose(1, 2, 0)
    into, out = (tensors[f"{prefix}mlp.{name}"] for name in ("W_in", "W_out"))
    return Block(
        query=split("W_Q"),
        key=split("W_K"),
        value=split("W_V"),
        mix=mix,
        into=into.T if layout.turned else into,
        into_bias=tensors.get(f"{prefix}mlp.b_in"),
        out=out.T if layout.turned else out,
        out_bias=tensors.get(f"{prefix}mlp.b_out"),
        after_attention=None,
        after_perceptron=None,
    )
