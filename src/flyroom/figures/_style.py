"""One hand for every picture: colours the colour-blind tell apart, few lines, direct labels."""

import functools
import io
from collections.abc import Callable
from typing import Any, ParamSpec, cast

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, PercentFormatter

P = ParamSpec("P")

# Okabe and Ito's colours. Blue and vermilion are training and test in every picture.
TRAIN, TEST = "#0072b2", "#d55e00"
FREQUENCIES = ("#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#8c6d31")
INK, QUIET, RULE = "#1b1c20", "#6d717a", "#d5d7dc"

BLUE_TO_RUST = ("#0b3c6f", "#4585bd", "#bcd5e8", "#f7f5f2", "#f3cdb5", "#cf7645", "#7d2c0a")
WEIGHTS = LinearSegmentedColormap.from_list("flyroom_weights", BLUE_TO_RUST)
PAPER_TO_BLUE = ("#f7f5f2", "#9db4c9", "#16324f")
SHARE = LinearSegmentedColormap.from_list("flyroom_share", PAPER_TO_BLUE)

_RC: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": QUIET,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "flyroom",
    "text.color": INK,
    "xtick.color": QUIET,
    "xtick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "xtick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.color": QUIET,
    "ytick.labelcolor": INK,
    "ytick.labelsize": 8.5,
    "ytick.major.width": 0.6,
    "ytick.minor.width": 0.4,
}


STYLE: list[Any] = ["default", _RC]  # the user's own settings are left out


class Picture(Figure):
    """A figure that looks the same wherever it is drawn, and shows itself in a notebook.

    It is none of pyplot's, so that it is freed when it is no longer used.
    """

    def draw(self, renderer: Any) -> None:
        # Ticks are made when they are first drawn, and take their looks from the settings then.
        with style.context(STYLE):
            super().draw(renderer)

    def _repr_png_(self) -> tuple[bytes, dict[str, float]]:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=2 * self.dpi)
        width, height = self.get_size_inches() * self.dpi
        return buffer.getvalue(), {"width": width, "height": height}


def styled(fn: Callable[P, Figure | SubFigure]) -> Callable[P, Figure]:
    """Makes `fn` draw in the house style, whatever the user's settings, and give the figure."""

    @functools.wraps(fn)
    def draw(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with style.context(STYLE):
            return cast(Figure, fn(*args, **kwargs).get_figure(root=True))

    return draw


def canvas(figure: Figure | SubFigure | None, width: float, height: float) -> Figure | SubFigure:
    """The given part of a picture, or a new picture of so many inches."""
    return Picture(figsize=(width, height), layout="constrained") if figure is None else figure


def step_axis(axes: Axes, last: float, *, small: bool = False) -> None:
    """Makes x a logarithmic axis of steps on which step 0 has a place.

    Args:
        axes: whose x is meant.
        last: the last step.
        small: whether there is room for few ticks only.
    """
    axes.set_xscale("symlog", linthresh=1, linscale=0.3)
    last = max(last, 10)
    decades = 10.0 ** np.arange(np.floor(np.log10(last)) + 1)
    axes.set_xlim(-0.15, last * 1.25)
    axes.xaxis.set_major_locator(FixedLocator([0, *decades[:: 2 if small else 1]]))
    between = [] if small else np.outer(decades, np.arange(2, 10)).ravel()
    axes.xaxis.set_minor_locator(FixedLocator(between))
    axes.xaxis.set_major_formatter(STEPS)
    axes.xaxis.set_minor_formatter(NullFormatter())


def share_axis(axes: Axes) -> None:
    """Makes y an axis of shares: of examples that are right, of runs that got there."""
    axes.set_ylim(-0.03, 1.06)
    axes.set_yticks([0, 0.5, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1))


def color_of(frequencies: list[int]) -> dict[int, str]:
    """A colour for each frequency; they are taken in turn where there are too many."""
    return {k: FREQUENCIES[i % len(FREQUENCIES)] for i, k in enumerate(frequencies)}


def _step(step: float, position: int | None) -> str:
    del position
    return f"{step / 1000:,g}k" if abs(step) >= 1000 else f"{step:g}"


STEPS = FuncFormatter(_step)


def _power_of_ten(value: float, position: int | None) -> str:
    del position
    exponent = round(np.log10(value)) if value > 0 else 0
    return "10" + str(exponent).translate(_RAISED)


# Written with letters instead of TeX, whose parser would take longer than the rest of a picture.
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
POWERS = FuncFormatter(_power_of_ten)
