from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import xarray as xr

try:
    import anywidget
    import traitlets
except ImportError as error:
    raise ImportError(
        "The explorer in a notebook needs a package that is not installed: "
        "`pip install 'flyroom[explorer]'`."
    ) from error

from .. import results
from .bundle import bundle
from .page import program


class Explorer(anywidget.AnyWidget):
    """The explorer in a notebook; `explore` makes it.

    What its reader looks at are values of Python, and the other way round: set one, and the page
    goes there.

    Attributes:
        run: the number of the run.
        step: the step that was chosen; `None` for the last there is.
        state: all that was chosen, as it stands in the link of a page.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    bundle = traitlets.Bytes().tag(sync=True)
    state = traitlets.Unicode().tag(sync=True)
    run = traitlets.Int().tag(sync=True)
    step = traitlets.Int(None, allow_none=True, min=0).tag(sync=True)

    def __init__(self, runs: xr.Dataset, title: str | None, limit: int, explained: int) -> None:
        self._title, self._limit, self._explained = title, limit, explained
        self._runs = runs.run.values.tolist()
        self._store = str(runs.attrs.get("store", ""))
        first = self._runs[0] if self._runs else 0
        super().__init__(_esm=program(), bundle=self._read(runs), run=first)

    def refresh(self) -> None:
        """Reads the store again, of which there is more while it is trained into."""
        self.bundle = self._read(results.open(self._store).sel(run=self._runs))

    def _read(self, runs: xr.Dataset) -> bytes:
        return bundle(runs, title=self._title, limit=self._limit, explained=self._explained)

    @traitlets.validate("run")
    def _known(self, proposal: Any) -> int:
        if self._runs and proposal["value"] not in self._runs:
            raise traitlets.TraitError(
                f"run: got {proposal['value']}; allowed: {self._runs[0]} to {self._runs[-1]}."
            )
        return proposal["value"]

    @traitlets.observe("state")
    def _was_looked_at(self, change: Any) -> None:
        """What the page says is chosen; as the page does, it takes no number for none."""
        parts = dict(parse_qsl(change["new"]))
        run, step = (_whole(parts.get(name)) for name in ("run", "step"))
        with self.hold_trait_notifications():
            if run in self._runs:
                self.run = run
            self.step = step

    @traitlets.observe("run", "step")
    def _was_chosen(self, change: Any) -> None:
        del change
        parts = {**dict(parse_qsl(self.state)), "run": self.run, "step": self.step}
        self.state = urlencode({k: v for k, v in parts.items() if v is not None}, safe=",")


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 16 else None


def explore(
    runs: xr.Dataset | str | Path,
    *,
    title: str | None = None,
    limit: int = 16_000_000,
    explained: int = 24,
) -> Explorer:
    """The explorer of some runs, as a widget of Jupyter or marimo.

    Args:
        runs: results, as from `fr.train` or `fr.open`, of the runs that are left in it; or the path
            of a store.
        title: what they are called; the name of the store if not given.
        limit: how many bytes of curves and weights it may hold, as in `bundle`.
        explained: how many networks are explained in it, as in `bundle`. Each takes about a second,
            also when the widget is refreshed; with 0 it is there at once.

    Returns:
        The widget. Its `run`, `step` and `state` are what its reader looks at, and can be set.

    Raises:
        ImportError: the extra `explorer` is not installed.
        PageError: the program of the page was not built when flyroom was installed.
        StoreError: there is no such store.

    Example:
        >>> import flyroom as fr
        >>> view = fr.explore("runs/decay.zarr")  # doctest: +SKIP
        >>> view.step = 4096  # doctest: +SKIP
    """
    data = runs if isinstance(runs, xr.Dataset) else results.open(runs)
    title = title or Path(str(data.attrs.get("store", "flyroom runs"))).stem
    return Explorer(data, title, limit, explained)
