import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ..algebra import fourier_basis, sums_of_waves
from ..tasks import ModularArithmetic
from ._base import AbstractSpans, Span, listed
from .pairs import Logits, Pairs, variance

# What computes with waves has few, and they explain much. Nothing else is looked at wave by wave.
ALONE = 12
WAVES = 0.5
BESIDE = 0.9  # of the logits of a circle beside another, from which on it accompanies that one

Profile = Float[np.ndarray, "difference"]


@dataclasses.dataclass(frozen=True)
class Circle:
    """One frequency of the answers, and what becomes of its waves when they enter alone.

    Attributes:
        frequency: of the answer's waves.
        share: of the variance of the logits that these waves explain.
        clock: share of the variance of the logits of this circle alone that a clock explains; not a
            number if it was not looked at, as only the twelve strongest are, where all together
            explain half.
        pizza: the same of a pizza.
        accompanied: share of the variance of the logits of the circle of twice the frequency,
            alone, that an accompanying pizza of this frequency explains; as `clock` if not looked
            at.
        accompanying: the frequency of that circle if this is 90 % or more; 0 if not.
    """

    frequency: int
    share: float
    clock: float
    pizza: float
    accompanied: float
    accompanying: int


@dataclasses.dataclass(frozen=True, eq=False)
class FourierSum(AbstractSpans):
    r"""Addition by waves: \(\sum_k u_k(a - b) \cos\omega_k(a + b - c)\).

    A clock's \(u_k\) is constant, a pizza's \(|\cos\tfrac{\omega_k(a - b)}{2}|\).

    Attributes:
        p: the modulus.
        profiles: \(u_k\) over differences, for each frequency of the answers.
        circles: what is known of each frequency, the strongest first.

    Source: the sum, with constant \(u_k\): Nanda et al. 2023, arXiv:2301.05217; its forms: Zhong
    et al. 2023, arXiv:2306.17844.
    """

    closed = True
    p: int
    profiles: Mapping[int, Profile]
    circles: tuple[Circle, ...]

    @staticmethod
    def applies(task: Any) -> bool:
        return isinstance(task, ModularArithmetic)

    @classmethod
    def fit(cls, subject: Pairs, *, share: float = 0.99) -> "FourierSum":
        """Fits the profiles to the logits, and looks at each circle alone.

        Args:
            subject: whose logits.
            share: the fewest frequencies are taken that make up this share of what all explain.
        """
        profiles = wave_profiles(subject.logits)
        power = {k: float((u**2).mean() / 2) for k, u in profiles.items()}
        total, left = subject.own_variance, share * sum(power.values())
        # Rounding is not to decide which of two that are as strong is named first.
        strength = {k: round(one / (max(power.values()) or 1), 6) for k, one in power.items()}
        chosen = []
        for k in sorted(power, key=lambda k: (-strength[k], k)):
            if left <= 0:
                break
            chosen.append(k)
            left -= power[k]
        shares = {k: power[k] / total for k in chosen}
        alone = chosen[:ALONE] if sum(shares.values()) >= WAVES else []
        circles = [_circle(subject, k, shares[k]) for k in alone]
        circles += [Circle(k, shares[k], np.nan, np.nan, np.nan, 0) for k in chosen[len(alone) :]]
        return cls(subject.size, {k: profiles[k] for k in chosen}, tuple(circles))

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

    @property
    def parts(self) -> str:
        waves = [one.frequency for one in self.circles]
        return listed("the frequencies", waves) if waves else "no frequency"

    @property
    def found(self) -> Mapping[str, Any]:
        return {
            "key_frequencies": sorted(one.frequency for one in self.circles),
            "circles": [
                {name: value for name, value in vars(one).items() if value == value}  # no NaN
                for one in self.circles
            ],
        }

    @property
    def spans(self) -> Mapping[str, Span]:
        return {str(k): passing(self.p, {k}) - 1 / self.p for k in sorted(self.inputs)}

    def predict(self) -> Logits:
        return sums_of_waves(self.profiles, self.p)


def wave_profiles(logits: Logits, frequencies: Iterable[int] | None = None) -> dict[int, Profile]:
    r"""How strong \(\cos\omega_k(a + b - c)\) is in logits at each difference of the inputs.

    \(u_k(d) = \frac{2}{p^2} \sum_{a - b = d} \sum_c L_{abc} \cos\omega_k(a + b - c)\): waves of
    different frequencies are orthogonal, so that each is fitted alone. All if none are named.
    """
    p = len(logits)
    wanted = range(1, (p - 1) // 2 + 1) if frequencies is None else frequencies
    by_gap = logits.ravel()[_places(p)].mean(0)  # d, a + b - c
    turn = 2 * np.pi / p * np.arange(p)
    return {k: 2 / p * by_gap @ np.cos(k * turn) for k in wanted}


@functools.lru_cache(maxsize=2)
def _places(p: int) -> Int[np.ndarray, "a difference gap"]:
    """Where logits are by the first input, its difference to the second, and `a + b - c`."""
    a, d, gap = np.ogrid[:p, :p, :p]
    return (a * p + (a - d) % p) * p + (2 * a - d - gap) % p


def passing(p: int, frequencies: set[int]) -> Span:
    r"""The projection of functions on \(\mathbb{Z}_p\) on constants and waves of frequencies."""
    rows = [r for k in sorted(frequencies) for r in (2 * k - 1, 2 * k) if r < p]
    kept = fourier_basis(p)[[0, *rows]]
    return kept.T @ kept


def _circle(subject: Pairs, frequency: int, share: float) -> Circle:
    p = subject.size
    turn = 2 * np.pi * frequency / p * np.arange(p)
    alone = subject.mixed(passing(p, {frequency}))
    double = min(2 * frequency % p, -2 * frequency % p)
    beside = _fitted(subject.mixed(passing(p, {double})), frequency, -np.cos(turn))
    return Circle(
        frequency,
        share,
        clock=_fitted(alone, frequency, np.ones(p)),
        pizza=_fitted(alone, frequency, np.abs(np.cos(turn / 2))),
        accompanied=beside,
        accompanying=double if beside >= BESIDE else 0,
    )


def _fitted(logits: Logits, frequency: int, form: Profile) -> float:
    """Share of the variance that waves of this profile explain, times what fits best.

    It is 0 if that is negative.
    """
    total, product = variance(logits), float(wave_profiles(logits, [frequency])[frequency] @ form)
    if total == 0 or product <= 0:
        return 0.0
    # The mean square of waves with the profile u is half of the mean of u².
    return product**2 / (2 * len(form) * total * float(form @ form))
