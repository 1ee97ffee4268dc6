import numpy as np
from jaxtyping import UInt64

from ..spec import SpecError, host, shape
from ._base import AbstractTask, Signature, Split, bits, examples


class SparseParity(AbstractTask):
    r"""Whether an odd number of the first `k` of `n` random bits is set, from a sampled data set.

    With `encoding="signs"` the inputs are \(x \in \{-1, 1\}^n\) and the label is 1 where
    \(\prod_{i \le k} x_i = 1\), which is the form of the \((n, k)\)-parity papers. With
    `encoding="bits"` they are \(x \in \{0, 1\}^n\) followed by a constant 1, and the label is the
    exclusive or of the first `k`. Training and test examples are all different.

    Args:
        n: number of bits, 1 to 62.
        k: how many of them matter, at most `n`.
        train_count: number of training examples.
        test_count: number of test examples.
        encoding: `"signs"` or `"bits"`.

    Example:
        >>> split = SparseParity(n=50, k=2, train_count=300, test_count=100).split(seed=0)
        >>> split.train.inputs.shape, split.test.inputs.shape
        ((300, 50), (100, 50))

    Source: Barak et al. 2022, arXiv:2207.08799; Merrill et al. 2023, arXiv:2303.11873; as ones and
    zeros: Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?".
    """

    n: int = shape(50, minimum=1, maximum=62)
    k: int = host(2, minimum=1)
    train_count: int = host(300, minimum=1)
    test_count: int = host(100, minimum=1)
    encoding: str = shape("signs", options=("signs", "bits"))

    def __check_init__(self) -> None:
        if self.k > self.n:
            raise SpecError(f"SparseParity.k: got {self.k}; allowed: at most n, which is {self.n}.")
        rows = self.train_count + self.test_count
        if rows > 2**self.n:
            raise SpecError(
                f"SparseParity: {self.train_count} training and {self.test_count} test examples "
                f"were asked for, but only {2**self.n} different ones of {self.n} bits exist."
            )

    @property
    def signature(self) -> Signature:
        return Signature((self.n + (self.encoding == "bits"),), None, 2)

    def split(self, seed: int) -> Split:
        """Distinct random examples: the first `train_count` to train on, the others to test."""
        words = _distinct_words(self.n, self.train_count + self.test_count, seed)
        rows = (words[:, None] >> np.arange(self.n, dtype=np.uint64)) & np.uint64(1)
        ones = rows.astype(np.int32)
        odd = ones[:, : self.k].sum(1) % 2
        if self.encoding == "signs":
            inputs, labels = (1 - 2 * ones).astype(np.float32), 1 - odd
        else:
            inputs, labels = np.pad(ones, ((0, 0), (0, 1)), constant_values=1), odd
        inputs, cut = inputs.astype(np.float32), self.train_count
        return Split(examples(inputs[:cut], labels[:cut]), examples(inputs[cut:], labels[cut:]))


def _distinct_words(n: int, count: int, seed: int) -> UInt64[np.ndarray, "{count}"]:
    drawn = 2 * count
    while True:
        words = bits(drawn, seed) >> np.uint64(64 - n)
        _, first = np.unique(words, return_index=True)
        if len(first) >= count:
            return words[np.sort(first)[:count]]
        drawn *= 2  # a longer stream begins with the shorter one, so the result stays the same
