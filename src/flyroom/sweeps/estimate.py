"""What a sweep will cost, measured on a few of its steps before it begins."""

import time

import numpy as np

from ..results import paths
from ..training import Ensemble, devices, fixed, repeat
from .machine import AbstractCrew, plural
from .plan import Group, Plan
from .progress import duration

_MEASURED = 4  # groups; the others are taken to cost as much per weight


def estimate(todo: Plan, crew: AbstractCrew, steps: int, left: list[int]) -> str:
    """One line for a person: runs, programs, time and disk.

    Args:
        todo: the sweep.
        crew: who does it; it is measured on a device of this machine.
        steps: model-steps that are still to be done.
        left: how many runs of each program are not over.
    """
    seconds, known, runs = 0.0, [], sum(left)
    for group, waiting in sorted(zip(todo.groups, left, strict=True), key=lambda g: -g[1]):
        if waiting == 0:
            break
        if len(known) < _MEASURED:
            per_step = _seconds_per_step(todo, group, crew)
            known.append(per_step / _weights(group))
        seconds += steps * waiting / runs * _weights(group) * float(np.mean(known)) / crew.size
    curves = 4.0 * todo.space.count * len(todo.ages) * len(todo.space.experiment.record)
    which = f"{runs:,}" if runs == todo.space.count else f"{runs:,} of {todo.space.count:,}"
    return (
        f"{which} {plural('run', todo.space.count)} in {len(todo.groups)} "
        f"{plural('program', len(todo.groups))} on {crew.words}, "
        f"{crew.slots} {plural('slot', crew.slots)} each ({crew.mapping}): about "
        f"{duration(seconds)} and {(curves + kept_bytes(todo)) / 1e6:,.0f} MB"
    )


def kept_bytes(todo: Plan) -> float:
    """Size of the first and the last weights of every run, and of what it needs to go on."""
    width = {"float32": 4, "float64": 8}
    return sum(4.0 * len(g.runs) * _weights(g) * width[g.program.precision] for g in todo.groups)


def _weights(group: Group) -> float:
    return sum(float(np.prod(a.shape)) for a in paths(group.program.template).values())


def _seconds_per_step(todo: Plan, group: Group, crew: AbstractCrew) -> float:
    """Device-seconds for one step of one network."""
    ensemble, slots = Ensemble(group.program, crew.mapping, devices(1)[0]), crew.slots
    given = fixed(todo.space.at(int(group.runs[0])), group.sizes)
    state, many = ensemble.put((repeat(ensemble.start(given), slots), repeat(given, slots)))
    live, due, n, seconds = np.ones(slots, bool), np.zeros(slots, bool), 1, 0.0
    state, *_ = ensemble.advance(state, many, n, live, due)
    while seconds < 0.1 and n < 10_000:
        n *= 4
        began = time.perf_counter()
        state, *_ = ensemble.advance(state, many, n, live, due)
        seconds = time.perf_counter() - began
    return seconds / (n * slots)
