"""What a run's loss does on its way."""

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from ..models import AbstractNetwork
from ..training import Context, snapshot


def loss_spikes(
    runs: xr.Dataset, *, factor: float = 10.0, window: int = 9, memorised: float = 1.0
) -> xr.DataArray:
    """How often the training loss leaps up after everything was remembered: slingshots.

    A record counts whose loss is so many times the median of the records before it; a leap that
    goes on is one.

    Args:
        runs: results with `train_loss` and `train_accuracy`.
        factor: how many times.
        window: over how many records before it the median is taken.
        memorised: the training accuracy from which on leaps count.

    Returns:
        Counts over `run`.

    Example:
        >>> loss = [[1.0, 1e-3, 1e-3, 1e-3, 0.5, 0.4, 1e-3, 1e-3]]
        >>> accuracy = [[0.1, 1, 1, 1, 1, 1, 1, 1]]
        >>> curves = {
        ...     "train_loss": (("run", "step"), loss),
        ...     "train_accuracy": (("run", "step"), accuracy),
        ... }
        >>> loss_spikes(xr.Dataset(curves, {"step": range(8)}), window=3).item()
        1

    Source: Thilak et al. 2022, arXiv:2206.04817; the rule: ours.
    """
    curves = (runs.train_loss, runs.train_accuracy)
    loss, accuracy = (c.transpose("run", "step").values.astype(np.float64) for c in curves)
    counts = np.zeros(len(loss), int)
    for run, (values, right) in enumerate(zip(loss, accuracy, strict=True)):
        known = values[np.isfinite(values)]
        remembered = right[np.isfinite(values)] >= memorised
        if len(known) <= window or not remembered.any():
            continue
        before = np.lib.stride_tricks.sliding_window_view(known[:-1], window)
        high = known[window:] > factor * np.median(before, axis=1)
        high &= np.maximum.accumulate(remembered)[window - 1 : -1]
        counts[run] = np.count_nonzero(np.diff(high.astype(int), prepend=0) > 0)
    coords = {name: c for name, c in runs.coords.items() if c.dims == ("run",)}
    attrs = {"units": "1", "factor": factor, "window": window, "memorised": memorised}
    return xr.DataArray(counts, coords, ("run",), "loss_spikes", attrs)


def loss_oscillation(runs: xr.Dataset, *, steps: int = 400) -> xr.Dataset:
    r"""How much the training loss goes to and fro at the beginning.

    `energy` \(\sum_{f \ne 0} |\hat L_f|^2\), and Hjorth's `activity` \(\mathrm{Var}(L)\),
    `mobility` \(\sqrt{\mathrm{Var}(L') / \mathrm{Var}(L)}\) and `complexity`, which is the
    mobility of \(L'\) as part of that of \(L\).

    Args:
        runs: results with `train_loss`, recorded at every step.
        steps: how many are looked at.

    Raises:
        ValueError: not every one of these steps has a record.

    Returns:
        The four, over `run`.

    Example:
        >>> loss = 1 + np.sin(2 * np.pi * np.arange(400) / 100)[None]
        >>> runs = xr.Dataset({"train_loss": (("run", "step"), loss)}, {"step": np.arange(400)})
        >>> print(loss_oscillation(runs).mobility.item().__round__(4))
        0.0627

    Source: Notsawo et al. 2023, arXiv:2306.13253.
    """
    known = runs.train_loss.transpose("run", "step").sel(step=runs.step < steps)
    values = known.values.astype(np.float64)
    if values.shape[1] < steps or not np.isfinite(values).all():
        raise ValueError(
            f"loss_oscillation: {values.shape[1]} of the first {steps} steps have a record; it "
            f"needs all: record with Schedule(at=tuple(range({steps}))), or give fewer steps."
        )
    energy = (np.abs(np.fft.fft(values, axis=1)[:, 1:]) ** 2).sum(1)
    slope = np.diff(values, axis=1)
    mobility = _mobility(values)
    coords = {name: c for name, c in runs.coords.items() if c.dims == ("run",)}
    found = {
        "energy": energy,
        "activity": values.var(1),
        "mobility": mobility,
        "complexity": _mobility(slope) / np.where(mobility > 0, mobility, np.nan),
    }
    return xr.Dataset({k: ("run", v) for k, v in found.items()}, coords, {"steps": steps})


def _mobility(values: np.ndarray) -> np.ndarray:
    variance = values.var(1)
    return np.sqrt(np.diff(values, axis=1).var(1) / np.where(variance > 0, variance, np.nan))


@snapshot(within=(0.0, 1.0))
def softmax_collapse(network: AbstractNetwork, context: Context) -> Float[Array, ""]:
    """Share of training examples whose loss is exactly zero, as a plain softmax rounds it.

    Source: Prieto et al. 2025, arXiv:2501.04697.
    """
    rows = context.train
    logits = network.table(rows.inputs)
    labels = jnp.asarray(rows.labels)[:, None]
    right = jnp.take_along_axis(jax.nn.log_softmax(logits), labels, 1)[:, 0]
    return jnp.sum(jnp.where(right == 0, rows.weights, 0)) / jnp.sum(rows.weights)
