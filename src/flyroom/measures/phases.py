import numpy as np
import xarray as xr

from ..training import Status
from .stages import circuit_stages
from .timing import first_step, generalization_step, memorization_step

_LIU = ("confusion", "memorization", "comprehension", "grokking")
_PAIR = ("no_learning", "no_generalization", "together", "grokking")
_DOSHI = (
    "confusion",
    "memorization",
    "coexistence",
    "partial_inversion",
    "full_inversion",
    "forgetting",
)
_NANDA = ("memorization", "circuit_formation", "cleanup", "generalized")


def phase_liu(
    runs: xr.Dataset,
    *,
    budget: float = 1e5,
    threshold: float = 0.9,
    gap: float = 1e3,
    records: int = 1,
) -> xr.DataArray:
    """The phase of learning that each run shows, by its accuracies.

    Training accuracy never at the threshold: *confusion*. Test accuracy never: *memorization*.
    Both, less than `gap` steps apart: *comprehension*. Both, further apart: *grokking*. Never means
    not within the budget; a run that was observed for less and has not diverged is *unknown*
    instead.

    Args:
        runs: results with `train_accuracy` and `test_accuracy`.
        budget: the steps within which it has to happen.
        threshold: the accuracy, for both.
        gap: the delay from which on it is grokking, in steps.
        records: at how many consecutive records an accuracy has to hold.

    Returns:
        Codes over `run`, named by the attributes `flag_values` and `flag_meanings`; −1 is unknown.

    Example:
        >>> train, test = [[0.0, 1.0, 1.0, 1.0]], [[0.0, 0.1, 0.1, 1.0]]
        >>> curves = {
        ...     "train_accuracy": (("run", "step"), train),
        ...     "test_accuracy": (("run", "step"), test),
        ... }
        >>> phase = phase_liu(xr.Dataset(curves, {"step": [0, 8, 64, 4096]}))
        >>> phase.attrs["flag_meanings"].split()[phase.item() + 1]
        'grokking'

    Source: Liu et al. 2022, arXiv:2205.10343.
    """
    began = memorization_step(runs, threshold, records=records)
    ended = generalization_step(runs, threshold, records=records)
    memorised, generalised = began.values <= budget, ended.values <= budget
    delay = ended.values - began.values
    late = np.where(delay < gap, _LIU.index("comprehension"), _LIU.index("grokking"))
    never = np.where(memorised, _LIU.index("memorization"), _LIU.index("confusion"))
    last = xr.where(runs.train_accuracy.notnull(), runs.step, -1).max("step").values
    known = (last >= budget) | _status(runs, Status.DIVERGED)
    codes = np.where(memorised & generalised, late, np.where(known, never, -1))
    asked = {"budget": budget, "threshold": threshold, "gap": gap, "records": records}
    return _phase(runs, codes, _LIU, **asked)


def phase_pair(
    runs: xr.Dataset, *, threshold: float = 1e-5, ratio: float = 5e4, records: int = 1
) -> xr.DataArray:
    """The phase of learning that each run shows, by its losses.

    Training loss never at the threshold: *no learning*. Test loss never: *no generalization*.
    Both, and the test loss never was `ratio` times the training loss: *together*. Else *grokking*.
    A run that is not over, or was stopped before its budget, and has not got there is *unknown*.

    Args:
        runs: results with `train_loss` and `test_loss`.
        threshold: the loss to fall to, for both.
        ratio: of test to training loss at the same step.
        records: at how many consecutive records a loss has to hold.

    Returns:
        Codes over `run`, named by the attributes `flag_values` and `flag_meanings`; −1 is unknown.

    Example:
        >>> train, test = [[0.7, 1e-6, 1e-6]], [[0.7, 2.0, 1e-6]]
        >>> curves = {"train_loss": (("run", "step"), train), "test_loss": (("run", "step"), test)}
        >>> phase = phase_pair(xr.Dataset(curves, {"step": [0, 8, 64]}))
        >>> phase.attrs["flag_meanings"].split()[phase.item() + 1]
        'grokking'

    Source: Pearce et al. 2023, "Do Machine Learning Models Memorize or Generalize?".
    """
    train, test = runs.train_loss, runs.test_loss
    fallen = {"threshold": threshold, "records": records, "falling": True}
    learned, generalised = (first_step(c, **fallen).notnull().values for c in (train, test))
    # As a product, because a loss in float32 may be zero.
    apart = ((test >= ratio * train) & (test > 0)).any("step").values
    both = np.where(apart, _PAIR.index("grokking"), _PAIR.index("together"))
    never = np.where(learned, _PAIR.index("no_generalization"), _PAIR.index("no_learning"))
    known = _status(runs, Status.FINISHED, Status.DIVERGED) if "status" in runs else True
    codes = np.where(learned & generalised, both, np.where(known, never, -1))
    return _phase(runs, codes, _PAIR, threshold=threshold, ratio=ratio, records=records)


