"""All runs beside each other, explanations, wrong labels and parities, in a real browser."""

import csv
import io
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from playwright.sync_api import Browser, Page, expect

import flyroom as fr
from helpers import MAPPED, modular, parity
from test_explorer_browser import (
    browser as browser,
    linked,
    page as page,
    pictures,
    pytestmark as pytestmark,
    visit,
)

AXE = Path(__file__).parents[1] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
KEEP = fr.Schedule(per_octave=1)


def written(runs: xr.Dataset, name: str = "page", explained: int = 8) -> Path:
    path = Path(runs.attrs["store"]).with_name(f"{name}.html")
    return fr.explorer.write_page(runs, path, title="Views", explained=explained)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """Twelve runs over three axes, with a measure beside their curves."""
    experiment = modular(
        **{
            "task.p": 11,
            "steps": 300,
            "optimizer.learning_rate": 0.03,
            "model": fr.models.FactoredMLP(width=10, input="collapsed", output="collapsed"),
            "keep": KEEP,
        }
    )
    over = {
        "optimizer.weight_decay": [0.1, 1.0],
        "task.train_fraction": [0.4, 0.8],
        "seed": range(3),
    }
    store = tmp_path_factory.mktemp("views") / "runs.zarr"
    return fr.train(experiment, over, store=store, machine=MAPPED)


