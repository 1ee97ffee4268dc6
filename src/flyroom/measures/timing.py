import numpy as np
import xarray as xr

from ..training import Status


def first_step(
    curve: xr.DataArray, threshold: float, *, records: int = 1, falling: bool = False
) -> xr.DataArray:
    r"""The first recorded step at which a curve reaches a threshold and holds it.

    \(\min\{s_i : c(s_i), \dots, c(s_{i+n-1}) \ge \tau\}\) over the steps at which the run has a
    record. Steps without one (NaN) are passed over, so that runs on different schedules compare.

    Args:
        curve: a recorded measure over `step` and any other dimensions.
        threshold: the value to reach, compared in the precision of the curve.
        records: at how many consecutive records it has to hold.
        falling: whether the curve is to fall to the threshold instead of rising to it.

    Returns:
        A time: the step, or NaN where the curve did not get there. Where it did not, the
        coordinate `censored_at` is the last step that was observed. Every run has the one or the
        other, or neither if it has no record at all.

    Raises:
        ValueError: `records` is less than one.

    Example:
        >>> accuracy = [[0.1, 1.0, 1.0], [0.1, 0.2, 0.3]]
        >>> curve = xr.DataArray(accuracy, {"step": [0, 8, 64]}, ("run", "step"))
        >>> reached = first_step(curve, 0.99)
        >>> print(reached.values, reached.censored_at.values)
        [ 8. nan] [nan 64.]
    """
    if records < 1:
        raise ValueError(f"first_step: got records={records}; allowed: at least 1.")
    curve = curve.transpose(..., "step")
    values, step = curve.values, curve.step.values
    seen = ~np.isnan(values)
    # A Python float takes the curve's precision: 90 right answers of 100 are 0.9 in float32 too.
    holds = seen & (values <= threshold if falling else values >= threshold)
    # A run's own records move to the front; what is left, and a margin, holds nothing.
    order = np.argsort(~seen, axis=-1, kind="stable")
    margin = [(0, 0)] * (values.ndim - 1) + [(0, records)]
    holds = np.pad(np.take_along_axis(holds, order, -1), margin)
    steps = np.pad(step[order].astype(float), margin)
    held = np.lib.stride_tricks.sliding_window_view(holds, records, axis=-1).all(-1)
    first = np.take_along_axis(steps, held.argmax(-1)[..., None], -1)[..., 0]
    last = np.max(np.where(seen, step, -np.inf), axis=-1, initial=-np.inf)
    found = held.any(-1)
    side = "at most" if falling else "at least"
    return times_of(
        curve,
        np.where(found, first, np.nan),
        np.where(found | np.isneginf(last), np.nan, last),
        long_name=f"first step with {curve.name or 'curve'} {side} {threshold:g}",
        threshold=threshold,
        records=records,
    )


def memorization_step(
    runs: xr.Dataset, threshold: float = 0.99, *, records: int = 1
) -> xr.DataArray:
    r"""The first recorded step with training accuracy at the threshold: \(t_\mathrm{mem}\).

    Args:
        runs: results with `train_accuracy`.
        threshold: the accuracy. Sources use 1.0, 0.99, 0.98 and 0.9.
        records: at how many consecutive records it has to hold.

    Returns:
        A time over `run`, as from `first_step`.

    Example:
        >>> curve = (("run", "step"), [[0.0, 0.5, 1.0]])
        >>> runs = xr.Dataset({"train_accuracy": curve}, {"step": [0, 8, 64]})
        >>> memorization_step(runs).values
        array([64.])

    Source: Manir and Rupa 2026, arXiv:2603.25009.
    """
    found = first_step(runs.train_accuracy, threshold, records=records)
    return found.rename("memorization_step")


def generalization_step(
    runs: xr.Dataset, threshold: float = 0.99, *, records: int = 1
) -> xr.DataArray:
    r"""The first recorded step with test accuracy at the threshold: \(t_\mathrm{gen}\).

    Args:
        runs: results with `test_accuracy`.
        threshold: the accuracy. Sources use 1.0, 0.99, 0.95 and 0.9.
        records: at how many consecutive records it has to hold; 3 is the usual sustained form.

    Returns:
        A time over `run`, as from `first_step`.

    Example:
        >>> curve = (("run", "step"), [[0.0, 1.0, 0.5, 1.0, 1.0]])
        >>> runs = xr.Dataset({"test_accuracy": curve}, {"step": [0, 8, 64, 512, 4096]})
        >>> print(generalization_step(runs).item(), generalization_step(runs, records=2).item())
        8.0 512.0

    Source: Chughtai et al. 2023, arXiv:2302.03025; sustained: Xu 2026, arXiv:2602.16967.
    """
    found = first_step(runs.test_accuracy, threshold, records=records)
    return found.rename("generalization_step")


def recovery_step(runs: xr.Dataset, threshold: float = 1.0) -> xr.DataArray:
    r"""The first recorded step with test loss at the threshold after it was largest.

    Unlike accuracies, test losses often begin below the threshold, rise far above it while a
    network memorises, and fall for good when it generalises.

    Args:
        runs: results with `test_loss`.
        threshold: the loss.

    Returns:
        A time over `run`, as from `first_step`.

    Example:
        >>> curve = (("run", "step"), [[0.9, 7.0, 30.0, 0.5]])
        >>> recovery_step(xr.Dataset({"test_loss": curve}, {"step": [0, 8, 64, 512]})).values
        array([512.])

    Source: Nanda et al. 2023, arXiv:2301.05217.
    """
    loss = runs.test_loss
    after = loss.where(runs.step >= loss.fillna(-np.inf).idxmax("step"))
    return first_step(after, threshold, falling=True).rename("recovery_step")


