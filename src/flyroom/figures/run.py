from typing import Any

import xarray as xr
from matplotlib.figure import Figure, SubFigure

from .. import measures, results
from ..results import StoreError
from ..spec import SpecError
from ._labels import run_label
from ._style import canvas, styled
from .curves import learning_curves
from .weights import neurons_by_frequency, spectrum, weights_before_after


@styled
def plot(
    runs: xr.Dataset,
    run: int = 0,
    *,
    threshold: float = 0.99,
    networks: tuple[Any, Any] | None = None,
) -> Figure | SubFigure:
    """One run at a glance: its learning curves, and its weights if they were kept.

    Args:
        runs: results, as from `fr.train` or `fr.open`.
        run: the number of the run.
        threshold: the accuracy that counts as memorised and as generalised.
        networks: the network as it began (or `None`) and as it ended; read from the store of
            `runs` if not given.

    Example:
        >>> import flyroom as fr
        >>> fr.figures.plot(runs, run=0)  # doctest: +SKIP
    """
    first, last = kept_networks(runs, run) if networks is None else networks
    if last is None or not measures.has_tables(last):
        return learning_curves(runs, run, threshold=threshold)
    figure = canvas(None, 12.4, 7.4)
    left, right = figure.subfigures(1, 2, squeeze=False, wspace=0.03)[0]
    if measures.reads_tokens(last):
        above, below = left.subfigures(2, 1, squeeze=False, height_ratios=(1.7, 1))[:, 0]
        spectrum(last, figure=below)
        neurons_by_frequency(last, figure=right)
    else:
        above = left
        weights_before_after(first if first is not None else last, last, figure=right)
    learning_curves(runs, run, threshold=threshold, figure=above)
    position = runs.run.values.tolist().index(run)
    figure.suptitle(run_label(runs, position), x=0.01, ha="left", fontsize=11)
    return figure


def kept_networks(runs: xr.Dataset, run: int) -> tuple[Any, Any]:
    """The network of a run as it began and as it ended.

    Each is `None` if it was not kept, or is of a class that cannot be imported here.
    """
    if "store" not in runs.attrs:
        return None, None

    def kept(step: int | None) -> Any:
        try:
            return results.network(runs, run, step)
        except (StoreError, SpecError):
            return None

    return kept(0), kept(None)
