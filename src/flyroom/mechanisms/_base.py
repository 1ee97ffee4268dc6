import abc
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from .subject import Logits, Subject

Span = Float[np.ndarray, "element element"]


class AbstractMechanism(abc.ABC):
    """An algorithm, fitted to the answers of a network, that may be kept, removed, predicted from.

    What is fitted is fitted to the network's own logits, never to labels, and not again when the
    mechanism is kept or removed.
    """

    @staticmethod
    @abc.abstractmethod
    def applies(task: Any) -> bool:
        """Whether networks may do this task so."""

    @classmethod
    @abc.abstractmethod
    def fit(cls, subject: Subject) -> "AbstractMechanism":
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
    def spans(self) -> Mapping[str, Span]:
        """For each part the projection of functions of an element on those that it computes with.

        They are orthogonal to each other and to constants.
        """

    @abc.abstractmethod
    def predict(self) -> Logits:
        """The logits by its formula."""

    def keep(self, subject: Subject) -> Logits:
        """The logits if nothing but what it computes with goes through the network."""
        return subject.mixed(self._every(subject.size) + 1 / subject.size)

    def remove(self, subject: Subject) -> Logits:
        """The logits if everything but what it computes with goes through the network."""
        return subject.mixed(np.eye(subject.size) - self._every(subject.size))

    def _every(self, size: int) -> Span:
        return sum(self.spans.values(), np.zeros((size, size)))
