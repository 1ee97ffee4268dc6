"""The verb `map`: a phase diagram, with runs spent where phases meet."""

import dataclasses
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xarray as xr

from .. import results
from ..measures.diagrams import Rule
from ..results import StoreError, journal, provenance
from ..spec import SpecError
from ..training import Experiment
from .local import alone, work
from .machine import AbstractMachine, Machine
from .manifest import Manifest
from .plan import plan
from .space import Over, Space
from .survey import Survey


def map(
    experiment: Experiment,
    over: Over,
    *,
    rule: Rule,
    seeds: Iterable[int] = range(9),
    budget: float | int = 0.35,
    tolerance: float = 0.01,
    batch: int | None = None,
    seed: int = 0,
    store: str | Path | None = None,
    machine: AbstractMachine | None = None,
) -> xr.Dataset:
    """Trains those runs of a grid that say where its phases meet, and gives the diagram.

    The first runs go to half of the cells, no two of them side by side; then, in rounds, to the
    cells whose phases are known the least. The store is that of the whole grid, in which the runs
    that were not needed stay queued. To map again into a store goes on with it: after an interrupt
    with the same result as without one, and with a larger budget from where it ended.

    Args:
        experiment: what is trained.
        over: two or three axes: values by dotted path. Those that are no numbers stand in the order
            in which they are given.
        rule: names the phase of every run, such as `fr.measures.phase_pair`; with other thresholds,
            `functools.partial(fr.measures.phase_liu, gap=2e3)`.
        seeds: those of the runs that a cell can have.
        budget: how many runs at most: a share of the grid, or a whole number from 2 on.
        tolerance: it ends earlier once no more than this share of the cells is expected to be
            misnamed.
        batch: how many runs are chosen at once; a sixteenth of the budget, and at least 32, if
            `None`. None are chosen before those are over.
        seed: decides between cells that are as good.
        store: folder for the runs, `NAME.zarr`; a temporary one if `None`.
        machine: devices, checkpoints and the like. They change nothing of what is chosen.

    Returns:
        The diagram, as from `fr.measures.phase_diagram`; its attributes name the `store`.

    Raises:
        SpecError: one of the experiments cannot be run, or an axis or a number is not what it can
            be; nothing was compiled or written.
        StoreError: the store holds something else.
        Interrupted: it was stopped, or the disk is full; `resume` and `map` go on.

    Example:
        >>> import flyroom as fr
        >>> diagram = fr.map(
        ...     fr.recipes.pair_parity_sweep(),
        ...     {"optimizer.weight_decay": [0.01, 0.1, 1.0], "task.train_count": [750, 1750]},
        ...     rule=fr.measures.phase_pair,
        ...     store="runs/map.zarr",
        ... )  # doctest: +SKIP
        >>> diagram.probability.sel(phase="grokking")  # doctest: +SKIP
    """
    machine, space = machine or Machine(), _space(experiment, over, seeds)
    most = _number(budget, space.count)
    if not 0 <= tolerance < 1:
        raise SpecError(f"map.tolerance: got {tolerance}; allowed: at least 0 and below 1.")
    if batch is not None and batch < 1:
        raise SpecError(f"map.batch: got {batch}; allowed: at least 1.")
    _check(rule, experiment)
    todo = plan(experiment, space.over)
    axes = tuple(path for path in space.axes if path != "seed")
    survey = Survey(axes, rule, most, batch or max(32, -(-most // 16)), tolerance, seed)
    path = (
        Path(tempfile.mkdtemp(prefix="flyroom-")) / "map.zarr"
        if store is None
        else results.folder(store)
    )
    manifest = dataclasses.replace(Manifest.of(space, provenance()), survey=survey.written())
    if path.exists() or journal.journal_path(path).exists():
        manifest = _found(path, manifest, experiment)
        survey = dataclasses.replace(survey, chosen=tuple((manifest.survey or {})["chosen"]))
        if not journal.journal_path(path).exists():
            runs = results.open(path)
            diagram = survey.diagram(runs)
            if not survey.more(runs, diagram):
                return diagram.assign_attrs(store=str(path))
    machine.reach()
    path.parent.mkdir(parents=True, exist_ok=True)
    manifest.start(path)
    with alone(path, manifest):
        dataclasses.replace(manifest, survey=survey.written()).write(path)
        runs = work(path, todo, machine, survey)
    return survey.diagram(runs).assign_attrs(store=str(path))


def _space(experiment: Experiment, over: Over, seeds: Iterable[int]) -> Space:
    """The whole grid, with the seeds as its last axis."""
    if any(not isinstance(path, str) or path == "seed" for path in over):
        raise SpecError(
            f"map.over: got {', '.join(str(path) for path in over)}; allowed: a path for each "
            "axis. The seeds are an argument of their own, and points in rows make no grid."
        )
    if len(over) not in (2, 3):
        named = ", ".join(f"`{path}`" for path in over) or "none"
        raise SpecError(
            f"map.over: got {len(over)} axes ({named}); allowed: two or three. One axis is a "
            "sweep: `train` it."
        )
    space = Space(experiment, {**over, "seed": seeds})
    for path, values in space.axes.items():
        if path != "seed" and len(values) < 2:
            raise SpecError(f"map.over `{path}`: got one value; allowed: at least two.")
    return space


def _number(budget: float | int, count: int) -> int:
    """How many runs a budget is."""
    share = 0 < budget <= 1
    if not share and not (budget == int(budget) and 2 <= budget <= count):
        raise SpecError(
            f"map.budget: got {budget}; allowed: a share of the grid above 0 and up to 1, or a "
            f"number of runs from 2 to the {count:,} of the grid."
        )
    return max(2, int(budget * count)) if share else int(budget)


def _check(rule: Rule, experiment: Experiment) -> None:
    """Whether what the rule asks for is recorded, before anything is trained."""
    names = [measure.name for measure in experiment.record]
    nothing = (("run", "step"), np.full((1, 1), np.nan, np.float32))
    try:
        rule(xr.Dataset(dict.fromkeys(names, nothing), {"step": [0]}))
    except (AttributeError, KeyError) as error:
        raise SpecError(
            f"map.rule: it asks for what is not recorded ({error}); recorded: {', '.join(names)}. "
            "Add it to `record`, or take another rule."
        ) from error


def _found(path: Path, asked: Manifest, experiment: Experiment) -> Manifest:
    """The manifest of a store that is to go on.

    Raises:
        StoreError: it is not a map of the same grid.
    """
    found = Manifest.read(path)
    if found.survey is None:
        raise StoreError(
            f"{path}: all runs of it are trained. Its diagram is that of "
            "`fr.measures.phase_diagram`; choose another store for a map."
        )
    found.space(path, experiment)  # or it says what differs
    if (found.fingerprint, found.budgets[-1]) != (asked.fingerprint, asked.budgets[-1]):
        raise StoreError(
            f"{path} is a map of another grid, or of {found.budgets[-1]} steps. Choose another "
            f"store, or more steps for this one: flyroom resume {path} --steps …"
        )
    return found
