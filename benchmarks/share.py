"""What share of the machine's rate on 1,024-squares the products of a training step reach.

Two workers let a network each take steps, and two threads multiply squares, in turns of about half
a second: a machine whose speed drifts by a factor of two within a minute is the same for both. The
share is the median over the turns. One JSON line comes out.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

import flyroom as fr
from flyroom.training import Ensemble, devices, fixed, repeat

from .machine import WORKLOADS, Products
from .ours import TRAININGS

# GFLOP of the products that one step of one network needs, a multiplication and an addition
# counting two. The transformer's are those of its folded matrices (LOG.md has the count); the
# others' first layers are looked up, and their last is multiplied three times.
GFLOP = {
    "plain_mlp": 3 * 2 * 3830 * 512 * 113 / 1e9,
    "nanda": 3.17,
    "quadratic": 3 * 2 * 4704 * 500 * 97 / 1e9,
}
TURN = 0.5  # seconds


class Network:
    """A network alone in a slot, as the workers of a CPU have it."""

    def __init__(self, todo: fr.sweeps.Plan, run: int, device: Any) -> None:
        (group,) = todo.groups
        given = fixed(todo.space.at(run), group.sizes)
        self.ensemble = Ensemble(group.program, "map", device)
        self.state = self.ensemble.put(repeat(self.ensemble.start(given), 1))
        self.given = self.ensemble.put(repeat(given, 1))

    def step(self, n: int) -> None:
        """Goes on by `n` steps."""
        live, due = np.array([True]), np.array([False])
        self.state, *_ = self.ensemble.advance(self.state, self.given, n, live, due)


def seconds(work: Callable[[], object]) -> float:
    """What it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    """Measures one case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=sorted(GFLOP))
    parser.add_argument("--turns", type=int, default=30)
    given = parser.parse_args()
    there = devices(2)
    todo = fr.sweeps.plan(TRAININGS[given.case]().experiment, {"seed": range(len(there))})
    networks = [Network(todo, run, device) for run, device in enumerate(there)]
    with ThreadPoolExecutor(len(there)) as pool:

        def step(n: int) -> None:
            list(pool.map(lambda network: network.step(n), networks))

        step(1)
        n = max(1, round(TURN * 5 / seconds(lambda: step(5))))
        squares = Products(WORKLOADS["square_1024"], "float32", len(there))
        squares.multiply(10)
        many = max(1, round(TURN * 10 / seconds(lambda: squares.multiply(10))))
        ours, machine = [], []
        for _ in range(given.turns):
            machine.append(squares.flops / 1e9 * many / seconds(lambda: squares.multiply(many)))
            ours.append(GFLOP[given.case] * len(there) * n / seconds(lambda: step(n)))
    share = statistics.median(a / b for a, b in zip(ours, machine, strict=True))
    told = {"case": given.case, "turns": given.turns, "share": round(share, 3)}
    told |= {"gflop_per_second": round(statistics.median(ours), 1)}
    told |= {"of_squares": round(statistics.median(machine), 1)}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
