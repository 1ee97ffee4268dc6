import dataclasses
from pathlib import Path
from typing import Any

import xarray as xr

from .. import results
from ..spec import SpecError
from ..tasks import AbstractTask, Corrupted
from ._base import AbstractMechanism
from ._subject import AbstractSubject
from .cosets import Cosets
from .parity import Parity
from .quadrature import Quadrature
from .remembered import MemorizedTable
from .representations import Representations
from .waves import FourierSum

# Of two that are as good the first is told.
MECHANISMS: tuple[type[AbstractMechanism], ...] = (
    FourierSum,
    Quadrature,
    Cosets,
    Representations,
    Parity,
    MemorizedTable,
)
PROOF = 0.9  # what each of the three numbers has to be for an explanation
LITTLE = 0.05  # the same: with less there are no right answers but by chance
LEARNED = 0.5  # of what is to be learned above chance: with less nothing was, and nothing is told


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What a network has learned, with three numbers that can contradict it.

    Attributes:
        subject: what was explained.
        fit: the mechanism, fitted to the network's own logits.
        accuracy: of the network, over all pairs, or many strings of bits.
        sufficient: its accuracy with nothing but the mechanism's parts, as a share of its own.
        necessary: the share of its accuracy above chance that is lost without these.
        predictive: the share of the variance of its logits that the formula explains.
        others: the same of the other mechanisms that were tried.
    """

    subject: Any
    fit: Any
    accuracy: float
    sufficient: float
    necessary: float
    predictive: float
    others: tuple["Explanation", ...] = ()

    @property
    def holds(self) -> bool:
        """Whether all three numbers of a rule are 0.9 or more, and at least half was learned."""
        return self.fit.rule and self.least >= PROOF and self.learned >= LEARNED

    @property
    def learned(self) -> float:
        """Its accuracy above chance, as a share of what there is."""
        chance = self.subject.chance
        return max(self.accuracy - chance, 0.0) / (1 - chance)

    @property
    def remembers(self) -> bool:
        """Whether what it answers rightly is a list of pairs that it is surer of than of others.

        A list of most pairs can do most of what any network does, so there is none of those that
        have learned enough for a rule.
        """
        listed = not self.fit.rule and min(self.sufficient, self.necessary) >= PROOF
        return listed and LITTLE <= self.learned < LEARNED

    @property
    def least(self) -> float:
        """The least of the three numbers."""
        return min(self.sufficient, self.necessary, self.predictive)

    def by(self, mechanism: type[AbstractMechanism]) -> "Explanation":
        """What was found of one mechanism that was tried, whether it is the best or not."""
        return next(one for one in (self, *self.others) if isinstance(one.fit, mechanism))

    @property
    def mechanism(self) -> str:
        """Its name, or `"no explanation"`."""
        return self.fit.kind if self.holds else "no explanation"

    @property
    def verdict(self) -> str:
        """What was found, in words that can be checked."""
        proof = (
            f"with {self.fit.parts} alone it keeps {self.sufficient:.1%} of its right answers; "
            f"without them it loses {self.necessary:.1%} of what it has above "
            f"chance; and the formula explains {self.predictive:.1%} of the variance of its logits"
        )
        if self.holds:
            return f"{self.mechanism.capitalize()}: {proof}."
        if self.learned < LEARNED:
            little = (
                f"No explanation: it answers {self.accuracy:.1%} of all {self.subject.questions} "
                f"rightly, where chance is {self.subject.chance:.1%}. That is less than half of "
                "what there is to learn."
            )
            return f"{little} It is a {self.fit.kind}: {proof}." if self.remembers else little
        return f"No explanation. Of the best that was tried: {proof}."

    def __str__(self) -> str:
        numbers = (
            f"sufficient {self.sufficient:.3f}, necessary {self.necessary:.3f}, predictive "
            f"{self.predictive:.3f}"
        )
        if not self.holds:
            return f"No explanation: the best is {self.fit.kind} of {self.fit.parts}, {numbers}."
        return f"{self.mechanism.capitalize()} of {self.fit.parts}: {numbers}."


def explain(
    what: Any, task: AbstractTask | None = None, *, run: int = 0, step: int | None = None
) -> Explanation:
    """Says which algorithm a network computes with, and what breaks without it.

    Coefficients are fitted to the network's own logits, never to labels, and nothing is fitted
    again after parts have been kept or removed.

    Args:
        what: results or the path of a store; or a network, one that somebody published
            (`fr.interop.read`), its logits for all pairs, or a function of two arrays of elements
            that gives them; of a parity a network or a function of its inputs.
        task: an operation modulo `p` that is addition in some order of its elements (`a + b`,
            `a - b`; modulo a prime `a * b` and `a / b`), products of permutations or a parity, as
            the network reads it; that of the results if `None`.
        run: which run of results.
        step: at which step its weights were kept; the last if `None`.

    Raises:
        SpecError: it is another task, or the logits do not belong to it.
        StoreError: no weights were kept.
        CheckpointError: a published network does not belong to the task.

    Example:
        >>> import flyroom as fr
        >>> network = fr.models.constructed.circles(31, 5, (2, 7))
        >>> print(explain(network, fr.tasks.ModularArithmetic(p=31)))
        Pizza of the frequencies 2, 7: sufficient 1.000, necessary 1.000, predictive 0.997.
    """
    if isinstance(what, xr.Dataset | str | Path):
        runs = what if isinstance(what, xr.Dataset) else results.open(what)
        task = task or results.experiment_of(runs, run, recording=False).task
        what = results.network(runs, run, step)
    if isinstance(task, Corrupted):
        task = task.clean
    fitting = [kind for kind in MECHANISMS if kind.applies(task)]
    if not fitting:
        raise SpecError(
            f"explain: got the task {type(task).__name__}; allowed: ModularArithmetic, "
            "GroupOperation and SparseParity, whose mechanisms are known here."
        )
    subject = fitting[0].subject.of(what, task)
    tried = [_proven(subject, kind.fit(subject)) for kind in fitting]
    best = max(tried, key=_rank)
    others = tuple(one for one in tried if one is not best)
    return dataclasses.replace(best, others=others)


def _rank(one: Explanation) -> tuple[bool, bool, bool, float, float]:
    """What holds before what does not, what says more before what says less, then by evidence."""
    says_more = one.holds and one.fit.closed
    tells = one.fit.rule or one.remembers
    return (one.holds, says_more, tells, round(one.least, 3), round(one.predictive, 3))


def _proven(subject: AbstractSubject, fit: AbstractMechanism) -> Explanation:
    """A mechanism with its three numbers."""
    accuracy, chance = subject.own_accuracy, subject.chance
    kept, removed = (subject.accuracy(one(subject)) for one in (fit.keep, fit.remove))
    lost = (accuracy - removed) / (accuracy - chance) if accuracy > chance else 0.0
    return Explanation(
        subject,
        fit,
        accuracy,
        sufficient=min(kept / accuracy, 1.0) if accuracy > 0 else 0.0,
        necessary=min(max(lost, 0.0), 1.0),
        predictive=subject.explained(fit.predict()),
    )
