import functools
import time
from pathlib import Path

from . import phases
from .options import Words


def watch(
    store: Path,
    /,
    *,
    rule: phases.Name | None = None,
    threshold: Words = None,
    json: bool = False,
) -> None:
    """See how a training stands that somebody else has started.

    Parameters
    ----------
    store
        The store that is trained into.
    rule
        Count the runs by phase: by losses (pair), by accuracies and their delay (liu), of wrong
        labels (doshi), or the stage that they have come to (nanda).
    threshold
        One number of the rule: name=value, as of `flyroom map`. May be given several times.
    json
        Say it once, as one line of JSON on standard output.
    """
    from json import dumps

    from rich.console import Console
    from rich.live import Live

    from . import output, standing

    with output.errors(json):
        by = functools.partial(phases.rule, rule, threshold or []) if rule else None
        now = standing.of(store, None, by)
        if json:
            return print(dumps(now.told()))
        console = Console()
        if not console.is_terminal:
            return console.print(now.render(), soft_wrap=True)
        try:
            with Live(now.render(), console=console, refresh_per_second=2) as live:
                while not now.over:
                    time.sleep(standing.PAUSE)
                    now = standing.of(store, now, by)
                    live.update(now.render())
        except KeyboardInterrupt:
            pass  # who looks on goes, and the training does not notice
