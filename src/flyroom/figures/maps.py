import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from ._labels import leaf_name, short
from ._style import FREQUENCIES, INK, QUIET, RULE, canvas, styled


@styled
def phase_map(
    phase: xr.DataArray, x: str, y: str, *, figure: Figure | SubFigure | None = None
) -> Figure | SubFigure:
    """How many runs of each phase there are at every place of a sweep over two axes.

    Every cell is divided by the shares of its phases, and says how many runs it has if they differ
    in phase or in number.

    Args:
        phase: codes over `run`, as from `fr.measures.phase_liu` and its like.
        x: path of the swept value along the horizontal axis.
        y: along the vertical axis.
        figure: the figure or subfigure to draw in; a new one if `None`.

    Example:
        >>> import flyroom as fr
        >>> phase = fr.measures.phase_doshi(runs)  # doctest: +SKIP
        >>> fr.figures.phase_map(phase, "task.clean.train_fraction", "task.noise")  # doctest: +SKIP
    """
    across, along = (np.unique(phase[name].values) for name in (x, y))
    figure = canvas(figure, 6.4, 1.4 + min(5.0, 0.55 * len(along)))
    axes = figure.subplots()
    names, codes = phase.attrs["flag_meanings"].split(), phase.attrs["flag_values"]
    colors = [RULE, *FREQUENCIES]  # the first code is the unknown
    for i, first in enumerate(across):
        for j, second in enumerate(along):
            here = phase.values[(phase[x].values == first) & (phase[y].values == second)]
            _cell(axes, i, j, [int((here == code).sum()) for code in codes], colors)
    axes.set_xlim(-0.5, len(across) - 0.5)
    axes.set_ylim(-0.5, len(along) - 0.5)
    axes.set_xticks(range(len(across)), [short(v) for v in across])
    axes.set_yticks(range(len(along)), [short(v) for v in along])
    axes.set_xlabel(leaf_name(x))
    axes.set_ylabel(leaf_name(y))
    axes.grid(visible=False)
    present = [k for k, code in enumerate(codes) if (phase.values == code).any()]
    patches = [Rectangle((0, 0), 1, 1, color=colors[k]) for k in present]
    labels = [f"{names[k].replace('_', ' ')} ({(phase.values == codes[k]).sum()})" for k in present]
    figure.legend(patches, labels, loc="outside upper left", ncols=3)
    return figure


def _cell(axes: Axes, i: int, j: int, counts: list[int], colors: list[str]) -> None:
    """One place of the map: strips as wide as their phase's share."""
    total, left = sum(counts), i - 0.47
    if not total:
        axes.text(i, j, "–", ha="center", va="center", color=QUIET)
        return
    for count, color in zip(counts, colors, strict=False):
        width = 0.94 * count / total
        axes.add_patch(Rectangle((left, j - 0.47), width, 0.94, color=color, linewidth=0))
        left += width
    if total > 1:
        axes.text(i, j, f"{max(counts)}/{total}", ha="center", va="center", fontsize=7, color=INK)
