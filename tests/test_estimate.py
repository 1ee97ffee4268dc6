"""What a sweep is said to cost before it begins is what it costs."""

import dataclasses
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest
import zarr
from jaxtyping import Array, Float

import flyroom as fr
import flyroom.sweeps.estimate as module
from flyroom.results import paths
from flyroom.results.store import read_schema
from flyroom.sweeps import plan
from flyroom.sweeps.estimate import Estimate, estimate
from flyroom.training import CURVES, Context, snapshot
from helpers import MAPPED, modular

OVER = {"optimizer.weight_decay": [0.1, 1.0], "seed": range(3)}


def of(experiment: fr.Experiment, over: Any) -> Estimate:
    todo = plan(experiment, over)
    runs = [len(group.runs) for group in todo.groups]
    return estimate(todo, MAPPED.crew(max(runs)), todo.steps, runs, 0.0)


def test_operations_are_those_of_the_products():
    """Embedding times weights, and what every row writes; thrice, for there are gradients."""
    p, width, hidden, steps = 67, 500, 24, 10
    task = fr.tasks.ModularArithmetic(p=p, train_fraction=0.3)
    model = fr.models.FactoredMLP(width=hidden, embed_width=width)
    rows = len(task.split(0).train.labels)
    products = 2 * (2 * p * width * hidden) + 2 * rows * hidden * p
    found = of(fr.Experiment(task, model, steps=steps), OVER)
    assert found.flops == pytest.approx(6 * steps * 3 * products, rel=0.3)


def test_costs_are_those_of_all_runs():
    one, twice = (of(modular(steps=steps), OVER) for steps in (100, 200))
    assert twice.flops == pytest.approx(2 * one.flops)
    assert of(modular(), {"seed": range(6)}).flops == pytest.approx(of(modular(), OVER).flops)
    assert one.seconds > 0
    mixed = of(modular(), {"model.width": [6, 12], "seed": range(3)})
    assert mixed.flops > of(modular(), {"seed": range(6)}).flops


def test_programs_that_are_not_measured_cost_what_they_would():
    """Of six programs four are measured; width and number of examples both cost."""
    task = fr.tasks.SparseParity(n=30, k=3, train_count=750, test_count=100, encoding="bits")
    experiment = fr.Experiment(task, fr.models.MLP(widths=(16,)), steps=10)
    over = {"model.widths": [(16,), (64,), (256,)], "task.train_count": [750, 1750]}
    alone = [
        of(fr.spec.replace(experiment, {"model.widths": w, "task.train_count": n}), {"seed": [0]})
        for w in over["model.widths"]
        for n in over["task.train_count"]
    ]
    assert of(experiment, over).flops == pytest.approx(sum(one.flops for one in alone), rel=0.05)


def test_time_is_that_of_steps_records_and_programs(monkeypatch):
    """With costs that are known: of five programs four are measured, and one is still to begin."""
    cost = module.Cost(step=1.0, record=10.0, start=100.0, flops=1.0)
    monkeypatch.setattr(module, "_measured", lambda *_: cost)
    monkeypatch.setattr(module, "_SHARE", -1.0)
    experiment = modular(steps=8)
    over = {"model.width": [4, 5, 6, 7, 8], "seed": range(4)}
    todo = plan(experiment, over)
    assert len(todo.groups) == 5
    crew = MAPPED.crew(4)
    busy = 20 / crew.size * (8 * 1.0 + len(todo.ages) * 10.0)
    assert of(experiment, over).seconds == pytest.approx(busy + 100.0, abs=1.0)


@snapshot()
def embedding(network: fr.models.AbstractNetwork, context: Context) -> Float[Array, "token"]:
    """The norm of every token's embedding."""
    return jnp.linalg.norm(paths(network)["embed"], axis=1)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(
    "changes",
    [{}, {"keep": fr.Schedule(per_octave=4)}, {"record": (*CURVES, embedding)}],
    ids=["scalars", "kept", "axes"],
)
def test_bytes_are_those_of_the_store(changes: dict, keep: bool, tmp_path: Path):
    model = {"schedule.per_octave": 64, "model.embed_width": 64}
    experiment = modular(steps=1000, **model, **changes)
    store, machine = tmp_path / "a.zarr", dataclasses.replace(MAPPED, keep_bytes=4e9 * keep)
    fr.train(experiment, OVER, store=store, machine=machine)
    group: Any = zarr.open_group(store, mode="r")
    held = sum(array.nbytes for _, part in group.groups() for _, array in part.arrays())
    found = module.store_bytes(plan(experiment, OVER), read_schema(store), keep)
    assert found == pytest.approx(held, rel=0.2)


def test_an_estimate_is_said_as_people_say_it():
    assert str(Estimate(150.0, 3.2e12, 4.56e6)) == "2 min, 3.2 TFLOP and 5 MB"
    assert str(Estimate(1.0, 2.5e15, 1e9)) == "1 s, 2.5 PFLOP and 1,000 MB"
    assert str(Estimate(1.0, 2.5e9, 0)) == "1 s, 2.5 GFLOP and 0 MB"
    assert str(Estimate(1.0, 4e5, 0)) == "1 s, 0.4 MFLOP and 0 MB"
