"""What the logits of addition are made of. All of these take them by both inputs and answer."""

from collections.abc import Iterable

import numpy as np
import scipy.special
import xarray as xr
from jaxtyping import Bool, Float

from .. import algebra

Logits = Float[np.ndarray, "p p p"]


def logit_periodicity(logits: Logits) -> xr.DataArray:
    r"""Which waves of `a + b - c` the logits are, on average over all pairs.

    The shares of the power of \(m(d) = \frac{1}{p^2}\sum_{ab} L_{ab,a+b+d}\) about its mean.

    Args:
        logits: of addition modulo p.

    Returns:
        Over `frequency`, from 1; they add up to 1.

    Example:
        >>> a, b, c = np.ogrid[:31, :31, :31]
        >>> waves = 2 * np.cos(2 * np.pi * 3 / 31 * (a + b - c)) + np.cos(6 * np.pi * a / 31)
        >>> shares = logit_periodicity(waves)
        >>> print(shares.idxmax().item(), shares.max().item().__round__(6))
        3.0 1.0

    Source: the pictures of logits in Pearce et al. 2023, "Do Machine Learning Models Memorize or
    Generalize?", as a number.
    """
    p = len(logits)
    a, b, d = np.ogrid[:p, :p, :p]
    power = algebra.power(logits[a, b, (a + b + d) % p].astype(np.float64).mean((0, 1)))
    shares = power / power.sum() if power.sum() > 0 else power
    coords = {"frequency": np.arange(1, len(power) + 1)}
    return xr.DataArray(shares, coords, ("frequency",), "logit_periodicity", {"units": "1"})


def restricted_loss(
    logits: Logits, frequencies: Iterable[int], among: Bool[np.ndarray, "p p"] | None = None
) -> float:
    r"""The loss if of the logits nothing but waves of `a + b` of these frequencies were left.

    For each class the logits are projected on \(\cos\omega_k(a + b)\) and \(\sin\omega_k(a + b)\);
    their means over pairs stay.

    Args:
        logits: of addition modulo p.
        frequencies: the waves that stay.
        among: the pairs that count, such as those that were not trained on; all if `None`.

    Returns:
        The mean cross-entropy, in nat.

    Example:
        >>> a, b, c = np.ogrid[:31, :31, :31]
        >>> waves = 50 * np.cos(2 * np.pi * 3 / 31 * (a + b - c))
        >>> print(
        ...     restricted_loss(waves, [3]).__round__(2), restricted_loss(waves, [4]).__round__(2)
        ... )
        0.56 3.43

    Source: Nanda et al. 2023, arXiv:2301.05217; theirs is over all pairs.
    """
    kept = logits.mean((0, 1)) + _summed_waves(logits, frequencies)
    return _cross_entropy(kept, among)


def excluded_loss(
    logits: Logits, frequencies: Iterable[int], among: Bool[np.ndarray, "p p"] | None = None
) -> float:
    """The loss if waves of `a + b` of these frequencies were taken out of the logits.

    Args:
        logits: of addition modulo p.
        frequencies: the waves that are taken out, as in `restricted_loss`; one of them, for the
            loss per frequency.
        among: the pairs that count, such as those that were trained on; all if `None`.

    Returns:
        The mean cross-entropy, in nat.

    Example:
        >>> a, b, c = np.ogrid[:31, :31, :31]
        >>> waves = 50 * np.cos(2 * np.pi * 3 / 31 * (a + b - c))
        >>> print(excluded_loss(waves, [3]).__round__(2), excluded_loss(waves, [4]).__round__(2))
        3.43 0.56

    Source: Nanda et al. 2023, arXiv:2301.05217; theirs is over the pairs trained on.
    """
    return _cross_entropy(logits - _summed_waves(logits, frequencies), among)


def _summed_waves(logits: Logits, frequencies: Iterable[int]) -> Logits:
    """The projection of each class's logits on waves of the sum of the inputs."""
    p = len(logits)
    basis = algebra.fourier_basis(p)
    rows = [r for k in sorted(set(frequencies)) for r in (2 * k - 1, 2 * k) if r < p]
    a, b = np.ogrid[:p, :p]
    by_sum = np.zeros((p, p))
    np.add.at(by_sum, (a + b) % p, logits.astype(np.float64))
    return ((basis[rows].T @ basis[rows]) @ by_sum / p)[(a + b) % p]


def _cross_entropy(logits: Logits, among: Bool[np.ndarray, "p p"] | None) -> float:
    p = len(logits)
    a, b = np.ogrid[:p, :p]
    losses = -scipy.special.log_softmax(logits.astype(np.float64), axis=2)[a, b, (a + b) % p]
    return float(losses.mean() if among is None else losses[among].mean())


def activation_frequencies(
    activations: Float[np.ndarray, "p p neuron"], *, share: float = 0.85
) -> xr.Dataset:
    r"""The frequency of each neuron by what it does with all pairs.

    Of the variance of a neuron over pairs, frequency `k` has what lies in products of
    \(\{1, \cos\omega_k a, \sin\omega_k a\}\) and \(\{1, \cos\omega_k b, \sin\omega_k b\}\).

    Args:
        activations: by both inputs and neuron.
        share: of the variance, that its frequency has to have.

    Returns:
        Over `neuron`: `frequency` (0 if no share is large enough), `dominant_frequency` and its
        `share`.

    Example:
        >>> a, b = np.ogrid[:31, :31]
        >>> wave = np.maximum(0, np.cos(2 * np.pi * 5 / 31 * a) + np.cos(2 * np.pi * 5 / 31 * b))
        >>> found = activation_frequencies(wave[..., None])
        >>> print(found.frequency.item(), found.share.item().__round__(2))
        5 0.96

    Source: Nanda et al. 2023, arXiv:2301.05217.
    """
    p = len(activations)
    power = np.abs(np.fft.fft2(activations.astype(np.float64), axes=(0, 1))) ** 2
    power[0, 0] = 0
    total = power.sum((0, 1))
    blocks = np.array([power[np.ix_(e, e)].sum((0, 1)) for e in _ends(p)])
    shares = np.divide(blocks, total, out=np.zeros_like(blocks), where=total > 0)
    dominant, largest = shares.argmax(0) + 1, shares.max(0)
    return xr.Dataset(
        {
            "frequency": ("neuron", np.where(largest >= share, dominant, 0)),
            "dominant_frequency": ("neuron", dominant),
            "share": ("neuron", largest, {"units": "1"}),
        },
        attrs={"share": share},
    )


def _ends(p: int) -> list[list[int]]:
    """For each frequency the numbers of the constant and of its wave, in a transform."""
    return [sorted({0, k, p - k}) for k in range(1, p // 2 + 1)]
