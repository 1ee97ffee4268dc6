from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from ._base import AbstractMechanism
from .pairs import Logits, Pairs

Side = Float[np.ndarray, "element neuron"]


class AbstractHearing(AbstractMechanism):
    """A mechanism that says what each neuron hears of either input; what comes after is left alone.

    Attributes:
        left: what each neuron hears of the left input, about its mean.
        right: of the right one.
        mean: what each neuron hears on average; empty if there are no neurons.
        part: which part each neuron belongs to, as a whole number.
        formula: the logits if neurons hear this and nothing else.
    """

    left: Side
    right: Side
    mean: Float[np.ndarray, "neuron"]
    part: Int[np.ndarray, "neuron"]
    formula: Logits

    subject = Pairs

    @property
    def names(self) -> Sequence[str]:
        return [str(part) for part in np.unique(self.part)]

    def predict(self) -> Logits:
        return self.formula

    def keep(self, subject: Pairs) -> Logits:
        del subject  # it is the same as to predict
        return self.formula

    def remove(self, subject: Pairs) -> Logits:
        if subject.heard is None:
            return subject.logits
        return subject.hearing(subject.heard.values - together(self.left, self.right))

    def component(self, subject: Pairs, name: str) -> Float[np.ndarray, "pair neuron"]:
        del subject
        return np.where(self.part == int(name), together(self.left, self.right), 0.0)

    def read(self, logits: Logits) -> Logits:
        return logits

    def counts(self) -> dict[str, int]:
        """How many neurons belong to each part."""
        return {name: int((self.part == int(name)).sum()) for name in self.names}


def together(left: Side, right: Side) -> Float[np.ndarray, "pair neuron"]:
    """What neurons hear of all pairs that hear this of either input."""
    return (left[:, None] + right[None]).reshape(len(left) ** 2, -1)


def sides(subject: Pairs) -> tuple[Float[np.ndarray, "neuron"], Side, Side]:
    """The mean of what neurons hear, and what they hear of either input about it."""
    size = subject.size
    if subject.heard is None:
        return np.zeros(0), np.zeros((size, 0)), np.zeros((size, 0))
    values = subject.heard.values.astype(np.float64).reshape(size, size, -1)
    mean = values.mean((0, 1))
    return mean, values.mean(1) - mean, values.mean(0) - mean


def in_form(
    out: Float[np.ndarray, "neuron answer"], form: Float[np.ndarray, "neuron answer"]
) -> Float[np.ndarray, "neuron answer"]:
    """Of each neuron's weights to the answers what has a form: only how strong it is is theirs."""
    return ((out * form).sum(1) / (form**2).sum(1))[:, None] * form


def said(subject: Pairs, heard: Float[np.ndarray, "pair neuron"]) -> Logits:
    """The logits if neurons hear this; nothing is said where there are none."""
    return np.zeros_like(subject.logits) if subject.heard is None else subject.hearing(heard)
