"""Waves, sparsity, and what can be recorded while training."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings, strategies as st

from flyroom import algebra, measures, spec
from flyroom.losses import CrossEntropy
from flyroom.models import MLP, AbstractNetwork, FactoredMLP, FactoredNetwork, Transformer, relu
from flyroom.tasks import ModularArithmetic, Signature, examples
from flyroom.training import Context, Snapshot

ANGLES = 2 * np.pi * np.arange(67) / 67

# Waves.


def circle(frequencies: list[int], neurons: int = 5, p: int = 67) -> np.ndarray:
    """The input matrix of S2's construction: evenly spread phases at every frequency."""
    tokens = np.arange(p)[:, None]
    phases = 2 * np.pi * np.arange(neurons) / neurons
    return np.concatenate(
        [np.cos(2 * np.pi * k / p * tokens - phases) for k in frequencies], axis=1
    )


def published_network(folder: Path) -> FactoredNetwork:
    with np.load(folder / "pair_mod67_mlp.npz") as file:
        arrays = [jax.numpy.asarray(file[name]) for name in ("embed", "hidden", "out")]
    return FactoredNetwork(*arrays, unembed=None, activation=relu)


def fresh(model: MLP | FactoredMLP, p: int = 67, seed: int = 0) -> AbstractNetwork:
    return model.init(Signature((2,), p, p), p, key=jax.random.key(seed))


def count(values: xr.DataArray) -> dict[int, int]:
    return {int(k): int(n) for k, n in zip(*np.unique(values, return_counts=True), strict=True)}


def test_the_published_network_has_its_published_frequencies(published: Path):
    network = published_network(published)
    found = measures.neuron_frequencies(network)
    assert count(found.dominant_frequency) == {1: 12, 15: 6, 23: 6}
    assert measures.key_frequencies(network) == [1, 15, 23]
    # One of the twelve is hardly a wave (0.36 of its power), another not enough of one (0.77).
    assert count(found.frequency) == {0: 2, 1: 10, 15: 6, 23: 6}
    assert count(measures.pair_neuron_frequencies(network)) == {0: 1, 1: 11, 15: 6, 23: 6}


def test_a_constructed_network_has_the_waves_it_was_made_of():
    found = measures.neuron_frequencies(circle([4, 26]))
    np.testing.assert_array_equal(found.frequency, [4] * 5 + [26] * 5)
    np.testing.assert_allclose(found.power_share, 1)
    np.testing.assert_allclose(found.amplitude, 1)
    turns = np.exp(1j * found.phase.values)
    np.testing.assert_allclose(turns, np.tile(np.exp(2j * np.pi * np.arange(5) / 5), 2), atol=1e-12)
    assert measures.key_frequencies(circle([4, 5, 7, 26])) == [4, 5, 7, 26]
    assert measures.key_frequencies(circle([4, 5]), neurons=6) == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("model", [FactoredMLP(), MLP(widths=(128,))], ids=["factored", "mlp"])
def test_an_untrained_network_has_no_key_frequencies(model: MLP | FactoredMLP, seed: int):
    network = fresh(model, seed=seed)
    assert measures.key_frequencies(network) == []
    assert float(measures.neuron_frequencies(network).power_share.mean()) < 0.2


def test_chance_is_what_the_docstring_says():
    """A share of s > 1/2 has the chance K(1 − s)^(K − 1) of a Gaussian neuron."""
    random = np.random.default_rng(0).normal(size=(7, 20_000))
    found = measures.neuron_frequencies(random, strength=0.0)
    assert float((found.frequency > 0).mean()) == pytest.approx(3 * 0.15**2, rel=0.1)


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 40), st.floats(0.01, 100), st.integers(0, 2**32 - 1))
def test_the_rule_does_not_see_the_scale(p: int, scale: float, seed: int):
    weights = np.random.default_rng(seed).normal(size=(p, 3)) + 3 * circle([1], 3, p)
    one, other = (measures.neuron_frequencies(w) for w in (weights, scale * weights))
    np.testing.assert_array_equal(one.frequency, other.frequency)
    np.testing.assert_allclose(one.amplitude * scale, other.amplitude)


