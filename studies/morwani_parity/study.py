"""Does a network with weights that cost something compute a parity with the largest margin?"""

import dataclasses
import itertools
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax

import flyroom as fr
from flyroom.measures import largest_parity_margin, normalized_margin
from flyroom.studies import Finding, Study, Sweep, mean

N, K = 10, 4
STRENGTH = 1e-4


def grouped_decay(learning_rate: float, strength: float) -> optax.GradientTransformation:
    """Adam on the loss and the grouped norm: for each neuron its norm to the power `K + 1`."""

    def pulled(updates: Any, params: Any) -> Any:
        squares = (params.first**2).sum(0) + (params.weights[0] ** 2).sum(1)
        force = (K + 1) * strength * squares ** ((K - 1) / 2)
        return dataclasses.replace(
            updates,
            first=updates.first + force * params.first,
            weights=(updates.weights[0] + force[:, None] * params.weights[0],),
        )

    return optax.chain(optax.stateless(pulled), optax.adam(learning_rate))


experiment = fr.Experiment(
    # All strings of ten bits but four, which are asked for afterwards.
    task=fr.tasks.SparseParity(n=N, k=K, train_count=2**N - 4, test_count=4),
    model=fr.models.MLP(widths=(40,), activation=fr.models.monomial(K), bias=False),
    optimizer=fr.optim.Optax(grouped_decay, {"learning_rate": 1e-2, "strength": STRENGTH}),
    steps=10_000,
)
study = Study(
    name="morwani_parity",
    question=(
        "Does a network of quartic neurons, trained with a penalty on its grouped norm, compute a "
        "parity with the largest margin that there can be?"
    ),
    source="Morwani et al. 2023, arXiv:2311.07568; the training is ours",
    sweeps={
        "quick": {"seeds": Sweep(experiment, {"seed": range(5)})},
        "full": {"seeds": Sweep(experiment, {"seed": range(30)})},
    },
)


def margin(network: Any) -> float:
    """The grouped margin over all strings."""
    strings = experiment.task.examples(np.array(list(itertools.product((0, 1), repeat=N))))
    logits = np.asarray(network.table(jnp.asarray(strings.inputs)))
    return normalized_margin(logits, strings.labels, network, degree=K + 1, grouped=True)


def networks(data) -> list[Any]:
    runs = data["seeds"]
    return [fr.network(runs, run) for run in runs.run.values.tolist()]


@study.claim(
    "MO2-exists",
    "grouped margin of the constructed network of 2^(k - 1) neurons",
    "0.6072",
    "theorem; constructed, not trained",
    band=(0.6071, 0.6073),
)
def exists(data):
    del data  # what is constructed needs no runs
    one = fr.models.constructed.parity_monomials(N, K)
    # Two outputs of opposite signs; a neuron's weights out are as large as those from one input.
    out = np.sign(np.asarray(one.weights[0])) / 2**0.5
    both = (jnp.asarray(np.concatenate([-out, out], axis=1)),)
    return Finding(margin(dataclasses.replace(one, weights=both)), None, 1)


@study.claim(
    "MO2-margin",
    "grouped margin of trained networks as part of the largest, mean over seeds",
    "tends to 1 as the penalty vanishes",
    "theorem; our band",
    band=(0.9, 1.0),
    needs=3,
)
def reached(data):
    found = [margin(network) / largest_parity_margin(K) for network in networks(data)]
    return mean(found, note=f"{min(found):.3f} to {max(found):.3f}, with a penalty of {STRENGTH:g}")


@study.claim(
    "MO2-relevant",
    "share of the first layer's squared weights that is on the relevant bits, mean over seeds",
    "1: neurons of the largest margin read nothing else",
    "theorem; our band",
    band=(0.99, 1.0),
    needs=3,
)
def on_the_relevant(data):
    firsts = [np.asarray(network.first) for network in networks(data)]
    return mean([(first[:K] ** 2).sum() / (first**2).sum() for first in firsts])


@study.claim(
    "MO2-equal",
    "smallest relevant weight of a neuron as part of its largest, mean over the neurons of more "
    "than a tenth of the largest norm and over seeds",
    "1: all relevant bits are read with the same strength",
    "theorem; our band",
    band=(0.9, 1.0),
    needs=3,
)
def equal(data):
    found = []
    for network in networks(data):
        relevant = np.abs(np.asarray(network.first)[:K])
        norms = np.linalg.norm(relevant, axis=0)
        large = relevant[:, norms > 0.1 * norms.max()]
        found.append((large.min(0) / large.max(0)).mean())
    return mean(found)
