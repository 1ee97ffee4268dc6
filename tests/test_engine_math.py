"""One network, step by step, against NumPy in float64; and what must change nothing."""

import functools
from typing import Any

import jax
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings, strategies as st

import flyroom as fr
from flyroom.tasks import Examples
from flyroom.training import Fixed, Program, State, batches, engine, fixed, program_of

P = 7
MODULAR = fr.Experiment(
    task=fr.tasks.ModularArithmetic(p=P, train_fraction=0.6),
    model=fr.models.FactoredMLP(width=5, embed_width=6),
    optimizer=fr.optim.AdamW(learning_rate=0.02, weight_decay=0.5),
    loss=fr.losses.CrossEntropy(class_mean=True),
    precision="float64",
    seed=3,
)
PARITY = fr.Experiment(
    task=fr.tasks.SparseParity(n=6, k=2, train_count=21, test_count=9),
    model=fr.models.MLP((4,), fr.models.square),
    optimizer=fr.optim.SGD(learning_rate=0.05, momentum=0.5, weight_decay=0.01),
    loss=fr.losses.Squared(),
    batch_size=8,  # two whole batches and one of five
    precision="float64",
    seed=4,
)


class Trainer:
    """The engine's functions for one experiment and one padding of its data."""

    def __init__(self, experiment: fr.Experiment, more: int = 0) -> None:
        self.program, (train, test) = program_of(experiment)
        self.fixed: Fixed = fixed(experiment, (train + more, test + more))
        self._start, self._advance, self._observe = _jitted(self.program)

    def __call__(self, fn: Any, *args: Any) -> Any:
        with jax.enable_x64(self.program.wide):
            return jax.device_get(fn(*args))

    def start(self) -> State:
        return self(self._start, self.fixed)

    def advance(self, state: State, n: int) -> State:
        return self(self._advance, state, self.fixed, np.int32(n))

    def observe(self, state: State) -> dict[str, np.ndarray]:
        values, finite = self(self._observe, state, self.fixed)
        assert finite
        return values


@functools.cache
def _jitted(program: Program) -> tuple[Any, ...]:
    parts = (engine.start, engine.advance, engine.observe)
    return tuple(jax.jit(functools.partial(part, program)) for part in parts)


@functools.partial(jax.jit, static_argnums=2)
def _order(fixed: Fixed, number: jax.Array, length: int) -> jax.Array:
    key = jax.random.fold_in(engine.key_of(fixed.seeds, "batch"), number)
    return batches.epoch_order(key, fixed.split.train, length)


_batch = jax.jit(batches.batch, static_argnums=3)


def assert_close(left: Any, right: Any, tolerance: float) -> None:
    for one, other in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def assert_same(left: Any, right: Any) -> None:
    for one, other in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_array_equal(one, other)


# --- Full batch ---


def factored_step(weights: list[np.ndarray], inputs: np.ndarray, labels: np.ndarray) -> Any:
    """Loss, accuracy and gradient of `σ((EP)_a + (EP)_b) Q Eᵀ`, derived by hand."""
    embed, into, out = weights
    w_in, w_out = embed @ into, out @ embed.T
    before = w_in[inputs[:, 0]] + w_in[inputs[:, 1]]
    hidden = np.maximum(before, 0)
    logits = hidden @ w_out
    odds = np.exp(logits - logits.max(1, keepdims=True))
    odds /= odds.sum(1, keepdims=True)
    right = odds[np.arange(len(labels)), labels]
    d_logits = (odds - np.eye(P)[labels]) / (len(labels) * P)
    d_w_out = hidden.T @ d_logits
    d_before = (d_logits @ w_out.T) * (before > 0)
    d_w_in = np.zeros_like(w_in)
    for position in range(2):
        np.add.at(d_w_in, inputs[:, position], d_before)
    slopes = [d_w_in @ into.T + d_w_out.T @ out, embed.T @ d_w_in, d_w_out @ embed]
    return -np.log(right).mean() / P, (logits.argmax(1) == labels).mean(), slopes


def adamw(weights, slopes, m, v, t: int, rate: float, decay: float):
    """One step of its published algorithm."""
    b1, b2, eps = 0.9, 0.98, 1e-8
    for i, g in enumerate(slopes):
        m[i], v[i] = b1 * m[i] + (1 - b1) * g, b2 * v[i] + (1 - b2) * g * g
        step = m[i] / (1 - b1**t) / (np.sqrt(v[i] / (1 - b2**t)) + eps)
        weights[i] = weights[i] - rate * (step + decay * weights[i])


