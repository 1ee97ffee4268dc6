import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from ..algebra import irrep, isotypic, partitions
from ..algebra.representations import Partition
from ..measures import character_similarity
from ..tasks import GroupOperation
from ._base import AbstractSpans, Span, listed
from .hearing import said, sides, together
from .pairs import Logits, Pairs, centred

KEY = 0.005  # likeness to characters from which on the source counts an irrep


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
        formula: the logits.

    Source: characters: Chughtai et al. 2023, arXiv:2302.03025; single entries: Wu et al. 2024,
    arXiv:2410.07476.
    """

    degree: int
    similarity: Mapping[Partition, float]
    shares: Mapping[Partition, float]
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
        return cls(
            n,
            {names[i]: float(alike[i]) for i in order},
            {one: float(((own @ isotypic(n, one)) ** 2).sum()) / total for one in keys},
            _formula(subject, n, keys),
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


def _formula(subject: Pairs, n: int, keys: list[Partition]) -> Logits:
    """What the mechanism says the logits are."""
    if not keys:
        return np.zeros_like(subject.logits)
    if subject.heard is None:
        return _characters(subject, n, keys)
    mean, *heard = sides(subject)
    left, right = (
        np.sum([_entries(side, irrep(n, one)) for one in keys], axis=0) for side in heard
    )
    reads = np.sum([isotypic(n, one) for one in keys], axis=0)
    return said(subject, mean + together(left, right)) @ reads


def _entries(
    values: Float[np.ndarray, "element neuron"], matrices: Float[np.ndarray, "element d d"]
) -> Float[np.ndarray, "element neuron"]:
    """The nearest function of the form of one entry, in some bases, of an irrep."""
    size, d = matrices.shape[:2]
    coefficients = d / size * np.einsum("gn,gij->nij", values, matrices)
    u, s, v = np.linalg.svd(coefficients)
    nearest = s[:, :1, None] * u[:, :, :1] * v[:, :1]
    return np.einsum("nij,gij->gn", nearest, matrices)


def _characters(subject: Pairs, n: int, keys: list[Partition]) -> Logits:
    """The sum of characters that is nearest to the logits: they are orthogonal."""
    own, found = centred(subject.logits), np.zeros_like(subject.logits)
    for one in keys:
        form = isotypic(n, one)[subject.labels]  # a multiple of the character of a b c⁻¹
        found += (own * form).sum() / (form**2).sum() * form
    return found
