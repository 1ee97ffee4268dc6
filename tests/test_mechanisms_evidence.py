"""What carries a mechanism, what it leaves over, and explanations of many runs at once."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import flyroom as fr
from flyroom.mechanisms import (
    FourierSum,
    MemorizedTable,
    explain,
    explain_runs,
    idealise,
    neurons,
    remainder,
)
from flyroom.models import constructed

P = 31
QUIET = fr.Machine(devices=2, progress=False)
TASK = fr.tasks.ModularArithmetic(p=P, train_fraction=0.6)


def with_noise(count: int = 10) -> fr.models.FactoredNetwork:
    """Two circles of five neurons, and neurons that hear and say something else."""
    network = constructed.circles(P, 5, (2, 7))
    random = np.random.default_rng(0)
    into = random.normal(size=(P, count)).astype(np.float32)
    out = 1e-3 * random.normal(size=(count, P)).astype(np.float32)
    return fr.models.FactoredNetwork(
        embed=None,
        into=None,
        out=None,
        unembed=None,
        whole_in=jnp.concatenate([network.w_in, into], axis=1),
        whole_out=jnp.concatenate([network.w_out, out]),
    )


def test_the_neurons_that_carry_it_are_those_that_were_written_down():
    found = neurons(explain(with_noise(), TASK))
    assert list(found.part.values) == ["2"] * 5 + ["7"] * 5 + [""] * 10
    np.testing.assert_allclose(found.share[:10], 1, atol=1e-6)
    assert found.attrs["alone"] == 1
    assert found.attrs["pure"] == 1
    assert found.attrs["without"] < 0.1


def test_shares_are_those_of_a_transform():
    values = np.asarray(with_noise().w_in, np.float64)[:, -10:]
    power = np.abs(np.fft.rfft(values, axis=0)[1:]) ** 2
    expected = (power / power.sum(0))[[1, 6]].max(0)
    found = neurons(explain(with_noise(), TASK))
    np.testing.assert_allclose(found.share[10:], expected, rtol=1e-4)


def test_neurons_of_the_published_weights(published):
    network = fr.interop.read(published / "pair_mod67_mlp.npz")
    explanation = explain(network, fr.tasks.ModularArithmetic(p=67))
    found = neurons(explanation, share=0.5)
    parts, counts = np.unique(found.part, return_counts=True)
    # Of the twelve that the source counts to frequency 1, one is as much of others.
    assert dict(zip(parts, counts, strict=True)) == {"": 1, "1": 11, "15": 6, "23": 6}
    assert found.attrs["alone"] == 1
    assert found.attrs["pure"] == pytest.approx(0.977, abs=0.005)


def test_neurons_of_a_group_hear_entries_of_irreps():
    task = fr.tasks.GroupOperation(degree=4)
    found = neurons(explain(constructed.characters(4, [(3, 1)]), task))
    assert set(found.part.values) == {"(3, 1)"}
    assert found.attrs["pure"] == 1


def test_logits_alone_have_no_neurons():
    with pytest.raises(fr.SpecError, match="neurons: what was explained has none"):
        neurons(explain(constructed.clock_logits(P, {3: 1.0}), TASK))


def left_over(logits: np.ndarray, task: Any = TASK):
    return remainder(explain(logits, task))


@pytest.mark.parametrize("seed", range(3))
def test_what_is_left_over_is_told_apart(seed: int):
    random = np.random.default_rng(seed)
    clock = constructed.clock_logits(P, {3: 5.0, 7: 5.0})
    noise = random.normal(size=clock.shape)
    a, b = np.ogrid[:P, :P]
    learned = (random.random((P, P, 1)) < 0.5) * np.eye(P)[random.integers(P, size=(P, P))]
    found = left_over(clock + noise)
    assert found.kind == "noise"
    assert found.examples == pytest.approx(0, abs=0.2)
    assert found.structure == pytest.approx(0, abs=0.2)
    assert left_over(clock + 0.1 * noise + 5 * learned).kind == "memorised examples"
    other = np.cos(2 * np.pi * 5 / P * (a + 2 * b))[..., None] * np.cos(np.arange(P))
    assert left_over(clock + 0.1 * noise + other).kind == "structure"
    assert left_over(clock).kind == "nothing"


def test_what_is_left_over_of_a_group_is_told_apart():
    task, random = fr.tasks.GroupOperation(degree=4), np.random.default_rng(0)
    written = constructed.characters(4, [(3, 1)])
    logits = np.asarray(written.table(jnp.asarray(task.table()[0]))).reshape(3 * (24,))
    size = float(np.std(logits))
    noise = random.normal(size=logits.shape) * size / 10
    answers = np.eye(24)[random.integers(24, size=(24, 24))]
    assert left_over(logits + noise, task).kind == "noise"
    assert left_over(logits + 5 * size * answers, task).kind == "memorised examples"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three networks from their first step to where some have grokked, and three that diverge."""
    model = fr.models.FactoredMLP(width=24, embed_width=32)
    experiment = fr.Experiment(
        TASK,
        model,
        optimizer=fr.optim.AdamW(learning_rate=3e-3, weight_decay=1.0, b2=0.98),
        steps=4000,
        keep=fr.Schedule(at=(0, 500)),
    )
    over = {"optimizer.learning_rate": [3e-3, 1e30], "seed": range(3)}
    store = tmp_path_factory.mktemp("runs") / "few.zarr"
    return fr.train(experiment, over=over, store=store, machine=QUIET)


