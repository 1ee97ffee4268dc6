"""Formulas become MathML while the pages are built: a reader needs no script and no font."""

import html
import re
from typing import Any

from latex2mathml.converter import convert

_FORMULA = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\s*\\[(\[](?P<tex>.*?)\\[)\]]\s*</(?P=tag)>', re.DOTALL
)

_FUNCTION = re.compile(r"(<mi>(?:cos|sin|log|ln|exp|max|min|arg|sign)</mi>)(?!<mo stretchy)")
_THIN = '<mspace width="0.167em"/>'


def on_page_content(text: str, **_: Any) -> str:
    """Replaces every formula of a page; MkDocs calls it."""
    return _FORMULA.sub(_mathml, text)


def _mathml(match: re.Match[str]) -> str:
    display = "block" if match["tag"] == "div" else "inline"
    formula = convert(html.unescape(match["tex"]), display=display)
    return _FUNCTION.sub(rf"{_THIN}\1{_THIN}", formula)
