"""The page in a real browser: every view draws the data, and one slider moves them all."""

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
import zarr
from playwright.sync_api import Browser, Page, expect, sync_playwright

import flyroom as fr
from flyroom.algebra import fourier_basis
from flyroom.explorer import page as page_module
from helpers import MAPPED

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
P = 23
ANSWERS = {"right", "interference", "map-correct", "map-margin", "map-errors"}
PICTURES = {
    "loss", "accuracy", "weights-in-0", "weights-out", "waves", "waves-out",
    "spectrum", "spectrum-steps", *ANSWERS,
}  # fmt: skip

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no chromium: install Debian's package of that name"
    ),
    pytest.mark.skipif(not page_module._PROGRAM.is_file(), reason="the explorer was not built"),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """Two networks of 24 neurons whose two matrices are what is kept of them."""
    experiment = fr.Experiment(
        task=fr.tasks.ModularArithmetic(p=P, train_fraction=0.6),
        model=fr.models.FactoredMLP(width=24, input="collapsed", output="collapsed"),
        optimizer=fr.optim.AdamW(learning_rate=0.01),
        loss=fr.losses.CrossEntropy(class_mean=True),
        keep=fr.Schedule(per_octave=2),
        steps=600,
    )
    store = tmp_path_factory.mktemp("browser") / "runs.zarr"
    return fr.train(experiment, {"seed": range(2)}, store=store, machine=MAPPED)


@pytest.fixture(scope="module")
def file(runs: xr.Dataset) -> Path:
    return written(runs)


def written(runs: xr.Dataset) -> Path:
    path = Path(runs.attrs["store"]).with_suffix(".html")
    return fr.explorer.write_page(runs, path, title="Addition", explained=0)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty page that may say nothing on its console and ask for nothing but files."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.set_default_timeout(60_000)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    yield page
    page.close()
    assert [one for one in said if not one.startswith(("file:", "data:", "about:", "blob:"))] == []


def visit(page: Page, file: Path, fragment: str = "") -> None:
    page.goto("about:blank")
    page.goto(f"{file.as_uri()}#{fragment}")
    page.locator("[data-picture], [role=alert]").first.wait_for()


def settled(page: Page) -> None:
    """Waits for what comes a moment later."""
    expect(page.locator("[data-pending]")).to_have_count(0)


def pictures(page: Page) -> dict[str, str]:
    """Every picture as it is drawn, by its name."""
    return page.evaluate(
        """async () => {
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            while (document.querySelector("[data-pending]"))
                await new Promise((done) => setTimeout(done, 10));
            const found = [...document.querySelectorAll("canvas[role=img]")];
            return Object.fromEntries(found.map((c) => [c.dataset.picture, c.toDataURL()]));
        }"""
    )


def step(page: Page) -> int:
    return int(page.get_attribute("output", "data-step") or -1)


def linked(page: Page, part: str) -> None:
    """Waits for the page's link to say so."""
    page.wait_for_url(lambda url: part in url.partition("#")[2])


def outcome(page: Page, name: str = "taken apart") -> tuple[float, float]:
    settled(page)
    row = page.locator(f"[data-outcome='{name}']")
    accuracy, loss = row.get_attribute("data-accuracy"), row.get_attribute("data-loss")
    return float(accuracy or "nan"), float(loss or "nan")


# What is drawn is what is in the store.


@pytest.mark.parametrize("name", ["whole_in", "whole_out", "test_loss", "train_accuracy"])
def test_every_view_draws_the_store(
    page: Page, runs: xr.Dataset, file: Path, tmp_path: Path, name: str
):
    """One number of the last step of run 0 is another, and the pictures that show it change."""
    neuron, circles, stars = drawn(runs)
    network: Any = fr.network(runs, 0, 600)
    b, a = np.argsort(network.w_in[:, neuron])[-2:]  # which it hears most of
    spot, changed = {
        "whole_in": (
            (a, neuron),
            {"weights-in-0", "waves", "spectrum", "spectrum-steps", *stars, *circles, *ANSWERS},
        ),
        "whole_out": ((neuron, 3), {"weights-out", "waves-out", max(stars), *ANSWERS}),
        "test_loss": ((0, -1), {"loss"}),
        "train_accuracy": ((0, -1), {"accuracy"}),
    }[name]
    visit(page, file, f"run=0&a={a}&b={b}")
    before = pictures(page)
    assert set(before) > PICTURES | circles | stars
    visit(page, file, f"run=0&a={a}&b={b}")
    assert pictures(page) == before
    other = shutil.copytree(runs.attrs["store"], tmp_path / "other.zarr")
    groups: Any = zarr.open_group(other).groups()
    for group_name, group in groups:
        if group_name.startswith("weights" if name.startswith("whole") else "runs"):
            last = np.flatnonzero((group["run"][:] == 0) & (kept_at(group) == 600))[0]
            array: Any = group[name]
            if name.startswith("whole"):
                array[(last, *spot)] = array[(last, *spot)] / 2
            else:
                array[spot] = array[spot] / 3 + 0.3
    visit(page, written(fr.open(other)), f"run=0&a={a}&b={b}")
    after = pictures(page)
    # Whether an answer changes, one weight need not decide.
    sure = changed - {"right", "map-errors"}
    assert sure <= {picture for picture in after if after[picture] != before[picture]} <= changed


