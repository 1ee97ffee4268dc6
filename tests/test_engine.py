"""Many networks together are the same networks alone, and little is compiled for them."""

import collections
import gc
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import flyroom as fr
from flyroom.training import engine, ensemble
from flyroom.typing import FloatScalar
from helpers import BATCHED, MAPPED, Moody, assert_same_bits, both_mappings, modular, parity

EXPERIMENTS = pytest.mark.parametrize("make", [modular, parity])


@pytest.fixture
def traces(monkeypatch):
    """How often each of the engine's functions has been traced for compilation."""
    ensemble._compiled.cache_clear()
    counted: collections.Counter[str] = collections.Counter()
    for name in ("advance", "observe"):
        plain = getattr(engine, name)

        def counting(*args, name=name, plain=plain):
            counted[name] += 1
            return plain(*args)

        monkeypatch.setattr(engine, name, counting)
    yield counted
    ensemble._compiled.cache_clear()


def loop(experiment: fr.Experiment, steps: int) -> list[float]:
    """The training loss at every step, by the plainest loop there is."""
    program, sizes = fr.training.program_of(experiment)
    given = fr.training.fixed(experiment, sizes)
    state = jax.jit(lambda f: engine.start(program, f))(given)
    step = jax.jit(lambda s, f: engine.advance(program, s, f, jnp.int32(1)))
    see = jax.jit(lambda s, f: engine.observe(program, s, f))
    losses = []
    for _ in range(steps + 1):
        losses.append(float(see(state, given)[0]["train_loss"]))
        state = step(state, given)
    return losses


def dtypes(runs: xr.Dataset) -> set[np.dtype]:
    """The types of the weights of run 0."""
    return {w.dtype for w in jax.tree.leaves(fr.network(runs, 0))}


@both_mappings
@EXPERIMENTS
def test_together_equals_alone(make, machine):
    over = {"optimizer.weight_decay": [0.0, 0.5], "seed": [0, 3]}
    runs = fr.train(make(), over, machine=machine)
    for run in range(4):
        point = {path: runs[path].values[run].item() for path in over}
        alone = np.array(loop(fr.spec.replace(make(), point), 12))
        steps = runs.step.values[runs.step.values <= 12]
        together = runs.train_loss.isel(run=run).sel(step=steps).values
        np.testing.assert_allclose(together, alone[steps], rtol=2e-4, atol=1e-6)


@EXPERIMENTS
def test_mapped_and_batched_agree(make):
    over = {"seed": [0, 1, 2]}
    one, other = (fr.train(make(), over, machine=m) for m in (MAPPED, BATCHED))
    short = one.step.values <= 12
    np.testing.assert_allclose(
        one.test_loss.values[:, short], other.test_loss.values[:, short], rtol=2e-4, atol=1e-6
    )


@both_mappings
@EXPERIMENTS
def test_neighbours_slots_and_queue_order_change_no_bit(make, machine):
    whole = fr.train(make(), {"seed": range(7)}, machine=machine)
    some = fr.train(make(), {"seed": [5, 2]}, machine=machine)
    for position, seed in enumerate([5, 2]):
        one = whole.isel(run=[seed]).drop_vars(["run", "seed"])
        assert_same_bits(one, some.isel(run=[position]).drop_vars(["run", "seed"]))


@both_mappings
@EXPERIMENTS
def test_segment_cuts_change_no_bit(make, machine):
    plain = fr.train(make(), {"seed": range(2)}, machine=machine)
    cut = fr.train(make(schedule=fr.Schedule(every=1)), {"seed": range(2)}, machine=machine)
    shared = cut.sel(step=plain.step)
    assert_same_bits(plain, shared)


@both_mappings
def test_number_of_workers_changes_no_bit(machine):
    two = fr.Machine(devices=2, slots=machine.slots, mapping=machine.mapping, progress=False)
    one, other = (fr.train(modular(), {"seed": range(5)}, machine=m) for m in (machine, two))
    assert_same_bits(one, other)


def test_number_of_workers_changes_no_bit_of_a_larger_network():
    """XLA gives parts of its products to threads, which it does not of the smallest."""
    large = fr.spec.replace(fr.recipes.pair_mod67(), {"steps": 300})
    one, two = (fr.Machine(devices=n, slots=1, progress=False) for n in (1, 2))
    assert_same_bits(*(fr.train(large, {"seed": range(3)}, machine=m) for m in (one, two)))


def test_a_leaf_compiles_once_and_a_shape_once_per_value(traces):
    quick = modular(steps=3)
    fr.train(quick, {"optimizer.weight_decay": [0.1, 0.2, 0.3], "seed": range(2)}, machine=MAPPED)
    first = dict(traces)
    again = fr.spec.replace(quick, {"optimizer.learning_rate": 0.02})
    fr.train(again, {"model.init_scale": [0.5, 1.0], "seed": range(6)}, machine=MAPPED)
    # Shapes are worked out again without compiling, once for every plan.
    assert traces["advance"] == first["advance"] == 1
    fr.train(quick, {"model.width": [6, 7, 9]}, machine=MAPPED)
    assert traces["advance"] == 3


