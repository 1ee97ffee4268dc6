import itertools
from collections.abc import Callable, Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ...algebra import sums_of_waves
from ...spec import SpecError
from ..activations import relu, sine as sine_activation, square
from ..factored import FactoredNetwork
from ..mlp import MLPNetwork


def circles(
    p: int,
    neurons: int = 5,
    frequencies: Sequence[int] = (1,),
    *,
    rotation: float = 0.0,
    activation: Callable[[Array], Array] = relu,
) -> FactoredNetwork:
    r"""S2's network of a few neurons on a circle that adds modulo `p`.

    Neuron \(j\) of frequency \(k\) gets \(\cos(\omega_k a - \theta_j) + \cos(\omega_k b -
    \theta_j)\), which is \(2\cos\tfrac{\omega_k(a - b)}{2}\cos(\tfrac{\omega_k(a + b)}{2} -
    \theta_j)\), and adds its activation times \(\cos(\omega_k c - 2\theta_j)\) to the logit of
    \(c\), with \(\theta_j = 2\pi j/N + \rho\). The activation's even part is what counts. With
    `square` it is exact for 3 and for 5 or more neurons; with `relu` and one frequency for every
    odd `p` up to about \(\tfrac{\pi}{3} N^3\) (117 for five neurons), where \(N\) is odd, and
    \(\tfrac{\pi}{3}(N/2)^3\) where it is even. Modulo an even `p` no frequencies answer the pairs
    with \(a - b = p/2\): odd ones vanish there, and even ones are the same at \(c + p/2\).

    Args:
        p: the modulus, at least 3.
        neurons: how many for each frequency.
        frequencies: from 1 to `(p - 1) // 2`; each has a circle of the embedding to itself.
        rotation: \(\rho\), of all neurons, in radian.
        activation: what a neuron does.

    Raises:
        SpecError: there is no such frequency, or no neuron.

    Example:
        >>> network = circles(67)
        >>> network.w_in.shape, int(network(jnp.array([60, 10])).argmax())
        ((67, 5), 3)

    Source: Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?"; its bound:
    measured here.
    """
    _check_frequencies("circles", p, frequencies)
    if neurons < 1:
        raise SpecError(f"circles.neurons: got {neurons}; allowed: at least 1.")
    turns = 2 * np.pi / p * np.outer(np.arange(p), frequencies)
    phases = 2 * np.pi / neurons * np.arange(neurons) + rotation
    every = np.eye(len(frequencies))  # each circle has neurons of its own
    return FactoredNetwork(
        embed=jnp.asarray(_interleaved(turns).T),
        into=jnp.asarray(np.kron(every, np.stack([np.cos(phases), np.sin(phases)]))),
        out=jnp.asarray(np.kron(every, np.stack([np.cos(2 * phases), np.sin(2 * phases)], 1))),
        unembed=None,
        activation=activation,
    )


