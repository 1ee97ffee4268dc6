"""The numbers behind pictures, saved from the page, are those of the store."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from playwright.sync_api import Page

import flyroom as fr
from test_explorer_browser import (
    browser as browser,
    file as file,
    page as page,
    pytestmark as pytestmark,
    runs as runs,
    visit,
)
from test_explorer_views import saved


def table(page: Page, name: str) -> dict[str, np.ndarray]:
    """What is saved of a picture, by column."""
    rows = list(csv.DictReader(io.StringIO(saved(page, name, "CSV").decode())))
    return {column: np.array([float(row[column]) for row in rows]) for column in rows[0]}


@pytest.fixture
def last(runs: xr.Dataset) -> fr.models.FactoredNetwork:
    found = fr.network(runs, run=0)
    assert isinstance(found, fr.models.FactoredNetwork)
    return found


def test_weights_and_waves(page: Page, file: Path, last: fr.models.FactoredNetwork):
    visit(page, file, "run=0")
    for name, matrix, across in (
        ("weights-in-0", last.w_in, "token"),
        ("weights-out", last.w_out.T, "output"),
        ("waves", last.w_in, "token"),
        ("waves-out", last.w_out.T, "class"),
    ):
        found = table(page, name)
        assert len(found["weight"]) == matrix.size
        expected = np.asarray(matrix)[found[across].astype(int), found["neuron"].astype(int)]
        np.testing.assert_allclose(found["weight"], expected, rtol=1e-6)


def test_the_spectrum(page: Page, file: Path, last: fr.models.FactoredNetwork):
    visit(page, file, "run=0")
    power = fr.measures.neuron_power(last).sum("neuron").values
    found = table(page, "spectrum")
    np.testing.assert_allclose(found["share"], power / power.sum(), rtol=1e-4)
    through = table(page, "spectrum-steps")
    at_last = through["step"] == through["step"].max()
    np.testing.assert_allclose(through["share"][at_last], found["share"], rtol=1e-6)


def test_all_pairs(page: Page, runs: xr.Dataset, file: Path, last: fr.models.FactoredNetwork):
    visit(page, file, "run=0")
    logits = fr.mechanisms.Pairs.of(last, fr.experiment_of(runs).task).logits
    found = table(page, "right")
    a, b = found["a"].astype(int), found["b"].astype(int)
    right = (a + b) % len(logits)
    np.testing.assert_allclose(found["correct logit"], logits[a, b, right], rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(found["right"], logits[a, b].argmax(1) == right)
    for name, column in (("map-correct", "correct logit"), ("map-errors", "right")):
        np.testing.assert_array_equal(table(page, name)[name], found[column])
    one = table(page, "interference")
    whole = logits[1, 2] - logits[1, 2].mean()
    np.testing.assert_allclose(one["all together: the logits"], whole, rtol=1e-3, atol=1e-4)