def test_a_split_compiles_once_per_rung(traces):
    # Of 289 pairs these are on the rungs 120, 120 and 126, and the rest on 172, 172 and 164.
    counts = [119, 120, 126]
    rungs = {(fr.training.rung(n), fr.training.rung(289 - n)) for n in counts}
    fr.train(modular(**{"task.p": 17}, steps=3), {"task.train_count": counts}, machine=MAPPED)
    assert traces["advance"] == len(rungs) == 2


def test_float64_everywhere_by_one_switch():
    runs = fr.train(modular(precision="float64"), machine=MAPPED)
    assert runs.train_loss.dtype == np.float64
    assert dtypes(runs) == {np.dtype(np.float64)}
    single = fr.train(modular(), machine=MAPPED)
    assert dtypes(single) == {np.dtype(np.float32)}


def test_float64_loss_of_a_float32_network():
    loss = fr.losses.NaiveCrossEntropy(dtype="float64")
    runs = fr.train(modular(loss=loss), machine=MAPPED)
    assert dtypes(runs) == {np.dtype(np.float32)}
    assert np.isfinite(runs.train_loss.values).all()


def test_seeds_may_be_set_apart():
    def first(**seeds):
        runs = fr.train(parity(**seeds), machine=MAPPED)
        weights = jax.tree.leaves(fr.network(runs, 0, step=0))[0]
        return weights, runs.train_loss.values[0]

    weights, losses = first(seed=0)
    same_init, other_split = first(seed=0, split_seed=9)
    np.testing.assert_array_equal(weights, same_init)
    assert not np.array_equal(losses, other_split)
    other_init, _ = first(seed=0, init_seed=9)
    assert not np.array_equal(weights, other_init)
    reordered, order = first(seed=0, batch_seed=9)
    np.testing.assert_array_equal(weights, reordered)
    assert losses[0] == order[0] != losses[-1] != order[-1]


def test_a_network_can_be_started_from_another():
    runs = fr.train(modular(), machine=MAPPED)
    taught = fr.network(runs, 0)
    warm = fr.train(modular(steps=5), begin=taught, machine=MAPPED)
    assert eqx.tree_equal(fr.network(warm, 0, step=0), taught)
    assert float(warm.train_loss[0, 0]) == pytest.approx(float(runs.train_loss[0, -1]), rel=1e-5)
    with pytest.raises(fr.SpecError, match="begin: the network has"):
        fr.train(modular(**{"model.width": 5}), begin=taught, machine=MAPPED)


@both_mappings
def test_one_divergence_stops_nobody_else(machine):
    runs = fr.train(
        parity(loss=fr.losses.Squared()),
        {"optimizer.learning_rate": [0.1, 1e30, 0.05]},
        machine=machine,
    )
    status = [fr.training.Status(s).name for s in runs.status.values]
    assert status == ["FINISHED", "DIVERGED", "FINISHED"]
    assert 0 < runs.last_step.values[1] < 40
    assert np.isfinite(runs.train_loss.values[[0, 2]]).all()


@both_mappings
def test_stop_rule_and_refill(machine):
    """A run ends at the third record in a row at which it generalises; another takes its slot."""
    rule = fr.Reaches("train_accuracy", 0.5, records=3)
    experiment = modular(stop=(rule,), steps=4000, **{"optimizer.weight_decay": 0.1})
    runs = fr.train(experiment, {"seed": range(10)}, machine=machine)
    assert [fr.training.Status(s).name for s in runs.status.values] == ["STOPPED"] * 10
    for run in range(10):
        curve = runs.train_accuracy.isel(run=run).dropna("step")
        assert (curve.values[-3:] >= 0.5).all()
        three = np.convolve(curve.values >= 0.5, np.ones(3), "valid")
        assert (three[:-1] < 3).all()
        assert int(curve.step[-1]) == int(runs.last_step[run])


def test_an_event_changes_a_leaf_at_its_step():
    event = fr.Event(fr.AtStep(13), {"optimizer.weight_decay": 5.0})
    plain = fr.train(modular(), machine=MAPPED)
    raised = fr.train(modular(events=(event,)), machine=MAPPED)
    assert raised.event_0_step.values.tolist() == [13]
    before = plain.step.values[plain.step.values <= 13]
    np.testing.assert_array_equal(
        plain.train_loss.sel(step=before).values, raised.train_loss.sel(step=before).values
    )
    assert float(raised.weight_norm[0, -1]) < float(plain.weight_norm[0, -1])


def test_an_event_that_waits_for_a_measure():
    event = fr.Event(fr.Reaches("train_accuracy", 0.99), {"optimizer.learning_rate": 0.0})
    runs = fr.train(modular(events=(event,), steps=4000), machine=MAPPED)
    at = int(runs.event_0_step[0])
    later = runs.train_loss.sel(step=runs.step >= at).values
    assert 0 < at < 4000
    assert np.unique(later).size == 1


