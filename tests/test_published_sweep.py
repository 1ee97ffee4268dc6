"""The 450 published networks modulo 67, counted again as ours are."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

import flyroom as fr

P = 67


# The neurons of each frequency of a network.
Model = dict[int, int]


@pytest.fixture(scope="module")
def rows(published: Path) -> list[dict[str, str]]:
    with (published / "pair_mod67_sweep.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def models(rows: list[dict[str, str]]) -> list[Model]:
    return [read(row) for row in rows]


@pytest.fixture(scope="module")
def converged(rows: list[dict[str, str]]) -> list[Model]:
    """Those whose test loss falls below 1e-5, by the source's rule."""
    return [read(row) for row in rows if float(row["minEvalLoss"]) < 1e-5]


def read(row: dict[str, str]) -> Model:
    """The file counts frequencies from 0."""
    both = (row["freqs"].split(), row["freqs_neurons"].split())
    return {int(frequency) + 1: int(count) for frequency, count in zip(*both, strict=True)}


def test_networks_have_so_many_frequencies(models: list[Model], converged: list[Model]):
    assert Counter(map(len, models)) == {3: 274, 4: 165, 5: 10, 2: 1}
    assert Counter(map(len, converged)) == {3: 264, 4: 143, 2: 1}
    drawn = Counter(frequency for model in converged for frequency in model)
    assert (min(drawn), max(drawn)) == (1, (P - 1) // 2)  # from 0 they would miss the highest
    found = scipy.stats.chisquare([drawn[k] for k in range(1, 34)])
    assert found.statistic == pytest.approx(29.1, abs=0.05)


def test_frequencies_have_so_many_neurons(converged: list[Model]):
    counts = Counter(count for model in converged for count in model.values())
    total = sum(counts.values())
    assert [counts[n] / total for n in (5, 6, 7)] == pytest.approx([0.251, 0.239, 0.193], abs=2e-3)
    assert sum(counts[n] for n in range(5)) / total == pytest.approx(0.024, abs=2e-3)


@pytest.mark.parametrize(("size", "count", "mean"), [(3, 274, 0.714), (4, 165, 0.711)])
def test_sets_of_frequencies_lie_high_among_random_ones(
    models: list[Model], size: int, count: int, mean: float
):
    random = np.random.default_rng(0)
    sets = [sorted(random.choice(33, size, replace=False) + 1) for _ in range(4000)]
    others = np.array([fr.algebra.frequency_margin([*map(int, one)], P) for one in sets])
    ranks = [
        (others < fr.algebra.frequency_margin(sorted(model), P)).mean()
        for model in models
        if len(model) == size
    ]
    assert len(ranks) == count
    assert np.mean(ranks) == pytest.approx(mean, abs=0.012)
