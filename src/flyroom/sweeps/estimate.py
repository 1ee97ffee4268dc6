"""What a sweep will cost, measured on a few of its steps before it begins."""

import functools
import math
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax
import numpy as np

from ..results import paths
from ..training import Device, Ensemble, devices, engine, fixed, repeat
from .machine import AbstractCrew, plural
from .plan import Group, Plan
from .pulse import duration

_MEASURED = 4  # programs
_LEAST = 0.1  # seconds that a measurement takes


class Cost(NamedTuple):
    """What one network of a program costs: seconds for a step and for a record, and operations."""

    step: float
    record: float
    flops: float


class Estimate(NamedTuple):
    """What a sweep will cost.

    Attributes:
        seconds: on the clock, with those that compiling and measuring took.
        flops: floating-point operations of all its steps, as the compiler counts them.
        bytes: of its store, before compression.
    """

    seconds: float
    flops: float
    bytes: float

    def __str__(self) -> str:
        size = f"{self.bytes / 1e6:,.0f} MB"
        return f"{duration(self.seconds)}, {_operations(self.flops)} and {size}"


def estimate(todo: Plan, crew: AbstractCrew, steps: int, left: list[int]) -> Estimate:
    """What is left of a sweep will cost.

    Args:
        todo: the sweep.
        crew: who does it; it is measured on the devices of this machine, all at once.
        steps: model-steps that are still to be done.
        left: how many runs of each program are not over.
    """
    began = time.perf_counter()
    records = len(todo.ages) * steps / max(1, todo.steps) * todo.space.count
    some = [(group, n) for group, n in zip(todo.groups, left, strict=True) if n]
    some.sort(key=lambda one: _work(one[0]))
    works, runs = np.array([(_work(group), n) for group, n in some]).T
    # From the least to the most work, and what is between them lies between them in cost.
    at = np.unique(np.linspace(0, len(some) - 1, _MEASURED).round().astype(int))
    known = [_measured(todo, some[i][0], crew) for i in at]
    costs = [np.interp(works, works[at], column) for column in zip(*known, strict=True)]
    mean = Cost(*(float(np.average(column, weights=runs)) for column in costs))
    spent = (time.perf_counter() - began) * len(some) / len(at)  # compiling, for the most part
    alike = math.ceil(runs.sum() / crew.size) / runs.sum()  # the last ones may leave some idle
    seconds = (steps * mean.step + records * mean.record) * float(alike) + spent
    curves = 4.0 * todo.space.count * len(todo.ages) * len(todo.space.experiment.record)
    return Estimate(seconds, steps * mean.flops, curves + kept_bytes(todo))


def announced(todo: Plan, crew: AbstractCrew, steps: int, left: list[int]) -> str:
    """One line for a person: runs, programs, workers and the estimate."""
    runs, every = sum(left), todo.space.count
    which = f"{runs:,}" if runs == every else f"{runs:,} of {every:,}"
    return (
        f"{which} {plural('run', every)} in {len(todo.groups)} "
        f"{plural('program', len(todo.groups))} on {crew.words}, "
        f"{crew.slots} {plural('slot', crew.slots)} each ({crew.mapping}): about "
        f"{estimate(todo, crew, steps, left)}"
    )


def kept_bytes(todo: Plan) -> float:
    """Size of the first and the last weights of every run, and of what it needs to go on."""
    width = {"float32": 4, "float64": 8}
    return sum(4.0 * len(g.runs) * _weights(g) * width[g.program.precision] for g in todo.groups)


def _work(group: Group) -> float:
    """What costs grow with: every weight meets every example."""
    return _weights(group) * group.sizes[0]


def _weights(group: Group) -> float:
    return sum(float(np.prod(a.shape)) for a in paths(group.program.template).values())


def _measured(todo: Plan, group: Group, crew: AbstractCrew) -> Cost:
    """The cost of one network while every device is as busy as it will be."""
    team = devices(crew.size)
    time_on = functools.partial(_time, todo, group, crew)
    with ThreadPoolExecutor(len(team)) as pool:
        step, record = np.mean(list(pool.map(time_on, team)), axis=0).tolist()
    given = fixed(todo.space.at(int(group.runs[0])), group.sizes)
    with jax.enable_x64(group.program.wide):
        state = jax.eval_shape(functools.partial(engine.start, group.program), given)
        advance = jax.jit(functools.partial(engine.advance, group.program))
        counted = advance.lower(state, given, np.int32(1)).cost_analysis()
    return Cost(step, record, float((counted or {}).get("flops", math.nan)))


def _time(todo: Plan, group: Group, crew: AbstractCrew, device: Device) -> tuple[float, float]:
    """Device-seconds for one step and for one record of one network."""
    ensemble, slots = Ensemble(group.program, crew.mapping, device), crew.slots
    given = fixed(todo.space.at(int(group.runs[0])), group.sizes)
    state, many = ensemble.put((repeat(ensemble.start(given), slots), repeat(given, slots)))
    live, n, taken = np.ones(slots, bool), 1, [0.0, 0.0]
    state, *_ = ensemble.advance(state, many, n, live, ~live)
    while taken[0] < _LEAST and n < 10_000:
        n *= 4
        for i, due in enumerate((~live, live)):
            began = time.perf_counter()
            state, *_ = ensemble.advance(state, many, n, live, due)
            taken[i] = time.perf_counter() - began
    return taken[0] / (n * slots), max(0.0, taken[1] - taken[0]) / slots


def _operations(count: float) -> str:
    """A number of operations as a person would say it."""
    for size, name in ((1e15, "P"), (1e12, "T"), (1e9, "G")):
        if count >= size:
            return f"{count / size:,.1f} {name}FLOP"
    return f"{count / 1e6:,.1f} MFLOP"
