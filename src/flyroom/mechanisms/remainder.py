import dataclasses

import numpy as np
import scipy.stats
from jaxtyping import Float

from .. import algebra
from ..tasks import GroupOperation
from .explain import Explanation
from .subject import Subject, centred

ANSWERS = 0.05  # share of pairs from which on what is left over counts as a memory of them
HEAVY = 3.0  # excess kurtosis: that of a Laplace distribution; a normal one has 0


@dataclasses.dataclass(frozen=True)
class Remainder:
    """What a mechanism does not explain of a network's logits.

    Attributes:
        share: of the variance of the logits.
        answers: share of all pairs that are answered rightly, but not by the mechanism's formula.
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
    left = centred(subject.logits - formula)
    basis = _basis(subject)
    waves = left
    for _ in range(3):  # each turn transforms the first axis, and puts it last
        waves = np.tensordot(waves, basis, axes=(0, 1))
    examples, structure = (float(scipy.stats.kurtosis(x.ravel())) for x in (left, waves))
    by_it = subject.right(subject.logits) & ~subject.right(formula)
    return Remainder(1 - explanation.predictive, float(by_it.mean()), examples, structure)


def _basis(subject: Subject) -> Float[np.ndarray, "function element"]:
    """An orthonormal basis of the functions of an element, in which the task is simple."""
    if not isinstance(subject.task, GroupOperation):
        return algebra.fourier_basis(subject.size)
    n, size = subject.task.degree, subject.size
    entries = [algebra.irrep(n, one).reshape(size, -1) for one in algebra.partitions(n)]
    return np.concatenate([e.T * e.shape[1] ** 0.25 / size**0.5 for e in entries])
