"""What a study has otherwise at one size than at full size."""

from collections.abc import Iterator, Sequence
from typing import Any

from .. import spec
from .study import Study, Sweep

FULL = "full"
_LOOKED_AT = ("schedule", "keep", "record")  # when and what is recorded changes no run
_MOST = 8  # values of an axis that are listed


def reductions(study: Study, size: str) -> dict[str, str]:
    """What is trained otherwise than at full size, in words.

    Args:
        study: the study.
        size: one of its sizes.

    Returns:
        For each sweep that differs, by label, its fields and axes with their values, and those of
        full size in brackets. A sweep of only one of the sizes says so.

    Example:
        >>> import flyroom as fr
        >>> from flyroom.studies import Study, Sweep
        >>> full = fr.recipes.pair_mod67()
        >>> quick = fr.spec.replace(full, {"task.p": 31})
        >>> sizes = {
        ...     "quick": {"seeds": Sweep(quick, {"seed": range(2)})},
        ...     "full": {"seeds": Sweep(full, {"seed": range(64)})},
        ... }
        >>> reductions(Study("small", "Is it small?", "nobody", sizes), "quick")
        {'seeds': 'task.p 31 (67), seed 0, 1 (0 … 63)'}
    """
    mine, whole = study.at(size), study.sweeps.get(FULL, {})
    found = {}
    for label in dict.fromkeys((*mine, *whole)) if whole else ():
        if label not in whole:
            found[label] = f"at size {size} only"
        elif label not in mine:
            found[label] = "at full size only"
        elif words := _differences(_told(mine[label]), _told(whole[label])):
            found[label] = words
    return found


def _differences(mine: dict[str, str], whole: dict[str, str]) -> str:
    paths = dict.fromkeys((*mine, *whole))
    pairs = ((path, mine.get(path, "none"), whole.get(path, "none")) for path in paths)
    return ", ".join(f"{path} {one} ({other})" for path, one, other in pairs if one != other)


def _told(sweep: Sweep) -> dict[str, str]:
    """Every field that changes a run, and every axis, in words."""
    written = spec.to_dict(sweep.experiment)
    told = dict(_fields({k: v for k, v in written.items() if k not in _LOOKED_AT}, ""))
    for path, values in sweep.over.items():
        alone = isinstance(path, str)
        columns = (
            {path: values} if alone else dict(zip(path, zip(*values, strict=True), strict=True))
        )
        for one, column in columns.items():
            told[one] = listed(spec.to_dict(list(column)))
    return told


def listed(values: Sequence[Any]) -> str:
    """The values of an axis, which are plain data, in words.

    Example:
        >>> listed([0, 1, 2]), listed([0.3, 1.0, 0.3]), listed([[], [2000]])
        ('0 … 2', '0.3, 1.0', 'none, (2,000)')
        >>> listed([*range(0, 18, 2)])
        '9 values'
    """
    whole = all(type(value) is int for value in values)
    if whole and len(values) > 2 and [*values] == [*range(values[0], values[-1] + 1)]:
        return f"{values[0]:,} … {values[-1]:,}"
    words = dict.fromkeys(map(_word, values))
    return ", ".join(words) if len(words) <= _MOST else f"{len(words)} values"


def _fields(written: dict[str, Any], above: str) -> Iterator[tuple[str, str]]:
    for name, value in written.items():
        if isinstance(value, dict):
            yield from _fields(value, f"{above}{name}.")
        else:
            yield above + name, _word(value)


def _word(value: Any) -> str:
    if isinstance(value, list):
        return f"({', '.join(map(_word, value))})" if value else "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {text}" for name, text in _fields(value, ""))
    return f"{value:,}" if type(value) is int else str(value)
