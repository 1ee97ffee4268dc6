from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle

from ._labels import leaf_name
from ._style import FREQUENCIES, INK, RULE, canvas, styled

_COLUMNS = 3  # panels side by side
_WIDTH = 10.0  # inches that a row of cells may take
_UNSEEN: dict[str, Any] = {"hatch": "////", "edgecolor": "#ffffff", "linewidth": 0}


@styled
def phase_diagram(
    diagram: xr.Dataset, *, figure: Figure | SubFigure | None = None
) -> Figure | SubFigure:
    """The phases of a grid of settings, and how sure they are.

    Every cell is divided by the probabilities of its phases. It says how probable the first of them
    is, and how many of the runs that were seen there have shown it; one that no run was seen in is
    hatched. A line is drawn where neighbours have different phases. Very small cells say nothing.

    Args:
        diagram: as from `fr.measures.phase_diagram` or `fr.map`. Its first axis is drawn across,
            its second upwards; a third makes a panel of each value.
        figure: the figure or subfigure to draw in; a new one if `None`.

    Example:
        >>> import flyroom as fr
        >>> axes = ["task.clean.train_fraction", "task.noise"]
        >>> diagram = fr.measures.phase_diagram(
        ...     runs, axes, fr.measures.phase_doshi
        ... )  # doctest: +SKIP
        >>> fr.figures.phase_diagram(diagram)  # doctest: +SKIP
    """
    x, y, *third = (str(name) for name in diagram.runs.dims)
    panels = diagram[third[0]].values.tolist() if third else [None]
    columns = min(len(panels), _COLUMNS)
    rows = -(-len(panels) // columns)
    cell = min(0.62, _WIDTH / columns / diagram.sizes[x])
    figure = canvas(
        figure,
        max(5.0, columns * (cell * diagram.sizes[x] + 0.7)),
        rows * (cell * diagram.sizes[y] + 0.75) + 0.5,
    )
    places = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True)).ravel()
    for axes, value in zip(places, panels, strict=False):
        _panel(axes, diagram.sel({third[0]: value}) if third else diagram, cell)
        if third:
            axes.set_title(f"{leaf_name(third[0])} {_short(value)}")
    for i, axes in enumerate(places):
        axes.set_visible(i < len(panels))
        axes.tick_params(labelbottom=i + columns >= len(panels), labelleft=i % columns == 0)
        axes.set_xlabel(leaf_name(x) if i + columns >= len(panels) else "")
        axes.set_ylabel(leaf_name(y) if i % columns == 0 else "")
    named = diagram.probability.argmax("phase").values
    labels = [
        f"{name.replace('_', ' ')} ({(named == k).sum()} cells, {int(count)} runs)"
        for k, (name, count) in enumerate(
            zip(
                diagram.phase.values.tolist(),
                diagram["count"].sum(diagram.runs.dims).values,
                strict=True,
            )
        )
    ]
    patches = [Rectangle((0, 0), 1, 1, color=color) for color in _colors(diagram)]
    if not diagram.runs.all():
        patches.append(Rectangle((0, 0), 1, 1, facecolor=RULE, **_UNSEEN))
        labels.append("no run seen")
    figure.legend(patches, labels, loc="outside upper left", ncols=2)
    return figure


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _colors(diagram: xr.Dataset) -> list[str]:
    names = [name for name in diagram.phase.values.tolist() if name != "unknown"]
    return [
        FREQUENCIES[names.index(name) % len(FREQUENCIES)] if name in names else RULE
        for name in diagram.phase.values.tolist()
    ]


def _panel(axes: Axes, diagram: xr.Dataset, size: float) -> None:
    """The cells of two axes, of so many inches each."""
    x, y = diagram.runs.dims
    shares, counts = (
        diagram[name].transpose(x, y, "phase").values for name in ("probability", "count")
    )
    across, along = (diagram[name].values.tolist() for name in (x, y))
    first, colors = shares.argmax(-1), _colors(diagram)
    for i, j in np.ndindex(first.shape):
        _cell(axes, i, j, shares[i, j].tolist(), bool(counts[i, j].any()), colors)
        told = [f"{shares[i, j].max():.0%}"] if size > 0.45 else []
        if counts[i, j].any():
            told.append(f"{counts[i, j, first[i, j]]}/{counts[i, j].sum()}")
        if size > 0.25:
            axes.text(i, j, "\n".join(told), ha="center", va="center", fontsize=6.5, color=INK)
        if i and first[i, j] != first[i - 1, j]:
            axes.plot([i - 0.5] * 2, [j - 0.5, j + 0.5], color=INK, linewidth=1.6)
        if j and first[i, j] != first[i, j - 1]:
            axes.plot([i - 0.5, i + 0.5], [j - 0.5] * 2, color=INK, linewidth=1.6)
    axes.set_xlim(-0.5, len(across) - 0.5)
    axes.set_ylim(-0.5, len(along) - 0.5)
    axes.set_aspect("equal")
    every_x, every_y = (1 + len(values) // 12 for values in (across, along))
    axes.set_xticks(range(0, len(across), every_x), [_short(v) for v in across[::every_x]])
    axes.set_yticks(range(0, len(along), every_y), [_short(v) for v in along[::every_y]])
    axes.grid(visible=False)


def _cell(axes: Axes, i: int, j: int, shares: list[float], seen: bool, colors: list[str]) -> None:
    """One place of the map: strips as wide as their phase's probability."""
    left = i - 0.47
    for share, color in zip(shares, colors, strict=True):
        width = 0.94 * share
        axes.add_patch(Rectangle((left, j - 0.47), width, 0.94, color=color, linewidth=0))
        left += width
    if not seen:
        axes.add_patch(Rectangle((i - 0.47, j - 0.47), 0.94, 0.94, facecolor="none", **_UNSEEN))
