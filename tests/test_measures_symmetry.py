"""How alike a network treats its two inputs, and how circular its embedding is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import flyroom as fr
from flyroom import measures
from flyroom.tasks import Signature

P = 59
TURNS = 2 * np.pi / P * np.arange(P)


def circle(frequency: int, size: float = 1.0) -> np.ndarray:
    """A circle of the plane."""
    return size * np.stack([np.cos(frequency * TURNS), np.sin(frequency * TURNS)], axis=1)


def turned(embedding: np.ndarray, channels: int = 128) -> np.ndarray:
    """The same in more dimensions, in no direction of the axes, and off the origin."""
    random = np.random.default_rng(1)
    directions, _ = np.linalg.qr(random.normal(size=(channels, embedding.shape[1])))
    return embedding @ directions.T + random.normal(size=channels)


def test_a_function_of_the_sum_is_symmetric():
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(4, 9)), jnp.float32)
    table = np.random.default_rng(1).normal(size=(P, 4)).astype(np.float32)
    found = measures.gradient_symmetricity(lambda pair: jnp.tanh(pair.sum(0) @ weights), table)
    assert found == pytest.approx(1, abs=1e-6)


def test_an_ideal_clock_is_not():
    """Its gradients are at the angle of a − b, whose cosine has mean zero over all pairs."""
    table = jnp.asarray(circle(7), jnp.float32)

    def clock(pair: jax.Array) -> jax.Array:
        (a, b), (c, d) = pair
        return table @ jnp.stack([a * c - b * d, a * d + b * c])

    found = measures.gradient_symmetricity(clock, np.asarray(table), triples=4000)
    assert abs(found) < 0.05  # four standard errors: the cosine has the variance 1/2
    few = measures.gradient_symmetricity(clock, np.asarray(table))
    assert abs(few) < 0.3


def test_the_draw_is_of_its_seed_and_dead_gradients_are_left_out():
    table = np.random.default_rng(1).normal(size=(P, 4)).astype(np.float32)
    split = jnp.asarray(np.random.default_rng(2).normal(size=(2, 4, 3)), jnp.float32)

    def answer(pair: jax.Array) -> jax.Array:
        return jax.nn.relu(jnp.einsum("pc,pco->o", pair, split))

    one, same, other = (measures.gradient_symmetricity(answer, table, seed=s) for s in (0, 0, 1))
    assert one == same != other
    assert np.isnan(measures.gradient_symmetricity(lambda pair: 0 * pair[0], table))


@pytest.mark.parametrize(("shared", "low", "high"), [(True, 1 - 1e-6, 1), (False, -0.2, 0.2)])
def test_networks_whose_inputs_share_a_projection_are_symmetric(shared, low, high):
    model = fr.models.FactoredMLP(embed_width=64, shared=shared)
    network = model.init(Signature((2,), P, P), P, key=jax.random.key(0))
    found = measures.gradient_symmetricity(network.answer, np.asarray(network.embed))
    assert low <= found <= high + 1e-6


@pytest.mark.parametrize(
    ("embedding", "expected"),
    [
        (np.concatenate([circle(3, 2.0), circle(5)], axis=1), 1.0),
        # Not a circle, and as circular as one.
        (np.concatenate([circle(3, 2.0)[:, :1], circle(5)[:, 1:]], axis=1), 1.0),
    ],
)
def test_circles_of_their_own_sizes_are_circular(embedding, expected):
    components = embedding.shape[1]
    found = measures.circularity(turned(embedding), components=components)
    assert found == pytest.approx(expected, abs=1e-9)


def test_circles_of_the_same_size_mix():
    random = np.random.default_rng(0)
    # Equal but for rounding: the directions of the components are then arbitrary.
    both = np.concatenate([circle(3), circle(5)], axis=1)
    found = [
        measures.circularity(turned(both) + 1e-6 * random.normal(size=(P, 128))) for _ in range(50)
    ]
    assert 0.5 < np.mean(found) < 0.98


def test_noise_is_not_circular():
    """Published: 0.139 for a Gaussian embedding of 128 dimensions."""
    random = np.random.default_rng(0)
    found = [measures.circularity(random.normal(size=(P, 128))) for _ in range(100)]
    assert np.mean(found) == pytest.approx(0.139, abs=0.01)


def test_an_embedding_of_fewer_channels_has_as_many_components():
    """Such as the circle of the source's smallest networks, which is all of their embedding."""
    assert measures.circularity(circle(3)) == pytest.approx(1)
    assert measures.circularity(circle(3)[:, :1]) == pytest.approx(1)
    with pytest.raises(ValueError, match="got components=0; allowed: at least 1"):
        measures.circularity(circle(3), components=0)


def five_neurons(p: int, frequency: int) -> np.ndarray:
    """Logits of the smallest ReLU network that adds on one circle, over all pairs."""
    turn, arrow = 2 * np.pi * frequency * np.arange(p) / p, 2 * np.pi * np.arange(5) / 5
    inside = np.cos(turn[:, None] - arrow)
    hidden = np.maximum(inside[:, None] + inside[None], 0)
    return hidden @ np.cos(2 * arrow[:, None] - turn[None])


def test_distance_irrelevance_of_known_logits():
    """Values of the definition: a square 0, an exact |cos| 0.0006, five ReLU neurons 0.103."""
    p = 59
    a, b, c = np.meshgrid(*3 * [np.arange(p)], indexing="ij")
    turn = 2 * np.pi * 3 / p
    waves = np.cos(turn * (a + b - c))
    halves = np.cos(turn * (a - b) / 2)
    assert measures.distance_irrelevance(halves**2 * waves) == pytest.approx(0, abs=1e-12)
    assert measures.distance_irrelevance(np.abs(halves) * waves) == pytest.approx(0, abs=1e-3)
    assert measures.distance_irrelevance(five_neurons(p, 3)) == pytest.approx(0.103, abs=0.01)
    assert measures.distance_irrelevance(waves) == 1
    three = sum(five_neurons(p, k) for k in (3, 15, 17))
    assert measures.distance_irrelevance(np.asarray(three)) == pytest.approx(0.11, abs=0.02)
    random = np.random.default_rng(0)
    found = [
        measures.distance_irrelevance(clock_of(table + 0.05 * random.normal(size=table.shape)))
        for table in [np.exp(1j * turn * np.arange(p)).view(float).reshape(p, 2)] * 20
    ]
    assert np.mean(found) == pytest.approx(0.997, abs=0.002)


def clock_of(embedding: np.ndarray) -> np.ndarray:
    """Logits of a clock that multiplies embeddings, which are near a circle."""
    points = embedding @ [1, 1j]
    return np.real(points[:, None, None] * points[:, None] * points.conj())


def test_distance_irrelevance_as_it_is_written():
    p = 7
    logits = np.random.default_rng(0).normal(size=(p, p, p))
    right = {(a, b): logits[a, b, (a + b) % p] for a in range(p) for b in range(p)}
    by_difference = [[v for (a, b), v in right.items() if (a - b) % p == d] for d in range(p)]
    spreads = np.array([float(np.std(values)) for values in by_difference])
    expected = float(spreads.mean() / np.std([*right.values()]))
    assert measures.distance_irrelevance(logits) == pytest.approx(expected, rel=1e-12)
