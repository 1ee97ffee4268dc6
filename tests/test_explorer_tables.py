"""Pictures saved from the page: all can be, and the numbers behind them are those of Python."""

import csv
import io
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from playwright.sync_api import Page

import flyroom as fr
from flyroom.models import constructed
from helpers import MAPPED
from test_explorer import trained
from test_explorer_browser import (
    P,
    browser as browser,
    file as file,
    page as page,
    pictures,
    pytestmark as pytestmark,
    runs as runs,
    settled,
    visit,
    written,
)
from test_explorer_networks import Trained, attending as attending
from test_explorer_pages_browser import ones_and_zeros
from test_explorer_views import (
    bits as bits,
    corrupted as corrupted,
    saved,
    sweep as sweep,
    written as written_with,
)

Columns = dict[str, list[str]]


def columns(text: str) -> Columns:
    """What is saved of a picture, by column."""
    names, *rows = csv.reader(io.StringIO(text))
    assert rows
    assert {len(row) for row in rows} == {len(names)}
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def numbers(found: Columns, name: str, **where: str) -> np.ndarray:
    """The numbers of a column, in the rows that have a text in another one."""
    rows = range(len(found[name]))
    chosen = [i for i in rows if all(found[key][i] == text for key, text in where.items())]
    return np.array([float(found[name][i]) for i in chosen])


def table(page: Page, name: str) -> dict[str, np.ndarray]:
    """What is saved of a picture that has nothing but numbers."""
    found = columns(saved(page, name, "CSV").decode())
    return {column: numbers(found, column) for column in found}


def parts(page: Page, name: str) -> dict[str, Any]:
    """The numbers and places of each part of a figure; up is real, and right is imaginary."""
    found = columns(saved(page, name, "CSV").decode())
    return {
        part: np.stack(
            [
                numbers(found, "number", part=part),
                numbers(found, "cosine", part=part) + 1j * numbers(found, "sine", part=part),
            ]
        )
        for part in set(found["part"])
    }


def explained(runs: xr.Dataset) -> Path:
    """A page with the fewest networks of which it tells what takes time."""
    return written_with(runs, explained=2)


# Browsers save only so many files in a row: these are caught on their way.
SAVE = """async () => {
    let caught;
    URL.createObjectURL = (blob) => ((caught = blob), "data:,");
    HTMLAnchorElement.prototype.click = () => {};
    const found = {};
    for (const canvas of document.querySelectorAll("[data-picture]:not([aria-hidden])")) {
        const kinds = (found[canvas.dataset.picture] = {});
        for (const button of canvas.closest(".picture").querySelectorAll(".save button")) {
            caught = undefined;
            button.click();
            while (!caught) await new Promise((done) => setTimeout(done, 5));
            kinds[button.textContent] = await caught.text();
        }
    }
    return found;
}"""


def check(page: Page) -> set[str]:
    """Saves every picture that is seen in every way, and tells which there were."""
    settled(page)
    found: dict[str, dict[str, str]] = page.evaluate(SAVE)
    for name, kinds in found.items():
        assert set(kinds) == {"PNG", "SVG", "CSV"}, name
        assert "PNG" in kinds["PNG"][:8]
        assert ElementTree.fromstring(kinds["SVG"]).tag.endswith("svg")
        columns(kinds["CSV"])
    return set(found)


def test_every_picture_can_be_saved(
    page: Page, file: Path, attending: Trained,
    sweep: xr.Dataset, corrupted: xr.Dataset, bits: xr.Dataset,
):  # fmt: skip
    seen = set()
    for one, fragment in (
        (file, "measure=weight_norm"), (attending.file, ""), (written(sweep), "page=runs"),
        (explained(corrupted), ""), (explained(bits), ""),
        (file, "page=hand"), (file, "page=hand&construction=identity"),
    ):  # fmt: skip
        visit(page, one, fragment)
        seen |= check(page)
    for kind, last in (
        ("addition", "live-circle"),
        ("parity", "live-bits"),
        ("run", "live-circle"),
    ):
        visit(page, file, f"page=train&training={kind}")
        page.locator(f"[data-picture={last}]").wait_for()  # the worker has drawn its weights
        page.get_by_role("button", name="start").click()
        page.locator("output:not([data-step='0'])").wait_for()
        page.get_by_role("button", name="pause").click()
        seen |= check(page)
    visit(page, file, "page=story")
    for sentence in page.locator(".sentence").all():
        sentence.click()
        page.locator("figure").wait_for()
        seen |= check(page)
    assert seen > {
        *("loss", "accuracy", "weight_norm", "weights-in-0", "weights-out", "waves", "waves-out"),
        *("spectrum", "spectrum-steps", "right", "interference", "gini", "attention"),
        *("map-correct", "map-margin", "map-errors", "attention-0", "explained"),
        *("corrupted-map", "corrupted-strip", "corrupted-shares", "multiples", "survival"),
        *("bits", "mass", "layout", "density", "spectral-norm"),
        *("clock", "pizza", "answers", "own-circle", "built-heard", "built-said"),
        *("built-wrinkles", "live-loss", "live-accuracy", "live-waves", "live-spectrum"),
        *("live-circle", "live-bits", "story-circle"),
    }


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
    for name, names in (
        ("map-correct", ["correct logit", "trained"]),
        ("map-margin", ["margin"]),
        ("map-errors", ["right", "trained"]),
    ):
        shown = table(page, name)
        for column in names:
            np.testing.assert_array_equal(shown[column], found[column])
    one = table(page, "interference")
    whole = logits[1, 2] - logits[1, 2].mean()
    np.testing.assert_allclose(one["all together: the logits"], whole, rtol=1e-3, atol=1e-4)


