"""From a sweep to the fewest programs: shape fields make programs, leaves make axes."""

import dataclasses
import itertools
import math

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
    decides = [p for p in space.axes if not _is_free(experiment, p)]
    free = [p for p in space.axes if p not in decides]
    for path in free:
        for value in space.axes[path]:
            spec.replace(experiment, {path: value})  # checks each value's bounds
    codes = np.zeros(space.count, np.int64)
    for path in decides:
        codes = codes * len(space.axes[path]) + space.index(path)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(math.prod(_sizes(space, decides)) + 1))
    found: dict[tuple[Program, tuple[int, int]], list[np.ndarray]] = {}
    ages, steps, never = np.zeros(0, np.int64), 0, {}
    combinations = itertools.product(*(space.axes[p] for p in decides))
    for number, values in enumerate(combinations):
        chosen = spec.replace(experiment, dict(zip(decides, values, strict=True)))
        spec.replace(chosen, {p: space.axes[p][0] for p in free})  # it has to have these leaves
        runs = order[bounds[number] : bounds[number + 1]]
        found.setdefault(program_of(chosen), []).append(runs)
        ages, steps = np.union1d(ages, chosen.ages()), steps + chosen.steps * len(runs)
        never |= dict.fromkeys(chosen.never())
    groups = [
        Group(f"program-{i}", program, sizes, np.sort(np.concatenate(runs)))
        for i, ((program, sizes), runs) in enumerate(found.items())
    ]
    for group in groups:
        _ = group.program.template  # the model has to fit the task
    return Plan(space, tuple(groups), ages, steps, tuple(never))


def _is_free(experiment: Experiment, path: str) -> bool:
    """Whether the values along an axis change neither the program nor the sizes of the data."""
    return path in _SEEDS or spec.kind(experiment, path) == "leaf"


def _sizes(space: Space, paths: list[str]) -> list[int]:
    return [len(space.axes[p]) for p in paths]