def quadratic(p: int, neurons: int, *, seed: int = 0) -> MLPNetwork:
    r"""The quadratic network of random phases that adds modulo `p` better the wider it is.

    Neuron \(j\) is \((\cos(\omega a + \varphi_1) + \cos(\omega b + \varphi_2))^2\) and adds itself
    times \(\cos(\omega c + \varphi_1 + \varphi_2)\) to the logit of \(c\). Frequencies are dealt
    out in turn, phases are drawn. Two neurons for each frequency answer nearly everything.

    Args:
        p: the modulus, at least 3.
        neurons: how many in all.
        seed: of the phases.

    Example:
        >>> network = quadratic(97, 500)
        >>> int(network(jnp.array([90, 10])).argmax())
        3

    Source: Gromov 2023, arXiv:2301.02679.
    """
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, (2, neurons))
    return _quadratic(p, np.arange(neurons) % ((p - 1) // 2) + 1, *phases)


def quadratic_exact(p: int) -> MLPNetwork:
    r"""The quadratic network of \(3(p - 1)\) neurons that adds modulo an odd `p` exactly.

    For each frequency the phases \(\varphi_{1,2} = (\alpha \pm \beta)/2\) with
    \(\alpha \in \{0, \tfrac{2\pi}{3}, \tfrac{4\pi}{3}\}\) and \(\beta \in \{0, \pi\}\), over which
    every other product of waves cancels: the logits are \(\tfrac32 (p\,\delta_{c,a+b} - 1)\).

    Args:
        p: the modulus, odd, at least 3.

    Raises:
        SpecError: `p` is even; its frequency `p / 2` is a cosine without a sine.

    Example:
        >>> network = quadratic_exact(7)
        >>> print(np.round(np.asarray(network(jnp.array([5, 4]))) + 0, 3))
        [-1.5 -1.5  9.  -1.5 -1.5 -1.5 -1.5]

    Source: measured here; that its margin is the largest possible: Morwani et al. 2023,
    arXiv:2311.07568.
    """
    if p % 2 == 0:
        raise SpecError(f"quadratic_exact.p: got {p}; allowed: odd numbers from 3.")
    thirds = 2 * np.pi / 3 * np.arange(3)
    sums, differences = np.array(list(itertools.product(thirds, (0, np.pi)))).T
    count = (p - 1) // 2
    phases = [
        np.tile(phase, count) for phase in ((sums + differences) / 2, (sums - differences) / 2)
    ]
    return _quadratic(p, np.repeat(np.arange(count) + 1, len(sums)), *phases)


def _quadratic(
    p: int, frequencies: np.ndarray, first: np.ndarray, second: np.ndarray
) -> MLPNetwork:
    """Squares of two waves' sum, with the given frequencies and phases."""
    _check_frequencies("quadratic", p, frequencies.tolist())
    turns = 2 * np.pi / p * np.outer(np.arange(p), frequencies)
    return MLPNetwork(
        first=jnp.asarray(np.cos(np.stack([turns + first, turns + second]))),
        weights=(jnp.asarray(np.cos(turns + first + second).T),),
        biases=(None, None),
        activation=square,
    )


def sine(p: int, frequency: int = 1) -> MLPNetwork:
    r"""Two sine neurons that add modulo `p` on plain numbers, of any size.

    \((\sin\omega s, \cos\omega s)\) with \(s = a + b\), read out along \((\sin\omega c,
    \cos\omega c)\): the logits are \(\cos\omega(a + b - c)\).

    Args:
        p: the modulus, at least 3.
        frequency: without a common divisor with `p`.

    Raises:
        SpecError: the frequency has one, so that residues share their answers.

    Example:
        >>> network = sine(97)
        >>> int(network(jnp.array([90.0, 10.0])).argmax())
        3

    Source: arXiv:2511.23443.
    """
    if np.gcd(frequency, p) != 1:
        raise SpecError(
            f"sine.frequency: got {frequency}, which has the divisor {np.gcd(frequency, p)} in "
            f"common with p = {p}; allowed: frequencies that have none."
        )
    turn = 2 * np.pi * frequency / p
    return MLPNetwork(
        first=jnp.full((2, 2), turn),
        weights=(jnp.asarray(np.stack([f(turn * np.arange(p)) for f in (np.sin, np.cos)])),),
        biases=(jnp.array([0.0, np.pi / 2]), None),
        activation=sine_activation,
    )


def clock_logits(p: int, amplitudes: Mapping[int, float]) -> Float[np.ndarray, "{p} {p} {p}"]:
    r"""What a clock answers: \(\sum_k A_k \cos\omega_k(a + b - c)\).

    Args:
        p: the modulus, at least 3.
        amplitudes: of each frequency.

    Returns:
        Logits by `a`, `b` and class.

    Example:
        >>> int(clock_logits(59, {3: 1.0})[50, 20].argmax())
        11

    Source: Zhong et al. 2023, arXiv:2306.17844.
    """
    return _turned(p, amplitudes, lambda difference: np.ones_like(difference))


def pizza_logits(p: int, amplitudes: Mapping[int, float]) -> Float[np.ndarray, "{p} {p} {p}"]:
    r"""What a pizza answers, which is less where its inputs are opposite on the circle.

    \(\sum_k A_k |\cos\tfrac{\omega_k(a - b)}{2}| \cos\omega_k(a + b - c)\)

    Args:
        p: the modulus, at least 3.
        amplitudes: of each frequency.

    Returns:
        Logits by `a`, `b` and class.

    Example:
        >>> right = pizza_logits(59, {3: 1.0})[0, :, :].diagonal()
        >>> print(right.min().round(3), right.max())
        0.027 1.0

    Source: Zhong et al. 2023, arXiv:2306.17844.
    """
    return _turned(p, amplitudes, lambda difference: np.abs(np.cos(difference / 2)))


def accompanying_pizza_logits(
    p: int, amplitudes: Mapping[int, float]
) -> Float[np.ndarray, "{p} {p} {p}"]:
    r"""What an accompanying pizza answers, which is most where a pizza of that frequency is least.

    \(-\sum_k A_k \cos\omega_k(a - b)\cos\omega_k(a + b - c)\)

    Args:
        p: the modulus, at least 3.
        amplitudes: of each frequency of the output; the embedding's circle has twice that.

    Returns:
        Logits by `a`, `b` and class.

    Example:
        >>> right = accompanying_pizza_logits(59, {3: 1.0})[0, :, :].diagonal()
        >>> print(right[0])
        -1.0

    Source: Zhong et al. 2023, arXiv:2306.17844.
    """
    return _turned(p, amplitudes, lambda difference: -np.cos(difference))


def _turned(
    p: int, amplitudes: Mapping[int, float], strength: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Waves of `a + b - c`, each as strong as the angle between its inputs says."""
    _check_frequencies("logits", p, tuple(amplitudes))
    turn = 2 * np.pi / p * np.arange(p)
    return sums_of_waves({k: one * strength(k * turn) for k, one in amplitudes.items()}, p)


def _interleaved(turns: Float[np.ndarray, "p frequency"]) -> Float[np.ndarray, "axis p"]:
    """A cosine and a sine for each frequency, as rows."""
    return np.stack([np.cos(turns), np.sin(turns)], axis=2).reshape(len(turns), -1).T


def _check_frequencies(what: str, p: int, frequencies: Sequence[int]) -> None:
    if p < 3:
        raise SpecError(f"{what}.p: got {p}; allowed: at least 3.")
    wrong = [k for k in frequencies if not 1 <= k <= (p - 1) // 2]
    if wrong or not len(frequencies):
        raise SpecError(
            f"{what}.frequencies: got {wrong or 'none'}; allowed: 1 to {(p - 1) // 2} modulo {p}."
        )
