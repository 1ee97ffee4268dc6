"""Measures of the logits of addition, against plain sums and published numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings, strategies as st

import flyroom as fr
from flyroom.algebra import sums_of_waves
from flyroom.measures import (
    activation_frequencies,
    distance_irrelevance,
    embedding_circles,
    excluded_loss,
    logit_periodicity,
    loss_oscillation,
    loss_spikes,
    phase_doubling,
    restricted_loss,
    slingshots,
)
from flyroom.models import constructed

P = 31
A, B = np.ogrid[:P, :P]


def cross_entropy(logits: np.ndarray, among: np.ndarray) -> float:
    """By its definition, pair by pair."""
    found = [
        np.log(np.exp(logits[a, b] - logits[a, b, (a + b) % P]).sum())
        for a, b in zip(*np.nonzero(among), strict=True)
    ]
    return float(np.mean(found))


def test_losses_without_waves_are_those_of_projections_one_by_one():
    random = np.random.default_rng(0)
    logits = 3 * constructed.clock_logits(P, {2: 1.0, 9: 0.5}) + random.normal(size=3 * (P,))
    among = random.random((P, P)) < 0.4
    a, b = np.divmod(np.arange(P * P), P)
    flat = logits.reshape(P * P, P)
    projected = np.zeros_like(flat)
    for k in (2, 9):
        for f in (np.cos, np.sin):
            wave = f(2 * np.pi * k / P * (a + b))
            wave /= np.linalg.norm(wave)
            projected += np.outer(wave, wave @ flat)
    kept = (projected + flat.mean(0)).reshape(3 * (P,))
    left = (flat - projected).reshape(3 * (P,))
    every = np.ones((P, P), bool)
    assert restricted_loss(logits, [2, 9]) == pytest.approx(cross_entropy(kept, every))
    assert restricted_loss(logits, [2, 9], among) == pytest.approx(cross_entropy(kept, among))
    assert excluded_loss(logits, [9, 2, 2], among) == pytest.approx(cross_entropy(left, among))
    assert excluded_loss(logits, []) == pytest.approx(cross_entropy(logits, every))


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.integers(1, P // 2), st.floats(0.5, 5), min_size=1, max_size=4))
def test_periodicity_is_the_share_of_each_frequency(amplitudes: dict[int, float]):
    shares = logit_periodicity(constructed.clock_logits(P, amplitudes))
    total = sum(x**2 for x in amplitudes.values())
    for k in range(1, P // 2 + 1):
        expected = amplitudes.get(k, 0.0) ** 2 / total
        assert shares.sel(frequency=k).item() == pytest.approx(expected, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(1, P // 2), min_size=1, unique=True))
def test_sums_of_waves_are_what_they_say(seed: int, frequencies: list[int]):
    random = np.random.default_rng(seed)
    profiles = {k: random.normal(size=P) for k in frequencies}
    found = sums_of_waves(profiles, P)
    a, b, c = random.integers(P, size=3)
    turn = 2 * np.pi / P * (a + b - c)
    assert found[a, b, c] == pytest.approx(
        sum(u[(a - b) % P] * np.cos(k * turn) for k, u in profiles.items())
    )


def test_neurons_of_waves_have_their_frequency_and_noise_has_none():
    turn = 2 * np.pi / P
    wave = np.maximum(0, np.cos(7 * turn * A) + np.cos(7 * turn * B))
    noise = np.random.default_rng(0).normal(size=(P, P))
    found = activation_frequencies(np.stack([wave, noise, np.ones((P, P))], axis=2))
    assert found.frequency.values.tolist() == [7, 0, 0]
    assert found["share"].values[0] > 0.9
    # a block of 3 by 3 without the constant is 8 of p² - 1 numbers
    assert found["share"].values[1] < 5 * 8 / (P**2 - 1)


def test_the_runner_up_of_a_pizza_depends_on_the_difference_alone():
    assert distance_irrelevance(constructed.pizza_logits(P, {3: 1.0}), logit="runner_up") < 1e-6
    noise = np.random.default_rng(0).normal(size=3 * (P,))
    assert distance_irrelevance(noise, logit="runner_up") == pytest.approx(1, abs=0.05)
    with pytest.raises(ValueError, match="allowed: 'right', 'runner_up'"):
        distance_irrelevance(noise, logit="last")


def test_equal_circles_are_circles():
    """The published measure takes two circles of one size for less than they are."""
    turns = 2 * np.pi / 67 * np.outer(np.arange(67), [3, 5])
    equal = np.concatenate([np.cos(turns), np.sin(turns)], axis=1)
    turned = equal @ np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    assert fr.measures.circularity(turned) < 0.99
    found = embedding_circles(turned)
    assert found["share"].sel(frequency=[3, 5]).values == pytest.approx([0.5, 0.5])
    assert found["roundness"].sel(frequency=[3, 5]).values == pytest.approx([1, 1])


def test_what_a_lissajous_figure_is():
    """The published measure takes it for two circles: its components are waves of one frequency."""
    turn = 2 * np.pi / 67 * np.arange(67)
    figure = np.stack([2 * np.cos(3 * turn), np.sin(5 * turn)], axis=1)
    assert fr.measures.circularity(figure, components=2) == pytest.approx(1)
    assert embedding_circles(figure)["roundness"].sel(frequency=[3, 5]).values.max() < 1e-9


def test_the_highest_frequency_is_one_as_any_other():
    """Where loops that end one too early, or count from 0, are wrong."""
    top = (P - 1) // 2
    logits = 3 * constructed.clock_logits(P, {top: 1.0}) + constructed.clock_logits(P, {1: 1.0})
    every, right = np.ones((P, P), bool), constructed.clock_logits(P, {top: 3.0})
    assert restricted_loss(logits, [top]) == pytest.approx(cross_entropy(right, every))
    rest = constructed.clock_logits(P, {1: 1.0})
    assert excluded_loss(logits, [top], every) == pytest.approx(cross_entropy(rest, every))
    wave = np.cos(2 * np.pi * top / P * A) * np.cos(2 * np.pi * top / P * B)
    assert activation_frequencies(wave[..., None]).frequency.item() == top
    table = 9 * np.cos(2 * np.pi * top / P * np.arange(P))[:, None]
    assert fr.measures.pair_neuron_frequencies(table).item() == top
    assert fr.measures.key_frequencies(table) == [top]
    assert fr.measures.prominent_frequencies(table) == [top]
    periodicity = logit_periodicity(logits)
    assert periodicity.idxmax("frequency") == top


def test_phases_are_doubled_where_they_are_and_not_elsewhere(published):
    assert phase_doubling(constructed.circles(P, 5, (2, 7))) == pytest.approx(1)
    network = fr.interop.read(published / "pair_mod67_mlp.npz").network
    assert phase_doubling(network) >= 0.95
    random = np.random.default_rng(0)
    phases = random.uniform(0, 2 * np.pi, (2, 500))
    turn = 2 * np.pi / P * np.arange(P)[:, None]
    first, out = jnp.cos(3 * turn + phases[0]), jnp.cos(3 * turn + phases[1]).T
    net = fr.models.FactoredNetwork(
        embed=None, into=None, out=None, unembed=None, whole_in=first, whole_out=out
    )
    assert abs(phase_doubling(net)) < 0.2


def test_phases_of_two_tables_are_added_up():
    """Gromov's neurons hear either input with a phase of its own, and write with their sum."""
    assert phase_doubling(constructed.quadratic(P, 300)) == pytest.approx(1)


