import dataclasses
from typing import Any

import numpy as np

from ..tasks import ModularArithmetic
from .circles import Circle, FourierSum, circle, explained
from .subject import Subject


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What a network has learned, and the proof of it.

    Attributes:
        mechanism: its name.
        accuracy: of the network, over all pairs.
        sufficient: accuracy with only it, as a share of the network's.
        necessary: share of the accuracy above chance that is lost without it.
        predictive: share of the variance of the logits that its formula explains.
        circles: one for each frequency.
    """

    mechanism: str
    accuracy: float
    sufficient: float
    necessary: float
    predictive: float
    circles: tuple[Circle, ...]


def explain(what: Any, task: ModularArithmetic) -> Explanation:
    subject = Subject.of(what, task)
    fit = FourierSum.fit(subject)
    accuracy, chance = subject.accuracy(), 1 / subject.p
    kept, removed = subject.accuracy(fit.keep(subject)), subject.accuracy(fit.remove(subject))
    p3 = subject.p**3
    centred = subject.logits - subject.logits.mean(2, keepdims=True)
    total = (centred**2).sum()
    circles = tuple(circle(subject, k, a * a * p3 / 2 / total) for k, a in fit.amplitudes.items())
    return Explanation(
        "x",
        accuracy,
        kept / accuracy,
        (accuracy - removed) / (accuracy - chance) if accuracy > chance else 0.0,
        explained(subject.logits, fit.predict()),
        circles,
    )
