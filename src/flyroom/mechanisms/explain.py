import dataclasses
from typing import Any

from ..tasks import ModularArithmetic
from .subject import Subject
from .waves import FourierSum, explained

PROOF = 0.9  # what each of the three numbers has to be for an explanation


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What a network has learned, with three numbers that can contradict it.

    Attributes:
        subject: what was explained.
        fit: the mechanism, fitted to the network's own logits.
        accuracy: of the network, over all pairs.
        sufficient: its accuracy if nothing but the mechanism's waves enter, as a share of its own.
        necessary: the share of its accuracy above chance that is lost if these do not enter.
        predictive: the share of the variance of its logits that the formula explains.
    """

    subject: Subject
    fit: FourierSum
    accuracy: float
    sufficient: float
    necessary: float
    predictive: float

    @property
    def holds(self) -> bool:
        """Whether all three numbers are 0.9 or more."""
        return min(self.sufficient, self.necessary, self.predictive) >= PROOF

    @property
    def mechanism(self) -> str:
        """Its name, or `"no explanation"`."""
        return self.fit.kind if self.holds else "no explanation"

    def __str__(self) -> str:
        numbers = (
            f"sufficient {self.sufficient:.3f}, necessary {self.necessary:.3f}, predictive "
            f"{self.predictive:.3f}"
        )
        waves = ", ".join(str(one.frequency) for one in self.fit.circles)
        if not self.holds:
            return f"No explanation: the best are waves of {waves or 'no frequency'}, {numbers}."
        return f"A {self.mechanism} of the frequencies {waves}: {numbers}."


def explain(what: Any, task: ModularArithmetic) -> Explanation:
    """Says which algorithm a network adds with, and what breaks without it.

    Coefficients are fitted to the network's own logits, never to labels, and nothing is fitted
    again after waves have been kept or removed.

    Args:
        what: a network, or its logits for all pairs.
        task: addition modulo `p`, as the network reads it.

    Raises:
        SpecError: the task is not addition, or the logits do not belong to it.

    Example:
        >>> import flyroom as fr
        >>> network = fr.models.constructed.circles(31, 5, (2, 7))
        >>> print(explain(network, fr.tasks.ModularArithmetic(p=31)))
        A pizza of the frequencies 2, 7: sufficient 1.000, necessary 1.000, predictive 0.997.
    """
    subject = Subject.of(what, task)
    fit = FourierSum.fit(subject)
    accuracy, chance = subject.accuracy(subject.logits), 1 / subject.p
    kept, removed = (subject.accuracy(one(subject)) for one in (fit.keep, fit.remove))
    lost = (accuracy - removed) / (accuracy - chance) if accuracy > chance else 0.0
    return Explanation(
        subject,
        fit,
        accuracy,
        sufficient=min(kept / accuracy, 1.0) if accuracy > 0 else 0.0,
        necessary=min(max(lost, 0.0), 1.0),
        predictive=explained(subject.logits, fit.predict()),
    )
