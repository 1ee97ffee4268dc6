import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..algebra import irrep, isotypic, partitions
from ..algebra.representations import Partition
from ..measures import character_similarity
from ..tasks import GroupOperation
from ._base import AbstractSpans, Span, listed
from .hearing import Side, in_form, said, sides, together
from .pairs import Logits, Pairs, centred

Vectors = Float[np.ndarray, "neuron d"]

KEY = 0.005  # likeness to characters from which on the source counts an irrep


class Entry(NamedTuple):
    r"""One entry \(u^\top \rho(g)\,v\) of an irrep for each neuron, and how strong it is."""

    u: Vectors
    strength: Float[np.ndarray, "neuron"]
    v: Vectors

    @classmethod
    def nearest(cls, values: Side, matrices: Float[np.ndarray, "element d d"]) -> "Entry":
        """The one that is nearest to what neurons hear."""
        size, d = matrices.shape[:2]
        coefficients = d / size * np.einsum("gn,gij->nij", values, matrices)
        u, s, v = np.linalg.svd(coefficients)
        return cls(u[:, :, 0], s[:, 0], v[:, 0])

    def of(self, matrices: Float[np.ndarray, "element d d"]) -> Side:
        """Its values, as functions of the elements."""
        return np.einsum("n,ni,gij,nj->gn", self.strength, self.u, matrices, self.v, optimize=True)


@dataclasses.dataclass(frozen=True, eq=False)
class Representations(AbstractSpans):
    r"""Products of permutations by matrices of irreps.

    In a network with neurons, each hears of either factor one entry \(u^\top \rho(a)\,v\) of every
    irrep that it computes with, and answers are read through those irreps; all between is the
    network's own. If there is nothing but logits, they are sums of characters
    \(\sum_\rho A_\rho\,\chi_\rho(a\,b\,c^{-1})\).

    Attributes:
        degree: how many positions are permuted.
        similarity: of the logits to the characters of each irrep, the most alike first.
        shares: of the variance of the logits that each of these irreps makes up.
        entries: what each neuron hears of either factor in each of these irreps.
        left: what each neuron hears of the left factor, about its mean.
        right: of the right one.
        mean: what each neuron hears on average; empty if there are no neurons.
        formula: the logits.

    Source: characters: Chughtai et al. 2023, arXiv:2302.03025; single entries: Wu et al. 2024,
    arXiv:2410.07476.
    """

    degree: int
    similarity: Mapping[Partition, float]
    shares: Mapping[Partition, float]
    entries: Mapping[Partition, tuple[Entry, Entry]]
    left: Side
    right: Side
    mean: Float[np.ndarray, "neuron"]
    formula: Logits

    @staticmethod
    def applies(task: Any) -> bool:
        return isinstance(task, GroupOperation)

    @classmethod
    def fit(cls, subject: Pairs, *, similarity: float = KEY) -> "Representations":
        """Chooses irreps by their characters, and fits what neurons hear.

        Args:
            subject: whose logits.
            similarity: the least that an irrep's characters have to be like the logits.
        """
        n = int(subject.task.degree)
        alike = character_similarity(subject.logits, n).values
        names = partitions(n)[1:]
        order = [i for i in np.argsort(-alike) if alike[i] > similarity]
        own = centred(subject.logits)
        total = max(float((own**2).sum()), np.finfo(float).tiny)
        keys = [names[i] for i in order]
        mean, *heard = sides(subject)
        each = [{one: Entry.nearest(side, irrep(n, one)) for one in keys} for side in heard]
        left, right = (
            sum((entry.of(irrep(n, one)) for one, entry in of_side.items()), np.zeros_like(side))
            for of_side, side in zip(each, heard, strict=True)
        )
        return cls(
            n,
            {names[i]: float(alike[i]) for i in order},
            {one: float(((own @ isotypic(n, one)) ** 2).sum()) / total for one in keys},
            {one: (each[0][one], each[1][one]) for one in keys},
            left,
            right,
            mean,
            _formula(subject, n, keys, mean + together(left, right)),
        )

    @property
    def kind(self) -> str:
        return "representations"

    @property
    def parts(self) -> str:
        return listed("the irreps", self.names) if self.names else "no irrep"

    @property
    def found(self) -> Mapping[str, Any]:
        return {"irreps": {str(one): share for one, share in self.shares.items()}}

    @property
    def spans(self) -> Mapping[str, Span]:
        return {str(one): isotypic(self.degree, one) for one in self.similarity}

    def predict(self) -> Logits:
        return self.formula

    def answers(
        self, out: Float[np.ndarray, "neuron answer"]
    ) -> Float[np.ndarray, "neuron answer"]:
        r"""Of each neuron's weights to the answers what the mechanism demands.

        In each irrep \(u^\top \rho(c)\,w\), with the \(u\) of what it hears of the left factor and
        the \(w\) of the right one.
        """
        found = np.zeros_like(out)
        for one, (left, right) in self.entries.items():
            whole = Entry(left.u, np.ones_like(left.strength), right.v)
            found += in_form(out, whole.of(irrep(self.degree, one)).T)
        return found


def _formula(
    subject: Pairs, n: int, keys: list[Partition], heard: Float[np.ndarray, "pair neuron"]
) -> Logits:
    """What the mechanism says the logits are."""
    if not keys:
        return np.zeros_like(subject.logits)
    if subject.heard is None:
        return _characters(subject, n, keys)
    return said(subject, heard) @ np.sum([isotypic(n, one) for one in keys], axis=0)


def _characters(subject: Pairs, n: int, keys: list[Partition]) -> Logits:
    """The sum of characters that is nearest to the logits: they are orthogonal."""
    own, found = centred(subject.logits), np.zeros_like(subject.logits)
    for one in keys:
        form = isotypic(n, one)[subject.labels]  # a multiple of the character of a b c⁻¹
        found += (own * form).sum() / (form**2).sum() * form
    return found
