import time
from pathlib import Path
from typing import Literal

from .options import Count, Words


def train(
    name: str,
    /,
    *,
    over: Words = None,
    samples: Count = None,
    design: Literal["sobol", "random"] = "sobol",
    set: Words = None,
    steps: int | None = None,
    store: Path | None = None,
    on: str = "here",
    devices: Count = None,
    slots: Count = None,
    precision: str | None = None,
    live: bool = False,
    no_browser: bool = False,
    quiet: bool = False,
    json: bool = False,
) -> None:
    """Train a recipe or a TOML file, over as many values and seeds as you like.

    Parameters
    ----------
    name
        A recipe such as pair-mod67, or a TOML file as `flyroom show` prints it.
    over
        An axis: path=values, as a list (optimizer.weight_decay=0.1,0.3,1), a range (seed=0:64) or
        something to draw from (uniform(0, 1), loguniform(1e-3, 1), randint(8, 64)). Or @FILE.csv,
        points in rows below a head of paths. May be given several times; every combination is
        trained.
    samples
        How many points to draw from the axes that are drawn.
    design
        How they are drawn: sobol fills their space evenly, random draws each by itself.
    set
        One value: path=value. May be given several times.
    steps
        The budget of each run, in optimizer steps.
    store
        Where the results go; runs/NAME.zarr if not given.
    on
        Where: here, on the Ray cluster of this machine (ray; one is started if there is none), or
        on another (ray://host:10001).
    devices
        How many workers the CPU has; one for each core if not given (or FLYROOM_DEVICES).
    slots
        How many networks each has side by side.
    precision
        float32 or float64.
    live
        Watch it in the explorer, which stays until it is interrupted.
    no_browser
        Print the explorer's link, and do not open it.
    quiet
        Show no progress.
    json
        End with one line of JSON on standard output.
    """
    from .. import sweeps
    from . import output, sources
    from .explore import serve

    with output.errors(json):
        experiment, axes = sources.load(name)
        experiment = sources.changed(experiment, set or [], steps=steps, precision=precision)
        axes = {**axes, **sources.over(experiment, over or [], samples, design)}
        target = store or Path("runs") / f"{Path(name).stem.replace('_', '-')}.zarr"
        if live:
            sweeps.plan(experiment, axes)  # what is wrong is said before a browser opens
            words = [name, *_words(over=over, samples=samples, design=design, set=set, steps=steps)]
            words += _words(on=on, devices=devices, slots=slots)
            words += [*_words(precision=precision), *["--quiet"] * quiet, *["--json"] * json]
            return serve(target, words=words, browser=not no_browser, json=json)
        machine = sources.machine(on, devices, slots, quiet)
        began = time.monotonic()
        runs = sweeps.train(experiment, axes, store=target, machine=machine)
        output.trained(runs, time.monotonic() - began, int(runs["last_step"].sum()), json)


def _words(**options: object) -> list[str]:
    """Options as they were typed."""
    told: list[str] = []
    for name, value in options.items():
        for one in value if isinstance(value, list) else [value]:
            told += [] if one is None else [f"--{name}", str(one)]
    return told
