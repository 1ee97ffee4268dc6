"""From a sweep to the fewest programs: shape fields make programs, leaves make axes."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from .. import spec
from ..training import Experiment, Program, program_of
from .space import Over, Space

_SEEDS = ("seed", "split_seed", "init_seed", "batch_seed", "noise_seed")


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs that share a program and the padded sizes of their data."""

    name: str
    program: Program
    sizes: tuple[int, int]
    runs: Int[np.ndarray, "run"]


@dataclasses.dataclass(frozen=True)
class Plan:
    """A sweep, checked, and the programs that it needs.

    Attributes:
        space: the runs.
        groups: the programs, each with its runs.
        ages: every age at which any of the runs is recorded.
        steps: the budgets of all runs together.
        never: what is waited for and cannot happen, in words.
    """

    space: Space
    groups: tuple[Group, ...]
    ages: Int[np.ndarray, "step"]
    steps: int
    never: tuple[str, ...]


def plan(experiment: Experiment, over: Over | None = None) -> Plan:
    """Checks a sweep and splits it into the fewest programs, before anything compiles.

    Raises:
        SpecError: any of its experiments cannot be run.
    """
    space = Space(experiment, over)
    axes = space.axes
    free = [path for path in axes if _is_free(space, path)]
    index = {path: space.index(path) for path in axes}
    found: dict[tuple[Program, tuple[int, int]], list[np.ndarray]] = {}
    ages, steps, never = np.zeros(0, np.int64), 0, {}
    for runs in _alike([index[path] for path in axes if path not in free], space.count):
        chosen = space.at(int(runs[0]))
        for path in free:
            codes = np.unique(index[path][runs])
            if codes[-1] >= 0:
                check_each(chosen, path, [axes[path][c] for c in codes if c >= 0])
        found.setdefault(program_of(chosen), []).append(runs)
        ages, steps = np.union1d(ages, chosen.ages()), steps + chosen.steps * len(runs)
        never |= dict.fromkeys(chosen.never())
    groups = [
        Group(f"program-{i}", program, sizes, np.sort(np.concatenate(runs)))
        for i, ((program, sizes), runs) in enumerate(found.items())
    ]
    for program in {(p.nouns, p.signature): p for p, _ in found}.values():
        _ = program.template  # the model has to fit the task
    return Plan(space, tuple(groups), ages, steps, tuple(never))


def check_each(experiment: Experiment, path: str, values: Sequence[Any]) -> None:
    """Whether each of many values is allowed at a path, as numbers of an array.

    What a noun demands of several of its fields together is not asked.

    Raises:
        SpecError: one of them is not.
    """
    *_, (node, _, field) = spec.walk(experiment, path)
    if field is None:  # an entry of a tuple or a mapping has no bounds of its own
        spec.replace(experiment, {path: values[0]})
        return
    owner = type(node).__name__
    for one in {type(value): value for value in values}.values():
        spec.check(owner, field, one)
    numbers = [value for value in values if isinstance(value, int | float)]
    spec.check_bounds(owner, field, np.array(numbers))


def _is_free(space: Space, path: str) -> bool:
    """Whether the values along an axis change neither the program nor the sizes of the data."""
    if path in _SEEDS:
        return True
    some = int(np.argmax(space.index(path) >= 0))  # where it is conditional, not every run has it
    return spec.kind(space.at(some), path) == "leaf"


def _alike(columns: list[np.ndarray], count: int) -> list[Int[np.ndarray, "run"]]:
    """The runs that share their values in all columns, in the order of the first of each."""
    codes = np.zeros(count, np.int64)
    for column in columns:  # numbered anew each time, so that products stay small
        codes = np.unique(codes * (column.max() + 2) + column + 1, return_inverse=True)[1]
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    return sorted(parts, key=lambda runs: runs[0])
