import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from ..tasks import SparseParity
from ._base import AbstractMechanism, listed
from .strings import Outputs, Strings


@dataclasses.dataclass(frozen=True, eq=False)
class Parity(AbstractMechanism):
    r"""The parity of a few bits: \(f(x) = c - A \prod_{i \in S} (-1)^{x_i}\), whatever the others.

    Attributes:
        bits: \(S\), those with at least half of the largest influence.
        influences: of every bit.
        amplitude: \(A\).
        offset: \(c\).
        formula: the logits.

    Source: influences: O'Donnell 2014, "Analysis of Boolean Functions", section 2.2; that networks
    come to depend on these bits alone: Merrill et al. 2023, arXiv:2303.11873.
    """

    bits: tuple[int, ...]
    influences: Float[np.ndarray, "bit"]
    amplitude: float
    offset: float
    formula: Outputs

    subject = Strings
    closed = True

    @staticmethod
    def applies(task: Any) -> bool:
        return isinstance(task, SparseParity)

    @classmethod
    def fit(cls, subject: Strings) -> "Parity":
        """Chooses the bits by their influence on the network, and fits how loud it is."""
        influences = subject.influences()
        largest = influences.max()
        bits = np.flatnonzero(influences >= max(largest / 2, np.finfo(float).tiny))
        signs = subject.signs[:, bits]
        odd = -signs.prod(1) if len(bits) else np.zeros(len(signs))
        forms = np.stack([np.ones(len(odd)), odd], axis=1)
        fitted = np.linalg.lstsq(forms, subject.logits)[0]
        offset, amplitude = fitted.tolist()
        return cls(tuple(bits.tolist()), influences, amplitude, offset, forms @ fitted)

    @property
    def kind(self) -> str:
        return "sparse parity"

    @property
    def parts(self) -> str:
        return listed("the bits", self.bits) if self.bits else "no bit"

    @property
    def found(self) -> Mapping[str, Any]:
        return {"bits": list(self.bits)}

    @property
    def names(self) -> Sequence[str]:
        return [", ".join(map(str, self.bits))] if self.bits else []

    def predict(self) -> Outputs:
        return self.formula

    def keep(self, subject: Strings) -> Outputs:
        return subject.mixed(self._mine)

    def remove(self, subject: Strings) -> Outputs:
        return subject.mixed(~self._mine)

    def component(self, subject: Strings, name: str) -> Float[np.ndarray, "string neuron"]:
        del name  # there is one part
        assert subject.heard is not None
        signs = subject.signs[:, list(self.bits)]
        signs = signs - signs.mean(0)
        values = subject.heard.values.astype(np.float64)
        return signs @ np.linalg.lstsq(signs, values - values.mean(0))[0]

    def read(self, logits: Outputs) -> Outputs:
        return logits

    @property
    def _mine(self) -> Bool[np.ndarray, "bit"]:
        return np.isin(np.arange(len(self.influences)), self.bits)
