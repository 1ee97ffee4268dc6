"""The sweep of 125 cells over parities: what it was said to take, what it takes, and the loops.

The estimate is made as `flyroom train` makes it, before the first step. The loops, which train one
width and one number of examples at a time, are timed at each of the 25 pairs before the sweep and
after it, and are credited with the same share of networks at each as the sweep has. Compiling is
part of our time and not of theirs. One JSON line comes out.
"""

import argparse
import itertools
import json
import statistics
import tempfile
import time
from pathlib import Path

import flyroom as fr
from flyroom.sweeps import plan
from flyroom.sweeps.estimate import estimate

from .__main__ import HERE, run

WIDTHS, COUNTS = (16, 32, 64, 128, 258), (750, 1000, 1250, 1500, 1750)
DECAYS = (0.01, 0.03, 0.1, 0.3, 1.0)


def loop(steps: int, *flags: str) -> float:
    """Seconds that a loop takes for one step of one network, mean over the sweep's networks."""
    command = [str(HERE / "reference" / "torch_ensemble.py"), "--steps", str(steps), *flags]
    rates = [
        run([*command, "--width", str(width), "--examples", str(count)])["model_steps_per_second"]
        for width, count in itertools.product(WIDTHS, COUNTS)
    ]
    return statistics.mean(1 / rate for rate in rates)


def loops(steps: int) -> dict[str, float]:
    """Both forms of the loop."""
    return {"eager": loop(steps), "compiled": loop(steps, "--compile")}


def sweep(seeds: int, steps: int) -> dict[str, float]:
    """The whole sweep, from estimate to store."""
    schedule = fr.Schedule(per_octave=16, every=200)
    changes = {"schedule": schedule, "steps": steps}
    experiment = fr.spec.replace(fr.recipes.pair_parity_sweep(), changes)
    over = {
        "model.widths": [(width,) for width in WIDTHS],
        "task.train_count": list(COUNTS),
        "optimizer.weight_decay": list(DECAYS),
        "seed": range(seeds),
    }
    machine, todo = fr.Machine(progress=False), plan(experiment, over)
    left = [len(group.runs) for group in todo.groups]
    said = estimate(todo, machine.crew(max(left)), todo.steps, left).seconds
    with tempfile.TemporaryDirectory(prefix="flyroom-bench-") as folder:
        began = time.perf_counter()
        runs = fr.train(experiment, over, store=Path(folder) / "runs.zarr", machine=machine)
        taken = time.perf_counter() - began
        generalised = float((runs.test_accuracy.isel(step=-1) > 0.99).mean())
    return {"runs": sum(left), "said": said, "taken": taken, "generalised": generalised}


def main() -> None:
    """Measures in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--loop-steps", type=int, default=60)
    given = parser.parse_args()
    before = loops(given.loop_steps)
    ours = sweep(given.seeds, given.steps)
    after = loops(given.loop_steps)
    rate = ours["runs"] * given.steps / ours["taken"]
    theirs = {form: 2 / (before[form] + after[form]) for form in before}
    print(
        json.dumps(
            ours
            | {"taken_of_said": ours["taken"] / ours["said"], "model_steps_per_second": rate}
            | {f"{form}_loop": value for form, value in theirs.items()}
            | {f"times_{form}": rate / value for form, value in theirs.items()}
        )
    )


if __name__ == "__main__":
    main()
