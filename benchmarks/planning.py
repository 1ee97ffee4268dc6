"""A million runs planned: how long it takes, and how much memory.

Three forms of a sweep, each in a process of its own: a grid of two leaves, a million seeds, and the
worst, in which 2,000 sizes of the training set have to be sorted into programs. One JSON line comes
out.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import flyroom as fr

RUNS = 1_000_000


def grid() -> tuple[fr.Experiment, dict[str, Any]]:
    """Two leaves, a thousand values of each."""
    rates = [1e-4 * 1.005**i for i in range(1000)]
    decays = [1e-3 * 1.01**i for i in range(1000)]
    over = {"optimizer.learning_rate": rates, "optimizer.weight_decay": decays}
    return fr.recipes.nanda_mod113(), over


def seeds() -> tuple[fr.Experiment, dict[str, Any]]:
    """One experiment, a million times."""
    return fr.recipes.pair_mod67(), {"seed": range(RUNS)}


def fractions() -> tuple[fr.Experiment, dict[str, Any]]:
    """As many sizes of the training set as there are, with 500 seeds each."""
    some = [0.1 + 0.8 * i / 2000 for i in range(2000)]
    return fr.recipes.pair_mod67(), {"task.train_fraction": some, "seed": range(RUNS // 2000)}


FORMS: dict[str, Callable[[], tuple[fr.Experiment, dict[str, Any]]]] = {
    "grid": grid,
    "seeds": seeds,
    "fractions": fractions,
}


def measured(form: str) -> dict[str, Any]:
    """What one form takes in this process."""
    experiment, over = FORMS[form]()
    began = time.perf_counter()
    plan = fr.sweeps.plan(experiment, over)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # kB on Linux
    count = sum(len(group.runs) for group in plan.groups)
    return {
        "runs": count,
        "programs": len(plan.groups),
        "seconds": round(seconds, 2),
        "gigabytes": round(peak, 2),
    }


def main() -> None:
    """Plans every form in turn, or the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("form", nargs="?", choices=FORMS, help="only this one, in this process")
    form = parser.parse_args().form
    if form:
        print(json.dumps(measured(form)))
        return
    found = {}
    for name in FORMS:
        command = [sys.executable, "-m", "benchmarks.planning", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found[name] = json.loads(done.stdout)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