def test_every_key_frequency_has_its_circle(page: Page, tmp_path: Path):
    """And of so many that moving through them would be slow, those of most neurons."""
    small = fr.spec.replace(fr.recipes.pair_mod67(), {"steps": 2, "model.embed_width": 16})
    runs = fr.train(small, store=tmp_path / "runs.zarr", machine=MAPPED)
    for count, words in ((9, ""), (30, "The 24 of 30 frequencies")):
        network = constructed.circles(67, 5, range(1, count + 1))
        kept = fr.results.Kept(0, 2, jax.tree.map(np.asarray, network))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fr.results, "networks", lambda *_, kept=kept: iter([kept]))
            file = written(runs)
        visit(page, file)
        shown = [name for name in pictures(page) if name.startswith("circle-")]
        assert len(shown) == min(count, 24)
        assert words in page.locator("main").inner_text()


# By hand.


def turned(p: int, frequency: int, token: Any) -> Any:
    """Places on the circle of a frequency."""
    return np.exp(2j * np.pi * frequency * np.asarray(token) / p)


def test_hands_and_slices(page: Page, file: Path):
    p, k, a, b = 19, 4, 3, 17
    visit(page, file, f"page=hand&p={p}&frequency={k}&a={a}&b={b}")
    clock, pizza = parts(page, "clock"), parts(page, "pizza")
    for part, token in (("hand of a", a), ("hand of b", b), ("hand of the sum", (a + b) % p)):
        np.testing.assert_allclose(clock[part], [[token], [turned(p, k, token)]], atol=1e-12)
    every = np.arange(p)
    np.testing.assert_allclose(clock["token"], [every, turned(p, k, every)], atol=1e-12)
    ends = turned(p, k, [a, b])
    np.testing.assert_allclose(pizza["point a"], [[a], ends[:1]], atol=1e-12)
    np.testing.assert_allclose(pizza["point b"], [[b], ends[1:]], atol=1e-12)
    np.testing.assert_allclose(pizza["middle"], [[(a + b) % p], [ends.mean()]], atol=1e-12)
    half = turned(p, k, every / 2)
    np.testing.assert_allclose(pizza["slice"], [every, half], atol=1e-12)
    np.testing.assert_allclose(pizza["slice beyond the centre"], [every, -half], atol=1e-12)


@pytest.mark.parametrize(
    ("name", "activation"), [("relu", fr.models.relu), ("square", fr.models.square)]
)
def test_a_few_neurons(page: Page, file: Path, name: str, activation: Any):
    """What the pictures tell makes the logits of the library's own construction."""
    p, count, a, b = 31, 7, 4, 29
    visit(page, file, f"page=hand&p={p}&built={count}&construction={name}&rotation=20&a={a}&b={b}")
    with jax.enable_x64():
        network = constructed.circles(p, count, rotation=np.radians(20), activation=activation)
        logits = np.asarray(network(jnp.array([a, b])))
    classes = turned(p, 1, np.arange(p))
    found = columns(saved(page, "built-heard", "CSV").decode())
    places, told = parts(page, "built-heard"), parts(page, "built-said")
    directions = places["neuron"][1]
    said = numbers(found, "says", part="neuron")
    heard = (places["sum"][1] * directions.conj()).real
    np.testing.assert_allclose(numbers(found, "hears", part="neuron"), heard, atol=1e-12)
    np.testing.assert_allclose(places["sum"][1], turned(p, 1, [a, b]).sum(), atol=1e-12)
    ours = (said * directions**2 * classes.conj()[:, None]).real.sum(1)
    np.testing.assert_allclose(ours, logits, atol=1e-4)
    # The path is that of an arrow of length 1, and ends where its direction leads.
    end = told["after neuron"][1][-1]
    scale = abs(places["sum"][1]) ** (2 if name == "square" else 1)
    np.testing.assert_allclose((scale * end * classes.conj()).real, logits, atol=1e-4)
    around, led = told["led by direction"].real[0], told["led by direction"][1]
    missed = table(page, "built-wrinkles")
    np.testing.assert_allclose(missed["direction"], around)
    np.testing.assert_allclose(missed["sum"], (around * p / np.pi) % p, atol=1e-9)
    error = np.angle(led * np.exp(-2j * around)) * p / np.pi
    np.testing.assert_allclose(missed["missed by"], error, atol=1e-9)
    arrow = np.angle(places["sum"][1]) % (2 * np.pi)
    nearest = np.abs(around[:, None] - arrow).argmin()
    assert abs(led[nearest] - end) < 2 * np.pi / 720 * 2 * count


