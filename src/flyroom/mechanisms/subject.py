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
ROUNDING = 1e-6  # of the largest logit: what float32 does not tell from nothing

Logits = Float[np.ndarray, "a b answer"]


@dataclasses.dataclass(frozen=True, eq=False)
class Subject:
    """What is to be explained: the answers to all pairs of residues, and a way to intervene.

    Attributes:
        logits: of the answers, for all pairs.
        labels: the right answers.
        network: what gave them, if there is more than its logits.
        inputs: one row for each pair, as the network reads it.
    """

    logits: Logits
    labels: Int[np.ndarray, "a b"]
    network: AbstractNetwork | None = None
    inputs: np.ndarray | None = None

    @staticmethod
    def of(what: Any, task: ModularArithmetic) -> "Subject":
        """The subject that a network is, or an array of its logits for all pairs.

        Args:
            what: a network that reads what the task writes, or logits by both inputs and answer.
            task: addition modulo `p`, whose encoding says what the network reads.

        Raises:
            SpecError: the task is not addition, or logits have another shape or are not finite.
        """
        p = task.p
        a, b = np.divmod(np.arange(p * p), p)
        labels = ((a + b) % p).reshape(p, p)
        if task.operation != "a + b":
            raise SpecError(
                f"explain: got the operation `{task.operation}`; allowed: `a + b`, the only one "
                "whose mechanisms are known here."
            )
        if not isinstance(what, AbstractNetwork):
            return Subject(_checked(np.asarray(what, np.float64), p), labels)
        # Untied, so that what is changed in what enters is not changed in the answers as well.
        network, inputs = jax.tree.map(jnp.asarray, what).untied(), task.rows(a, b)
        return Subject(_checked(_answers(network, inputs, p), p), labels, network, inputs)

    @property
    def p(self) -> int:
        """The modulus."""
        return len(self.logits)

    def accuracy(self, logits: Logits) -> float:
        """Share of all pairs that some logits answer rightly.

        The answer has to exceed all others by more than the subject's own logits are rounded: where
        everything was removed, what is left is rounding, and an answer by it is none.
        """
        mine = np.take_along_axis(logits, self.labels[..., None], 2)
        others = np.where(np.arange(self.p) == self.labels[..., None], -np.inf, logits).max(2)
        least = ROUNDING * np.abs(self.logits).max()
        return float((mine[..., 0] - others > least).mean())

    def only(self, frequencies: set[int]) -> Logits:
        r"""The logits if nothing but waves of these frequencies goes through the network.

        Of every array of a network that has an axis of tokens, the rows of the residues keep their
        mean and their waves of these frequencies; all that comes after is as it was. If there is
        nothing but logits, they keep those waves along the answers.
        """
        basis = fourier_basis(self.p)
        rows = [r for k in sorted(frequencies) for r in (2 * k - 1, 2 * k) if r < self.p]
        kept = basis[[0, *rows]]
        return self._mixed(kept.T @ kept)

    def without(self, frequencies: set[int]) -> Logits:
        """The logits if all waves but those of these frequencies go through the network."""
        return self.only(set(range(1, self.p // 2 + 1)) - frequencies)

    def _mixed(self, matrix: np.ndarray) -> Logits:
        """The logits if the rows of residues are replaced by a matrix times them."""
        if self.network is None or self.inputs is None:
            return self.logits @ matrix
        p, arrays = self.p, {path: np.asarray(x) for path, x in paths(self.network).items()}
        axes = {path: dims(self.network, path, array.ndim) for path, array in arrays.items()}
        tables = [path for path, names in axes.items() if "token" in names]
        if not tables:
            raise SpecError(
                f"explain: {type(self.network).__name__} has no array with an axis named `token`, "
                "so that it cannot be said what waves enter it. Name the axis, or give the logits."
            )
        for path in tables:
            axis = axes[path].index("token")
            rows = np.moveaxis(arrays[path].astype(np.float64), axis, 0)
            rows[:p] = np.tensordot(matrix, rows[:p], axes=1)
            arrays[path] = np.moveaxis(rows, 0, axis).astype(arrays[path].dtype)
        return _answers(rebuild(self.network, arrays), self.inputs, p)


@jax.jit
def _table(network: Any, rows: Any) -> Any:
    # The network is an argument, so that its versions share one program.
    return network.table(rows)


def _answers(network: Any, inputs: np.ndarray, p: int) -> Logits:
    """The logits of the `p` answers for all pairs."""
    parts = [np.asarray(_table(network, inputs[i : i + ROWS])) for i in range(0, p * p, ROWS)]
    return np.concatenate(parts)[:, :p].reshape(p, p, -1).astype(np.float64)


def _checked(logits: np.ndarray, p: int) -> Logits:
    if logits.shape != (p, p, p):
        raise SpecError(
            f"explain: got logits of shape {logits.shape}; allowed: {(p, p, p)}, by both inputs "
            f"and answer, for addition modulo {p}."
        )
    if not np.isfinite(logits).all():
        raise SpecError("explain: some logits are not finite; a network that diverged has none.")
    return logits
