import abc
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from ._subject import AbstractSubject, Answers
from .pairs import Logits, Pairs

Span = Float[np.ndarray, "element element"]
Neurons = Float[np.ndarray, "question neuron"]


def listed(what: str, names: Sequence[object]) -> str:
    """Names in words: the first eight of many."""
    some = ", ".join(map(str, names[:8]))
    return f"{what} {some}" + (f" and {len(names) - 8} more" if len(names) > 8 else "")


class AbstractMechanism(abc.ABC):
    """An algorithm, fitted to the answers of a network, that may be kept, removed, predicted from.

    What is fitted is fitted to the network's own logits, never to labels, and not again when the
    mechanism is kept or removed.
    """

    subject: ClassVar[type[AbstractSubject]]  # what is asked of networks that may compute so
    closed: ClassVar[bool] = False  # whether its formula needs nothing of the network
    rule: ClassVar[bool] = True  # whether it answers what was never asked before

    @staticmethod
    @abc.abstractmethod
    def applies(task: Any) -> bool:
        """Whether networks may do this task so."""

    @classmethod
    @abc.abstractmethod
    def fit(cls, subject: Any) -> "AbstractMechanism":
        """The mechanism of this kind that comes closest to the subject."""

    @property
    @abc.abstractmethod
    def kind(self) -> str:
        """Its name, such as `pizza`."""

    @property
    @abc.abstractmethod
    def parts(self) -> str:
        """What it is made of, such as `the frequencies 2, 7`."""

    @property
    @abc.abstractmethod
    def found(self) -> Mapping[str, Any]:
        """The same as plain data, by name, such as `key_frequencies`."""

    @property
    @abc.abstractmethod
    def names(self) -> Sequence[str]:
        """What its parts are called."""

    @abc.abstractmethod
    def predict(self) -> Answers:
        """The logits by its formula."""

    @abc.abstractmethod
    def keep(self, subject: Any) -> Answers:
        """The logits if nothing but what it computes with goes through the network."""

    @abc.abstractmethod
    def remove(self, subject: Any) -> Answers:
        """The logits if everything but what it computes with goes through the network."""

    @abc.abstractmethod
    def component(self, subject: Any, name: str) -> Neurons:
        """What neurons hear of one part; those of all parts are orthogonal, and to constants."""

    @abc.abstractmethod
    def read(self, logits: Answers) -> Answers:
        """Logits as they are if answers are read through its parts alone."""


class AbstractSpans(AbstractMechanism):
    """A mechanism that computes with some functions of an element, for each of its parts."""

    subject = Pairs

    @property
    @abc.abstractmethod
    def spans(self) -> Mapping[str, Span]:
        """For each part the projection of functions of an element on those that it computes with.

        They are orthogonal to each other and to constants.
        """

    @property
    def names(self) -> Sequence[str]:
        return list(self.spans)

    def keep(self, subject: Pairs) -> Logits:
        return subject.mixed(self._every(subject.size) + 1 / subject.size)

    def remove(self, subject: Pairs) -> Logits:
        return subject.mixed(np.eye(subject.size) - self._every(subject.size))

    def component(self, subject: Pairs, name: str) -> Neurons:
        assert subject.heard is not None
        heard, span = subject.heard.values.astype(np.float64), self.spans[name]
        size = len(span)
        strengths, functions = np.linalg.eigh(span + 1 / size)
        basis = functions[:, strengths > 0.5]  # of constants and what the projection leaves
        square = (heard - heard.mean(0)).reshape(size, size, -1)
        inside = np.einsum("abn,ai,bj->nij", square, basis, basis, optimize=True)
        return np.einsum("nij,ai,bj->abn", inside, basis, basis, optimize=True).reshape(heard.shape)

    def read(self, logits: Logits) -> Logits:
        return logits @ self._every(len(logits))

    def _every(self, size: int) -> Span:
        return sum(self.spans.values(), np.zeros((size, size)))
