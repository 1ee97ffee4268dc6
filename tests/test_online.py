"""Training on examples that are drawn anew at every step."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import flyroom as fr
from flyroom.spec import SpecError, replace
from flyroom.tasks import Examples, Signature, Split
from flyroom.training import Fixed, State, engine, program_of
from helpers import BATCHED, MAPPED, assert_same_bits, both_mappings, parity


def online(**changes: object) -> fr.Experiment:
    """The small network of `parity`, that sees no example twice."""
    return parity(**{"task.fresh": True, **changes})


def drawn_by(task: fr.tasks.AbstractTask, key: jax.Array, count: int) -> Examples:
    """What a task draws for a key."""
    assert task.stream is not None
    return task.stream(key, count)


def begun(experiment: fr.Experiment) -> tuple[Fixed, State, Callable[..., State]]:
    """What a run is given, the state it starts in, and what advances it."""
    program, sizes = program_of(experiment)
    given = fr.training.fixed(experiment, sizes)
    start, advance = (
        jax.jit(functools.partial(f, program)) for f in (engine.start, engine.advance)
    )
    return given, start(given), advance


def test_it_conforms():
    for encoding in ("signs", "bits"):
        task = fr.tasks.SparseParity(n=8, k=2, train_count=40, test_count=20, encoding=encoding)
        fr.testing.check_task(replace(task, {"fresh": True}))


def test_training_equals_a_loop_over_the_drawn_examples():
    """Each step's gradient is that of the batch whose key is the run's, folded with the age."""
    experiment = online(precision="float64", optimizer=fr.optim.SGD(learning_rate=0.1), seed=5)
    with jax.enable_x64(True):
        given, state, advance = begun(experiment)
        seeds, network = jax.tree.map(jnp.asarray, given.seeds), state.network
        for age in range(6):
            key = jr.fold_in(engine.key_of(seeds, "batch"), age)
            drawn = drawn_by(experiment.task, key, 8)
            inputs, labels = drawn.inputs.astype("float64"), drawn.labels.astype("int32")

            def cost(network, inputs=inputs, labels=labels):
                return jnp.mean(jax.vmap(experiment.loss)(network.table(inputs), labels))

            slopes = jax.grad(cost)(network)
            network = jax.tree.map(lambda w, s: w - 0.1 * s, network, slopes)
        there = advance(state, given, jnp.int32(6))
        for found, expected in zip(*map(jax.tree.leaves, (there.network, network)), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@dataclasses.dataclass(frozen=True)
class Spied:
    """A stream that says what it drew."""

    seen: "list[np.ndarray]" = dataclasses.field(compare=False)

    def __call__(self, key, count) -> Examples:
        drawn = drawn_by(online().task, key, count)
        jax.debug.callback(lambda x: self.seen.append(np.array(x)), drawn.inputs, ordered=True)
        return drawn


class Watched(fr.tasks.AbstractTask):
    """Parity whose stream is watched; a plug-in as a user writes one."""

    plain: fr.tasks.AbstractTask = fr.spec.host()
    seen: list = fr.spec.host()

    @property
    def signature(self) -> Signature:
        return self.plain.signature

    def split(self, seed: int) -> Split:
        return self.plain.split(seed)

    @property
    def stream(self):
        return Spied(self.seen)


def test_no_step_sees_the_batch_of_another():
    seen: list[np.ndarray] = []
    given, state, advance = begun(parity(task=Watched(parity().task, seen)))
    advance(state, given, jnp.int32(20))
    jax.effects_barrier()
    assert [batch.shape for batch in seen] == [(8, 8)] * 20
    assert len({batch.tobytes() for batch in seen}) == 20


def test_the_training_set_is_only_looked_at():
    """Another one of it changes the training curve, and not one bit of the weights."""
    over = {"split_seed": [3, 4], "seed": [1]}
    runs = fr.train(online(), over, machine=MAPPED)
    assert_bits_differ(runs.train_loss)
    first, second = (fr.network(runs, run) for run in (0, 1))
    for one, other in zip(*map(jax.tree.leaves, (first, second)), strict=True):
        np.testing.assert_array_equal(one, other)
    small = fr.train(online(**{"task.train_count": 5, "seed": 1}), machine=MAPPED)
    for one, other in zip(*map(jax.tree.leaves, (first, fr.network(small, 0))), strict=True):
        np.testing.assert_array_equal(one, other)


def assert_bits_differ(curve) -> None:
    one, other = curve.transpose("run", "step").values
    assert (one != other).any()


def test_the_seed_of_the_batches_decides_what_is_drawn():
    runs = fr.train(online(), {"batch_seed": [0, 1]}, machine=MAPPED)
    start = runs.train_loss.sel(step=0).values
    assert start[0] == start[1]
    assert_bits_differ(runs.train_loss)


@both_mappings
def test_segment_cuts_change_no_bit(machine):
    plain = fr.train(online(), {"seed": range(2)}, machine=machine)
    cut = fr.train(online(schedule=fr.Schedule(every=1)), {"seed": range(2)}, machine=machine)
    assert_same_bits(plain, cut.sel(step=plain.step))


def test_mapped_and_batched_agree():
    one, other = (fr.train(online(), {"seed": range(3)}, machine=m) for m in (MAPPED, BATCHED))
    short = one.step.values <= 12
    np.testing.assert_allclose(
        one.test_loss.values[:, short], other.test_loss.values[:, short], rtol=2e-4, atol=1e-6
    )


def test_a_run_goes_on_as_if_it_had_not_stopped(tmp_path):
    whole = fr.train(online(steps=80), {"seed": range(2)}, machine=MAPPED)
    fr.train(online(), {"seed": range(2)}, store=tmp_path / "a.zarr", machine=MAPPED)
    longer = fr.resume(tmp_path / "a.zarr", steps=80, machine=MAPPED)
    assert_same_bits(whole.drop_attrs(), longer.drop_attrs())


def test_training_sets_of_any_size_share_a_program():
    programs = {program_of(online(**{"task.train_count": count}))[0] for count in (9, 21, 150)}
    assert len(programs) == 1
    assert program_of(online())[0] != program_of(parity())[0]
    assert program_of(online(**{"task.k": 3}))[0] not in programs


def test_a_batch_may_be_larger_than_the_training_set():
    runs = fr.train(online(batch_size=64), machine=MAPPED)
    assert np.isfinite(runs.train_loss.values).all()


def test_full_batches_of_fresh_examples_are_refused():
    with pytest.raises(SpecError, match=r"batch_size: got None; allowed: a number, because Spar"):
        online(batch_size=None)


def test_an_event_cannot_change_what_is_compiled_in():
    for change in ({"task.k": 3}, {"task.fresh": False}):
        with pytest.raises(SpecError, match="drawn anew at every step would be"):
            online(events=(fr.Event(fr.AtStep(3), change),))
    online(events=(fr.Event(fr.AtStep(3), {"task.train_count": 30}),))
