from itertools import groupby
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, MaxNLocator

from .. import measures
from ._style import QUIET, WEIGHTS, canvas, color_of, styled


@styled
def weights_before_after(
    first: Any, last: Any, *, figure: Figure | SubFigure | None = None
) -> Figure | SubFigure:
    """The weights into and out of every neuron, before and after training.

    Neurons stand in the same order above and below: by their frequency and phase after training
    if the network reads tokens, by the size of their weights if it does not. Every matrix has a
    colour scale of its own, symmetric around zero.

    Args:
        first: the network as it began.
        last: the network as it ended.
        figure: the figure or subfigure to draw in; a new one if `None`.

    Example:
        >>> import flyroom as fr
        >>> first, last = fr.network(runs, 0, step=0), fr.network(runs, 0)  # doctest: +SKIP
        >>> fr.figures.weights_before_after(first, last)  # doctest: +SKIP
    """
    figure = canvas(figure, 6.4, 4.4)
    order, groups = _order(last)
    rows = {"before training": _matrices(first), "after training": _matrices(last)}
    columns = [matrix.shape[1] for matrix, _ in _matrices(last)]
    widths = [max(6, n) ** 0.5 for n in columns]
    grid = figure.subplots(2, len(widths), squeeze=False, width_ratios=widths)
    for line, (when, found) in enumerate(rows.items()):
        for axes, width, (matrix, names) in zip(grid[line], widths, found, strict=True):
            _heatmap(axes, matrix[order], bar=0.03 * widths[0] / width)
            axes.tick_params(left=False, labelleft=False, labelsize=7.5)
            axes.tick_params(bottom=line == 1, labelbottom=line == 1)
            axes.set_xlabel(names if line == 1 else "")
        for axes, title in zip(
            grid[line], (f"into the neurons, {when}", "out of them"), strict=False
        ):
            axes.set_title(title)
        grid[line, 0].set_yticks([at for at, _ in groups], [name for _, name in groups])
        grid[line, 0].tick_params(labelleft=True, pad=1)
    return figure


@styled
def neurons_by_frequency(
    network: Any, *, share: float = 0.85, figure: Figure | SubFigure | None = None
) -> Figure | SubFigure:
    """The input weights of every neuron as a wave over the tokens, grouped by frequency.

    Within a group neurons are sorted by phase. All waves are drawn to one scale. Neurons that are
    no wave come last, in grey. If each position has a table of its own, the first is shown.

    Args:
        network: a network that reads tokens, or its matrix from tokens to neurons.
        share: of its power that a neuron's frequency has to hold.
        figure: the figure or subfigure to draw in; a new one if `None`.

    Example:
        >>> import flyroom as fr
        >>> fr.figures.neurons_by_frequency(fr.network(runs, run=0))  # doctest: +SKIP
    """
    found = measures.neuron_frequencies(network, share=share)
    table = np.asarray(measures.input_tables(network), np.float64)[0]
    order = measures.wave_order(found)
    frequency = found.frequency.values[order]
    groups = [(k, np.array(list(g))) for k, g in groupby(order, lambda n: int(found.frequency[n]))]
    colors = color_of(sorted(k for k, _ in groups if k)) | {0: QUIET}
    spacing = min(0.17, 7 / len(frequency))
    heights = [len(neurons) + 1.2 for _, neurons in groups]
    figure = canvas(figure, 5.6, max(1.6, spacing * sum(heights) + 0.35 * len(groups)))
    grid = figure.subplots(len(groups), 1, sharex=True, squeeze=False, height_ratios=heights)
    scale = 0.65 / np.abs(table).max()
    for axes, (k, neurons) in zip(grid[:, 0], groups, strict=True):
        for line, neuron in enumerate(neurons):
            base = len(neurons) - 1 - line
            wave = base + scale * table[:, neuron]
            axes.fill_between(np.arange(len(wave)), base, wave, color=colors[k], alpha=0.16, lw=0)
            axes.plot(wave, color=colors[k], linewidth=1.1 if len(frequency) <= 64 else 0.6)
        _bare(axes, -1.1, len(neurons) + 0.1)
        noun = "neuron" if len(neurons) == 1 else "neurons"
        name = f"frequency {k}" if k else "no one frequency"
        axes.set_title(f"{name} · {len(neurons)} {noun}", color=colors[k], pad=2)
    grid[-1, 0].spines.bottom.set_visible(True)
    grid[-1, 0].tick_params(bottom=True)
    grid[-1, 0].set_xlabel("token")
    grid[-1, 0].set_xlim(0, len(table) - 1)
    return figure


