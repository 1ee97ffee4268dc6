"""Explanations: found where they were written down, and nowhere else."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import flyroom as fr
from flyroom.mechanisms import FourierSum, Pairs, explain
from flyroom.mechanisms.waves import passing, wave_profiles
from flyroom.models import constructed

P = 31
QUIET = fr.Machine(devices=1, progress=False)


def addition(p: int = P, **values) -> fr.tasks.ModularArithmetic:
    return fr.tasks.ModularArithmetic(p=p, **values)


CONSTRUCTED = {
    "relu circles": (constructed.circles(P, 5, (2, 5, 11)), "pizza", [2, 5, 11]),
    "absolute circles": (
        constructed.circles(P, 7, (3,), activation=fr.models.absolute),
        "pizza",
        [3],
    ),
    "squares of waves": (constructed.quadratic_exact(11), "clock", [1, 2, 3, 4, 5]),
    "clock": (constructed.clock_logits(P, {3: 1.0, 7: 2.0}), "clock", [3, 7]),
}


@pytest.mark.parametrize("name", CONSTRUCTED)
def test_what_was_written_down_is_found(name: str):
    what, mechanism, frequencies = CONSTRUCTED[name]
    p = 11 if name.startswith("squares") else P
    found = explain(what, addition(p))
    assert found.mechanism == mechanism
    assert sorted(one.frequency for one in found.fit.circles) == frequencies
    assert min(found.sufficient, found.necessary, found.predictive) >= 0.99
    assert found.verdict.startswith(f"{mechanism.capitalize()}: with the frequencies")
    assert "it keeps 100.0% of its right answers" in found.verdict


def test_squares_on_circles_are_waves_with_a_profile_of_their_own():
    found = explain(constructed.circles(P, 3, (2, 5), activation=fr.models.square), addition())
    assert found.holds
    assert found.predictive == pytest.approx(1, abs=1e-9)
    u = found.fit.profiles[5]
    expected = u[0] * np.cos(2 * np.pi * 5 / P * np.arange(P) / 2) ** 2
    np.testing.assert_allclose(u, expected, atol=1e-5)


def test_published_weights_of_a_pizza(published):
    found = explain(fr.interop.read(published / "pizza_model_a.pt"), addition(59))
    assert found.mechanism == "pizza"
    assert found.accuracy == 1
    assert {one.frequency: one.accompanying for one in found.fit.circles} == {3: 6, 15: 29, 17: 25}
    assert min(found.sufficient, found.necessary, found.predictive) >= 0.99
    for one in found.fit.circles:
        assert one.pizza >= 0.97
        assert one.clock == pytest.approx(0.75, abs=0.05)
        assert 0.965 < one.accompanied < 0.99  # published, of principal components: 0.972 to 0.977


def test_published_weights_of_the_explorable(published):
    found = explain(fr.interop.read(published / "pair_mod67_mlp.npz"), addition(67))
    assert found.mechanism == "pizza"
    assert sorted(one.frequency for one in found.fit.circles) == [1, 15, 23]
    assert min(found.sufficient, found.necessary, found.predictive) >= 0.97


def fresh(model: fr.models.AbstractModel, seed: int):
    return model.init(addition().signature, P, key=jax.random.key(seed))


@pytest.mark.parametrize("seed", range(5))
def test_what_has_learned_nothing_has_no_explanation(seed: int):
    random = np.random.default_rng(seed)
    memory = 10 * np.eye(P)[random.integers(P, size=(P, P))] + random.normal(size=3 * (P,))
    half = np.where(random.random((P, P, 1)) < 0.5, 10 * clocks(), memory)
    for what in (
        fresh(fr.models.MLP(widths=(64,)), seed),
        fresh(fr.models.FactoredMLP(embed_width=32), seed),
        memory,
        half,
    ):
        found = explain(what, addition())
        assert found.mechanism == "no explanation"
        assert str(found).startswith("No explanation")
        assert found.verdict.startswith("No explanation")


def clocks() -> np.ndarray:
    a, b = np.divmod(np.arange(P * P), P)
    return np.eye(P)[(a + b) % P].reshape(P, P, P)


def test_scrambled_weights_have_no_explanation():
    network = constructed.circles(P, 5, (2, 5, 11))
    assert network.out is not None
    order = np.random.default_rng(0).permutation(15)
    scrambled = dataclasses.replace(network, out=network.out[order])
    assert not explain(scrambled, addition()).holds


def group(degree: int = 4) -> fr.tasks.GroupOperation:
    return fr.tasks.GroupOperation(degree=degree)


@pytest.mark.parametrize("partitions", [[(3, 1)], [(2, 1, 1), (1, 1, 1, 1)]])
def test_irreps_that_were_written_down_are_found(partitions):
    network = constructed.characters(4, partitions)
    logits = np.asarray(network.table(jnp.asarray(group().table()[0]))).reshape(3 * (24,))
    for what in (network, logits, lambda a, b: logits[a, b]):
        found = explain(what, group())
        assert found.mechanism == "representations"
        assert sorted(found.fit.similarity) == sorted(partitions)
        assert min(found.sufficient, found.necessary, found.predictive) >= 0.99


@pytest.mark.parametrize("seed", range(3))
def test_networks_of_groups_that_learned_nothing_have_no_explanation(seed: int):
    random = np.random.default_rng(seed)
    task, right = group(), np.eye(24)[fr.algebra.symmetric(4).table]
    memory = 10 * np.eye(24)[random.integers(24, size=(24, 24))] + random.normal(size=3 * (24,))
    half = np.where(random.random((24, 24, 1)) < 0.5, 10 * right, memory)
    written = constructed.characters(4, [(3, 1)])
    order = random.permutation(written.weights[0].shape[0])
    scrambled = dataclasses.replace(written, weights=(written.weights[0][order],))
    model = fr.models.MLP(widths=(64,))
    untrained = model.init(task.signature, 24, key=jax.random.key(seed))
    for what in (untrained, memory, half, scrambled):
        assert explain(what, task).mechanism == "no explanation"


def test_a_network_of_a_group_that_remembers_half_has_no_explanation():
    """Trained until it knows its training pairs and no others."""
    task = fr.tasks.GroupOperation(degree=4, train_fraction=0.5)
    experiment = fr.Experiment(task, fr.models.MLP(widths=(128,)), steps=1000)
    runs = fr.train(experiment, machine=QUIET)
    assert runs.train_accuracy[0, -1] == 1
    found = explain(runs)
    assert 0.5 <= found.accuracy < 0.8
    assert found.mechanism == "no explanation"


def test_runs_are_explained_by_their_own_task(tmp_path):
    clean = addition(7, train_fraction=0.5)
    task = fr.tasks.Corrupted(clean, noise=0.1)
    experiment = fr.Experiment(task, fr.models.MLP(widths=(8,)), steps=2)
    runs = fr.train(experiment, over={"seed": [0, 1]}, store=tmp_path / "x.zarr", machine=QUIET)
    ours = explain(runs, run=1).subject.logits
    np.testing.assert_array_equal(explain(tmp_path / "x.zarr", run=1).subject.logits, ours)
    np.testing.assert_array_equal(explain(fr.network(runs, 1), clean).subject.logits, ours)
    assert np.abs(explain(runs).subject.logits - ours).max() > 0
    with pytest.raises(fr.SpecError, match="got ndarray; allowed: of a parity a network"):
        explain(ours, fr.tasks.SparseParity())


@settings(max_examples=20, deadline=None)
@given(
    st.dictionaries(st.integers(1, P // 2), st.floats(0.5, 5), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_profiles_of_waves_are_their_amplitudes(amplitudes, seed):
    # constants of a pair are not the answer's, and change nothing
    offsets = np.random.default_rng(seed).normal(size=(P, P, 1))
    profiles = wave_profiles(constructed.clock_logits(P, amplitudes) + offsets)
    for k, u in profiles.items():
        np.testing.assert_allclose(u, amplitudes.get(k, 0.0), atol=1e-9)


def test_a_formula_is_the_projection_of_the_logits():
    logits = np.random.default_rng(0).normal(size=(P, P, P))
    fit = FourierSum.fit(Pairs.of(logits, addition()), share=1.0)
    left = logits - logits.mean(2, keepdims=True) - fit.predict()
    assert abs((left * fit.predict()).sum()) < 1e-6
    for u in wave_profiles(left).values():
        np.testing.assert_allclose(u, 0, atol=1e-9)


def test_waves_that_enter_are_those_of_the_tables():
    subject = Pairs.of(constructed.circles(P, 5, (2, 5)), addition())
    every = set(range(1, P // 2 + 1))
    for kept in ({2, 5}, every - {7}):
        found = subject.mixed(passing(P, kept))
        np.testing.assert_allclose(found, subject.logits, atol=1e-4)
    assert subject.accuracy(subject.mixed(passing(P, every - {2, 5}))) < 0.1


def test_what_is_kept_out_of_the_input_is_not_kept_out_of_the_answers():
    network = fresh(fr.models.FactoredMLP(width=8, embed_width=16), 0)
    assert isinstance(network, fr.models.FactoredNetwork)
    assert network.unembed is None  # the answers go through the embedding as well
    nothing = Pairs.of(network, addition()).mixed(passing(P, set()))
    np.testing.assert_allclose(nothing, np.broadcast_to(nothing[:1, :1], nothing.shape), atol=1e-5)
    assert nothing[0, 0].std() > 1e-3


def test_transformers_that_read_an_equals_sign_are_explained_too():
    task = addition(encoding="equals")
    network = fr.models.Transformer(width=16, heads=2, neurons=32).init(
        task.signature, P, key=jax.random.key(0)
    )
    subject = Pairs.of(network, task)
    x = jnp.array([3, 9, P])
    np.testing.assert_allclose(subject.logits[3, 9], network(x), atol=1e-5)


@pytest.mark.parametrize(
    ("what", "task", "said"),
    [
        (np.zeros((P, P)), addition(), "got logits of shape (31, 31); allowed: (31, 31, 31)"),
        (np.full(3 * (P,), np.nan), addition(), "some logits are not finite"),
        (np.zeros(3 * (P,)), addition(operation="a**2 + b"), "such as `a + b`, `a - b`"),
        (constructed.sine(P), addition(encoding="numbers"), "no array with an axis named `token`"),
    ],
)
def test_what_cannot_be_explained_is_said(what, task, said: str):
    with pytest.raises(fr.SpecError) as error:
        explain(what, task)
    assert said in str(error.value)
