import jax
import jax.numpy as jnp
import numpy as np

from ..models import AbstractNetwork
from ..tasks import Examples
from ..training import Context, Snapshot
from ._rules import close, finite, rule


def check_measure(snapshot: Snapshot, network: AbstractNetwork, context: Context) -> None:
    """Raises `AssertionError` if a measure cannot be recorded while networks train.

    Args:
        snapshot: the measure, as `flyroom.snapshot` makes it.
        network: a network that it applies to.
        context: examples for it.

    Raises:
        AssertionError: it gives other axes than it declares or numbers that are not finite, differs
            between one network and many, or counts rows of weight zero, which are padding.
    """
    rule(
        isinstance(snapshot, Snapshot),
        f"{snapshot!r} is no Snapshot: decorate the function with flyroom.snapshot().",
    )
    name, dims = snapshot.name, snapshot.dims
    rule(name.isidentifier(), f"`{name}` cannot be the name of a variable in the results.")
    rule(
        all(axis.isidentifier() for axis in dims) and len(set(dims)) == len(dims),
        f"{name}: its axes are {dims}; every one needs a different name.",
    )
    rule(snapshot.definition, f"{name}: its docstring, which becomes its definition, is empty.")
    value = jax.jit(snapshot)(network, context)
    rule(
        jnp.ndim(value) == len(dims),
        f"{name} gives shape {jnp.shape(value)} but declares the axes {dims or '()'}.",
    )
    rule(finite(value), f"{name} is not finite for this network: {value}.")
    many = jax.tree.map(lambda w: np.stack([w, np.asarray(w) + 1]), network)
    batched = jax.jit(jax.vmap(snapshot, in_axes=(0, None)))(many, context)
    rule(close(batched[0], value, 1e-5), f"{name} differs under vmap over networks.")
    padded = Context(_padded(context.train), _padded(context.test), context.loss)
    rule(
        close(jax.jit(snapshot)(network, padded), value, 1e-5),
        f"{name} changes when rows of weight zero are added. They are padding: "
        "use flyroom.training.mean(values, rows) instead of a plain mean.",
    )


def _padded(rows: Examples) -> Examples:
    """The same rows, and some of weight zero."""

    def pad(values: jax.Array | np.ndarray) -> np.ndarray:
        return np.concatenate([values, values[:3]])

    weights = np.where(np.arange(len(pad(rows.weights))) < len(rows.weights), pad(rows.weights), 0)
    weights = weights.astype(rows.weights.dtype)
    return Examples(pad(rows.inputs), pad(rows.labels), pad(rows.truth), weights)