def test_weights_are_kept_when_asked():
    runs = fr.train(modular(keep=fr.Schedule(per_octave=0, at=(3, 8))), machine=MAPPED)
    networks = [fr.network(runs, 0, step=s) for s in (0, 3, 8, 40)]
    norms = [
        float(jnp.sqrt(sum(jnp.sum(jnp.asarray(x) ** 2) for x in jax.tree.leaves(n))))
        for n in networks
    ]
    np.testing.assert_allclose(norms, runs.weight_norm.sel(step=[0, 3, 8, 40]).values[0], rtol=1e-5)
    with pytest.raises(fr.StoreError, match="was kept at steps 0, 3, 8, 40, not at 5"):
        fr.network(runs, 0, step=5)


@pytest.mark.parametrize("error", [RuntimeError, FileNotFoundError])
def test_a_task_that_fails_for_one_seed_fails_one_run(error: type[Exception]):
    class Picky(Moody):
        def refuse(self):
            raise error("not this one")

    task = Picky(parity().task)
    with pytest.warns(UserWarning, match=rf"1 of 4 runs failed, run 2 with: {error.__name__}: n"):
        runs = fr.train(parity(task=task, steps=5), {"seed": range(4)}, machine=MAPPED)
    names = [fr.training.Status(s).name for s in runs.status.values]
    assert names == ["FINISHED", "FINISHED", "FAILED", "FINISHED"]
    assert "not this one" in runs.attrs["failures"]["2"]


class Choosy(fr.models.MLP):
    """A model of which two fields do not go together, which no field alone can tell."""

    gain: FloatScalar = fr.spec.leaf(1.0)

    def __check_init__(self) -> None:
        together = (self.gain, self.init_scale)
        if not any(map(eqx.is_array, together)) and together == (2.0, 2.0):
            raise ValueError("gain and init_scale do not go together")


def test_a_combination_that_cannot_be_built_fails_one_run(tmp_path: Path):
    experiment = modular(model=Choosy(widths=(4,)))
    over = {"model.gain": [1.0, 2.0], "model.init_scale": [2.0, 1.0]}
    store = tmp_path / "runs.zarr"
    with pytest.warns(UserWarning, match="1 of 4 runs failed, run 2 with: ValueError: gain and"):
        runs = fr.train(experiment, over, store=store, machine=MAPPED)
    names = [fr.training.Status(s).name for s in runs.status.values]
    assert names == ["FINISHED", "FINISHED", "FAILED", "FINISHED"]
    assert_same_bits(runs, fr.resume(store, machine=MAPPED))


class Fragile(fr.training.AbstractCondition):
    """A stop rule that breaks at a step of its own."""

    at: int = fr.spec.host(1000)
    error: str = fr.spec.host("RuntimeError")

    def holds(self, step, values):
        if step >= self.at:
            raise {"RuntimeError": RuntimeError, "OSError": OSError}[self.error]("it broke")
        return False

    @property
    def streak(self):
        return 1

    @property
    def due(self):
        return ()

    @property
    def measures(self):
        return ()


@both_mappings
@pytest.mark.parametrize("error", ["RuntimeError", "OSError"])
@pytest.mark.parametrize("at", [0, 8])
def test_a_stop_rule_that_breaks_for_one_run_fails_one_run(machine, error: str, at: int):
    """Three slots for five runs: one is beside it, others still wait for their turn."""
    rules = [(Fragile(n, error),) for n in (1000, at, 1001, 1002, 1003)]
    with pytest.warns(UserWarning, match=f"1 of 5 runs failed, run 1 with: {error}: it broke"):
        runs = fr.train(modular(stop=rules[0]), {"stop": rules}, machine=machine)
    names = [fr.training.Status(s).name for s in runs.status.values]
    assert names == ["FINISHED", "FAILED", "FINISHED", "FINISHED", "FINISHED"]
    assert runs.train_loss.sel(run=1).notnull().sum() == sum(step <= at for step in runs.step)
    assert runs.train_loss.sel(run=[0, 2, 3, 4]).notnull().all()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="memory maps are Linux's")
def test_programs_that_are_forgotten_give_their_memory_maps_back():
    def maps() -> int:
        gc.collect()
        return len(Path("/proc/self/maps").read_text().splitlines())

    def trained(width: int) -> int:
        experiment = fr.Experiment(
            fr.tasks.ModularArithmetic(p=5), fr.models.MLP((width,)), steps=2
        )
        fr.train(experiment, machine=fr.Machine(devices=1, progress=False))
        return maps()

    forget = ensemble._compiled.cache_clear
    trained(3)
    forget()
    before = maps()
    cost = trained(4) - before
    forget()
    assert maps() - before < cost / 4
    most = ensemble._compiled.cache_info().maxsize
    assert most is not None
    assert most * 4000 < 65_530  # a transformer of two layers takes some 3,000
