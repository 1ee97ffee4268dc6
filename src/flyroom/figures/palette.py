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
_RAMPS = {
    "weights": (
        _style.BLUE_TO_RUST,
        ("#8fc4f2", "#4585bd", "#264a6b", "#1d1f24", "#5c3826", "#cf7645", "#ffb78f"),
    ),
    "share": (_style.PAPER_TO_BLUE, ("#1d1f24", "#3a6a96", "#d3e6f7")),
}


def palette(*, dark: bool = False) -> dict[str, str]:
    """The colours of all pictures, by name, which the colour-blind can tell apart.

    Training is `train` and test is `test` in every picture; frequencies take theirs in turn.

    Args:
        dark: whether they are on a dark screen.

    Example:
        >>> palette()["train"], palette(dark=True)["train"]
        ('#0072b2', '#4ea8e0')

    Source: the light ones are those of Okabe and Ito.
    """
    return {name: pair[dark] for name, pair in _COLORS.items()}


def ramps(*, dark: bool = False) -> dict[str, list[str]]:
    """The colours between which pictures pass, by what they show.

    `weights` go from negative to positive through zero, a `share` from none to all.

    Args:
        dark: whether they are on a dark screen.

    Example:
        >>> ramps()["share"][0]
        '#f7f5f2'
    """
    return {name: list(pair[dark]) for name, pair in _RAMPS.items()}
