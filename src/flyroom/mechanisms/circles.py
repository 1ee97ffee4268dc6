import dataclasses
from typing import NamedTuple

import numpy as np

from ..models.constructed import accompanying_pizza_logits, clock_logits, pizza_logits
from .subject import Logits, Subject

LEAST = 0.01  # share of the explained variance from which on a frequency is one of the mechanism's
ENOUGH = 0.99  # share of the explained variance that its frequencies have to make up


class Circle(NamedTuple):
    """One frequency of the answers, and what the network does with it alone.

    Attributes:
        frequency: of the waves of the answer.
        share: of the variance of the logits that this wave of `a + b - c` explains.
        clock: share of the variance of the logits of this circle alone that a clock explains.
        pizza: the same of a pizza.
        accompanying: the double of the frequency, if the network has an accompanying pizza there;
            0 if not.
    """

    frequency: int
    share: float
    clock: float
    pizza: float
    accompanying: int


@dataclasses.dataclass(frozen=True)
class FourierSum:
    r"""Addition by waves: \(\sum_k A_k \cos\omega_k(a + b - c)\), whatever makes them.

    Attributes:
        amplitudes: of each frequency, fitted to the network's logits.
        inputs: the frequencies of what enters: the same, and doubles that accompany them.
    """

    amplitudes: dict[int, float]
    inputs: tuple[int, ...]
    p: int

    @staticmethod
    def fit(subject: Subject) -> "FourierSum":
        """The waves of an answer, from its logits alone."""
        amplitudes = wave_amplitudes(subject.logits)
        power = amplitudes**2
        order = np.argsort(power)[::-1]
        total = power.sum()
        kept = [int(k) + 1 for k in order if power[k] >= LEAST * total > 0]
        chosen = {k: float(amplitudes[k - 1]) for k in sorted(kept)}
        doubles = {min(2 * k % subject.p, -2 * k % subject.p) for k in kept}
        return FourierSum(chosen, tuple(sorted({*kept, *doubles})), subject.p)

    def predict(self) -> Logits:
        """The logits by the formula alone."""
        return clock_logits(self.p, self.amplitudes) if self.amplitudes else np.zeros(3 * (self.p,))

    def keep(self, subject: Subject) -> Logits:
        """The logits if only these waves enter."""
        return subject.restricted(self.inputs)

    def remove(self, subject: Subject) -> Logits:
        """The logits if all but these waves enter."""
        return subject.restricted(self.inputs, without=True)


def wave_amplitudes(logits: Logits) -> np.ndarray:
    r"""The amplitude of \(\cos\omega_k(a + b - c)\) in logits, for each frequency \(k\).

    \(A_k = \frac{2}{p^3}\sum_{abc} L_{abc} \cos\omega_k(a + b - c)\): these waves are orthogonal,
    so that each is fitted alone.
    """
    p = len(logits)
    a, b = np.divmod(np.arange(p * p), p)
    flat = logits.reshape(p * p, p)
    # The mean over pairs of one sum, and then along the answers' distance from it.
    by_sum = np.zeros((p, p))
    np.add.at(by_sum, (a + b) % p, flat / p)
    distance = np.arange(p)
    profile = np.array([by_sum[(distance + d) % p, distance].mean() for d in range(p)])
    angles = 2 * np.pi / p * np.outer(np.arange(1, (p - 1) // 2 + 1), np.arange(p))
    return 2 / p * np.cos(angles) @ profile


def explained(logits: Logits, formula: Logits) -> float:
    """Share of the variance of logits, about each pair's mean, that a formula explains."""
    centred = logits - logits.mean(2, keepdims=True)
    total = float((centred**2).sum())
    return 1 - float(((centred - formula) ** 2).sum()) / total if total > 0 else 0.0


def fitted(logits: Logits, form: Logits) -> float:
    """The same of the multiple of a form that fits best."""
    centred = logits - logits.mean(2, keepdims=True)
    total, size = float((centred**2).sum()), float((form**2).sum())
    return float((centred * form).sum()) ** 2 / (total * size) if total > 0 and size > 0 else 0.0


def circle(subject: Subject, frequency: int, share: float) -> Circle:
    """What a network does with the waves of one frequency alone."""
    p, one = subject.p, {frequency: 1.0}
    alone = subject.restricted((frequency,))
    double = min(2 * frequency % p, -2 * frequency % p)
    beside = fitted(subject.restricted((double,)), accompanying_pizza_logits(p, one))
    return Circle(
        frequency,
        share,
        clock=fitted(alone, clock_logits(p, one)),
        pizza=fitted(alone, pizza_logits(p, one)),
        accompanying=double if beside >= 0.9 else 0,
    )
