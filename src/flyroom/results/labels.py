"""Names for arrays: dimensions from annotations, paths from pytrees."""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

import jax

from ..typing import AnyArray


def paths(tree: Any) -> dict[str, Any]:
    """Every array of a pytree by its dotted path, in the order of its leaves."""
    flat, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(p, simple=True, separator="."): leaf for p, leaf in flat}


def rebuild(template: Any, arrays: Mapping[str, AnyArray]) -> Any:
    """A pytree like `template` with the arrays that `paths` would name."""
    return jax.tree.unflatten(jax.tree.structure(template), [arrays[p] for p in paths(template)])


def dims(network: Any, path: str, ndim: int) -> tuple[str, ...]:
    """The axes of the array at `path`, from the annotation of the field that holds it.

    Arrays in a tuple are told apart by their number. An axis that no annotation names is called
    after the path.
    """
    name, *rest = path.split(".")
    annotation = typing.get_type_hints(type(network)).get(name)
    found = _names(annotation, ndim)
    if found is None:
        child = getattr(network, name, None)
        while isinstance(child, tuple) and rest:  # parts that are alike have axes that are
            child, rest = child[int(rest[0])], rest[1:]
        if rest and dataclasses.is_dataclass(child):
            return dims(child, ".".join(rest), ndim)
        found = tuple(f"{path}_{i}" for i in range(ndim))
    return tuple("_".join([axis, *rest]) for axis in found)


def _names(annotation: Any, ndim: int) -> tuple[str, ...] | None:
    """The axis names of the first annotated array of `ndim` axes in an annotation."""
    if hasattr(annotation, "dim_str"):
        axes = tuple(axis.lstrip("_?#") for axis in annotation.dim_str.split())
        return axes if len(axes) == ndim else None
    nested = (_names(a, ndim) for a in typing.get_args(annotation))
    return next((n for n in nested if n), None)