def test_a_dead_neuron_has_no_frequency():
    weights = np.concatenate([circle([5], 2), 0.05 * circle([9], 1), np.zeros((67, 1))], axis=1)
    assert count(measures.neuron_frequencies(weights).frequency) == {0: 2, 5: 2}
    assert measures.key_frequencies(weights, strength=0.01) == [5, 9]
    assert measures.key_frequencies(np.zeros((67, 3))) == []


def test_the_alternating_wave_of_an_even_modulus_counts_once():
    alternating = np.tile([1.0, -1.0], 6)[:, None]
    power = measures.neuron_power(alternating)
    assert power.frequency[int(power.argmax("frequency").item())] == 6
    assert float(power.sum()) == pytest.approx(12)


def test_power_adds_up_over_positions():
    tables = np.stack([circle([5]), 2 * circle([5])])
    assert measures.key_frequencies(tables) == [5]
    np.testing.assert_allclose(measures.neuron_power(tables).sum("frequency"), 5 * 67 / 2)


def test_vectors_have_no_waves():
    network = MLP(widths=(8,)).init(Signature((30,), None, 2), 1, key=jax.random.key(0))
    assert not measures.reads_tokens(network)
    with pytest.raises(TypeError, match="MLPNetwork reads real vectors"):
        measures.neuron_power(network)
    with pytest.raises(TypeError, match="object has neither `w_in` nor `first`"):
        measures.input_tables(object())


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_power_is_what_is_left_of_the_variance(p: int, seed: int):
    values = np.random.default_rng(seed).normal(size=(p, 2))
    np.testing.assert_allclose(algebra.power(values).sum(0), p * values.var(0), atol=1e-9)


def test_margins_of_published_frequencies():
    pair, nanda = ([4, 5, 7, 26], 67), ([14, 35, 41, 42, 52], 113)
    assert algebra.frequency_margin(*pair) == pytest.approx(0.4835, abs=5e-5)
    assert algebra.frequency_margin(*nanda) == pytest.approx(0.4820, abs=5e-5)
    assert algebra.frequency_margin(*pair, pizza=True) == pytest.approx(0.0623, abs=5e-5)
    assert algebra.frequency_margin(*nanda, pizza=True) == pytest.approx(0.0490, abs=5e-5)
    draw = np.random.default_rng(0)
    sets = [draw.choice(np.arange(1, 34), 4, replace=False) for _ in range(2000)]
    median = np.median([algebra.frequency_margin(s.tolist(), 67) for s in sets])
    assert median == pytest.approx(0.308, abs=0.01)
    sets = [draw.choice(np.arange(1, 57), 5, replace=False) for _ in range(2000)]
    median = np.median([algebra.frequency_margin(s.tolist(), 113) for s in sets])
    assert median == pytest.approx(0.329, abs=0.01)


@given(st.integers(1, 66))
def test_a_margin_is_the_same_for_multiples(unit: int):
    multiples = [unit * k % 67 for k in (4, 5, 7, 26)]
    assert algebra.frequency_margin(multiples, 67) == pytest.approx(0.483481, abs=1e-6)


# Sparsity.


def test_gini_of_known_vectors():
    five_of_56 = np.zeros(56)
    five_of_56[:5] = 3.0
    assert measures.gini(five_of_56) == pytest.approx(51 / 56)
    x = np.random.default_rng(0).exponential(size=40)
    differences = np.abs(x[:, None] - x).mean() / (2 * x.mean())
    assert measures.gini(x) == pytest.approx(differences)
    assert measures.gini(np.zeros(7)) == 0
    with pytest.raises(ValueError, match="allowed: at least 0"):
        measures.gini(np.array([-1.0, 1.0]))


