"""The sweep of 125 cells over parities: what it was said to take, what it takes, and the loops.

It is the full size of `studies/pair_sweep`. The estimate is made as `flyroom train` makes it,
before the first step. The loops, which train one width and one number of examples at a time, are
timed at every width with the fewest and the most examples, before the sweep and after it; as their
time grows evenly with the examples, the mean of the two ends is that of all. Compiling is part of
our time and not of theirs. One JSON line comes out.
"""

import argparse
import itertools
import json
import statistics
import time
from pathlib import Path

import flyroom as fr
from flyroom import studies
from flyroom.sweeps import plan
from flyroom.sweeps.estimate import estimate

from .__main__ import HERE, run

STUDY = HERE.parent / "studies" / "pair_sweep" / "study.py"


def loop(sweep: studies.Sweep, steps: int, *flags: str) -> float:
    """Seconds that a loop takes for one step of one network, mean over the sweep's networks."""
    command = [str(HERE / "reference" / "torch_ensemble.py"), "--steps", str(steps), *flags]
    counts = sorted(sweep.over["task.train_count"])
    cells = itertools.product(sweep.over["model.widths"], (counts[0], counts[-1]))
    rates = [
        run([*command, "--width", str(width), "--examples", str(count)])["model_steps_per_second"]
        for (width,), count in cells
    ]
    return statistics.mean(1 / rate for rate in rates)


def loops(sweep: studies.Sweep, steps: int) -> dict[str, float]:
    """Both forms of the loop."""
    return {"eager": loop(sweep, steps), "compiled": loop(sweep, steps, "--compile")}


def trained(sweep: studies.Sweep, store: Path) -> dict[str, float]:
    """The whole sweep, from estimate to store."""
    machine, todo = fr.Machine(progress=False), plan(sweep.experiment, sweep.over)
    left = [len(group.runs) for group in todo.groups]
    said = estimate(todo, machine.crew(max(left)), todo.steps, left, size=0.0).seconds
    began = time.perf_counter()
    runs = fr.train(sweep.experiment, sweep.over, store=store, machine=machine)
    taken = time.perf_counter() - began
    generalised = float((runs.test_accuracy.isel(step=-1) > 0.99).mean())
    return {
        "runs": sum(left),
        "said": said,
        "taken": taken,
        "taken_of_said": taken / said,
        "model_steps_per_second": todo.steps / taken,
        "generalised": generalised,
    }


def main() -> None:
    """Measures, and keeps the store for the study."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("runs/pair_sweep-full-cells.zarr"))
    parser.add_argument("--loop-steps", type=int, default=60)
    given = parser.parse_args()
    sweep = studies.load(str(STUDY)).at("full")["cells"]
    before = loops(sweep, given.loop_steps)
    ours = trained(sweep, given.store)
    after = loops(sweep, given.loop_steps)
    theirs = {form: 2 / (before[form] + after[form]) for form in before}
    times = {f"times_{form}": ours["model_steps_per_second"] / x for form, x in theirs.items()}
    print(json.dumps(ours | {f"{form}_loop": value for form, value in theirs.items()} | times))


if __name__ == "__main__":
    main()
