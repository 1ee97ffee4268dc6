import time
from pathlib import Path
from typing import Any

from . import phases
from .options import Count, Words

LISTED = 10  # cells whose phase is in doubt


def map(
    name: str,
    /,
    *,
    over: Words = None,
    rule: phases.Name = "pair",
    threshold: Words = None,
    seeds: str = "0:9",
    budget: float | int = 0.35,
    tolerance: float = 0.01,
    batch: Count = None,
    set: Words = None,
    steps: int | None = None,
    store: Path | None = None,
    png: Path | None = None,
    on: str = "here",
    devices: Count = None,
    slots: Count = None,
    precision: str | None = None,
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Train those runs of a grid that say where its phases meet, and draw the diagram.

    Parameters
    ----------
    name
        A recipe such as pair-parity-sweep, or a TOML file as `flyroom show` prints it.
    over
        An axis of the grid: path=values, as a list or a range. Two or three of them.
    rule
        Whose phases: by losses (pair), by accuracies and their delay (liu), of wrong labels
        (doshi), or the stage that a run ends in (nanda).
    threshold
        One number of the rule: name=value, such as gap=2000. May be given several times.
    seeds
        Those of the runs that a cell can have, as a range or a list.
    budget
        The runs that are trained at most: a share of the grid, or a number of runs.
    tolerance
        End earlier, once no more than this share of the cells is expected to be misnamed.
    batch
        How many runs are chosen at once.
    set
        One value: path=value. May be given several times.
    steps
        The budget of each run, in optimizer steps.
    store
        Where the runs go; runs/NAME-map.zarr if not given. One that exists goes on.
    png
        Where the picture goes; beside the store if not given.
    on
        Where: here, or on a Ray cluster, as of `flyroom train`.
    devices
        How many workers the CPU has; one for each core if not given (or FLYROOM_DEVICES).
    slots
        How many networks each has side by side.
    precision
        float32 or float64.
    quiet
        Show no progress.
    json
        End with one line of JSON on standard output.
    """
    from json import dumps

    from .. import figures, sweeps
    from ..results import open as open_store
    from ..sweeps import values
    from . import output, sources

    with output.errors(json):
        experiment, axes = sources.load(name)
        experiment = sources.changed(experiment, set or [], steps=steps, precision=precision)
        axes = {**axes, **sources.over(experiment, over or [], None, "sobol")}
        target = store or Path("runs") / f"{Path(name).stem.replace('_', '-')}-map.zarr"
        before = output.steps_done(target) if target.exists() else 0
        began = time.monotonic()
        diagram = sweeps.map(
            experiment,
            axes,
            rule=phases.rule(rule, threshold or [], experiment.steps),
            seeds=values.values(experiment, "seed", seeds),
            budget=budget,
            tolerance=tolerance,
            batch=batch,
            store=target,
            machine=sources.machine(on, devices, slots, quiet),
        )
        picture = png or target.with_suffix(".png")
        figures.phase_diagram(diagram).savefig(picture, dpi=150)
        runs = open_store(target)
        done = int(runs["last_step"].sum()) - before
        told = output.summary(runs, time.monotonic() - began, done)
        told |= {"picture": str(picture), **_told(diagram)}
        _show(told)
        if json:
            print(dumps(told))


def _told(diagram: Any) -> dict[str, Any]:
    """A diagram by name, and the cells of which it is least sure."""
    import numpy as np

    axes = list(diagram.runs.dims)
    named = diagram.probability.argmax("phase")
    names = diagram.phase.values.tolist()
    doubt = diagram.doubt.values
    listed = np.argsort(-doubt, axis=None, kind="stable")[:LISTED]
    uncertain = []
    for at in zip(*np.unravel_index(listed, doubt.shape), strict=True):
        cell = diagram.isel(dict(zip(axes, at, strict=True)))
        first = cell.isel(phase=int(named.values[at]))
        counts = cell["count"].values.tolist()
        numbers = {k: round(float(first[k]), 4) for k in ("probability", "low", "high", "doubt")}
        uncertain.append(
            {
                "at": {axis: cell[axis].item() for axis in axes},
                "phase": first.phase.item(),
                **numbers,
                "counts": dict(zip(names, counts, strict=True)),
            }
        )
    return {
        "trained": int(diagram.runs.sum()),
        "cells": {phase: int((named == k).sum()) for k, phase in enumerate(names)},
        "counts": {p: int(n) for p, n in zip(names, diagram["count"].sum(axes), strict=True)},
        "misnamed": round(diagram.attrs["misnamed"], 4),
        "uncertain": uncertain,
    }


def _show(told: dict[str, Any]) -> None:
    """The diagram in words: how many cells and runs of each phase, and where it is unsure."""
    from rich.console import Console
    from rich.table import Table

    from .. import figures

    named = Table("phase", "cells", "runs", box=None)
    for phase, cells in told["cells"].items():
        named.add_row(phase.replace("_", " "), str(cells), str(told["counts"][phase]))
    axes = [figures.leaf_name(path) for path in told["uncertain"][0]["at"]]
    unsure = Table(
        *axes,
        "most probable",
        "probability",
        "interval",
        "runs",
        box=None,
    )
    for cell in told["uncertain"]:
        seen, first = sum(cell["counts"].values()), cell["counts"][cell["phase"]]
        unsure.add_row(
            *(str(value) for value in cell["at"].values()),
            cell["phase"].replace("_", " "),
            f"{cell['probability']:.2f}",
            f"{cell['low']:.2f} to {cell['high']:.2f}",
            f"{first} of {seen}",
        )
    console = Console()
    console.print(
        f"{told['trained']} of {told['runs']} runs trained in {told['seconds']:.1f} s; "
        f"{told['misnamed']:.1%} of {sum(told['cells'].values())} cells may be misnamed",
        highlight=False,
    )
    console.print(named)
    console.print("where it is least certain, with 95 % intervals:", highlight=False)
    console.print(unsure)
    console.print(f"picture {told['picture']}, store {told['store']}", highlight=False)
