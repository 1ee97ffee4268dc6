import functools
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Complex, Float


@functools.cache
def fourier_basis(p: int) -> Float[np.ndarray, "{p} {p}"]:
    r"""The real Fourier basis of \(\mathbb{Z}_p\) as rows of unit norm.

    Row 0 is constant; rows \(2k-1\) and \(2k\) are \(\sqrt{2/p}\cos\omega_k a\) and
    \(\sqrt{2/p}\sin\omega_k a\) with \(\omega_k = 2\pi k/p\). For even `p` the last row alternates.

    Example:
        >>> basis = fourier_basis(5)
        >>> bool(np.allclose(basis @ basis.T, np.eye(5)))
        True

    Source: Nanda et al. 2023, arXiv:2301.05217.
    """
    a = np.arange(p)
    rows = [np.full(p, p**-0.5)]
    for k in range(1, (p + 1) // 2):
        rows += [(2 / p) ** 0.5 * f(2 * np.pi * k * a / p) for f in (np.cos, np.sin)]
    if p % 2 == 0:
        rows.append(p**-0.5 * (-1.0) ** a)
    return np.stack(rows)


def waves(values: Float[np.ndarray, "p *rest"]) -> Complex[np.ndarray, "frequency *rest"]:
    r"""Sums of functions on the first axis against the waves of frequency 1, 2, …, `p // 2`.

    \(\sum_a x_a \cos\omega_k a + i \sum_a x_a \sin\omega_k a\), not normalised. A wave
    \(A\cos(\omega_k a - \varphi)\) gives \(\tfrac{p}{2} A e^{i\varphi}\).

    Example:
        >>> angle = 2 * np.pi * 3 * np.arange(67) / 67
        >>> print(np.round(waves(2 * np.cos(angle - 1))[2] / 67, 6), np.round(np.exp(1j), 6))
        (0.540302+0.841471j) (0.540302+0.841471j)
    """
    p = values.shape[0]
    angles = 2 * np.pi / p * np.outer(np.arange(1, p // 2 + 1), np.arange(p))
    return np.tensordot(np.exp(1j * angles), values, axes=1)


def power(values: Float[np.ndarray, "p *rest"]) -> Float[np.ndarray, "frequency *rest"]:
    """Power at the frequencies 1, 2, … of functions on the first axis.

    Over all frequencies it adds up to the variance times `p`.

    Example:
        >>> wave = np.cos(2 * np.pi * 3 * np.arange(67) / 67)
        >>> int(power(wave).argmax()) + 1
        3
    """
    p = values.shape[0]
    found = np.abs(waves(values)) ** 2 * (2 / p)
    if p % 2 == 0:
        found[-1] /= 2  # the alternating wave is a cosine without a sine
    return found


def frequency_margin(frequencies: Sequence[int], p: int, *, pizza: bool = False) -> float:
    r"""How far a set of frequencies keeps every wrong residue from the right one.

    \(\min_{d \ne 0} \frac{1}{|S|} \sum_{k \in S} (1 - \cos\omega_k d)\): the smallest gap between
    the logit of the answer and another, when each frequency adds \(\cos\omega_k(a + b - c)\). The
    same for all multiples of the set by a unit of \(\mathbb{Z}_p\). In a pizza each frequency is as
    strong as \(|\cos\tfrac{\omega_k(a - b)}{2}|\), and the smallest gap is that of all pairs.

    Args:
        frequencies: the set.
        p: the modulus.
        pizza: whether each is as strong as in a pizza.

    Example:
        >>> print(round(frequency_margin([4, 5, 7, 26], 67), 4))
        0.4835
        >>> print(round(frequency_margin([4, 5, 7, 26], 67, pizza=True), 4))
        0.0623
    """
    turns = 2 * np.pi / p * np.asarray(frequencies)
    gaps = 1 - np.cos(np.outer(np.arange(1, p), turns))
    if not pizza:
        return float(gaps.mean(1).min())
    strengths = np.abs(np.cos(np.outer(np.arange(p), turns) / 2))
    return float((gaps @ strengths.T).min() / len(turns))


def sums_of_waves(
    profiles: Mapping[int, Float[np.ndarray, "difference"]], p: int
) -> Float[np.ndarray, "{p} {p} {p}"]:
    r"""Waves of `a + b - c`, each as strong as the difference of `a` and `b` says.

    \(\sum_k u_k(a - b) \cos\omega_k(a + b - c)\), by `a`, `b` and `c`.

    Args:
        profiles: \(u_k\) over the differences 0 to `p - 1`, for each frequency.
        p: the modulus.

    Example:
        >>> int(sums_of_waves({3: np.ones(59)}, 59)[50, 20].argmax())
        11
    """
    every = np.arange(p)
    by_gap = np.zeros((p, p))  # difference, a + b - c
    for k, strength in profiles.items():
        by_gap += strength[:, None] * np.cos(2 * np.pi * k / p * every)
    a, b, c = np.ogrid[:p, :p, :p]
    return by_gap[(a - b) % p, (a + b - c) % p]
