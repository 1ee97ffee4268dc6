import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import LogLocator, NullLocator

from .. import measures
from ._labels import run_label
from ._style import POWERS, QUIET, TEST, TRAIN, canvas, share_axis, step_axis, styled

_SIDES = (("train", TRAIN), ("test", TEST))
_MANY = 32  # runs above which lines in a vector graphic become an image


@styled
def learning_curves(
    runs: xr.Dataset,
    run: int | None = None,
    *,
    threshold: float = 0.99,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Accuracy and loss over steps, and when the threshold was reached.

    Filled triangles on the upper edge mark the step at which a run memorised or generalised, open
    ones the step up to which it was observed without doing so.

    Args:
        runs: results with losses and accuracies of training and test examples.
        run: the number of the run; all of them if `None`.
        threshold: the accuracy that counts as memorised and as generalised.
        figure: the figure or subfigure to draw in; a new one if `None`.

    Example:
        >>> import flyroom as fr
        >>> fr.figures.learning_curves(runs, run=0)  # doctest: +SKIP
    """
    figure = canvas(figure, 5.6, 4.3)
    runs = runs if run is None else runs.sel(run=[run])
    above, below = figure.subplots(2, 1, sharex=True)
    for side, color in _SIDES:
        _lines(above, runs[f"{side}_accuracy"], color)
        _lines(below, runs[f"{side}_loss"], color)
    step_axis(below, float(runs.step.max()))
    share_axis(above)
    above.set_ylabel("accuracy")
    if any((runs[f"{side}_loss"] > 0).any() for side, _ in _SIDES):
        below.set_yscale("log", nonpositive="mask")
        below.yaxis.set_major_locator(LogLocator(numticks=6))
        below.yaxis.set_major_formatter(POWERS)
        below.yaxis.set_minor_locator(NullLocator())
    units = runs.test_loss.attrs.get("units", "1")
    below.set_ylabel("loss" if units == "1" else f"loss [{units}]")
    below.set_xlabel("step")
    times = {
        "memorised": (TRAIN, measures.memorization_step(runs, threshold)),
        "generalised": (TEST, measures.generalization_step(runs, threshold)),
    }
    for line, (word, (color, time)) in enumerate(times.items()):
        _mark(above, time, color)
        side = _SIDES[line][0]
        text = f"{side}  —  {_summary(word, time, runs)}"
        above.annotate(
            text, (0, 1), (0, 26 - 12 * line), xycoords="axes fraction",
            textcoords="offset points", color=color,
        )  # fmt: skip
        if runs.sizes["run"] == 1 and time.notnull().any():
            for axes in (above, below):
                axes.axvline(time.item(), color=color, linewidth=0.8, linestyle=(0, (2, 2)))
    return figure


@styled
def overview(
    runs: xr.Dataset,
    *,
    threshold: float = 0.99,
    limit: int = 24,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Training and test accuracy of many runs, one small picture for each.

    Args:
        runs: results with `train_accuracy` and `test_accuracy`.
        threshold: the test accuracy that counts as generalised.
        limit: how many runs are shown, the first ones; the picture says how many are not.
        figure: the figure or subfigure to draw in; a new one if `None`.

    Example:
        >>> import flyroom as fr
        >>> fr.figures.overview(runs)  # doctest: +SKIP
    """
    shown = runs.isel(run=slice(limit))
    count, left_out = shown.sizes["run"], max(0, runs.sizes["run"] - limit)
    # As few empty places as can be, and room for the words; small sweeps stand in one row.
    columns = count if count < 5 else min((4, 3), key=lambda n: -count % n)
    rows = -(-count // columns)
    figure = canvas(figure, 6.4, 0.7 + 1.25 * rows)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    times = measures.generalization_step(shown, threshold)
    said = measures.describe_times(times, shown.get("status"))
    for i, axes in enumerate(grid.flat):
        if i >= count:
            axes.set_axis_off()
            continue
        for side, color in _SIDES:
            _lines(axes, shown[f"{side}_accuracy"].isel(run=[i]), color)
        _mark(axes, times.isel(run=[i]), TEST)
        axes.set_title(run_label(shown, i), fontsize=8, pad=15)
        words = said[i].split(" (")[0]
        axes.annotate(
            words, (0, 1), (0, 5), xycoords="axes fraction", textcoords="offset points",
            fontsize=7, color=TEST if words.startswith("at") else QUIET,
        )  # fmt: skip
        axes.tick_params(labelsize=7, labelbottom=i + columns >= count)
    step_axis(grid[0, 0], float(shown.step.max()), small=True)
    share_axis(grid[0, 0])
    more = f"  ({left_out:,} more runs are not shown)" if left_out else ""
    figure.supxlabel(f"step{more}", fontsize=9)
    figure.supylabel("accuracy", fontsize=9)
    return figure


def _lines(axes: Axes, curves: xr.DataArray, color: str) -> None:
    """One line for each run, through the steps at which it has a record."""
    step, values = curves.step.values, curves.transpose("run", "step").values
    segments = [np.column_stack([step, v])[~np.isnan(v)] for v in values]
    count = len(segments)
    lines = LineCollection(
        segments,
        colors=color,
        linewidths=1.6 if count == 1 else 0.9,
        alpha=1 if count == 1 else max(0.1, min(0.7, 4 / count)),
        rasterized=count > _MANY,
    )
    axes.add_collection(lines)
    axes.autoscale_view()


def _mark(axes: Axes, times: xr.DataArray, color: str) -> None:
    for at, fill in ((times, color), (times.censored_at, "none")):
        axes.plot(
            at.values, np.ones(at.size), "v" if fill == color else ">", markersize=5,
            color=color, markerfacecolor=fill, clip_on=False, transform=axes.get_xaxis_transform(),
        )  # fmt: skip


def _summary(word: str, times: xr.DataArray, runs: xr.Dataset) -> str:
    """What happened when: of one run in words, of many as a count and a median."""
    if times.size == 1:
        said = measures.describe_times(times, runs.get("status"))[0]
        if said == "no record":
            return "no record yet"
        return f"not {word} {said[4:]}" if said.startswith("not ") else f"{word} {said}"
    median = measures.median_time(times).item()
    when = "not reached" if np.isnan(median) else f"at step {median:,.0f}"
    count = f"{int(times.notnull().sum()):,} of {times.size:,} runs"
    return f"{word} in {count}, Kaplan–Meier median {when}"
