"""When runs got there, with those that did not in every picture."""

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

from .. import measures
from ._labels import leaf_name, short
from ._style import FREQUENCIES, INK, QUIET, STEPS, TEST, canvas, share_axis, styled


@styled
def survival_curves(
    times: xr.DataArray,
    *,
    by: str | Sequence[str] | None = None,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Share of runs that got there by each step (Kaplan–Meier), with its log–log interval.

    Small upright strokes mark runs that are censored. Below stands how many runs had not got there
    and were still observed; above settings what the log-rank test says of them.

    Args:
        times: a time over `run`, as from `generalization_step`.
        by: the path of a swept value, or several; one curve for each setting. One curve if `None`.
        figure: the figure or subfigure to draw in; a new one if `None`.

    Example:
        >>> import flyroom as fr
        >>> when = fr.measures.generalization_step(runs)  # doctest: +SKIP
        >>> fr.figures.survival_curves(when, by="optimizer.weight_decay")  # doctest: +SKIP
    """
    parts = measures.by_setting(times, by)
    figure = canvas(figure, 5.6, 2.6 + 0.36 * len(parts))
    axes = figure.subplots()
    colors = (TEST,) if by is None else (TEST, *FREQUENCIES)
    for i, (key, part) in enumerate(parts.items()):
        _survival(axes, part, colors[i % len(colors)], _setting(key, by))
    axes.set_xlim(left=min(0, times.min().item()))
    share_axis(axes)
    axes.set_xlabel(times.attrs.get("units", "step"))
    axes.set_ylabel("share of runs")
    left, right = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if left <= tick <= right]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_major_formatter(STEPS)
    _still_observed(axes, list(parts.values()), colors)
    # Above the axes, because lines may be anywhere in them.
    told = None if by is None or len(parts) < 2 else _compared(times, by)
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.5, title=told, alignment="left",
        title_fontsize=8,
    )  # fmt: skip
    return figure


@styled
def intervals(
    estimates: Mapping[str, measures.Estimate],
    *,
    label: str = "",
    reference: float | None = None,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Numbers below each other, each with its interval; one that has no bound ends in an arrow.

    Args:
        estimates: by name, as from `fr.measures.bootstrap`.
        label: what the numbers are.
        reference: a value to hold them against, such as what chance gives: a dashed line.
        figure: the figure or subfigure to draw in; a new one if `None`.

    Example:
        >>> import flyroom as fr
        >>> found = {"loss": fr.measures.Estimate(0.9, 0.8, 1.0)}
        >>> drawn = fr.figures.intervals(found, label="area under the curve", reference=0.5)
    """
    figure = canvas(figure, 5.6, 0.9 + 0.34 * len(estimates))
    axes = figure.subplots()
    ends = [end for one in estimates.values() for end in (one.value, one.low, one.high)]
    ends = [end for end in (*ends, reference) if end is not None and np.isfinite(end)]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    room = 0.06 * (high - low) or 1.0
    for row, one in enumerate(estimates.values()):
        if np.isnan([one.low, one.high]).any():
            continue
        sides = np.clip([one.low, one.high], low - room, high + room)
        axes.plot(sides, [row, row], color=TEST, linewidth=1.6)
        for side, marker in zip((one.low, one.high), "<>", strict=True):
            if np.isinf(side):
                axes.plot(np.clip(side, low - room, high + room), row, marker, color=TEST)
    values = [one.value for one in estimates.values()]
    axes.plot(np.where(np.isfinite(values), values, np.nan), range(len(values)), "o", color=TEST)
    if reference is not None:
        axes.axvline(reference, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_yticks(range(len(estimates)), list(estimates))
    axes.set(xlabel=label, xlim=(low - 1.5 * room, high + 1.5 * room))
    axes.set_ylim(len(estimates) - 0.5, -0.5)
    return figure


@styled
def scaling(
    times: xr.DataArray,
    x: str,
    *,
    form: str = "power",
    confidence: float = 0.95,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Times over a swept value, and the law that they follow, as from `fr.measures.scaling_law`.

    Dots are runs that got there, open triangles runs that are censored: their times are longer. The
    band is the interval of the median time that the law gives. A dashed line is a critical point.

    Args:
        times: a time over `run`, as from `generalization_step`.
        x: the path of the swept value.
        form: of the law: its axis is logarithmic for the forms that are powers of the value itself.
        confidence: level of the intervals.
        figure: the figure or subfigure to draw in; a new one if `None`.

    Example:
        >>> import flyroom as fr
        >>> when = fr.measures.generalization_step(runs)  # doctest: +SKIP
        >>> fr.figures.scaling(when, "optimizer.weight_decay")  # doctest: +SKIP
    """
    law = measures.scaling_law(times, x, form=form, confidence=confidence)
    figure = canvas(figure, 4.8, 3.6)
    axes = figure.subplots()
    place = times[x].values.astype(float)
    powers = form in ("power", "floor")
    axes.set(xscale="log" if powers else "linear", yscale="log")
    for at, marker, fill in ((times, "o", TEST), (times.censored_at, "^", "none")):
        axes.plot(
            place, at.values, marker, color=TEST, markerfacecolor=fill, markersize=4, alpha=0.7
        )
    low, high = axes.get_ylim()
    ends = np.nanmin(place), np.nanmax(place)
    over = np.geomspace(*ends, 200) if powers else np.linspace(*ends, 200)
    center, below, above = (np.clip(line, low / 10, high * 10) for line in law.at(over))
    axes.plot(over, center, color=INK, linewidth=1.2)
    axes.fill_between(over, below, above, color=INK, alpha=0.12, linewidth=0)
    critical = law.parameters.get("critical")
    if critical is not None and ends[0] <= critical.value <= ends[1]:
        axes.axvline(critical.value, color=QUIET, linewidth=0.8, linestyle=(0, (4, 3)))
    axes.set_ylim(low, high)
    _value_axes(axes, np.unique(place))
    axes.set(xlabel=leaf_name(x), ylabel=times.attrs.get("units", "step"))
    name = next(name for name in ("exponent", "rate") if name in law.parameters)
    bend = [f"{key} {law.parameters[key]}" for key in list(law.parameters)[2:]]
    bend += [] if law.curvature is None else [f"curvature {law.curvature}"]
    count = f"{law.reached + law.censored} runs, {law.censored} censored"
    _said(axes, [f"{law.formula}:  {name} {law.parameters[name]}", ";  ".join([*bend, count])])
    return figure


@styled
def paired(
    times: xr.DataArray,
    between: str,
    *,
    along: str | Sequence[str] = "seed",
    values: tuple[object, object] | None = None,
    ratio: bool = True,
    confidence: float = 0.95,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """Runs that differ in one setting alone, each pair a mark, as `fr.measures.paired` judges them.

    On the line both are equally fast. An open triangle points to where the pair may be instead,
    because one of its runs is censored, or both; grey pairs are undecided or equal.

    Args:
        times: a time over `run`, as from `generalization_step`.
        between: the path of the setting.
        along: what the runs of a pair share: the path of the seeds, or several paths.
        values: the two values of the setting, if it has more than two.
        ratio: whether times are compared by their ratio, and the axes are logarithmic.
        confidence: level of the interval.
        figure: the figure or subfigure to draw in; a new one if `None`.

    Example:
        >>> import flyroom as fr
        >>> when = fr.measures.generalization_step(runs)  # doctest: +SKIP
        >>> fr.figures.paired(when, "optimizer.weight_decay")  # doctest: +SKIP
    """
    found = measures.paired(
        times, between, along=along, values=values, ratio=ratio, confidence=confidence
    )
    figure = canvas(figure, 4.2, 5.2)
    axes = figure.subplots()
    if ratio:
        axes.set(xscale="log", yscale="log")
    reached, until = found.pairs.time.values, found.pairs.censored_at.values
    place, late = np.where(np.isnan(reached), until, reached), np.isnan(reached)
    kinds = {"first": FREQUENCIES[0], "second": FREQUENCIES[1], "tie": QUIET, "undecided": QUIET}
    for (kind, color), words in zip(kinds.items(), found.table.index, strict=False):
        mine = (found.pairs.outcome == kind).values
        for open_end, marker in _MARKS.items():
            at = place[mine & (late == open_end).all(1)]
            fill = "none" if any(open_end) else color
            axes.plot(*at.T, linestyle="none", marker=marker, color=color, markerfacecolor=fill)
        if kind != "tie" or found.counts[kind]:
            label = f"{words}: {found.counts[kind]}"
            axes.plot([], [], linestyle="none", marker="o", color=color, label=label)
    if found.counts["incomplete"]:
        label = f"{found.table.index[-1]}: {found.counts['incomplete']}"
        axes.plot([], [], linestyle="none", label=label)
    seen = place[~np.isnan(place).any(1)]
    ends = (seen.min() / 1.3, seen.max() * 1.3)
    if not ratio:
        margin = 0.05 * max(float(np.ptp(seen)), 1.0)
        ends = (seen.min() - margin, seen.max() + margin)
    axes.plot(ends, ends, color=QUIET, linewidth=0.8, zorder=0)
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        if ratio:
            _round_times(axis)
    units = times.attrs.get("units", "step")
    names = [f"{units} with {leaf_name(between)} {short(value)}" for value in found.values]
    axes.set(xlabel=names[0], ylabel=names[1])
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.5, alignment="left",
        title="\n".join(found.said), title_fontsize=8, fontsize=8, labelspacing=0.3,
    )  # fmt: skip
    return figure


# Where each side's time may be later still: the mark points there.
_MARKS = {
    (False, False): "o",
    (True, False): (3, 0, -90),
    (False, True): (3, 0, 0),
    (True, True): (3, 0, -45),
}


def _survival(axes: Axes, times: xr.DataArray, color: str, name: str) -> None:
    """One curve, its interval and its censored runs."""
    if not len(measures.censored_data(times)):
        axes.plot([], [], color=color, label=f"{name or 'runs'}: none observed")
        return
    found = measures.survival(times)
    step = np.concatenate([[0.0], found.step.values])
    share, low, high = (
        1 - np.concatenate([[1.0], found[k].values]) for k in ("survival", "high", "low")
    )
    count = f"{found.attrs['reached']} of {found.attrs['reached'] + found.attrs['censored']}"
    label = f"{name}: {count}" if name else f"{count} runs"
    axes.step(step, share, where="post", color=color, label=label)
    axes.fill_between(step, low, high, step="post", color=color, alpha=0.15, linewidth=0)
    ended = np.unique(times.censored_at.values[times.censored_at.notnull().values])
    at = share[np.searchsorted(step, ended, side="right") - 1]
    axes.plot(ended, at, "|", color=color, markersize=8)


def _compared(times: xr.DataArray, by: str | Sequence[str]) -> str | None:
    """What the log-rank test says of settings, if there is enough to compare."""
    try:
        return str(measures.logrank(times, by))
    except ValueError:
        return None


def _still_observed(axes: Axes, parts: Sequence[xr.DataArray], colors: Sequence[str]) -> None:
    """How many runs of each setting had not got there and were observed, below each tick."""
    place = {"xycoords": axes.get_xaxis_transform(), "textcoords": "offset points"}
    small = {"fontsize": 7.5, "annotation_clip": False, "va": "top"}
    axes.annotate(
        "still observed", (axes.get_xlim()[0], 0), (0, -21), color=QUIET, **small, **place
    )
    for row, part in enumerate(parts):
        last = part.fillna(part.censored_at).values
        for tick in axes.get_xticks():
            axes.annotate(
                f"{int((last >= tick).sum())}", (tick, 0), (0, -37 - 11 * row), ha="center",
                color=colors[row % len(colors)], **small, **place,
            )  # fmt: skip


def _setting(key: tuple[object, ...], by: str | Sequence[str] | None) -> str:
    paths = [by] if isinstance(by, str) else list(by or ())
    return ", ".join(f"{leaf_name(p)} {short(v)}" for p, v in zip(paths, key, strict=True))


def _value_axes(axes: Axes, values: np.ndarray) -> None:
    """Ticks at the swept values where there are few, and at round times."""
    if values.size <= 8:
        axes.xaxis.set_major_locator(FixedLocator(values.tolist()))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, position: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    _round_times(axes.yaxis)


def _round_times(axis: Axis) -> None:
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 5, 7)))
    axis.set_major_formatter(STEPS)
    axis.set_minor_formatter(NullFormatter())


def _said(axes: Axes, lines: Sequence[str]) -> None:
    """Lines of text above the axes."""
    for row, text in enumerate(reversed(lines)):
        axes.annotate(
            text.replace("-", "−"), (0, 1), (0, 6 + 12 * row), xycoords="axes fraction",
            textcoords="offset points", fontsize=8,
        )  # fmt: skip
