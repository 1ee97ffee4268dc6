import time
from pathlib import Path

from .. import environment


def watch(store: Path, /, *, json: bool = False) -> None:
    """See how a training stands that somebody else has started.

    Parameters
    ----------
    store
        The store that is trained into.
    json
        Say it once, as one line of JSON on standard output.
    """
    environment.configure()
    from json import dumps

    from rich.console import Console
    from rich.live import Live

    from . import output, standing

    with output.errors(json):
        now = standing.of(store)
        if json:
            return print(dumps(now.told()))
        console = Console()
        if not console.is_terminal:
            return console.print(now.render(), soft_wrap=True)
        try:
            with Live(now.render(), console=console, refresh_per_second=2) as live:
                while not now.over:
                    time.sleep(standing.PAUSE)
                    now = standing.of(store, now)
                    live.update(now.render())
        except KeyboardInterrupt:
            pass  # who looks on goes, and the training does not notice
