import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..algebra import fourier_basis
from ..spec import SpecError, leaf, shape
from ..tasks import Signature
from ..typing import AnyArray, FloatScalar
from ._base import AbstractModel, AbstractNetwork, Tap, constant, untouched
from .activations import relu
from .initial import haiku, variance_scaling_2
from .linear import linear

_FORMS = ("factored", "collapsed")


class FactoredNetwork(AbstractNetwork):
    """Weights of a `FactoredMLP`. What it computes depends on `w_in` and `w_out` alone.

    Each side has either its factors or, collapsed, one whole matrix. Where positions share no
    projection, the input side has one for each.
    """

    embed: Float[Array, "token embedding"] | None
    into: Float[Array, "embedding neuron"] | Float[Array, "position embedding neuron"] | None
    out: Float[Array, "neuron embedding"] | None
    unembed: Float[Array, "embedding class"] | None
    whole_in: Float[Array, "token neuron"] | Float[Array, "position token neuron"] | None = None
    whole_out: Float[Array, "neuron class"] | None = None
    circles: Float[Array, "token embedding"] | None = constant(default=None)
    activation: Callable[[Array], Array] = shape(relu)

    @property
    def embedding(self) -> Float[AnyArray, "token embedding"] | None:
        """The embedding, whether it learns or not; `None` if both sides are collapsed."""
        return self.embed if self.circles is None else self.circles

    def collapsed(self) -> tuple[AnyArray, Float[AnyArray, "neuron class"]]:
        """The two matrices that the factors multiply to: `w_in` and `w_out`."""
        embed, into, out = self.embedding, self.into, self.out
        tied = self.unembed is None
        if tied and embed is not None and into is not None and out is not None:
            # The embedding meets every projection: one product of all their widths.
            projections = [*_tables(into), out.T]
            ends = np.cumsum([w.shape[1] for w in projections])[:-1].tolist()
            every = jax.vmap(linear, (0, None))(embed, jnp.concatenate(projections, axis=1))
            *sides, back = jnp.split(every, ends, axis=1)
            return sides[0] if into.ndim == 2 else jnp.stack(sides), back.T
        back = embed.T if tied and embed is not None else self.unembed
        return _product(embed, into, self.whole_in), _product(out, back, self.whole_out)

    @property
    def w_in(self) -> Float[AnyArray, "token neuron"] | Float[AnyArray, "position token neuron"]:
        """What each token adds to each neuron, at any position or at each."""
        return self.collapsed()[0]

    @property
    def w_out(self) -> Float[AnyArray, "neuron class"]:
        """What each neuron adds to each logit."""
        return self.collapsed()[1]

    def untied(self) -> "FactoredNetwork":
        if self.out is None or self.unembed is not None or self.embedding is None:
            return self
        return dataclasses.replace(self, unembed=self.embedding.T)

    def forward(
        self, x: Int[Array, "position"], tap: Tap, key: PRNGKeyArray | None
    ) -> Float[Array, "output"]:
        del key
        w_in, w_out = self.collapsed()
        tables = _tables(w_in)
        # A row of a table is the product with a one-hot vector, without the multiplications.
        total = tables[0][x[0]]
        for position in range(1, x.shape[0]):
            total = total + tables[position % len(tables)][x[position]]
        return self._heard(total, w_out, tap)

    def answer(self, vectors: Float[AnyArray, "position embedding"]) -> Float[Array, "output"]:
        """The logits for embedding vectors in the place of tokens.

        Args:
            vectors: one for each position.

        Raises:
            SpecError: the input side is collapsed, so that it reads no vectors.
        """
        if self.into is None:
            raise SpecError("FactoredNetwork.answer: its input side is collapsed: no vectors.")
        projections = _tables(self.into)
        total = vectors[0] @ projections[0]
        for position in range(1, vectors.shape[0]):
            total = total + vectors[position] @ projections[position % len(projections)]
        return self._heard(total, self.w_out, untouched)

    def _heard(self, total: AnyArray, w_out: AnyArray, tap: Tap) -> Array:
        hidden = tap("hidden", self.activation(tap("preactivation", total)))
        return tap("logits", hidden @ w_out)