def phase_doshi(runs: xr.Dataset, *, threshold: float = 0.9) -> xr.DataArray:
    """The phase in which each run ends, by what it says to right and to wrong labels.

    Training accuracy (by the given labels) is reached and test accuracy is not: *memorization*.
    Test accuracy is reached: *full inversion* if the wrongly labelled training examples are
    answered rightly as well, else *coexistence* if training accuracy is reached, else *partial
    inversion*. Neither, and test accuracy was reached before: *forgetting*; neither, and it was
    not: *confusion*. A run that is not over is *unknown*.

    With few wrong labels training accuracy is at the threshold although all of them are inverted,
    so that full inversion goes first. The source bounds partial inversion from below by the
    training accuracy of full inversion, and says chance for forgetting: these rules need no bound.

    Args:
        runs: results with `train_accuracy`, `test_accuracy` and `corrected_accuracy`.
        threshold: the accuracy, for all three.

    Returns:
        Codes over `run`, named by the attributes `flag_values` and `flag_meanings`; −1 is unknown.

    Example:
        >>> values = {"train_accuracy": 0.65, "test_accuracy": 1.0, "corrected_accuracy": 0.99}
        >>> curves = {name: (("run", "step"), [[0.0, value]]) for name, value in values.items()}
        >>> phase = phase_doshi(xr.Dataset(curves, {"step": [0, 500]}))
        >>> phase.attrs["flag_meanings"].split()[phase.item() + 1]
        'full_inversion'

    Source: Doshi et al. 2023, arXiv:2310.13061.
    """
    names = ("train_accuracy", "test_accuracy", "corrected_accuracy")
    learned, generalised, corrected = (_last(runs[name]) >= threshold for name in names)
    before = (runs.test_accuracy >= threshold).any("step").values
    rules = {
        "full_inversion": generalised & corrected,
        "coexistence": generalised & learned,
        "partial_inversion": generalised,
        "memorization": learned,
        "forgetting": before,
    }
    names = [_DOSHI.index(name) for name in rules]
    codes = np.select(list(rules.values()), names, _DOSHI.index("confusion"))
    ends = (Status.FINISHED, Status.STOPPED, Status.DIVERGED)
    known = _status(runs, *ends) if "status" in runs else True
    return _phase(runs, np.where(known, codes, -1), _DOSHI, threshold=threshold)


def phase_nanda(runs: xr.Dataset, *, level: float = 0.9, loss: float = 0.1) -> xr.DataArray:
    """The stage of learning that each run has come to when it ends, by its test loss.

    The test loss still rises: *memorization*. It has passed its largest value and is near it:
    *circuit formation*. It falls: *cleanup*. It has fallen to `loss`: *generalized*. A run that is
    not over is *unknown*.

    Args:
        runs: results with `test_loss`.
        level: the part of the largest loss below which it falls.
        loss: the loss to fall to, in nats.

    Returns:
        Codes over `run`, named by the attributes `flag_values` and `flag_meanings`; −1 is unknown.

    Example:
        >>> curve = (("run", "step"), [[4.0, 20.0, 19.0, 15.0, 9.0]])
        >>> runs = xr.Dataset({"test_loss": curve}, {"step": [0, 1400, 6000, 9400, 12000]})
        >>> phase = phase_nanda(runs)
        >>> phase.attrs["flag_meanings"].split()[phase.item() + 1]
        'cleanup'

    Source: the phases of Nanda et al. 2023, arXiv:2301.05217; the rule: that of `circuit_stages`.
    """
    begun = circuit_stages(runs, level=level, loss=loss).notnull().transpose("run", "stage").values
    # The stages follow each other; what generalised from its first record on has all of them.
    codes = np.where(begun, np.arange(1, len(_NANDA)), 0).max(1)
    seen = np.isfinite(runs.test_loss).any("step").values
    ends = (Status.FINISHED, Status.STOPPED, Status.DIVERGED)
    known = seen & (_status(runs, *ends) if "status" in runs else True)
    return _phase(runs, np.where(known, codes, -1), _NANDA, level=level, loss=loss)


def _last(curve: xr.DataArray) -> np.ndarray:
    """What each run was last seen with."""
    values = curve.transpose("run", "step").values
    at = np.where(np.isnan(values), -1, np.arange(values.shape[1])).max(1)
    return values[np.arange(len(values)), at]


def _status(runs: xr.Dataset, *wanted: Status) -> np.ndarray:
    if "status" not in runs:
        return np.zeros(runs.sizes["run"], bool)
    return np.isin(runs.status.values, [int(s) for s in wanted])


def _phase(
    runs: xr.Dataset, codes: np.ndarray, meanings: tuple[str, ...], **attrs: float | int
) -> xr.DataArray:
    flags = {
        "flag_values": np.arange(-1, len(meanings), dtype=np.int8),
        "flag_meanings": " ".join(("unknown", *meanings)),
    }
    coords = {name: c for name, c in runs.coords.items() if c.dims == ("run",)}
    return xr.DataArray(codes.astype(np.int8), coords, ("run",), "phase", {**flags, **attrs})
