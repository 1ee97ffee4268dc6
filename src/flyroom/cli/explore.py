from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

Port = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=65535))]


def explore(
    store: Path,
    /,
    *,
    run: list[int] | None = None,
    port: Port = 0,
    host: str = "127.0.0.1",
    no_browser: bool = False,
    json: bool = False,
) -> None:
    """Look at the runs of a store in a browser, while they train too, and train there.

    Parameters
    ----------
    store
        A store, finished or not; or where one is to be, which the page then trains.
    run
        Which run is shown, several times for several; all if not given.
    port
        Where to listen; any that is free if not given.
    host
        An address of this machine to listen at; only this machine itself is let in if not given.
    no_browser
        Print the link, and do not open it.
    json
        Print one line of JSON too: the link.
    """
    serve(store, run=run, port=port, host=host, browser=not no_browser, json=json)


def serve(store: Path, *, json: bool, **options: object) -> None:
    """Serves the explorer, until it is interrupted.

    Args:
        store: the store.
        json: whether programs are told too.
        **options: as those of `explorer.server.serve`.
    """
    from json import dumps

    from .. import explorer
    from . import output

    def tell(link: str) -> None:
        print(f"explorer {link}", flush=True)
        if json:
            print(dumps({"link": link}), flush=True)

    with output.errors(json, explorer.PageError, ImportError):
        import jax

        from ..explorer import server

        # A graphics card is left to whoever trains.
        jax.config.update("jax_platforms", "cpu")
        server.serve(store, **options, told=tell)  # pyright: ignore[reportArgumentType]
