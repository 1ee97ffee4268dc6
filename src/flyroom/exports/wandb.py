"""Runs as Weights & Biases reads them."""

from pathlib import Path

import xarray as xr

try:
    import wandb
except ImportError as error:
    raise ImportError(
        "Offline runs of Weights & Biases need a package that is not installed: "
        "`pip install 'flyroom[trackers]'`."
    ) from error

from .tracked import tracked


def write_wandb(runs: xr.Dataset, folder: Path, project: str = "flyroom") -> int:
    """Writes an offline run for each run; says how many there were.

    Nothing goes over a network until you let `wandb sync` send them.

    Args:
        runs: an opened store, or some of its runs.
        folder: where the folder `wandb` with the runs goes.
        project: what they are filed under.
    """
    count = 0
    settings = wandb.Settings(mode="offline", silent=True, console="off", x_disable_stats=True)
    for count, run in enumerate(tracked(runs), 1):  # noqa: B007 - how many there were
        with wandb.init(
            project=project,
            name=run.name,
            config=run.hyperparameters,
            dir=str(folder),
            settings=settings,
        ) as tracker:
            for step, values in run.records:
                tracker.log(values, step=step)
            tracker.summary["status"] = run.status
    return count
