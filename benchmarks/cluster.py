"""The throughput of a Ray cluster on this machine against that of the local executor.

Both train the same sweep in turn, as long as is asked. Their threads of XLA differ in number and so
their sums in the last digits: losses have to agree for the first steps, and are told of the last.
Starting processes is part of the time. What a unit of work costs beside its training is told by
units of one network and one step: how much longer 400 more of them take, with Ray and here. One
JSON line comes out.
"""

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import flyroom as fr

STEPS = 2_000
ALIKE = 32  # steps for which rounding does not matter yet
UNITS = (40, 440)
WORKERS = 2


def timed(folder: Path, seeds: int, steps: int, machine: Any) -> tuple[float, Any]:
    """Seconds that so many runs take from plan to store, and the runs."""
    experiment = fr.spec.replace(fr.recipes.pair_mod67(), {"steps": steps})
    store = folder / f"{time.time_ns()}.zarr"
    began = time.perf_counter()
    runs = fr.train(experiment, {"seed": range(seeds)}, store=store, machine=machine)
    return time.perf_counter() - began, runs


def unit(folder: Path, machine: Any) -> float:
    """Milliseconds that a worker takes for a unit of one network and one step."""
    few, many = (timed(folder, count, 1, machine)[0] for count in UNITS)
    return 1e3 * (many - few) * WORKERS / (UNITS[1] - UNITS[0])


def main() -> None:
    """Measures in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="that the sweep takes here")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    machines = {
        "here": fr.Machine(devices=WORKERS, progress=False),
        "ray": fr.RayCluster(cpus=WORKERS, progress=False),
    }
    taken: dict[str, list[float]] = {label: [] for label in machines}
    units: dict[str, list[float]] = {label: [] for label in machines}
    with tempfile.TemporaryDirectory(prefix="flyroom-bench-") as name:
        folder = Path(name)
        for machine in machines.values():
            timed(folder, 4 * WORKERS, 50, machine)  # compiled, and Ray's servers are up
        for _ in range(3):
            for label, machine in machines.items():
                units[label].append(unit(folder, dataclasses.replace(machine, slots=1)))
        second, _ = timed(folder, 8 * WORKERS, STEPS, machines["here"])
        seeds = max(1, round(given.seconds / second)) * 8 * WORKERS
        found = {}
        for _ in range(given.rounds):
            for label, machine in machines.items():
                seconds, found[label] = timed(folder, seeds, STEPS, machine)
                taken[label].append(seconds)
            here, other = (found[label].test_loss.sel(step=slice(0, ALIKE)) for label in machines)
            np.testing.assert_allclose(here, other, rtol=1e-3)
        told: dict[str, Any] = {"runs": seeds, "steps": STEPS, "workers": WORKERS}
        for what, values in (("seconds", taken), ("ms_of_a_unit", units)):
            told[what] = {label: round(statistics.median(x), 1) for label, x in values.items()}
        told["throughput_of_ray"] = round(told["seconds"]["here"] / told["seconds"]["ray"], 3)
        told["test_loss"] = {
            label: float(runs.test_loss.isel(step=-1).mean()) for label, runs in found.items()
        }
        print(json.dumps(told))


if __name__ == "__main__":
    main()
