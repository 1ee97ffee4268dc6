import base64
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import xarray as xr

from .bundle import bundle

ROOM = files(__name__.rpartition(".")[0])
_PROGRAM = ROOM / "static" / "explorer.js"


class PageError(RuntimeError):
    """A page that cannot be written because the program in it was not built."""


def write_page(
    runs: xr.Dataset,
    path: str | Path,
    *,
    title: str | None = None,
    limit: int = 3_400_000,
    explained: int = 24,
) -> Path:
    """Writes one HTML file in which results are looked at and taken apart, and that needs no other.

    It opens from disk, and asks the network for nothing.

    Args:
        runs: results, as from `fr.train` or `fr.open`; of the runs that are left in it.
        path: the file.
        title: its heading; the name of the store if not given.
        limit: how many bytes of curves and weights it may hold, as in `bundle`.
        explained: how many networks are explained in it, as in `bundle`.

    Returns:
        The path.

    Raises:
        PageError: the program of the page was not built when flyroom was installed.

    Example:
        >>> import flyroom as fr
        >>> fr.explorer.write_page(runs, "page.html", title="Addition mod 67")  # doctest: +SKIP
    """
    title = title or Path(str(runs.attrs.get("store", "flyroom runs"))).stem
    text = Template((ROOM / "page.html").read_text(encoding="utf-8")).substitute(
        title=escape(title),
        program=program(),
        bundle=base64.b64encode(
            bundle(runs, title=title, limit=limit, explained=explained)
        ).decode(),
    )
    path = Path(path)
    path.write_text(text, encoding="utf-8")
    return path


def program() -> str:
    """The program of the explorer's pages.

    Raises:
        PageError: it was not built when flyroom was installed.
    """
    if not _PROGRAM.is_file():
        raise PageError(
            "The explorer was not built when flyroom was installed: packages of its front end "
            "could not be had from npm then. Install flyroom again where they can be, with "
            "`pip install --force-reinstall --no-deps` and what you installed it from."
        )
    return _PROGRAM.read_text(encoding="utf-8")
