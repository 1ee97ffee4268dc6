"""What the explorer is told of the networks that a store has kept."""

from collections import defaultdict
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import UInt8

from .. import measures, results, spec
from ..losses import CrossEntropy, NaiveCrossEntropy, Squared
from ..results import Kept, StoreError
from ..spec import SpecError
from ..tasks import AbstractTable
from ..training import Experiment

SHARE = 0.85  # of a neuron's power that its frequency has to hold, as in all pictures
ASKED = 64  # questions on which the plain formula is held against the network itself
MOST = 2**15  # questions that a page asks
ENDS = 2  # the first network of a run and its last

NOT_KEPT = (
    "No weights of this run were kept. Train with keep=fr.Schedule(per_octave=8) to have them "
    "through training."
)
NO_ROOM = (
    "The weights of this run had no room in this page. Export fewer runs: "
    "flyroom export STORE page.html --run N."
)
DIVERGED = "The weights that were kept of this run are not numbers: it diverged."
NO_TABLES = (
    "This network has no first layer of neurons on its inputs, whose weights could be shown: "
    "so far the explorer shows perceptrons."
)


def networks_of(runs: xr.Dataset, room: int) -> dict[int, dict[str, Any]]:
    """Of each run the networks that have room in so many bytes, or why there are none."""
    told = dict.fromkeys(runs.run.values.tolist(), _none(NOT_KEPT))
    try:
        kept = results.kept_steps(runs)
        last = list(results.networks(runs.sel(run=list(kept))))
        flat = [one for one in last if measures.has_tables(one.network)]
        rows = max(0, room) // max((_bytes(one.network) for one in flat), default=1)
        shown = _chosen({run: kept[run] for run in sorted(one.run for one in flat)}, rows)
        found: defaultdict[int, list[Kept]] = defaultdict(list)
        wanted = {step for steps in shown.values() for step in steps}
        for one in results.networks(runs.sel(run=list(shown)), wanted):
            if one.step in shown[one.run] and _finite(one.network):
                found[one.run].append(one)
    except (StoreError, SpecError) as error:
        return dict.fromkeys(told, _none(f"The weights cannot be read here: {error}"))
    for one in last:
        told[one.run] = _none(NO_ROOM if measures.has_tables(one.network) else NO_TABLES)
    for run, steps in shown.items():
        told[run] = _none(DIVERGED)
        if networks := sorted(found[run], key=lambda one: one.step):
            left_out = len(kept[run]) - len(steps)
            told[run] = {**_told(runs, run, networks), "left_out": left_out}
    return told


def _none(why: str) -> dict[str, Any]:
    return {"why": why}


def _finite(network: Any) -> bool:
    return all(np.isfinite(weights).all() for weights in jax.tree.leaves(network))


def _bytes(network: Any) -> int:
    """How much of a page one network takes."""
    matrices = (measures.input_tables(network), measures.output_matrix(network))
    return sum(matrix.size for matrix in matrices if matrix is not None) * 4


def _chosen(kept: dict[int, list[int]], rows: int) -> dict[int, list[int]]:
    """Steps of as many runs as can have two, spread evenly over those that each was kept at."""
    count = min(len(kept), rows // ENDS)
    runs = list(kept)[:count]
    return {run: _spread(kept[run], rows // count) for run in runs}


def _spread(steps: list[int], count: int) -> list[int]:
    if len(steps) <= count:
        return steps
    return [steps[i] for i in np.linspace(0, len(steps) - 1, count).round().astype(int)]


def _told(runs: xr.Dataset, run: int, kept: list[Kept]) -> dict[str, Any]:
    """The matrices of one run's networks, and what is known of them."""
    last = kept[-1].network
    tables = [measures.input_tables(one.network) for one in kept]
    out = [measures.output_matrix(one.network) for one in kept]
    told: dict[str, Any] = {
        "steps": np.array([one.step for one in kept], np.int32),
        "w_in": np.stack([np.asarray(table, np.float32) for table in tables]),
        "w_out": None if out[0] is None else np.stack([np.asarray(w, np.float32) for w in out]),
        "tokens": measures.reads_tokens(last),
    }
    if told["tokens"]:
        found = [measures.neuron_frequencies(one.network, share=SHARE) for one in kept]
        power = [measures.neuron_power(one.network).sum("neuron") for one in kept]
        told |= {
            "share": SHARE,
            "order": measures.wave_order(found[-1]).astype(np.int32),
            "frequency": np.stack([one.frequency.values for one in found]).astype(np.int32),
            "power": np.stack([one.values for one in power]).astype(np.float32),
        }
    else:
        size = np.linalg.norm(told["w_in"][-1], axis=(0, 1))
        told["order"] = np.argsort(-size).astype(np.int32)
    return told | {"forward": _forward(runs, run, last)}


def _forward(runs: xr.Dataset, run: int, network: Any) -> dict[str, Any]:
    """What the page has to know to ask a network all questions itself, or why it cannot.

    It knows one formula, activation(sum of a row of each table) times the output matrix. Whether
    that is all that a network does is not taken for granted: the formula has to give its logits.
    """
    experiment = results.experiment_of(runs, run, recording=False)
    task, loss = experiment.task, experiment.loss
    if not isinstance(task, AbstractTable):
        return _none("Its task has no table of all questions.")
    if hasattr(task, "ordered"):
        task = spec.replace(task, {"ordered": True})
    inputs, labels = task.table()
    if len(labels) > MOST:
        return _none(f"There are {len(labels):,} questions: too many to ask in a page.")
    if not isinstance(loss, CrossEntropy | NaiveCrossEntropy | Squared):
        return _none(f"Its loss, {type(loss).__name__}, is not one that the page can compute.")
    if not is_plain(network, inputs):
        return _none("It does more than its two matrices say: biases, norms or further layers.")
    return {
        "activation": network.activation.__name__,
        "loss": "squared" if isinstance(loss, Squared) else "cross-entropy",
        "mean_over_classes": isinstance(loss, Squared) or loss.class_mean,
        "inputs": inputs.astype(np.uint16),
        "labels": labels.astype(np.uint16),
        "trained": _trained(experiment, inputs),
    }


def _trained(experiment: Experiment, inputs: np.ndarray) -> UInt8[np.ndarray, "question"]:
    """Which questions a run was trained on, in either order where order makes no difference."""
    task = experiment.task
    seed = experiment.seed if experiment.split_seed is None else experiment.split_seed

    def keys(rows: np.ndarray) -> list[bytes]:
        alike = rows if getattr(task, "ordered", True) else np.sort(rows, axis=1)
        return [row.tobytes() for row in alike.astype(np.int64)]

    known = set(keys(task.split(seed).train.inputs))
    return np.array([key in known for key in keys(inputs)], np.uint8)


def is_plain(network: Any, inputs: np.ndarray) -> bool:
    """Whether the formula of the page gives a network's own logits."""
    out = measures.output_matrix(network)
    if not measures.reads_tokens(network) or out is None or not hasattr(network, "activation"):
        return False
    some = inputs[np.linspace(0, len(inputs) - 1, ASKED).round().astype(int)]
    tables = np.asarray(measures.input_tables(network))
    heard = sum(tables[i % len(tables)][some[:, i]] for i in range(some.shape[1]))
    ours = np.asarray(network.activation(jnp.asarray(heard))) @ np.asarray(out)
    theirs = np.asarray(jax.tree.map(jnp.asarray, network).table(jnp.asarray(some)))
    if ours.shape != theirs.shape:
        return False
    return bool(np.allclose(ours, theirs, rtol=1e-4, atol=1e-4 * np.abs(theirs).max()))
