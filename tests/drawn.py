"""What the tests of pictures and reports draw."""

import json

import jax.numpy as jnp
import numpy as np
import xarray as xr

from flyroom import spec
from flyroom.models import FactoredNetwork
from flyroom.tasks import ModularArithmetic
from flyroom.training import Experiment

STEPS = np.array([0, 1, 2, 4, 8, 16, 64, 256, 1024, 4096])
P, WAVES = 23, (3, 8)


def rising(at: int) -> np.ndarray:
    """An accuracy that is one from the given step on."""
    return np.where(at <= STEPS, 1.0, 0.05)


def four_runs() -> xr.Dataset:
    """Four runs: one groks, one never does, one diverged, one is still waiting."""
    never, waiting = rising(10**9), np.full(len(STEPS), np.nan)
    short = np.where(STEPS <= 64, rising(16), np.nan)
    train = [rising(16), rising(64), short, waiting]
    test = [rising(1024), never, np.where(STEPS <= 64, 0.05, np.nan), waiting]
    curves = {"train_accuracy": train, "test_accuracy": test}
    curves |= {
        "train_loss": [3 * (1.0001 - t) for t in train],
        "test_loss": [3 * (1.01 - t) for t in test],
    }
    experiment = Experiment(ModularArithmetic(p=P), steps=4096)
    return xr.Dataset(
        {
            k: (("run", "step"), np.asarray(v, np.float32), {"units": "nat"})
            for k, v in curves.items()
        },
        {
            "run": np.arange(4),
            "step": STEPS,
            "seed": ("run", [7, 8, 9, 10]),
            "optimizer.weight_decay": ("run", [1.0, 1.0, 0.3, 0.3]),
            "program": ("run", np.zeros(4, int)),
        },
        {
            "title": "flyroom runs",
            "spec": json.dumps(spec.to_dict(experiment)),
            "over": json.dumps([{"seed": [7, 8, 9, 10]}]),
            "provenance": json.dumps({"flyroom": "0.1.0", "revision": "abc123"}),
        },
    ).assign(status=("run", np.array([2, 2, 4, 0], np.int8)))


def two_networks() -> tuple[FactoredNetwork, FactoredNetwork]:
    """A network of noise, and one of waves with two dead neurons, in a shuffled order."""
    tokens, phases = np.arange(P)[:, None], 2 * np.pi * np.arange(5) / 5
    into = [np.cos(2 * np.pi * k / P * tokens - phases) for k in WAVES]
    out = [np.cos(2 * np.pi * k / P * tokens - 2 * phases) for k in WAVES]
    order = np.random.default_rng(0).permutation(12)
    draw = np.random.default_rng(1).normal(size=(2, P, 12))
    dead = np.zeros((P, 2))

    def network(w_in: np.ndarray, w_out: np.ndarray) -> FactoredNetwork:
        whole = [jnp.asarray(w, jnp.float32) for w in (w_in, w_out.T)]
        return FactoredNetwork(None, None, None, None, whole[0], whole[1])

    last = [np.concatenate([*w, dead], axis=1)[:, order] for w in (into, out)]
    return network(draw[0], draw[1]), network(last[0], last[1])
