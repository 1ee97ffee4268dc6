"""Our side of the benchmarks: each case prints one JSON line with speed, answers and memory.

Start-up and compilation are excluded by timing two budgets and taking the difference, except where
a case says that it counts the whole.
"""

import argparse
import dataclasses
import json
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import flyroom as fr

QUIET = fr.Machine(progress=False)


def clocked(
    experiment: fr.Experiment, over: dict[str, Any], machine: fr.Machine = QUIET
) -> tuple[float, Any]:
    """Seconds of a whole sweep, and its runs."""
    folder = Path(tempfile.mkdtemp(prefix="flyroom-bench-"))
    began = time.perf_counter()
    runs = fr.train(experiment, over, store=folder / "runs.zarr", machine=machine)
    seconds = time.perf_counter() - began
    runs = runs.load()
    shutil.rmtree(folder)
    return seconds, runs


def answers(runs: Any, step: int) -> dict[str, Any]:
    """Where the runs were after `step` steps: what makes a time worth something."""
    then = runs.sel(step=step)
    names = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
    return {"step": step} | {name: round(float(then[name].median()), 10) for name in names}


class Training(NamedTuple):
    """A case that is a sweep over seeds, timed by two budgets: `steps`, and twice as many.

    With `per_octave=0` only the beginning, the end and the answer are recorded, as is fair against
    a loop that measures nothing: in short runs the standard schedule would be half of the time.
    """

    experiment: fr.Experiment
    seeds: int
    steps: int
    answer_at: int
    per_octave: int = 0


def rate(case: Training, dtype: str) -> dict[str, Any]:
    """Model-steps per second of all seeds, recording included."""
    over, schedule = {"seed": range(case.seeds)}, fr.Schedule(case.per_octave, at=(case.answer_at,))
    base = fr.spec.replace(case.experiment, {"schedule": schedule, "precision": dtype})
    clocked(fr.spec.replace(base, {"steps": 20}), over)
    short, _ = clocked(fr.spec.replace(base, {"steps": case.steps}), over)
    long, results = clocked(fr.spec.replace(base, {"steps": 2 * case.steps}), over)
    speed = {"steps_per_second": case.seeds * case.steps / (long - short)}
    return speed | answers(results, case.answer_at)


def pair_mod67() -> Training:
    """The 24-neuron network, eight seeds."""
    return Training(fr.recipes.pair_mod67(), 8, 4000, answer_at=1000, per_octave=16)


def plain_mlp() -> Training:
    """One hidden layer of 512 on addition mod 113, one network for each core."""
    experiment = fr.Experiment(
        task=fr.tasks.ModularArithmetic(p=113, train_fraction=0.3),
        model=fr.models.MLP(widths=(512,), bias=False),
        optimizer=fr.optim.AdamW(learning_rate=1e-3, weight_decay=1.0, b1=0.9, b2=0.98),
    )
    return Training(experiment, 2, 300, answer_at=200, per_octave=16)


def nanda() -> Training:
    """The one-layer transformer as the demonstration notebook has it, one for each core."""
    return Training(fr.recipes.nanda_demo(), 2, 60, answer_at=100)


def nanda_recorded() -> Training:
    """The same with our standard schedule, against a loop that measures at every step."""
    return nanda()._replace(per_octave=16)


def power() -> Training:
    """The two-layer transformer on division modulo 97, in batches of 512, one for each core."""
    experiment = fr.spec.replace(fr.recipes.power_mod97(), {"task.operation": "a / b"})
    return Training(experiment, 2, 100, answer_at=200)


def lstm() -> Training:
    """The LSTM of 20 cells on tokens, one for each core."""
    experiment = fr.spec.replace(fr.recipes.report_lstm(), {"task.encoding": "pair"})
    return Training(experiment, 2, 400, answer_at=300)


def quadratic() -> Training:
    """The network of 500 squaring neurons, without wrong labels, one for each core."""
    changes = {"task": fr.tasks.ModularArithmetic(p=97, train_fraction=0.5), "record": fr.CURVES}
    return Training(fr.spec.replace(fr.recipes.doshi_mod97(), changes), 2, 100, answer_at=200)


def ensemble() -> Training:
    """64 small networks of the parity sweep, each with its own data and weight decay."""
    experiment = fr.Experiment(
        task=fr.tasks.SparseParity(n=30, k=3, train_count=1200, test_count=5000, encoding="bits"),
        model=fr.models.MLP(widths=(64,), bias=False, initial=fr.models.haiku),
        optimizer=fr.optim.AdamW(learning_rate=3e-3, weight_decay=0.1, b1=0.99, b2=0.98),
        loss=fr.losses.Logistic(),
    )
    return Training(experiment, 64, 400, answer_at=300)


def blog_parity(dtype: str) -> dict[str, Any]:
    """64 seeds of 500 epochs; the seconds are those of the whole call, start-up included."""
    experiment = fr.spec.replace(fr.recipes.blog_parity(), {"precision": dtype})
    seconds, runs = clocked(experiment, {"seed": range(64)})
    return {"seconds": seconds, "steps_per_second": 64 * 5000 / seconds} | answers(runs, 5000)


