"""The networks that stand side by side on one device, seen from the host."""

import bisect
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..results import paths
from ..training import Ensemble, Experiment, Fixed, State, insert, repeat
from .checkpoint import Progress


class Run:
    """One run in a slot: where it stands, and when it is next due."""

    def __init__(self, experiment: Experiment, progress: Progress, given: Fixed) -> None:
        self.experiment, self.progress, self.given = experiment, progress, given
        self.conditions = experiment.conditions
        self.ages: list[int] = experiment.ages().tolist()
        self.kept = set(experiment.keep.ages(experiment.steps).tolist())
        self.seen = progress.age if progress.age else -1

    def due(self, age: int) -> bool:
        """Whether that age is to be recorded, and has not been."""
        return age > self.seen and self.ages[bisect.bisect_left(self.ages, age)] == age

    @property
    def wait(self) -> int:
        """Steps to the next age at which something is recorded."""
        return self.ages[bisect.bisect_right(self.ages, self.progress.age)] - self.progress.age


class Slots:
    """Room for some runs of one program.

    Args:
        ensemble: the compiled program.
        size: how many slots there are.
        state: the state of any one run, for its shapes.
        given: what any one run is given, likewise.
    """

    def __init__(self, ensemble: Ensemble, size: int, state: State, given: Fixed) -> None:
        self.ensemble, self.size = ensemble, size
        self.runs: dict[int, Run] = {}
        self.state, self.fixed = repeat(state, size), repeat(given, size)

    def place(self, arrivals: Iterable[tuple[Run, State]]) -> None:
        """Puts runs into free slots."""
        free = [slot for slot in range(self.size) if slot not in self.runs]
        placed = dict(zip(free, arrivals, strict=False))
        self.runs |= {slot: run for slot, (run, _) in placed.items()}
        state = insert(self.state, {slot: state for slot, (_, state) in placed.items()})
        fixed = insert(self.fixed, {slot: run.given for slot, (run, _) in placed.items()})
        self.state, self.fixed = self.ensemble.put((state, fixed))

    def advance(self, n: int) -> tuple[list[int], dict[str, np.ndarray], np.ndarray]:
        """Every run is `n` steps further, and observed if it is due then.

        Returns:
            The slots that were due, the records of all, and which networks are finite.
        """
        due = [i for i, run in self.runs.items() if run.due(run.progress.age + n)]
        live, asked = self._mask(self.runs), self._mask(due)
        self.state, seen, finite = self.ensemble.advance(self.state, self.fixed, n, live, asked)
        for run in self.runs.values():
            run.progress.age += n
        for slot in due:
            self.runs[slot].seen = self.runs[slot].progress.age
        return due, seen, finite

    def change(self, slot: int, given: Fixed) -> None:
        """One run goes on with other leaves or examples."""
        self.runs[slot].given = given
        self.fixed = self.ensemble.put(insert(self.fixed, {slot: given}))

    def network(self, slots: list[int]) -> dict[str, np.ndarray]:
        """The weights of some runs, stacked, by path."""
        return _stacked(self.state.network, slots)

    def final(self, slot: int) -> dict[str, np.ndarray]:
        """What a run that is over needs besides its weights to go on, by path, stacked alike."""
        progress = self.runs[slot].progress
        return {
            **_stacked({"optimizer": self.state.optimizer}, [slot]),
            "streaks": np.array([progress.streaks], np.int32),
            "fired": np.array([progress.fired], np.int64),
        }

    def _mask(self, slots: Iterable[int]) -> np.ndarray:
        mask = np.zeros(self.size, bool)
        mask[list(slots)] = True
        return mask


def _stacked(tree: Any, slots: list[int]) -> dict[str, np.ndarray]:
    return {path: np.asarray(stack)[slots] for path, stack in paths(tree).items()}
