"""Runs as TensorBoard reads them."""

from pathlib import Path

import xarray as xr

try:
    from tensorboardX import FileWriter
    from tensorboardX.summary import hparams, scalar
except ImportError as error:
    raise ImportError(
        "TensorBoard's files need a package that is not installed: "
        "`pip install 'flyroom[trackers]'`."
    ) from error

from .tracked import tracked


def write_tensorboard(runs: xr.Dataset, folder: Path) -> int:
    """Writes a folder of events for each run; says how many runs there were.

    In it are the curves of the run, and its hyperparameters beside their last values.
    `tensorboard --logdir FOLDER` shows them.

    Args:
        runs: an opened store, or some of its runs.
        folder: where the folders go.
    """
    count = 0
    for count, run in enumerate(tracked(runs), 1):  # noqa: B007 - how many there were
        writer = FileWriter(str(folder / run.name))
        for part in hparams(run.hyperparameters, run.last):
            writer.add_summary(part)
        for step, values in run.records:
            for name, value in values.items():
                writer.add_summary(scalar(name, value), step)
        writer.close()
    return count
