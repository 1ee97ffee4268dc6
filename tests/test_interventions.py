"""Events that change examples, noise and clamps, constants of networks, dropout."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import flyroom as fr
from flyroom import spec
from flyroom.models import MLP, divide
from flyroom.spec import SpecError
from flyroom.sweeps.plan import plan
from flyroom.tasks import Split
from flyroom.training import engine, fixed, program_of
from helpers import MAPPED, assert_same_bits, both_mappings, modular, parity

FRACTION = "task.train_fraction"
LESS = fr.Event(fr.AtStep(step=16), {FRACTION: 0.3})


# --- Examples that change ---


@both_mappings
def test_a_run_goes_on_with_the_examples_of_the_task_as_it_is_then(machine: fr.Machine):
    """Measured on a fixed network: without learning, losses change with the examples alone."""
    still = modular(events=(LESS,), optimizer=fr.optim.SGD(learning_rate=0.0))
    runs = fr.train(still, over={"seed": range(3)}, machine=machine)
    for run in range(3):
        network = fr.network(runs, run)
        for step, fraction in ((16, 0.6), (20, 0.3)):
            train = fr.tasks.ModularArithmetic(p=7, train_fraction=fraction).split(run).train
            found = runs.train_accuracy.sel(run=run, step=step).item()
            assert found == pytest.approx(fr.measures.accuracy(network, train), abs=1e-6)
    assert runs.event_0_step.values.tolist() == [16] * 3


def test_one_program_holds_the_larger_of_both_sides():
    (group,) = plan(modular(events=(LESS,))).groups
    before, after = (plan(modular(**{"task.train_fraction": f})).groups[0] for f in (0.6, 0.3))
    assert group.sizes == (before.sizes[0], after.sizes[1])


def whole(fraction: float) -> dict[str, Any]:
    """What sets a task as a whole."""
    return {"task": fr.tasks.ModularArithmetic(p=7, train_fraction=fraction)}


@pytest.mark.parametrize("first", [0, 1])
def test_events_take_effect_in_the_order_in_which_they_happen(first: int):
    """Whatever their numbers: a whole task takes back the fraction that was set before."""
    changes = [LESS.set, whole(0.9)]
    steps = (8, 16) if first == 0 else (16, 8)
    events = tuple(fr.Event(fr.AtStep(s), c) for s, c in zip(steps, changes, strict=True))
    expected = 0.9 if first == 0 else 0.3
    still = modular(events=events, optimizer=fr.optim.SGD(learning_rate=0.0))
    assert spec.get(still.after([8, -1]), FRACTION) == 0.3
    assert spec.get(still.after(steps), FRACTION) == expected
    runs = fr.train(still, machine=MAPPED)
    train = fr.tasks.ModularArithmetic(p=7, train_fraction=expected).split(0).train
    right = fr.measures.accuracy(fr.network(runs, 0), train)
    assert runs.train_accuracy.sel(step=40).item() == pytest.approx(right, abs=1e-6)


def test_room_is_made_for_whatever_order_measures_bring_about():
    """A fraction, then a whole task, and the other way round, which alone needs so many rows."""
    late = fr.Reaches("train_accuracy", 1.0)
    most = {FRACTION: 0.95}
    small = {"task": fr.tasks.ModularArithmetic(p=7, train_fraction=0.2, ordered=False)}
    events = (fr.Event(late, most), fr.Event(late, small))
    sides = {len(task.split(0).train.labels) for task in modular(events=events).tasks()}
    assert sides == {29, 46, 5, 26}
    # By their steps only the first order is possible, and the second is not asked of the task.
    events = (fr.Event(fr.AtStep(8), most), fr.Event(fr.AtStep(16), small))
    sides = {len(task.split(0).train.labels) for task in modular(events=events).tasks()}
    assert sides == {29, 46, 5}


def test_a_run_interrupted_after_its_event_ends_as_if_it_had_not_been(tmp_path: Path):
    events = (LESS, fr.Event(fr.AtStep(step=20), {"optimizer.weight_decay": 0.0}))
    whole = fr.train(modular(events=events), store=tmp_path / "a.zarr", machine=MAPPED)
    short = modular(events=events, steps=24)
    fr.train(short, store=tmp_path / "b.zarr", machine=MAPPED)
    longer = fr.resume(tmp_path / "b.zarr", steps=40, machine=MAPPED)
    assert_same_bits(
        longer[["train_loss", "test_loss", "event_0_step"]].sel(step=[20, 24, 40]).load(),
        whole[["train_loss", "test_loss", "event_0_step"]].sel(step=[20, 24, 40]).load(),
    )


def test_an_event_may_not_change_the_number_of_minibatches():
    event = fr.Event(fr.AtStep(step=4), {"task.train_count": 9})
    with pytest.raises(SpecError, match=r"with 8, an event would change the number.*\(2, 3\)"):
        plan(parity(events=(event,)))


@both_mappings
def test_runs_may_differ_in_how_many_events_and_stops_they_have(machine: fr.Machine):
    soon = fr.Reaches("train_loss", 9.0, records=2, falling=True)
    later = fr.Event(fr.AtStep(step=4), {FRACTION: 0.5})
    some = {"events": [(), (LESS,), (later, LESS)], "stop": [(), (soon,)]}
    runs = fr.train(modular(), over=some, machine=machine)
    assert runs.event_0_step.values.tolist() == [-1, -1, 16, -1, 4, -1]
    assert runs.event_1_step.values.tolist() == [-1, -1, -1, -1, 16, -1]
    ends = runs.last_step.values
    assert (ends[::2] == modular().steps).all()
    assert (ends[1::2] < 16).all()  # stopped, so that neither event at 16 has come
    alone = fr.train(modular(events=(later, LESS)), machine=machine)
    both = (one.train_loss.dropna("step").values for one in (runs.isel(run=4), alone.isel(run=0)))
    np.testing.assert_allclose(*both, rtol=1e-5)


def test_new_values_are_swept_in_one_program():
    path = "events.0.set.optimizer.weight_decay"
    event = fr.Event(fr.AtStep(step=8), {"optimizer.weight_decay": 0.0})
    experiment = modular(events=(event,))
    assert len(plan(experiment, {path: [0.0, 1.0, 5.0]}).groups) == 1
    runs = fr.train(experiment, over={path: [0.0, 5.0]}, machine=MAPPED)
    norms = runs.weight_norm.sel(step=[8, 40]).values
    assert norms[0, 0] == norms[1, 0]
    assert norms[1, 1] < norms[0, 1]


# --- What can never happen ---


@pytest.mark.parametrize(
    ("when", "why"),
    [
        (fr.AtStep(step=41), "event 0 can never happen: the run ends at step 40, before 41."),
        (fr.Reaches("test_accuracy", 1.01), "test_accuracy is never at least 1.01: its limit is 1"),
        (fr.Reaches("test_loss", -1.0, falling=True), "test_loss is never at most -1"),
        (fr.Reaches("test_loss", 1.0, records=99), "it asks for 99 records and there are only"),
    ],
)
def test_an_event_that_cannot_happen_is_named_before_the_run(when: Any, why: str):
    event = fr.Event(when, {"optimizer.weight_decay": 0.0})
    (said,) = plan(modular(events=(event,))).never
    assert why in said
    with pytest.warns(UserWarning, match=r"event 0 can never happen"):
        fr.train(modular(events=(event,), steps=20), machine=MAPPED)


@pytest.mark.parametrize("when", [fr.AtStep(step=40), fr.Reaches("test_loss", 9.0, records=18)])
def test_an_event_at_the_last_step_is_named_before_the_run(when: Any):
    """No step comes after it. A stop rule may well be met there."""
    experiment = modular(events=(fr.Event(when, {"optimizer.weight_decay": 0.0}),), stop=(when,))
    said = "event 0 changes nothing: it can happen at step 40 only, the run's last."
    assert len(experiment.ages()) == 18
    assert plan(experiment).never == (said,)
    with pytest.warns(UserWarning, match="event 0 changes nothing"):
        fr.train(experiment, machine=MAPPED)
    assert plan(modular(events=experiment.events, steps=41)).never == ()


def test_what_can_happen_is_not_warned_of():
    events = (LESS, fr.Event(fr.Reaches("test_loss", 0.0, falling=True), {"optimizer.eps": 1.0}))
    assert plan(modular(events=events, stop=(fr.Reaches("train_accuracy", 1.0),))).never == ()


# --- Noise and clamps ---


class Away(fr.optim.SGD):
    def perturbed(self, weights, key):
        return jax.tree.map(lambda w: w + 1.0, weights)


class One(fr.models.AbstractNetwork):
    weight: jax.Array

    def forward(self, x, tap, key):
        return tap("logits", self.weight[None] * jnp.ones(1))


class Model(fr.models.AbstractModel):
    def init(self, signature, outputs, *, key):
        return One(jnp.zeros(()))


class Half(fr.losses.Logistic):
    def __call__(self, logits, label):
        return 0.5 * logits[0] ** 2


def test_wrappers_conform():
    fr.testing.check_optimizer(fr.optim.Noisy(weight=0.1, gradient=0.1, update=0.1))
    fr.testing.check_optimizer(fr.optim.Clamped(ratio=0.5))
    fr.testing.check_optimizer(fr.optim.Clamped(fr.optim.Noisy(update=0.1)))


def test_noise_has_the_deviation_that_is_asked_for():
    """On zero gradients an update of plain descent is nothing but the noise."""
    weights = {"w": jnp.zeros(40_000)}
    for place, scale in (("gradient", 0.1), ("update", 1.0)):
        noisy = spec.replace(fr.optim.Noisy(fr.optim.SGD(learning_rate=0.1)), {place: 2.0})
        transform: Any = noisy.transform()
        state = transform.init(weights)
        found = [transform.update(weights, state, weights, key=jr.key(i))[0]["w"] for i in (0, 1)]
        assert float(found[0].std()) == pytest.approx(2.0 * scale, rel=0.02)
        assert abs(np.corrcoef(*found)[0, 1]) < 0.02  # drawn anew
    noisy = fr.optim.Noisy(fr.optim.SGD(), weight=0.5)
    assert float(noisy.perturbed(weights, jr.key(0))["w"].std()) == pytest.approx(0.5, rel=0.02)


def test_gradients_are_taken_at_the_perturbed_weights():
    """A quadratic's slope at w + e is that at w plus e: one step of rate 1 from zero weights."""

    experiment = parity(
        model=Model(), optimizer=Away(learning_rate=1.0), loss=Half(), batch_size=None, steps=1
    )
    runs = fr.train(experiment, machine=MAPPED)
    network: Any = fr.network(runs, 0)
    assert float(network.weight) == pytest.approx(-1.0)


