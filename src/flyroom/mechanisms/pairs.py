import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Shaped

from ..algebra import (
    Counting,
    as_addition,
    fourier_basis,
    irrep,
    numbering,
    partitions,
    symmetric,
)
from ..interop import Checkpoint, Reading
from ..models import AbstractNetwork
from ..results.labels import dims, paths, rebuild
from ..spec import SpecError
from ..tasks import GroupOperation, ModularArithmetic
from ._subject import AbstractSubject, by_rows, table

LARGEST = 5  # degree of a group: of 720 permutations the logits of all pairs fill 3 GB

Logits = Float[np.ndarray, "a b answer"]
Task = ModularArithmetic | GroupOperation


@dataclasses.dataclass(frozen=True, eq=False)
class Pairs(AbstractSubject):
    """The answers of a network to all pairs of elements, and a way to change what enters it.

    Attributes:
        task: what the pairs are asked for.
        logits: of the answers, for all pairs.
        labels: the right answers.
        network: what gave them, if there is more than its logits.
        reading: how it reads pairs.
        counting: in which order the elements are counted: that of the residues or permutations, the
            discrete logarithms of a product, or somebody's own.
    """

    task: Any
    logits: Logits
    labels: Int[np.ndarray, "a b"]
    network: AbstractNetwork | None
    reading: Reading | None
    counting: Counting

    questions = "pairs"

    @staticmethod
    def of(what: Any, task: Any) -> "Pairs":
        """What a network answers to all pairs, or logits that do.

        Args:
            what: a network that reads what the task writes, one that somebody published, a function
                of two arrays of elements, or logits by both inputs and answer. A published network
                may number the elements of a group in its own way, which is found by its answers.
            task: an operation modulo `p` that is addition if its elements are counted in some
                order, such as `a + b`, `a - b`, `a * b` and `a / b` (the latter two without zero);
                or products of permutations.

        Raises:
            SpecError: it is another task, or logits have another shape or are not finite.
            CheckpointError: a published network does not read that many elements.
        """
        counting, labels, count = numbers(task)
        left, right = np.repeat(counting.left, len(labels)), np.tile(counting.right, len(labels))
        if isinstance(what, Checkpoint):
            network, whole = what.network, what.reading(count)
            reading = Reading(whole.inputs[left * count + right], whole.tokens[:, counting.left])
        elif isinstance(what, AbstractNetwork):
            network, reading = what, Reading(task.rows(left, right), counting.left[None])
        else:
            given = what(*np.divmod(np.arange(count**2), count)) if callable(what) else what
            every = np.asarray(given, np.float64)
            if callable(what) and every.shape == (count**2, count):
                every = every.reshape(count, count, count)
            logits = _checked(every, count)[np.ix_(*counting)]
            return Pairs(task, logits, labels, None, None, counting)
        # Untied, so that what is changed in what enters is not changed in the answers as well.
        network = jax.tree.map(jnp.asarray, network).untied()
        logits = _answers(network, reading.inputs, counting)
        found = Pairs(task, _checked(logits, len(labels)), labels, network, reading, counting)
        return found._numbered() if isinstance(what, Checkpoint) else found

    @property
    def size(self) -> int:
        """How many elements there are."""
        return len(self.logits)

    @property
    def chance(self) -> float:
        return 1 / self.size

    def margins(self, logits: Logits) -> Float[np.ndarray, "a b"]:
        mine = np.take_along_axis(logits, self.labels[..., None], 2)
        others = np.where(self.labels[..., None] == np.arange(self.size), -np.inf, logits).max(2)
        return mine[..., 0] - others

    def centred(self, logits: Logits) -> Logits:
        return centred(logits)

    def variance(self, logits: Logits) -> float:
        return variance(logits)

    def waves(self, logits: Logits) -> Float[np.ndarray, "left right answer"]:
        """Coefficients in the waves, or entries of irreps, of both inputs and answer."""
        basis = _basis(self)
        for _ in range(3):  # each turn transforms the first axis, and puts it last
            logits = np.tensordot(logits, basis, axes=(0, 1))
        return logits

    def mixed(self, matrix: Float[np.ndarray, "element element"]) -> Logits:
        """The logits if in place of each element a mixture of all elements enters the network.

        Of every array of a network that has an axis of tokens, the rows of the elements are
        replaced by the matrix times them; all that comes after is as it was. If there is nothing
        but logits, they are mixed along the answers.
        """
        if self.network is None or self.reading is None:
            return self.logits @ matrix
        arrays = paths(self.network)
        # Where right operands are counted backwards the same rows serve: their mixtures are even.
        for path, axis in self._tables.items():
            rows = np.moveaxis(np.asarray(arrays[path], np.float64), axis, 0).copy()
            for tokens in self.reading.tokens:
                rows[tokens] = np.tensordot(matrix, rows[tokens], axes=1)
            arrays[path] = np.moveaxis(rows, 0, axis).astype(arrays[path].dtype)
        return _answers(rebuild(self.network, arrays), self.reading.inputs, self.counting)

    @property
    def inputs(self) -> Shaped[np.ndarray, "pair *token"] | None:
        return None if self.reading is None else self.reading.inputs

    def hearing(self, values: Float[np.ndarray, "pair neuron"]) -> Logits:
        return centred(_square(self.told(values), self.counting))

    @functools.cached_property
    def _tables(self) -> dict[str, int]:
        """The arrays of the network that have an axis of tokens, and which one that is."""
        arrays = paths(self.network)
        axes = {path: dims(self.network, path, array.ndim) for path, array in arrays.items()}
        found = {path: names.index("token") for path, names in axes.items() if "token" in names}
        if not found:
            raise SpecError(
                f"explain: {type(self.network).__name__} has no array with an axis named `token`, "
                "so that it cannot be said what enters it. Name the axis, or give the logits."
            )
        return found

    def _numbered(self) -> "Pairs":
        """The same, with a group's elements in our order, if the answers show another one."""
        if isinstance(self.task, ModularArithmetic) or self.own_accuracy >= 0.5:
            return self
        assert self.reading is not None
        order = numbering(self.logits.argmax(2), self.task.degree)
        if len(np.unique(order)) < self.size:
            return self
        pairs = (self.size * order[:, None] + order).ravel()
        found = dataclasses.replace(
            self,
            logits=self.logits[np.ix_(order, order, order)],
            reading=Reading(self.reading.inputs[pairs], self.reading.tokens[:, order]),
            counting=Counting(order, order, order),
        )
        # An order that most answers do not fit is the best of many guesses, and none.
        return found if found.own_accuracy >= 0.5 else self