@pytest.fixture(scope="module")
def corrupted(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    task = fr.tasks.Corrupted(fr.tasks.ModularArithmetic(p=11, train_fraction=0.6), noise=0.3)
    model = fr.models.FactoredMLP(width=10, input="collapsed", output="collapsed")
    experiment = modular(task=task, model=model, keep=KEEP, steps=200)
    store = tmp_path_factory.mktemp("corrupted") / "runs.zarr"
    return fr.train(experiment, store=store, machine=MAPPED)


@pytest.fixture(scope="module")
def bits(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    experiment = parity(keep=KEEP, steps=200)
    store = tmp_path_factory.mktemp("bits") / "runs.zarr"
    return fr.train(experiment, store=store, machine=MAPPED)


@pytest.fixture(scope="module")
def files(sweep: xr.Dataset, corrupted: xr.Dataset, bits: xr.Dataset) -> dict[str, Path]:
    return {"sweep": written(sweep), "corrupted": written(corrupted), "bits": written(bits)}


def changed(page: Page, runs: xr.Dataset, name: str, where: Any, fragment: str, path: Path) -> set:
    """The pictures that are others once one number of an array of the store is another."""
    before = [written(runs, "before"), written(edited(runs, name, where, path), "after")]
    found = []
    for file in before:
        visit(page, file, fragment)
        found.append(pictures(page) | thumbnails(page))
    assert set(found[0]) == set(found[1])
    return {picture for picture in found[0] if found[0][picture] != found[1][picture]}


def edited(runs: xr.Dataset, name: str, where: Any, path: Path) -> xr.Dataset:
    """The same store but for one number in the first row or the last kept network of run 0."""
    other = shutil.copytree(runs.attrs["store"], path / "other.zarr")
    groups: Any = zarr.open_group(other).groups()
    for _, group in groups:
        mine = np.flatnonzero(group["run"][:] == 0)
        if name not in group or not len(mine):
            continue
        row = mine[0] if name in runs else mine[group["step"][:][mine].argmax()]
        array: Any = group[name]
        array[(row, *where)] = 1.0 if name == "test_accuracy" else array[(row, *where)] / 3 + 0.6
    return fr.open(other)


def thumbnails(page: Page) -> dict[str, str]:
    """What stands in the cards of runs and in the phase diagram, as text and pixels."""
    return page.evaluate(
        """() => {
            const all = (name) =>
                [...document.querySelectorAll(`[data-${name}]`)].map((e) => e.dataset[name]).join();
            return {
            card: document.querySelector("[data-run='0'] canvas")?.toDataURL() ?? "",
            told: document.querySelector("[data-run='0']")?.textContent ?? "",
            phases: all("counts"),
            levels: document.querySelector("[data-level]")?.textContent ?? "",
            numbers: all("value"),
            timing: document.querySelector("[data-timing]")?.textContent ?? "",
            kinds: all("count"),
        }; }"""
    )


# What is drawn is what is in the store.


@pytest.mark.parametrize(
    ("name", "where", "fragment", "expected"),
    [
        ("weight_norm", (-1,), "measure=weight_norm", {"weight_norm"}),
        ("test_accuracy", (slice(None),), "", {"accuracy", "loss", "timing"}),
        (
            "test_accuracy",
            (slice(None),),
            "page=runs",
            {"multiples", "survival", "phases", "levels", "told"},
        ),
        ("whole_in", (3, 2), "page=runs", {"card"}),
    ],
)
def test_every_view_of_a_sweep_draws_the_store(
    page: Page, sweep: xr.Dataset, tmp_path: Path,
    name: str, where: Any, fragment: str, expected: set[str],
):  # fmt: skip
    assert changed(page, sweep, name, where, fragment, tmp_path) == expected


def test_what_is_explained_and_measured_follows_the_weights(
    page: Page, sweep: xr.Dataset, tmp_path: Path
):
    found = changed(page, sweep, "whole_in", (3, 2), "run=0", tmp_path)
    assert {"explained", "numbers", "gini"} <= found
    assert not {"loss", "accuracy", "timing"} & found


def test_answers_to_wrong_labels_follow_the_weights(
    page: Page, corrupted: xr.Dataset, tmp_path: Path
):
    other = (slice(None), slice(None))
    found = changed(page, corrupted, "whole_in", other, "", tmp_path)
    assert {"corrupted-map", "corrupted-strip", "corrupted-shares", "kinds"} <= found


def test_what_is_said_of_bits_follows_the_weights(page: Page, bits: xr.Dataset, tmp_path: Path):
    found = changed(page, bits, "first", (3, 2), "", tmp_path)
    assert {"bits", "mass", "layout", "density", "spectral-norm"} <= found


# Numbers in the page, against Python.


def test_places_have_the_counts_of_the_phases_and_lead_to_their_runs(
    page: Page, sweep: xr.Dataset, files: dict[str, Path]
):
    visit(page, files["sweep"], "page=runs")
    phase = fr.measures.phase_liu(sweep, budget=300.0)
    cells = page.locator("[data-counts]")
    assert cells.count() == 4
    for i, (fraction, decay) in enumerate([(0.8, 0.1), (0.8, 1.0), (0.4, 0.1), (0.4, 1.0)]):
        here = (phase["optimizer.weight_decay"] == decay) & (
            phase["task.train_fraction"] == fraction
        )
        counts = [int((phase.values[here.values] == code).sum()) for code in range(-1, 4)]
        assert cells.nth(i).get_attribute("data-counts") == " ".join(map(str, counts))
    cells.nth(1).focus()
    page.keyboard.press("Enter")
    linked(page, "cell=1,1")
    cards = page.locator("[data-run]")
    wanted = sweep.run.values[
        (sweep["optimizer.weight_decay"] == 1.0) & (sweep["task.train_fraction"] == 0.8)
    ]
    assert [int(card.get_attribute("data-run") or -1) for card in cards.all()] == wanted.tolist()
    cards.nth(2).click()
    linked(page, f"run={wanted[2]}&")
    assert page.locator("canvas[data-picture=loss]").is_visible()


def test_a_click_into_the_small_pictures_lists_the_runs_there(page: Page, files: dict[str, Path]):
    visit(page, files["sweep"], "page=runs")
    box = page.locator("canvas[data-picture=multiples]").bounding_box()
    assert box
    page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + 0.7 * box["height"])
    linked(page, "cell=1,0")
    assert page.locator("[data-run]").count() == 3
    page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + 0.7 * box["height"])
    assert page.locator("[data-run]").count() == 12