def test_gini_of_gaussian_spectra():
    draw = np.random.default_rng(0)
    embeddings = draw.normal(size=(50, 113, 128))
    pairs = [np.sqrt(algebra.power(e).sum(1)) for e in embeddings]
    assert np.mean([measures.gini(x) for x in pairs]) == pytest.approx(0.0245, abs=5e-4)
    scalar = np.abs(np.fft.rfft(draw.normal(size=(500, 113)), axis=1))
    assert np.mean([measures.gini(x) for x in scalar]) == pytest.approx(0.289, abs=5e-3)


@pytest.mark.parametrize(
    ("p", "mean", "spread"),
    [(59, 0.0656, 0.0114), (67, 0.0579, 0.0097), (97, 0.0404, 0.0056), (113, 0.0349, 0.0047)],
)
def test_participation_of_gaussian_rows(p: int, mean: float, spread: float):
    rows = np.random.default_rng(0).normal(size=(4000, p))
    found = measures.inverse_participation_ratio(rows)
    assert found.mean() == pytest.approx(mean, abs=5e-4)
    assert found.std() == pytest.approx(spread, abs=8e-4)
    if p == 97:
        assert np.quantile(found, 0.99) == pytest.approx(0.059, abs=2e-3)


def test_participation_counts_frequencies():
    waves = [np.cos(k * ANGLES + k) for k in (3, 8, 20, 30)]
    rows = np.stack([waves[0], waves[0] + waves[1], sum(waves)])
    np.testing.assert_allclose(measures.inverse_participation_ratio(rows), [1, 1 / 2, 1 / 4])
    cubes = measures.inverse_participation_ratio(rows, order=3)
    np.testing.assert_allclose(cubes, [1, 1 / 4, 1 / 16])


# What can be recorded while training.

TOKENS = fresh(MLP(widths=(12,)), p=11)
FACTORED = fresh(FactoredMLP(width=6, embed_width=9), p=12)
VECTORS = MLP(widths=(40,)).init(Signature((10,), None, 2), 1, key=jax.random.key(1))
RECORDABLE = [measures.spectral_norm, measures.input_mass, measures.neuron_power_share]
RECORDABLE += [measures.neuron_ipr, measures.embedding_gini]


NO_ROWS = examples(np.zeros((0, 2), np.int32), np.zeros(0, np.int32))
CONTEXT = Context(NO_ROWS, NO_ROWS, CrossEntropy())


def record(measure: Snapshot, network: AbstractNetwork) -> np.ndarray:
    return np.asarray(jax.jit(lambda n: measure(n, CONTEXT))(network))


@pytest.mark.parametrize(
    "network", [TOKENS, FACTORED, VECTORS], ids=["tokens", "factored", "vectors"]
)
def test_the_spectral_norm_is_the_largest_singular_value(network: AbstractNetwork):
    tables = np.asarray(measures.input_tables(network), np.float64)
    expected = np.linalg.norm(tables.reshape(-1, tables.shape[-1]), 2)
    assert record(measures.spectral_norm, network) == pytest.approx(expected, rel=1e-5)


def test_input_mass_is_that_of_each_input():
    found = record(measures.input_mass, VECTORS)
    np.testing.assert_allclose(found, np.abs(VECTORS.first).sum(1), rtol=1e-6)
    assert measures.input_mass.dims == ("feature",)
    assert record(measures.input_mass, TOKENS).shape == (22,)


@pytest.mark.parametrize("network", [TOKENS, FACTORED], ids=["odd", "even"])
def test_the_recorded_power_share_is_the_measured_one(network: AbstractNetwork):
    expected = measures.neuron_frequencies(network).power_share.mean()
    assert record(measures.neuron_power_share, network) == pytest.approx(float(expected), rel=1e-4)


