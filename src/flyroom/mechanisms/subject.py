import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from ..algebra import numbering, symmetric
from ..interop import Checkpoint, Reading
from ..models import AbstractNetwork
from ..results.labels import dims, paths, rebuild
from ..spec import SpecError
from ..tasks import GroupOperation, ModularArithmetic

ROWS = 4096  # pairs that go through a network at once
ROUNDING = 1e-6  # of the largest logit: what float32 does not tell from nothing
LARGEST = 5  # degree of a group: of 720 permutations the logits of all pairs fill 3 GB

Logits = Float[np.ndarray, "a b answer"]
Task = ModularArithmetic | GroupOperation
Answers = Callable[[np.ndarray, np.ndarray], Any]


class Heard(NamedTuple):
    """What a layer of neurons hears, and the name of that activation."""

    name: str
    values: Float[np.ndarray, "a b neuron"]


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """What is to be explained: the answers to all pairs of elements, and a way to intervene.

    Attributes:
        task: what the pairs are asked for.
        logits: of the answers, for all pairs.
        labels: the right answers.
        network: what gave them, if there is more than its logits.
        reading: how it reads pairs.
        order: which of its answers is which element.
    """

    task: Any
    logits: Logits
    labels: Int[np.ndarray, "a b"]
    network: AbstractNetwork | None
    reading: Reading | None
    order: Int[np.ndarray, "element"]

    @staticmethod
    def of(what: Any, task: Task) -> "Subject":
        """The subject that a network is, or logits for all pairs.

        Args:
            what: a network that reads what the task writes, one that somebody published, a function
                of two arrays of elements, or logits by both inputs and answer. A published network
                may number the elements of a group in its own way, which is found by its answers.
            task: addition modulo `p`, or products of permutations.

        Raises:
            SpecError: it is another task, or logits have another shape or are not finite.
            CheckpointError: a published network does not read that many elements.
        """
        labels = _labels(task)
        size, order = len(labels), np.arange(len(labels))
        a, b = np.divmod(np.arange(size**2), size)
        if isinstance(what, Checkpoint):
            network, reading = what.network, what.reading(size)
        elif isinstance(what, AbstractNetwork):
            network, reading = what, Reading(task.rows(a, b), order[None])
        else:
            given = what(a, b) if callable(what) else what
            logits = np.asarray(given, np.float64)
            if callable(what) and logits.shape == (size**2, size):
                logits = logits.reshape(size, size, size)
            return Subject(task, _checked(logits, size), labels, None, None, order)
        # Untied, so that what is changed in what enters is not changed in the answers as well.
        network = jax.tree.map(jnp.asarray, network).untied()
        logits = _checked(_answers(network, reading.inputs, size), size)
        found = Subject(task, logits, labels, network, reading, order)
        return found._numbered() if isinstance(what, Checkpoint) else found

    @property
    def size(self) -> int:
        """How many elements there are."""
        return len(self.logits)

    def right(self, logits: Logits) -> Bool[np.ndarray, "a b"]:
        """Which pairs some logits answer rightly.

        The answer has to exceed all others by more than the subject's own logits are rounded: where
        everything was removed, what is left is rounding, and an answer by it is none.
        """
        mine = np.take_along_axis(logits, self.labels[..., None], 2)
        others = np.where(self.labels[..., None] == np.arange(self.size), -np.inf, logits).max(2)
        return mine[..., 0] - others > ROUNDING * np.abs(self.logits).max()

    def accuracy(self, logits: Logits) -> float:
        """Share of all pairs that some logits answer rightly."""
        return float(self.right(logits).mean())

    def mixed(self, matrix: Float[np.ndarray, "element element"]) -> Logits:
        """The logits if in place of each element a mixture of all elements enters the network.

        Of every array of a network that has an axis of tokens, the rows of the elements are
        replaced by the matrix times them; all that comes after is as it was. If there is nothing
        but logits, they are mixed along the answers.
        """
        if self.network is None or self.reading is None:
            return self.logits @ matrix
        arrays = paths(self.network)
        for path, axis in self._tables.items():
            rows = np.moveaxis(np.asarray(arrays[path], np.float64), axis, 0).copy()
            for tokens in self.reading.tokens:
                rows[tokens] = np.tensordot(matrix, rows[tokens], axes=1)
            arrays[path] = np.moveaxis(rows, 0, axis).astype(arrays[path].dtype)
        answers = _answers(rebuild(self.network, arrays), self.reading.inputs, self.size)
        return np.take(answers, self.order, axis=2)

    @functools.cached_property
    def heard(self) -> Heard | None:
        """What the first layer of neurons hears of all pairs; `None` without neurons."""
        if self.network is None or self.reading is None:
            return None
        seen = self.network.activations(jnp.asarray(self.reading.inputs[0]))
        name = next((one for one in seen if one.startswith("preactivation")), None)
        if name is None:
            return None
        values = _by_rows(_activation, self.reading.inputs, self.network, name)
        return Heard(name, values.reshape(self.size, self.size, -1))

    def hearing(self, values: Float[np.ndarray, "a b neuron"]) -> Logits:
        """The logits, without each pair's mean, if the first layer of neurons hears this."""
        assert self.heard is not None
        assert self.reading is not None
        given = values.reshape(self.size**2, -1).astype(np.float32)
        rows = {"x": self.reading.inputs, "value": given}
        logits = _by_rows(_patched, rows, self.network, self.heard.name)
        return centred(np.take(_square(logits, self.size), self.order, axis=2))

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

    def _numbered(self) -> "Subject":
        """The same, with a group's elements in our order, if the answers show another one."""
        if isinstance(self.task, ModularArithmetic) or self.accuracy(self.logits) >= 0.5:
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
            order=order,
        )
        # An order that most answers do not fit is the best of many guesses, and none.
        return found if found.accuracy(found.logits) >= 0.5 else self


