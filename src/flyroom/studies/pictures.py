from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure, SubFigure

from ..figures._style import FREQUENCIES, INK, STEPS, TEST, TRAIN, canvas, styled

_MANY = 32  # runs above which lines in a vector graphic become an image


@styled
def curves(
    runs: xr.Dataset,
    *rows: str | Sequence[str],
    per: int = 1,
    unit: str = "step",
    last: float | None = None,
    by: str | None = None,
) -> Figure | SubFigure:
    """Recorded measures over steps on a linear axis: each run faint, their median bold.

    Training is blue, test vermilion. An axis of losses is logarithmic if none of them is zero.

    Args:
        runs: results, as from `fr.train` or `fr.open`.
        rows: what each axis shows: the name of a scalar measure, or several.
        per: steps in one unit of the axis.
        unit: what the axis counts, such as `"epoch"`.
        last: where the axis ends, in that unit; at the last record if `None`.
        by: a coordinate of the runs, such as `"optimizer.weight_decay"`: one colour and one median
            for each of its values. Every axis then shows one measure.

    Raises:
        ValueError: with `by`, an axis has several measures.

    Example:
        >>> import flyroom as fr
        >>> fr.studies.curves(
        ...     runs, ("train_loss", "test_loss"), per=10, unit="epoch"
        ... )  # doctest: +SKIP
    """
    crowded = [row for row in rows if not isinstance(row, str) and len(row) > 1]
    if by is not None and crowded:
        raise ValueError(f"curves: got {crowded[0]} on one axis by {by}; allowed: one measure.")
    figure = canvas(None, 6.4, 0.5 + 1.9 * len(rows))
    grid = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
    for axes, row in zip(grid, rows, strict=True):
        names = [row] if isinstance(row, str) else list(row)
        for line, name in enumerate(names):
            color = _color(name, line)
            if by is None:
                _draw(axes, runs[name], per, color)
            else:
                _draw_by(axes, runs[name], per, by)
                color = INK
            axes.annotate(
                name.replace("_", " "), (line * 0.28, 1), (0, 5), xycoords="axes fraction",
                textcoords="offset points", color=color,
            )  # fmt: skip
        if all(name.endswith("_loss") and (runs[name] > 0).any() for name in names):
            losses = np.concatenate([runs[name].values.ravel() for name in names])
            axes.set_yscale("log" if (losses[~np.isnan(losses)] > 0).all() else "linear")
        units = {runs[name].attrs.get("units", "1") for name in names} - {"1"}
        axes.set_ylabel(", ".join(sorted(units)))
    if by is not None:
        title, values = by.rpartition(".")[2].replace("_", " "), len(np.unique(runs[by].values))
        grid[0].legend(  # above the axes, because lines may be anywhere in them
            title=title, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0, ncols=values,
            handlelength=1, columnspacing=1, fontsize="small", title_fontsize="small",
        )  # fmt: skip
    grid[-1].set_xlabel(unit)
    grid[-1].set_xlim(0, last or float(runs.step.max()) / per)
    if per == 1:
        grid[-1].xaxis.set_major_formatter(STEPS)
    return figure


def _color(name: str, line: int) -> str:
    side = {"train": TRAIN, "test": TEST}
    return side.get(name.partition("_")[0], FREQUENCIES[line % len(FREQUENCIES)])


def _draw_by(axes: Axes, measure: xr.DataArray, per: int, by: str) -> None:
    """The runs of each value of a coordinate in a colour of their own."""
    for place, value in enumerate(np.unique(measure[by].values)):
        color = FREQUENCIES[place % len(FREQUENCIES)]
        _draw(axes, measure.isel(run=measure[by].values == value), per, color, f"{value:g}")


def _draw(axes: Axes, measure: xr.DataArray, per: int, color: str, label: str = "") -> None:
    step = measure.step.values / per
    values = measure.transpose("run", "step").values
    segments = [np.column_stack([step, v])[~np.isnan(v)] for v in values]
    many = len(segments) > _MANY
    alpha = max(0.1, min(0.5, 3 / len(segments)))
    faint = LineCollection(segments, colors=color, linewidths=0.7, alpha=alpha, rasterized=many)
    axes.add_collection(faint)
    seen = ~np.isnan(values).all(0)
    axes.plot(step[seen], np.nanmedian(values[:, seen], 0), color=color, linewidth=1.8, label=label)
