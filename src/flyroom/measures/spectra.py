from typing import Any

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Int

from .. import algebra
from ..models import AbstractNetwork
from ..training import Context, snapshot
from ..typing import AnyArray
from ._weights import answer_matrix, token_tables


def neuron_power(network: Any) -> xr.DataArray:
    r"""How much of each neuron's input weights is a wave of each frequency.

    \(\frac{2}{p}\,\big|\sum_a W_{aj} e^{i\omega_k a}\big|^2\), added up over positions where each
    has a table of its own. The mean over tokens is left out.

    Args:
        network: a network that reads tokens, or its matrix from tokens to neurons.

    Returns:
        Power over `frequency` (1 to `p // 2`) and `neuron`.

    Example:
        >>> angle = 2 * np.pi * np.arange(67) / 67
        >>> power = neuron_power(np.stack([np.cos(5 * angle), np.cos(9 * angle)], axis=1))
        >>> power.idxmax("frequency").values
        array([5., 9.])
    """
    tables = np.asarray(token_tables(network), np.float64)
    power = np.stack([algebra.power(table) for table in tables]).sum(0)
    frequencies = np.arange(1, len(power) + 1)
    attrs = {"units": "1", "long_name": "power of the input weights"}
    return xr.DataArray(power, {"frequency": frequencies}, ("frequency", "neuron"), attrs=attrs)


def neuron_frequencies(network: Any, *, share: float = 0.85, strength: float = 0.1) -> xr.Dataset:
    r"""The wave that each neuron of the first layer is, if it is one.

    A neuron has a frequency if one frequency holds most of its power and its weights are not
    negligible beside the strongest neuron's. The scale of all weights does not matter. Of random
    neurons the part \(K(1 - s)^{K-1}\) has a share of \(s > 1/2\) or more in one of
    \(K = (p-1)/2\) frequencies: below 1e-24 for `p = 67`, but 0.07 for `p = 7`.

    Args:
        network: a network that reads tokens, or its matrix from tokens to neurons.
        share: of a neuron's power that its frequency has to hold.
        strength: norm of a neuron's wave as part of the strongest neuron's, at least.

    Returns:
        Over `neuron`: `frequency` (0 if it has none), and, whether it has one or not, the
        `dominant_frequency`, its `power_share`, and the `amplitude` and `phase` (in the first
        table, radian) of the wave \(A\cos(\omega_k a - \varphi)\).

    Example:
        >>> angle = 2 * np.pi * np.arange(67) / 67
        >>> found = neuron_frequencies(np.stack([2 * np.cos(5 * angle - 1), angle % 0.1], axis=1))
        >>> print(found.frequency.values, found.amplitude.values[0].round(6))
        [5 0] 2.0

    Source: the share is the one of Nanda et al. 2023, arXiv:2301.05217.
    """
    tables = np.asarray(token_tables(network), np.float64)
    power = neuron_power(network)
    total = power.sum("frequency").values
    index = power.argmax("frequency").values
    top = power.max("frequency").values
    of_total = np.divide(top, total, out=np.zeros_like(top), where=total > 0)
    has_one = (of_total >= share) & (total > 0) & (total >= strength**2 * total.max())
    wave = np.take_along_axis(algebra.waves(tables[0]), index[None], 0)[0]
    return xr.Dataset(
        {
            "frequency": ("neuron", np.where(has_one, index + 1, 0)),
            "dominant_frequency": ("neuron", index + 1),
            "power_share": ("neuron", of_total, {"units": "1"}),
            "amplitude": ("neuron", np.abs(wave) * 2 / tables.shape[1], {"units": "1"}),
            "phase": ("neuron", np.angle(wave), {"units": "radian"}),
        },
        attrs={"share": share, "strength": strength},
    )


def wave_order(found: xr.Dataset) -> Int[np.ndarray, "neuron"]:
    """An order of neurons in which waves that are alike stand together.

    By frequency and phase; then those without a frequency, the most wave-like first.

    Args:
        found: what `neuron_frequencies` says of them.

    Example:
        >>> angle = 2 * np.pi * np.arange(67) / 67
        >>> waves = [np.cos(9 * angle), np.cos(5 * angle - 1), np.cos(5 * angle)]
        >>> wave_order(neuron_frequencies(np.stack(waves, axis=1)))
        array([2, 1, 0])
    """
    frequency = found.frequency.values
    last = np.where(frequency == 0, np.iinfo(int).max, frequency)
    return np.lexsort((np.where(frequency == 0, -found.power_share, found.phase), last))


