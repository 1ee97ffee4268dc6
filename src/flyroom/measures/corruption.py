import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..models import AbstractNetwork
from ..training import Context, snapshot


@snapshot(within=(0.0, 1.0))
def corrected_accuracy(network: AbstractNetwork, context: Context) -> Float[Array, ""]:
    """Share of wrongly labelled training examples that are answered rightly, against the label."""
    return _among_wrong(network, context, context.train.truth)


@snapshot(within=(0.0, 1.0))
def corrupted_accuracy(network: AbstractNetwork, context: Context) -> Float[Array, ""]:
    """Share of wrongly labelled training examples that are answered with the wrong label given."""
    return _among_wrong(network, context, context.train.labels)


def _among_wrong(
    network: AbstractNetwork, context: Context, wanted: Int[Array, "example"]
) -> Float[Array, ""]:
    """How many of the wrongly labelled get the wanted answer; not a number if there are none."""
    rows = context.train
    wrong = jnp.where(rows.labels == rows.truth, 0, rows.weights)
    answers = jax.vmap(context.loss.predict)(network.table(rows.inputs))
    return jnp.sum(jnp.where(answers == wanted, wrong, 0)) / jnp.sum(wrong)
