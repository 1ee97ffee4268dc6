"""What is said of networks that learn the parity of a few bits."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from threadpoolctl import threadpool_limits

from .. import measures
from ..results import Kept
from ..tasks import Examples
from ..training import Context, Experiment
from ._tasks import relevant_bits

EXAMPLES = 100  # of either side, whose hidden units are shown
PERPLEXITY = 30.0
POINTS = 160  # at which the density of the weights is looked at


def parity_of(
    networks: list[Kept], experiment: Experiment, seed: int, places: int
) -> dict[str, Any]:
    """Which bits the weights come from, how they are spread, and where hidden units lie.

    Args:
        networks: of one run.
        experiment: that of the run.
        seed: of its split.
        places: of how many networks hidden units are laid out by t-SNE, which takes a second each.
    """
    split = experiment.task.split(seed)
    train, test = (_some(rows) for rows in (split.train, split.test))
    asked = [jax.tree.map(jnp.asarray, rows) for rows in (train, test)]
    context = Context(train=asked[0], test=asked[1], loss=experiment.loss)
    inputs = np.concatenate([train.inputs, test.inputs])
    told: dict[str, list[Any]] = {
        name: [] for name in ("mass", "spectral_norm", "weight", "density", "score", "share")
    }
    hidden = []
    for one in networks:
        network = jax.tree.map(jnp.asarray, one.network)
        hidden.append(_hidden(network, inputs))
        parts = measures.principal_components(hidden[-1], 2)
        density = measures.weight_density(network, points=POINTS)
        told["mass"].append(measures.input_mass(network, context))
        told["spectral_norm"].append(measures.spectral_norm(network, context))
        told["weight"].append(density.weight.values)
        told["density"].append(density.values)
        told["score"].append(parts.score.values)
        told["share"].append(parts.share.values)
    laid_out = np.unique(np.linspace(len(networks) - 1, 0, places).round().astype(int))
    with threadpool_limits(1):  # its threads wait for each other far longer than they compute
        found = [measures.t_sne(hidden[i], perplexity=_perplexity(inputs)) for i in laid_out]
    steps = np.array([one.step for one in networks], np.int32)
    return {
        "steps": steps,
        "relevant": relevant_bits(experiment.task),
        **{name: np.stack(values).astype(np.float32) for name, values in told.items()},
        "labels": np.concatenate([train.labels, test.labels]).astype(np.uint8),
        "trained": (np.arange(len(inputs)) < len(train.labels)).astype(np.uint8),
        "t_sne": np.stack([one.values for one in found]).astype(np.float32),
        "t_sne_steps": steps[laid_out],
    }


def _some(rows: Examples) -> Examples:
    return jax.tree.map(lambda values: np.asarray(values)[:EXAMPLES], rows)


def _perplexity(inputs: np.ndarray) -> float:
    return min(PERPLEXITY, (len(inputs) - 1) / 3)


def _hidden(network: Any, inputs: np.ndarray) -> np.ndarray:
    """The last hidden layer of units, which the answer is read from."""
    seen = jax.vmap(network.activations)(jnp.asarray(inputs))
    name = [one for one in seen if one.startswith("hidden")][-1]
    return np.asarray(seen[name], np.float64).reshape(len(inputs), -1)
