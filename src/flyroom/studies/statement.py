"""What an article says in plain words, held against the claims that it rests on."""

import dataclasses
import enum
from collections.abc import Iterable

from .claim import Answer, Verdict

_JUDGED = (Verdict.REPRODUCED, Verdict.NOT_REPRODUCED)


class Standing(enum.StrEnum):
    """What the verdicts on its claims make of a statement."""

    HOLDS = "holds"
    SO_FAR = "holds so far"
    IN_PART = "in part"
    FAILS = "does not hold"
    OPEN = "open"


@dataclasses.dataclass(frozen=True)
class Statement:
    """A statement without a number of its own, and the claims of studies that it rests on.

    It *holds* if every claim was reproduced, *so far* if that is true of those that were judged; it
    *does not hold* if none was, and is *open* while there is no verdict on any.

    Attributes:
        id: a short name.
        says: the statement, in our words.
        source: who says it.
        rests_on: names of claims, of any studies.

    Example:
        >>> statement = Statement(
        ...     "Q5", "Wrong labels are put right.", "S1", ("GD5-test", "GD6-test")
        ... )
        >>> statement.standing([]).value
        'open'
    """

    id: str
    says: str
    source: str
    rests_on: tuple[str, ...]

    def answers(self, answers: Iterable[Answer]) -> list[Answer]:
        """The answers to the claims that it rests on, in its own order, as far as there are any."""
        known = {answer.claim.id: answer for answer in answers}
        return [known[name] for name in self.rests_on if name in known]

    def standing(self, answers: Iterable[Answer]) -> Standing:
        """What the verdicts make of it."""
        judged = [a.verdict for a in self.answers(answers) if a.verdict in _JUDGED]
        if not judged:
            return Standing.OPEN
        count = judged.count(Verdict.REPRODUCED)
        if count == len(judged):
            return Standing.HOLDS if count == len(self.rests_on) else Standing.SO_FAR
        return Standing.IN_PART if count else Standing.FAILS