def _labels(task: Task) -> Int[np.ndarray, "a b"]:
    """The right answers to all pairs."""
    if isinstance(task, GroupOperation):
        if task.operation != "a b" or task.degree > LARGEST:
            raise SpecError(
                f"explain: got the operation `{task.operation}` on permutations of {task.degree}; "
                f"allowed: `a b` on those of 2 to {LARGEST}."
            )
        return symmetric(task.degree).table
    if task.operation != "a + b":
        raise SpecError(
            f"explain: got the operation `{task.operation}`; allowed: `a + b`, the only one "
            "modulo p whose mechanisms are known here."
        )
    return np.add.outer(np.arange(task.p), np.arange(task.p)) % task.p


@jax.jit
def _table(network: Any, rows: Any) -> Any:
    # The network is an argument, so that its versions share one program.
    return network.table(rows)


@functools.partial(jax.jit, static_argnums=2)
def _activation(network: Any, rows: Any, name: str) -> Any:
    return jax.vmap(lambda x: network.activations(x)[name].reshape(-1))(rows)


@functools.partial(jax.jit, static_argnums=2)
def _patched(network: Any, rows: Any, name: str) -> Any:
    def one(row: Any) -> Any:
        patch = {name: lambda now: row["value"].reshape(now.shape)}
        return network.patched(row["x"], patch)

    return jax.vmap(one)(rows)


def _by_rows(run: Callable[..., Any], rows: Any, network: Any, *names: str) -> np.ndarray:
    """What a network makes of many rows, so many at a time that memory does."""
    count = len(jax.tree.leaves(rows)[0])
    parts = [
        np.asarray(run(network, jax.tree.map(lambda x, i=i: x[i : i + ROWS], rows), *names))
        for i in range(0, count, ROWS)
    ]
    return np.concatenate(parts)


def _answers(network: Any, inputs: np.ndarray, size: int) -> Logits:
    """The logits of the answers for all pairs."""
    return _square(_by_rows(_table, inputs, network), size)


def _square(logits: np.ndarray, size: int) -> Logits:
    """Rows of logits by both inputs; a network may have more classes than there are answers."""
    return logits[:, :size].reshape(size, size, -1).astype(np.float64)


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


def explained(logits: Logits, formula: Logits) -> float:
    """Share of the variance of logits, about each pair's mean, that a formula explains."""
    total = variance(logits)
    return 1 - variance(logits - formula) / total if total > 0 else 0.0
