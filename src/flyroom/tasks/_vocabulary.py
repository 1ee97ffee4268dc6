"""How a pair of operands is written in tokens, and the vocabulary of Power et al. 2022."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Shaped

from ._base import Signature

ENCODINGS = ("pair", "equals", "equation", "numbers")

# The operands of the source: residues modulo 97, and the elements of S_5.
RESIDUES, PERMUTATIONS = 97, 120

# Its operators, as we write them: 14 of residues, 3 of permutations. With `UNARY`, 20.
MODULAR = (
    "a + b",
    "a - b",
    "a * b",
    "a / b",
    "a**2 + b",
    "a**3 + b",
    "a**2 + b**2",
    "a**2 + a*b + b**2",
    "a**2 + a*b + b**2 + a",
    "a**3 + a*b",
    "a**3 + a*b**2 + b",
    "a / b if b % 2 else a - b",
    "a * b if a % 2 else a + b",
    "a - b if a % 2 else a + b",
)
GROUP = ("a b", "a b a^-1", "a b a")
UNARY = ("sort", "reverse", "copy")
OPERATORS = (*MODULAR, *GROUP, *UNARY)
# An operation that the source does not have is written as one that has no pair of operands.
OTHER = OPERATORS.index("copy")


class Encoding(NamedTuple):
    """A way to write pairs of `operands` different things, whose tokens are their numbers.

    Next come the `others`, operands of the source's other tasks, then `<eos>`, `=`, the operators,
    of which `operator` is the place in `OPERATORS`.
    """

    name: str
    operands: int
    others: int
    operator: int

    @property
    def signature(self) -> Signature:
        n, asks = self.operands, self.name == "equals"
        if self.name == "equation":
            eos, size = n + self.others, n + self.others + 2 + len(OPERATORS)
            op = eos + 2 + self.operator
            spans = ((eos, eos + 1), (0, n), (op, op + 1), (0, n), (eos + 1, eos + 2))
            return Signature((5,), size, size, spans)
        if self.name == "numbers":
            return Signature((2,), None, n)
        spans = ((0, n), (0, n), (n, n + 1))[: 2 + asks]
        return Signature((2 + asks,), n + asks, n, spans)

    def rows(
        self, a: Int[np.ndarray, "example"], b: Int[np.ndarray, "example"]
    ) -> Shaped[np.ndarray, "example position"]:
        """Each pair as a row of tokens, or of plain numbers."""
        if self.name == "equation":
            eos = self.operands + self.others
            columns = [eos, a, eos + 2 + self.operator, b, eos + 1]
        else:
            columns = [a, b, self.operands][: self.signature.inputs[0]]
        kind = np.int32 if self.signature.tokens else np.float32
        return np.stack(np.broadcast_arrays(*columns), axis=1).astype(kind)