def grokking_delay(runs: xr.Dataset, threshold: float = 0.99, *, records: int = 1) -> xr.DataArray:
    r"""Steps from memorisation to generalisation: \(t_\mathrm{gen} - t_\mathrm{mem}\).

    The clock starts when a run has memorised. One that has not has no delay, and none that is
    censored either; one that generalises before it has memorised has a negative delay.

    Args:
        runs: results with `train_accuracy` and `test_accuracy`.
        threshold: the accuracy, for both.
        records: at how many consecutive records the test accuracy has to hold.

    Returns:
        A time over `run`, as from `first_step`: `censored_at` is how long a run was observed after
        it had memorised.

    Example:
        >>> train, test = [[0.0, 1.0, 1.0]], [[0.0, 0.2, 0.3]]
        >>> curves = {
        ...     "train_accuracy": (("run", "step"), train),
        ...     "test_accuracy": (("run", "step"), test),
        ... }
        >>> delay = grokking_delay(xr.Dataset(curves, {"step": [0, 8, 64]}))
        >>> print(delay.item(), delay.censored_at.item())
        nan 56.0

    Source: Manir and Rupa 2026, arXiv:2603.25009.
    """
    began = memorization_step(runs, threshold)
    ended = generalization_step(runs, threshold, records=records)
    return times_of(
        runs.test_accuracy,
        ended.values - began.values,
        ended.censored_at.values - began.values,
        long_name="steps from memorisation to generalisation",
        threshold=threshold,
        records=records,
    ).rename("grokking_delay")


def onset_step(
    curve: xr.DataArray, baseline: xr.DataArray, *, deviations: float = 3.0
) -> xr.DataArray:
    r"""The first step at which a curve stands out of what it was until then.

    \(c(s) > \tilde c + 3\,\mathrm{MAD}\), of the median and the median absolute deviation of the
    records up to the baseline's step, such as that of memorisation.

    Args:
        curve: a measure over `run` and `step`, such as the commutator defect of kept weights.
        baseline: a time over `run`, as from `memorization_step`.
        deviations: how many of them.

    Returns:
        A time over `run`, as from `first_step`; neither known nor censored where there is no
        baseline.

    Example:
        >>> curve = xr.DataArray([[1.0, 1.2, 0.9, 1.1, 4.0]], {"step": range(5)}, ("run", "step"))
        >>> onset_step(curve, xr.DataArray([2.0], dims="run")).item()
        4.0

    Source: Xu 2026, arXiv:2602.16746.
    """
    curve = curve.transpose("run", "step")
    until = curve.where(curve.step <= baseline.drop_vars("censored_at", errors="ignore"))
    middle = until.median("step")
    height = middle + deviations * abs(until - middle).median("step")
    later = curve.where((curve.step > baseline.fillna(np.inf)) & height.notnull())
    return first_step((later - height).where(later.notnull()), np.finfo(float).tiny).rename("onset")


def describe_times(times: xr.DataArray, status: xr.DataArray | None = None) -> list[str]:
    """Every time in words, with what is not known said plainly.

    Args:
        times: a time over `run`, as from `first_step`.
        status: `runs.status`, to say why nothing more was seen of a run.

    Example:
        >>> accuracy = [[0.1, 1.0], [0.1, 0.2], [float("nan")] * 2]
        >>> curve = xr.DataArray(accuracy, {"step": [0, 5000]}, ("run", "step"))
        >>> describe_times(first_step(curve, 0.99))
        ['at step 5,000', 'not by step 5,000 (censored)', 'no record']
        >>> describe_times(first_step(curve, 0.99), xr.DataArray([2, 2, 0], dims="run"))[1]
        'not within the budget (censored at step 5,000)'
    """
    ends = np.full(times.shape, -1) if status is None else status.values

    def words(time: float, censored_at: float, end: int) -> str:
        if not np.isnan(time):
            return f"at step {time:,.0f}"
        if np.isnan(censored_at):
            return "no record"
        if end not in _ENDS:
            return f"not by step {censored_at:,.0f} (censored)"
        return f"not {_ENDS[end]} (censored at step {censored_at:,.0f})"

    columns = (times.values, times.censored_at.values, ends)
    return [words(*row) for row in zip(*(c.ravel().tolist() for c in columns), strict=True)]


_ENDS: dict[int, str] = {
    Status.RUNNING: "yet",
    Status.FINISHED: "within the budget",
    Status.STOPPED: "before it was stopped",
    Status.DIVERGED: "before it diverged",
    Status.FAILED: "before it failed",
}


def times_of(
    curve: xr.DataArray, values: np.ndarray, censored_at: np.ndarray, **attrs: object
) -> xr.DataArray:
    """Times of the runs of a curve."""
    dims = tuple(d for d in curve.dims if d != "step")
    coords = {name: c for name, c in curve.coords.items() if "step" not in c.dims}
    meaning = {"units": "step", "long_name": "observed until here, and not reached"}
    coords["censored_at"] = xr.Variable(dims, censored_at, meaning)
    return xr.DataArray(values, coords, dims, attrs={"units": "step", **attrs})