def key_frequencies(
    network: Any, *, share: float = 0.85, strength: float = 0.1, neurons: int = 1
) -> list[int]:
    """The frequencies that a network computes with: those that neurons of the first layer have.

    Args:
        network: a network that reads tokens, or its matrix from tokens to neurons.
        share: as in `neuron_frequencies`.
        strength: as in `neuron_frequencies`.
        neurons: how many neurons a frequency must have.

    Returns:
        Frequencies from 1 to `p // 2`, increasing; none for a network that computes otherwise.

    Example:
        >>> angle = 2 * np.pi * np.arange(67) / 67
        >>> key_frequencies(np.stack([np.cos(9 * angle), np.cos(5 * angle)], axis=1))
        [5, 9]

    Source: Nanda et al. 2023, arXiv:2301.05217, on input weights instead of activations.
    """
    found = neuron_frequencies(network, share=share, strength=strength).frequency.values
    counted = zip(*np.unique(found[found > 0], return_counts=True), strict=True)
    return [int(frequency) for frequency, count in counted if count >= neurons]


def prominent_frequencies(network: Any, *, factor: float = 5.0, share: float = 0.95) -> list[int]:
    r"""The frequencies that stand out of an embedding, whatever its scale and its directions.

    With \(N_k\) the power of frequency \(k\), over all channels: those with
    \(N_k > 5\,\mathrm{median}_j N_j\), provided that together they hold 95 % of all power. Unlike
    `key_frequencies` the rule asks for no neuron that is a wave, so that embeddings have an answer.

    Args:
        network: a network that reads tokens, or a table of tokens, such as an embedding.
        factor: times the median, above which a frequency stands out.
        share: of all power, without the mean over tokens, that these have to hold together.

    Returns:
        Frequencies from 1 to `p // 2`, increasing; none if what stands out is not nearly all.

    Example:
        >>> turn = 2 * np.pi / 67 * np.arange(67)
        >>> noise = 0.1 * np.random.default_rng(0).normal(size=(67, 2))
        >>> prominent_frequencies(np.stack([np.cos(9 * turn), np.sin(5 * turn)], axis=1) + noise)
        [5, 9]

    Source: ours.
    """
    power = neuron_power(network).sum("neuron").values
    # Of pure waves the median is rounding, above which other rounding must not stand out.
    found = power > max(factor * np.median(power), 1e-12 * power.max())
    if power[found].sum() < share * power.sum():
        return []
    return [int(k) for k in np.flatnonzero(found) + 1]


def pair_neuron_frequencies(network: Any, *, peak: float = 10.0) -> xr.DataArray:
    r"""The frequency of each neuron by the rule that S2's pictures were made with.

    The frequency of the largest of \(|\sum_a W_{aj}\cos\omega_k a|\) and
    \(|\sum_a W_{aj}\sin\omega_k a|\), if it is more than `peak`. Unlike the one of
    `neuron_frequencies`, the rule depends on the scale of the weights.

    Args:
        network: a network that reads tokens through one table, or that table.
        peak: the sum above which a neuron has a frequency.

    Returns:
        Frequencies over `neuron`, counted from 1; 0 if it has none.

    Example:
        >>> angle = 2 * np.pi * np.arange(67) / 67
        >>> wave = np.cos(5 * angle)
        >>> pair_neuron_frequencies(np.stack([wave, 0.1 * wave], axis=1)).values
        array([5, 0])

    Source: Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?".
    """
    (table,) = np.asarray(token_tables(network), np.float64)
    sums = algebra.waves(table)
    largest = np.maximum(np.abs(np.real(sums)), np.abs(np.imag(sums)))
    found = np.where(largest.max(0) > peak, largest.argmax(0) + 1, 0)
    return xr.DataArray(found, dims="neuron", name="frequency", attrs={"peak": peak})


