"""What the checks have in common."""

import tomllib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import tomli_w

from .. import spec
from ..spec import Spec, SpecError


def rule(holds: Any, broken: str) -> None:
    """Raises `AssertionError` with the rule that is broken, if it is."""
    if not holds:
        raise AssertionError(broken)


def name_of(noun: Any) -> str:
    """What messages call a noun."""
    return type(noun).__name__


def same(left: Any, right: Any) -> bool:
    """Whether two pytrees are equal to the bit."""
    a, b = jax.tree.leaves(left), jax.tree.leaves(right)
    equal = (np.array_equal(x, y, equal_nan=True) for x, y in zip(a, b, strict=False))
    return jax.tree.structure(left) == jax.tree.structure(right) and all(equal)


def close(left: Any, right: Any, tolerance: float) -> bool:
    """Whether the arrays of two pytrees agree, relative to the largest entry of each."""
    pairs = zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True)
    return all(
        np.allclose(x, y, rtol=tolerance, atol=tolerance * (1e-30 + float(np.max(np.abs(y)))))
        for x, y in pairs
        if np.size(y)
    )


def finite(tree: Any) -> bool:
    """Whether every number in a pytree is one."""
    return all(np.all(np.isfinite(x)) for x in jax.tree.leaves(tree))


def wide(tree: Any) -> Any:
    """A pytree on the host, with its floating-point arrays in float64."""

    def widen(x: Any) -> np.ndarray:
        x = np.asarray(x)
        return x.astype(np.float64) if x.dtype.kind == "f" else x

    return jax.tree.map(widen, tree)


def settings(noun: Spec) -> list[dict[str, np.ndarray]]:
    """Two different values for every leaf of a noun: its own and another."""
    own = {path: np.asarray(value, np.float32) for path, value in spec.leaves(noun).items()}
    return [own, {path: np.asarray(0.9 * v + 0.01, np.float32) for path, v in own.items()}]


def swept(noun: Spec, fn: Callable[[Any], Any]) -> list[Any]:
    """`fn(noun)` for two settings of its leaves, which has to be traced once for both."""
    traces = 0

    def traced(leaves: dict[str, Any]) -> Any:
        nonlocal traces
        traces += 1
        return fn(spec.replace(noun, leaves))

    jitted = jax.jit(traced)
    try:
        results = [jitted(leaves) for leaves in settings(noun)]
    except (TypeError, ValueError, AttributeError, jax.errors.JAXTypeError) as error:
        raise AssertionError(
            f"{name_of(noun)} fails when its leaves ({', '.join(spec.leaves(noun)) or 'none'}) are "
            f"traced: {error}\nA field that decides shapes or branches is declared with shape(...)."
        ) from error
    rule(traces == 1, f"{name_of(noun)} is compiled again when only its leaves change.")
    return results


def check_written(noun: Spec) -> None:
    """A noun whose names a module knows is the same after it was written to TOML and read."""
    try:
        text = tomli_w.dumps(spec.to_dict(noun))
    except (SpecError, TypeError) as error:
        raise AssertionError(f"{name_of(noun)} cannot be written to TOML: {error}") from error
    if "<" in text or "__main__" in text:
        return  # it lives in a notebook or a function, and is resumed by being passed again
    try:
        again = spec.from_dict(tomllib.loads(text))
    except SpecError as error:
        raise AssertionError(f"{name_of(noun)} cannot be read back: {error}") from error
    rule(
        spec.fingerprint(again) == spec.fingerprint(noun),
        f"{name_of(noun)} is not the same after it was written down and read.",
    )