def test_every_run_is_explained_as_if_alone(runs):
    found = explain_runs(runs)
    assert dict(found.sizes) == {"run": 6}
    assert list(found.mechanism[3:]) == [""] * 3
    assert found.accuracy[3:].isnull().all()
    for run in range(3):
        alone = explain(runs, run=run)
        assert (found.mechanism[run], found.parts[run]) == (alone.mechanism, alone.fit.parts)
        # Its products are added up in another order, on one thread.
        assert found.predictive[run].item() == pytest.approx(alone.predictive, abs=1e-12)
    assert (found.mechanism[:3] != "no explanation").any()


def test_the_birth_of_a_circuit_can_be_watched(runs):
    found = explain_runs(runs.isel(run=slice(0, 3)), steps=[0, 500, 4000])
    assert found.predictive.dims == ("run", "step")
    assert (found.mechanism.sel(step=0) == "no explanation").all()
    assert (found.predictive.sel(step=0) < found.predictive.sel(step=4000)).all()


def test_runs_of_which_none_can_be_explained_are_refused(runs):
    with pytest.raises(fr.StoreError, match="no weights were kept at the steps"):
        explain_runs(runs, steps=[77])
    with pytest.raises(fr.SpecError, match="does not read strings of 10 bits"):
        explain_runs(runs, fr.tasks.SparseParity(n=10, k=2))


@pytest.fixture(scope="module")
def memorising():
    """Seventy networks that know the pairs they were trained on, and no others."""
    task = dataclasses.replace(TASK, train_fraction=0.4)
    experiment = fr.Experiment(task, fr.models.MLP(widths=(64,)), steps=1000)
    runs = fr.train(experiment, over={"seed": range(70)}, machine=QUIET)
    assert (runs.train_accuracy[:, -1] > 0.99).mean() > 0.9
    assert (runs.test_accuracy[:, -1] < 0.5).all()
    return runs


def test_memory_is_what_is_left_over_of_those_that_memorise(memorising):
    kinds = [remainder(explain(memorising, run=run).by(FourierSum)).kind for run in range(5)]
    assert kinds == ["memorised examples"] * 5


@pytest.mark.parametrize("run", range(5))
def test_a_list_is_told_of_those_that_memorise_and_is_what_they_were_trained_on(memorising, run):
    found = explain(memorising, run=run)
    assert found.mechanism == "no explanation"
    assert found.remembers
    assert "It is a memorised table: with" in found.verdict
    assert min(found.sufficient, found.necessary) > 0.95
    trained = np.zeros((P, P), bool)
    trained[tuple(fr.experiment_of(memorising, run).task.split(run).train.inputs.T)] = True
    assert found.fit.held[trained].mean() > 0.9  # the list was found by the logits alone
    assert found.fit.held[~trained].mean() < 0.3


def test_no_list_is_told_of_a_rule_or_of_nothing():
    random = np.random.default_rng(0)
    for what in (random.normal(size=(P, P, P)), constructed.clock_logits(P, {3: 1.0})):
        found = explain(what, TASK)
        assert not found.remembers
        assert "memorised" not in found.verdict
    listed = np.eye(P)[random.integers(P, size=(P, P))]
    listed[:25] = np.eye(P)[np.add.outer(np.arange(25), np.arange(P)) % P] * 3
    found = explain(listed, TASK)  # right about more than half, but by no rule
    assert found.by(MemorizedTable).least > 0.85
    assert not found.holds
    assert found.fit.rule


def test_a_list_of_nothing_says_nothing():
    found = explain(np.zeros((P, P, P)), TASK).by(MemorizedTable)
    assert found.fit.held.sum() == 0
    with pytest.raises(KeyError, match="a list has no parts"):
        found.fit.component(found.subject, "1")


def test_an_ideal_network_has_pure_waves_and_adds():
    network = with_noise()
    ideal = idealise(explain(network, TASK))
    power = np.abs(np.fft.rfft(np.asarray(ideal.first, np.float64), axis=1)[:, 1:]) ** 2
    np.testing.assert_allclose(power.max(1) / power.sum(1), 1, atol=1e-6)
    out = np.fft.rfft(np.asarray(ideal.weights[0], np.float64), axis=1)[:, 1:]
    assert (np.abs(out).argmax(1) == power[0].argmax(0)).all()
    phases = np.fft.rfft(np.asarray(ideal.first, np.float64), axis=1)[:, 1:]
    for neuron, wave in enumerate(power[0].argmax(0)):
        turned = phases[0, wave, neuron] * phases[1, wave, neuron] * out[neuron, wave].conj()
        assert abs(turned.imag) < 1e-3 * abs(turned)  # the phase of the answer is their sum
    assert explain(ideal, TASK).accuracy == 1
    assert explain(idealise(explain(constructed.circles(P, 5, (2, 7)), TASK)), TASK).holds


