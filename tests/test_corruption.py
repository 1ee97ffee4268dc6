"""Wrong labels: how many, which, and what is asked about them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings, strategies as st

import flyroom as fr
from flyroom.spec import SpecError
from flyroom.tasks import Corrupted, ModularArithmetic, SparseParity

CLEAN = ModularArithmetic(p=31, train_fraction=0.5)
PARITY = SparseParity(n=20, k=2, train_count=200, test_count=50)


def test_it_conforms():
    fr.testing.check_task(Corrupted(CLEAN, noise=0.3))
    fr.testing.check_task(Corrupted(PARITY, noise=0.3, labels="wrong"))


@settings(max_examples=20, deadline=None)
@given(noise=st.floats(0, 1), seed=st.integers(0, 1000))
def test_only_given_training_labels_change(noise: float, seed: int):
    clean, noisy = CLEAN.split(seed), Corrupted(CLEAN, noise).split(seed)
    np.testing.assert_array_equal(noisy.train.inputs, clean.train.inputs)
    np.testing.assert_array_equal(noisy.train.truth, clean.train.labels)
    np.testing.assert_array_equal(noisy.test.labels, clean.test.labels)
    changed = (noisy.train.labels != noisy.train.truth).sum()
    assert changed <= int(noise * len(clean.train.labels) + 1e-9)


@settings(max_examples=20, deadline=None)
@given(low=st.floats(0, 1), high=st.floats(0, 1), seed=st.integers(0, 100))
def test_more_noise_only_adds(low: float, high: float, seed: int):
    low, high = sorted((low, high))
    less, more = (Corrupted(CLEAN, n).split(seed).train.labels for n in (low, high))
    clean = CLEAN.split(seed).train.labels
    assert np.all(more[less != clean] == less[less != clean])


def test_as_many_are_wrong_as_is_asked_for():
    """Of 480 chosen ones one in 31 keeps its label by chance; a flip never does."""
    rows = Corrupted(CLEAN, noise=1.0).split(0).train
    assert len(rows.labels) == 480
    assert 440 <= (rows.labels != rows.truth).sum() < 480
    rows = Corrupted(CLEAN, noise=0.25, labels="wrong").split(0).train
    assert (rows.labels != rows.truth).sum() == 120
    rows = Corrupted(PARITY, noise=0.1, labels="wrong").split(0).train
    wrong = rows.labels != rows.truth
    assert wrong.sum() == 20
    np.testing.assert_array_equal(rows.labels[wrong], 1 - rows.truth[wrong])


@pytest.mark.parametrize("noise", [-0.1, 1.01, float("nan")])
def test_noise_is_a_share(noise: float):
    with pytest.raises(SpecError, match=r"Corrupted\.noise: got .*; allowed: at least 0 and"):
        Corrupted(CLEAN, noise)


def test_accuracies_among_the_wrongly_labelled():
    """A network without learning: counted once more by hand."""
    experiment = fr.Experiment(
        Corrupted(ModularArithmetic(p=7, train_fraction=0.6), noise=0.5),
        fr.models.MLP(widths=(64,), init_scale=3.0),
        fr.optim.AdamW(learning_rate=1e-2, weight_decay=0.0),
        steps=60,
        record=(*fr.CURVES, fr.measures.corrected_accuracy, fr.measures.corrupted_accuracy),
    )
    runs = fr.train(experiment, machine=fr.Machine(progress=False))
    train = experiment.task.split(0).train
    network = jax.tree.map(jnp.asarray, fr.network(runs, 0))
    answers = np.asarray(network.table(jnp.asarray(train.inputs))).argmax(1)
    wrong = train.labels != train.truth
    last = runs.isel(run=0, step=-1)
    assert float(last.corrected_accuracy) == pytest.approx((answers == train.truth)[wrong].mean())
    assert float(last.corrupted_accuracy) == pytest.approx((answers == train.labels)[wrong].mean())
    assert float(last.corrupted_accuracy) > 0.5


def test_phases_of_corrupted_training():
    ends = {
        "confusion": (0.1, 0.1, 0.1), "memorization": (1.0, 0.2, 0.0),
        "coexistence": (0.98, 0.98, 0.05), "partial_inversion": (0.78, 1.0, 0.5),
        "full_inversion": (0.65, 1.0, 1.0),
    }  # fmt: skip
    # Of few wrong labels training accuracy does not tell whether they are inverted.
    rows = np.array([*ends.values(), (0.1, 0.1, 0.1), (0.95, 1.0, 1.0)])
    names = ("train_accuracy", "test_accuracy", "corrected_accuracy")
    start = np.zeros(len(rows))
    middle = np.where(np.arange(len(rows)) == 5, 1.0, 0.0)  # the last one generalised, once
    curves = {
        name: (("run", "step"), np.stack([start, middle, rows[:, i]], 1))
        for i, name in enumerate(names)
    }
    status = ("run", np.full(7, 2, np.int8))
    phase = fr.measures.phase_doshi(xr.Dataset({**curves, "status": status}, {"step": [0, 4, 8]}))
    words = phase.attrs["flag_meanings"].split()
    assert [words[code + 1] for code in phase.values] == [*ends, "forgetting", "full_inversion"]
    running = fr.measures.phase_doshi(
        xr.Dataset({**curves, "status": ("run", np.ones(7, np.int8))}, {"step": [0, 4, 8]})
    )
    assert set(running.values.tolist()) == {-1}
