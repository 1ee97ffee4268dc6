import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ..algebra import subgroups, symmetric
from ..measures import coset_concentration
from ..tasks import GroupOperation
from ._base import AbstractMechanism
from .pairs import Logits, Pairs

NEAR = 0.02  # of the least concentration: the largest subgroup as near is taken

Side = Float[np.ndarray, "element neuron"]


class Chosen(NamedTuple):
    """What neurons hear of one factor, as functions of the cosets of a subgroup for each.

    Attributes:
        values: these functions.
        order: of the subgroups.
        concentration: how much what is heard varies within cosets; 0 if not at all.
    """

    values: Side
    order: Int[np.ndarray, "neuron"]
    concentration: Float[np.ndarray, "neuron"]


@dataclasses.dataclass(frozen=True, eq=False)
class Cosets(AbstractMechanism):
    """Products of permutations by cosets of subgroups.

    Each neuron hears of either factor only in which coset of some subgroup it is; all that comes
    after is the network's own. Subgroups are chosen by what the neurons hear, and are large: their
    order is at least half of the square root of the group's.

    Attributes:
        left: what is heard of the left factor.
        right: of the right one.
        mean: what each neuron hears on average.
        formula: the logits.

    Source: Stander et al. 2024, arXiv:2312.06581.
    """

    left: Chosen
    right: Chosen
    mean: Float[np.ndarray, "neuron"]
    formula: Logits

    subject = Pairs

    @staticmethod
    def applies(task: Any) -> bool:
        return isinstance(task, GroupOperation)

    @classmethod
    def fit(cls, subject: Pairs) -> "Cosets":
        """Chooses the subgroups; without neurons there are none."""
        n, size = int(subject.task.degree), subject.size
        values = np.zeros((size, size, 0))
        if subject.heard is not None:
            values = subject.heard.values.astype(np.float64).reshape(size, size, -1)
        mean = values.mean((0, 1))
        left, right = (_chosen(values.mean(axis) - mean, n) for axis in (1, 0))
        found = cls(left, right, mean, np.zeros_like(subject.logits))
        return dataclasses.replace(found, formula=found.keep(subject))

    @property
    def kind(self) -> str:
        return "cosets"

    @property
    def parts(self) -> str:
        names = ", ".join(self.names)
        return f"subgroups of order {names}" if names else "no subgroup"

    @property
    def found(self) -> Mapping[str, Any]:
        orders = self.left.order
        return {"subgroup_orders": {name: int((orders == int(name)).sum()) for name in self.names}}

    @property
    def names(self) -> Sequence[str]:
        return [str(order) for order in np.unique(self.left.order)]

    def predict(self) -> Logits:
        return self.formula

    def keep(self, subject: Pairs) -> Logits:
        if subject.heard is None:
            return self.formula
        return subject.hearing(self.mean + self._ideal(subject.size))

    def remove(self, subject: Pairs) -> Logits:
        if subject.heard is None:
            return subject.logits
        return subject.hearing(subject.heard.values - self._ideal(subject.size))

    def component(self, subject: Pairs, name: str) -> Float[np.ndarray, "pair neuron"]:
        return np.where(self.left.order == int(name), self._ideal(subject.size), 0.0)

    def read(self, logits: Logits) -> Logits:
        return logits

    def _ideal(self, size: int) -> Float[np.ndarray, "pair neuron"]:
        both = self.left.values[:, None] + self.right.values[None]
        return both.reshape(size**2, -1)


def _chosen(heard: Side, n: int) -> Chosen:
    """For each neuron the subgroup, and the side of its cosets, within which it varies least."""
    table, count = symmetric(n).table, heard.shape[1]
    some = [np.array(one) for one in subgroups(n)[1:-1]]
    large = [i for i, one in enumerate(some) if 4 * len(one) ** 2 >= len(table)]
    least = np.full(count, np.inf)
    options = []
    for side in ("left", "right"):
        spread = coset_concentration(heard, n, side=side).values[large]
        least = np.minimum(least, spread.min(0, initial=np.inf))
        for i, one in zip(large, spread, strict=True):
            cosets = table[:, some[i]] if side == "left" else table[some[i]].T
            options.append((len(some[i]), one, cosets))
    order, values, chosen = np.zeros(count, int), np.zeros_like(heard), np.full(count, np.inf)
    for size, spread, cosets in options:
        near = spread <= least + NEAR
        better = near & ((size > order) | ((size == order) & (spread < chosen)))
        order[better], chosen[better] = size, spread[better]
        values[:, better] = heard[:, better][cosets].mean(1)
    return Chosen(values, order, chosen)
