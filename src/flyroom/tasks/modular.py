from collections.abc import Callable

import numpy as np
from jaxtyping import Int, Shaped

from ..spec import SpecError, host, shape
from ._base import AbstractTable, Signature
from ._expression import evaluate


class ModularArithmetic(AbstractTable):
    r"""`(a, b) -> operation(a, b) mod p`, over all pairs of residues.

    Ordered, there are \(p^2\) pairs; unordered, the \(p(p+1)/2\) with \(a \le b\). Pairs where the
    operation is undefined (a divisor without an inverse modulo `p`) are left out.

    Args:
        p: the modulus, at least 2. Need not be prime.
        operation: an expression in `a` and `b`, such as `"a + b"` or `"a**2 + a*b"`, or a function
            of two integer arrays.
        ordered: whether `(a, b)` and `(b, a)` are different examples.
        train_fraction: share of the pairs that is trained on, rounded down.
        train_count: how many pairs are trained on; overrides `train_fraction`.
        encoding: `"pair"` for the tokens `a, b`; `"equals"` for `a, b, =`, where the third token is
            always the same, for models that answer at the last position; `"numbers"` for the real
            vector `[a, b]`.

    Example:
        >>> task = ModularArithmetic(p=67, ordered=False, train_fraction=0.4)
        >>> split = task.split(seed=0)
        >>> len(split.train.labels), len(split.test.labels)
        (911, 1367)

    Source: Power et al. 2022, arXiv:2201.02177; unordered pairs: Pearce et al. 2023, "Do Machine
    Learning Models Memorize or Generalize?".
    """

    p: int = shape(97, minimum=2)
    operation: str | Callable[[np.ndarray, np.ndarray], np.ndarray] = host("a + b", room=None)
    ordered: bool = host(True)
    train_fraction: float = host(0.4, above=0, below=1)
    train_count: int | None = host(None, minimum=1)
    encoding: str = shape("pair", options=("pair", "equals", "numbers"))

    @property
    def signature(self) -> Signature:
        if self.encoding == "numbers":
            return Signature((2,), None, self.p)
        asks = self.encoding == "equals"
        return Signature((2 + asks,), self.p + asks, self.p)

    def table(self) -> tuple[Shaped[np.ndarray, "example position"], Int[np.ndarray, "example"]]:
        a, b = np.divmod(np.arange(self.p**2), self.p)
        labels, defined = self._labels(a, b)
        keep = defined
        if not self.ordered:
            if not np.array_equal(labels.reshape(self.p, -1), labels.reshape(self.p, -1).T):
                raise SpecError(
                    f"ModularArithmetic.ordered: unordered pairs need an operation with "
                    f"f(a, b) = f(b, a), which `{self.operation}` modulo {self.p} is not. "
                    "Use ordered=True."
                )
            keep = defined & (a <= b)
        tokens = [a, b, np.full_like(a, self.p)][: self.signature.inputs[0]]
        kind = np.float32 if self.signature.tokens is None else np.int32
        return np.stack(tokens, axis=1)[keep].astype(kind), labels[keep].astype(np.int32)

    def _labels(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(self.operation, str):
            return evaluate(self.operation, a, b, self.p)
        labels = np.asarray(self.operation(a, b))
        if labels.dtype.kind not in "iu" or labels.shape != a.shape:
            raise SpecError(
                f"ModularArithmetic.operation: the function gave {labels.dtype} of shape "
                f"{labels.shape}; allowed: whole numbers of shape {a.shape}, one for each pair."
            )
        return labels % self.p, np.ones(len(a), bool)