def drawn(runs: xr.Dataset) -> tuple[int, set[str], set[str]]:
    """A neuron of run 0 that is a wave, the circles that are drawn, and that neuron's stars."""
    found = fr.measures.neuron_frequencies(fr.network(runs, 0, 600)).frequency.values
    keys, counts = np.unique(found[found > 0], return_counts=True)
    shown = keys[np.argsort(-counts, kind="stable")]
    circles = {f"circle-{k}" for k in shown}
    return (
        int(np.argmax(found == shown[0])),
        circles,
        {f"star-{x}-{shown[0]}" for x in ("in", "out")},
    )


def kept_at(group: Any) -> np.ndarray:
    """The step of each row of weights; each run of curves has the last."""
    return group["step"][:] if group["step"].shape == group["run"].shape else np.array([600])


def test_the_other_run_is_another(page: Page, file: Path):
    visit(page, file, "run=0")
    before = pictures(page)
    page.get_by_role("combobox").first.select_option(label="seed 1")
    linked(page, "run=1")
    assert all(picture != before.get(name) for name, picture in pictures(page).items())


# The slider, the link and the keyboard.


def test_the_slider_moves_every_view_and_the_link(page: Page, file: Path):
    visit(page, file, "run=0&step=600")
    before, label = pictures(page), page.locator("[data-picture=waves]").get_attribute("aria-label")
    page.get_by_label("step", exact=True).fill("0")
    assert step(page) == 0
    linked(page, "step=0")
    same = {name for name, picture in pictures(page).items() if picture == before[name]}
    # The curves and the spectrum through training stay; the mark on top of them moves.
    assert same == {"loss", "accuracy", "spectrum-steps"}
    assert page.locator("[data-picture=waves]").get_attribute("aria-label") != label
    page.evaluate("location.hash = 'run=0&step=600'")
    page.locator("output[data-step='600']").wait_for()
    assert pictures(page) == before


def test_what_comes_onto_the_screen_is_drawn_without_waiting(page: Page, file: Path):
    visit(page, file, "run=0&step=600")
    settled(page)
    page.clock.install()  # in which time stands still, so that nothing is drawn later
    page.clock.pause_at(page.evaluate("Date.now()") + 1000)
    page.get_by_label("step", exact=True).fill("0")
    for name, pending in (("weights-out", 0), ("star-out", 1)):
        picture = page.locator(f"[data-picture^={name}]").first
        expect(picture.and_(page.locator("[data-pending]"))).to_have_count(pending)
        picture.scroll_into_view_if_needed()
        expect(picture.and_(page.locator("[data-pending]"))).to_have_count(0)
    assert page.locator("[data-pending]").count() > 0


def test_a_link_shows_what_its_sender_saw(page: Page, file: Path):
    link = "run=1&step=128&scale=linear&mode=only&frequencies=2,5&neurons=3"
    visit(page, file, link)
    assert step(page) == 128
    pressed = page.locator(".toggles [aria-pressed=true]")
    assert pressed.all_inner_texts() == ["2", "5", "3"]
    assert page.get_by_role("button", name="keep only").get_attribute("aria-pressed") == "true"
    assert page.get_by_role("button", name="linear steps").is_visible()
    page.keyboard.press("ArrowRight")
    linked(page, link.replace("step=128", "step=192"))


def test_the_keyboard_is_enough(page: Page, file: Path):
    visit(page, file, "step=128")
    for key, expected in (("ArrowLeft", 96), ("ArrowRight", 128), ("ArrowRight", 192)):
        page.keyboard.press(key)
        assert step(page) == expected
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        name = "e => e.getAttribute('aria-label') ?? e.textContent"
        reached.append(page.locator(":focus").evaluate(name))
        if reached[-1] == "step":
            for key, expected in (("Home", 0), ("PageUp", 32), ("End", 600)):
                page.keyboard.press(key)
                assert step(page) == expected
        if reached[-1] == "frequency 1":
            page.keyboard.press("Space")
            linked(page, "frequencies=1")
            break
    assert {"play", "step", "switch off", "keep only", "frequency 1"} <= set(reached)


def test_play_goes_from_the_start_to_the_end(page: Page, file: Path):
    visit(page, file, "step=600")
    page.get_by_role("button", name="play").click()
    page.get_by_role("button", name="pause").wait_for()
    assert step(page) < 600
    page.get_by_role("button", name="play").wait_for()
    assert step(page) == 600


def test_a_click_into_a_curve_goes_there(page: Page, file: Path):
    visit(page, file, "scale=linear")
    box = page.locator("canvas[data-picture=accuracy]").bounding_box()
    assert box
    page.locator("canvas[data-picture=accuracy-over]").click(
        position={"x": 44 + (box["width"] - 52) / 3, "y": 90}
    )
    assert step(page) == 192


# Taken apart, against Python.


