"""The explorer's other pages in a real browser: by hand, train here, story."""

import csv
import re
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from playwright.sync_api import Browser, Page

import flyroom as fr
from flyroom.models import constructed
from helpers import modular
from test_constructed import right
from test_explorer import trained
from test_explorer_browser import (
    P,
    browser,
    linked,
    outcome,
    page,
    pictures,
    pytestmark,
    visit,
    written,
)
from test_explorer_views import saved

__all__ = ["browser", "page", "pytestmark"]  # fixtures and marks of the other page's tests

EVERY = {"schedule": fr.Schedule(every=1), "keep": fr.Schedule(per_octave=1)}
COUNTED = 200  # losses that are compared


def pair(**changes: Any) -> fr.Experiment:
    """The recipe's network."""
    found = fr.spec.replace(fr.recipes.pair_mod67(), {"steps": COUNTED})
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


def label(page: Page, picture: str) -> str:
    """What a picture says in words."""
    return page.get_attribute(f"[data-picture={picture}]", "aria-label") or ""


def wait_for_step(page: Page, least: int, seconds: int = 60) -> None:
    """Waits until the page has trained so far; it lets nobody else evaluate a condition in it."""
    end = time.monotonic() + seconds
    while step(page) < least:
        assert time.monotonic() < end, f"step {step(page)} of {least} after {seconds} s"
        page.wait_for_timeout(100)


# The page computes in float64, in which it has to go the engine's way. In float32 the engine's own
# rounding grows to some 1e-4 of loss within 200 steps.
@pytest.mark.parametrize(
    ("experiment", "precision", "relative", "absolute"),
    [
        (pair, "float64", 1e-9, 0.0),
        (pair, "float32", 0.0, 1e-3),
        (ones_and_zeros, "float64", 1e-9, 0.0),
        (ones_and_zeros, "float32", 0.0, 1e-3),
        (collapsed, "float64", 1e-9, 0.0),
        (absolute_decay, "float64", 1e-9, 0.0),
    ],
)
def test_the_first_losses_are_those_of_the_engine(
    page: Page, tmp_path: Path,
    experiment: Any, precision: str, relative: float, absolute: float,
):  # fmt: skip
    runs = trained(tmp_path, experiment(precision=precision), seed=[2])
    visit(page, written(runs), "page=train&training=run")
    page.get_by_role("button", name="start").click()
    wait_for_step(page, COUNTED + 1)
    page.get_by_role("button", name="pause").click()
    # In float32 answers differ sooner, where two logits are nearly equal.
    for kind in ("loss", "accuracy") if precision == "float64" else ("loss",):
        rows = list(csv.DictReader(saved(page, f"live-{kind}", "CSV").decode().splitlines()))
        counted = [row for row in rows if row["trained"] == "here"][: COUNTED + 1]
        assert [int(row["step"]) for row in counted] == list(range(COUNTED + 1))
        for name in (f"train_{kind}", f"test_{kind}"):
            theirs = [float(row[name]) for row in counted]
            ours = runs[name].values[0]
            np.testing.assert_allclose(theirs, ours, rtol=relative, atol=absolute, err_msg=name)
    assert runs.train_loss.values[0, -1] < 0.9 * runs.train_loss.values[0, 0]


# By hand.


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """A network that adds modulo 23 after a few hundred steps, and one that was not let."""
    experiment = fr.Experiment(
        task=fr.tasks.ModularArithmetic(p=P, ordered=False, train_fraction=0.7),
        model=fr.models.FactoredMLP(width=24, embed_width=32),
        optimizer=fr.optim.AdamW(learning_rate=0.01),
        loss=fr.losses.CrossEntropy(class_mean=True),
        keep=fr.Schedule(per_octave=4),
        steps=3000,
    )
    store = tmp_path_factory.mktemp("pages")
    return trained(store, experiment, **{"optimizer.weight_decay": [3.0, 0.0], "seed": [1]})


