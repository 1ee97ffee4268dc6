"""The stages that a run passes through, as steps: NaN where it was not seen to get there."""

import numpy as np
import xarray as xr

from .timing import first_step, times_of


def circuit_stages(runs: xr.Dataset, *, level: float = 0.9, loss: float = 0.1) -> xr.DataArray:
    r"""Where memorisation ends, a circuit forms, and what was memorised is cleaned up.

    With \(L\) the test loss and \(L_\mathrm{max}\) the largest that was seen, by stage:

    - `circuit_formation` begins where \(L = L_\mathrm{max}\): the run has memorised;
    - `cleanup` begins at the last step with \(L \ge 0.9\,L_\mathrm{max}\);
    - `generalized`: the first step after the maximum with \(L \le 0.1\).

    The first two are censored where they are the last record: the loss may rise further.

    Args:
        runs: results with `test_loss`.
        level: the part of the largest loss, for `cleanup`.
        loss: the loss to fall to, in nats, for `generalized`.

    Returns:
        A time over `run` and `stage`, as from `first_step`.

    Example:
        >>> curve = (("run", "step"), [[4.0, 20.0, 19.0, 15.0, 0.01], [4.0, 9.0, 9.0, 8.9, 8.8]])
        >>> runs = xr.Dataset({"test_loss": curve}, {"step": [0, 1400, 6000, 9400, 14000]})
        >>> print(circuit_stages(runs).values)
        [[ 1400.  6000. 14000.]
         [ 1400.    nan    nan]]

    Source: the three phases of Nanda et al. 2023, arXiv:2301.05217; the rule: ours.
    """
    curve = runs.test_loss.transpose("run", "step")
    curve = curve.where(np.isfinite(curve))
    values, step = curve.values, curve.step.values.astype(float)
    seen = ~np.isnan(values)
    order = np.arange(len(step))
    last = np.where(seen, order, -1).max(1)
    heights = np.where(seen, values, -np.inf)
    largest = heights.max(1, keepdims=True)
    peak = heights.argmax(1)
    # The maximum itself counts whatever its sign is.
    high = seen & ((values >= level * largest) | (values == largest))

    def began(index: np.ndarray, long_name: str) -> xr.DataArray:
        known = index < last
        end = np.where(known | (last < 0), np.nan, step[last])
        return times_of(curve, np.where(known, step[index], np.nan), end, long_name=long_name)

    parts = {
        "circuit_formation": began(peak, "step of the largest test loss"),
        "cleanup": began(np.where(high, order, -1).max(1), "last step near the largest test loss"),
        "generalized": first_step(
            curve.where(curve.step >= xr.DataArray(step[peak], dims="run")), loss, falling=True
        ),
    }
    return _by_stage(parts, level=level, loss=loss).rename("circuit_stages")


def milestones(
    runs: xr.Dataset, *, chance: float, full: float = 1.0, records: int = 1
) -> xr.DataArray:
    r"""The four steps at which a run is better than chance and then has learned everything.

    \(t_1\) and \(t_2\): the first steps with training accuracy above chance, and full.
    \(t_3\) and \(t_4\): the same of test accuracy. \(t_4 - t_2\) is the delay of grokking.

    Args:
        runs: results with `train_accuracy` and `test_accuracy`.
        chance: the accuracy of guesses, which is to be exceeded: 1 / `p` for addition modulo `p`.
        full: the accuracy at which everything has been learned.
        records: at how many consecutive records each has to hold.

    Returns:
        A time over `run` and `stage` (`t1` to `t4`), as from `first_step`.

    Example:
        >>> train, test = [[0.0, 0.5, 1.0, 1.0]], [[0.0, 0.01, 0.2, 0.9]]
        >>> curves = {
        ...     "train_accuracy": (("run", "step"), train),
        ...     "test_accuracy": (("run", "step"), test),
        ... }
        >>> runs = xr.Dataset(curves, {"step": [0, 8, 64, 512]})
        >>> print(milestones(runs, chance=1 / 97).values)
        [[ 8. 64. 64. nan]]

    Source: Notsawo et al. 2023, arXiv:2306.13253.
    """
    parts: dict[str, xr.DataArray] = {}
    for curve in (runs.train_accuracy, runs.test_accuracy):
        kind = curve.dtype.type
        above = float(np.nextafter(kind(chance), kind(np.inf)))
        for threshold in (above, full):
            parts[f"t{len(parts) + 1}"] = first_step(curve, threshold, records=records)
    found = _by_stage(parts, chance=chance, full=full, records=records)
    return found.rename("milestones")


def settled_step(
    runs: xr.Dataset,
    *,
    window: int = 5,
    accuracy: float = 0.98,
    spread: float = 0.02,
    train_accuracy: float = 0.995,
) -> xr.DataArray:
    """The first step from which on test accuracy is high and steady over a window of records.

    In the window the mean of the test accuracy exceeds `accuracy`, its standard deviation is below
    `spread`, and every training accuracy exceeds `train_accuracy`.

    Args:
        runs: results with `train_accuracy` and `test_accuracy`.
        window: how many consecutive records a window has; their number is ours.
        accuracy: what the mean of the test accuracy has to exceed.
        spread: what its standard deviation has to stay below.
        train_accuracy: what the training accuracy has to exceed.

    Returns:
        A time over `run`, as from `first_step`: the first record of the first such window.

    Raises:
        ValueError: `window` is less than one.

    Example:
        >>> train, test = [[1.0] * 6], [[0.1, 1.0, 0.2, 0.99, 1.0, 0.99]]
        >>> curves = {
        ...     "train_accuracy": (("run", "step"), train),
        ...     "test_accuracy": (("run", "step"), test),
        ... }
        >>> runs = xr.Dataset(curves, {"step": [0, 8, 16, 24, 32, 40]})
        >>> settled_step(runs, window=3).values
        array([24.])

    Source: Bi 2026, arXiv:2603.24746.
    """
    if window < 1:
        raise ValueError(f"settled_step: got window={window}; allowed: at least 1.")
    curve = runs.test_accuracy.transpose("run", "step")
    test = curve.values.astype(np.float64)
    train = runs.train_accuracy.transpose("run", "step").values.astype(np.float64)
    seen = ~(np.isnan(test) | np.isnan(train))
    holds = np.where(seen, 0.0, np.nan)
    for run in np.flatnonzero(seen.sum(1) >= window):
        at = np.flatnonzero(seen[run])
        views = np.lib.stride_tricks.sliding_window_view(
            np.stack([test[run, at], train[run, at]]), window, axis=1
        )
        steady = (views[0].mean(1) > accuracy) & (views[0].std(1) < spread)
        steady &= views[1].min(1) > train_accuracy
        holds[run, at[: len(steady)]] = steady
    found = first_step(curve.copy(data=holds), 1.0)
    asked = {"accuracy": accuracy, "spread": spread, "train_accuracy": train_accuracy}
    named = {"units": "step", "long_name": "first step of a steady window", "window": window}
    return found.rename("settled_step").drop_attrs().assign_attrs(**named, **asked)


def _by_stage(parts: dict[str, xr.DataArray], **attrs: object) -> xr.DataArray:
    """Times of several stages as one, with the stage as last dimension."""
    stage = xr.Variable("stage", list(parts))
    every = [part.drop_attrs(deep=False).rename("time") for part in parts.values()]
    found = xr.concat(every, stage, coords=["censored_at"], compat="equals", join="exact")
    return found.transpose(..., "stage").assign_attrs(units="step", **attrs)
