import dataclasses

import scipy.stats

from .explain import Explanation

ANSWERS = 0.05  # share of questions from which on what is left over counts as a memory of them
HEAVY = 3.0  # excess kurtosis: that of a Laplace distribution; a normal one has 0


@dataclasses.dataclass(frozen=True)
class Remainder:
    """What a mechanism does not explain of a network's logits.

    Attributes:
        share: of the variance of the logits.
        answers: share of all questions answered rightly, but not by the mechanism's formula.
        examples: its excess kurtosis, which is large if few logits hold most of it.
        structure: that of its coefficients in the waves, or irreps, of both inputs and answer.
    """

    share: float
    answers: float
    examples: float
    structure: float

    @property
    def kind(self) -> str:
        """`nothing`, `memorised examples`, `structure`, or `noise`."""
        if self.share < 1e-6:
            return "nothing"
        if self.answers >= ANSWERS or self.examples > max(HEAVY, self.structure):
            return "memorised examples"
        return "structure" if self.structure > HEAVY else "noise"


def remainder(explanation: Explanation) -> Remainder:
    """Says whether what an explanation leaves over is noise, memorised examples, or structure.

    What is remembered answers pairs that the mechanism does not, or stands in few logits and, as it
    follows no rule, in all waves; what follows another rule stands in few waves; noise is spread
    over both.

    Example:
        >>> import flyroom as fr
        >>> network = fr.models.constructed.circles(31, 5, (2, 7))
        >>> left = remainder(fr.explain(network, fr.tasks.ModularArithmetic(p=31)))
        >>> left.kind, round(left.share, 3)
        ('structure', 0.003)
    """
    subject = explanation.subject
    formula = explanation.fit.predict()
    left = subject.centred(subject.logits - formula)
    examples, structure = (
        float(scipy.stats.kurtosis(x.ravel())) for x in (left, subject.waves(left))
    )
    by_it = subject.right(subject.logits) & ~subject.right(formula)
    return Remainder(1 - explanation.predictive, float(by_it.mean()), examples, structure)