def _tables(weights: AnyArray) -> list[AnyArray]:
    """One matrix for all positions, or one for each."""
    return [weights] if weights.ndim == 2 else list(weights)


def _product(left: AnyArray | None, right: AnyArray | None, whole: AnyArray | None) -> AnyArray:
    if whole is not None:
        return whole
    assert left is not None
    assert right is not None
    return left @ right


class FactoredMLP(AbstractModel):
    r"""One hidden layer on the sum of token embeddings, its two matrices factored or collapsed.

    \(z = \sigma\big((E P)_a + (E P)_b\big)\, Q E^\top\). Factored and collapsed networks compute
    the same functions and learn differently: decay acts on the factors.

    Args:
        width: number of neurons.
        embed_width: width of the embedding, which is the rank that the factors allow.
        input: `"factored"` (embedding times projection) or `"collapsed"` (one matrix).
        output: the same for the output side.
        tied: whether a factored output uses the embedding itself, transposed.
        shared: whether all positions share one projection (one matrix, if it is collapsed).
        circles: frequencies of an embedding that does not learn: a cosine and a sine of unit norm
            for each, so that `embed_width` is twice their number. Empty for one that learns.
        activation: what a neuron does.
        init_scale: multiplies every initial weight.

    Source: Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?".
    """

    width: int = shape(24, minimum=1)
    embed_width: int = shape(500, minimum=1)
    input: str = shape("factored", options=_FORMS)
    output: str = shape("factored", options=_FORMS)
    tied: bool = shape(True)
    shared: bool = shape(True)
    circles: tuple[int, ...] = shape((), minimum=1)
    activation: Callable[[Array], Array] = shape(relu, room="models")
    init_scale: FloatScalar = leaf(1.0, minimum=0, initial=True)

    def init(self, signature: Signature, outputs: int, *, key: PRNGKeyArray) -> FactoredNetwork:
        tokens, rank, width = signature.tokens, self.embed_width, self.width
        if tokens is None:
            raise SpecError("FactoredMLP reads tokens; the task gives real vectors. Use MLP.")
        factored, returns = self.input == "factored", self.output == "factored"
        tied = self.tied and returns
        if tied and outputs != tokens:
            raise SpecError(
                f"FactoredMLP.tied: {outputs} outputs cannot share the embedding of {tokens} "
                "tokens. Use tied=False."
            )
        k_embed, k_in, k_out, k_un = jr.split(key, 4)
        scale = jnp.float32(self.init_scale)
        tables = () if self.shared else signature.inputs
        into = haiku(k_in, (*tables, rank, width), rank)
        # A whole matrix of the input side is an embedding as wide as the layer.
        whole_in = variance_scaling_2(k_in, (*tables, tokens, width), tokens)
        embed = variance_scaling_2(k_embed, (tokens, rank), tokens)
        out = haiku(k_out, (width, rank if returns else outputs), width)
        unembed = variance_scaling_2(k_un, (rank, outputs), rank)
        meets = factored or tied
        return FactoredNetwork(
            embed=scale * embed if meets and not self.circles else None,
            into=scale * into if factored else None,
            out=scale * out if returns else None,
            unembed=scale * unembed if returns and not tied else None,
            whole_in=None if factored else scale * whole_in,
            whole_out=None if returns else scale * out,
            circles=self._circles(tokens) if meets and self.circles else None,
            activation=self.activation,
        )

    def _circles(self, tokens: int) -> Float[Array, "token embedding"]:
        if self.embed_width != 2 * len(self.circles) or max(self.circles) > (tokens - 1) // 2:
            raise SpecError(
                f"FactoredMLP.circles: got {self.circles} and embed_width={self.embed_width}; "
                f"allowed: frequencies from 1 to {(tokens - 1) // 2} for {tokens} tokens, and an "
                f"embed_width of twice their number, {2 * len(self.circles)}."
            )
        rows = [2 * k - 1 + side for k in self.circles for side in (0, 1)]
        return jnp.asarray(fourier_basis(tokens)[rows].T, jnp.float32)
