import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from ..algebra import fourier_basis
from ..models import AbstractNetwork
from ..results.labels import dims, paths, rebuild
from ..spec import SpecError
from ..tasks import ModularArithmetic

ROWS = 4096  # pairs that go through a network at once

Logits = Float[np.ndarray, "a b answer"]


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """What is to be explained: a function of two residues, and how its inputs are changed.

    Attributes:
        logits: for all pairs, those of the answers alone.
        labels: the right answers.
        network: the network, if there is more than its logits.
        inputs: one row for each pair, as the network reads it.
    """

    logits: Logits
    labels: Int[np.ndarray, "a b"]
    network: AbstractNetwork | None = None
    inputs: np.ndarray | None = None

    @staticmethod
    def of(what: Any, task: ModularArithmetic) -> "Subject":
        """The subject that a network, or an array of its logits for all pairs, is.

        Raises:
            SpecError: the logits have another shape, or are not finite.
        """
        p = task.p
        a, b = np.divmod(np.arange(p * p), p)
        labels = ((a + b) % p).reshape(p, p)
        if not isinstance(what, AbstractNetwork):
            return Subject(_checked(np.asarray(what, np.float64), p), labels)
        inputs = np.stack([a, b], 1)  # the task's encoding puts what else it reads around them
        inputs = task.rows(a, b)
        network = jax.tree.map(jnp.asarray, what)
        return Subject(_checked(_logits(network, inputs, p), p), labels, network, inputs)

    @property
    def p(self) -> int:
        """The modulus."""
        return len(self.logits)

    def accuracy(self, logits: Logits | None = None) -> float:
        """Share of all pairs that these logits, or the subject's own, answer rightly."""
        seen = self.logits if logits is None else logits
        return float((seen.argmax(2) == self.labels).mean())

    def restricted(self, frequencies: tuple[int, ...], *, without: bool = False) -> Logits:
        r"""The logits if only waves of these frequencies enter it, or all but these.

        Every array of the network that has an axis of tokens keeps, of the residues' rows, their
        mean and their waves of these frequencies. Of bare logits the same is kept along the
        diagonals \(a + b\), where an answer by waves has to be.
        """
        basis = fourier_basis(self.p)
        rows = [r for k in frequencies for r in (2 * k - 1, 2 * k) if r < self.p]
        if without:
            rows = [r for r in range(1, self.p) if r not in rows]
        kept = basis[[0, *rows]]
        return self._mapped(kept.T @ kept)

    def _mapped(self, matrix: np.ndarray) -> Logits:
        """The logits if residues are mixed by a matrix before they enter."""
        if self.network is None or self.inputs is None:
            return np.einsum("ai,bj,ijc->abc", matrix, matrix, self.logits, optimize=True)
        arrays, p, found = paths(self.network), self.p, False
        for path, array in arrays.items():
            axes = dims(self.network, path, array.ndim)
            if "token" not in axes:
                continue
            found, axis = True, axes.index("token")
            front = np.moveaxis(np.array(array, np.float64), axis, 0)
            front[:p] = np.tensordot(matrix, front[:p], axes=1)
            arrays[path] = jnp.asarray(np.moveaxis(front, 0, axis), array.dtype)
        if not found:
            raise SpecError(
                f"{type(self.network).__name__} has no array with an axis named `token`, so that "
                "what enters it cannot be changed. Name the axis, or give its logits."
            )
        return _logits(rebuild(self.network, arrays), self.inputs, p)


def _logits(network: Any, inputs: np.ndarray, p: int) -> Logits:
    """The logits of the `p` answers for all pairs."""
    table = jax.jit(lambda rows: network.table(rows))
    parts = [np.asarray(table(inputs[i : i + ROWS])) for i in range(0, len(inputs), ROWS)]
    return np.concatenate(parts)[:, :p].reshape(p, p, -1).astype(np.float64)


def _checked(logits: np.ndarray, p: int) -> Logits:
    if logits.shape != (p, p, p):
        raise SpecError(
            f"explain: got logits of shape {logits.shape}; allowed: {(p, p, p)}, by both inputs "
            f"and answer, for a task modulo {p}."
        )
    if not np.isfinite(logits).all():
        raise SpecError("explain: some logits are not finite; a network that diverged has none.")
    return logits