def test_phases_of_neurons_that_do_not_answer_are_not_doubled():
    model = fr.models.MLP(widths=(8, 8))
    network = model.init(fr.tasks.ModularArithmetic(p=P).signature, P, key=jax.random.key(0))
    with pytest.raises(TypeError, match="allowed: a network of one hidden layer"):
        phase_doubling(network)
    with pytest.raises(TypeError, match="allowed: a network of one hidden layer"):
        fr.measures.group_norm(network)


def curves(loss, accuracy=None) -> xr.Dataset:
    loss = np.asarray(loss, float)
    accuracy = np.ones_like(loss) if accuracy is None else accuracy
    dims = ("run", "step")
    steps = np.arange(loss.shape[1])
    return xr.Dataset(
        {"train_loss": (dims, loss), "train_accuracy": (dims, accuracy)}, {"step": steps}
    )


def test_leaps_count_once_and_only_after_everything_was_remembered():
    quiet = np.full(40, 1e-3)
    leaps = quiet.copy()
    leaps[[15, 16, 30]] = 1.0
    early = np.r_[np.full(15, 1e-3), 1.0, np.full(24, 1e-3)]
    late = np.r_[np.zeros(20), np.ones(20)]
    runs = curves([quiet, leaps, early], np.stack([np.ones(40), np.ones(40), late]))
    assert loss_spikes(runs).values.tolist() == [0, 2, 0]
    missing = leaps.copy()
    missing[5] = np.nan  # no record at that step
    assert loss_spikes(curves([missing])).item() == 2