@both_mappings
def test_a_clamped_norm_stays(machine: fr.Machine):
    clamped = modular(optimizer=fr.optim.Clamped(fr.optim.AdamW(learning_rate=0.01), ratio=0.7))
    norm = fr.train(clamped, machine=machine).weight_norm.isel(run=0)
    np.testing.assert_allclose(norm[1:] / norm[0], 0.7, rtol=1e-5)


def test_a_clamp_of_zero_is_none():
    inner = fr.optim.AdamW(learning_rate=0.01)
    free = fr.train(modular(optimizer=inner), machine=MAPPED)
    same = fr.train(modular(optimizer=fr.optim.Clamped(inner, ratio=0.0)), machine=MAPPED)
    np.testing.assert_allclose(free.train_loss, same.train_loss, rtol=1e-4)


# --- Constants of a network, and dropout ---


def test_constants_neither_learn_nor_decay():
    experiment = parity(model=MLP(widths=(10,), dropout=0.25))
    runs = fr.train(experiment, over={"model.dropout": [0.25, 0.5]}, machine=MAPPED)
    assert len(plan(experiment, {"model.dropout": [0.25, 0.5]}).groups) == 1
    one: Any = fr.network(runs, 0)
    other: Any = fr.network(runs, 1)
    assert [float(one.dropout), float(other.dropout)] == [0.25, 0.5]
    weights, constants = divide(one)
    assert weights.dropout is None
    assert [float(x) for x in jax.tree.leaves(constants)] == [0.25]
    norm = np.sqrt(sum(np.sum(np.square(w)) for w in jax.tree.leaves(weights)))
    assert float(runs.weight_norm.isel(run=0, step=-1)) == pytest.approx(float(norm), rel=1e-5)


