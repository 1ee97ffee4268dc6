from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..spec import SpecError, leaf, shape
from ..tasks import Signature
from ..typing import FloatScalar
from ._base import AbstractModel, AbstractNetwork, Tap
from .activations import relu
from .initial import haiku, variance_scaling_2
from .linear import linear

_FORMS = ("factored", "collapsed")


class FactoredNetwork(AbstractNetwork):
    """Weights of a `FactoredMLP`. What it computes depends on `w_in` and `w_out` alone.

    Each side has either its factors or, collapsed, one whole matrix.
    """

    embed: Float[Array, "token embedding"] | None
    into: Float[Array, "embedding neuron"] | None
    out: Float[Array, "neuron embedding"] | None
    unembed: Float[Array, "embedding class"] | None
    whole_in: Float[Array, "token neuron"] | None = None
    whole_out: Float[Array, "neuron class"] | None = None
    activation: Callable[[Array], Array] = shape(relu)

    def collapsed(self) -> tuple[Float[Array, "token neuron"], Float[Array, "neuron class"]]:
        """The two matrices that the factors multiply to: `w_in` and `w_out`."""
        embed, into, out = self.embed, self.into, self.out
        tied = self.unembed is None
        if tied and embed is not None and into is not None and out is not None:
            # The embedding meets both projections: one product of twice the width, not two.
            both = jax.vmap(linear, (0, None))(embed, jnp.concatenate([into, out.T], axis=1))
            return both[:, : into.shape[1]], both[:, into.shape[1] :].T
        back = embed.T if tied and embed is not None else self.unembed
        return _product(embed, into, self.whole_in), _product(out, back, self.whole_out)

    @property
    def w_in(self) -> Float[Array, "token neuron"]:
        """What each token adds to each neuron."""
        return self.collapsed()[0]

    @property
    def w_out(self) -> Float[Array, "neuron class"]:
        """What each neuron adds to each logit."""
        return self.collapsed()[1]

    def forward(
        self, x: Int[Array, "position"], tap: Tap, key: PRNGKeyArray | None
    ) -> Float[Array, "output"]:
        del key
        w_in, w_out = self.collapsed()
        # A row of a table is the product with a one-hot vector, without the multiplications.
        total = w_in[x[0]]
        for position in range(1, x.shape[0]):
            total = total + w_in[x[position]]
        hidden = tap("hidden", self.activation(tap("preactivation", total)))
        return tap("logits", hidden @ w_out)


def _product(left: Array | None, right: Array | None, whole: Array | None) -> Array:
    if whole is not None:
        return whole
    assert left is not None
    assert right is not None
    return left @ right


class FactoredMLP(AbstractModel):
    r"""One hidden layer on the sum of token embeddings, its two matrices factored or collapsed.

    \(z = \sigma\big((E P)_a + (E P)_b\big)\, Q E^\top\). Both inputs share one matrix. Factored and
    collapsed networks compute the same functions and learn differently: decay acts on the factors.

    Args:
        width: number of neurons.
        embed_width: width of the embedding, which is the rank that the factors allow.
        input: `"factored"` (embedding times projection) or `"collapsed"` (one matrix).
        output: the same for the output side.
        tied: whether a factored output uses the embedding itself, transposed.
        activation: what a neuron does.
        init_scale: multiplies every initial weight.

    Source: Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?".
    """

    width: int = shape(24, minimum=1)
    embed_width: int = shape(500, minimum=1)
    input: str = shape("factored", options=_FORMS)
    output: str = shape("factored", options=_FORMS)
    tied: bool = shape(True)
    activation: Callable[[Array], Array] = shape(relu, room="models")
    init_scale: FloatScalar = leaf(1.0, minimum=0, initial=True)

    def init(self, signature: Signature, outputs: int, *, key: PRNGKeyArray) -> FactoredNetwork:
        tokens, rank, width = signature.tokens, self.embed_width, self.width
        if tokens is None:
            raise SpecError("FactoredMLP reads tokens; the task gives real vectors. Use MLP.")
        tied = self.tied and self.output == "factored"
        if tied and outputs != tokens:
            raise SpecError(
                f"FactoredMLP.tied: {outputs} outputs cannot share the embedding of {tokens} "
                "tokens. Use tied=False."
            )
        k_embed, k_in, k_out, k_un = jr.split(key, 4)
        scale, factored = jnp.float32(self.init_scale), self.input == "factored"
        embed = scale * variance_scaling_2(k_embed, (tokens, rank), tokens)
        fan_in = rank if factored else tokens
        into = scale * haiku(k_in, (fan_in, width), fan_in)
        returns = self.output == "factored"
        out = scale * haiku(k_out, (width, rank if returns else outputs), width)
        unembed = scale * haiku(k_un, (rank, outputs), rank)
        return FactoredNetwork(
            embed=embed if factored or tied else None,
            into=into if factored else None,
            out=out if returns else None,
            unembed=unembed if returns and not tied else None,
            whole_in=None if factored else into,
            whole_out=None if returns else out,
            activation=self.activation,
        )