def test_a_slingshot_is_growth_a_leap_and_a_plateau():
    loss = np.full(60, 1e-3)
    loss[[20, 21]] = 1.0
    grows = np.concatenate([np.geomspace(1, 2, 20), np.geomspace(2.1, 2.2, 8), np.full(32, 2.2)])
    endless = np.geomspace(1, 4, 60)  # no plateau
    still = np.ones(60)  # no growth
    late = np.full(60, 1e-3)
    late[50] = 1.0  # too near the end
    runs = curves([loss, loss, loss, late])
    norms = [grows, endless, still, np.r_[np.full(30, 1.0), np.geomspace(1, 2, 30)]]
    runs["last_layer_norm"] = (("run", "step"), norms)
    assert loss_spikes(runs).values.tolist() == [1, 1, 1, 1]
    assert slingshots(runs).values.tolist() == [1, 0, 0, 0]
    assert slingshots(runs, growth=1.0).values.tolist() == [0, 0, 0, 0]


def test_the_norm_of_what_gives_the_logits():
    """Of every kind of network: the matrix that is multiplied last."""
    task = fr.tasks.ModularArithmetic(p=7)
    for model, last in (
        (fr.models.MLP(widths=(5, 4)), lambda n: n.weights[1]),
        (fr.models.FactoredMLP(width=5, embed_width=4), lambda n: n.w_out),
        (fr.models.EmbeddedMLP(width=4, widths=(5,)), lambda n: n.unembed),
        (fr.models.Transformer(width=8, heads=2, neurons=4), lambda n: n.unembed),
        (fr.models.LSTM(width=4), lambda n: n.out),
    ):
        network = model.init(task.signature, 7, key=jax.random.key(0))
        rows = task.split(seed=0).train
        context = fr.training.Context(rows, rows, fr.losses.CrossEntropy())
        found = fr.measures.last_layer_norm(network, context)
        assert float(found) == pytest.approx(np.linalg.norm(last(network)), rel=1e-5)


def test_constants_do_not_move():
    """What does not learn, such as fixed circles, counts on neither side."""
    task = fr.tasks.ModularArithmetic(p=7)
    model = fr.models.FactoredMLP(width=5, embed_width=4, circles=(1, 2))
    first, other = (model.init(task.signature, 7, key=jax.random.key(i)) for i in (0, 1))
    learns = [
        np.concatenate([jnp.ravel(w) for w in jax.tree.leaves((n.into, n.out))])
        for n in (first, other)
    ]
    expected = np.linalg.norm(learns[1] - learns[0]) / np.linalg.norm(learns[0])
    assert float(fr.measures.relative_movement(other, first)) == pytest.approx(expected, rel=1e-5)
    assert float(fr.measures.relative_movement(first, first)) == 0


def test_oscillations_have_the_energy_of_their_variance():
    random = np.random.default_rng(0)
    runs = curves(random.normal(size=(3, 64)))
    found = loss_oscillation(runs, steps=64)
    np.testing.assert_allclose(found.energy, 64**2 * found.activity)
    # the slope of white noise has twice its variance, and the slope of that three times its own
    np.testing.assert_allclose(found.mobility, 2**0.5, rtol=0.15)
    np.testing.assert_allclose(found.complexity, (3 / 2) ** 0.5, rtol=0.1)
    with pytest.raises(ValueError, match="64 of the first 100 steps have a record"):
        loss_oscillation(runs, steps=100)


@pytest.mark.parametrize("collapsed", [0, 3, 7])
def test_the_share_of_losses_that_round_to_nothing(collapsed: int):
    inputs = jnp.asarray([[a, b] for a in range(3) for b in range(3)])
    labels = jnp.zeros(9, "int32")
    heights = np.r_[np.full(collapsed, 200.0), np.full(9 - collapsed, 1.0)].reshape(3, 3)
    # the last row is padding
    rows = fr.tasks.Examples(inputs, labels, labels, jnp.array([1.0] * 8 + [0.0]))
    context = fr.training.Context(rows, rows, fr.losses.CrossEntropy())

    class Table(fr.models.AbstractNetwork):
        heights: jnp.ndarray

        def forward(self, x, tap, key):
            return jnp.array([1.0, 0.0]) * self.heights[x[0], x[1]]

    found = fr.measures.softmax_collapse(Table(jnp.asarray(heights)), context)
    assert float(found) == pytest.approx(collapsed / 8)