def test_training_equals_numpy():
    """Also through a change of leaves, which leaves the optimizer's state alone."""
    trainer = Trainer(MODULAR, more=5)
    state = trainer.start()
    network: Any = state.network
    weights = [np.array(w) for w in (network.embed, network.into, network.out)]
    m, v = ([np.zeros_like(w) for w in weights] for _ in range(2))
    split = MODULAR.task.split(3)
    rows = (np.asarray(split.train.inputs), np.asarray(split.train.labels))
    assert len(trainer.fixed.split.train.labels) > len(rows[1])  # there is padding

    rates = [0.02] * 4 + [0.001] * 3
    for t, rate in enumerate(rates, start=1):
        loss, accuracy, slopes = factored_step(weights, *rows)
        if t in (1, 5):
            seen = trainer.observe(state)
            assert seen["train_loss"] == pytest.approx(loss, rel=1e-12)
            assert seen["train_accuracy"] == pytest.approx(accuracy, rel=1e-12)
            test = factored_step(weights, split.test.inputs, np.asarray(split.test.labels))
            assert seen["test_loss"] == pytest.approx(test[0], rel=1e-12)
            norm = np.sqrt(sum(np.sum(w * w) for w in weights))
            assert seen["weight_norm"] == pytest.approx(norm, rel=1e-12)
            # The same program goes on with another learning rate.
            leaves = {**trainer.fixed.leaves, "optimizer.learning_rate": np.float64(rate)}
            trainer.fixed = trainer.fixed._replace(leaves=leaves)
            state = trainer.advance(state, 4 if t == 1 else 3)
            network = state.network
        adamw(weights, slopes, m, v, t, rate, 0.5)
        if t in (4, 7):
            assert int(state.age) == t
            assert_close((network.embed, network.into, network.out), tuple(weights), 1e-11)


@pytest.mark.parametrize("experiment", [MODULAR, PARITY], ids=["full batch", "minibatches"])
def test_padding_changes_nothing(experiment: fr.Experiment):
    plain, padded = Trainer(experiment), Trainer(experiment, more=13)
    assert plain.program == padded.program
    sizes = [len(t.fixed.split.train.labels) for t in (plain, padded)]
    assert sizes[1] == sizes[0] + 13
    states = [t.start() for t in (plain, padded)]
    assert_same(states[0].network, states[1].network)
    for _ in range(2):
        assert_close(plain.observe(states[0]), padded.observe(states[1]), 1e-12)
        states = [t.advance(s, 7) for t, s in zip((plain, padded), states, strict=True)]
        assert_close(states[0], states[1], 1e-12)


@pytest.mark.parametrize("experiment", [MODULAR, PARITY], ids=["full batch", "minibatches"])
def test_steps_in_pieces_are_the_same_steps(experiment: fr.Experiment):
    """To the last bit, also where a piece ends within an epoch or at its end."""
    trainer = Trainer(experiment)
    whole = trainer.advance(trainer.start(), 14)
    for pieces in ([1] * 14, [2, 1, 3, 4, 4], [13, 1], [14, 0]):
        state = trainer.start()
        for n in pieces:
            state = trainer.advance(state, n)
        assert int(state.age) == 14
        assert_same(state, whole)


@pytest.mark.parametrize("parts", [2, 5])
def test_a_batch_in_parts_is_the_same_batch(parts: int):
    trainer = Trainer(MODULAR)
    rows = len(trainer.fixed.split.train.labels)
    trainer = Trainer(MODULAR, more=-rows % parts)
    in_parts = jax.jit(functools.partial(engine.advance, trainer.program, parts=parts))
    start = trainer.start()
    there = trainer(in_parts, start, trainer.fixed, np.int32(6))
    assert_close(there, trainer.advance(start, 6), 1e-11)


def test_large_batches_come_in_parts_and_small_ones_do_not():
    large = fr.Experiment(
        fr.tasks.ModularArithmetic(p=113, train_fraction=0.3), fr.models.MLP(widths=(512,))
    )
    program, (rows, _) = program_of(large)
    assert program.parts > 1
    assert rows % program.parts == 0
    assert program_of(fr.recipes.pair_mod67())[0].parts == 1
    assert program_of(fr.spec.replace(large, {"batch_size": 512}))[0].parts == 1


def test_a_run_begins_alike_in_every_precision():
    narrow = Trainer(fr.spec.replace(MODULAR, {"precision": "float32"})).start()
    assert_same(narrow.network, jax.tree.map(np.float32, Trainer(MODULAR).start().network))


def test_a_float64_loss_trains_float32_weights():
    loss = fr.losses.NaiveCrossEntropy("float64")
    trainer = Trainer(fr.spec.replace(MODULAR, {"precision": "float32", "loss": loss}))
    state = trainer.advance(trainer.start(), 2)
    assert {w.dtype for w in jax.tree.leaves(state.network)} == {np.dtype("float32")}
    seen = trainer.observe(state)
    assert seen["train_loss"].dtype == np.float64
    assert seen["weight_norm"].dtype == np.float32


