"""The runs of a sweep: every combination of values along some axes, numbered."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Int

from .. import spec
from ..spec import SpecError
from ..training import Experiment

Over = Mapping[str, Iterable[Any]]


class Space:
    """The grid of an `over`: run numbers count through it with the last axis the fastest.

    Args:
        experiment: what is varied.
        over: values by dotted path. Their order decides the numbers of the runs and nothing else.

    Raises:
        SpecError: a path does not exist, or an axis is no list of different values.
    """

    def __init__(self, experiment: Experiment, over: Over | None) -> None:
        self.experiment = experiment
        self.axes = {path: _axis(path, values) for path, values in (over or {}).items()}
        self.axes = self.axes or {"seed": (experiment.seed,)}
        for path in self.axes:
            spec.get(experiment, path)
        self.shape = tuple(len(v) for v in self.axes.values())
        self.count = int(np.prod(self.shape))

    def index(self, path: str) -> Int[np.ndarray, "run"]:
        """Which of an axis' values every run has."""
        axis = list(self.axes).index(path)
        return np.unravel_index(np.arange(self.count), self.shape)[axis]

    def point(self, run: int) -> dict[str, Any]:
        """The values of one run, by path."""
        where = np.unravel_index(run, self.shape)
        return {p: v[i] for (p, v), i in zip(self.axes.items(), where, strict=True)}

    def at(self, run: int) -> Experiment:
        """The experiment that one run is."""
        return spec.replace(self.experiment, self.point(run))


def _axis(path: str, values: Any) -> tuple[Any, ...]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise SpecError(f"over `{path}`: got {values!r}; allowed: a list of values.")
    axis = tuple(v.item() if getattr(v, "ndim", None) == 0 else v for v in values)
    if not axis:
        raise SpecError(f"over `{path}`: no values were given; it needs at least one.")
    seen = set()
    for value in axis:
        written = repr(spec.to_dict(value))
        if written in seen:
            raise SpecError(f"over `{path}`: the value {written} is given twice.")
        seen.add(written)
    return axis
