"""Margins, against those that theory says are the largest."""

import dataclasses
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import flyroom as fr
from flyroom import measures
from flyroom.models import MLPNetwork, constructed, square


@pytest.fixture(autouse=True)
def _wide():
    """Exact statements are looked at in float64."""
    with jax.enable_x64():
        yield


def sums(p: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.divmod(np.arange(p * p), p)
    return np.stack([a, b], axis=1), (a + b) % p


def margin(network: MLPNetwork, p: int, *, grouped: bool = True) -> float:
    inputs, labels = sums(p)
    logits = np.asarray(network.table(jnp.asarray(inputs)))
    return measures.normalized_margin(logits, labels, network, degree=3, grouped=grouped)


def test_margins_as_they_are_written():
    random = np.random.default_rng(0)
    logits, labels = random.normal(size=(30, 5)), random.integers(5, size=30)
    expected = [
        row[c] - max(x for k, x in enumerate(row) if k != c)
        for row, c in zip(logits.tolist(), labels.tolist(), strict=True)
    ]
    found = measures.output_margins(logits, labels)
    np.testing.assert_allclose(found, expected)
    np.testing.assert_array_equal(found > 0, logits.argmax(1) == labels)
    one = measures.output_margins(np.array([[2.0], [2.0], [-3.0]]), np.array([1, 0, 0]))
    assert one.tolist() == [2, -2, 3]


@pytest.mark.parametrize("p", [3, 7, 31])
def test_the_exact_quadratic_network_has_the_largest_margin(p: int):
    network = constructed.quadratic_exact(p)
    largest = math.sqrt(2 / 27) / (math.sqrt(p) * (p - 1))
    assert measures.largest_quadratic_margin(p) == pytest.approx(largest, rel=1e-12)
    assert margin(network, p) == pytest.approx(largest, rel=1e-8)


def test_other_networks_have_smaller_margins():
    p, random = 7, np.random.default_rng(0)
    network, largest = constructed.quadratic_exact(p), measures.largest_quadratic_margin(p)
    assert margin(constructed.quadratic(p, 60), p) < 0.9 * largest
    for _ in range(20):
        moved = jax.tree.map(lambda w: w + 0.1 * random.normal(size=w.shape), network)
        assert margin(moved, p) < largest
    # One that answers wrongly has a negative one.
    assert margin(dataclasses.replace(network, weights=(-network.weights[0],)), p) < 0


def test_a_normalized_margin_does_not_depend_on_the_size_of_all_weights():
    network = constructed.quadratic_exact(7)
    larger = jax.tree.map(lambda w: 3.0 * w, network)
    for grouped in (True, False):
        one, other = (margin(n, 7, grouped=grouped) for n in (network, larger))
        assert one == pytest.approx(other, rel=1e-12)
    flat = np.concatenate([np.ravel(w) for w in jax.tree.leaves(network)])
    expected = 1.5 * 7 / np.linalg.norm(flat) ** 3
    assert margin(network, 7, grouped=False) == pytest.approx(expected, rel=1e-12)


def test_the_group_norm_goes_neuron_by_neuron():
    random = np.random.default_rng(0)
    first, out = random.normal(size=(2, 7, 5)), random.normal(size=(5, 7))
    network = MLPNetwork(
        jnp.asarray(first), (jnp.asarray(out),), biases=(None, None), activation=square
    )
    each = [np.linalg.norm([*first[0, :, j], *first[1, :, j], *out[j]]) for j in range(5)]
    for order in (2.0, 3.0, 5.0):
        found = measures.group_norm(network, order=order)
        assert found == pytest.approx(sum(x**order for x in each) ** (1 / order), rel=1e-12)
    with pytest.raises(TypeError, match="group_norm: ndarray has no matrix from its first neurons"):
        measures.group_norm(first)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_monomial_networks_have_the_largest_margin_on_parities(k: int):
    r"""\(k!\sqrt{2 (k+1)^{-(k+1)}}\), with two outputs whose weights have opposite signs."""
    one = constructed.parity_monomials(k + 2, k)
    # Balanced: a neuron's weights out are as large as those from one input.
    out = np.asarray(one.weights[0])
    both = np.concatenate([-out, out], axis=1) / np.abs(out) / math.sqrt(2)
    network = dataclasses.replace(one, weights=(jnp.asarray(both),))
    inputs = np.array(list(itertools.product((1.0, -1.0), repeat=k + 2)))
    labels = (inputs[:, :k].prod(1) > 0).astype(int)
    logits = np.asarray(network.table(jnp.asarray(inputs)))
    found = measures.normalized_margin(logits, labels, network, degree=k + 1, grouped=True)
    assert found == pytest.approx(math.factorial(k) * math.sqrt(2 * (k + 1) ** -(k + 1)), rel=1e-6)
    assert measures.largest_parity_margin(k) == pytest.approx(found, rel=1e-6)


@pytest.mark.parametrize("n", [3, 4])
def test_characters_have_the_largest_margin_on_permutations(n: int):
    """Each irrep as strong as its dimension, and neurons in balance: no rearrangement does more."""
    first, out = [], []
    for partition in fr.algebra.partitions(n)[1:]:
        one = constructed.characters(n, [partition])
        into, back = (np.asarray(w, np.float64) for w in (one.first, one.weights[0]))
        size = len(fr.algebra.irrep(n, partition)[0]) ** (1 / 3)
        turn = (np.linalg.norm(back, axis=1) / np.linalg.norm(into[0], axis=0)) ** (1 / 3)
        first.append(size * turn * into)
        out.append(size / turn[:, None] ** 2 * back)
    network = fr.models.MLPNetwork(
        first=jnp.asarray(np.concatenate(first, 2)),
        weights=(jnp.asarray(np.concatenate(out)),),
        biases=(None, None),
        activation=fr.models.square,
    )
    table = fr.algebra.symmetric(n).table
    pairs = np.stack([one.ravel() for one in np.indices(table.shape)], 1)
    logits = np.asarray(network.table(jnp.asarray(pairs)))
    found = measures.normalized_margin(logits, table.ravel(), network, degree=3, grouped=True)
    assert found == pytest.approx(measures.largest_group_margin(n), rel=1e-4)


def test_permutations_of_five_have_the_margin_and_the_width_of_theory():
    assert measures.largest_group_margin(5) == pytest.approx(1.326e-4, rel=5e-4)
    network = constructed.characters(5, fr.algebra.partitions(5)[1:])
    assert network.first.shape == (2, 120, 1190)
    with pytest.raises(ValueError, match="got n=1; allowed: at least 2"):
        measures.largest_group_margin(1)


def test_no_modulus_is_too_small():
    with pytest.raises(ValueError, match="got p=1; allowed: at least 2"):
        measures.largest_quadratic_margin(1)
    with pytest.raises(ValueError, match="got k=0; allowed: at least 1"):
        measures.largest_parity_margin(0)