def test_half_angles(page: Page, file: Path):
    p, a, b = 13, 4, 11
    visit(page, file, f"page=hand&p={p}&construction=identity&a={a}&b={b}")
    said = parts(page, "built-said")
    outputs = np.arange(2 * p)
    np.testing.assert_allclose(said["output"], [outputs, turned(2 * p, 1, outputs)], atol=1e-12)
    half = turned(p, 1, [a, b]).mean()
    np.testing.assert_allclose(said["half the sum"], [[a + b], [half]], atol=1e-12)


# Wrong labels.


def test_answers_to_wrong_labels(page: Page, corrupted: xr.Dataset):
    visit(page, explained(corrupted), "step=200")
    train = fr.experiment_of(corrupted, 0).task.split(0).train
    network = jax.tree.map(jnp.asarray, fr.network(corrupted, 0, 200))
    answers = np.asarray(network.table(jnp.asarray(train.inputs))).argmax(1)
    wrong = np.flatnonzero(train.labels != train.truth)
    found = columns(saved(page, "corrupted-map", "CSV").decode())
    for name, expected in (
        ("a", train.inputs[:, 0]), ("b", train.inputs[:, 1]),
        ("given", train.labels), ("right", train.truth),
    ):  # fmt: skip
        np.testing.assert_array_equal(numbers(found, name), expected)
    rightly = [kind.split(", answered")[1] for kind in found["kind"]]
    assert [one == " as given" for one in rightly] == list(
        (train.labels != train.truth) & (answers == train.labels)
    )
    strip = table(page, "corrupted-strip")
    rows = strip["example"].astype(int)
    assert sorted(rows) == wrong.tolist()
    np.testing.assert_array_equal(strip["given"], train.labels[rows])
    np.testing.assert_array_equal(strip["answer at 200"], answers[rows])


# Train here.


def test_weights_that_are_trained_again(page: Page, runs: xr.Dataset, file: Path):
    """At step 0 they are those that the run began with."""
    visit(page, file, "page=train&training=run")
    page.locator("[data-picture=live-circle]").wait_for()
    network: Any = fr.network(runs, 0, 0)
    waves = table(page, "live-waves")
    expected = np.asarray(network.whole_in)
    at = waves["token"].astype(int), waves["neuron"].astype(int)
    assert len(waves["weight"]) == expected.size == P * 24
    np.testing.assert_allclose(waves["weight"], expected[at], rtol=1e-6)
    power = fr.measures.neuron_power(network).sum("neuron").values
    spectrum = table(page, "live-spectrum")
    np.testing.assert_allclose(spectrum["share"], power / power.sum(), rtol=1e-4)
    np.testing.assert_array_equal(spectrum["frequency"], 1 + np.arange(len(power)))
    for kind in ("loss", "accuracy"):
        found = columns(saved(page, f"live-{kind}", "CSV").decode())
        for side in ("train", "test"):
            recorded = runs[f"{side}_{kind}"].isel(run=0).dropna("step")
            np.testing.assert_array_equal(numbers(found, "step", trained="before"), recorded.step)
            shown = numbers(found, f"{side}_{kind}", trained="before")
            np.testing.assert_allclose(shown, recorded, rtol=1e-6)


def test_bits_that_are_trained_again(page: Page, tmp_path: Path):
    runs = trained(tmp_path, ones_and_zeros(steps=2))
    visit(page, written(runs), "page=train&training=run")
    page.locator("[data-picture=live-bits]").wait_for()
    network: Any = fr.network(runs, 0, 0)
    found = columns(saved(page, "live-bits", "CSV").decode())
    weights = np.asarray(network.first)
    inputs, neurons = weights.shape
    np.testing.assert_allclose(numbers(found, "weight"), weights.ravel(), rtol=1e-6)
    norms = np.repeat(np.linalg.norm(weights, axis=1), neurons)
    np.testing.assert_allclose(numbers(found, "norm"), norms, rtol=1e-6)
    names = [*map(str, range(1, inputs)), "one"]
    assert found["bit"] == [name for name in names for _ in range(neurons)]
    assert found["neuron"][:neurons] == [str(n) for n in range(neurons)]
