import time
from pathlib import Path

from .options import Count


def resume(
    store: Path,
    /,
    *,
    steps: int | None = None,
    on: str = "here",
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
    on
        Where: here, on the Ray cluster of this machine (ray; one is started if there is none), or
        on another (ray://host:10001).
    devices
        How many workers the CPU has.
    slots
        How many networks each has side by side.
    quiet
        Show no progress.
    json
        End with one line of JSON on standard output.
    """
    from .. import sweeps
    from . import output, sources

    with output.errors(json):
        machine = sources.machine(on, devices, slots, quiet)
        before = output.steps_done(store)
        began = time.monotonic()
        runs = sweeps.resume(store, steps=steps, machine=machine)
        done = int(runs["last_step"].sum()) - before
        output.trained(runs, time.monotonic() - began, done, json)
