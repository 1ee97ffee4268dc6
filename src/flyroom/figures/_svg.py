import io
import re

from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from . import _style

# Each colour of the house as it is on paper, and as it is on a dark screen.
_COLORS = {
    "ink": (_style.INK, "#e9e9ec"),
    "quiet": (_style.QUIET, "#9a9ea8"),
    "rule": (_style.RULE, "#363942"),
    "train": (_style.TRAIN, "#4ea8e0"),
    "test": (_style.TEST, "#ff8a3d"),
} | {
    f"frequency-{i}": pair
    for i, pair in enumerate(
        zip(
            _style.FREQUENCIES,
            ("#2fc79a", "#e39ac4", "#f0b429", "#7cc8f2", "#b48fd0", "#c9a25f"),
            strict=True,
        )
    )
}


def variables(dark: bool) -> str:
    """The declarations of the house's colours as CSS custom properties."""
    return " ".join(f"--{name}: {pair[dark]};" for name, pair in _COLORS.items())


def to_svg(figure: Figure) -> str:
    """A figure as SVG without a background, with its text as text.

    Three times as fast as `savefig`, which makes the layout twice and measures text as SVG.
    """
    buffer, background, dpi = io.StringIO(), figure.get_facecolor(), figure.dpi
    engine = figure.get_layout_engine()
    with style.context(_style.STYLE):
        FigureCanvasAgg(figure)
        if engine is not None:
            engine.execute(figure)
        figure.set_layout_engine("none")
        figure.set_facecolor("none")
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    figure.set(layout_engine=engine, facecolor=background, dpi=dpi)
    return buffer.getvalue()


def inline(figure: Figure, name: str, label: str) -> str:
    """A figure as an SVG element that takes its colours and its font from the page around it.

    Args:
        figure: the figure.
        name: what its identifiers begin with, so that many can stand in one page.
        label: what it shows, for those who do not see it.
    """
    text = to_svg(figure)
    width, height = figure.get_size_inches() * 72
    body = text[text.index(">", text.index("<svg")) + 1 :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", body)
    body = re.sub(r"(\d\.\d\d)\d+", r"\1", body)  # a hundredth of a point is enough
    for variable, (color, _) in _COLORS.items():
        body = body.replace(color, f"var(--{variable})")
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{label}" '
        f'style="max-width: {width * 1.45:.0f}px" xmlns:xlink="http://www.w3.org/1999/xlink">{body}'
    )
