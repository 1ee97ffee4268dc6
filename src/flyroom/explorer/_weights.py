"""What the explorer is told of the networks that a store has kept."""

import math
from collections import defaultdict
from types import SimpleNamespace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Float

from .. import measures, results
from ..models import FactoredNetwork, TransformerNetwork
from ..results import Kept, StoreError
from ..spec import SpecError
from ..tasks import AbstractTask
from ._formula import NoFormula, first_layer, formula, heard
from ._forward import forward, none
from ._kept import ENDS, is_finite, spread

SHARE = 0.85  # of a neuron's power that its frequency has to hold, as in all pictures

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
    "so far the explorer shows perceptrons and transformers."
)


class Size(NamedTuple):
    """How many bytes of a page the networks of a run take: each of them, and what comes once."""

    each: int
    once: int


def networks_of(runs: xr.Dataset, room: int) -> dict[int, dict[str, Any]]:
    """Of each run the networks that have room in so many bytes, or why there are none."""
    told = dict.fromkeys(runs.run.values.tolist(), none(NOT_KEPT))
    try:
        kept = results.kept_steps(runs)
        last = list(results.networks(runs.sel(run=list(kept))))
        flat = [one for one in last if _is_shown(one.network)]
        sizes = [_size(one.network) for one in flat]
        largest = Size(*map(max, zip(*sizes, strict=True))) if sizes else Size(1, 0)
        shown = _chosen({run: kept[run] for run in sorted(one.run for one in flat)}, room, largest)
        found: defaultdict[int, list[Kept]] = defaultdict(list)
        wanted = {step for steps in shown.values() for step in steps}
        for one in results.networks(runs.sel(run=list(shown)), wanted):
            if one.step in shown[one.run] and is_finite(one.network):
                found[one.run].append(one._replace(network=_collapsed(one.network)))
    except (StoreError, SpecError) as error:
        return dict.fromkeys(told, none(f"The weights cannot be read here: {error}"))
    for one in last:
        told[one.run] = none(NO_ROOM if _is_shown(one.network) else NO_TABLES)
    for run, steps in shown.items():
        told[run] = none(DIVERGED)
        if networks := sorted(found[run], key=lambda one: one.step):
            left_out = len(kept[run]) - len(steps)
            told[run] = {**_told(runs, run, networks), "left_out": left_out}
    return told


def _is_shown(network: Any) -> bool:
    return measures.has_tables(network) or isinstance(network, TransformerNetwork)


def _collapsed(network: Any) -> Any:
    """The same network, whose factors, if it has any, are multiplied once for all looks."""
    if not isinstance(network, FactoredNetwork):
        return network
    w_in, w_out = (jnp.asarray(matrix) for matrix in network.collapsed())
    return FactoredNetwork(
        *(None,) * 4, whole_in=w_in, whole_out=w_out, activation=network.activation
    )


def _size(network: Any) -> Size:
    """How much of a page one network takes at most, and its ideal construction."""
    matrices = [
        _read(network, None),
        None if _is_attending(network) else measures.output_matrix(network),
    ]
    size = sum(matrix.size for matrix in matrices if matrix is not None) * 4
    try:
        tree = formula(network, 1)
    except NoFormula:
        return Size(size, 0)
    # Of a perceptron the two matrices are in the formula as well, and equal arrays are sent once.
    whole = sum(array.nbytes for array in jax.tree.leaves(tree))
    if "attention" in tree:
        return Size(size + whole, 0)
    _, tokens, neurons = tree["tables"].shape
    return Size(whole, 4 * neurons * (2 * tokens + 1 + tree["layers"][-1]["weights"].shape[1]))


