"""The throughput of a Ray cluster on this machine against that of the local executor.

Both train the same sweep in turn, as long as is asked, and have to come to the same bits. Starting
processes is part of the time. One JSON line comes out.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import flyroom as fr

STEPS = 2_000


def timed(folder: Path, seeds: int, steps: int, machine: Any) -> tuple[float, Any]:
    """Seconds that so many runs take from plan to store, and the runs."""
    experiment = fr.spec.replace(fr.recipes.pair_mod67(), {"steps": steps})
    store = folder / f"{time.time_ns()}.zarr"
    began = time.perf_counter()
    runs = fr.train(experiment, {"seed": range(seeds)}, store=store, machine=machine)
    return time.perf_counter() - began, runs


def main() -> None:
    """Measures in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="that the sweep takes here")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    here = fr.Machine(devices=given.workers, progress=False)
    ray = fr.RayCluster(cpus=given.workers, progress=False)
    taken: dict[str, list[float]] = {"here": [], "ray": []}
    with tempfile.TemporaryDirectory(prefix="flyroom-bench-") as name:
        folder = Path(name)
        for machine in (here, ray):
            timed(folder, 4 * given.workers, 50, machine)  # compiled, and Ray's servers are up
        second, _ = timed(folder, 8 * given.workers, STEPS, here)
        seeds = max(1, round(given.seconds / second)) * 8 * given.workers
        for _ in range(given.rounds):
            found = {}
            for label, machine in (("here", here), ("ray", ray)):
                seconds, found[label] = timed(folder, seeds, STEPS, machine)
                taken[label].append(seconds)
            np.testing.assert_array_equal(found["here"].test_loss, found["ray"].test_loss)
        seconds = {label: statistics.median(values) for label, values in taken.items()}
        print(
            json.dumps(
                {
                    "runs": seeds,
                    "steps": STEPS,
                    "workers": given.workers,
                    "seconds": {label: round(value, 1) for label, value in seconds.items()},
                    "throughput_of_ray": round(seconds["here"] / seconds["ray"], 3),
                    "test_loss": float(found["ray"].test_loss.isel(step=-1).mean()),
                }
            )
        )


if __name__ == "__main__":
    main()
