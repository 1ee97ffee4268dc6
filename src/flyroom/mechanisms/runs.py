import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr
from rich.console import Console
from rich.progress import Progress
from threadpoolctl import threadpool_limits

from .. import results, training
from ..spec import SpecError
from ..tasks import AbstractTask
from .explain import Explanation, explain

AHEAD = 8  # networks read for each worker before they are explained
NUMBERS = ("accuracy", "sufficient", "necessary", "predictive")

Found = tuple[results.Kept, Explanation | SpecError]


def explain_runs(
    runs: xr.Dataset | str | Path,
    task: AbstractTask | None = None,
    *,
    steps: Sequence[int] | None = None,
    devices: int | None = None,
) -> xr.Dataset:
    """Says of every run which algorithm it computes with, and how that came about.

    Networks are explained side by side, one by each worker. One that cannot be, as it diverged or
    was not kept, has the mechanism `""` and no numbers.

    Args:
        runs: an opened store, or the path of one.
        task: as in `explain`; that of each run if `None`.
        steps: at which the weights were kept that are explained; if `None`, the last of each run.
        devices: how many workers; all of `flyroom.training.devices` if `None`.

    Returns:
        Over `run` and, where steps are given, `step`: `mechanism`, `parts` (such as "the
        frequencies 2, 7") and the numbers of an `Explanation`.

    Raises:
        SpecError: no mechanism is known for the task, or no network can be explained.
        StoreError: no weights were kept.

    Example:
        >>> import flyroom as fr
        >>> runs = fr.open("runs/decay.zarr")  # doctest: +SKIP
        >>> explain_runs(runs).mechanism.values  # doctest: +SKIP
        array(['pizza', 'no explanation', 'pizza'], dtype='<U14')
    """
    data = runs if isinstance(runs, xr.Dataset) else results.open(runs)
    wanted: list[int | None] = [None] if steps is None else list(steps)
    rows: dict[tuple[int, int | None], Any] = {}
    errors: list[Exception] = [
        results.StoreError(f"{data.attrs['store']}: no weights were kept at the steps asked for.")
    ]
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("explaining", total=data.sizes["run"] * len(wanted))
        for kept, found in _each(data, task, steps, devices):
            progress.advance(bar)
            if isinstance(found, SpecError):
                errors.append(found)
            else:
                rows[kept.run, None if steps is None else kept.step] = _row(found)
    if not rows:
        raise errors[-1]
    none = ("", "", *[np.nan] * len(NUMBERS))
    cells = [rows.get(cell, none) for cell in itertools.product(data.run.values.tolist(), wanted)]
    shape = (data.sizes["run"], len(wanted))
    columns = {
        name: (("run", "step"), np.array(column).reshape(shape))
        for name, column in zip(
            ("mechanism", "parts", *NUMBERS), zip(*cells, strict=True), strict=True
        )
    }
    told = xr.Dataset(columns, coords={"run": data.run.values})
    return told.isel(step=0) if steps is None else told.assign_coords(step=list(steps))


def _each(
    data: xr.Dataset, task: AbstractTask | None, steps: Sequence[int] | None, devices: int | None
) -> Iterator[Found]:
    """Networks and what is said of them, read ahead a little, explained by all workers."""
    team, items = training.devices(devices), results.networks(data, steps)

    def one(kept: results.Kept, device: Any) -> Found:
        try:
            with jax.default_device(device):
                asked = task or results.experiment_of(data, kept.run, recording=False).task
                return kept, explain(kept.network, asked)
        except SpecError as error:  # one bad run never stops its neighbours
            return kept, error

    # As many networks at once as there are workers: products with threads of their own only wait.
    with threadpool_limits(1), ThreadPoolExecutor(len(team)) as pool:
        while some := list(itertools.islice(items, AHEAD * len(team))):
            yield from pool.map(one, some, itertools.cycle(team))


def _row(found: Explanation) -> tuple[Any, ...]:
    return (found.mechanism, found.fit.parts, *[getattr(found, name) for name in NUMBERS])