def answered(
    network: Any, frequencies: list[int], neurons: list[int], *, only: bool = False
) -> tuple[float, float]:
    """Accuracy and loss on all pairs of what is left of a network."""
    rows = [0] * only + [2 * k - side for k in frequencies for side in (0, 1)]
    basis = fourier_basis(P)[rows]
    part = basis.T @ (basis @ network.whole_in)
    silent = np.isin(np.arange(24), neurons) != only if neurons else np.zeros(24, bool)
    inside = network.whole_in if not frequencies else part if only else network.whole_in - part
    left = dataclasses.replace(
        network,
        whole_in=jnp.asarray(inside, jnp.float32),
        whole_out=jnp.asarray(np.where(silent[:, None], 0, network.whole_out), jnp.float32),
    )
    pairs, labels = fr.tasks.ModularArithmetic(p=P).table()
    loss = fr.losses.CrossEntropy(class_mean=True)
    logits = left.table(jnp.asarray(pairs))
    losses = jax.vmap(loss)(logits, jnp.asarray(labels))
    return float((np.asarray(logits).argmax(1) == labels).mean()), float(losses.mean())


@pytest.mark.parametrize("at", [64, 600])
def test_what_is_left_knows_as_much_as_python_says(
    page: Page, runs: xr.Dataset, file: Path, at: int
):
    network: Any = fr.network(runs, 1, at)
    seen = set()
    for frequencies, neurons, only in (
        ([], [], False), ([4], [], False), ([1, 7, 11], [], False), ([], [0, 5, 23], False),
        ([2, 3, 5, 8], [], True), ([], [1, 2, 3, 4, 5, 6, 7, 8], True), ([3, 5], [9], False),
    ):  # fmt: skip
        parts = (
            f"frequencies={','.join(map(str, frequencies))}&neurons={','.join(map(str, neurons))}"
        )
        visit(page, file, f"run=1&step={at}&mode={'only' if only else 'without'}&{parts}")
        expected = answered(network, frequencies, neurons, only=only)
        np.testing.assert_allclose(outcome(page), expected, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(
            outcome(page, "the whole network"), answered(network, [], []), rtol=1e-4, atol=1e-4
        )
        seen.add(outcome(page))
    assert len(seen) == 7


def test_what_was_trained_on_is_told_from_the_rest(page: Page, runs: xr.Dataset, file: Path):
    visit(page, file, "run=1&step=64")
    network = fr.network(runs, 1, 64)
    split = fr.experiment_of(runs, 1).task.split(1)
    row = page.locator("[data-outcome='the whole network']")
    for side, rows in (("train", split.train), ("test", split.test)):
        shown = float(row.get_attribute(f"data-{side}") or "nan")
        assert shown == pytest.approx(fr.measures.accuracy(network, rows), abs=1e-4)


def test_the_network_of_67_is_taken_apart_within_a_tenth_of_a_second(page: Page, tmp_path: Path):
    small = fr.spec.replace(fr.recipes.pair_mod67(), {"steps": 2, "model.embed_width": 16})
    runs = fr.train(small, store=tmp_path / "runs.zarr", machine=MAPPED)
    visit(page, written(runs))
    row, times = page.locator("[data-outcome='taken apart']"), []
    for neuron in range(5):
        page.get_by_role("button", name=f"neuron {neuron}", exact=True).click()
        times.append(float(row.get_attribute("data-milliseconds") or "inf"))
    assert min(times) < 100  # others may need the machine as well


# Every reader, every state.


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_its_window(browser: Browser, file: Path, width: int, scheme: Any):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    visit(page, file)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    background, ink = page.locator("main").evaluate(
        "e => [getComputedStyle(e).backgroundColor, getComputedStyle(e).color]"
    )
    light = [sum(map(int, color[4:-1].split(","))) for color in (background, ink)]
    assert (light[0] > light[1]) == (scheme == "light")
    assert page.locator("canvas[role=img]:not([aria-label])").count() == 0
    page.close()


def test_a_page_with_nothing_to_draw_says_what_to_do(page: Page, tmp_path: Path):
    bare = fr.spec.replace(
        fr.recipes.pair_mod67(),
        {
            "steps": 2,
            "model": fr.models.MLP(widths=(8,), batch_norm=True),
            "record": (fr.measures.neuron_power_share,),
        },
    )
    runs = fr.train(bare, store=tmp_path / "runs.zarr", machine=MAPPED)
    visit(page, written(runs), "run=5")
    notes = " ".join(page.locator(".note").all_inner_texts())
    for words in (
        "Run 5 is not in this page",
        "No loss and no accuracy",
        "batch norms",
        "0 and 2 only",
    ):
        assert words in notes


def test_a_page_that_was_cut_short_says_so(page: Page, file: Path, tmp_path: Path):
    text = file.read_text("utf-8")
    end = text.index("</script>", text.index('id="flyroom-bundle"'))
    broken = tmp_path / "broken.html"
    broken.write_text(text[: end - 4000] + text[end:], "utf-8")
    page.goto(broken.as_uri())
    assert "cut short" in page.get_by_role("alert").inner_text()
