"""Which runs of a grid are trained when not all of them are: where phases meet, in rounds."""

import dataclasses
import functools
from typing import Any

import numpy as np
import xarray as xr

from .. import spec
from ..measures.diagrams import Grid, Rule, next_cells, phase_diagram
from ..results import StoreError
from ..spec import SpecError


@dataclasses.dataclass(frozen=True)
class Survey:
    """A map of phases in the making. What it chooses depends on the runs that are over alone.

    Attributes:
        axes: the paths that span it.
        rule: names the phase of every run.
        budget: the most runs that are trained.
        batch: how many are chosen at once, after the first half of the cells.
        tolerance: it ends once no more than this share of the cells is expected to be misnamed.
        seed: decides between cells that are as good.
        chosen: the runs so far, in the order in which they were chosen.
    """

    axes: tuple[str, ...]
    rule: Rule
    budget: int
    batch: int
    tolerance: float = 0.0
    seed: int = 0
    chosen: tuple[int, ...] = ()

    def written(self) -> dict[str, Any]:
        """What `read` makes it from again."""
        rule, thresholds = self.rule, {}
        while isinstance(rule, functools.partial):
            thresholds = {**rule.keywords, **thresholds}
            rule = rule.func
        return {
            **{f.name: getattr(self, f.name) for f in dataclasses.fields(self)},
            "rule": spec.reference(rule),
            "thresholds": thresholds,
        }

    @staticmethod
    def read(data: dict[str, Any]) -> "Survey":
        """The survey that was written down.

        Raises:
            StoreError: no module has its rule.
        """
        told = {**data, "axes": tuple(data["axes"]), "chosen": tuple(data["chosen"])}
        try:
            rule, thresholds = spec.resolve(str(told["rule"])), told.pop("thresholds")
        except SpecError as error:
            raise StoreError(
                f"A map by the rule `{told['rule']}`, which is found in no module: go on with it "
                "by `fr.map(…, rule=…)` and the same store."
            ) from error
        return Survey(**{**told, "rule": functools.partial(rule, **thresholds)})

    def diagram(self, runs: xr.Dataset) -> xr.Dataset:
        """What the runs that are over say of every cell."""
        return phase_diagram(runs, self.axes, self.rule)

    def more(self, runs: xr.Dataset, diagram: xr.Dataset) -> list[int]:
        """The runs of the next round; none if the map is as it was wanted.

        Args:
            runs: all of the grid. Those that were chosen are over.
            diagram: what they say.
        """
        known, cells = len(self.chosen), diagram.runs.size
        if known and diagram.attrs["misnamed"] <= self.tolerance:
            return []
        most = min(self.batch, self.budget - known)
        if known == 0:
            # Half of the cells, no two of them side by side: none is further away than one cell.
            most = min(-(-cells // 2), -(-self.budget // 2))
        grid = Grid.of(runs, self.axes)
        waiting: dict[tuple[int, ...], list[int]] = {}
        rest = np.setdiff1d(np.arange(runs.sizes["run"]), self.chosen)
        for run in rest[::-1].tolist():
            waiting.setdefault(tuple(int(codes[run]) for codes in grid.cells), []).append(run)
        left = np.zeros(grid.shape, np.int64)
        for cell, listed in waiting.items():
            left[cell] = len(listed)
        counts = diagram["count"].values
        if known and float(diagram.doubt.mean()) <= self.tolerance:
            left[counts.any(-1)] = 0  # what was seen is sure enough, and the rest was not looked at
        return [waiting[at].pop() for at in next_cells(counts, left, most, seed=self.seed)]
