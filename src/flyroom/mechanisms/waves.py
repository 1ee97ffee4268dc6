import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from ..models.constructed import accompanying_pizza_logits, clock_logits, pizza_logits
from .subject import Logits, Subject

Profile = Float[np.ndarray, "difference"]


@dataclasses.dataclass(frozen=True)
class Circle:
    """One frequency of the answers, and what becomes of its waves when they enter alone.

    Attributes:
        frequency: of the answer's waves.
        share: of the variance of the logits that these waves explain.
        clock: share of the variance of the logits of this circle alone that a clock explains.
        pizza: the same of a pizza.
        accompanying: the frequency of a circle whose logits an accompanying pizza explains to 90 %;
            0 if there is none.
    """

    frequency: int
    share: float
    clock: float
    pizza: float
    accompanying: int


@dataclasses.dataclass(frozen=True, eq=False)
class FourierSum:
    r"""Addition by waves: \(\sum_k u_k(a - b) \cos\omega_k(a + b - c)\).

    A clock's \(u_k\) is constant, a pizza's \(|\cos\tfrac{\omega_k(a - b)}{2}|\).

    Attributes:
        p: the modulus.
        profiles: \(u_k\) over differences, for each frequency of the answers.
        circles: what is known of each frequency, the strongest first.

    Source: the sum, with constant \(u_k\): Nanda et al. 2023, arXiv:2301.05217; its forms: Zhong
    et al. 2023, arXiv:2306.17844.
    """

    p: int
    profiles: Mapping[int, Profile]
    circles: tuple[Circle, ...]

    @staticmethod
    def fit(subject: Subject, *, share: float = 0.99) -> "FourierSum":
        """Fits the profiles to the logits, and looks at each circle alone.

        Args:
            subject: whose logits.
            share: the fewest frequencies are taken that make up this share of what all explain.
        """
        profiles = wave_profiles(subject.logits)
        power = {k: float((u**2).mean() / 2) for k, u in profiles.items()}
        total, left = float(_centred(subject.logits).var()), share * sum(power.values())
        chosen = []
        for k in sorted(power, key=lambda k: -power[k]):
            if left <= 0:
                break
            chosen.append(k)
            left -= power[k]
        circles = [_circle(subject, k, power[k] / total) for k in chosen]
        return FourierSum(subject.p, {k: profiles[k] for k in chosen}, tuple(circles))

    @property
    def inputs(self) -> set[int]:
        """The frequencies that have to enter: the answers, and those of what accompanies them."""
        return {k for one in self.circles for k in (one.frequency, one.accompanying) if k}

    @property
    def kind(self) -> str:
        """Clock, pizza or neither, by what explains 90 % of the stronger half of its circles."""
        strength = sum(one.share for one in self.circles)
        for name in ("clock", "pizza"):
            other = "pizza" if name == "clock" else "clock"
            fits = [
                one.share
                for one in self.circles
                if getattr(one, name) >= max(0.9, getattr(one, other))
            ]
            if sum(fits) > strength / 2:
                return name
        return "Fourier sum"

    def keep(self, subject: Subject) -> Logits:
        """The logits if nothing but its waves goes through the network."""
        return subject.only(self.inputs)

    def remove(self, subject: Subject) -> Logits:
        """The logits if everything but its waves goes through the network."""
        return subject.without(self.inputs)

    def predict(self) -> Logits:
        """The logits by the formula alone."""
        a, b = np.divmod(np.arange(self.p**2), self.p)
        gaps = (a + b)[:, None] - np.arange(self.p)
        logits = np.zeros((self.p**2, self.p))
        for k, u in self.profiles.items():
            logits += u[(a - b) % self.p, None] * np.cos(2 * np.pi * k / self.p * gaps)
        return logits.reshape(3 * (self.p,))


def wave_profiles(logits: Logits) -> dict[int, Profile]:
    r"""How strong \(\cos\omega_k(a + b - c)\) is in logits at each difference of the inputs.

    \(u_k(d) = \frac{2}{p^2} \sum_{a - b = d} \sum_c L_{abc} \cos\omega_k(a + b - c)\): waves of
    different frequencies are orthogonal, so that each is fitted alone.
    """
    p = len(logits)
    a, d = np.meshgrid(np.arange(p), np.arange(p), indexing="ij")
    rows = logits[a, (a - d) % p]  # a, d, c
    gap = np.arange(p)
    answers = (2 * a - d)[..., None] - gap
    by_gap = np.take_along_axis(rows, answers % p, axis=2).mean(0)  # d, a + b - c
    frequencies = range(1, (p - 1) // 2 + 1)
    return {k: 2 / p * by_gap @ np.cos(2 * np.pi * k / p * gap) for k in frequencies}


def explained(logits: Logits, formula: Logits) -> float:
    """Share of the variance of logits, about each pair's mean, that a formula explains."""
    centred = _centred(logits)
    total = float((centred**2).sum())
    return 1 - float(((centred - formula) ** 2).sum()) / total if total > 0 else 0.0


def _centred(logits: Logits) -> Logits:
    return logits - logits.mean(2, keepdims=True)


def _circle(subject: Subject, frequency: int, share: float) -> Circle:
    p, one = subject.p, {frequency: 1.0}
    alone = subject.only({frequency})
    double = min(2 * frequency % p, -2 * frequency % p)
    beside = subject.only({double})
    return Circle(
        frequency,
        share,
        clock=_fitted(alone, clock_logits(p, one)),
        pizza=_fitted(alone, pizza_logits(p, one)),
        accompanying=double if _fitted(beside, accompanying_pizza_logits(p, one)) >= 0.9 else 0,
    )


def _fitted(logits: Logits, form: Logits) -> float:
    """Share of the variance that the best multiple of a form explains; 0 if it is negative."""
    centred = _centred(logits)
    total, product = float((centred**2).sum()), float((centred * form).sum())
    return product**2 / (total * float((form**2).sum())) if total > 0 and product > 0 else 0.0
