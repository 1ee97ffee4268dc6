from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import NullLocator

from ..figures._style import FREQUENCIES, INK, RULE, STEPS, TEST, TRAIN, canvas, styled
from .claim import Number

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


@styled
def arrows(panels: Mapping[str, np.ndarray]) -> Figure | SubFigure:
    """Vectors of the plane from the origin, numbered, each panel by the longest of its own.

    Args:
        panels: by title, an array with a vector in each row. A row has one colour in all panels.

    Example:
        >>> turns = 2 * np.pi * np.arange(5) / 5
        >>> figure = arrows({"in": np.stack([np.cos(turns), np.sin(turns)], axis=1)})
    """
    figure = canvas(None, 0.4 + 2.8 * len(panels), 3.1)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, vectors) in zip(grid, panels.items(), strict=True):
        longest = np.linalg.norm(vectors, axis=1).max()
        turn = np.linspace(0, 2 * np.pi, 200)
        axes.plot(np.cos(turn), np.sin(turn), color=RULE, linewidth=0.8)
        for number, (x, y) in enumerate(vectors / longest):
            color = FREQUENCIES[number % len(FREQUENCIES)]
            axes.plot([0, x], [0, y], color=color)
            axes.annotate(
                f"{number}", (x, y), (8 * x, 8 * y), textcoords="offset points", color=color,
                ha="center", va="center",
            )  # fmt: skip
        axes.set(title=title, aspect="equal", xlim=(-1.25, 1.25), ylim=(-1.25, 1.25))
        axes.set_axis_off()
    return figure


@styled
def stacks(panels: Mapping[str, Mapping[str, Mapping[str, Number]]]) -> Figure | SubFigure:
    """Bars that say which share of the runs of each setting is of which kind.

    Args:
        panels: by title, the settings of a panel; by setting, the count of each kind, in the same
            order everywhere.

    Example:
        >>> figure = stacks({"ours": {"0.1": {"memorised": 2, "grokked": 6}, "1": {"grokked": 4}}})
    """
    figure = canvas(None, 0.8 + 2.9 * len(panels), 2.9)
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    kinds = list(dict.fromkeys(k for bars in panels.values() for b in bars.values() for k in b))
    for axes, (title, bars) in zip(grid, panels.items(), strict=True):
        counts = np.array([[bar.get(kind, 0) for kind in kinds] for bar in bars.values()], float)
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        below = np.zeros(len(bars))
        for number, kind in enumerate(kinds):
            color = FREQUENCIES[number % len(FREQUENCIES)]
            axes.bar(list(bars), shares[:, number], 0.8, below, color=color, label=kind)
            below += shares[:, number]
        axes.set(title=title, ylim=(0, 1))
        axes.xaxis.set_minor_locator(NullLocator())
    grid[0].set_ylabel("share of runs")
    figure.legend(
        *grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(kinds),
        labelcolor=INK,
    )  # fmt: skip
    return figure


@styled
def clouds(panels: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure | SubFigure:
    """Points of the plane, coloured by what they belong to.

    Args:
        panels: by title, an array with a point in each row, and the class of each, from 0.

    Example:
        >>> points = np.random.default_rng(0).normal(size=(40, 2))
        >>> figure = clouds({"epoch 1": (points, np.arange(40) % 4)})
    """
    figure = canvas(None, 0.4 + 2.1 * len(panels), 2.4)
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, (points, classes)) in zip(grid, panels.items(), strict=True):
        colors = np.array(FREQUENCIES)[classes % len(FREQUENCIES)]
        axes.scatter(*points.T, c=colors, s=5, linewidths=0, rasterized=True)
        axes.set(title=title, xticks=[], yticks=[])
    return figure


@styled
def lines(series: Mapping[str, xr.DataArray], *, lowest: float | None = None) -> Figure | SubFigure:
    """Curves over one axis of their own, each with its name.

    Args:
        series: by name, values over one dimension with a coordinate.
        lowest: where a logarithmic axis of values begins; a linear one if `None`.

    Example:
        >>> places = np.linspace(-1, 1, 9)
        >>> figure = lines({"a": xr.DataArray(places**2, {"weight": places}, ("weight",), "y")})
    """
    figure = canvas(None, 6.4, 2.9)
    axes = figure.subplots()
    for number, (name, values) in enumerate(series.items()):
        color = FREQUENCIES[number % len(FREQUENCIES)]
        axes.plot(values[values.dims[0]], values, color=color, label=name)
    first = next(iter(series.values()))
    axes.set(xlabel=str(first.dims[0]), ylabel=first.attrs.get("long_name", first.name))
    if lowest is not None:
        axes.set_yscale("log")
        axes.set_ylim(bottom=lowest)
    figure.legend(loc="outside right upper", labelcolor=INK)
    return figure


@styled
def points(
    series: Mapping[str, tuple[np.ndarray, np.ndarray]], x: str, y: str, *, log: bool = False
) -> Figure | SubFigure:
    """A dot for each run, in the colour of its series, and a line through the medians of places.

    Args:
        series: by name, where each run is and what it came to. What is not finite is not drawn.
        x: what the places are.
        y: what the runs came to.
        log: logarithmic axes, for values that are all positive.

    Example:
        >>> rate = np.repeat([0.0, 0.5, 1.0], 4)
        >>> figure = points({"a": (rate, 1 - rate**2)}, "attention rate", "symmetricity")
    """
    figure = canvas(None, 6.4, 3.2)
    axes = figure.subplots()
    for number, (name, (places, values)) in enumerate(series.items()):
        again, color = divmod(number, len(FREQUENCIES))  # who is as green as another is dashed
        color, style = FREQUENCIES[color], ("-", "--", ":")[again % 3]
        kept = np.isfinite(values)
        places, values = places[kept], values[kept]
        axes.plot(places, values, "o", color=color, markersize=4, alpha=0.5, markeredgewidth=0)
        levels = np.unique(places)
        medians = [np.median(values[places == level]) for level in levels]
        axes.plot(levels, medians, style, color=color, label=name)
    axes.set(xlabel=x, ylabel=y)
    if log:
        axes.set(xscale="log", yscale="log")
        ticks = np.unique(np.concatenate([places for places, _ in series.values()]))
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
    figure.legend(loc="outside right upper", labelcolor=INK)
    return figure


def _color(name: str, line: int) -> str:
    side = {"train": TRAIN, "test": TEST}
    return side.get(name.partition("_")[0], FREQUENCIES[line % len(FREQUENCIES)])


def _draw_by(axes: Axes, measure: xr.DataArray, per: int, by: str) -> None:
    """The runs of each value of a coordinate in a colour of their own."""
    for place, value in enumerate(np.unique(measure[by].values)):
        color = FREQUENCIES[place % len(FREQUENCIES)]
        mine = measure.isel(run=measure[by].values == value)
        _draw(axes, mine, per, color, f"{value:g}", many=measure.sizes["run"] > _MANY)


def _draw(
    axes: Axes, measure: xr.DataArray, per: int, color: str, label: str = "", *, many: bool = False
) -> None:
    step = measure.step.values / per
    values = measure.transpose("run", "step").values
    segments = [np.column_stack([step, v])[~np.isnan(v)] for v in values]
    many = many or len(segments) > _MANY
    alpha = max(0.1, min(0.5, 3 / len(segments)))
    faint = LineCollection(segments, colors=color, linewidths=0.7, alpha=alpha, rasterized=many)
    axes.add_collection(faint)
    seen = ~np.isnan(values).all(0)
    axes.plot(step[seen], np.nanmedian(values[:, seen], 0), color=color, linewidth=1.8, label=label)