def overheads(dtype: str) -> dict[str, Any]:
    """What recording, storing and checkpoints add, in percent of training to the budget without.

    Recording is at 200 log-spaced steps, of losses and accuracies on both sides; storing is of all
    that is stored at the end, weights and what is needed to go on. Both cost the same whatever the
    budget, so they are timed over `steps`, where they stand out, and related to the budget. The
    same goes for checkpoints: timed one a second, related to the standard interval.
    """
    out: dict[str, Any] = {}
    pair, blog = fr.recipes.pair_mod67(), fr.recipes.blog_parity()
    cases = (("pair_mod67", pair, 8, 4000), ("blog_parity", blog, 64, 5000))
    for name, recipe, seeds, steps in cases:
        base = fr.spec.replace(recipe, {"precision": dtype, "steps": steps})
        thin = fr.spec.replace(base, {"schedule": fr.Schedule(per_octave=0)})
        at = tuple(_log_spaced(steps, 200))
        full = fr.spec.replace(base, {"schedule": fr.Schedule(per_octave=0, at=at)})
        bare = fr.Machine(progress=False, keep_bytes=0, checkpoint_every=1e9)
        variants = {
            "plain": (thin, bare),
            "recording": (full, bare),
            "storing": (thin, dataclasses.replace(bare, keep_bytes=QUIET.keep_bytes)),
            "checkpoints": (thin, dataclasses.replace(bare, checkpoint_every=1.0)),
        }
        over = {"seed": range(seeds)}
        for experiment, machine in variants.values():
            clocked(fr.spec.replace(experiment, {"steps": 10}), over, machine)
        times: dict[str, list[float]] = {v: [] for v in variants}
        for _ in range(7):
            for label, (experiment, machine) in variants.items():
                times[label].append(clocked(experiment, over, machine)[0])
        plain = statistics.median(times["plain"])
        out[f"{name}_seconds_of_{steps}_steps"] = plain
        of_budget = steps / recipe.steps
        scale = {"recording": of_budget, "storing": of_budget}
        scale["checkpoints"] = 1.0 / QUIET.checkpoint_every
        for label, share in scale.items():
            ratios = [b / a - 1 for a, b in zip(times["plain"], times[label], strict=True)]
            out[f"{name}_{label}_percent"] = 100 * share * statistics.median(ratios)
    return out


def _log_spaced(last: int, count: int) -> list[int]:
    """`count` different whole numbers from 1 to `last`, as evenly on a log axis as there are."""
    many = count
    while len(found := np.unique(np.geomspace(1, last, many).astype(int))) < count:
        many += 1
    return found[:count].tolist()


def queue(dtype: str) -> dict[str, Any]:
    """2,000 runs through a fixed number of slots: memory, and time per run as runs grow."""
    experiment = fr.spec.replace(fr.recipes.blog_parity(), {"steps": 1000, "precision": dtype})
    sizes, seconds = (64, 256, 1024), {}
    train(experiment, 64)
    for runs in sizes:
        seconds[runs] = min(train(experiment, runs)[0] for _ in range(2))
    _, growth = train(fr.spec.replace(experiment, {"steps": 100}), 2000)
    # A sweep costs its start and then so much for each run; differences leave the start out.
    each = (seconds[256] - seconds[64]) / 192
    return {
        "seconds": seconds,
        "ms_per_run_64_to_256": 1e3 * each,
        "ms_per_run_256_to_1024": 1e3 * (seconds[1024] - seconds[256]) / 768,
        "resident_growth_mb_over_2000_runs": growth,
    }


def train(experiment: fr.Experiment, runs: int) -> tuple[float, float]:
    """Seconds of a sweep, and by how many MB its resident memory grew once all slots were full."""
    folder = Path(tempfile.mkdtemp(prefix="flyroom-bench-"))
    resident: list[float] = []
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            resident.append(_resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    fr.train(experiment, {"seed": range(runs)}, store=folder / "runs.zarr", machine=QUIET)
    seconds = time.perf_counter() - began
    done.set()
    watcher.join()
    shutil.rmtree(folder)
    early = resident[len(resident) // 10]
    return seconds, max(resident) - early


def _resident() -> float:
    """Megabytes that this process holds now, without mapped files, which the kernel may drop."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) / 1024


TRAININGS: dict[str, Callable[[], Training]] = {
    case.__name__: case
    for case in (pair_mod67, plain_mlp, nanda, nanda_recorded, power, lstm, quadratic, ensemble)
}
OTHERS: dict[str, Callable[[str], dict[str, Any]]] = {
    case.__name__: case for case in (blog_parity, overheads, queue)
}


def main() -> None:
    """Runs one case in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=sorted({**TRAININGS, **OTHERS}))
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    given = parser.parse_args()
    if given.case in TRAININGS:
        told = rate(TRAININGS[given.case](), given.dtype)
    else:
        told = OTHERS[given.case](given.dtype)
    print(json.dumps({"case": given.case, "dtype": given.dtype, **told}))


if __name__ == "__main__":
    main()