@pytest.fixture(scope="module")
def file(runs: xr.Dataset) -> Path:
    return written(runs)


def numbers(page: Page, name: str) -> np.ndarray:
    text = page.locator(f"[data-{name}]").get_attribute(f"data-{name}")
    return np.array([float(number) for number in (text or "").split()])


@pytest.mark.parametrize(("a", "b", "step"), [(3, 14, 3000), (22, 22, 64), (0, 1, 0)])
def test_the_network_answers_by_hand_as_it_does_in_python(
    page: Page, runs: xr.Dataset, file: Path, a: int, b: int, step: int
):
    visit(page, file, f"page=hand&run=0&step={step}&a={a}&b={b}")
    expected = fr.network(runs, 0, step)(jnp.array([a, b]))
    np.testing.assert_allclose(numbers(page, "logits"), expected, rtol=1e-4, atol=1e-4)
    assert numbers(page, "answer") == [np.argmax(expected)]
    assert f"= {(a + b) % P} modulo {P}" in page.locator("[data-sum]").inner_text()
    assert label(page, "clock").endswith(f"which is {(a + b) % P}.")


ACTIVATIONS = {"relu": fr.models.relu, "absolute": fr.models.absolute, "square": fr.models.square}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("p", "neurons"), [(67, 3), (67, 6), (67, 8), (12, 5), (31, 4), (97, 12)])
def test_few_neurons_answer_as_those_of_the_library(
    page: Page, file: Path, activation: str, p: int, neurons: int
):
    turned, (a, b) = 40, (p - 2, 5)
    link = f"p={p}&built={neurons}&construction={activation}&rotation={turned}&a={a}&b={b}"
    visit(page, file, f"page=hand&{link}")
    with jax.enable_x64():
        network = constructed.circles(
            p, neurons, rotation=np.radians(turned), activation=ACTIVATIONS[activation]
        )
        share, logits = right(network, p), np.asarray(network(jnp.array([a, b])))
    np.testing.assert_allclose(numbers(page, "built-accuracy"), [share], atol=1e-4)
    np.testing.assert_allclose(numbers(page, "built-logits"), logits, atol=1e-4)


@pytest.mark.parametrize(
    ("neurons", "fails", "bound"),
    [(5, 119, 118.5), (6, 21, 20.4), (7, 345, 342.9), (8, 57, 56.9), (9, 745, 744.2)],
)
def test_the_page_finds_the_modulus_that_few_neurons_miss(
    page: Page, file: Path, neurons: int, fails: int, bound: float
):
    """The numbers of the library's own test, which asks every pair."""
    turned = 20 if neurons == 6 else 0  # six neurons, unturned, bear 21 as well
    visit(page, file, f"page=hand&built={neurons}&construction=relu&rotation={turned}")
    assert numbers(page, "built-fails") == [fails]
    assert numbers(page, "built-bound") == pytest.approx(bound, abs=0.05)
    for p, exact in ((fails - 2, True), (fails, False)):
        visit(page, file, f"page=hand&built={neurons}&rotation={turned}&p={p}")
        assert (numbers(page, "built-accuracy") == [1]) == exact
    visit(page, file, f"page=hand&built={neurons}&construction=square")
    assert page.get_attribute("[data-built-fails]", "data-built-fails") == "never"


def test_half_angles_need_twice_as_many_outputs(page: Page, file: Path):
    p = 23
    for a, b in ((3, 14), (20, 22), (0, 22)):
        visit(page, file, f"page=hand&construction=identity&p={p}&a={a}&b={b}")
        half = np.pi / p * np.arange(2 * p)
        expected = np.cos(half - 2 * np.pi * a / p) + np.cos(half - 2 * np.pi * b / p)
        np.testing.assert_allclose(numbers(page, "built-logits"), expected, atol=1e-4)
        assert numbers(page, "built-answer") % p == (a + b) % p