def numbers(task: Task) -> tuple[Counting, Int[np.ndarray, "a b"], int]:
    """How elements are counted, the right answers to all pairs, and how many a network knows."""
    if isinstance(task, GroupOperation):
        if task.operation != "a b" or task.degree > LARGEST:
            raise SpecError(
                f"explain: got the operation `{task.operation}` on permutations of {task.degree}; "
                f"allowed: `a b` on those of 2 to {LARGEST}."
            )
        labels = symmetric(task.degree).table
        return Counting(*3 * [np.arange(len(labels))]), labels, len(labels)
    counting = as_addition(task.results())
    if counting is None:
        raise SpecError(
            f"explain: got the operation `{task.operation}` modulo {task.p}; allowed: those that "
            "are addition in some order of the residues, such as `a + b`, `a - b`, and modulo a "
            "prime `a * b` and `a / b`: only of these mechanisms are known here."
        )
    every = np.arange(len(counting.left))
    return counting, np.add.outer(every, every) % len(every), task.p


def _answers(network: Any, inputs: np.ndarray, counting: Counting) -> Logits:
    """The logits of the answers for all pairs."""
    return _square(by_rows(table, inputs, network), counting)


def _square(logits: np.ndarray, counting: Counting) -> Logits:
    """Rows of logits by both inputs; a network may have more classes than there are answers."""
    size, outputs = len(counting.left), logits.shape[1]
    if outputs <= counting.answers.max():
        raise SpecError(
            f"explain: got a network of {outputs} answers; allowed: at least "
            f"{counting.answers.max() + 1}, those of the task."
        )
    return logits[:, counting.answers].reshape(size, size, size).astype(np.float64)


def _checked(logits: np.ndarray, size: int) -> Logits:
    if logits.shape != (size, size, size):
        raise SpecError(
            f"explain: got logits of shape {logits.shape}; allowed: {(size, size, size)}, by both "
            "inputs and answer."
        )
    if not np.isfinite(logits).all():
        raise SpecError("explain: some logits are not finite; a network that diverged has none.")
    return logits


def centred(logits: Logits) -> Logits:
    """Without the mean of each pair's logits, which says nothing."""
    return logits - logits.mean(2, keepdims=True)


def variance(logits: Logits) -> float:
    """The variance of logits about each pair's mean."""
    flat = logits.ravel()  # so that no second array of all logits is made
    return max(float(flat @ flat) / flat.size - float((logits.mean(2) ** 2).mean()), 0.0)


def _basis(subject: Pairs) -> Float[np.ndarray, "function element"]:
    """An orthonormal basis of the functions of an element, in which the task is simple."""
    if not isinstance(subject.task, GroupOperation):
        return fourier_basis(subject.size)
    n, size = subject.task.degree, subject.size
    entries = [irrep(n, one).reshape(size, -1) for one in partitions(n)]
    return np.concatenate([e.T * e.shape[1] ** 0.25 / size**0.5 for e in entries])
