"""How other code bases name and turn their weights."""

import dataclasses
from collections.abc import Callable, Iterator

import equinox as eqx
import jax
import jax.numpy as jnp

from . import own, perceptrons, transformers
from ._base import Built, Config, Tensors
from .pytorch import CheckpointError


@dataclasses.dataclass(frozen=True)
class Layout:
    """A way to keep the weights of one kind of network.

    Attributes:
        name: of the code base.
        names: tensors that it must have; none if it is the config that says what there is.
        build: the network.
        fits: whether tensors of these names have its form, as far as they and the config say.
    """

    name: str
    names: tuple[str, ...]
    build: Callable[[Tensors, Config], Built]
    fits: Callable[[Tensors, Config], bool] = lambda tensors, config: True

    def find(self, tensors: Tensors, config: Config) -> Built | None:
        """The network of these tensors, if they are kept in this way.

        Their names may have something before them, such as `model.`, or the number of a snapshot,
        of which the last is taken if there are no others.

        Raises:
            CheckpointError: the names are those of the layout, and the shapes are not.
        """
        for inner in self._inside(tensors):
            if all(name in inner for name in self.names):
                try:
                    if self.fits(inner, config):
                        return self._built(inner, config)
                except (KeyError, IndexError, TypeError, ValueError) as error:
                    why, _, _ = str(error).partition("\n")
                    raise CheckpointError(
                        f"Its tensors have the names of {self.name}, but do not fit each other: "
                        f"{why}"
                    ) from error
        return None

    def _built(self, tensors: Tensors, config: Config) -> Built:
        """The network, of which is known that its matrices follow each other."""
        found = self.build(tensors, config)
        question = jax.ShapeDtypeStruct((found.positions,), jnp.int32)
        eqx.filter_eval_shape(found.network, question)  # nothing is computed
        return found

    def _inside(self, tensors: Tensors) -> Iterator[Tensors]:
        if not self.names:
            yield tensors
            return
        first = self.names[0]
        found = [name for name in tensors if name == first or name.endswith(f".{first}")]
        prefixes = reversed([name.removesuffix(first) for name in found])
        for prefix in sorted(prefixes, key=_numbered):
            yield {
                name.removeprefix(prefix): value
                for name, value in tensors.items()
                if name.startswith(prefix)
            }


def _numbered(prefix: str) -> bool:
    """Whether what stands before a name is that of a snapshot, and not of how it ended."""
    return any(part.isdigit() for part in prefix.split("."))


_TRANSFORMER = (
    "embed.W_E",
    "pos_embed.W_pos",
    *(f"blocks.0.{name}" for name in ("attn.W_Q", "attn.W_K", "attn.W_V", "attn.W_O")),
    "blocks.0.mlp.W_in",
    "blocks.0.mlp.W_out",
    "unembed.W_U",
)


def _flat_heads(tensors: Tensors, config: Config) -> bool:
    """Whether heads stand side by side in the matrix after attention."""
    del config
    return tensors["blocks.0.attn.W_O"].ndim == 2


def _sees_all(tensors: Tensors, config: Config) -> bool:
    """Whether attention is the pizza repository's, without a mask; it reads two tokens."""
    two = len(tensors["pos_embed.W_pos"]) == 2
    return _flat_heads(tensors, config) and (two or "attn_coeff" in config)


LAYOUTS = (
    Layout(
        transformers.LENS,
        _TRANSFORMER,
        transformers.lens,
        lambda tensors, _: tensors["blocks.0.attn.W_O"].ndim == 3,
    ),
    Layout(
        "TransformerLens 4",
        (
            "embed.weight",
            "pos_embed.weight",
            *(f"blocks.0.attn.{kind}.weight" for kind in "qkvo"),
            "blocks.0.mlp.in.weight",
            "blocks.0.mlp.out.weight",
            "unembed.weight",
        ),
        transformers.bridge,
    ),
    Layout("pizza transformer", _TRANSFORMER, transformers.pizza, _sees_all),
    Layout("progress-measures transformer", _TRANSFORMER, transformers.progress, _flat_heads),
    Layout(
        "pizza linear model",
        ("embed.weight", "unembed.weight", "l1.weight", "l1.bias"),
        perceptrons.linear_model,
    ),
    Layout(
        "pizza linear model of two embeddings",
        ("embed1.weight", "embed2.weight", "unembed.weight", "l1.weight", "l1.bias"),
        perceptrons.two_embeddings,
    ),
    Layout("rep-theory perceptron", ("W_x", "W_y", "W", "W_U"), perceptrons.of_group),
    Layout(
        "sn-grok perceptron",
        ("lembed.weight", "rembed.weight", "linear.weight", "unembed.weight"),
        perceptrons.of_permutations,
    ),
    Layout("rep-theory bilinear", ("W_x", "W_y", "W_U"), perceptrons.bilinear),
    Layout(
        "factored perceptron of the PAIR explorable",
        ("embed", "hidden", "out"),
        perceptrons.factored,
        lambda tensors, _: tensors["hidden"].shape == tensors["out"].T.shape,
    ),
    Layout(own.NAME, (), own.own, lambda _, config: config.get("layout") == own.NAME),
)
