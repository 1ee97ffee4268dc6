from collections.abc import Iterable

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from ..models import AbstractNetwork
from ..training import Context, snapshot
from ._weights import input_tables


@snapshot()
def input_mass(network: AbstractNetwork, context: Context) -> Float[Array, "feature"]:
    """Sum over neurons of the absolute weights from each input."""
    del context
    return jnp.abs(input_tables(network)).sum(-1).reshape(-1)


def distractor_mass(runs: xr.Dataset, relevant: Iterable[int]) -> xr.DataArray:
    """Absolute first-layer weight on the inputs that do not matter.

    Divided by `runs.input_mass.sum("feature")` it is their share of it.

    Args:
        runs: results that recorded `input_mass`.
        relevant: the inputs that do matter. For parity of the first three of thirty bits with a
            constant column these are 0, 1, 2 and 30.

    Returns:
        The sum over the other inputs, over `run` and `step`.

    Example:
        >>> mass = (("run", "step", "feature"), [[[2.0, 1.0, 0.5], [2.0, 0.0, 0.5]]])
        >>> runs = xr.Dataset({"input_mass": mass}, {"step": [0, 8]})
        >>> distractor_mass(runs, relevant=[0, 2]).values
        array([[1., 0.]])

    Source: Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?".
    """
    kept = sorted(set(relevant))
    count = runs.sizes["feature"]
    if kept and not 0 <= kept[0] <= kept[-1] < count:
        raise ValueError(f"distractor_mass: got inputs {kept}; allowed: 0 to {count - 1}.")
    others = np.setdiff1d(np.arange(count), kept)
    mass = runs.input_mass.isel(feature=others).sum("feature", skipna=False)
    return mass.rename("distractor_mass").assign_attrs(
        units="1", long_name="L1 mass of weights from distractors", relevant=kept
    )


def gini(values: Float[np.ndarray, "value"]) -> float:
    r"""How unequal values are: 0 if all are the same, near 1 if one of many is not zero.

    \(\sum_i (2i - n - 1)\, x_{(i)} \,/\, (n \sum_i x_i)\) over the values in increasing order.

    Args:
        values: at least zero each.

    Raises:
        ValueError: a value is negative.

    Example:
        >>> print(gini(np.array([0.0, 0.0, 0.0, 1.0])), gini(np.ones(4)))
        0.75 0.0

    Source: Nanda et al. 2023, arXiv:2301.05217.
    """
    if np.any(values < 0):
        raise ValueError(f"gini: got {values.min()}; allowed: at least 0.")
    count = len(values)
    ranks = 2 * np.arange(1, count + 1) - count - 1
    return float(ranks @ np.sort(values) / (count * values.sum()))


def inverse_participation_ratio(
    rows: Float[np.ndarray, "row p"], *, order: int = 2
) -> Float[np.ndarray, "row"]:
    r"""How few frequencies a function takes: 1 for one wave, 1/2 for two equal ones.

    \(\sum_k q_k^{2r}\) with \(q = |\hat w| / \lVert \hat w \rVert_2\) over the non-negative
    frequencies.

    Args:
        rows: one function on the residues in each row.
        order: the exponent \(r\).

    Example:
        >>> angle = 2 * np.pi * np.arange(67) / 67
        >>> rows = np.stack([np.cos(3 * angle), np.cos(3 * angle) + np.sin(8 * angle)])
        >>> inverse_participation_ratio(rows).round(6)
        array([1. , 0.5])

    Source: Gromov 2023, arXiv:2301.02679; Doshi et al. 2023, arXiv:2310.13061.
    """
    amplitudes = np.abs(np.fft.rfft(rows.astype(np.float64), axis=1))
    shares = (amplitudes / np.linalg.norm(amplitudes, axis=1, keepdims=True)) ** 2
    return (shares**order).sum(1)
