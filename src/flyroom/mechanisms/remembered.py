import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.cluster.vq
from jaxtyping import Bool, Float

from ..tasks import GroupOperation, ModularArithmetic
from ._base import AbstractMechanism, Neurons
from .pairs import Logits, Pairs


@dataclasses.dataclass(frozen=True, eq=False)
class MemorizedTable(AbstractMechanism):
    r"""A list of pairs and what is answered to each, which says nothing of any other pair.

    Which pairs are on it is found by the logits alone: those that the network is surer of. How sure
    it is of a pair is by how much its largest logit exceeds the next, and the pairs are parted in
    two by their means. A list tells what a network does, but it is no rule: whatever its numbers,
    it is not told as an explanation.

    Attributes:
        held: which pairs are on the list.
        logits: the network's own.
    """

    held: Bool[np.ndarray, "a b"]
    logits: Logits

    subject = Pairs
    rule = False

    @staticmethod
    def applies(task: Any) -> bool:
        return isinstance(task, ModularArithmetic | GroupOperation)

    @classmethod
    def fit(cls, subject: Pairs) -> "MemorizedTable":
        """Parts the pairs in those that the network is sure of and the others."""
        second, first = np.moveaxis(np.partition(subject.logits, -2, axis=2)[..., -2:], 2, 0)
        sure = first - second
        if np.ptp(sure) == 0:
            return cls(np.zeros(sure.shape, bool), subject.logits)
        ends = np.array([[sure.min()], [sure.max()]])
        _, group = scipy.cluster.vq.kmeans2(sure.reshape(-1, 1), ends, minit="matrix")
        return cls((group == 1).reshape(sure.shape), subject.logits)

    @property
    def kind(self) -> str:
        return "memorised table"

    @property
    def parts(self) -> str:
        return f"{self.held.sum():,} pairs"

    @property
    def found(self) -> Mapping[str, Any]:
        return {"pairs_remembered": int(self.held.sum())}

    @property
    def names(self) -> Sequence[str]:
        return []  # a list has no parts that neurons could hear

    def predict(self) -> Logits:
        return np.where(self.held[..., None], self.logits, self._unknown)

    def keep(self, subject: Pairs) -> Logits:
        del subject  # it is the same as to predict
        return self.predict()

    def remove(self, subject: Pairs) -> Logits:
        return np.where(self.held[..., None], self._unknown, subject.logits)

    def component(self, subject: Pairs, name: str) -> Neurons:
        raise KeyError(f"MemorizedTable.component: got {name!r}; a list has no parts.")

    def read(self, logits: Logits) -> Logits:
        return logits

    @property
    def _unknown(self) -> Float[np.ndarray, "answer"]:
        """What is said of a pair that is not on the list: the mean of what is said of all."""
        return self.logits.mean((0, 1))
