"""What a sweep will cost, measured on a few of its steps before it begins."""

import functools
import itertools
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax
import numpy as np

from ..results import Schema, paths
from ..training import Device, Ensemble, Fixed, devices, engine, fixed, repeat
from .machine import AbstractCrew, plural
from .plan import Group, Plan
from .pulse import duration

_LEAST_MEASURED = 4  # programs, if there are as many
_SHARE = 0.02  # of what a sweep takes, for measuring more of them
_LEAST = 0.1  # seconds that a measurement takes
_REPEATS = 3  # of which the median counts


class Cost(NamedTuple):
    """Seconds for a step and a record of one network, and until its program begins; operations."""

    step: float
    record: float
    start: float
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


def estimate(todo: Plan, crew: AbstractCrew, steps: int, left: list[int], size: float) -> Estimate:
    """What is left of a sweep will cost.

    Args:
        todo: the sweep.
        crew: who does it; it is measured with as many workers on this machine, all at once.
        steps: model-steps that are still to be done.
        left: how many runs of each program are not over.
        size: of its store, in bytes.
    """
    began = time.perf_counter()
    records = len(todo.ages) * steps / max(1, todo.steps) * todo.space.count
    some = [(group, n) for group, n in zip(todo.groups, left, strict=True) if n]
    some.sort(key=lambda one: _work(one[0]))
    runs = np.array([n for _, n in some])
    alike = math.ceil(runs.sum() / crew.size) / int(runs.sum())  # the last may leave some idle
    known: dict[int, Cost] = {}
    seconds, spent, mean = 0.0, 0.0, Cost(0.0, 0.0, 0.0, 0.0)
    while (at := _next(runs, known)) is not None:
        if len(known) >= _LEAST_MEASURED and spent > _SHARE * seconds:
            break
        known[at] = _measured(todo, some[at][0], crew)
        spent = time.perf_counter() - began
        mean = _mean([_work(group) for group, _ in some], runs, known)
        seconds = (steps * mean.step + records * mean.record) * alike
    seconds += spent + mean.start * (len(some) - len(known))  # the others have been compiled
    return Estimate(seconds, steps * mean.flops, size)


def _next(runs: np.ndarray, known: Mapping[int, Cost]) -> int | None:
    """Which program to measure next, of those in the order of their work; `None` after the last.

    The ends, and then the middle of where what lies between costs most to be wrong about.
    """
    for end in (0, len(runs) - 1):
        if end not in known:
            return end
    places = sorted(known)
    gaps = [
        (int(runs[i:j].sum()) * abs(known[j].step - known[i].step), (i + j) // 2)
        for i, j in itertools.pairwise(places)
        if j - i > 1
    ]
    return max(gaps)[1] if gaps else None


def _mean(works: Sequence[float], runs: np.ndarray, known: Mapping[int, Cost]) -> Cost:
    """The cost of one of the runs; what is between programs in work lies between them in cost."""
    places = sorted(known)
    at = [works[i] for i in places]
    columns = zip(*(known[i] for i in places), strict=True)
    return Cost(*(float(np.average(np.interp(works, at, c), weights=runs)) for c in columns))


def announced(todo: Plan, crew: AbstractCrew, steps: int, left: list[int], size: float) -> str:
    """One line for a person: runs, programs, workers and the estimate."""
    runs, every = sum(left), todo.space.count
    which = f"{runs:,}" if runs == every else f"{runs:,} of {every:,}"
    return (
        f"{which} {plural('run', every)} in {len(todo.groups)} "
        f"{plural('program', len(todo.groups))} on {crew.words}, "
        f"{crew.slots} {plural('slot', crew.slots)} each ({crew.mapping}): about "
        f"{estimate(todo, crew, steps, left, size)}"
    )


def kept_bytes(todo: Plan) -> float:
    """Size of the first and the last weights of every run, and of what it needs to go on."""
    return sum(4.0 * _bytes(group) for group in todo.groups)


def store_bytes(todo: Plan, schema: Schema, keep: bool) -> float:
    """Size of a store before compression, with weights or without."""
    curves = float(sum(curve.cell for curve in schema.curves)) * schema.count * len(schema.steps)
    if not keep:
        return curves
    firsts = [(group, todo.space.at(int(group.runs[0]))) for group in todo.groups]
    between = sum((len(e.keep.ages(e.steps)) - 2.0) * _bytes(group) for group, e in firsts)
    return curves + kept_bytes(todo) + between


def _bytes(group: Group) -> float:
    """Size of one network of every run."""
    width = {"float32": 4, "float64": 8}[group.program.precision]
    return len(group.runs) * _weights(group) * width


def _work(group: Group) -> float:
    """What costs grow with: every weight meets every example."""
    return _weights(group) * group.sizes[0]


def _weights(group: Group) -> float:
    return sum(float(np.prod(a.shape)) for a in paths(group.program.template).values())


def _measured(todo: Plan, group: Group, crew: AbstractCrew) -> Cost:
    """The cost of one network while every worker is as busy as it will be."""
    team, began = devices(crew.size), time.perf_counter()
    given = fixed(todo.space.at(int(group.runs[0])), group.sizes)
    with ThreadPoolExecutor(len(team)) as pool:
        # Compiling takes all cores, so that nothing is timed before all are done with it.
        trials = list(pool.map(lambda device: _Trial(group, given, crew, device), team))
        start = time.perf_counter() - began
        step, record = np.mean(list(pool.map(_Trial.cost, trials)), axis=0).tolist()
    with jax.enable_x64(group.program.wide):
        state = jax.eval_shape(functools.partial(engine.start, group.program), given)
        advance = jax.jit(functools.partial(engine.advance, group.program))
        counted = advance.lower(state, given, np.int32(1)).cost_analysis()
    return Cost(step, record, start, float((counted or {}).get("flops", math.nan)))


class _Trial:
    """A program on one device, compiled, all of whose slots hold the same network."""

    def __init__(self, group: Group, given: Fixed, crew: AbstractCrew, device: Device) -> None:
        self.slots, self.ensemble = crew.slots, Ensemble(group.program, crew.mapping, device)
        first = repeat(self.ensemble.start(given), crew.slots)
        self.state, self.given = self.ensemble.put((first, repeat(given, crew.slots)))
        self._taken(1, recorded=True)

    def _taken(self, steps: int, recorded: bool) -> float:
        """Seconds that some steps of all slots take, with a record after the last or without."""
        all_of_them, began = np.ones(self.slots, bool), time.perf_counter()
        due = all_of_them & recorded
        self.state, *_ = self.ensemble.advance(self.state, self.given, steps, all_of_them, due)
        return time.perf_counter() - began

    def cost(self) -> tuple[float, float]:
        """Seconds for one step and for one record of one network."""
        steps = 1
        while self._taken(steps, recorded=False) < _LEAST and steps < 10_000:
            steps *= 4
        many = statistics.median(self._taken(steps, recorded=False) for _ in range(_REPEATS))
        # Beside a single step, for beside many the noise of these would be larger than a record.
        pairs = [
            (self._taken(1, recorded=False), self._taken(1, recorded=True))
            for _ in range(3 * _REPEATS)
        ]
        record = statistics.median(both - one for one, both in pairs)
        return many / (steps * self.slots), max(0.0, record) / self.slots


def _operations(count: float) -> str:
    """A number of operations as a person would say it."""
    for size, name in ((1e15, "P"), (1e12, "T"), (1e9, "G")):
        if count >= size:
            return f"{count / size:,.1f} {name}FLOP"
    return f"{count / 1e6:,.1f} MFLOP"