# --- Minibatches ---


def mlp_step(weights: list[np.ndarray], inputs: np.ndarray, labels: np.ndarray) -> Any:
    """Gradient of the squared loss of `(x W + b)² V`, derived by hand."""
    first, second, bias = weights
    before = inputs @ first + bias
    wrong = before**2 @ second - np.eye(2)[labels]
    d_logits = 2 * wrong / (2 * len(labels))
    d_before = (d_logits @ second.T) * 2 * before
    return [inputs.T @ d_before, (before**2).T @ d_logits, d_before.sum(0)]


def order_of_epoch(trainer: Trainer, number: int) -> np.ndarray:
    return trainer(_order, trainer.fixed, np.int32(number), 3 * 8)


def test_minibatches_equal_numpy():
    """Every row once per epoch, and a ragged batch is averaged over its true count."""
    trainer = Trainer(PARITY)
    state = trainer.start()
    network: Any = state.network
    weights = [np.array(w) for w in (network.first, network.weights[0], network.biases[0])]
    velocity = [np.zeros_like(w) for w in weights]
    train = PARITY.task.split(4).train
    inputs, labels = np.asarray(train.inputs, float), np.asarray(train.labels)
    for epoch in range(2):
        order = order_of_epoch(trainer, epoch)[:21]
        for rows in (order[:8], order[8:16], order[16:]):
            slopes = mlp_step(weights, inputs[rows], labels[rows])
            for i, slope in enumerate(slopes):
                velocity[i] = 0.5 * velocity[i] + slope + 0.01 * weights[i]
                weights[i] = weights[i] - 0.05 * velocity[i]
        state = trainer.advance(state, 3)
        network = state.network
        found = (network.first, network.weights[0], network.biases[0])
        assert_close(found, tuple(weights), 1e-11)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), number=st.integers(0, 1000))
def test_an_epoch_takes_every_row_once(seed: int, number: int):
    """In an order that does not depend on the padding."""
    orders = []
    for more in (0, 1, 13):
        trainer = Trainer(PARITY, more)
        seeds = {**trainer.fixed.seeds, "batch": np.array(seed, np.uint32)}
        trainer.fixed = trainer.fixed._replace(seeds=seeds)
        order = order_of_epoch(trainer, number)
        assert len(order) >= 3 * 8
        assert sorted(order[:21].tolist()) == list(range(21))
        orders.append(order[:21].tolist())
    assert orders[0] == orders[1] == orders[2]


def test_epochs_have_orders_of_their_own():
    trainer = Trainer(PARITY)
    orders = {tuple(order_of_epoch(trainer, number)[:21]) for number in range(20)}
    assert len(orders) == 20


def test_every_order_is_as_likely_and_rows_without_weight_come_last():
    nothing, weights = np.zeros(5, np.int32), np.array([1, 0, 1, 1, 0], np.float32)
    rows = Examples(np.zeros((5, 2), np.int32), nothing, nothing, weights)
    many = jax.vmap(lambda key: batches.epoch_order(key, rows, 6))
    orders = np.asarray(many(jax.random.split(jax.random.key(0), 6000)))
    kinds, counts = np.unique(orders, axis=0, return_counts=True)
    assert {tuple(sorted(kind)) for kind in kinds} == {(0, 2, 3, 5, 5, 5)}
    assert (kinds[:, 3:] == 5).all()
    assert len(kinds) == 6
    assert scipy.stats.chisquare(counts).pvalue > 0.01


@pytest.mark.parametrize("more", [0, 13])
def test_batches_hold_the_rows_of_their_order(more: int):
    trainer = Trainer(PARITY, more)
    rows, order = trainer.fixed.split.train, order_of_epoch(trainer, 5)
    assert trainer.program.epoch == 3
    for number, count in enumerate((8, 8, 5)):
        taken = trainer(_batch, rows, order, np.int32(8 * number), 8)
        assert taken.weights.tolist() == [1.0] * count + [0.0] * (8 - count)
        expected = order[8 * number : 8 * number + count]
        np.testing.assert_array_equal(taken.inputs[:count], rows.inputs[expected])
        np.testing.assert_array_equal(taken.labels[:count], rows.labels[expected])


def test_a_part_has_rows_enough_for_what_they_share():
    """What does not depend on an example is computed once for every part."""
    experiment = fr.recipes.nanda_mod113()
    program, (rows, _) = fr.training.program_of(experiment)
    assert program.parts > 1
    assert rows / program.parts >= 384
