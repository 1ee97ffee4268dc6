"""The explorer's other pages in a real browser: by hand, train here, story."""

import csv
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

import flyroom as fr
from helpers import modular
from test_explorer import trained
from test_explorer_browser import browser, page, pytestmark, visit, written

__all__ = ["browser", "page", "pytestmark"]  # fixtures and marks of the other page's tests

EVERY = {"schedule": fr.Schedule(every=1), "keep": fr.Schedule(per_octave=1)}
COUNTED = 200  # losses that are compared


def pair(**changes: Any) -> fr.Experiment:
    """The recipe's network, smaller where only the time of the test depends on it."""
    found = fr.spec.replace(fr.recipes.pair_mod67(), {"steps": COUNTED, "model.embed_width": 100})
    return fr.spec.replace(found, EVERY | changes)


def ones_and_zeros(**changes: Any) -> fr.Experiment:
    found = fr.spec.replace(fr.recipes.pair_parity_sweep(), {"steps": COUNTED})
    return fr.spec.replace(found, EVERY | changes)


def collapsed(**changes: Any) -> fr.Experiment:
    """Two matrices, each position with its own table, and coupled decay."""
    return modular(
        **EVERY,
        model=fr.models.MLP(widths=(24,), bias=False),
        optimizer=fr.optim.Adam(weight_decay=1e-4),
        loss=fr.losses.CrossEntropy(),
        steps=COUNTED,
        **changes,
    )


def absolute_decay(**changes: Any) -> fr.Experiment:
    return fr.spec.replace(fr.recipes.pair_parity(), EVERY | {"steps": COUNTED} | changes)


def step(page: Page) -> int:
    return int(page.get_attribute("output", "data-step") or 0)


def wait_for_step(page: Page, least: int, seconds: int = 60) -> None:
    """Waits until the page has trained so far; it lets nobody else evaluate a condition in it."""
    end = time.monotonic() + seconds
    while step(page) < least:
        assert time.monotonic() < end, f"step {step(page)} of {least} after {seconds} s"
        page.wait_for_timeout(100)


@pytest.mark.parametrize("experiment", [pair, ones_and_zeros, collapsed, absolute_decay])
def test_the_first_losses_are_those_of_the_engine(page: Page, tmp_path: Path, experiment: Any):
    runs = trained(tmp_path, experiment(), seed=[3])
    visit(page, written(runs), "page=train&training=run")
    page.get_by_role("button", name="start").click()
    wait_for_step(page, COUNTED + 1)
    page.get_by_role("button", name="pause").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="save curves").click()
    rows = list(csv.DictReader(download.value.path().read_text().splitlines()))
    assert [int(row["step"]) for row in rows[: COUNTED + 1]] == list(range(COUNTED + 1))
    for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        theirs = [float(row[name]) for row in rows[: COUNTED + 1]]
        ours = runs[name].values[0]
        # One answer of a thousand may be another where two logits are nearly equal.
        slack = 2e-3 * ("accuracy" in name)
        np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=slack, err_msg=name)
    assert runs.train_loss.values[0, -1] < 0.9 * runs.train_loss.values[0, 0]
