"""A store of very many runs: written from its journal, opened, and asked for one column.

The journal is written by the code that workers write theirs with; no network is trained. What is
recorded follows from the number of a run and the step, so that what is read back can be checked.
One JSON line comes out.
"""

import argparse
import contextlib
import json
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import flyroom as fr
from flyroom.results import Curve, Schema, journal, paths, store
from flyroom.results.schema import array_dtype, end_dtype

WORKERS, SLOTS = 2, 32
NAMES = tuple(
    f"{side}_{what}" for what in ("loss", "accuracy", "margin") for side in ("train", "test")
)
NAMES += ("weight_norm", "sharpness")


def recorded(runs: np.ndarray, steps: np.ndarray, number: int) -> np.ndarray:
    """Curve `number` of some runs: one that falls, at a pace of the run's, with a little noise."""
    pace = 1 + (runs[:, None] * 7 % 101) / 101
    smooth = np.exp(-pace * np.log1p(steps) / (number + 2))
    noise = (runs[:, None] * 2654435761 + steps * 40503 + number) % 65536
    return (smooth + 1e-4 * noise / 65536).astype(np.float32)


def sweep(count: int, records: int) -> Schema:
    """What a store of so many runs at so many steps holds."""
    steps = np.unique(np.geomspace(1, 50_000, 4 * records).astype(int))
    steps = steps[np.linspace(0, len(steps) - 1, records).astype(int)]
    about = {"units": "1", "long_name": "", "definition": "", "reference": ""}
    run = np.arange(count)
    return Schema(
        count=count,
        steps=steps,
        curves=tuple(Curve(name, (), (), "<f4", about) for name in NAMES),
        axes={"optimizer.weight_decay": 10.0 ** (run % 8 - 4), "seed": run // 8},
        program=np.zeros(count, np.int32),
        events=0,
        attrs={"title": "synthetic"},
    )


def program() -> fr.training.Program:
    """A network of 67 weights, which every run keeps one of."""
    task, model = fr.tasks.ModularArithmetic(p=3), fr.models.MLP(widths=(8,))
    return fr.sweeps.plan(fr.Experiment(task, model, steps=1)).groups[0].program


def write_journal(path: Path, schema: Schema) -> None:
    """The tables of workers that take turns at cohorts of runs."""
    curves = {curve.name: np.zeros((), curve.dtype) for curve in schema.curves}
    dtype, ends = array_dtype(curves), end_dtype(0, 0)
    arrays = {path: np.zeros(x.shape, x.dtype) for path, x in paths(program().template).items()}
    weights = array_dtype(arrays)
    with contextlib.ExitStack() as stack:
        folders = [
            stack.enter_context(contextlib.closing(journal.Folder(path / f"session-000-{i:02d}")))
            for i in range(WORKERS)
        ]
        for number, low in enumerate(range(0, schema.count, SLOTS)):
            folder = folders[number % WORKERS]
            runs = np.arange(low, min(low + SLOTS, schema.count))
            rows = np.zeros((len(schema.steps), len(runs)), dtype)  # as slots fall due, in turn
            rows["run"], rows["step"] = runs, schema.steps[:, None]
            for i, name in enumerate(curves):
                rows[name] = recorded(runs, schema.steps, i).T
            folder.table("program-0.records", dtype).append(rows.ravel())
            last = np.zeros(len(runs), ends)
            last["run"], last["step"], last["status"] = runs, schema.steps[-1], 2
            folder.table("program-0.ends", ends).append(last)
            kept = np.zeros(len(runs), weights)
            kept["run"], kept["step"] = runs, schema.steps[-1]
            kept["first"] = runs[:, None, None, None]
            folder.table("program-0.weights", weights).append(kept)
        for folder in folders:
            folder.checkpoint({"slots": []}, {})


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that something takes, and what comes of it."""
    began = time.perf_counter()
    found = work()
    return round(time.perf_counter() - began, 3), found


def check(schema: Schema, seconds: dict[str, float], path: Path, state: str) -> None:
    """Opens a store, reads columns of it, and sees that they are right."""
    seconds[f"open_{state}"], runs = timed(lambda: fr.open(path))
    decay = "optimizer.weight_decay"
    seconds[f"hyperparameter_{state}"], column = timed(lambda: runs[decay].values)
    assert np.array_equal(column, schema.axes[decay])
    seconds[f"last_step_{state}"], last = timed(lambda: runs.last_step.values)
    assert (last == schema.steps[-1]).all()
    seconds[f"one_step_of_all_runs_{state}"], final = timed(
        lambda: runs.test_accuracy.isel(step=-1).values
    )
    expected = recorded(runs.run.values, schema.steps[-1:], NAMES.index("test_accuracy"))
    assert np.array_equal(final, expected[:, 0])
    seconds[f"all_steps_of_64_runs_{state}"], some = timed(
        lambda: runs.isel(run=slice(512, 576)).load()
    )
    for i, name in enumerate(NAMES):
        assert np.array_equal(some[name].values, recorded(some.run.values, schema.steps, i)), name


def measure(count: int, records: int, folder: Path) -> dict[str, Any]:
    """Writes, opens and reads a store of so many runs."""
    path, schema, seconds = folder / "runs.zarr", sweep(count, records), {}
    notes = journal.journal_path(path)
    write_journal(notes, schema)
    seconds["create"], _ = timed(lambda: store.create(path, schema))
    check(schema, seconds, path, "unfinished")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    seconds["write"], _ = timed(lambda: store.write_runs(path, schema, notes))
    seconds["write_of_processors"] = round(time.process_time() - began, 3)
    kept = [("program-0", program())]
    seconds["write_weights"], _ = timed(lambda: store.write_arrays(path, notes, "weights", kept))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    shutil.rmtree(notes)
    check(schema, seconds, path, "finished")
    weights = xr.open_dataset(path, group="weights-0", engine="zarr", consolidated=False)
    assert np.array_equal(weights.first[:, 0, 0, 0], weights.run)
    assert np.array_equal(weights.run, np.arange(count))
    return {
        "runs": count,
        "records": records,
        "curves": len(NAMES),
        "runs_written_per_second": round(count / seconds["write"]),
        "seconds": seconds,
        "resident_growth_mb_of_writing": round((after - before) / 1024),
        "store_mb": round(sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) / 1e6),
    }


def main() -> None:
    """Measures in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--records", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flyroom-bench-") as folder:
        print(json.dumps(measure(given.runs, given.records, Path(folder))))


if __name__ == "__main__":
    main()
