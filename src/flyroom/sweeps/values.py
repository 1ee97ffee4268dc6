"""Values as they are written in a shell or a form: `0.1,0.3,1`, `0:64`, `gelu`, `uniform(0, 1)`."""

import math
import re
import tomllib
from collections.abc import Iterable
from typing import Any

from scipy import stats

from .. import spec
from ..spec import SpecError

_DRAWN = re.compile(r"(uniform|loguniform|randint)\(([^,()]+),([^,()]+)\)")
_RANGE = re.compile(r"(-?\d+):(-?\d+)(?::(-?\d+))?")


def assignments(words: Iterable[str], option: str) -> dict[str, str]:
    """`path=text` pairs."""
    found: dict[str, str] = {}
    for word in words:
        path, equals, text = word.partition("=")
        if not equals or not text:
            raise SpecError(f"{option}: got `{word}`; allowed: path=value, such as seed=3.")
        if path in found:
            raise SpecError(f"{option}: `{path}` is given twice.")
        found[path] = text
    return found


def value(experiment: spec.Spec, path: str, text: str) -> Any:
    """One value for the field at `path`.

    Raises:
        SpecError: there is no such field, or nothing of that name to put there.
    """
    return spec.read(experiment, path, _literal(text))


def values(experiment: spec.Spec, path: str, text: str) -> list[Any]:
    """The values of an axis: a range `start:stop[:step]`, or a list separated by commas."""
    spec.get(experiment, path)
    if whole := _RANGE.fullmatch(text):
        start, stop, step = (int(n) if n else 1 for n in whole.groups())
        if step == 0:
            raise SpecError(f"--over {path}={text}: the step of a range cannot be 0.")
        return list(range(start, stop, step))
    return [value(experiment, path, part) for part in _split(text)]


def distribution(text: str) -> Any:
    """What to draw from, such as `loguniform(1e-3, 1)` from 0.001 to 1; `None` if it is a list.

    Raises:
        SpecError: its bounds are not two increasing numbers that it can have.
    """
    found = _DRAWN.fullmatch(text.strip())
    if found is None:
        return None
    name, low, high = found.groups()
    try:
        start, stop = float(low), float(high)
    except ValueError:
        start = stop = math.nan
    if not (start < stop and (start > 0 or name != "loguniform")):
        raise SpecError(
            f"`{text}`: allowed: {name}(low, high), two numbers, the second larger"
            f"{', both positive' * (name == 'loguniform')}."
        )
    if name == "uniform":
        return stats.uniform(start, stop - start)
    return stats.loguniform(start, stop) if name == "loguniform" else stats.randint(start, stop)


def _split(text: str) -> list[str]:
    """Parts between commas that are outside brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += {"[": 1, "(": 1, "{": 1, "]": -1, ")": -1, "}": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def _literal(text: str) -> Any:
    """A TOML value; anything else is text. `none` stands for no value."""
    if text.lower() == "none":
        return None
    try:
        return tomllib.loads(f"x = {text}")["x"]
    except tomllib.TOMLDecodeError:
        return text
