import dataclasses
import enum
import math
import traceback
from collections.abc import Callable, Mapping

import xarray as xr

Number = int | float  # a run-time check tells them apart
Band = tuple[Number, Number]
Data = Mapping[str, xr.Dataset]


class Verdict(enum.StrEnum):
    """What our runs say to a claim."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    NOT_ENOUGH = "not enough runs to say"
    NOT_RUN = "full size not run"
    RAISED = "raised an error"


@dataclasses.dataclass(frozen=True)
class Finding:
    """What was found in the runs of a study, in one number.

    Attributes:
        value: the number; infinite for a time that was not reached.
        interval: its confidence interval, `None` where so few runs have none.
        runs: from how many runs it comes, censored ones among them.
        holds: whether the claim holds; if `None`, that is whether the value lies in its band.
        note: what has to be known beside the number, such as how many runs are censored.
        proof: whether the number of runs does not matter: of a claim that there is such a run, one
            is proof.
    """

    value: Number
    interval: tuple[Number, Number] | None
    runs: int
    holds: bool | None = None
    note: str = ""
    proof: bool = False


Judge = Callable[[Data], Finding]


@dataclasses.dataclass(frozen=True)
class Answer:
    """A claim, what was found, and the verdict.

    Attributes:
        claim: the claim.
        verdict: the verdict.
        finding: what was found; `None` if the claim's function raised an error.
        error: the traceback of that error.
    """

    claim: "Claim"
    verdict: Verdict
    finding: Finding | None
    error: str = ""


@dataclasses.dataclass(frozen=True)
class Claim:
    """Something that a source says, in a form that runs can contradict.

    Attributes:
        id: a short name, unique in its study.
        statement: what is claimed, of which number.
        published: the published value, in words.
        source: where it was published.
        bands: the values that reproduce it, both ends included, by the number of runs from which on
            they are meant.
        needs: with fewer runs than this there is no verdict.
        units: of the number.
        judge: what finds the number in the datasets of a study, by label.
        at: the only size of the study at which it can be judged, if there is but one.
    """

    id: str
    statement: str
    published: str
    source: str
    bands: Mapping[int, Band]
    needs: int
    units: str
    judge: Judge
    at: str | None = None

    def band(self, runs: int) -> Band:
        """The band that is meant for so many runs; the one for the fewest if they are too few."""
        return self.bands[max((n for n in self.bands if n <= runs), default=min(self.bands))]

    def answer(self, data: Data, size: str | None = None) -> Answer:
        """Finds the number and judges it. An error in the claim's function becomes a verdict."""
        if size is not None and self.at not in (None, size):
            return Answer(self, Verdict.NOT_RUN, None)
        try:
            finding = self.judge(data)
        except Exception:
            return Answer(self, Verdict.RAISED, None, traceback.format_exc())
        if finding.runs < self.needs and not finding.proof:
            return Answer(self, Verdict.NOT_ENOUGH, finding)
        low, high = self.band(finding.runs)
        holds = low <= finding.value <= high if finding.holds is None else finding.holds
        holds = holds and not math.isnan(finding.value)
        return Answer(self, Verdict.REPRODUCED if holds else Verdict.NOT_REPRODUCED, finding)
