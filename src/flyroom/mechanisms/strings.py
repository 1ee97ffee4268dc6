import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from ..models import AbstractNetwork
from ..spec import SpecError
from ..tasks import SparseParity
from ._subject import AbstractSubject, by_rows, table

COUNT = 4096  # strings of bits that are asked for; all of them if there are fewer
DRAWS = 16  # of other strings, so that chance is 0.5 to 0.002
INFLUENCES = 512  # of them, each with every bit turned over

Outputs = Float[np.ndarray, "*draw string"]  # those for other strings have draws


@dataclasses.dataclass(frozen=True, eq=False)
class Strings(AbstractSubject):
    """The answers of a network to random strings of bits, and a way to change bits for others.

    Attributes:
        task: the parity that the strings are asked for.
        ones: which bits are set.
        logits: of an odd number of ones, against an even one.
        labels: whether the number of those that matter is odd.
        answer: what gives the logits for other strings.
        network: what is asked, if it is a network.
    """

    task: SparseParity
    ones: Bool[np.ndarray, "string bit"]
    logits: Outputs
    labels: Int[np.ndarray, "string"]
    answer: Callable[[Bool[np.ndarray, "string bit"]], Outputs]
    network: AbstractNetwork | None

    questions = "strings"

    @staticmethod
    def of(what: Any, task: Any) -> "Strings":
        """What a network answers to random strings: all there are, if there are few.

        Args:
            what: a network, or a function of its inputs, with one output or two.
            task: a parity.

        Raises:
            SpecError: it has other inputs or outputs, or they are not finite.
        """
        network = what if isinstance(what, AbstractNetwork) else None
        if network is None and not callable(what):
            raise SpecError(
                f"explain: got {type(what).__name__}; allowed: of a parity a network, or a "
                "function of its inputs."
            )
        ones = _strings(task.n)
        answer = functools.partial(_answered, what, task)
        try:
            logits = answer(ones)
        except SpecError:
            raise
        except (TypeError, ValueError) as error:
            raise SpecError(
                f"explain: {type(what).__name__} does not read strings of {task.n} bits as "
                f"{task.encoding}: {str(error).splitlines()[0]}"
            ) from error
        if not np.isfinite(logits).all():
            raise SpecError(
                "explain: some logits are not finite; a network that diverged has none."
            )
        labels = ones[:, : task.k].sum(1) % 2
        return Strings(task, ones, logits, labels, answer, network)

    @property
    def chance(self) -> float:
        return 0.5

    @property
    def inputs(self) -> Float[np.ndarray, "string feature"]:
        return self.task.examples(self.ones).inputs

    @property
    def signs(self) -> Float[np.ndarray, "string bit"]:
        """1 where a bit is not set, −1 where it is."""
        return 1.0 - 2.0 * self.ones

    def margins(self, logits: Outputs) -> Outputs:
        return np.where(self.labels == 1, logits, -logits)

    def centred(self, logits: Outputs) -> Outputs:
        return logits - logits.mean()

    def variance(self, logits: Outputs) -> float:
        return float(np.var(logits))

    def waves(self, logits: Outputs) -> Float[np.ndarray, "pair"]:
        """Correlation with each bit and each product of two."""
        signs = self.signs
        one, other = np.triu_indices(signs.shape[1], 1)
        both = signs.T @ (signs * logits[:, None])
        return np.concatenate([signs.T @ logits, both[one, other]])

    def mixed(self, own: Bool[np.ndarray, "bit"]) -> Outputs:
        """The logits if only some bits are a string's own, and the rest are another string's."""
        random = np.random.default_rng(1)
        others = [random.permutation(self.ones) for _ in range(DRAWS)]
        return np.stack([self.answer(np.where(own, self.ones, other)) for other in others])

    def influences(self) -> Float[np.ndarray, "bit"]:
        r"""How much each bit decides: \(E[(f(x^i) - f(x))^2] / 4\,\mathrm{Var} f\).

        It is 1 for each bit of a parity and 0 for all others; \(x^i\) is \(x\) with bit \(i\)
        turned over.
        """
        some, count = self.ones[:INFLUENCES], self.task.n
        turned = some[None] ^ np.eye(count, dtype=bool)[:, None]
        changed = (
            self.answer(turned.reshape(-1, count)).reshape(count, -1) - self.logits[: len(some)]
        )
        total = self.own_variance
        return (changed**2).mean(1) / (4 * total) if total > 0 else np.zeros(count)

    def hearing(self, values: Float[np.ndarray, "string neuron"]) -> Outputs:
        return self.centred(_against(self.told(values), self.task))


def _strings(n: int) -> Bool[np.ndarray, "string bit"]:
    if 2**n <= COUNT:
        return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(bool)
    return np.random.default_rng(0).integers(0, 2, (COUNT, n)).astype(bool)


def _answered(what: Any, task: SparseParity, ones: Bool[np.ndarray, "string bit"]) -> Outputs:
    """What is said to strings, in one number."""
    inputs = task.examples(ones).inputs
    if isinstance(what, AbstractNetwork):
        outputs = by_rows(table, inputs, jax.tree.map(jnp.asarray, what))
    else:
        outputs = np.asarray(what(inputs), np.float64).reshape(len(inputs), -1)
    return _against(outputs, task)


def _against(outputs: Float[np.ndarray, "string output"], task: SparseParity) -> Outputs:
    """How much more an odd number is said than an even one."""
    if outputs.shape[1] not in (1, 2):
        raise SpecError(f"explain: got {outputs.shape[1]} outputs; allowed: 1 or 2 for a parity.")
    wide = outputs.astype(np.float64)
    one = wide[:, 0] if outputs.shape[1] == 1 else wide[:, 1] - wide[:, 0]
    return -one if task.encoding == "signs" else one  # there 1 is the label of an even number
