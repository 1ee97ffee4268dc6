import dataclasses
import math
import time
from pathlib import Path
from typing import Any

import xarray as xr

from .. import results, sweeps
from ..results import StoreError, journal_path
from ..spec import SpecError
from ..sweeps import Machine, Manifest, Space
from .claim import Answer, Number
from .study import Study, Sweep


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A study that was run.

    Attributes:
        study: the study.
        size: the size that was run.
        data: the datasets of its sweeps, by label.
        answers: one for each claim, in their order.
        seconds: how long training took now; stores that were there already took none of it.
    """

    study: Study
    size: str
    data: dict[str, xr.Dataset]
    answers: list[Answer]
    seconds: float

    def summary(self) -> dict[str, Any]:
        """The outcome as plain data, for JSON: what is not finite is `None`."""
        return {
            "study": self.study.name,
            "size": self.size,
            "seconds": round(self.seconds, 3),
            "stores": {label: runs.attrs.get("store") for label, runs in self.data.items()},
            "claims": [_row(answer) for answer in self.answers],
        }


def _row(answer: Answer) -> dict[str, Any]:
    claim, finding = answer.claim, answer.finding
    row = {
        "id": claim.id,
        "statement": claim.statement,
        "published": claim.published,
        "source": claim.source,
        "verdict": str(answer.verdict),
        "units": claim.units,
    }
    if finding is None:
        return {**row, "error": answer.error}
    return {
        **row,
        "value": _finite(finding.value),
        "interval": finding.interval and [_finite(end) for end in finding.interval],
        "band": [_finite(end) for end in claim.band(finding.runs)],
        "runs": finding.runs,
        "needs": claim.needs,
        "note": finding.note,
    }


def _finite(value: Number) -> Number | None:
    return value if math.isfinite(value) else None


def run(
    study: Study,
    size: str = "quick",
    folder: str | Path = "runs",
    machine: Machine | None = None,
) -> Outcome:
    """Trains what a study needs, unless it is there already, and judges its claims.

    Every sweep has a store, `NAME-SIZE-LABEL.zarr`. One that is finished is used as it is, one that
    was interrupted is gone on with.

    Args:
        study: the study.
        size: which of its sizes.
        folder: where the stores are.
        machine: devices, checkpoints and the like.

    Raises:
        SpecError: the study has no such size, or an experiment of it cannot be run.
        StoreError: a store of that name holds other runs than the study's.
        Interrupted: it was stopped; the same call goes on.
    """
    data, seconds = {}, 0.0
    for label, there in finished(study, size, folder).items():
        sweep, path = study.at(size)[label], _store(study, size, folder, label)
        began = time.monotonic()
        data[label] = results.open(path) if there else _train(sweep, path, machine)
        seconds += 0.0 if there else time.monotonic() - began
    return Outcome(study, size, data, judge(study, data, size), seconds)


def judge(study: Study, data: dict[str, xr.Dataset], size: str | None = None) -> list[Answer]:
    """The verdict on every claim of a study, from datasets by label of one size."""
    return [claim.answer(data, size) for claim in study.claims]


def finished(study: Study, size: str, folder: str | Path = "runs") -> dict[str, bool]:
    """Which of a study's sweeps need not be trained any more, by label.

    Asked first, it says of many studies that a store does not fit, or that a sweep cannot be run,
    before hours are spent on others.

    Raises:
        SpecError: the study has no such size, or an experiment of it cannot be run.
        StoreError: a store of that name holds other runs than the study's.
    """
    there = {
        label: _finished(sweep, _store(study, size, folder, label))
        for label, sweep in study.at(size).items()
    }
    for label in (label for label, done in there.items() if not done):
        sweep = study.at(size)[label]
        try:
            sweeps.plan(sweep.experiment, sweep.over)
        except SpecError as error:
            raise SpecError(f"{study.name}, sweep {label}: {error}") from error
    return there


def _store(study: Study, size: str, folder: str | Path, label: str) -> Path:
    return Path(folder) / f"{study.name}-{size}-{label}.zarr"


def _finished(sweep: Sweep, path: Path) -> bool:
    if not path.exists() and not journal_path(path).exists():
        return False
    there = Manifest.read(path)
    wanted = Manifest.of(Space(sweep.experiment, sweep.over), {})
    if (there.fingerprint, there.budgets) != (wanted.fingerprint, wanted.budgets):
        raise StoreError(
            f"{path} holds other runs than those of this study, which may have changed since. "
            "Remove it, or choose another folder."
        )
    return not journal_path(path).exists()


def _train(sweep: Sweep, path: Path, machine: Machine | None) -> xr.Dataset:
    """The runs of a sweep, from the beginning or from where they were interrupted."""
    if journal_path(path).exists():
        return sweeps.resume(path, sweep.experiment, machine=machine)
    return sweeps.train(sweep.experiment, sweep.over, store=path, machine=machine)
