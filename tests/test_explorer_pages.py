"""What the explorer's pages are told of where runs began and of how far they got."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import flyroom as fr
from flyroom.explorer._start import starts_of
from helpers import modular, parity
from test_explorer import trained, unpack

pytestmark = pytest.mark.slow

KEPT = {"keep": fr.Schedule(per_octave=1)}


def told(runs: xr.Dataset, run: int = 0) -> dict[str, Any]:
    return unpack(fr.explorer.bundle(runs))["runs"][run]


def loss_of(start: dict[str, Any], side: str) -> float:
    """The loss of what a page is told, by the plain formula."""
    weights, form = start["weights"], start["form"]
    shape = (form["inputs"], form["neurons"])
    embed, into, out = weights["embed"], weights["into"], weights["out"]
    table = embed @ into.T if form["rank"] else into.reshape(shape)
    output = out @ embed.T if form["rank"] else out
    examples = start[side]
    parts = np.split(examples["rows"], examples["starts"][1:-1])
    heard = np.stack([table[rows].sum(0) for rows in parts])
    logits = np.maximum(heard, 0) @ output
    if form["outputs"] == 1:
        loss: Any = fr.losses.Logistic()
    else:
        loss = fr.losses.CrossEntropy(class_mean=start["rules"]["mean_over_classes"])
    losses = jax.vmap(loss)(jnp.asarray(logits), jnp.asarray(examples["labels"], jnp.int32))
    return float(losses.mean())


LOGISTIC = {
    "model": fr.models.MLP(widths=(10,), bias=False),
    "optimizer": fr.optim.AdamW(),
    "loss": fr.losses.Logistic(),
    "batch_size": None,
}
WHOLE = fr.models.FactoredMLP(width=6, input="collapsed", output="collapsed", shared=False)


@pytest.mark.parametrize(
    "experiment",
    [
        modular(**KEPT),
        modular(**KEPT, model=WHOLE),
        modular(**KEPT, model=fr.models.MLP(widths=(6,), bias=False)),
        parity(**KEPT, **LOGISTIC, **{"task.encoding": "bits"}),
    ],
    ids=["factored", "collapsed", "perceptron", "bits"],
)
def test_a_page_is_told_what_a_run_began_with(tmp_path: Path, experiment: fr.Experiment):
    runs = trained(tmp_path, experiment, seed=[5])
    start = told(runs)["start"]
    for side in ("train", "test"):
        expected = runs[f"{side}_loss"].values[0, 0]
        assert loss_of(start, side) == pytest.approx(expected, rel=1e-5), side
    optimizer: Any = experiment.optimizer
    assert start["rules"]["learning_rate"] == float(optimizer.learning_rate)
    assert start["tokens"] == (experiment.task.signature.tokens or 0)


@pytest.mark.parametrize(
    ("experiment", "words"),
    [
        (modular(**KEPT, model=fr.models.MLP(widths=(6,))), "without biases"),
        (modular(**KEPT, model=fr.models.LSTM(width=4)), "one hidden layer"),
        (modular(**KEPT, optimizer=fr.optim.AdamW(warmup=5)), "without warm-up"),
        (modular(**KEPT, loss=fr.losses.Squared()), "Squared"),
        (modular(**KEPT, model=fr.models.FactoredMLP(width=6, tied=False)), "both of whose"),
        (parity(**KEPT), "all examples at every step"),
        (parity(**KEPT, **LOGISTIC), "0 or 1"),
    ],
)  # fmt: skip
def test_what_a_page_cannot_train_it_says(tmp_path: Path, experiment: fr.Experiment, words: str):
    assert words in told(trained(tmp_path, experiment))["start"]["why"]


def test_beginnings_keep_to_their_room(tmp_path: Path):
    runs = trained(tmp_path, modular(**KEPT), seed=range(3))
    one = sum(value.nbytes for value in told(runs)["start"]["weights"].values())
    starts = starts_of(runs, 2 * one)
    assert ["why" in starts[run] for run in range(3)] == [False, True, True]
    assert "no room" in starts[2]["why"]
    assert "no room" in unpack(fr.explorer.bundle(runs, limit=0))["runs"][0]["start"]["why"]


def test_moments_are_those_of_the_measures(tmp_path: Path):
    experiment = modular(**KEPT, steps=600, **{"task.p": 11, "model.width": 24})
    decays = {"optimizer.weight_decay": [0.0, 3.0], "optimizer.learning_rate": [0.0, 0.01]}
    runs = trained(tmp_path, experiment, **decays)
    memorized = fr.measures.memorization_step(runs).values
    generalized = fr.measures.generalization_step(runs).values
    stages = fr.measures.circuit_stages(runs).sel(stage="cleanup").values
    assert np.isnan(memorized).any()
    assert not np.isnan(memorized).all()
    for run in range(runs.sizes["run"]):
        moments = told(runs, run)["moments"]
        for name, time in (
            ("memorized", memorized), ("generalized", generalized), ("cleanup", stages)
        ):  # fmt: skip
            found = moments["steps"][name]
            assert found is None if np.isnan(time[run]) else found == time[run]
        assert moments["seen"] == 600
        assert moments["task"] == {"kind": "addition", "p": 11}


def test_what_was_not_recorded_is_no_moment(tmp_path: Path):
    power = (fr.measures.neuron_power_share,)
    moments = told(trained(tmp_path, modular(record=power)))["moments"]
    assert moments["steps"] == {}
    other = told(trained(tmp_path / "b", modular(**{"task.operation": "a * b"})))["moments"]
    assert other["task"] == {"kind": "other"}
    bits = told(trained(tmp_path / "c", parity()))["moments"]
    assert bits["task"] == {"kind": "parity", "n": 8, "k": 2}
    machine = fr.Machine(devices=1, slots=1, keep_bytes=0.0, progress=False)
    bare = fr.train(modular(), store=tmp_path / "d.zarr", machine=machine)
    assert told(bare)["moments"]["task"] == {"kind": "other"}
    assert "keep_bytes" in told(bare)["start"]["why"]