@styled
def spectrum(
    network: Any, *, share: float = 0.85, figure: Figure | SubFigure | None = None
) -> Figure | SubFigure:
    """How the power of the input weights is spread over frequencies, in all and in each neuron.

    Bars show the share of all power; a dot is one neuron's share of its own power in its dominant
    frequency, as large as the neuron is strong.

    Args:
        network: a network that reads tokens, or its matrix from tokens to neurons.
        share: of its power that a neuron's frequency has to hold: the dashed line.
        figure: the figure or subfigure to draw in; a new one if `None`.

    Example:
        >>> import flyroom as fr
        >>> fr.figures.spectrum(fr.network(runs, run=0))  # doctest: +SKIP
    """
    power = measures.neuron_power(network)
    found = measures.neuron_frequencies(network, share=share)
    keys = measures.key_frequencies(network, share=share)
    colors = color_of(keys)
    figure = canvas(figure, 5.6, 2.5)
    axes = figure.subplots()
    total = power.sum("neuron") / max(float(power.sum()), np.finfo(float).tiny)
    frequencies = power.frequency.values
    bars = [colors.get(int(k), QUIET) for k in frequencies]
    axes.bar(frequencies, total, color=bars, width=0.8, alpha=0.85)
    strength = np.sqrt(power.sum("frequency").values)
    axes.scatter(
        found.dominant_frequency,
        found.power_share,
        s=4 + 26 * (strength / max(strength.max(), np.finfo(float).tiny)) ** 2,
        facecolor="none",
        edgecolor=[colors.get(int(k), QUIET) for k in found.frequency],
        linewidth=0.9,
    )
    axes.axhline(share, color=QUIET, linewidth=0.8, linestyle=(0, (3, 3)))
    for k in keys:
        axes.annotate(
            f"{k}", (k, total.sel(frequency=k)), (0, 2), textcoords="offset points",
            ha="center", color=colors[k], weight="bold",
        )  # fmt: skip
    handles = [
        Patch(color=QUIET, alpha=0.85, label="share of all power"),
        Line2D([], [], marker="o", linestyle="", markerfacecolor="none", color=QUIET,
               label="of each neuron's own, in its main frequency"),
    ]  # fmt: skip
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(-0.02, 1), ncols=2, fontsize=8)
    axes.set_ylim(0, 1.05)
    axes.set_xlim(0, frequencies[-1] + 1)
    axes.set_xlabel("frequency")
    axes.set_ylabel("share of power")
    return figure


def _matrices(network: Any) -> list[tuple[Float[np.ndarray, "neuron column"], str]]:
    """The matrices around the first hidden layer, one neuron in each row, and their columns."""
    tables = np.asarray(measures.input_tables(network), np.float64)
    name = "token" if measures.reads_tokens(network) else "input"
    found = [(tables.reshape(-1, tables.shape[-1]).T, name)]
    out = measures.output_matrix(network)
    return found if out is None else [*found, (np.asarray(out, np.float64), "output")]


def _order(network: Any) -> tuple[Int[np.ndarray, "neuron"], list[tuple[float, str]]]:
    """An order of the neurons, and where in it each group has its middle and what it is called."""
    if not measures.reads_tokens(network):
        size = np.linalg.norm(_matrices(network)[0][0], axis=1)
        return np.argsort(-size), [(len(size) / 2 - 0.5, "neuron, by size")]
    found = measures.neuron_frequencies(network)
    order = measures.wave_order(found)
    frequency = found.frequency.values[order]
    middles = [(k, np.flatnonzero(frequency == k).mean()) for k in dict.fromkeys(frequency)]
    return order, [(float(at), f"freq. {k}" if k else "none") for k, at in middles]


def _heatmap(axes: Axes, matrix: Float[np.ndarray, "neuron column"], bar: float) -> None:
    """Weights as colours, and beside them a bar that is `bar` of the picture's width."""
    limit = max(float(np.abs(matrix).max()), np.finfo(float).tiny)
    axes.imshow(matrix, cmap=WEIGHTS, vmin=-limit, vmax=limit, aspect="auto", interpolation="none")
    axes.spines[:].set_visible(False)
    axes.grid(visible=False)
    one = matrix.shape[1] == 1
    axes.xaxis.set_major_locator(FixedLocator([0]) if one else MaxNLocator(6, integer=True))
    scale = axes.inset_axes((1.015, 0, bar, 1))
    ramp = np.linspace(1, -1, 65)[:, None]
    scale.imshow(ramp, cmap=WEIGHTS, aspect="auto", extent=(0, 1, -limit, limit))
    scale.set_yticks([-limit, 0, limit], [f"−{limit:.2g}", "0", f"{limit:.2g}"])
    scale.yaxis.tick_right()
    scale.tick_params(labelsize=7, length=0, pad=2, bottom=False, labelbottom=False)
    scale.spines[:].set_visible(False)
    scale.grid(visible=False)


def _bare(axes: Axes, low: float, high: float) -> None:
    axes.set_ylim(low, high)
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.tick_params(bottom=False)
    axes.grid(visible=False)