def _chosen(kept: dict[int, list[int]], room: int, size: Size) -> dict[int, list[int]]:
    """Steps of as many runs as can have two, spread evenly over those that each was kept at."""
    count = min(len(kept), max(0, room) // (ENDS * size.each + size.once))
    runs = list(kept)[:count]
    return {run: spread(kept[run], (room // count - size.once) // size.each) for run in runs}


def _is_attending(network: Any) -> bool:
    return isinstance(network, TransformerNetwork)


def _read(network: Any, task: AbstractTask | None) -> Float[np.ndarray, "table token column"]:
    """What each token is to the network: to its neurons, or to the channels of its residual."""
    if not isinstance(network, TransformerNetwork):
        return first_layer(network, task)
    first, last = network.residues
    return np.asarray(network.embed[None, first:last], np.float32)


def _told(runs: xr.Dataset, run: int, kept: list[Kept]) -> dict[str, Any]:
    """The matrices of one run's networks, and what is known of them."""
    last = kept[-1].network
    experiment = results.experiment_of(runs, run, recording=False)
    computed = forward(experiment, kept)
    reads = measures.has_tables(last) and measures.reads_tokens(last)
    told: dict[str, Any] = {
        "steps": np.array([one.step for one in kept], np.int32),
        "w_in": np.stack([_read(one.network, experiment.task) for one in kept]),
        "w_out": _written(kept, computed),
        "channels": _is_attending(last),
        "tokens": _is_attending(last) or reads,
    }
    if not told["tokens"]:
        size = np.linalg.norm(told["w_in"][-1], axis=(0, 1))
        return told | {"order": np.argsort(-size).astype(np.int32), "forward": computed}
    power = [measures.neuron_power(table).sum("neuron") for table in told["w_in"]]
    circles = [measures.embedding_circles(tables[0]) for tables in told["w_in"]]
    told |= {
        "power": np.stack([one.values for one in power]).astype(np.float32),
        "roundness": np.stack([one.roundness.values for one in circles]).astype(np.float32),
    }
    if _is_attending(last):
        told |= _attending(kept, computed)
    else:
        found = [measures.neuron_frequencies(tables, share=SHARE) for tables in told["w_in"]]
        told |= {
            "order": measures.wave_order(found[-1]).astype(np.int32),
            "frequency": np.stack([one.frequency.values for one in found]).astype(np.int32),
        }
        if told["w_in"].shape[1] == 1 and _answers_directly(computed):
            told["doubling"] = _doubling(told["w_in"], told["w_out"])
    return told | {"share": SHARE, "forward": computed}


def _doubling(w_in: np.ndarray, w_out: np.ndarray) -> np.ndarray:
    """How well phases of the output are twice those of the input, at every step."""
    tokens = w_in.shape[2]
    networks = (
        SimpleNamespace(w_in=into, w_out=out[:, :tokens])
        for into, out in zip(w_in, w_out, strict=True)
    )
    return np.array([measures.phase_doubling(one, share=SHARE) for one in networks], np.float32)


def _answers_directly(computed: dict[str, Any]) -> bool:
    """Whether what neurons of the first layer write are logits."""
    return "network" in computed and len(computed["network"]["layers"]) == 1


def _written(kept: list[Kept], computed: dict[str, Any]) -> np.ndarray | None:
    """What each neuron of the first layer writes, at every step."""
    if "network" in computed:
        return computed["network"]["layers"][0]["weights"]
    if _is_attending(kept[-1].network):
        return None
    out = [measures.output_matrix(one.network) for one in kept]
    return None if out[0] is None else np.stack([np.asarray(w, np.float32) for w in out])


def _attending(kept: list[Kept], computed: dict[str, Any]) -> dict[str, Any]:
    """The frequencies of a transformer's neurons, by what they do with all pairs, and their order.

    Neurons that cannot be computed are not shown either: then there are none to be ordered.
    """
    if "network" not in computed:
        return {"order": np.arange(0, dtype=np.int32)}
    p = math.isqrt(len(computed["inputs"]))
    inputs, found = computed["inputs"].astype(np.int64), []
    _, neurons, _ = computed["network"]["layers"][0]["weights"].shape
    if p * p != len(inputs):
        return {"order": np.arange(neurons, dtype=np.int32)}
    for i, one in enumerate(kept):
        tree, network = jax.tree.map(lambda each, i=i: each[i], computed["network"]), one.network
        assert isinstance(network, TransformerNetwork)
        hears = jnp.asarray(heard(tree, network, inputs)[:, :neurons])
        hidden = network.activation(hears)
        by_pair = np.asarray(hidden).reshape(p, p, neurons)
        found.append(measures.activation_frequencies(by_pair, share=SHARE))
    written = measures.neuron_frequencies(computed["network"]["layers"][0]["weights"][-1].T)
    last = found[-1].rename(share="power_share").assign(phase=written.phase)
    return {
        "order": measures.wave_order(last).astype(np.int32),
        "frequency": np.stack([one.frequency.values for one in found]).astype(np.int32),
    }
