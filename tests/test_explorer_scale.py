"""A thousand runs in a real browser."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from playwright.sync_api import Page

import flyroom as fr
from helpers import MAPPED, modular
from test_explorer_browser import (
    browser as browser,
    page as page,
    pictures,
    pytestmark as pytestmark,
    visit,
)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    store = tmp_path_factory.mktemp("scale") / "runs.zarr"
    return fr.train(modular(steps=2), store=store, machine=MAPPED)


@pytest.mark.parametrize(("count", "fragment"), [(1000, "run=3"), (1125, "page=runs")])
def test_a_thousand_runs_stay_smooth(
    page: Page, sweep: xr.Dataset, tmp_path: Path, count: int, fragment: str
):
    """The first picture is there within two seconds, and what is touched answers at once."""
    path = fr.explorer.write_page(many(sweep, count), tmp_path / "many.html", explained=0)
    first = []
    for _ in range(2):
        visit(page, path, fragment)
        pictures(page)
        first.append(page.evaluate("performance.now()"))
    assert min(first) < 2000
    touched = "input[type=range]" if fragment == "run=3" else ".phases button"
    times = page.evaluate(
        """async (touched) => {
            const times = [];
            for (let i = 0; i < 9; i++) {
                const all = [...document.querySelectorAll(touched)];
                const began = performance.now();
                if (all.length > 1) all[i % all.length].click();
                else {
                    all[0].value = 100 * i;
                    all[0].dispatchEvent(new Event("input", { bubbles: true }));
                }
                await new Promise((done) => setTimeout(done));
                times.push(performance.now() - began);
            }
            return times;
        }""",
        touched,
    )
    assert np.median(times) < 50


def many(runs: xr.Dataset, count: int) -> xr.Dataset:
    """So many runs with 200 records each, over two axes and 45 seeds."""
    random = np.random.default_rng(0)
    step = np.unique(np.geomspace(1, 5e4, 260).round().astype(int))[:200]
    when = random.uniform(3, 11, (count, 1))
    accuracy = 1 / (1 + np.exp(-4 * (np.log(step) - when))).astype(np.float32)
    curves = {
        f"{side}_{kind}": (("run", "step"), values.astype(np.float32))
        for side in ("train", "test")
        for kind, values in (("accuracy", accuracy), ("loss", 1.01 - accuracy))
    }
    index = np.arange(count)
    axes = {
        "optimizer.weight_decay": ("run", np.array([0.01, 0.03, 0.1, 0.3, 1.0])[index % 5]),
        "task.train_count": ("run", np.array([750, 1000, 1250, 1500, 1750])[index // 5 % 5]),
        "seed": ("run", index // 25),
    }
    return xr.Dataset(curves, {"run": index, "step": step, **axes}, attrs=runs.attrs)