def test_what_is_added_by_hand_is_in_the_link(page: Page, file: Path):
    visit(page, file, "page=hand")
    before = pictures(page)
    page.get_by_label("a", exact=True).fill("7")
    page.get_by_label("modulus p").fill("31")
    page.get_by_role("button", name="x²").click()
    page.get_by_label("neurons: 5").press("ArrowRight")
    linked(page, "p=31&built=6&construction=square")
    assert step(page) == 3000  # the arrow moved the neurons, not the step
    linked(page, "a=7")
    after = pictures(page)
    assert all(after[name] != before[name] for name in after)
    assert "adds modulo 23" in page.locator(".note").first.inner_text()


# Train here.


def test_a_network_of_the_page_groks_and_can_be_stopped_and_begun_anew(page: Page, file: Path):
    visit(page, file, "page=train")
    page.locator("[data-picture=live-circle]").wait_for()  # the worker has drawn its weights
    before = pictures(page)
    page.get_by_role("button", name="start").click()
    wait_for_step(page, 300)
    page.get_by_role("button", name="pause").click()
    page.wait_for_timeout(300)
    paused, after = step(page), pictures(page)
    assert all(after[name] != before[name] for name in before)
    assert re.search("100% of training", page.locator("output").inner_text())
    page.wait_for_timeout(300)
    assert step(page) == paused
    page.get_by_role("button", name="reset").click()
    page.locator("output[data-step='0']").wait_for()
    assert pictures(page) == before


def test_a_pace_is_kept_and_what_is_changed_acts(page: Page, file: Path):
    visit(page, file, "page=train&training=addition,p:11,rank:8")
    page.get_by_label("speed").select_option("10")
    page.get_by_label("learning rate").fill("0")
    page.get_by_label("learning rate").press("Enter")
    linked(page, "learning_rate:0")
    page.get_by_role("button", name="start").click()
    page.wait_for_timeout(3000)
    assert 5 <= step(page) <= 35
    first = label(page, "live-loss")
    wait_for_step(page, step(page) + 5)
    # Nothing is learned at a rate of 0.
    assert label(page, "live-loss").split(":")[1] == first.split(":")[1]
    page.get_by_label("modulus p").fill("13")
    wait_for_step(page, step(page) + 5)  # what is typed stays while the page draws
    page.get_by_label("modulus p").press("Enter")
    page.locator("output[data-step='0']").wait_for()
    assert "13 tokens" in (
        page.locator("[data-picture=live-waves]").get_attribute("aria-label") or ""
    )


def test_the_parity_network_shows_its_bits(page: Page, file: Path):
    visit(page, file, "page=train&training=parity,neurons:16")
    before = label(page, "live-bits")
    page.get_by_role("button", name="start").click()
    wait_for_step(page, 50)
    assert label(page, "live-bits") != before


def test_a_run_that_cannot_be_trained_again_says_why(page: Page, tmp_path: Path):
    runs = trained(tmp_path, modular(model=fr.models.MLP(widths=(6,)), steps=3))
    visit(page, written(runs), "page=hand")
    page.get_by_role("button", name="Train here").click()
    page.get_by_role("button", name="again").click()
    assert "without biases" in page.locator(".note").inner_text()
    assert page.get_by_role("button", name="start").is_disabled()


# The story.


def part(page: Page) -> tuple[str, str, int]:
    """The part that is told: its title, the view beside it, and the step."""
    title = page.locator(".sentence[aria-current] strong").inner_text()
    view = page.locator("figure").get_attribute("data-view") or ""
    return title, view, step(page)


def wait_for_part(page: Page, title: str) -> None:
    """Returns once the part of that title is told."""
    page.locator(".sentence[aria-current] strong", has_text=title).wait_for()


