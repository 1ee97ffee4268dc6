"""Parities: what is found in constructed and trained networks, and what is not."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import flyroom as fr
from flyroom.mechanisms import Strings, explain, neurons, remainder
from flyroom.models import constructed

QUIET = fr.Machine(progress=False)


def parity(n: int, k: int, **options) -> fr.tasks.SparseParity:
    return fr.tasks.SparseParity(n=n, k=k, train_count=4, test_count=4, **options)


def product(inputs: np.ndarray) -> np.ndarray:
    """The parity of bits 1, 4 and 6, as a function of signs."""
    return inputs[:, [1, 4, 6]].prod(1)


@pytest.mark.parametrize(
    ("network", "n", "k"),
    [
        (constructed.parity_cases(20, 3), 20, 3),
        (constructed.parity_half_cases(20, 3), 20, 3),
        (constructed.parity_thresholds(20, 4), 20, 4),
        (constructed.parity_monomials(9, 4), 9, 4),
    ],
)
def test_constructed_networks_are_found(network, n: int, k: int):
    found = explain(network, parity(n, k))
    assert found.fit.bits == tuple(range(k))
    assert min(found.accuracy, found.sufficient, found.necessary, found.predictive) >= 0.99
    assert found.mechanism == "sparse parity"
    told = neurons(found)
    assert told.attrs["alone"] == told.attrs["pure"] == 1
    assert told.attrs["without"] <= 0.55
    assert remainder(found).kind == "nothing"


def test_the_formula_is_that_of_a_function():
    subject = Strings.of(lambda x: 2 - 3 * product(x), parity(10, 3))
    assert len(subject.ones) == 2**10
    np.testing.assert_allclose(subject.influences(), np.isin(np.arange(10), [1, 4, 6]), atol=1e-12)
    found = explain(lambda x: 2 - 3 * product(x), parity(10, 3))
    # With signs 1 is the label of an even number, so that odd speaks against the output.
    assert found.fit.bits == (1, 4, 6)
    assert (found.fit.amplitude, found.fit.offset) == pytest.approx((-3, -2))
    assert found.predictive == pytest.approx(1)
    assert found.accuracy == 0.5  # it is the parity of other bits
    assert found.mechanism == "no explanation"


def test_two_outputs_and_ones_and_zeros_are_read():
    def two(x):
        odd = x[:, :3].sum(1) % 2
        return np.stack([1 - odd, odd], axis=1)

    found = explain(two, parity(12, 3, encoding="bits"))
    assert found.fit.amplitude == pytest.approx(1)
    assert found.mechanism == "sparse parity"


@pytest.mark.parametrize(
    "rule",
    [
        lambda x: x[:, :3].sum(1),  # most of three
        lambda x: np.where((x[:, :3] > 0).all(1), 1.0, -1.0),  # all of three
        lambda x: product(x) + x @ np.arange(30),
        lambda x: x[:, 0] * 0.0,
        lambda x: np.random.default_rng(0).normal(size=len(x)),
    ],
)
def test_what_is_no_parity_of_few_bits_is_not_explained(rule):
    assert explain(rule, parity(30, 3)).mechanism == "no explanation"


@pytest.mark.parametrize("seed", range(10))
def test_random_networks_are_not_explained(seed: int):
    task = parity(30, 3)
    model = fr.models.MLP(widths=(64,))
    network = model.init(task.signature, 1, key=jax.random.key(seed))
    assert explain(network, task).mechanism == "no explanation"


def test_a_network_is_explained_once_it_has_generalised(tmp_path):
    experiment = fr.spec.replace(
        fr.recipes.blog_parity(),
        {"keep": fr.Schedule(0, at=(150,)), "schedule": fr.Schedule(0, every=500)},
    )
    runs = fr.train(experiment, {"seed": range(3)}, store=tmp_path / "x.zarr", machine=QUIET)
    told = fr.mechanisms.explain_runs(runs, steps=[150, 5000])
    assert (runs.train_accuracy.sel(step=5000) == 1).all()
    assert told.mechanism.values.tolist() == [["no explanation", "sparse parity"]] * 3
    assert (told.parts.sel(step=5000) == "the bits 0, 1").all()

    network = jax.tree.map(jnp.asarray, fr.network(runs, 0))
    order = np.random.default_rng(0).permutation(network.first.shape[1])
    scrambled = dataclasses.replace(network, first=network.first[:, order])
    assert explain(scrambled, experiment.task).mechanism == "no explanation"


def test_what_cannot_be_asked_is_said():
    task = parity(30, 3)
    with pytest.raises(fr.SpecError, match="does not read strings of 30 bits as signs"):
        explain(constructed.parity_cases(20, 3), task)
    with pytest.raises(fr.SpecError, match=r"^explain: got 3 outputs; allowed: 1 or 2"):
        explain(lambda x: x[:, :3], task)
    with pytest.raises(fr.SpecError, match="not finite"):
        explain(lambda x: x[:, 0] * np.nan, task)
