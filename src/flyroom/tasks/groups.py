import math

import numpy as np
from jaxtyping import Int, Shaped

from ..algebra import symmetric
from ..spec import host, shape
from ._base import AbstractTable, Signature
from ._vocabulary import ENCODINGS, GROUP, OPERATORS, RESIDUES, Encoding


class GroupOperation(AbstractTable):
    r"""`(a, b) -> operation(a, b)`, over all pairs of permutations of `degree` positions.

    Tokens and labels are the numbers of elements of the symmetric group in lexicographic order. In
    a product the left factor acts first, as in `flyroom.algebra.symmetric`.

    Args:
        degree: how many positions are permuted, 2 to 6. There are \(n!^2\) pairs.
        operation: `"a b"`, `"a b a^-1"` or `"a b a"`.
        train_fraction: share of the pairs that is trained on, rounded down.
        train_count: how many pairs are trained on; overrides `train_fraction`.
        encoding: `"pair"`, `"equals"`, `"equation"` or `"numbers"`, as in `ModularArithmetic`. An
            equation's first tokens are here the elements, so that a label is its token; the 97
            residues come after them.

    Example:
        >>> task = GroupOperation(encoding="equation")
        >>> print(task.table()[0][121])  # <eos> a op b =
        [217   1 233   1 218]
        >>> task.signature.classes, len(task.table()[1])
        (239, 14400)

    Source: Power et al. 2022, arXiv:2201.02177.
    """

    degree: int = shape(5, minimum=2, maximum=6)
    operation: str = host("a b", options=GROUP)
    train_fraction: float = host(0.4, above=0, below=1)
    train_count: int | None = host(None, minimum=1)
    encoding: str = shape("pair", options=ENCODINGS)

    @property
    def signature(self) -> Signature:
        return self._encoding.signature

    def rows(
        self, a: Int[np.ndarray, "example"], b: Int[np.ndarray, "example"]
    ) -> Shaped[np.ndarray, "example position"]:
        """The inputs that stand for pairs of elements."""
        return self._encoding.rows(a, b)

    def table(self) -> tuple[Shaped[np.ndarray, "example position"], Int[np.ndarray, "example"]]:
        _, product, inverse = symmetric(self.degree)
        a, b = np.divmod(np.arange(product.size), len(product))
        labels = product[a, b]
        if self.operation == "a b a^-1":
            labels = product[labels, inverse[a]]
        elif self.operation == "a b a":
            labels = product[labels, a]
        return self.rows(a, b), labels.astype(np.int32)

    @property
    def _encoding(self) -> Encoding:
        operator = OPERATORS.index(self.operation)
        return Encoding(self.encoding, math.factorial(self.degree), RESIDUES, operator)
