import abc
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray, Shaped, UInt64

from ..spec import Spec, SpecError
from ..typing import AnyArray


class Signature(NamedTuple):
    """What a model must know of a task: the form of one input, and how many answers there are.

    Attributes:
        inputs: the shape of one input.
        tokens: how many different tokens there are, or `None` if inputs are real vectors.
        classes: how many different labels there are.
        spans: the first token that can stand at each position and one past the last; any if `None`.
    """

    inputs: tuple[int, ...]
    tokens: int | None
    classes: int
    spans: tuple[tuple[int, int], ...] | None = None


class Examples(eqx.Module):
    """Rows of a task. `labels` are the ones given to the network, `truth` the right ones.

    Rows with weight zero are padding: they take part in nothing.
    """

    inputs: Shaped[AnyArray, "example *input"]
    labels: Int[AnyArray, "example"]
    truth: Int[AnyArray, "example"]
    weights: Float[AnyArray, "example"]


class Split(eqx.Module):
    """The examples that a network trains on, and those that it is tested on."""

    train: Examples
    test: Examples


Stream = Callable[[PRNGKeyArray, int], Examples]
"""Draws so many examples on the device, from a key."""


class AbstractTask(Spec):
    """A function to learn, from which examples are drawn on the host."""

    @property
    @abc.abstractmethod
    def signature(self) -> Signature:
        """The form of inputs and answers."""

    @abc.abstractmethod
    def split(self, seed: int) -> Split:
        """The training and test examples that belong to `seed`, as NumPy arrays."""

    @property
    def stream(self) -> Stream | None:
        """How minibatches are drawn anew at every step; `None` if they are taken from the split.

        A pure function of a key and of how many examples to draw, which the compiler sees. Equal
        tasks must give equal ones, of equal hash, or every run is a program of its own: a frozen
        dataclass with a `__call__` is, a `lambda` is not.
        """
        return None


class AbstractTable(AbstractTask):
    """A finite task: a table of every input, of which a seeded part is trained on."""

    train_fraction: eqx.AbstractVar[float]
    train_count: eqx.AbstractVar[int | None]

    @abc.abstractmethod
    def table(self) -> tuple[Shaped[np.ndarray, "example *input"], Int[np.ndarray, "example"]]:
        """All inputs, and their labels in `[0, classes)`."""

    def split(self, seed: int) -> Split:
        """A prefix of a seeded permutation of the table, and the rest of it."""
        inputs, labels = self.table()
        count = train_size(len(labels), self.train_fraction, self.train_count)
        order = permutation(len(labels), seed)
        parts = (order[:count], order[count:])
        return Split(*(examples(inputs[rows], labels[rows]) for rows in parts))


def examples(
    inputs: Shaped[np.ndarray, "example *input"], labels: Int[np.ndarray, "example"]
) -> Examples:
    """Rows whose given labels are the true ones, each with weight one."""
    labels = labels.astype(np.int32)
    return Examples(inputs, labels, labels, np.ones(len(labels), np.float32))


def train_size(total: int, fraction: float, count: int | None) -> int:
    """How many of `total` rows are trained on: `count`, or the floor of a fraction of them.

    Raises:
        SpecError: one side of the split would be empty.
    """
    # 0.3 of 10 rows is three of them, although 0.3 * 10 may fall short of it by a rounding error.
    size = int(np.floor(fraction * total + 1e-9)) if count is None else count
    if not 0 < size < total:
        asked = f"train_fraction {fraction}" if count is None else f"train_count {count}"
        raise SpecError(
            f"{asked} of {total} examples leaves {size} to train on and {total - size} to test on; "
            "both sides need at least one."
        )
    return size


def bits(count: int, seed: int, purpose: int = 0) -> UInt64[np.ndarray, "{count}"]:
    """`count` random 64-bit words. NumPy promises the same stream in every version of Philox."""
    key = np.array([seed, purpose], dtype=np.uint64)
    return np.random.Philox(key=key).random_raw(count)


def permutation(count: int, seed: int) -> Int[np.ndarray, "{count}"]:
    """A random order of `count` rows that depends on `seed` alone."""
    return np.argsort(bits(count, seed), kind="stable")


def check_split(task: AbstractTask, split: Split) -> None:
    """Raises `SpecError` if the examples of `task` do not fit its signature."""
    signature, name = task.signature, type(task).__name__
    for side, rows in (("training", split.train), ("test", split.test)):
        if len(rows.labels) == 0:
            raise SpecError(f"{name}: the {side} side of the split is empty.")
        low, high = int(rows.labels.min()), int(rows.labels.max())
        if low < 0 or high >= signature.classes:
            raise SpecError(
                f"{name}: {side} labels run from {low} to {high}; "
                f"allowed: 0 to {signature.classes - 1} (signature.classes is {signature.classes})."
            )
        if rows.inputs.shape[1:] != signature.inputs:
            raise SpecError(
                f"{name}: one {side} input has shape {rows.inputs.shape[1:]}; "
                f"its signature says {signature.inputs}."
            )
        if signature.tokens is None:
            continue
        spans = signature.spans or ((0, signature.tokens),) * rows.inputs.shape[1]
        for position, (first, end) in enumerate(spans):
            column = rows.inputs[:, position]
            low, high = int(column.min()), int(column.max())
            if low < first or high >= end:
                raise SpecError(
                    f"{name}: {side} tokens at position {position} run from {low} to {high}; "
                    f"allowed: {first} to {end - 1}."
                )
