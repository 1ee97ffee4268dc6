"""Where runs began, so that a page can train the same network again."""

from typing import Any

import numpy as np
import xarray as xr

from .. import results
from ..losses import CrossEntropy, Logistic
from ..models import FactoredNetwork, MLPNetwork, relu
from ..optim import Adam, AdamW
from ..results import StoreError
from ..spec import SpecError
from ..tasks import AbstractTask, Examples
from ..training import Experiment
from ._tasks import asks_too_much, clean, seed_of

NO_ROOM = "Its first weights had no room in this page. Export this run alone."
NO_START = (
    "The weights that it began with were not kept: all that were to be kept would have taken more "
    "than the keep_bytes of fr.Machine."
)
OTHER_MODEL = (
    "The page trains networks of one hidden layer of ReLU without biases: an MLP, or a FactoredMLP "
    "both of whose matrices are factored or neither."
)


def starts_of(runs: xr.Dataset, room: int) -> dict[int, dict[str, Any]]:
    """Of each run its first weights, its examples and its rules, or why they are not here."""
    told = _none(runs, NO_START)
    try:
        kept = results.kept_steps(runs)
    except StoreError as error:
        return _none(runs, f"Its weights cannot be read here: {error}")
    for run in [run for run in told if 0 in kept.get(run, ())]:
        if room >= 0:  # of the next ones not even the weights are read
            told[run] = _start_of(runs, run)
            room -= bytes_of(told[run])
        if room < 0:
            told[run] = {"why": NO_ROOM}
    return told


def _none(runs: xr.Dataset, why: str) -> dict[int, dict[str, Any]]:
    return {run: {"why": why} for run in runs.run.values.tolist()}


def _start_of(runs: xr.Dataset, run: int) -> dict[str, Any]:
    try:
        experiment = results.experiment_of(runs, run, recording=False)
        network: Any = results.network(runs, run, 0)
    except (StoreError, SpecError) as error:
        return {"why": f"What it began with cannot be read here: {error}"}
    rules = _rules(experiment)
    weights = _weights(network)
    if isinstance(rules, str) or weights is None:
        return {"why": rules if isinstance(rules, str) else OTHER_MODEL}
    if asks_too_much(clean(experiment.task)):
        return {"why": "There are more questions than the page trains on."}
    split = experiment.task.split(seed_of(experiment))
    tables = weights["form"]["inputs"] // (experiment.task.signature.tokens or 1)
    sides = [_rows(side, experiment.task, tables) for side in (split.train, split.test)]
    if any(side is None for side in sides):
        return {"why": "The page reads tokens, or features that are 0 or 1; these are others."}
    train, test = sides
    tokens = experiment.task.signature.tokens
    return {"tokens": tokens or 0, **weights, "rules": rules, "train": train, "test": test}


def _rules(experiment: Experiment) -> dict[str, Any] | str:
    """How a run learns, or what of it the page does not do."""
    optimizer, loss = experiment.optimizer, experiment.loss
    if experiment.batch_size is not None or experiment.events:
        return "The page trains on all examples at every step, and knows no events."
    if not isinstance(loss, CrossEntropy | Logistic):
        return f"Its loss, {type(loss).__name__}, is not one that the page can train with."
    if isinstance(optimizer, AdamW) and not float(optimizer.warmup):
        penalty = "decoupled"
    elif isinstance(optimizer, Adam):
        penalty = optimizer.penalty
    else:
        return "The page trains with Adam and AdamW, without warm-up."
    names = ("learning_rate", "weight_decay", "b1", "b2", "eps")
    return {
        **{name: float(getattr(optimizer, name)) for name in names},
        "penalty": penalty,
        "mean_over_classes": isinstance(loss, CrossEntropy) and loss.class_mean,
    }


def _weights(network: Any) -> dict[str, Any] | None:
    """The matrices in the form in which the page trains them, if it can."""
    none = np.zeros(0, np.float32)
    if isinstance(network, FactoredNetwork) and network.activation is relu:
        embed, into, out = network.embed, network.into, network.out
        untied = network.unembed is not None
        if network.whole_in is not None and network.whole_out is not None:
            found = (none, _flat(network.whole_in), network.whole_out)
        elif embed is None or into is None or out is None or untied or into.ndim != 2:
            return None
        else:
            found = (embed, into.T, out)
        w_in, w_out = network.collapsed()
        shape = (*_flat(w_in).shape, w_out.shape[1])
    elif isinstance(network, MLPNetwork) and network.activation is relu:
        more = [*network.biases, *network.norms, *network.weights[1:], network.dropout]
        if any(part is not None for part in more):
            return None
        found = (none, _flat(network.first), network.weights[0])
        shape = (*found[1].shape, found[2].shape[1])
    else:
        return None
    names = ("embed", "into", "out")
    matrices = {n: np.asarray(w, np.float32) for n, w in zip(names, found, strict=True)}
    sizes = dict(zip(("inputs", "neurons", "outputs"), shape, strict=True))
    rank = matrices["embed"].shape[1] if matrices["embed"].size else 0
    return {"form": sizes | {"rank": rank}, "weights": matrices}


def _flat(tables: Any) -> np.ndarray:
    """One table below the other."""
    return np.asarray(tables).reshape(-1, np.shape(tables)[-1])


def _rows(side: Examples, task: AbstractTask, tables: int) -> dict[str, np.ndarray] | None:
    """Which rows of the table each example adds up: its tokens, or the features that are 1."""
    inputs = np.asarray(side.inputs)
    signature = task.signature
    if signature.tokens is not None:
        ones = inputs + signature.tokens * (np.arange(inputs.shape[1]) % tables)
        counts = np.full(len(inputs), inputs.shape[1])
    elif inputs.ndim == 2 and np.isin(inputs, (0, 1)).all():
        ones = np.nonzero(inputs)[1]
        counts = inputs.sum(1).astype(int)
    else:
        return None
    return {
        "rows": ones.ravel().astype(np.uint16),
        "starts": np.concatenate([[0], np.cumsum(counts)]).astype(np.int32),
        "labels": np.asarray(side.labels).astype(np.uint16),
    }


def bytes_of(value: Any) -> int:
    """How much of a page the arrays of a tree take."""
    if isinstance(value, dict):
        return sum(bytes_of(part) for part in value.values())
    return value.nbytes if isinstance(value, np.ndarray) else 0
