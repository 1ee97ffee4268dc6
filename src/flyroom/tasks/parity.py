import dataclasses

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, Shaped, UInt64

from ..spec import SpecError, host, shape
from ..typing import AnyArray
from ._base import AbstractTask, Examples, Signature, Split, Stream, bits, examples


class SparseParity(AbstractTask):
    r"""Whether an odd number of the first `k` of `n` random bits is set, from a sample or online.

    With `encoding="signs"` the inputs are \(x \in \{-1, 1\}^n\) and the label is 1 where
    \(\prod_{i \le k} x_i = 1\), which is the form of the \((n, k)\)-parity papers. With
    `encoding="bits"` they are \(x \in \{0, 1\}^n\) followed by a constant 1, and the label is the
    exclusive or of the first `k`. Training and test examples are all different.

    With `fresh=True` training is online: the examples of every minibatch are drawn anew, each with
    equal chances, and the `train_count` ones are only what the training curves are measured on.

    Args:
        n: number of bits, at least 1 and at most 62.
        k: how many of them matter, at most `n`.
        train_count: number of training examples.
        test_count: number of test examples.
        encoding: `"signs"` or `"bits"`.
        fresh: whether every minibatch is drawn anew.

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
    fresh: bool = shape(False)

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
        cut = self.train_count
        return Split(self.examples(rows[:cut]), self.examples(rows[cut:]))

    def examples(self, ones: Shaped[np.ndarray, "example bit"]) -> Examples:
        """Strings of zeros and ones as a network reads them, and their labels."""
        return examples(*_encoded(ones.astype(np.int32), self.k, self.encoding))

    @property
    def stream(self) -> Stream | None:
        """Independent random examples, if they are to be fresh."""
        return _Fresh(self.n, self.k, self.encoding) if self.fresh else None


@dataclasses.dataclass(frozen=True)
class _Fresh:
    n: int
    k: int
    encoding: str

    def __call__(self, key: PRNGKeyArray, count: int) -> Examples:
        # One random word holds 32 bits of an example, so that little has to be drawn at each step.
        words = jr.bits(key, (count, -(-self.n // 32)), "uint32")
        places = jnp.arange(self.n, dtype="uint32")
        ones = (words[:, places // 32] >> (places % 32)[None]) & 1
        inputs, labels = _encoded(ones.astype("int32"), self.k, self.encoding)
        return Examples(inputs, labels, labels, jnp.ones(count))


def _encoded(
    ones: Int[AnyArray, "example bit"], k: int, encoding: str
) -> tuple[Float[AnyArray, "example feature"], Int[AnyArray, "example"]]:
    """Inputs and labels of rows of zeros and ones, of NumPy or of JAX."""
    xp = jnp if isinstance(ones, Array) else np
    odd = ones[:, :k].sum(1) % 2
    if encoding == "signs":
        return (1 - 2 * ones).astype(np.float32), 1 - odd
    return xp.pad(ones, ((0, 0), (0, 1)), constant_values=1).astype(np.float32), odd


def _distinct_words(n: int, count: int, seed: int) -> UInt64[np.ndarray, "{count}"]:
    drawn = 2 * count
    while True:
        words = bits(drawn, seed) >> np.uint64(64 - n)
        _, first = np.unique(words, return_index=True)
        if len(first) >= count:
            return words[np.sort(first)[:count]]
        drawn *= 2  # a longer stream begins with the shorter one, so the result stays the same
