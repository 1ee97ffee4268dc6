"""Why views of a run are empty, which only few runs have something for."""

from typing import Any

import xarray as xr

from .. import results
from ..figures import swept
from ..results import StoreError
from ..spec import SpecError
from ..tasks import AbstractTask, Corrupted
from ._tasks import relevant_bits
from ._weights import DIVERGED, NO_TABLES, NOT_KEPT

Told = dict[int, dict[str, Any]]

NOT_ASKED = (
    "Not computed for this run, because it takes long. Write a page of it alone: flyroom export "
    "STORE page.html --run {run} --explained 24; in a notebook, fr.explore(runs.sel(run=[{run}]))."
)
OF_PERCEPTRONS = (
    "Gini coefficient, restricted and excluded loss are computed of perceptrons alone so far. They "
    "take the key frequencies from the weights by which neurons read tokens; a transformer's "
    "neurons read what its heads mix."
)


def untold(runs: xr.Dataset, networks: Told, closely: Told) -> Told:
    """Of each run the views that its network or its task has something for, but not this page.

    Args:
        runs: results.
        networks: as from `networks_of`.
        closely: as from `examined`.
    """
    told: Told = {run: {} for run in closely}
    # As in `profiles_of`: where no field of the task is swept, one experiment says it of all.
    varies = any(path.startswith("task.") for path in swept(runs))
    task = None
    try:
        for run in told:
            if varies or task is None:
                task = results.experiment_of(runs, run, recording=False).task
            kept = networks[run]
            views = [one for one in _views(task, kept) if one not in closely[run]]
            told[run] = {one: {"why": _why(one, kept).format(run=run)} for one in views}
    except (StoreError, SpecError):
        return told  # it is told in the place of weights and explanations
    return told


def _views(task: AbstractTask, kept: dict[str, Any]) -> list[str]:
    has = {
        "progress": kept.get("tokens", False),
        "answers": isinstance(task, Corrupted),
        "parity": bool(relevant_bits(task)),
    }
    return [name for name, is_there in has.items() if is_there]


def _why(view: str, kept: dict[str, Any]) -> str:
    why = kept.get("why", "")
    if why in (NOT_KEPT, DIVERGED) or (view == "parity" and why == NO_TABLES):
        return why
    return OF_PERCEPTRONS if view == "progress" and kept["channels"] else NOT_ASKED
