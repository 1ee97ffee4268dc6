"""The page of the server and the widget of a notebook in a real browser, while a network trains."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import traitlets
import xarray as xr
import zarr
from playwright.sync_api import Browser, Page, expect

import flyroom as fr
from helpers import MAPPED
from test_explorer import unpack
from test_explorer_browser import (
    browser as browser,
    linked,
    pictures,
    pytestmark as pytestmark,
    step,
)
from test_explorer_server import LONG, serving
from test_explorer_views import AXE


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page in which nothing may go wrong, and that asks nobody but its server."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(60_000)
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    yield page
    page.close()
    local = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "file:")
    assert [one for one in said if not one.startswith(local)] == []


def until(holds: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def fill(page: Page, path: str, text: str) -> None:
    field = page.locator(f"[name='{path}']")
    field.wait_for(state="attached")  # what is not there yet is not closed either
    if not field.is_visible():
        page.locator("fieldset", has=field).locator("summary").click()
    field.fill(text)
    field.press("Tab")


def label(page: Page, picture: str) -> str:
    return page.locator(f"[data-picture={picture}]").get_attribute("aria-label") or ""


def in_state(page: Page, state: str) -> None:
    page.locator(f"[data-training={state}]").wait_for()


# The server.


def test_a_training_is_started_watched_stopped_and_resumed_in_the_page(page: Page, tmp_path: Path):
    store = tmp_path / "new.zarr"
    with serving("explore", str(store)) as server:
        page.goto(server.link)
        in_state(page, "absent")
        for path, text in LONG.items():
            if path != "keep.per_octave":
                fill(page, path, text)
        page.locator("[name='keep.per_octave']").select_option("4")
        fill(page, "optimizer.learning_rate", "-1")
        alert = page.get_by_role("alert")
        alert.wait_for()
        assert alert.inner_text() == "AdamW.learning_rate: got -1.0; allowed: at least 0."
        assert page.get_by_role("button", name="start").is_disabled()
        fill(page, "optimizer.learning_rate", "")
        alert.wait_for(state="detached")
        page.get_by_label("values").fill("0,2")
        page.get_by_role("button", name="add this axis").click()
        page.get_by_role("button", name="start 2 runs").click()

        page.locator("[data-picture=loss]").wait_for()
        first, before = step(page), pictures(page)
        until(lambda: step(page) > first)
        assert pictures(page)["loss"] != before["loss"]
        assert page.locator(".run select option").count() == 2
        until(lambda: "model-steps/s" in page.locator(".training .said").inner_text())
        assert "0 of 2 runs are over (" in page.locator(".training .said").inner_text()

        # What the reader has chosen stays as it is while there is more.
        page.locator(".run select").select_option(index=1)
        linked(page, "run=1")
        page.get_by_label("step", exact=True).fill("0")
        linked(page, "step=0")
        link, before, words = page.url, pictures(page), label(page, "weights-in-0")
        assert "at step 0" in words
        until(lambda: pictures(page)["loss"] != before["loss"])
        assert label(page, "weights-in-0") == words
        assert (step(page), page.url) == (0, link)
        page.reload()
        page.locator("[data-picture=loss]").wait_for()
        assert (step(page), page.url) == (0, link)
        page.get_by_role("button", name="follow the newest step").click()
        until(lambda: step(page) > 0)
        page.wait_for_url(lambda url: url.endswith("#run=1"))

        page.get_by_role("button", name="stop").click()
        in_state(page, "unfinished")
        half = int(fr.open(store).last_step.max())
        assert 0 < half < int(LONG["steps"])
        page.get_by_role("button", name="resume").click()
        in_state(page, "training")
        until(lambda: int(fr.open(store).last_step.max()) > half)
        page.get_by_role("button", name="stop").click()
        in_state(page, "unfinished")


def test_live_opens_the_page_and_shows_what_the_store_holds_in_the_end(page: Page, tmp_path: Path):
    store = tmp_path / "runs.zarr"
    words = ["--set", "task.p=11", "--set", "model.embed_width=8", "--set", "keep.per_octave=2"]
    with serving(
        "train", "pair-mod67", *words, "--steps", "3000", "--store", str(store), "--live"
    ) as server:
        page.goto(server.link)
        in_state(page, "finished")
        until(lambda: page.locator("output").count() and step(page) == 3000)
        runs = fr.open(store)
        known = 100 * float(runs.train_accuracy[0, -1])
        assert f"train accuracy {known:.3g}" in label(page, "accuracy")
        page.get_by_label("go on to step").fill("10")
        page.get_by_role("button", name="resume").click()
        alert = page.get_by_role("alert")
        alert.wait_for()
        assert "steps: got 10; allowed: at least the 3000 of the store" in alert.inner_text()
        page.get_by_label("go on to step").fill("4000")
        page.get_by_role("button", name="resume").click()
        until(lambda: page.locator("output").count() and step(page) == 4000)


def test_a_server_that_has_gone_is_told_and_what_was_seen_stays(page: Page, runs: xr.Dataset):
    with serving("explore", runs.attrs["store"]) as server:
        page.goto(f"{server.link}#run=1&step=64")
        page.locator("[data-picture=loss]").wait_for()
        before = pictures(page)
    in_state(page, "gone")
    assert pictures(page) == before


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_form_fits_its_window(browser: Browser, tmp_path: Path, width: int, scheme: str):
    with serving("explore", str(tmp_path / "new.zarr")) as server:
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # pyright: ignore[reportArgumentType]
        page.goto(server.link)
        page.get_by_role("button", name="start").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.locator("input:visible, select:visible").count() > 10
        for field in page.locator("input:visible, select:visible").all():
            assert field.evaluate("e => e.labels.length") == 1
        page.close()


def test_a_hint_says_bounds_once(page: Page, tmp_path: Path):
    with serving("explore", str(tmp_path / "new.zarr")) as server:
        page.goto(server.link)
        expect(page.get_by_text("the modulus, at least 2", exact=True)).to_have_count(1)
        page.get_by_label("recipe").select_option("pair-parity")
        bits = page.get_by_text("number of bits, at least 1 and at most 62", exact=True)
        expect(bits).to_have_count(1)
        expect(page.get_by_text("number of training examples (at least 1)")).to_have_count(1)


# The widget.


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    experiment = fr.Experiment(
        task=fr.tasks.ModularArithmetic(p=11, train_fraction=0.6),
        model=fr.models.FactoredMLP(width=8, embed_width=8),
        keep=fr.Schedule(per_octave=2),
        steps=200,
    )
    store = tmp_path_factory.mktemp("widget") / "runs.zarr"
    return fr.train(experiment, {"seed": range(2)}, store=store, machine=MAPPED)


def test_run_step_and_state_are_values_of_python(runs: xr.Dataset):
    view = fr.explore(runs)
    assert (view.run, view.step, view.state) == (0, None, "run=0")
    view.step = 64
    assert view.state == "run=0&step=64"
    view.state = "run=1&step=96&scale=linear&frequencies=2,5"
    assert (view.run, view.step) == (1, 96)
    view.run = 0
    assert view.state == "run=0&step=96&scale=linear&frequencies=2,5"
    view.step = None
    assert view.state == "run=0&scale=linear&frequencies=2,5"
    for garbled in ("run=7&step=-1", "run=x&step=1e3", "%%%", ""):
        view.state = garbled
        assert (view.run, view.step) == (0, None)
    with pytest.raises(traitlets.TraitError, match="run: got 2; allowed: 0 to 1"):
        view.run = 2
    with pytest.raises(traitlets.TraitError):
        view.step = -1


def test_the_widget_shows_the_runs_that_it_was_given(runs: xr.Dataset, tmp_path: Path):
    view = fr.explore(runs.sel(run=[1]), title="One")
    told = unpack(view.bundle)
    assert (told["title"], [one["run"] for one in told["runs"]]) == ("One", [1])
    assert view.run == 1
    assert unpack(fr.explore(runs.attrs["store"]).bundle)["title"] == "runs"
    assert "of" in unpack(view.bundle)["runs"][0]["explained"]
    unasked = unpack(fr.explore(runs, explained=0).bundle)["runs"][0]
    assert all("why" in unasked[name] for name in ("explained", "progress"))
    store = tmp_path / "more.zarr"
    small = fr.spec.replace(fr.experiment_of(runs), {"steps": 4})
    view = fr.explore(fr.train(small, store=store, machine=MAPPED))
    fr.resume(store, steps=9, machine=MAPPED)
    view.refresh()
    assert unpack(view.bundle)["steps"].max() == 9


NOTEBOOK = """
import marimo

