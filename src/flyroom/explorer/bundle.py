import numpy as np
import xarray as xr

from ..figures import palette, ramps, run_label
from ..training import Status
from ._moments import moments_of
from ._pack import pack
from ._start import bytes_of, starts_of
from ._weights import networks_of

CURVES = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")


def bundle(runs: xr.Dataset, *, title: str | None = None, limit: int = 3_600_000) -> bytes:
    """Everything that the explorer shows of some runs, as one row of bytes.

    The curves of all runs, and of the networks that were kept the matrices into and out of the
    first layer of neurons, collapsed, in float32. If they take more than `limit` bytes, networks
    are left out: of every run as many, evenly, but never its first or last; and if that is not
    enough, those of the last runs. Where room is left, there is what runs began with, to be trained
    again. What was left out is said in the page.

    Args:
        runs: results, as from `fr.train` or `fr.open`; of the runs that are left in it.
        title: what they are called.
        limit: how many bytes the weights and curves may take together. Curves are never thinned.

    Example:
        >>> import flyroom as fr
        >>> page = bundle(fr.open("runs/decay.zarr").isel(run=[0, 3]))  # doctest: +SKIP
    """
    steps = runs.step.values.astype(np.int32)
    curves = {
        name: runs[name].transpose("run", "step").values.astype(np.float32)
        for name in CURVES
        if name in runs
    }
    room = limit - sum(values.nbytes for values in curves.values())
    networks = networks_of(runs, room)
    starts = starts_of(runs, room - bytes_of(networks))
    moments = moments_of(runs, [run for run, kept in networks.items() if "why" not in kept])
    status = runs["status"].values if "status" in runs else None
    return pack(
        {
            "title": title or str(runs.attrs.get("title", "flyroom runs")),
            "colors": [palette(dark=dark) for dark in (False, True)],
            "ramps": [ramps(dark=dark) for dark in (False, True)],
            "steps": steps,
            "curves": curves,
            "units": {name: runs[name].attrs.get("units", "1") for name in curves},
            "runs": [
                {
                    "run": run,
                    "label": run_label(runs, i),
                    "status": "" if status is None else Status(int(status[i])).name.lower(),
                    "kept": networks[run],
                    "start": starts[run],
                    "moments": moments[run],
                }
                for i, run in enumerate(runs.run.values.tolist())
            ],
        }
    )