def test_the_published_network_still_adds_when_idealised(published):
    task = fr.tasks.ModularArithmetic(p=67)
    found = explain(fr.interop.read(published / "pair_mod67_mlp.npz"), task)
    assert explain(idealise(found), task).accuracy == pytest.approx(0.970, abs=0.005)


def test_the_published_pizza_still_adds_when_idealised(published):
    task = fr.tasks.ModularArithmetic(p=59)
    found = explain(fr.interop.read(published / "pizza_model_a.pt"), task)
    assert explain(idealise(found), task).accuracy == pytest.approx(0.998, abs=0.002)
    network = found.subject.network
    np.testing.assert_allclose(
        found.subject.said, np.asarray(network.blocks[0].out @ network.unembed), atol=1e-4
    )


@pytest.mark.parametrize("encoding", ["equals", "equation"])
def test_an_ideal_network_reads_what_the_task_writes(encoding: str):
    task = fr.tasks.ModularArithmetic(p=P, encoding=encoding)
    plain = constructed.circles(P, 5, (2, 7))
    inputs, tokens, classes, spans = task.signature
    assert tokens is not None
    assert spans is not None
    first = np.zeros((*inputs, tokens, plain.w_in.shape[1]), np.float32)
    first[[span == (0, P) for span in spans], :P] = plain.w_in
    out = np.pad(np.asarray(plain.w_out), [(0, 0), (0, classes - P)])
    network = fr.models.MLPNetwork(
        first=jnp.asarray(first),
        weights=(jnp.asarray(out),),
        biases=(None, None),
    )
    found = explain(network, task)
    assert found.holds
    assert explain(idealise(found), task).accuracy == 1


@pytest.mark.parametrize(
    "model", [fr.models.MLP(widths=(8, 8)), fr.models.Transformer(layers=2, width=8, heads=2)]
)
def test_where_more_than_a_sum_follows_the_neurons_there_is_no_ideal(model):
    network = model.init(TASK.signature, P, key=jax.random.key(0))
    with pytest.raises(fr.SpecError, match="with one layer of neurons whose activations add"):
        idealise(network, TASK)


def test_what_learned_nothing_has_no_ideal_that_adds():
    model = fr.models.FactoredMLP(width=24, embed_width=32)
    network = model.init(TASK.signature, P, key=jax.random.key(0))
    assert explain(idealise(explain(network, TASK)), TASK).accuracy < 0.5


def test_what_has_no_matrices_cannot_be_idealised():
    with pytest.raises(fr.SpecError, match="idealise: got NoneType on ModularArithmetic"):
        idealise(explain(constructed.clock_logits(P, {3: 1.0}), TASK))
    parity = explain(constructed.parity_cases(10, 3), fr.tasks.SparseParity(n=10, k=3))
    with pytest.raises(fr.SpecError, match="on SparseParity; allowed: a network"):
        idealise(parity)


def test_networks_that_know_most_pairs_by_heart_are_not_explained():
    """They answer more than half of all pairs, so that the three numbers have to tell."""
    experiment = fr.Experiment(
        task=TASK,
        model=fr.models.MLP(widths=(256,)),
        optimizer=fr.optim.AdamW(learning_rate=0.01, weight_decay=0.0),
        steps=150,
    )
    found = explain_runs(fr.train(experiment, {"seed": range(24)}, machine=QUIET))
    assert (found.accuracy > 0.59).all()
    assert (found.accuracy < 0.65).all()
    least = np.minimum(np.minimum(found.sufficient, found.necessary), found.predictive)
    assert (least < 0.6).all()
    assert set(found.mechanism.values) == {"no explanation"}
    random, labels = np.random.default_rng(0), np.add.outer(np.arange(P), np.arange(P)) % P
    for share in (0.6, 0.7, 0.8):
        for _ in range(8):
            known = random.random((P, P, 1)) < share
            table = 10 * known * np.eye(P)[labels] + random.normal(size=3 * (P,))
            listed = explain(table, TASK)
            assert listed.learned > 0.5
            assert not listed.holds


def test_of_two_hundred_that_follow_no_rule_at_most_one_is_explained(memorising):
    random = np.random.default_rng(0)
    model = fr.models.FactoredMLP(width=24, embed_width=32)
    untrained = [model.init(TASK.signature, P, key=jax.random.key(i)) for i in range(70)]
    scrambled = []
    for _ in range(60):
        kept = constructed.circles(P, 5, (random.choice(15, 3, replace=False) + 1).tolist())
        assert kept.out is not None
        scrambled.append(dataclasses.replace(kept, out=kept.out[random.permutation(15)]))
    held = [explain(network, TASK).holds for network in untrained + scrambled]
    held += list(explain_runs(memorising).mechanism != "no explanation")
    assert len(held) == 200
    assert sum(map(bool, held)) <= 1
