import abc
import functools
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from ..models import AbstractNetwork

ROWS = 4096  # questions that go through a network at once
SUM = 1e-3  # of what many neurons add: a sum of what each of them adds is as close as that
ROUNDING = 1e-6  # of the largest logit: what float32 does not tell from nothing

Answers = Float[np.ndarray, "..."]


class Heard(NamedTuple):
    """What the first layer of neurons hears, and the name of that activation."""

    name: str
    values: Float[np.ndarray, "question neuron"]


class AbstractSubject(abc.ABC):
    """What is to be explained: answers to the questions of a task, and a way to intervene.

    Attributes:
        task: what is asked.
        logits: the answers.
        labels: the right ones.
        network: what gave the answers, if there is more than its logits.
    """

    task: Any
    logits: Answers
    labels: Int[np.ndarray, "..."]
    network: AbstractNetwork | None

    questions: ClassVar[str]  # what is asked, in the plural, such as `pairs`

    @staticmethod
    @abc.abstractmethod
    def of(what: Any, task: Any) -> "AbstractSubject":
        """The subject that a network is, or a function, or logits."""

    @property
    @abc.abstractmethod
    def chance(self) -> float:
        """The accuracy of who knows nothing."""

    @property
    @abc.abstractmethod
    def inputs(self) -> Shaped[np.ndarray, "question *input"] | None:
        """What the network reads, if there is one."""

    @abc.abstractmethod
    def margins(self, logits: Answers) -> Float[np.ndarray, "..."]:
        """By how much the right answer to each question exceeds all others."""

    @abc.abstractmethod
    def centred(self, logits: Answers) -> Answers:
        """Logits without what says nothing of the answer."""

    @abc.abstractmethod
    def variance(self, logits: Answers) -> float:
        """The mean square of centred logits."""

    @abc.abstractmethod
    def waves(self, logits: Answers) -> Float[np.ndarray, "..."]:
        """Coefficients in functions of which few make up what follows a rule."""

    @abc.abstractmethod
    def hearing(self, values: Float[np.ndarray, "question neuron"]) -> Answers:
        """The logits, centred, if the first layer of neurons hears this."""

    def right(self, logits: Answers) -> Bool[np.ndarray, "..."]:
        """Which questions some logits answer rightly.

        The answer has to exceed all others by more than the subject's own logits are rounded: where
        everything was removed, what is left is rounding, and an answer by it is none.
        """
        return self.margins(logits) > self._rounding

    @functools.cached_property
    def _rounding(self) -> float:
        return ROUNDING * float(np.abs(self.logits).max())

    def accuracy(self, logits: Answers) -> float:
        """Share of all questions that some logits answer rightly."""
        return float(self.right(logits).mean())

    def explained(self, formula: Answers) -> float:
        """Share of the variance of the logits that a formula explains."""
        total = self.own_variance
        return 1 - self.variance(self.logits - formula) / total if total > 0 else 0.0

    @functools.cached_property
    def own_variance(self) -> float:
        """The mean square of the subject's own logits, centred."""
        return self.variance(self.logits)

    @functools.cached_property
    def own_accuracy(self) -> float:
        """Share of all questions that the subject answers rightly."""
        return self.accuracy(self.logits)

    @functools.cached_property
    def heard(self) -> Heard | None:
        """What the first layer of neurons hears in every question; `None` without neurons."""
        if self.network is None or self.inputs is None:
            return None
        # Names alone: to compute one example costs a compilation for each of its operations.
        seen = jax.eval_shape(self.network.activations, jnp.asarray(self.inputs[0]))
        name = next((one for one in seen if one.startswith("preactivation")), None)
        if name is None:
            return None
        return Heard(name, by_rows(_activation, self.inputs, self.network, name))

    def told(self, values: Float[np.ndarray, "question neuron"]) -> Float[np.ndarray, "row output"]:
        """The outputs of the network, as they are, if the first layer of neurons hears this."""
        assert self.heard is not None
        rows = {"x": self.inputs, "value": values.astype(np.float32)}
        return by_rows(_patched, rows, self.network, self.heard.name)

    @functools.cached_property
    def said(self) -> Float[np.ndarray, "neuron output"] | None:
        """What each neuron of the first layer adds to each output; `None` if outputs are no sum.

        It is found by asking, so that it holds of whatever comes after the neurons.
        """
        if self.heard is None or self.inputs is None:
            return None
        name, count = self.heard.name.replace("preactivation", "hidden"), self.heard.values.shape[1]
        others = np.random.default_rng(0).normal(size=(8, count))
        values = np.concatenate([np.zeros((1, count)), np.eye(count), others]).astype(np.float32)
        rows = {"x": np.repeat(self.inputs[:1], len(values), axis=0), "value": values}
        silent, *outputs = by_rows(_patched, rows, self.network, name).astype(np.float64)
        added = np.array(outputs) - silent
        each, together = added[:count], added[count:]
        is_sum = np.abs(others @ each - together).max() <= SUM * np.abs(together).max()
        return each if is_sum else None


@jax.jit
def table(network: Any, rows: Any) -> Any:
    """The outputs of a network, which is an argument so that its versions share one program."""
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


def by_rows(run: Callable[..., Any], rows: Any, network: Any, *names: str) -> np.ndarray:
    """What a network makes of many rows, so many at a time that memory does."""
    count = len(jax.tree.leaves(rows)[0])
    parts = []
    for done in range(0, count, ROWS):
        # The last part begins earlier, so as to be as long as the others: it is compiled once.
        first = max(0, min(done, count - ROWS))
        part = jax.tree.map(lambda x, i=first: x[i : i + ROWS], rows)
        parts.append(np.asarray(run(network, part, *names))[done - first :])
    return np.concatenate(parts)
