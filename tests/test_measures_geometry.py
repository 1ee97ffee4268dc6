"""Measures of shapes, against plain sums and published values."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import flyroom as fr
from flyroom import measures
from flyroom.models import constructed


def standard(table: np.ndarray) -> np.ndarray:
    return (table - table.mean(0)) / table.std(0)


def quality(embedding: np.ndarray, tolerance: float = 0.01) -> tuple[float, int]:
    """By its definition, parallelogram by parallelogram, and how many there are."""
    table, p = standard(embedding), len(embedding)
    pairs = [(i, j) for i in range(p) for j in range(i, p)]
    every = [(s, t) for s, t in itertools.combinations(pairs, 2) if sum(s) == sum(t)]
    gaps = [np.square(table[[*s]].sum(0) - table[[*t]].sum(0)).mean() for s, t in every]
    return float(np.mean(np.array(gaps) < tolerance)), len(every)


def test_quality_is_the_share_of_parallelograms():
    random = np.random.default_rng(0)
    line = np.arange(10.0)[:, None]
    assert quality(line)[1] == 70
    for noise, channels in itertools.product((0.05, 0.3, 3.0), (1, 3)):
        embedding = line * random.normal(size=channels) + noise * random.normal(size=(10, channels))
        for tolerance in (0.01, 0.3):
            found = measures.representation_quality(embedding, tolerance=tolerance)
            assert found == pytest.approx(quality(embedding, tolerance)[0], abs=1e-12)


def test_quality_has_its_published_values():
    random = np.random.default_rng(0)
    line = np.arange(10.0)[:, None]
    assert measures.representation_quality(line) == 1
    draws = random.normal(size=(600, 10, 1))
    gaussian = np.mean([measures.representation_quality(draw) for draw in draws])
    assert gaussian == pytest.approx(0.031, abs=0.005)
    noisy = np.mean([measures.representation_quality(standard(line) + 0.1 * d) for d in draws])
    assert noisy == pytest.approx(0.372, abs=0.02)


def test_quality_depends_on_no_scale_and_needs_parallelograms():
    embedding = np.random.default_rng(0).normal(size=(10, 2)) + np.arange(10)[:, None]
    moved = np.concatenate([embedding * [3.0, 0.01] + 5, np.full((10, 1), 7.0)], axis=1)
    assert measures.representation_quality(moved) == measures.representation_quality(embedding)
    assert np.isnan(measures.representation_quality(np.ones((10, 2))))
    assert np.isnan(measures.representation_quality(np.arange(2.0)[:, None]))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_implied_answers_are_those_of_parallelograms(seed: int):
    """Pair by pair, as the source says it."""
    random = np.random.default_rng(seed)
    embedding = np.arange(8.0)[:, None] + 0.2 * random.normal(size=(8, 2))
    pairs = random.permutation([(i, j) for i in range(8) for j in range(i, 8)])
    train, test, table = pairs[:20], pairs[20:], standard(embedding)

    def implied(m: int, n: int) -> bool:
        return any(
            i + j == m + n and np.square(table[[i, j]].sum(0) - table[[m, n]].sum(0)).mean() < 0.3
            for i, j in train
        )

    found = measures.implied_accuracy(embedding, train, test, tolerance=0.3)
    assert found == pytest.approx(np.mean([implied(m, n) for m, n in test]))


def test_an_embedding_that_is_a_line_implies_what_has_a_training_pair_of_its_sum():
    line, train = np.arange(10.0)[:, None], np.array([[0, 4], [2, 5]])
    assert measures.implied_accuracy(line, train, np.array([[1, 3], [2, 2]])) == 1
    assert measures.implied_accuracy(line, train, np.array([[1, 3], [1, 1]])) == 0.5
    assert np.isnan(measures.implied_accuracy(line, train, np.zeros((0, 2), int)))
    assert np.isnan(measures.implied_accuracy(np.ones((10, 2)), train, train))


def test_components_are_those_of_the_covariance():
    features = np.random.default_rng(0).normal(size=(20, 5)) * [5, 4, 3, 2, 1]
    found = measures.principal_components(features, 3)
    values, vectors = np.linalg.eigh(np.cov(features.T, ddof=0))
    np.testing.assert_allclose(found.share, values[:1:-1] / values.sum())
    for component, vector in zip(found.direction.values, vectors.T[::-1], strict=False):
        assert abs(component @ vector) == pytest.approx(1)
        assert component.max() == np.abs(component).max()
    np.testing.assert_allclose(
        found.score, (features - features.mean(0)) @ found.direction.values.T
    )
    assert (measures.principal_components(np.ones((4, 3)), 2).share == 0).all()
    with pytest.raises(ValueError, match="got count=6; allowed: 1 to 5 for features of shape"):
        measures.principal_components(features, 6)


def test_neighbours_in_space_are_neighbours_in_the_plane():
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 30)
    features = 8 * random.normal(size=(4, 10))[labels] + random.normal(size=(120, 10))
    places = measures.t_sne(features, perplexity=10.0)
    assert places.dims == ("row", "component")
    assert measures.silhouette(places.values, labels) > 0.7
    near = [np.argsort(((x - x[:, None]) ** 2).sum(2))[:, 1:11] for x in (features, places.values)]
    kept = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(*near, strict=True)])
    assert kept > 0.5  # drawn at random, a third would be
    again = measures.t_sne(features, perplexity=10.0)
    np.testing.assert_array_equal(places, again)
    with pytest.raises(ValueError, match="allowed: above 0 and less than the 120 rows"):
        measures.t_sne(features, perplexity=120.0)


def silhouettes(features: np.ndarray, labels: np.ndarray) -> float:
    """By its definition, row by row."""
    scores = []
    for i, x in enumerate(features):
        apart = np.linalg.norm(features - x, axis=1)
        mine = (labels == labels[i]) & (np.arange(len(labels)) != i)
        a = apart[mine].mean() if mine.any() else None
        b = min(apart[labels == c].mean() for c in set(labels.tolist()) - {labels[i]})
        scores.append(0.0 if a is None else (b - a) / max(a, b))
    return float(np.mean(scores))


@pytest.mark.parametrize("apart", [0.0, 1.0, 30.0])
def test_silhouettes_as_they_are_written(apart: float):
    random = np.random.default_rng(0)
    labels = np.append(random.integers(4, size=40), 7)  # the last is alone in its class
    features = random.normal(size=(41, 3)) + apart * labels[:, None]
    found = measures.silhouette(features, labels)
    assert found == pytest.approx(silhouettes(features, labels), abs=1e-12)
    assert {0.0: found < 0, 1.0: 0 < found < 0.6, 30.0: found > 0.9}[apart]


def test_separation_is_a_ratio_of_traces():
    random = np.random.default_rng(0)
    labels = random.integers(5, size=60)
    features = random.normal(size=(60, 4)) + labels[:, None]
    between, within = np.zeros((4, 4)), np.zeros((4, 4))
    for c in range(5):
        rows = features[labels == c]
        shift = rows.mean(0) - features.mean(0)
        between += len(rows) * np.outer(shift, shift)
        within += (rows - rows.mean(0)).T @ (rows - rows.mean(0))
    expected = np.trace(between) / np.trace(within)
    assert measures.class_separation(features, labels) == pytest.approx(expected, rel=1e-12)
    # Features that know nothing of the classes.
    noise = [measures.class_separation(random.normal(size=(60, 4)), labels) for _ in range(300)]
    assert np.mean(noise) == pytest.approx(4 / 55, rel=0.1)
    assert measures.class_separation(labels[:, None].astype(float), labels) == np.inf
    assert np.isnan(measures.class_separation(np.ones((60, 2)), labels))


@pytest.mark.parametrize("measure", [measures.silhouette, measures.class_separation])
def test_one_class_has_no_other(measure):
    with pytest.raises(ValueError, match=f"{measure.__name__}: got 1 class; allowed: at least 2"):
        measure(np.ones((3, 2)), np.zeros(3, int))


def test_density_is_a_sum_of_normal_densities():
    random = np.random.default_rng(0)
    weights = {"a": random.normal(size=(5, 4)), "b": [random.exponential(size=7)]}
    flat = np.concatenate([weights["a"].ravel(), weights["b"][0]])
    for factor in (None, 0.1):
        found = measures.weight_density(weights, points=50, bandwidth=factor)
        h = flat.std(ddof=1) * (len(flat) ** -0.2 if factor is None else factor)
        z = (found.weight.values[:, None] - flat) / h
        expected = np.exp(-(z**2) / 2).mean(1) / (h * np.sqrt(2 * np.pi))
        np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert (found.weight[0], found.weight[-1]) == (flat.min(), flat.max())


def test_weights_that_gather_at_zero_are_dense_there():
    weights = np.random.default_rng(0).normal(size=5000)
    gathered = np.where(np.arange(5000) % 10 > 0, 1e-3, 1) * weights
    plain, peaked = measures.weight_density(weights), measures.weight_density(gathered)
    # A normal density, made wider by the kernel.
    h = 5000**-0.2
    assert plain.max().item() == pytest.approx((2 * np.pi * (1 + h**2)) ** -0.5, rel=0.05)
    assert peaked.max() > 5 * plain.max()
    assert abs(peaked.idxmax("weight").item()) < 0.1


def test_a_network_has_the_density_of_what_learns():
    task = fr.tasks.ModularArithmetic(p=11)
    model = fr.models.FactoredMLP(circles=(1, 2), embed_width=4)
    network = model.init(task.signature, 11, key=jax.random.key(0))
    found = measures.weight_density(network)
    expected = measures.weight_density([np.asarray(network.into), np.asarray(network.out)])
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    with pytest.raises(ValueError, match="at least two that differ"):
        measures.weight_density(np.zeros(4))


def test_complexity_counts_the_edges_close_by():
    random = np.random.default_rng(0)
    weights, biases = random.normal(size=(6, 300)), 0.03 * random.normal(size=300)
    inputs = 0.01 * random.normal(size=(5, 6))
    w, b = jnp.asarray(weights, jnp.float32), jnp.asarray(biases, jnp.float32)
    radius = 0.02

    def layers(x: jax.Array) -> dict[str, jax.Array]:
        return {"first": x @ w + b, "second": 1 + 0 * x}

    found = measures.local_complexity(
        layers, inputs.astype(np.float32), directions=6, radius=radius
    )
    # How far a neuron's edge is from an input. With all directions the cross-polytope holds a ball
    # of r / √6, and lies in one of r.
    far = np.abs(inputs @ weights + biases) / np.linalg.norm(weights, axis=0)
    low, high = (far < radius / 6**0.5).sum(1), (far < radius).sum(1)
    assert (low <= found.sel(layer="first").values).all()
    assert (found.sel(layer="first").values <= high).all()
    assert (low > 0).all()
    assert (low < high).all()
    assert (found.sel(layer="second") == 0).all()


def test_complexity_of_few_directions_is_less_and_too_many_are_refused():
    random = np.random.default_rng(0)
    w = jnp.asarray(random.normal(size=(30, 200)), jnp.float32)
    inputs = random.normal(size=(8, 30)).astype(np.float32)

    def layers(x: jax.Array) -> dict[str, jax.Array]:
        return {"first": x @ w}

    few, many = (
        measures.local_complexity(layers, inputs, directions=n, radius=1.0) for n in (1, 30)
    )
    assert few.sum() < 0.6 * many.sum()
    again = measures.local_complexity(layers, inputs, directions=1, radius=1.0)
    assert (few == again).all()
    with pytest.raises(ValueError, match="got directions=40; allowed: 1 to 30"):
        measures.local_complexity(layers, inputs)


# Circles and frequencies of an embedding.


def answered(network, embedding: np.ndarray, table: np.ndarray) -> float:
    """Share of pairs that a network answers when these are the vectors of its tokens."""
    w_in = embedding @ np.asarray(network.into, np.float64)
    hidden = np.maximum(w_in[:, None] + w_in[None], 0)
    logits = hidden @ np.asarray(network.out, np.float64) @ table.T
    number = np.arange(len(table))
    return float(np.mean(logits.argmax(2) == (number[:, None] + number) % len(number)))


def test_an_isolated_circle_answers_as_a_network_of_that_circle():
    p, sizes = 31, np.array([2.0, 2.0, 1.0, 1.0])
    full = constructed.circles(p, 6, (2, 7))
    table = np.asarray(full.embed, np.float64)
    # Of the same size the circles would share their components. The projection undoes the sizes.
    embed = table * sizes + 0.3
    network = dataclasses.replace(full, into=jnp.asarray(np.asarray(full.into) / sizes[:, None]))
    isolated = measures.isolated_circles(embed, 2)
    np.testing.assert_allclose(isolated[0] - 0.3, table * [2, 2, 0, 0], atol=1e-6)
    np.testing.assert_allclose(isolated[1] - 0.3, table * [0, 0, 1, 1], atol=1e-6)
    both = answered(network, embed - 0.3, table)
    for found, frequency in zip(isolated, (2, 7), strict=True):
        alone = constructed.circles(p, 6, (frequency,))
        circle = np.asarray(alone.embed, np.float64)
        share = answered(network, found - 0.3, table)
        assert share == pytest.approx(answered(alone, circle, circle), abs=0.01)
        assert share < both
        there = measures.embedding_circles(found)
        assert there.share.sel(frequency=frequency).item() == pytest.approx(1)
    with pytest.raises(ValueError, match="got count=3; allowed: 1 to 2 for an embedding of"):
        measures.isolated_circles(embed, 3)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_frequencies_stand_out_at_any_scale(scale: float):
    random = np.random.default_rng(0)
    turns = 2 * np.pi / 67 * np.outer(np.arange(67), [4, 5, 26])
    waves = np.concatenate([np.cos(turns), np.sin(turns)], axis=1) @ random.normal(size=(6, 20))
    noisy = waves + 0.1 * random.normal(size=waves.shape)
    for table in (waves, noisy, noisy + 7.0):
        assert measures.prominent_frequencies(scale * table) == [4, 5, 26]


def test_noise_has_no_frequency_that_stands_out():
    noise = np.random.default_rng(0).normal(size=(67, 128))
    turn = 2 * np.pi / 67 * np.arange(67)
    assert measures.prominent_frequencies(noise) == []
    # One that does, and is not nearly all.
    wave = np.outer(np.cos(5 * turn), np.ones(128))
    power = measures.neuron_power(noise + wave).sum("neuron")
    assert power.sel(frequency=5) > 5 * power.median()
    assert measures.prominent_frequencies(noise + wave) == []
    assert measures.prominent_frequencies(noise + wave, share=0.3) == [5]
    assert measures.prominent_frequencies(np.zeros((67, 3))) == []


def test_constructed_networks_have_the_frequencies_they_were_built_of():
    assert measures.prominent_frequencies(constructed.circles(67, 5, (4, 5, 7, 26))) == [
        4,
        5,
        7,
        26,
    ]
