from typing import Any

import numpy as np
import xarray as xr

from ..figures import palette, ramps, run_label
from ..training import Status
from ._examined import examined
from ._moments import moments_of
from ._pack import pack
from ._profiles import profiles_of
from ._start import bytes_of, starts_of
from ._sweep import axes_of, phases_of, survival_of, times_of
from ._untold import untold
from ._weights import SHARE, networks_of

CURVES = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")


def bundle(
    runs: xr.Dataset,
    *,
    title: str | None = None,
    limit: int = 3_400_000,
    explained: int = 0,
    unread: str = "",
) -> bytes:
    """Everything that the explorer shows of some runs, as one row of bytes.

    The curves of all runs, and of the networks that were kept the matrices by which the page shows
    and computes them, multiplied as far as they can be, in float32. If they take more than `limit`
    bytes, networks are left out: of every run as many, evenly, but never its first or last; and if
    that is not enough, those of the last runs. Where room is left, there is what runs began with,
    to be trained again. What was left out is said in the page.

    Args:
        runs: results, as from `fr.train` or `fr.open`; of the runs that are left in it.
        title: what they are called.
        limit: how many bytes the weights and curves may take together. Curves are never thinned,
            but measures beside loss and accuracy are left out where they alone would take more.
        explained: how many of the networks are explained, of all runs together, which takes about
            a second each. Other things that take time, such as the answers to wrong labels, are
            told of four times as many.
        unread: why no network is to be read, if none is.

    Example:
        >>> import flyroom as fr
        >>> page = bundle(fr.open("runs/decay.zarr").isel(run=[0, 3]))  # doctest: +SKIP
    """
    curves, left_out = _curves(runs, limit)
    room = limit - sum(values.nbytes for values in curves.values())
    told = _unread(runs, unread) if unread else _of_networks(runs, room, explained)
    status = runs["status"].values if "status" in runs else None
    return pack(
        {
            "title": title or str(runs.attrs.get("title", "flyroom runs")),
            "colors": [palette(dark=dark) for dark in (False, True)],
            "ramps": [ramps(dark=dark) for dark in (False, True)],
            "steps": runs.step.values.astype(np.int32),
            "curves": curves,
            "curves_left_out": left_out,
            "units": {name: runs[name].attrs.get("units", "1") for name in curves},
            "definitions": {name: runs[name].attrs.get("definition", "") for name in curves},
            "times": times_of(runs),
            "axes": axes_of(runs),
            "phases": phases_of(runs),
            "survival": survival_of(runs),
            "runs": [
                {
                    "run": run,
                    "label": run_label(runs, i),
                    "status": "" if status is None else Status(int(status[i])).name.lower(),
                    **told[run],
                }
                for i, run in enumerate(runs.run.values.tolist())
            ],
        }
    )


def _of_networks(runs: xr.Dataset, room: int, explained: int) -> dict[int, dict[str, Any]]:
    """What is told of the networks of each run."""
    networks, profiles = networks_of(runs, room), profiles_of(runs, share=SHARE)
    starts = starts_of(runs, room - bytes_of(networks))
    moments = moments_of(runs, [run for run, kept in networks.items() if "why" not in kept])
    closely = examined(runs, explained=explained)
    why = untold(runs, networks, closely)
    return {
        run: {
            "kept": networks[run],
            "start": starts[run],
            "moments": moments[run],
            "profile": profiles[run],
            **closely[run],
            **why[run],
        }
        for run in runs.run.values.tolist()
    }


def _unread(runs: xr.Dataset, why: str) -> dict[int, dict[str, Any]]:
    names = ("kept", "start", "profile", "explained")
    nothing = {name: {"why": why} for name in names}
    return {run: {**nothing, "moments": told} for run, told in moments_of(runs, []).items()}


def _curves(runs: xr.Dataset, limit: int) -> tuple[dict[str, np.ndarray], list[str]]:
    """Loss and accuracy, other measures that have room, and the names of those that do not."""
    measured = [
        str(name)
        for name, values in runs.data_vars.items()
        if set(values.dims) == {"run", "step"} and name not in CURVES
    ]
    curves: dict[str, np.ndarray] = {}
    left_out = []
    for name in [*(one for one in CURVES if one in runs), *measured]:
        values = runs[name].transpose("run", "step").values.astype(np.float32)
        taken = sum(one.nbytes for one in curves.values()) + values.nbytes
        if name in CURVES or taken <= limit:
            curves[name] = values
        else:
            left_out.append(name)
    return curves, left_out
