import functools

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array

from ..losses import AbstractLoss
from ._rules import check_written, finite, name_of, rule, swept


def check_loss(loss: AbstractLoss, classes: int = 2) -> None:
    """Raises `AssertionError` if `loss` breaks a rule that the engine relies on.

    Args:
        loss: the loss.
        classes: how many answers there are.

    Raises:
        AssertionError: value, gradient or Hessian-vector product is not a finite number, what it
            prefers is not what it predicts, or sweeping a leaf compiles again.

    Example:
        >>> import flyroom as fr
        >>> fr.testing.check_loss(fr.losses.CrossEntropy(), classes=5)
    """
    name, outputs = name_of(loss), loss.outputs(classes)
    rule(
        isinstance(outputs, int) and outputs >= 1,
        f"{name}.outputs gives {outputs!r} for {classes} classes and not a number of outputs.",
    )
    with jax.enable_x64(loss.wide):
        logits = jr.normal(jr.key(0), (outputs,), jnp.float32)
        labels = jnp.arange(classes, dtype=jnp.int32)
        for scale in (0, 1, 30, 1000):
            _check_numbers(loss, jnp.float32(scale) * logits, labels)
        _check_descent(loss, logits, labels)
        rule(
            finite(swept(loss, lambda one: one(logits, jnp.int32(0)))),
            f"{name} is not finite when its leaves are traced.",
        )
    check_written(loss)


def _check_numbers(loss: AbstractLoss, logits: Array, labels: Array) -> None:
    name = name_of(loss)

    @jax.jit
    @functools.partial(jax.vmap, in_axes=(None, 0))
    def numbers(logits: Array, label: Array) -> dict[str, Array]:
        value, slope = jax.value_and_grad(loss)(logits, label)
        _, bend = jax.jvp(lambda z: jax.grad(loss)(z, label), (logits,), (jnp.ones_like(logits),))
        return {"value": value, "gradient": slope, "Hessian-vector product": bend}

    shape = jax.eval_shape(loss, logits, labels[0]).shape
    rule(shape == (), f"{name} gives shape {shape} for one example and not a number.")
    found = numbers(logits, labels)
    for word in ("value", "gradient", "Hessian-vector product"):
        rule(finite(found[word]), f"{name}: its {word} is not finite for logits {logits}.")
    answer = loss.predict(logits)
    rule(
        answer.shape == () and jnp.issubdtype(answer.dtype, jnp.integer),
        f"{name}.predict gives {answer!r} and not the number of a class.",
    )


def _check_descent(loss: AbstractLoss, logits: Array, labels: Array) -> None:
    """Walking down the loss leads to logits that stand for the label."""

    @jax.jit
    @functools.partial(jax.vmap, in_axes=(None, 0))
    def walk(logits: Array, label: Array) -> Array:
        def step(_, logits: Array) -> Array:
            slope = jax.grad(loss)(logits, label)
            return logits - 0.05 * slope / (jnp.linalg.norm(slope) + 1e-6)

        return loss.predict(jax.lax.fori_loop(0, 400, step, logits))

    for label, found in zip(labels.tolist(), walk(logits, labels).tolist(), strict=True):
        rule(
            found == label,
            f"{name_of(loss)}: descending it for label {label} leads to logits that `predict` "
            f"reads as {found}.",
        )
