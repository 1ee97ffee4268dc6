"""What is said of the networks of a run beside their weights: explanations, losses, answers."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from .. import measures, mechanisms, results
from ..mechanisms import Explanation
from ..results import Kept, StoreError
from ..spec import SpecError
from ..tasks import Corrupted, Examples
from ..training import Experiment
from ._formula import first_layer, operands, operands_of
from ._kept import ENDS, is_finite, spread
from ._parity import parity_of
from ._tasks import MOST, adds, asks_too_much, clean, relevant_bits, seed_of

MEASURED = 4  # networks that are measured for each that is explained, which takes far longer
LAID_OUT = 8  # networks whose hidden units are laid out by t-SNE, of all runs together

NOT_ASKED = (
    "Nothing was explained in this page. Write it with flyroom export STORE page.html --explained "
    "24, or explore fewer runs."
)
TOO_MANY = (
    "Its questions are too many to be asked while a page is written. In the shell: flyroom explain "
    "STORE."
)
NOT_ADDITION = (
    "Restricted and excluded loss are of addition modulo p, whose logits are waves of a + b."
)
NO_KEYS = (
    "No neuron of the last network is a wave, so there are no key frequencies to restrict the "
    "logits to, or to exclude from them."
)


def examined(runs: xr.Dataset, *, explained: int) -> dict[int, dict[str, Any]]:
    """What is told of as many runs as have two networks each, evenly spread over training.

    Args:
        runs: results.
        explained: how many networks are explained, of all runs together.
    """
    told: dict[int, dict[str, Any]] = {
        run: {"explained": {"why": NOT_ASKED}} for run in runs.run.values.tolist()
    }
    try:
        kept = results.kept_steps(runs)
        chosen = list(kept)[: explained // ENDS]
        each = explained // max(1, len(chosen))
        for run in chosen:
            told[run] = _run(runs, run, kept[run], each, max(1, LAID_OUT // len(chosen)))
    except (StoreError, SpecError) as error:
        return {run: {"explained": {"why": f"Its weights cannot be read: {error}"}} for run in told}
    return told


def _run(runs: xr.Dataset, run: int, steps: list[int], each: int, places: int) -> dict[str, Any]:
    experiment = results.experiment_of(runs, run, recording=False)
    measured = spread(steps, MEASURED * each)
    few = set(spread(measured, each))
    found = results.networks(runs.sel(run=[run]), set(measured))
    networks = sorted((one for one in found if is_finite(one.network)), key=lambda one: one.step)
    if not networks:
        return {"explained": {"why": "The weights that were kept are not numbers: it diverged."}}
    told: dict[str, Any] = {
        "explained": _explained([one for one in networks if one.step in few], experiment)
    }
    if measures.reads_tokens(networks[-1].network) and measures.has_tables(networks[-1].network):
        told["progress"] = _progress(networks, experiment)
    if isinstance(experiment.task, Corrupted):
        told["answers"] = _answers(networks, experiment)
    if relevant_bits(experiment.task) and measures.has_tables(networks[-1].network):
        told["parity"] = parity_of(networks, experiment, seed_of(experiment), places)
    return told


def _steps(networks: list[Kept]) -> np.ndarray:
    return np.array([one.step for one in networks], np.int32)


def _explained(networks: list[Kept], experiment: Experiment) -> dict[str, Any]:
    """With what each network computes, what proves it, and what else was tried."""
    if asks_too_much(clean(experiment.task)):
        return {"why": TOO_MANY}
    try:
        found = [mechanisms.explain(one.network, experiment.task) for one in networks]
    except SpecError as error:
        return {"why": str(error)}
    return {"steps": _steps(networks), "of": [_explanation(one) for one in found]}


def _explanation(found: Explanation) -> dict[str, Any]:
    return {
        **_tried(found),
        "mechanism": found.mechanism,
        "verdict": found.verdict,
        "accuracy": found.accuracy,
        "chance": found.subject.chance,
        "learned": found.learned,
        "circles": found.fit.found.get("circles", []),
        "others": [_tried(one) for one in found.others],
    }


def _tried(found: Explanation) -> dict[str, Any]:
    return {
        "kind": found.fit.kind,
        "parts": found.fit.parts,
        "holds": found.holds,
        "sufficient": found.sufficient,
        "necessary": found.necessary,
        "predictive": found.predictive,
    }


def _progress(networks: list[Kept], experiment: Experiment) -> dict[str, Any]:
    """How few frequencies the input weights have, and what the logits are without the key ones."""
    tables = [first_layer(one.network, experiment.task) for one in networks]
    keys = measures.key_frequencies(tables[-1])
    power = [measures.neuron_power(one).sum("neuron").values for one in tables]
    told: dict[str, Any] = {
        "steps": _steps(networks),
        "gini": np.array([measures.gini(np.sqrt(one)) for one in power], np.float32),
        "keys": keys,
    }
    task = clean(experiment.task)
    if not adds(experiment.task):
        return {**told, "why": NOT_ADDITION}
    if asks_too_much(task):
        return {**told, "why": TOO_MANY}
    if not keys:
        return {**told, "why": NO_KEYS}
    trained = np.zeros((task.p, task.p), bool)
    a, b = operands_of(task, task.split(seed_of(experiment)).train.inputs).T
    trained[a, b] = True
    if not task.ordered:
        trained |= trained.T
    restricted, excluded = [], []
    for one in networks:
        logits = mechanisms.Pairs.of(one.network, task).logits
        restricted.append(measures.restricted_loss(logits, keys))
        excluded.append(measures.excluded_loss(logits, keys, trained))
    losses = {"restricted": restricted, "excluded": excluded}
    return told | {name: np.array(values, np.float32) for name, values in losses.items()}


def _answers(networks: list[Kept], experiment: Experiment) -> dict[str, Any]:
    """Of every training example the label it was given, the right one, and each answer."""
    train: Examples = experiment.task.split(seed_of(experiment)).train
    if len(train.labels) > MOST:
        return {
            "why": f"There are more than {MOST:,} training examples: too many to ask in a page."
        }
    classes = experiment.task.signature.classes
    answered = []
    for one in networks:
        network = jax.tree.map(jnp.asarray, one.network)
        logits = network.table(jnp.asarray(train.inputs))
        answered.append(np.asarray(jax.vmap(experiment.loss.predict)(logits)))
    asked, pairs = operands(experiment.task), None
    if asked is not None and len(asked.positions) == 2:
        pairs = operands_of(experiment.task, train.inputs).astype(np.uint16)
    return {
        "steps": _steps(networks),
        "answers": np.stack(answered).astype(np.uint16),
        "given": train.labels.astype(np.uint16),
        "truth": train.truth.astype(np.uint16),
        "classes": int(classes),
        "pairs": pairs,
    }
