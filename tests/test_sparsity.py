"""Which neurons a network needs, against networks made by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import flyroom as fr
from flyroom import measures
from flyroom.models import MLP, square
from flyroom.models.mlp import MLPNetwork
from flyroom.tasks import Examples, examples

TASK = fr.tasks.SparseParity(n=6, k=2, train_count=40, test_count=20)
ROWS = TASK.split(0).train


def network(*neurons: tuple[list[float], float, float], last: float | None = None) -> MLPNetwork:
    """A ReLU network of six inputs from (weights of the first inputs, bias, output weight)."""
    first = np.zeros((6, len(neurons)), np.float32)
    for j, (weights, _, _) in enumerate(neurons):
        first[: len(weights), j] = weights
    bias, out = (jnp.array([n[i] for n in neurons], jnp.float32) for i in (1, 2))
    ends = (bias, None if last is None else jnp.array([last], jnp.float32))
    return MLPNetwork(jnp.asarray(first), (out[:, None],), ends)


# x1 x2 = |x1 + x2| - 1 on signs, so two neurons and a last bias compute the parity.
PAIR = (([2.0, 2.0], 0.0, 1.0), ([-2.0, -2.0], 0.0, 1.0))
PARITY = network(*PAIR, last=-2.0)
SMALL = [([0.0, 0.0, 0.1], 0.0, 0.1), ([0.0, 0.0, 0.0, 0.1], 0.0, -0.1)]  # never change a sign
PADDED = network(SMALL[0], PAIR[0], SMALL[1], PAIR[1], last=-2.0)


def test_norms_are_those_of_incoming_weights_and_bias():
    made = network(([3.0, 4.0], 0.0, 9.0), ([1.0], 2.0, -1.0))
    np.testing.assert_allclose(measures.neuron_norms(made), [5.0, np.sqrt(5.0)], rtol=1e-6)
    plain = MLP(widths=(5,), bias=False).init(TASK.signature, 1, key=jax.random.key(0))
    norms = measures.neuron_norms(plain)
    np.testing.assert_allclose(norms, np.linalg.norm(plain.first, axis=0), rtol=1e-6)


def test_rescaled_norms_are_of_the_function_and_not_of_its_scale():
    """A ReLU whose incoming weights are three times as large, and its outgoing ones a third."""
    one = network(([3.0, 4.0], 0.0, 9.0), ([1.0], 2.0, -1.0))
    other = network(([9.0, 12.0], 0.0, 3.0), ([1.0], 2.0, -1.0))
    norms = measures.neuron_norms(one, rescaled=True)
    np.testing.assert_allclose(norms, [45.0, np.sqrt(5.0)], rtol=1e-6)
    np.testing.assert_allclose(measures.neuron_norms(other, rescaled=True), norms, rtol=1e-6)
    idle = network(*PAIR, ([9.0], 0.0, 0.0), last=-2.0)
    assert measures.effective_sparsity(idle, ROWS) == 3
    assert measures.effective_sparsity(idle, ROWS, rescaled=True) == 2


def test_on_tokens_both_positions_count():
    task = fr.tasks.ModularArithmetic(p=5)
    made: Any = MLP(widths=(7,)).init(task.signature, 5, key=jax.random.key(1))
    squares = (np.asarray(made.first) ** 2).sum((0, 1)) + np.asarray(made.biases[0]) ** 2
    np.testing.assert_allclose(measures.neuron_norms(made), np.sqrt(squares), rtol=1e-6)


def test_a_network_that_needs_two_neurons():
    assert measures.accuracy(PARITY, ROWS, fr.losses.Hinge()) == 1
    assert measures.accuracy(PARITY, ROWS) == 1  # a single output is read by its sign
    assert measures.effective_sparsity(PARITY, ROWS) == 2
    assert measures.effective_sparsity(PADDED, ROWS) == 2


def test_only_the_order_of_norms_counts():
    """A neuron of large norm that does nothing is one more to be kept."""
    idle = network(*PAIR, ([9.0], 0.0, 0.0), last=-2.0)
    assert measures.effective_sparsity(idle, ROWS) == 3


def test_a_constant_answer_needs_no_neuron():
    assert measures.effective_sparsity(network(*SMALL, last=-2.0), ROWS) == 0
    assert measures.effective_sparsity(network(*PAIR, last=9.0), ROWS) == 0


def test_wrong_answers_count_like_right_ones():
    flipped = examples(np.asarray(ROWS.inputs), 1 - np.asarray(ROWS.labels))
    assert measures.effective_sparsity(PADDED, flipped) == 2


def test_padding_takes_no_part():
    inputs = np.asarray(ROWS.inputs)
    alike = inputs[:, 0] == inputs[:, 1]
    some = Examples(inputs, ROWS.labels, ROWS.truth, alike.astype(np.float32))
    assert measures.effective_sparsity(network(*PAIR, last=2.0), ROWS) == 0
    # All examples that count have the answer 1, and so has the first neuron where both are 1.
    single = network(PAIR[0], PAIR[1], last=-2.0)
    both = inputs[:, 0] + inputs[:, 1] == 2
    one = Examples(inputs, ROWS.labels, ROWS.truth, both.astype(np.float32))
    assert measures.effective_sparsity(single, one) == 1
    assert measures.effective_sparsity(single, some) == 2
    assert measures.agreement(single, network(PAIR[0], last=-2.0), one) == 1


def test_against_plain_pruning():
    """The definition, one network at a time, on random networks."""
    for seed in range(5):
        made: Any = MLP(widths=(12,), activation=square if seed % 2 else fr.models.relu).init(
            TASK.signature, 1, key=jax.random.key(seed)
        )
        order = np.argsort(-np.asarray(measures.neuron_norms(made)))
        before = np.asarray(ROWS.inputs) @ made.first + made.biases[0][None]
        hidden = np.asarray(before**2 if seed % 2 else np.maximum(before, 0))[:, order]
        out = np.asarray(made.weights[0])[order, 0]
        answers = [hidden[:, :m] @ out[:m] > 0 for m in range(13)]
        m = next(m for m in range(13) if np.array_equal(answers[m], answers[12]))
        assert measures.effective_sparsity(made, ROWS) == m


def test_with_many_outputs_the_largest_counts():
    task = fr.tasks.ModularArithmetic(p=5)
    made = MLP(widths=(7,)).init(task.signature, 5, key=jax.random.key(1))
    rows, loss = task.split(0).train, fr.losses.CrossEntropy()
    kept = int(measures.effective_sparsity(made, rows, loss))
    largest = np.argsort(-np.asarray(measures.neuron_norms(made)))[:kept]
    part = measures.kept_neurons(made, np.isin(np.arange(7), largest))
    assert measures.agreement(made, part, rows, loss) == 1


def test_a_part_and_its_complement_add_up():
    made: Any = MLP(widths=(8,)).init(TASK.signature, 1, key=jax.random.key(3))
    kept = np.arange(8) < 3
    inputs = jnp.asarray(ROWS.inputs)
    both = [measures.kept_neurons(made, k).table(inputs) for k in (kept, ~kept)]
    np.testing.assert_allclose(both[0] + both[1], made.table(inputs), rtol=1e-5, atol=1e-6)


def test_agreement_is_a_share_of_answers():
    nothing = measures.kept_neurons(PARITY, np.zeros(2, bool))  # always the answer 0
    assert measures.agreement(PARITY, PARITY, ROWS) == 1
    zeros = float((np.asarray(ROWS.labels) == 0).mean())
    assert float(measures.agreement(PARITY, nothing, ROWS)) == pytest.approx(zeros)


def test_it_can_be_traced():
    found = jax.jit(measures.effective_sparsity)(PADDED, jax.tree.map(jnp.asarray, ROWS))
    assert int(found) == 2


@pytest.mark.parametrize("widths", [(), (4, 4)])
def test_other_networks_are_refused(widths: tuple[int, ...]):
    made = MLP(widths=widths).init(TASK.signature, 1, key=jax.random.key(0))
    with pytest.raises(TypeError, match=f"{len(widths)} hidden layers; allowed: an MLP with one"):
        measures.effective_sparsity(made, ROWS)