def test_an_explanation_has_the_numbers_of_the_step(
    page: Page, sweep: xr.Dataset, files: dict[str, Path]
):
    for step in (0, 300):
        visit(page, files["sweep"], f"run=0&step={step}")
        expected = fr.explain(sweep, run=0, step=step)
        for name in ("sufficient", "necessary", "predictive"):
            shown = page.locator(f"[data-number={name}]").get_attribute("data-value")
            assert float(shown or "nan") == pytest.approx(getattr(expected, name))
        mechanism = page.locator("[data-mechanism]").get_attribute("data-mechanism")
        assert mechanism == expected.mechanism


def test_answers_are_counted_by_what_they_say(
    page: Page, corrupted: xr.Dataset, files: dict[str, Path]
):
    visit(page, files["corrupted"], "step=200")
    train = fr.experiment_of(corrupted, 0).task.split(0).train
    network: Any = fr.network(corrupted, 0, 200)
    inside = network.whole_in[train.inputs[:, 0]] + network.whole_in[train.inputs[:, 1]]
    said = (np.maximum(inside, 0) @ network.whole_out).argmax(1)
    right = train.labels == train.truth
    expected = [
        right & (said == train.truth),
        right & (said != train.truth),
        ~right & (said == train.labels),
        ~right & (said == train.truth),
        ~right & (said != train.labels) & (said != train.truth),
    ]
    shown = [one.get_attribute("data-count") for one in page.locator("[data-kind]").all()]
    assert shown == [str(int(one.sum())) for one in expected]
    example = page.get_by_role("spinbutton", name="training example")
    example.fill("5")
    linked(page, "example=5")
    words = page.locator("[data-example]").inner_text()
    assert f"the label given is {train.labels[5]}, the right one {train.truth[5]}" in words
    example.press("ArrowUp")
    linked(page, "example=6")
    assert page.get_attribute("output", "data-step") == "200"


# The link.


@pytest.mark.parametrize(
    ("kind", "fragment", "pressed"),
    [
        ("sweep", "page=runs&across=seed&along=task.train_fraction&cell=2%2C1&rule=by+losses", 2),
        ("sweep", "page=runs&by=seed", 1),
        ("bits", "run=0&layout=t-sne", 1),
    ],
)
def test_a_link_shows_what_its_sender_saw(
    page: Page, files: dict[str, Path], kind: str, fragment: str, pressed: int
):
    visit(page, files[kind], fragment)
    first, count = pictures(page), page.locator("[aria-pressed=true]").count()
    assert count >= pressed
    page.evaluate("window.scrollTo(0, 0)")
    visit(page, files[kind], fragment.split("&")[0])
    assert pictures(page) != first
    visit(page, files[kind], fragment)
    assert pictures(page) == first


@pytest.mark.parametrize("name", ["across", "along", "rule", "by", "cell", "measure", "from"])
def test_what_a_link_garbles_is_as_at_the_start(page: Page, files: dict[str, Path], name: str):
    start = "page=runs" if name != "measure" else "run=0"
    visit(page, files["sweep"], start)
    before = pictures(page) | thumbnails(page)
    visit(page, files["sweep"], f"{start}&{name}=%3Cscript%3E,99999")
    assert pictures(page) | thumbnails(page) == before


# Pictures as files.


def saved(page: Page, name: str, kind: str) -> bytes:
    """What the keyboard saves of a picture."""
    menu = page.get_by_label(f"save {name}", exact=True)
    menu.focus()
    page.keyboard.press("Enter")
    with page.expect_download() as download:
        page.get_by_label(f"save {name} as {kind}").press("Enter")
    return Path(download.value.path()).read_bytes()