def test_the_story_tells_what_the_measures_found(page: Page, runs: xr.Dataset, file: Path):
    memorized = int(fr.measures.memorization_step(runs).values[0])
    generalized = int(fr.measures.generalization_step(runs).values[0])
    visit(page, file, "page=story&run=0")
    assert part(page) == ("Sums on a clock", "weights", 0)
    seen = {}
    for button in page.locator(".sentence").all():
        button.click()
        wait_for_part(page, button.locator("strong").inner_text())
        page.wait_for_timeout(50)
        title, view, at = part(page)
        seen[title] = (view, at, button.inner_text())
    assert seen["It learns by heart"][0] == "curves"
    assert f"At step {memorized:,} " in seen["It learns by heart"][2]
    assert f"{generalized - memorized:,} steps after" in seen["It understands"][2]
    kept = fr.results.kept_steps(runs)[0]
    assert seen["It understands"][1] == max(s for s in kept if s <= generalized)
    keys = fr.measures.key_frequencies(fr.network(runs, 0))
    assert all(str(k) in seen["Waves"][2] for k in keys)
    assert seen["Waves"][:2] == ("waves", 3000)
    assert seen["The circle"][0] == "circle"
    assert {"Take it apart", "Nothing but waves", "Your turn"} <= set(seen)


def test_the_story_takes_the_network_apart_as_the_other_page_does(page: Page, file: Path):
    visit(page, file, "page=story&run=0")
    shares = []
    for title in ("Take it apart", "Nothing but waves"):
        page.get_by_role("button", name=title).click()
        page.locator("[data-left]").wait_for()
        page.wait_for_timeout(600)
        shares.append(float(page.get_attribute("[data-left]", "data-left") or "nan"))
        link = page.url.split("#")[1].replace("page=story", "page=run")
        visit(page, file, link)
        assert outcome(page)[0] == pytest.approx(shares[-1])
        visit(page, file, "page=story&run=0")
    assert shares[0] < shares[1]


def test_a_run_that_never_generalised_is_told_as_one(page: Page, runs: xr.Dataset, file: Path):
    assert np.isnan(fr.measures.generalization_step(runs).values[1])
    visit(page, file, "page=story&run=1")
    told = page.locator(".tale").inner_text()
    assert "This run was watched until step 3,000" in told
    assert "It understands" not in told
    page.locator(".ways button").first.click()
    linked(page, "run=0")
    page.get_by_text("It understands").wait_for()


def test_the_story_goes_by_keyboard_and_by_scrolling(page: Page, file: Path):
    visit(page, file, "page=story&run=0")
    page.locator(".sentence").first.focus()
    page.keyboard.press("ArrowDown")
    wait_for_part(page, "It learns by heart")
    page.keyboard.press("ArrowDown")
    linked(page, "part=2")
    page.wait_for_timeout(900)
    page.mouse.move(300, 500)
    for _ in range(40):
        page.mouse.wheel(0, 150)
        page.wait_for_timeout(30)
    wait_for_part(page, "Your turn")
    link = page.url.split("#")[1]
    assert "part=" in link


def test_a_story_without_weights_or_accuracy_says_so(page: Page, tmp_path: Path):
    machine = fr.Machine(devices=1, slots=1, keep_bytes=0.0, progress=False)
    bare = fr.train(modular(), store=tmp_path / "bare.zarr", machine=machine)
    visit(page, written(bare), "page=story")
    assert "No weights of this run were kept" in page.locator(".tale").inner_text()
    power = (fr.measures.neuron_power_share,)
    unseen = trained(tmp_path, modular(record=power, steps=3))
    page.goto("about:blank")
    page.goto(f"{written(unseen).as_uri()}#page=story")
    page.get_by_text("It was not watched").wait_for()


# Every reader.


@pytest.mark.parametrize("name", ["story", "hand", "train"])
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_every_page_fits_its_window(
    browser: Browser, file: Path, name: str, width: int, scheme: Any
):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    visit(page, file, f"page={name}&part=3")
    page.wait_for_timeout(500)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("canvas[role=img]").count() >= 2
    assert page.locator("canvas[role=img]:not([aria-label])").count() == 0
    assert page.locator("input:not([aria-label])").evaluate_all(
        "all => all.every(e => e.labels.length)"
    )
    page.close()
