"""Phase diagrams: what the phases of some runs say of all the cells of a grid."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float, Int
from scipy import special, stats

from ..training import Status

Rule = Callable[[xr.Dataset], xr.DataArray]
Counts = Int[np.ndarray, "*cell phase"]
Weights = Float[np.ndarray, "*cell phase"]

PRIOR = 0.1  # runs that a cell is taken to have shown before any: little, for most cells are pure
# In cells. The first hears no neighbour; with longer ones than the last, simulated diagrams were
# smoothed until they claimed more than they knew.
LENGTHS = 2.0 ** np.arange(-2.0, 0.5, 0.5)
_UNTOLD = (
    0.5  # the length while there are no runs to learn it from: a cell outweighs its neighbours
)
_MOST = 10**6  # cells


class Grid(NamedTuple):
    """The cells that the axes of a sweep make.

    Attributes:
        levels: the values along each axis, by path.
        cells: for each axis, the place of every run along it.
    """

    levels: dict[str, np.ndarray]
    cells: tuple[Int[np.ndarray, "run"], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """How many cells there are along each axis."""
        return tuple(map(len, self.levels.values()))

    @staticmethod
    def of(runs: xr.Dataset, axes: Sequence[str]) -> "Grid":
        """The grid of a sweep over `axes`: numbers in their order, anything else as it was given.

        Raises:
            ValueError: these are not two or three different axes of several values each.
        """
        known = [str(name) for name, c in runs.coords.items() if c.dims == ("run",)]
        named = ", ".join(f"`{path}`" for path in axes) or "none"
        if len({*axes}) not in (2, 3) or len({*axes}) < len(axes):
            raise ValueError(
                f"A phase diagram has two or three axes; got {len(axes)}: {named}. The values of "
                "any others are put together."
            )
        for path in axes:
            if path not in known:
                swept = ", ".join(name for name in known if name not in ("run", "program"))
                raise ValueError(f"`{path}` is no axis of these runs; they have {swept or 'none'}.")
        found = {path: _levels(runs[path].values) for path in axes}
        for path, (levels, _) in found.items():
            if len(levels) < 2:
                raise ValueError(
                    f"`{path}` has the one value {levels[0]}; an axis of a diagram needs several."
                )
        grid = Grid({p: v for p, (v, _) in found.items()}, tuple(c for _, c in found.values()))
        if np.prod(grid.shape, dtype=float) > _MOST:
            raise ValueError(
                f"The axes {named} have {grid.shape} values; allowed: {_MOST:,} cells together. "
                "Values that were drawn one by one make no grid."
            )
        return grid


def _levels(column: np.ndarray) -> tuple[np.ndarray, Int[np.ndarray, "run"]]:
    levels, first, codes = np.unique(column, return_index=True, return_inverse=True)
    if column.dtype.kind in "iuf":
        return levels, codes
    order = np.argsort(first)
    return levels[order], np.argsort(order)[codes]


def phase_diagram(
    runs: xr.Dataset, axes: Sequence[str], rule: Rule, *, level: float = 0.95
) -> xr.Dataset:
    r"""How probable each phase is in each cell of two or three axes, and how sure that is.

    A cell's phases have a Dirichlet distribution whose weights are the runs seen,
    \(\alpha_{ck} = \alpha_0/K + \sum_{c'} n_{c'k} \prod_a \exp(-(c_a - c'_a)^2 / 2\ell_a^2)\): its
    own count as one each, those of other cells less the further away they are. The distance is in
    cells: the values of an axis say what is an equal step. The length \(\ell_a\) along each axis
    is the one with which runs are predicted best from all others; axes along which neighbours are
    not alike, such as activations in any order, get a length at which they hear nothing of each
    other.

    Args:
        runs: results; of those that are over, whatever the others are.
        axes: two or three of the paths that they were swept over. Runs that differ in other paths,
            such as the seed, are put together.
        rule: names the phase of every run, such as `phase_pair`; with other thresholds,
            `functools.partial(phase_liu, gap=2e3)`.
        level: the probability of the intervals.

    Returns:
        Over the axes, whose values are coordinates of the same name, and `phase`: `count`, the
        runs seen in each phase; `probability` that a run shows it, with the interval `low` to
        `high`. Over the axes: `runs`, how many were seen; `entropy` of the probabilities in bits;
        `doubt`, the probability that the most probable phase is not the most frequent. *Unknown*
        is a phase if any run is. The lengths and the thresholds are attributes, and `misnamed`: the
        share of cells whose most probable phase is expected to be the wrong one. It is the mean
        doubt and, for every cell without a run, the chance 1/(runs + 2) that it holds what was
        never seen (Laplace's rule of succession).

    Raises:
        ValueError: the axes make no grid, or the rule names no phases.

    Example:
        >>> import flyroom as fr
        >>> sweep = {"width": ("run", [1, 1, 2, 2]), "decay": ("run", [0.1, 1.0, 0.1, 1.0])}
        >>> loss = (("run", "step"), [[0.0], [0.0], [0.0], [1.0]])
        >>> runs = xr.Dataset({"train_loss": loss, "test_loss": loss}, {"step": [9], **sweep})
        >>> diagram = phase_diagram(runs, ["width", "decay"], fr.measures.phase_pair)
        >>> print(diagram.probability.idxmax("phase").values)
        [['together' 'together']
         ['together' 'no_learning']]
        >>> print(diagram["count"].sel(phase="no_learning", width=2).values)
        [0 1]

    Source: the estimate: Goetschalckx, Poupart and Hoey 2011, "Continuous correlated Beta
    processes", for two phases; the lengths: ours.
    """
    if not 0 < level < 1:
        raise ValueError(f"level: got {level}; allowed: above 0 and below 1.")
    grid = Grid.of(runs, axes)
    over = np.ones(runs.sizes["run"], bool)
    if "status" in runs:
        over = np.isin(runs.status.values, [int(s) for s in Status if s.over])
    phase = _named(rule(runs.isel(run=over)))
    values, names = np.asarray(phase.attrs["flag_values"]), phase.attrs["flag_meanings"].split()
    shown = [k for k, name in enumerate(names) if name != "unknown" or (phase == values[k]).any()]
    counts = np.zeros((*grid.shape, len(shown)), np.int64)
    for i, k in enumerate(shown):
        here = tuple(codes[over][phase.values == values[k]] for codes in grid.cells)
        places = np.ravel_multi_index(here, grid.shape)
        counts[..., i] = np.bincount(places, minlength=counts[..., i].size).reshape(grid.shape)
    lengths = likeliest_lengths(counts)
    weights = smoothed(counts, lengths)
    total = weights.sum(-1, keepdims=True)
    share, tail = weights / total, (1 - level) / 2
    low, high = (stats.beta.ppf(q, weights, total - weights) for q in (tail, 1 - tail))
    unsure = doubt(weights)
    missed = (counts.sum(-1) == 0).mean() / (counts.sum() + 2)
    dims, asked = (*axes, "phase"), {k: v for k, v in phase.attrs.items() if "flag" not in k}
    return xr.Dataset(
        {
            "count": (dims, counts, {"long_name": "runs seen in the phase"}),
            "probability": (dims, share, {"long_name": "probability that a run shows the phase"}),
            "low": (dims, low, {"long_name": f"lower end of the {level:.0%} interval"}),
            "high": (dims, high, {"long_name": f"upper end of the {level:.0%} interval"}),
            "runs": (tuple(axes), counts.sum(-1), {"long_name": "runs seen"}),
            "entropy": (tuple(axes), special.entr(share).sum(-1) / np.log(2), {"units": "bit"}),
            "doubt": (tuple(axes), unsure, {"long_name": "probability of another phase"}),
        },
        {**grid.levels, "phase": [names[k] for k in shown]},
        {
            "rule": _name(rule),
            "lengths": lengths,
            "prior": PRIOR,
            "level": level,
            "misnamed": float(unsure.mean() + missed),
            **asked,
        },
    )


def _named(phase: xr.DataArray) -> xr.DataArray:
    if phase.dims != ("run",) or not {"flag_values", "flag_meanings"} <= set(phase.attrs):
        raise ValueError(
            f"rule: got dims {phase.dims} and attributes {sorted(phase.attrs)}; allowed: codes "
            "over `run` that `flag_values` and `flag_meanings` name, as from `phase_pair`."
        )
    return phase


def _name(rule: Any) -> str:
    while isinstance(rule, functools.partial):
        rule = rule.func
    return getattr(rule, "__name__", type(rule).__name__)


# --- Counts and nothing else ----------------------------------------------------------------------


def smoothed(counts: Counts, lengths: Sequence[float]) -> Weights:
    """The Dirichlet weights of every cell, given how far each axis listens."""
    weights = counts.astype(float)
    for axis, length in enumerate(lengths):
        kernel = _kernel(counts.shape[axis], length)
        weights = np.moveaxis(np.tensordot(kernel, weights, (1, axis)), 0, axis)
    return weights + PRIOR / counts.shape[-1]


def _kernel(size: int, length: float) -> Float[np.ndarray, "size size"]:
    apart = np.subtract.outer(np.arange(size), np.arange(size)) / length
    return np.exp(-0.5 * apart**2)


def likeliest_lengths(counts: Counts) -> tuple[float, ...]:
    """The lengths with which every run is predicted best from all the others."""
    lengths = [_UNTOLD] * (counts.ndim - 1)
    if not counts.any():
        return tuple(lengths)
    before: list[float] = []
    while lengths != before:  # each axis in turn, which never makes it worse
        before = list(lengths)
        for axis in range(len(lengths)):
            tried = [[*lengths[:axis], float(x), *lengths[axis + 1 :]] for x in LENGTHS]
            scores = np.array([_left_out(counts, one) for one in tried])
            # Of those that are as good, the one that claims the least.
            lengths = tried[int(np.flatnonzero(scores >= scores.max() - 1e-9)[0])]
    return tuple(lengths)


def _left_out(counts: Counts, lengths: Sequence[float]) -> float:
    """The logarithm of the probability of every run, given the others."""
    weights = smoothed(counts, lengths)
    seen = counts > 0
    total = np.broadcast_to(weights.sum(-1, keepdims=True), weights.shape)
    return float(counts[seen] @ np.log((weights[seen] - 1) / (total[seen] - 1)))


def doubt(weights: Weights) -> Float[np.ndarray, "*cell"]:
    """The probability that the second phase of a cell is more frequent than the first."""
    second, first = np.moveaxis(np.sort(weights, -1)[..., -2:], -1, 0)
    return special.betainc(first, second, 0.5)


def next_cells(
    counts: Counts, left: Int[np.ndarray, "*cell"], most: int, *, seed: int = 0
) -> list[tuple[int, ...]]:
    r"""The cells whose next runs say the most of where the boundaries are.

    One after another, the cell where the phases are the least known: where the variance of its
    Dirichlet distribution, \((1 - \sum_k p_k^2) / (A + 1)\), is largest. After each it is taken
    for granted that the run shows the phases as they are expected there, so that those of a batch
    go to different places. Without any runs this spreads them evenly.

    Args:
        counts: the runs that were seen of each phase in each cell.
        left: how many more each cell can have.
        most: how many runs are wanted; fewer are named if there are not as many left.
        seed: decides between cells that are as good.

    Returns:
        Places in the grid; a cell that is named twice is to have two runs.

    Example:
        >>> counts = np.zeros((1, 4, 2), int)
        >>> counts[0, :, 0], counts[0, 3] = 2, (1, 1)
        >>> next_cells(counts, np.full((1, 4), 2), 1)
        [(0, 3)]
    """
    lengths = likeliest_lengths(counts)
    weights, left = smoothed(counts, lengths), left.copy()
    kernels = [_kernel(n, x) for n, x in zip(left.shape, lengths, strict=True)]
    random = np.random.default_rng((seed, int(counts.sum())))
    # More than rounding, less than any difference that matters.
    toss = 1 + 1e-6 * random.random(left.shape)
    chosen: list[tuple[int, ...]] = []
    for _ in range(min(most, int(left.sum()))):
        total = weights.sum(-1)
        share = weights / total[..., None]
        spread = toss * (1 - (share**2).sum(-1)) / (total + 1)
        at = np.unravel_index(int(np.argmax(np.where(left > 0, spread, -1.0))), left.shape)
        heard = functools.reduce(
            np.multiply.outer, [k[i] for k, i in zip(kernels, at, strict=True)]
        )
        weights = weights + heard[..., None] * share[at]
        left[at] -= 1
        chosen.append(tuple(int(i) for i in at))
    return chosen
