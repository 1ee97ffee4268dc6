"""Tables of points that are no grid: random and Sobol designs, and lists from a file."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from scipy.stats import qmc

from .. import spec
from ..spec import SpecError
from ..training import Experiment
from .plan import check_each
from .values import value

Table = dict[str | tuple[str, ...], list[Any]]


@runtime_checkable
class Distribution(Protocol):
    """What can be drawn from: a frozen distribution of `scipy.stats`."""

    def ppf(self, q: Any) -> Any: ...


Axis = Any  # a distribution or a list: what is neither is told by name


def sobol(axes: Mapping[str, Axis], runs: int, *, seed: int = 0) -> Table:
    r"""Points that fill a space evenly: a scrambled Sobol sequence.

    Coordinate \(u \in [0, 1)\) becomes the quantile \(F^{-1}(u)\) of a distribution, or entry
    \(\lfloor u n \rfloor\) of a list of \(n\) values. Evenest where `runs` is a power of two.

    Args:
        axes: by dotted path, a frozen distribution of `scipy.stats` or a list of values.
        runs: how many points.
        seed: of the scrambling.

    Returns:
        A table for `over`, to be joined with other axes by `|`.

    Raises:
        SpecError: an axis is neither, there are no axes, or less than one run is asked for.

    Example:
        >>> import flyroom as fr
        >>> from scipy.stats import loguniform
        >>> axes = {"optimizer.weight_decay": loguniform(1e-3, 1), "model.width": [16, 24, 32]}
        >>> over = fr.sweeps.sobol(axes, 64) | {"seed": range(3)}
        >>> fr.sweeps.Space(fr.recipes.pair_mod67(), over).count
        192

    Source: Sobol' 1967, doi:10.1016/0041-5553(67)90144-9; scrambled as Matoušek 1998,
    doi:10.1006/jcom.1998.0489.
    """
    _check(axes, runs)
    drawn = qmc.Sobol(len(axes), rng=np.random.default_rng(seed)).random_base2(
        max(0, (runs - 1).bit_length())
    )
    return _table(axes, drawn[:runs])


def random(axes: Mapping[str, Axis], runs: int, *, seed: int = 0) -> Table:
    """Points drawn independently, as `sobol` reads its axes.

    Args:
        axes: by dotted path, a frozen distribution of `scipy.stats` or a list of values.
        runs: how many points.
        seed: of the draw.

    Returns:
        A table for `over`, to be joined with other axes by `|`.

    Raises:
        SpecError: an axis is neither, there are no axes, or less than one run is asked for.

    Example:
        >>> from scipy.stats import uniform
        >>> table = random({"task.train_fraction": uniform(0.2, 0.6)}, 100)
        >>> len(table[("task.train_fraction",)])
        100
    """
    _check(axes, runs)
    return _table(axes, np.random.default_rng(seed).random((runs, len(axes))))


def points(experiment: Experiment, file: str | Path) -> Table:
    """The rows of a CSV file whose head names the paths; empty where a field is left as it is.

    Args:
        experiment: what is varied; it says how what is written is to be read.
        file: the file. Values are written as in the shell: `0.3`, `gelu`, `[64, 64]`, `none`.

    Returns:
        A table for `over`, to be joined with other axes by `|`.

    Raises:
        SpecError: there is no such file or field, or a row does not fit; the message has its line.
    """
    path = Path(file)
    try:
        lines = list(csv.reader(path.read_text(encoding="utf-8-sig").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SpecError(f"{path}: cannot be read as CSV ({error}).") from error
    head, *rows = [[cell.strip() for cell in line] for line in lines] or [[]]
    if not any(head) or len(set(head)) < len(head):
        raise SpecError(f"{path}: got the head {head}; allowed: a different path in each column.")
    read = []
    for number, row in enumerate(rows, start=2):
        if not any(row):
            continue
        if len(row) != len(head):
            raise SpecError(f"{path}, line {number}: got {len(row)} values; allowed: {len(head)}.")
        try:
            read.append(_row(experiment, dict(zip(head, row, strict=True))))
        except SpecError as error:
            raise SpecError(f"{path}, line {number}: {error}") from error
    if not read:
        raise SpecError(f"{path}: got no row below the head; it needs at least one.")
    return {tuple(head): read}


def _row(experiment: Experiment, texts: dict[str, str]) -> tuple[Any, ...]:
    """The values of one row: a whole noun is read before what is in it."""
    found: dict[str, Any] = dict.fromkeys(texts, ...)
    for path in sorted(filter(texts.get, texts), key=lambda path: path.count(".")):
        found[path] = value(experiment, path, texts[path])
        check_each(experiment, path, [found[path]])
        if any(other.startswith(f"{path}.") for other in texts):
            experiment = spec.replace(experiment, {path: found[path]})
    return tuple(found.values())


def _check(axes: Mapping[str, Axis], runs: int) -> None:
    if not axes:
        raise SpecError("a design: got no axes; allowed: at least one path.")
    if runs < 1:
        raise SpecError(f"a design: got {runs} runs; allowed: at least 1.")
    for path, axis in axes.items():
        if isinstance(axis, str) or not isinstance(axis, Distribution | Iterable):
            raise SpecError(
                f"over `{path}`: got {axis!r}; allowed: a list of values, or a frozen distribution "
                "of scipy.stats."
            )


def _table(axes: Mapping[str, Axis], drawn: Float[np.ndarray, "run axis"]) -> Table:
    columns = [
        _quantiles(path, axis, u) for (path, axis), u in zip(axes.items(), drawn.T, strict=True)
    ]
    return {tuple(axes): list(zip(*columns, strict=True))}


def _quantiles(path: str, axis: Axis, u: Float[np.ndarray, "run"]) -> list[Any]:
    if isinstance(axis, Distribution):
        drawn = np.asarray(axis.ppf(u))
        # Distributions of whole numbers give them as floats.
        whole = hasattr(getattr(axis, "dist", axis), "pmf")
        return (drawn.astype(np.int64) if whole else drawn).tolist()
    listed = list(axis)
    if not listed:
        raise SpecError(f"over `{path}`: no values were given; it needs at least one.")
    return [listed[int(place)] for place in u * len(listed)]
