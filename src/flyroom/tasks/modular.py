import functools
from collections.abc import Callable

import numpy as np
from jaxtyping import Int, Shaped

from ..spec import SpecError, host, shape
from ._base import AbstractTable, Signature
from ._expression import evaluate
from ._vocabulary import ENCODINGS, MODULAR, OTHER, PERMUTATIONS, Encoding

Operation = str | Callable[[np.ndarray, np.ndarray], np.ndarray]


class ModularArithmetic(AbstractTable):
    r"""`(a, b) -> operation(a, b) mod p`, over all pairs of residues.

    Ordered, there are \(p^2\) pairs; unordered, the \(p(p+1)/2\) with \(a \le b\). Pairs where the
    operation is undefined (a divisor without an inverse modulo `p`) are left out: of division
    modulo a prime, the `p` with `b = 0`; of `"a / b if b % 2 else a - b"`, none.

    Args:
        p: the modulus, at least 2. Need not be prime.
        operation: an expression in `a` and `b`, such as `"a + b"` or `"a**2 + a*b"`, or a function
            of two integer arrays.
        ordered: whether `(a, b)` and `(b, a)` are different examples.
        train_fraction: share of the pairs that is trained on, rounded down.
        train_count: how many pairs are trained on; overrides `train_fraction`.
        encoding: `"pair"` for the tokens `a, b`; `"equals"` for `a, b, =`, where the third token is
            always the same, for models that answer at the last position; `"equation"` for
            `<eos>, a, op, b, =` in the vocabulary of Power et al., which has the residues, the 120
            permutations of five, `<eos>`, `=` and 20 operators, and where every token is a class.
            `op` depends on what the operation does, not on how it is written; all that the source
            lacks share one. The source's loss also asks for the `<eos>` after the answer.
            `"numbers"` is the real vector `[a, b]`.

    Example:
        >>> task = ModularArithmetic(p=67, ordered=False, train_fraction=0.4)
        >>> split = task.split(seed=0)
        >>> len(split.train.labels), len(split.test.labels)
        (911, 1367)
        >>> task = ModularArithmetic(p=97, operation="a / b", encoding="equation")
        >>> len(task.table()[1]), task.signature.classes  # of 9,409 pairs
        (9312, 239)

    Source: Power et al. 2022, arXiv:2201.02177; unordered pairs: Pearce et al. 2023, "Do Machine
    Learning Models Memorize or Generalize?".
    """

    p: int = shape(97, minimum=2)
    operation: Operation = host("a + b", room=None)
    ordered: bool = host(True)
    train_fraction: float = host(0.4, above=0, below=1)
    train_count: int | None = host(None, minimum=1)
    encoding: str = shape("pair", options=ENCODINGS)

    @property
    def signature(self) -> Signature:
        return self._encoding.signature

    def rows(
        self, a: Int[np.ndarray, "example"], b: Int[np.ndarray, "example"]
    ) -> Shaped[np.ndarray, "example position"]:
        """The inputs that stand for pairs of residues, defined or not."""
        return self._encoding.rows(a, b)

    def table(self) -> tuple[Shaped[np.ndarray, "example position"], Int[np.ndarray, "example"]]:
        a, b = np.divmod(np.arange(self.p**2), self.p)
        results = self.results().ravel()
        defined = results >= 0
        if not defined.any():
            raise SpecError(
                f"ModularArithmetic.operation: `{self.operation}` modulo {self.p} is defined for "
                f"no pair; a / b needs a b with an inverse modulo {self.p}, a % b needs b > 0. "
                "Change the operation or p."
            )
        keep = defined
        if not self.ordered:
            if not np.array_equal(results.reshape(self.p, -1), results.reshape(self.p, -1).T):
                raise SpecError(
                    f"ModularArithmetic.ordered: unordered pairs need an operation with "
                    f"f(a, b) = f(b, a), which `{self.operation}` modulo {self.p} is not. "
                    "Use ordered=True."
                )
            keep = defined & (a <= b)
        inputs = self._encoding.rows(a, b)
        return inputs[keep], results[keep].astype(np.int32)

    def results(self) -> Int[np.ndarray, "{self.p} {self.p}"]:
        """The result for every pair of residues, −1 where the operation is not defined."""
        a, b = np.divmod(np.arange(self.p**2), self.p)
        labels, defined = _answers(self.operation, self.p, a, b)
        return np.where(defined, labels, -1).reshape(self.p, self.p)

    @property
    def _encoding(self) -> Encoding:
        # The other encodings write no operator, and need not look for it.
        operator = _operator(self.operation, self.p) if self.encoding == "equation" else OTHER
        return Encoding(self.encoding, self.p, PERMUTATIONS, operator)


def _answers(
    operation: Operation, p: int, a: np.ndarray, b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The result for every pair, and where there is one."""
    if isinstance(operation, str):
        return evaluate(operation, a, b, p)
    labels = np.asarray(operation(a, b))
    if labels.dtype.kind not in "iu" or labels.shape != a.shape:
        raise SpecError(
            f"ModularArithmetic.operation: the function gave {labels.dtype} of shape "
            f"{labels.shape}; allowed: whole numbers of shape {a.shape}, one for each pair."
        )
    return labels % p, np.ones(len(a), bool)


@functools.cache
def _operator(operation: Operation, p: int) -> int:
    """The first operator of the source that does the same to every pair, however written."""
    a, b = np.divmod(np.arange(p**2), p)
    labels, defined = _answers(operation, p, a, b)
    for number, text in enumerate(MODULAR):
        known, where = evaluate(text, a, b, p)
        if np.array_equal(where, defined) and np.array_equal(known[where], labels[where]):
            return number
    return OTHER