def test_a_picture_is_saved_as_png_svg_and_the_numbers_behind_it(
    page: Page, sweep: xr.Dataset, files: dict[str, Path]
):
    visit(page, files["sweep"], "run=0")
    assert saved(page, "accuracy", "PNG").startswith(b"\x89PNG")
    assert page.locator(":focus").get_attribute("aria-label") == "save accuracy"
    drawing = ElementTree.fromstring(saved(page, "accuracy", "SVG"))
    marks = [one.tag.rpartition("}")[2] for one in drawing.iter()]
    assert marks.count("path") > 2 * sweep.sizes["run"]
    assert "100%" in [one.text for one in drawing.iter() if one.tag.endswith("text")]
    rows = list(csv.DictReader(io.StringIO(saved(page, "accuracy", "CSV").decode())))
    last = [
        float(row["value"])
        for row in rows
        if row["measure"] == "test_accuracy" and row["step"] == "300"
    ]
    np.testing.assert_allclose(last, sweep.test_accuracy.sel(step=300), rtol=1e-6)
    heatmap = ElementTree.fromstring(saved(page, "weights-in-0", "SVG"))
    images = [one for one in heatmap.iter() if one.tag.endswith("image")]
    assert images
    assert all("pixelated" in (one.get("style") or "") for one in images)


# What a part of the story changes, it changes once it is painted: the next may be chosen before.
HASTY = """() => setTimeout(async () => {
    const sentences = document.querySelectorAll(".sentence");
    for (const sentence of [...sentences].slice(1)) {
        sentence.click();
        for (let i = 0; i < 20; i++) await null;
    }
}, 100)"""


def test_one_may_be_faster_than_the_page(page: Page, files: dict[str, Path]):
    visit(page, files["sweep"], "page=story")
    page.evaluate(HASTY)
    expect(page.locator(".sentence").last).to_have_attribute("aria-current", "step")


# Everyone can read it.


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_anyones_way(
    browser: Browser, files: dict[str, Path], width: int, scheme: Any
):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    pages = {
        "sweep": [
            *("run=0", "page=runs", "page=runs&cell=1,1"),
            *("page=story", "page=hand", "page=train"),
        ],
        "corrupted": [""],
        "bits": [""],
    }
    for kind, fragments in pages.items():
        for fragment in fragments:
            visit(page, files[kind], fragment)
            assert page.evaluate("document.documentElement.scrollWidth") == width
            page.evaluate(AXE.read_text("utf-8"))
            found = page.evaluate("axe.run().then((found) => found.violations)")
            told = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]
            assert told == [], (kind, fragment)
    page.close()


def test_a_page_of_one_run_and_no_accuracy_says_what_to_do(page: Page, tmp_path: Path):
    experiment = modular(steps=2, record=(fr.measures.neuron_power_share,))
    runs = fr.train(experiment, store=tmp_path / "runs.zarr", machine=MAPPED)
    visit_runs(page, written(runs, explained=0))
    notes = " ".join(page.locator(".note").all_inner_texts())
    for words in ("differ in nothing that was swept", "no test accuracy was recorded"):
        assert words in notes
    assert page.locator("[data-run='0']").is_visible()


def visit_runs(page: Page, file: Path) -> None:
    page.goto(f"{file.as_uri()}#page=runs")
    page.locator(".note").first.wait_for()


@pytest.mark.parametrize(
    ("store", "view"),
    [("corrupted", "Corrupted labels"), ("bits", "Parity"), ("sweep", "Progress measures")],
)
def test_what_was_not_computed_says_how_to_have_it(
    page: Page, request: pytest.FixtureRequest, store: str, view: str
):
    """And a view that a task has nothing for is not there at all."""
    visit(page, written(request.getfixturevalue(store), "unasked", explained=0))
    text = page.locator("section", has=page.get_by_role("heading", name=view)).inner_text()
    assert "--run 0 --explained 24" in text
    headings = page.get_by_role("heading", level=2).all_inner_texts()
    own = {"Corrupted labels": {"Corrupted labels"}, "Parity": {"Parity"}}.get(view, set())
    assert {"Corrupted labels", "Parity"} & set(headings) == own


def test_a_run_beyond_those_that_were_explained_says_how_to_have_it(page: Page, sweep: xr.Dataset):
    visit(page, written(sweep, "few", explained=2), "run=7")
    text = page.locator("section", has=page.get_by_role("heading", name="Progress")).inner_text()
    assert "--run 7 --explained 24" in text
