"""Operations that are addition in some order of the residues."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st

import flyroom as fr
from flyroom.algebra import as_addition
from flyroom.mechanisms import explain, idealise
from flyroom.models import constructed

P = 31
ROOT = 3  # the least primitive root modulo 31
LOGARITHM = {pow(ROOT, i, P): i for i in range(P - 1)}


def modulo(operation: str, p: int = P) -> fr.tasks.ModularArithmetic:
    return fr.tasks.ModularArithmetic(p=p, operation=operation)


@given(st.sampled_from([3, 5, 7, 11, 13]), st.data())
def test_what_is_addition_in_disguise_is_found_and_is_addition(p: int, data):
    unit, shift = data.draw(st.integers(1, p - 1)), data.draw(st.integers(0, p - 1))
    operation = data.draw(st.sampled_from(["a + b", "a - b", "a * b", "a / b"]))
    task = modulo(f"{unit} * ({operation}) + {shift if operation in ('a + b', 'a - b') else 0}", p)
    results = task.results()
    found = as_addition(results)
    assert found is not None
    size = len(found.left)
    assert size == (p - 1 if operation in ("a * b", "a / b") else p)
    for i in range(size):
        for j in range(size):
            assert results[found.left[i], found.right[j]] == found.answers[(i + j) % size]


@pytest.mark.parametrize("operation", ["a**2 + b", "2 * a + b", "a * b + 1 + a", "a % b"])
def test_what_is_not_is_refused(operation: str):
    with pytest.raises(fr.SpecError, match="allowed: those that are addition in some order"):
        explain(np.zeros((7, 7, 7)), modulo(operation, 7))
    assert as_addition(modulo(operation, 7).results()) is None


def test_logits_of_products_are_waves_of_their_logarithms():
    clock = constructed.clock_logits(P - 1, {1: 1.0, 7: 2.0})
    logits = np.zeros((P, P, P))
    nonzero = np.arange(1, P)
    order = np.array([LOGARITHM[a] for a in nonzero.tolist()])
    logits[np.ix_(nonzero, nonzero, nonzero)] = clock[np.ix_(order, order, order)]
    found = explain(logits, modulo("a * b"))
    assert found.mechanism == "clock"
    assert found.fit.found["key_frequencies"] == [1, 7]
    assert found.accuracy == 1


def test_logits_of_differences_are_those_of_sums_with_the_other_sign():
    clock = constructed.clock_logits(P, {2: 1.0, 7: 2.0})
    found = explain(clock[:, -np.arange(P)], modulo("a - b"))
    assert (found.mechanism, found.fit.found["key_frequencies"]) == ("clock", [2, 7])


@pytest.mark.parametrize("operation", ["a - b", "a * b", "a / b"])
def test_a_network_is_taken_apart_in_its_own_order(operation: str):
    task = modulo(operation)
    counting = as_addition(task.results())
    assert counting is not None
    size = len(counting.left)
    plain = constructed.quadratic(size, 150)
    first, out = np.zeros((2, P, 150)), np.full((150, P), -1.0)
    first[0, counting.left], first[1, counting.right] = np.asarray(plain.first)
    out[:, counting.answers] = np.asarray(plain.weights[0])
    network = dataclasses.replace(plain, first=jnp.asarray(first), weights=(jnp.asarray(out),))
    found = explain(network, task)
    assert found.mechanism == "quadrature"
    assert min(found.sufficient, found.necessary, found.predictive) > 0.98
    assert explain(network, modulo("a + b")).mechanism == "no explanation"
    ideal = idealise(found)
    assert ideal.first.shape == (2, P, 150)
    assert explain(ideal, task).accuracy > 0.98


def test_one_table_serves_both_operands_of_a_difference():
    """A network of embeddings: the same rows stand for what is added and what is taken away."""
    circles = constructed.circles(P, 5, (2, 7))
    into = np.asarray(circles.into)
    # A reflected circle counts backwards: the sines of the second operand turn their sign.
    mirrored = into * np.tile([1.0, -1.0], 2)[:, None]
    network = dataclasses.replace(circles, into=jnp.asarray(np.stack([into, mirrored])))
    found = explain(network, modulo("a - b"))
    assert (found.mechanism, found.fit.found["key_frequencies"]) == ("pizza", [2, 7])
    assert found.least > 0.99


def test_a_network_of_fewer_answers_is_refused():
    network = constructed.quadratic(7, 20)
    with pytest.raises(fr.SpecError, match="got a network of 7 answers; allowed: at least 31"):
        explain(network, modulo("a + b"))
