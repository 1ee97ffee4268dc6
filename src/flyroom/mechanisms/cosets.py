import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ..algebra import subgroups, symmetric
from ..measures import coset_concentration
from ..tasks import GroupOperation
from ._base import listed
from .hearing import AbstractHearing, Side, said, sides, together
from .pairs import Logits, Pairs

NEAR = 0.02  # of the least concentration: the largest subgroup as near is taken


class Chosen(NamedTuple):
    """Functions of the cosets of a subgroup for each neuron.

    Attributes:
        values: these functions.
        order: of the subgroups.
        concentration: how much what is heard varies within cosets; 0 if not at all.
    """

    values: Side
    order: Int[np.ndarray, "neuron"]
    concentration: Float[np.ndarray, "neuron"]


@dataclasses.dataclass(frozen=True, eq=False)
class Cosets(AbstractHearing):
    """Products of permutations by cosets of subgroups.

    Each neuron hears of either factor only in which coset of some subgroup it is; all that comes
    after is the network's own. Subgroups are chosen by what the neurons hear, and are large: their
    order is at least half of the square root of the group's.

    Attributes:
        left: what each neuron hears of the left factor, about its mean.
        right: of the right one.
        mean: what each neuron hears on average; empty if there are no neurons.
        part: the order of each neuron's subgroup, for the left factor.
        formula: the logits if neurons hear this and nothing else.
        concentration: how much what is heard of the left factor varies within cosets.

    Source: Stander et al. 2024, arXiv:2312.06581.
    """

    left: Side
    right: Side
    mean: Float[np.ndarray, "neuron"]
    part: Int[np.ndarray, "neuron"]
    formula: Logits
    concentration: Float[np.ndarray, "neuron"]

    @staticmethod
    def applies(task: Any) -> bool:
        return isinstance(task, GroupOperation)

    @classmethod
    def fit(cls, subject: Pairs) -> "Cosets":
        """Chooses the subgroups; without neurons there are none."""
        mean, *heard = sides(subject)
        left, right = (_chosen(side, int(subject.task.degree)) for side in heard)
        formula = said(subject, mean + together(left.values, right.values))
        return cls(left.values, right.values, mean, left.order, formula, left.concentration)

    @property
    def kind(self) -> str:
        return "cosets"

    @property
    def parts(self) -> str:
        return listed("subgroups of order", self.names) if self.names else "no subgroup"

    @property
    def found(self) -> Mapping[str, Any]:
        return {"subgroup_orders": self.counts()}


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
