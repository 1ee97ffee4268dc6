"""The runs of a sweep: every combination of the rows of some tables, numbered."""

import functools
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from .. import spec
from ..spec import SpecError
from ..training import Experiment

Over = Mapping[Any, Iterable[Any]]  # by path, or by a tuple of paths


class _Column(NamedTuple):
    """The different values of a column, and which of them each row has; -1 for none of them."""

    values: tuple[Any, ...]
    codes: Int[np.ndarray, "row"]

    def rows(self) -> list[Any]:
        """The value of every row."""
        values = (*self.values, ...)
        return [values[code] for code in self.codes.tolist()]


class Space:
    """The product of tables: run numbers count through it with the last table the fastest.

    A table of one column is an axis of a grid. A table of several holds values that go together:
    the points of a design, a list from a file, or conditional axes, where `...` leaves a field as
    the experiment has it (which may have no such field there).

    Args:
        experiment: what is varied.
        over: values by dotted path, and rows of values by tuples of paths. Their order decides the
            numbers of the runs and nothing else.

    Raises:
        SpecError: a table is no list of different rows, or two of them set the same path.

    Example:
        >>> import flyroom as fr
        >>> over = {
        ...     ("optimizer", "optimizer.momentum"): [
        ...         (fr.optim.SGD(), 0.0),
        ...         (fr.optim.SGD(), 0.9),
        ...         (fr.optim.AdamW(), ...),
        ...     ],
        ...     "seed": range(4),
        ... }
        >>> space = fr.sweeps.Space(fr.recipes.pair_mod67(), over)
        >>> space.count, space.point(7)["optimizer.momentum"]
        (12, 0.9)
    """

    def __init__(self, experiment: Experiment, over: Over | None) -> None:
        self.experiment = experiment
        self._tables = [
            _table(given, rows) for given, rows in (over or {"seed": (experiment.seed,)}).items()
        ]
        every = [path for table in self._tables for path in table]
        for path in every:
            if every.count(path) > 1:
                raise SpecError(f"over `{path}`: the field is given twice; allowed: once.")
        self.shape = tuple(len(next(iter(table.values())).codes) for table in self._tables)
        self.count = int(np.prod(self.shape))

    @property
    def axes(self) -> dict[str, tuple[Any, ...]]:
        """The different values along every path, in the order in which they were first given."""
        return {p: column.values for table in self._tables for p, column in table.items()}

    @property
    def tables(self) -> list[dict[str, list[Any]]]:
        """Every table, by column, with `...` where a field is left as it is."""
        return [{p: c.rows() for p, c in table.items()} for table in self._tables]

    @property
    def over(self) -> Over:
        """What another space of the same runs is made from."""
        made: dict[Any, list[Any]] = {}
        for table in self.tables:
            (path, column), *others = table.items()
            if others:
                made[tuple(table)] = list(zip(*table.values(), strict=True))
            else:
                made[path] = column
        return made

    def index(self, path: str) -> Int[np.ndarray, "run"]:
        """Which of the values along a path every run has; -1 where it has its own."""
        where = next(i for i, table in enumerate(self._tables) if path in table)
        inner = int(np.prod(self.shape[where + 1 :]))
        codes = self._tables[where][path].codes
        return np.tile(np.repeat(codes, inner), self.count // (len(codes) * inner))

    def point(self, run: int) -> dict[str, Any]:
        """The values of one run, by path."""
        return {
            path: column.values[code]
            for table, row in zip(self._tables, np.unravel_index(run, self.shape), strict=True)
            for path, column in table.items()
            if (code := column.codes[row]) >= 0
        }

    def at(self, run: int) -> Experiment:
        """The experiment that one run is."""
        return spec.replace(self.experiment, self.point(run))

    def steps(self, run: int) -> int:
        """The budget of one run, even of one whose experiment cannot be built."""
        return self.point(run).get("steps", self.experiment.steps)

    @functools.cached_property
    def most(self) -> tuple[int, int]:
        """How many conditions, and how many events, none of the runs has more of."""
        axes = self.axes
        stops, events = (
            max(map(len, (getattr(self.experiment, name), *axes.get(name, ()))))
            for name in ("stop", "events")
        )
        return stops + events, events


def _table(given: str | tuple[str, ...], rows: Any) -> dict[str, _Column]:
    """Columns by path, of rows that differ: values for one path, tuples for a tuple of them."""
    paths = (given,) if isinstance(given, str) else given
    name = ", ".join(paths)
    if isinstance(rows, str) or not isinstance(rows, Iterable):
        raise SpecError(f"over `{name}`: got {rows!r}; allowed: a list of values.")
    listed = [(row,) for row in rows] if isinstance(given, str) else list(rows)
    if not listed or not paths:
        raise SpecError(f"over `{name}`: no values were given; it needs at least one.")
    for number, row in enumerate(listed):
        if not isinstance(row, tuple | list) or len(row) != len(paths):
            raise SpecError(
                f"over `{name}`: row {number} is {row!r}; allowed: {len(paths)} values."
            )
    table = {p: _column(v) for p, v in zip(paths, zip(*listed, strict=True), strict=True)}
    codes = np.stack([column.codes for column in table.values()], axis=1)
    first = np.unique(codes, axis=0, return_index=True)[1]
    if len(first) < len(codes):
        again = listed[int(np.setdiff1d(np.arange(len(codes)), first)[0])]
        written = ", ".join(str(spec.to_dict(v)) for v in again if v is not ...)
        raise SpecError(f"over `{name}`: the value {written} is given twice.")
    return table


def _column(values: Iterable[Any]) -> _Column:
    """The values of a column, told apart by how they are written down."""
    found: dict[Any, int] = {}
    kept, codes = [], []
    for value in values:
        plain = value.item() if getattr(value, "ndim", None) == 0 else value
        if plain is ...:
            codes.append(-1)
            continue
        # As they are, for to write a million of them takes seconds; 1 and 1.0 are one number.
        simple = type(plain) in (int, float, str)
        written = plain if simple else (type(plain), repr(spec.to_dict(plain)))
        code = found.setdefault(written, len(kept))
        if code == len(kept):
            kept.append(plain)
        codes.append(code)
    return _Column(tuple(kept), np.array(codes, np.int64))