app = marimo.App()

@app.cell
def _():
    import marimo as mo
    import flyroom as fr
    view = mo.ui.anywidget(fr.explore({store!r}))
    view
    return fr, mo, view

@app.cell
def _(mo):
    there = mo.ui.button(label="there", value=0, on_click=lambda n: n + 1)
    there
    return (there,)

@app.cell
def _(mo, there, view):
    if there.value:
        view.widget.step = 64
    mo.md(f"sent to run {{view.widget.run}} step {{view.widget.step}}")
    return

@app.cell
def _(mo, view):
    mo.md(f"looked at run {{view.value['run']}} step {{view.value['step']}}")
    return
"""


def answers(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def notebook(file: Path) -> Iterator[str]:
    """The address of a marimo notebook that runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "marimo", "-q", "run", file.name, "--headless", "--no-token"]
    environment = {**os.environ, "MARIMO_SKIP_UPDATE_CHECK": "1", "HOME": str(file.parent)}
    with subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)], cwd=file.parent, env=environment
    ) as process:
        try:
            until(lambda: answers(port))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def test_in_a_notebook_what_is_looked_at_goes_to_python_and_back(
    browser: Browser, runs: xr.Dataset, tmp_path: Path
):
    file = tmp_path / "view.py"
    file.write_text(NOTEBOOK.format(store=runs.attrs["store"]))
    with notebook(file) as address:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(address)
        page.locator("[data-picture=loss]").wait_for()
        page.get_by_text("looked at run 0 step None").wait_for()
        page.get_by_label("step", exact=True).fill("0")
        page.get_by_text("looked at run 0 step 0").wait_for()
        page.locator(".run select").select_option(label="seed 1")
        page.get_by_text("looked at run 1 step 0").wait_for()
        page.get_by_role("button", name="there").click()
        page.locator("output[data-step='64']").wait_for()
        page.get_by_text("sent to run 1 step 64").wait_for()
        assert "at step 64" in label(page, "weights-in-0")
        page.close()


