import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from ..algebra import fourier_basis
from ..tasks import ModularArithmetic
from ._base import listed
from .hearing import AbstractHearing, Side, in_form, said, sides, together
from .pairs import Logits, Pairs


@dataclasses.dataclass(frozen=True, eq=False)
class Quadrature(AbstractHearing):
    r"""Addition by neurons of one wave each, whose sum stands for an integral over their phases.

    Neuron \(j\) hears \(m_j + A_j \cos(\omega a - \varphi_j) + B_j \cos(\omega b - \psi_j)\) with a
    frequency of its own; all that comes after is the network's own. With many phases the sum of
    what such neurons say comes to waves of \(a + b\), whatever their activation, if that has a
    second harmonic.

    Attributes:
        left: what each neuron hears of the left input, about its mean.
        right: of the right one.
        mean: what each neuron hears on average; empty if there are no neurons.
        part: the frequency of each neuron.
        formula: the logits if neurons hear this and nothing else.

    Source: Yip et al. 2024; for squares: Gromov 2023, arXiv:2301.02679.
    """

    left: Side
    right: Side
    mean: Float[np.ndarray, "neuron"]
    part: Int[np.ndarray, "neuron"]
    formula: Logits

    @staticmethod
    def applies(task: Any) -> bool:
        return isinstance(task, ModularArithmetic)

    @classmethod
    def fit(cls, subject: Pairs) -> "Quadrature":
        """Chooses for each neuron the wave that it hears most of, in both inputs together."""
        p = subject.size
        mean, *heard = sides(subject)
        basis = fourier_basis(p)[1:]
        frequency = np.arange(len(basis)) // 2 + 1
        coefficients = np.stack([basis @ side for side in heard])  # side, wave, neuron
        power = np.zeros((p // 2, mean.size))
        np.add.at(power, frequency - 1, (coefficients**2).sum(0))
        part = power.argmax(0) + 1
        own = np.where(frequency[:, None] == part, coefficients, 0.0)
        left, right = (basis.T @ side for side in own)
        return cls(left, right, mean, part, said(subject, mean + together(left, right)))

    @property
    def kind(self) -> str:
        return "quadrature"

    @property
    def parts(self) -> str:
        return listed("neurons of the frequencies", self.names) if self.names else "no neuron"

    @property
    def found(self) -> Mapping[str, Any]:
        return {"neurons_by_frequency": self.counts()}

    def answers(
        self, out: Float[np.ndarray, "neuron answer"]
    ) -> Float[np.ndarray, "neuron answer"]:
        """Of each neuron's weights to the answers what the mechanism demands.

        It is the wave whose phase is the sum of its two phases.
        """
        p = len(self.left)
        turn = np.exp(2j * np.pi / p * np.outer(np.arange(p), self.part))
        left, right = ((side * turn).sum(0) for side in (self.left, self.right))
        phase = np.exp(1j * np.angle(left * right))
        return in_form(out, (turn.conj() * phase).real.T)