def phase_doubling(network: Any, *, share: float = 0.85, strength: float = 0.1) -> float:
    r"""Whether what a neuron writes turns twice as fast as what it reads.

    The mean of \(\cos(\varphi_\mathrm{out} - \varphi_a - \varphi_b)\) over the neurons that have
    a frequency, where \(\varphi\) are the phases of their weights at it, to the answers and from
    either input: 1 where all are doubled, about 0 where none is. With one table for both inputs
    \(\varphi_a = \varphi_b\), which is what the source draws.

    Args:
        network: a network of one hidden layer that reads pairs of tokens.
        share: as in `neuron_frequencies`.
        strength: as in `neuron_frequencies`.

    Returns:
        A number from −1 to 1; NaN if no neuron has a frequency.

    Raises:
        TypeError: there is more than one layer of neurons, or no matrix from them to the answers.

    Example:
        >>> from flyroom.models import constructed
        >>> print(round(phase_doubling(constructed.circles(31, 5, (2, 7))), 3))
        1.0

    Source: Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?".
    """
    found = neuron_frequencies(network, share=share, strength=strength)
    out = answer_matrix(network)
    if out is None:
        raise TypeError(
            f"phase_doubling: {type(network).__name__} has no matrix from its first neurons to its "
            "outputs; allowed: a network of one hidden layer."
        )
    known = np.flatnonzero(found.frequency.values)
    if not len(known):
        return float("nan")
    tables = np.asarray(token_tables(network), np.float64)
    ends = (tables[0], tables[-1], np.asarray(out, np.float64).T)
    at = (found.frequency.values[known] - 1, np.arange(len(known)))
    left, right, written = (np.angle(algebra.waves(end[:, known])[at]) for end in ends)
    return float(np.cos(written - left - right).mean())


@snapshot()
def neuron_power_share(network: AbstractNetwork, context: Context) -> Float[Array, ""]:
    """Mean over neurons of the share of their input weights' power in one frequency."""
    del context
    components = (_fourier(token_tables(network))[:, 1:] ** 2).sum(0)
    pairs = jnp.pad(components, ((0, components.shape[0] % 2), (0, 0)))
    power = pairs.reshape(-1, 2, components.shape[1]).sum(1)
    total = power.sum(0)
    alive = total > 0
    shares = jnp.where(alive, power.max(0) / jnp.where(alive, total, 1), 0)
    return shares.sum() / jnp.maximum(alive.sum(), 1).astype(shares.dtype)


@snapshot(within=(0.0, 1.0))
def neuron_ipr(network: AbstractNetwork, context: Context) -> Float[Array, "neuron"]:
    """Inverse participation ratio of each neuron's weights, mean over inputs and output."""
    del context
    out = answer_matrix(network)
    functions = list(token_tables(network)) + ([] if out is None else [out.T])
    ratios = []
    for function in functions:
        power = jnp.abs(jnp.fft.rfft(function, axis=0)) ** 2
        total = power.sum(0)
        shares = jnp.where(total[None] > 0, power / jnp.where(total > 0, total, 1)[None], 0)
        ratios.append((shares**2).sum(0))
    return jnp.mean(jnp.stack(ratios), axis=0)


@snapshot()
def embedding_gini(network: AbstractNetwork, context: Context) -> Float[Array, ""]:
    """Gini coefficient of the norms of an embedding's rows of the Fourier basis, over channels."""
    del context
    embed = getattr(network, "embed", None)
    tables = token_tables(network) if embed is None else embed
    tables = jnp.reshape(tables, (-1, *tables.shape[-2:]))
    first, last = getattr(network, "residues", (0, tables.shape[1]))
    norms = jnp.sort(jnp.sqrt((_fourier(tables[:, first:last]) ** 2).sum((0, 2))))
    ranks = 2 * jnp.arange(1, len(norms) + 1, dtype=norms.dtype) - len(norms) - 1
    total = len(norms) * norms.sum()
    return jnp.where(total > 0, ranks @ norms / jnp.where(total > 0, total, 1), 0)


def _fourier(
    tables: Float[AnyArray, "table token column"],
) -> Float[Array, "table wave column"]:
    """What each column is in the Fourier basis: first its mean, then cosines and sines."""
    basis = jnp.asarray(algebra.fourier_basis(tables.shape[1]), tables.dtype)
    return jnp.einsum("wp,tpc->twc", basis, tables)
