import functools
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Shaped

from ..models import AbstractModel, AbstractNetwork
from ..results.labels import dims, paths
from ..tasks import Signature
from ._rules import check_written, close, finite, name_of, rule, same, swept, wide

_ROWS = 6


def check_model(model: AbstractModel, signature: Signature, outputs: int) -> None:
    """Raises `AssertionError` if `model` breaks a rule that the engine relies on.

    Args:
        model: the model.
        signature: of a task that it can learn.
        outputs: how many numbers the network is to give.

    Raises:
        AssertionError: initial weights are not finite floats with named axes or do not depend on
            the key alone, `table` is not the map of `__call__` in float64 (values or gradients), a
            row of weight zero acts on others, activations cannot be named and patched, or sweeping
            a leaf compiles again.

    Example:
        >>> import flyroom as fr
        >>> task = fr.tasks.ModularArithmetic(p=7)
        >>> fr.testing.check_model(fr.models.MLP(widths=(8,)), task.signature, outputs=7)
    """
    name = name_of(model)

    def init(model: AbstractModel) -> tuple[AbstractNetwork, AbstractNetwork]:
        first, second = (model.init(signature, outputs, key=jr.key(seed)) for seed in (0, 1))
        return first, second

    (network, other), changed = jax.device_get(swept(model, init))
    rule(isinstance(network, AbstractNetwork), f"{name}.init gives no AbstractNetwork.")
    _check_weights(name, network)
    rule(finite(changed), f"{name}: initial weights are not finite for other values of its leaves.")
    rule(not same(network, other), f"{name}.init gives the same weights for any key.")
    traces = [jax.make_jaxpr(lambda: init(model))() for _ in range(2)]
    rule(
        same(traces[0].consts, traces[1].consts) and str(traces[0]) == str(traces[1]),
        f"{name}.init does not depend on its key alone.",
    )
    inputs = _inputs(signature)
    _check_one(name, network, jnp.asarray(inputs[0]), outputs)
    with jax.enable_x64(True):
        _check_table(name, wide(network), jnp.asarray(wide(inputs)))
    check_written(model)


def _inputs(signature: Signature) -> Shaped[np.ndarray, "example *input"]:
    random, size = np.random.default_rng(0), (_ROWS, *signature.inputs)
    if signature.tokens is None:
        return random.choice(np.array([-1.0, 1.0], np.float32), size)
    spans = signature.spans or ((0, signature.tokens),) * signature.inputs[0]
    low, high = np.array(spans).T
    return random.integers(low, high, size=size).astype(np.int32)


def _check_weights(name: str, network: AbstractNetwork) -> None:
    arrays = paths(network)
    rule(arrays, f"{name}.init gives a network without weights.")
    for path, array in arrays.items():
        rule(
            eqx.is_inexact_array_like(array),
            f"{name}: `{path}` of its network is {array!r}; everything in a network is trained, so "
            "it holds arrays of floating-point numbers. Declare other fields with shape(...).",
        )
        rule(finite(array), f"{name}: initial `{path}` is not finite.")
        axes = dims(network, path, array.ndim)
        named = all(a.isidentifier() for a in axes) and f"{path}_0" not in axes
        rule(
            named and len(set(axes)) == len(axes),
            f'{name}: annotate `{path}` with a name for each axis, such as Float[Array, "neuron '
            'class"]; they become dimensions of the results.',
        )


def _check_one(name: str, network: AbstractNetwork, x: Array, outputs: int) -> None:
    @jax.jit
    def everything(network: AbstractNetwork, x: Array) -> tuple[Array, dict[str, Array]]:
        values = network.activations(x).items()
        return network(x), {a: network.patched(x, {a: value}) for a, value in values}

    logits, patched = everything(network, x)
    rule(
        logits.shape == (outputs,),
        f"{name}: the network gives shape {logits.shape} for one example and not ({outputs},).",
    )
    rule(finite(logits), f"{name}: the logits of a fresh network are not finite.")
    rule(
        jax.eval_shape(lambda n, key: n(x, key=key), network, jr.key(0)).shape == logits.shape,
        f"{name}: the network gives another shape with a key than without.",
    )
    rule(patched, f"{name}: no activation passes through `tap`, so none has a name.")
    for activation, found in patched.items():
        rule(
            close(found, logits, 1e-6),
            f"{name}: putting `{activation}` in its own place changes the logits.",
        )


def _check_table(name: str, network: AbstractNetwork, inputs: Array) -> None:
    """The shortcut equals the plain form, for one network and for many, values and gradients."""

    def plain(network: AbstractNetwork, inputs: Array) -> Array:
        return jax.vmap(network)(inputs)

    def shared(network: AbstractNetwork, inputs: Array) -> Array:
        return network.table(inputs)

    @functools.partial(jax.jit, static_argnums=0)
    def graded(table: Callable[..., Array], network: AbstractNetwork, inputs: Array) -> Any:
        def total(network: AbstractNetwork) -> tuple[Array, Array]:
            logits = table(network, inputs)
            # Any weights that tell the logits apart will do.
            weights = jnp.cos(jnp.arange(logits.size, dtype=logits.dtype)).reshape(logits.shape)
            return jnp.sum(weights * logits), logits

        return jax.grad(total, has_aux=True)(network)

    (slopes, logits), (true_slopes, true_logits) = (
        graded(f, network, inputs) for f in (shared, plain)
    )
    rule(close(logits, true_logits, 1e-10), f"{name}: `table` is not the map of `__call__`.")
    rule(close(slopes, true_slopes, 1e-10), f"{name}: the gradient of `table` is not the map's.")
    many = jax.tree.map(lambda w: np.stack([w, 2 * w]), network)
    batched = jax.jit(jax.vmap(shared, in_axes=(0, None)))(many, inputs)
    rule(
        close(batched[0], logits, 1e-10),
        f"{name}: a batch of networks does not compute what they compute one by one.",
    )
    # As while training: the last row is padding, and is another example in the second batch.
    weights = jnp.where(jnp.arange(len(inputs)) < len(inputs) - 1, 1.0, 0.0)
    padded = inputs.at[-1].set(inputs[0])
    weighed = jax.jit(lambda network, x: network.table(x, weights=weights)[:-1])
    first, second = (weighed(network, x) for x in (inputs, padded))
    rule(close(first, second, 1e-10), f"{name}: a row of weight zero changes other rows' logits.")