def test_the_power_share_tells_waves_from_noise(published: Path):
    assert record(measures.neuron_power_share, published_network(published)) > 0.9
    assert record(measures.neuron_power_share, fresh(FactoredMLP())) < 0.2


def test_the_power_share_leaves_dead_neurons_out():
    weights = np.concatenate([circle([5], 3), np.zeros((67, 2))], axis=1).astype(np.float32)
    into, out = jax.numpy.asarray(weights), jax.numpy.asarray(weights.T)
    network = FactoredNetwork(None, None, None, None, into, out)
    assert record(measures.neuron_power_share, network) == pytest.approx(1)


@pytest.mark.parametrize("network", [TOKENS, FACTORED], ids=["odd", "even"])
def test_the_recorded_participation_is_the_measured_one(network: AbstractNetwork):
    sides = [*measures.input_tables(network), np.asarray(measures.answer_matrix(network)).T]
    each = [measures.inverse_participation_ratio(np.asarray(side).T) for side in sides]
    found = record(measures.neuron_ipr, network)
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-4)


def test_a_dead_neuron_takes_no_frequency():
    into = jax.numpy.asarray(np.concatenate([circle([5], 3), np.zeros((67, 2))], axis=1))
    network = FactoredNetwork(None, None, None, None, into, into.T)
    np.testing.assert_allclose(record(measures.neuron_ipr, network)[-2:], 0)
    np.testing.assert_allclose(record(measures.neuron_ipr, network)[:-2], 1, rtol=1e-5)


def fourier_gini(embed: np.ndarray) -> float:
    """By the source's formula: norms of the constant's, every cosine's and every sine's share."""
    p = len(embed)
    angles = 2 * np.pi * np.outer(np.arange(1, (p + 1) // 2), np.arange(p)) / p
    rows = np.concatenate([np.cos(angles), np.sin(angles)]) * (2 / p) ** 0.5
    rows = np.concatenate([np.full((1, p), p**-0.5), rows])
    if p % 2 == 0:
        rows = np.concatenate([rows, (-1.0) ** np.arange(p)[None] / p**0.5])
    return measures.gini(np.linalg.norm(rows @ embed, axis=1))


@pytest.mark.parametrize("network", [TOKENS, FACTORED], ids=["odd", "even"])
def test_the_recorded_gini_coefficient_is_that_of_the_waves(network: Any):
    embed = getattr(network, "embed", None)
    whole = np.concatenate(network.first, axis=1) if embed is None else np.asarray(embed)
    expected = fourier_gini(whole.astype(np.float64))
    assert record(measures.embedding_gini, network) == pytest.approx(expected, rel=1e-4)


def test_the_gini_coefficient_of_a_transformer_leaves_the_equals_sign_out():
    task = ModularArithmetic(p=11, encoding="equals")
    model = Transformer(width=8, heads=2, neurons=12)
    network = model.init(task.signature, 11, key=jax.random.key(0))
    expected = fourier_gini(np.asarray(network.embed, np.float64)[:11])
    assert record(measures.embedding_gini, network) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("measure", RECORDABLE, ids=lambda m: m.name)
def test_what_can_be_recorded_can_be_written_down(measure: Snapshot):
    assert spec.reference(measure) == f"measures:{measure.name}"
    assert spec.resolve(measure.name, "measures") is measure
    assert measure.definition.endswith(".")


def test_distractors_are_the_other_inputs():
    mass = np.arange(12.0).reshape(1, 2, 6)
    runs = xr.Dataset({"input_mass": (("run", "step", "feature"), mass)}, {"step": [0, 8]})
    found = measures.distractor_mass(runs, relevant=[0, 1, 5])
    np.testing.assert_array_equal(found, [[2 + 3 + 4, 8 + 9 + 10]])
    assert found.attrs["relevant"] == [0, 1, 5]
    with pytest.raises(ValueError, match=r"got inputs \[0, 6\]; allowed: 0 to 5"):
        measures.distractor_mass(runs, relevant=[0, 6])
