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
    loss, accuracy = _curves(runs, "train_loss", "train_accuracy")
    counts = [
        len(_leaps(values, right >= memorised, factor, window))
        for values, right in zip(loss, accuracy, strict=True)
    ]
    attrs = {"units": "1", "factor": factor, "window": window, "memorised": memorised}
    return xr.DataArray(counts, _coords(runs), ("run",), "loss_spikes", attrs)


def slingshots(
    runs: xr.Dataset,
    *,
    factor: float = 10.0,
    window: int = 9,
    memorised: float = 1.0,
    growth: float = 0.01,
) -> xr.DataArray:
    r"""How many whole slingshots a run goes through: growth, leap, plateau.

    The last layer's norm grows while everything is remembered, the training loss leaps up, as
    `loss_spikes` counts it, and then the norm rests: over the `window` records before the leap it
    grows by the share `growth` or more, and over as many from `window` records after the leap on,
    by which the leap is over, by less than half as much as before. A leap near the end of the
    records, after which a plateau cannot be seen, is none.

    Args:
        runs: results with `train_loss`, `train_accuracy` and `last_layer_norm`.
        factor: as in `loss_spikes`.
        window: as in `loss_spikes`, and over how many records growth and plateau are looked at.
        memorised: as in `loss_spikes`.
        growth: of the norm before the leap, at least, as a share of it.

    Returns:
        Counts over `run`.

    Example:
        >>> loss, norm = [1e-3] * 4 + [0.5] + [1e-3] * 7, [1.0, 1.1, 1.2, 1.3, 1.4] + [1.6] * 7
        >>> curves = {"train_loss": loss, "train_accuracy": [1.0] * 12, "last_layer_norm": norm}
        >>> curves = {name: (("run", "step"), [values]) for name, values in curves.items()}
        >>> slingshots(xr.Dataset(curves, {"step": range(12)}), window=3).item()
        1

    Source: Thilak et al. 2022, arXiv:2206.04817; the rule: ours.
    """
    curves = _curves(runs, "train_loss", "train_accuracy", "last_layer_norm")
    counts = []
    for loss, accuracy, norm in zip(*curves, strict=True):
        sizes = norm[np.isfinite(loss)]
        count = 0
        for at in _leaps(loss, accuracy >= memorised, factor, window):
            rests = at + window
            if rests + window >= len(sizes):
                continue
            before = sizes[at - 1] / sizes[at - window] - 1
            after = sizes[rests + window] / sizes[rests] - 1
            count += int(before >= growth and after < before / 2)
        counts.append(count)
    attrs = {"units": "1", "factor": factor, "window": window, "growth": growth}
    return xr.DataArray(counts, _coords(runs), ("run",), "slingshots", attrs)


def _curves(runs: xr.Dataset, *names: str) -> list[np.ndarray]:
    return [runs[name].transpose("run", "step").values.astype(np.float64) for name in names]


def _coords(runs: xr.Dataset) -> dict[str, xr.DataArray]:
    return {str(name): c for name, c in runs.coords.items() if c.dims == ("run",)}


def _leaps(loss: np.ndarray, right: np.ndarray, factor: float, window: int) -> np.ndarray:
    """At which of its finite records the loss of a run begins to be that high."""
    known, remembered = loss[np.isfinite(loss)], right[np.isfinite(loss)]
    if len(known) <= window:
        return np.zeros(0, int)
    before = np.lib.stride_tricks.sliding_window_view(known[:-1], window)
    high = known[window:] > factor * np.median(before, axis=1)
    high &= np.maximum.accumulate(remembered)[window - 1 : -1]
    return window + np.flatnonzero(np.diff(high.astype(int), prepend=0) > 0)


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
    found = {
        "energy": energy,
        "activity": values.var(1),
        "mobility": mobility,
        "complexity": _mobility(slope) / np.where(mobility > 0, mobility, np.nan),
    }
    return xr.Dataset({k: ("run", v) for k, v in found.items()}, _coords(runs), {"steps": steps})


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