def test_an_event_changes_a_constant():
    event = fr.Event(fr.AtStep(step=8), {"model.dropout": 0.5})
    runs = fr.train(parity(model=MLP(widths=(10,), dropout=0.0), events=(event,)), machine=MAPPED)
    network: Any = fr.network(runs, 0)
    assert float(network.dropout) == 0.5


def test_dropout_keeps_the_mean_and_is_off_when_not_training():
    task = fr.tasks.SparseParity(n=6, k=2, train_count=20, test_count=10)
    model = MLP(widths=(20_000,), activation=fr.models.identity, dropout=0.25)
    network = model.init(task.signature, 1, key=jr.key(0))
    plain = spec.replace(model, {"dropout": None}).init(task.signature, 1, key=jr.key(0))
    x = jnp.ones(6)
    np.testing.assert_allclose(network(x), plain(x))
    many = jax.vmap(lambda k: network(x, key=k))(jr.split(jr.key(1), 200))
    assert float(many.std()) > 0
    assert float(many.mean()) == pytest.approx(float(plain(x)[0]), abs=4 * float(many.std()) / 14)


def test_parts_of_a_batch_drop_different_neurons():
    """Twice the same rows in two parts: with the same masks it would be the step on one of them."""
    experiment = parity(model=MLP(widths=(64,), dropout=0.5), batch_size=None)
    program, sizes = program_of(experiment)
    given = fixed(experiment, sizes)
    start = jax.jit(lambda g: engine.start(program, g))(given)
    twice = jax.tree.map(lambda x: np.concatenate([x, x]), given.split.train)
    double = given._replace(split=Split(twice, given.split.test))

    def trained(given: Any, parts: int) -> np.ndarray:
        state = jax.jit(lambda g: engine.advance(program, start, g, jnp.int32(1), parts))(given)
        return np.asarray(state.network.first)

    leaves = {**given.leaves, "model.dropout": np.float32(0)}
    same = [g._replace(leaves=leaves) for g in (given, double)]
    np.testing.assert_allclose(trained(same[0], 1), trained(same[1], 2), rtol=1e-5, atol=1e-7)
    assert np.abs(trained(given, 1) - trained(double, 2)).max() > 1e-3


def test_an_activation_is_swapped_where_there_is_one():
    network: Any = MLP(widths=(5,)).init(parity().task.signature, 1, key=jr.key(0))
    swapped = fr.measures.with_activation(network, fr.models.identity)
    x = jnp.ones(8)
    expected = (x @ network.first + network.biases[0]) @ network.weights[0]
    np.testing.assert_allclose(swapped(x), expected, rtol=1e-5)

    class Bare(fr.models.AbstractNetwork):
        weight: jax.Array

        def forward(self, x, tap, key):
            return tap("logits", self.weight * x)

    with pytest.raises(SpecError, match=r"Bare has no `activation` to swap; it has weight\."):
        fr.measures.with_activation(Bare(jnp.ones(1)), fr.models.relu)
