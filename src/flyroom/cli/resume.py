import time
from pathlib import Path

from .. import environment
from .options import Count


def resume(
    store: Path,
    /,
    *,
    steps: int | None = None,
    devices: Count = None,
    slots: Count = None,
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Go on with a store that was interrupted, or past its budget.

    Parameters
    ----------
    store
        The store, as `flyroom train` was given it.
    steps
        A larger budget: runs that had finished go on too.
    devices
        How many CPU devices to use.
    slots
        How many networks stand side by side on each device.
    quiet
        Show no progress.
    json
        End with one line of JSON on standard output.
    """
    environment.configure(devices)
    from .. import sweeps
    from . import output

    with output.errors(json):
        machine = sweeps.Machine(devices=devices, slots=slots, progress=not quiet)
        before = output.steps_done(store)
        began = time.monotonic()
        runs = sweeps.resume(store, steps=steps, machine=machine)
        done = int(runs["last_step"].sum()) - before
        output.trained(runs, time.monotonic() - began, done, json)