@pytest.mark.parametrize("width", [360, 1440])
def test_the_form_can_be_used_by_all(page: Page, tmp_path: Path, width: int):
    page.set_viewport_size({"width": width, "height": 900})
    with serving("explore", str(tmp_path / "new.zarr")) as server:
        page.goto(server.link)
        page.get_by_role("button", name="start").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.evaluate(AXE.read_text("utf-8"))
        found = page.evaluate("axe.run().then((found) => found.violations)")
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []


def test_the_server_shows_what_the_file_shows(page: Page, runs: xr.Dataset, tmp_path: Path):
    """Every picture of every page, also after the page was told of explanations."""
    file = fr.explorer.write_page(runs, tmp_path / "page.html", explained=0)
    with serving("explore", str(runs.attrs["store"])) as server:
        for name in ("run", "runs", "story", "hand", "train"):
            drawn = []
            for link in (f"{file.as_uri()}#page={name}", f"{server.link}#page={name}"):
                page.goto("about:blank")
                page.goto(link)
                last = "[data-picture=live-circle]" if name == "train" else "[data-picture]"
                page.locator(last).first.wait_for()  # a worker draws a moment later
                drawn.append(pictures(page))
            theirs, ours = drawn
            assert theirs
            assert {key: ours.get(key) for key in theirs} == theirs, name


def test_the_server_draws_its_store(page: Page, runs: xr.Dataset, tmp_path: Path):
    """One weight of the last step is another, and the pictures that show it change."""
    other = shutil.copytree(runs.attrs["store"], tmp_path / "other.zarr")
    groups: Any = zarr.open_group(other).groups()
    for name, group in groups:
        if name.startswith("weights"):
            last = int(np.argmax(group["step"][:]))
            array: Any = group["into"]
            array[(last, 3, 5)] = array[(last, 3, 5)] + 1
    drawn = []
    for store in (runs.attrs["store"], other):
        with serving("explore", str(store)) as server:
            page.goto("about:blank")
            page.goto(server.link)
            page.locator("[data-picture=waves]").wait_for()
            drawn.append(pictures(page))
    before, after = drawn
    assert before.keys() & after.keys() >= {"weights-in-0", "waves", "spectrum", "loss"}
    changed = {name for name in before if after.get(name) != before[name]}
    assert {"weights-in-0", "waves", "spectrum"} <= changed
    assert "loss" not in changed
