"""What the page computes of networks of every kind, in a real browser against Python."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from playwright.sync_api import Page

import flyroom as fr
import test_explorer_browser as shared
from flyroom.algebra import fourier_basis
from flyroom.explorer._weights import networks_of
from helpers import MAPPED
from test_explorer_browser import outcome, pictures, step, visit, written

P = 13
pytestmark = shared.pytestmark
browser, page = shared.browser, shared.page

MODELS = {
    "attention": fr.models.Transformer(width=16, heads=2, neurons=20),
    "both ways": fr.models.Transformer(
        width=16, heads=2, neurons=20, bias=False, causal=False, attention_rate=0.4
    ),
    "biases": fr.models.MLP(widths=(16,), activation=fr.models.gelu, output_bias=True),
    "deep": fr.models.EmbeddedMLP(width=12, widths=(14, 10), join="sum_after"),
    "cubes": fr.models.MLP(widths=(16,), activation=fr.models.monomial(3), bias=False),
    "asked by =": fr.models.MLP(widths=(16,)),
    "one table": fr.models.EmbeddedMLP(width=12, widths=(14,)),
    "an equation": fr.models.MLP(widths=(16,), bias=False),
}
ENCODINGS = {
    "attention": "equals",
    "asked by =": "equals",
    "one table": "equals",
    "an equation": "equation",
}


@dataclasses.dataclass
class Trained:
    """A network that was trained a little, and the page that shows it."""

    runs: xr.Dataset
    file: Path
    network: Any
    task: Any
    inputs: Any
    labels: Any

    @property
    def loss(self) -> Any:
        return fr.experiment_of(self.runs, 0).loss

    def scored(self, logits: Any) -> tuple[float, float]:
        losses = jax.vmap(self.loss)(jnp.asarray(logits), self.labels)
        return float((np.asarray(logits).argmax(1) == self.labels).mean()), float(losses.mean())


@pytest.fixture(scope="module", params=list(MODELS))
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train(request.param, tmp_path_factory)


@pytest.fixture(scope="module")
def attending(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return train("attention", tmp_path_factory)


def train(name: str, paths: pytest.TempPathFactory) -> Trained:
    encoding, squares = ENCODINGS.get(name, "pair"), name == "cubes"
    task = fr.tasks.ModularArithmetic(p=P, train_fraction=0.7, encoding=encoding)
    experiment = fr.Experiment(
        task=task,
        model=MODELS[name],
        optimizer=fr.optim.AdamW(learning_rate=0.01, weight_decay=0.3),
        loss=fr.losses.Squared() if squares else fr.losses.CrossEntropy(),
        keep=fr.Schedule(per_octave=1),
        steps=200,
    )
    store = paths.mktemp("networks") / "runs.zarr"
    runs = fr.train(experiment, {"seed": [0]}, store=store, machine=MAPPED)
    inputs, labels = task.table()
    network = jax.tree.map(jnp.asarray, fr.network(runs, 0))
    rows, answers = jnp.asarray(inputs), jnp.asarray(labels)
    return Trained(runs, written(runs), network, task, rows, answers)


def logits_of(network: Any, inputs: Any, patches: dict[str, Any] | None = None) -> np.ndarray:
    """Logits of all questions, with named activations replaced."""
    if patches is None:
        return np.asarray(network.table(inputs))
    return np.asarray(jax.vmap(lambda x: network.patched(x, patches))(inputs))


def without_frequency(network: Any, k: int) -> Any:
    """The same network without one wave of what tokens are to it."""
    basis = fourier_basis(P)[[2 * k - 1, 2 * k]]
    part = jnp.asarray(np.eye(P) - basis.T @ basis, jnp.float32)
    if hasattr(network, "first"):
        first = jnp.asarray(network.first)
        first = first.at[:, :P].set(jnp.einsum("st,itn->isn", part, first[:, :P]))
        return dataclasses.replace(network, first=first)
    embed = network.embed.at[:P].set(part @ network.embed[:P])
    return dataclasses.replace(network, embed=embed)


def neurons_off(network: Any, off: list[int]) -> dict[str, Any]:
    """What to patch so that some neurons of the first layer are silent."""
    return {"hidden_0": lambda now: now.at[..., np.array(off)].set(0)}


def close(page: Page, expected: tuple[float, float], name: str = "taken apart") -> None:
    """The page says so, as soon as it has computed it."""
    page.locator(f"[data-outcome='{name}'][data-accuracy]").wait_for()
    np.testing.assert_allclose(outcome(page, name), expected, rtol=1e-4, atol=1e-4)


def test_the_page_answers_as_the_network_does(page: Page, trained: Trained):
    visit(page, trained.file)
    close(page, trained.scored(logits_of(trained.network, trained.inputs)), "the whole network")


def test_waves_are_of_what_is_added_alone(trained: Trained):
    """Not of `=`, nor of words that no question has."""
    told = networks_of(trained.runs, 10**7)[0]
    assert told["w_in"].shape[2] == P
    assert told["power"].shape[1] == told["roundness"].shape[1] == P // 2
    if not told["channels"]:
        network = trained.network
        tables = np.asarray(network.first if hasattr(network, "first") else network.w_in)
        if len(tables) > 1:
            tables = tables[[1, 3] if len(tables) == 5 else [0, 1]]
        power = fr.measures.neuron_power(tables[:, :P]).sum("neuron")
        np.testing.assert_allclose(told["power"][-1], power, rtol=1e-5)


def test_without_a_frequency(page: Page, trained: Trained):
    visit(page, trained.file, "frequencies=3")
    left = without_frequency(trained.network, 3)
    close(page, trained.scored(logits_of(left, trained.inputs)))


def test_without_neurons_and_with_no_others(page: Page, trained: Trained):
    few, count = [1, 4, 7, 8], len(trained.network.activations(trained.inputs[0])["hidden_0"].T)
    others = [n for n in range(count) if n not in few]
    for mode, off in (("without", few), ("only", others)):
        visit(page, trained.file, f"mode={mode}&neurons={','.join(map(str, few))}")
        patches = neurons_off(trained.network, off)
        close(page, trained.scored(logits_of(trained.network, trained.inputs, patches)))


def test_without_a_head_and_with_no_other(page: Page, attending: Trained):
    scores = []
    for mode, off in (("without", 1), ("only", 0)):
        visit(page, attending.file, f"mode={mode}&heads=1")
        patches = {"mixed_0": lambda now, off=off: now.at[:, off].set(0)}
        scores.append(attending.scored(logits_of(attending.network, attending.inputs, patches)))
        close(page, scores[-1])
    assert scores[0] != scores[1]


@pytest.mark.parametrize("name", ["relu", "absolute", "square", "gelu", "tanh", "sine"])
def test_with_other_neurons(page: Page, attending: Trained, name: str):
    visit(page, attending.file, "activation=identity")
    page.get_by_label("neurons that are").select_option(
        "" if name == "relu" else name
    )  # its own is ReLU
    swapped = fr.measures.with_activation(attending.network, getattr(fr.models, name))
    close(page, attending.scored(logits_of(swapped, attending.inputs)))


def test_rounded_to_its_ideal_construction(page: Page, trained: Trained):
    network, button = trained.network, page.get_by_role("button", name="round to pure waves")
    visit(page, trained.file)
    if len(getattr(network, "weights", ())) != 1:  # it attends, or is deep
        assert button.count() == 0
        return
    before = outcome(page)
    button.click()
    ideal = fr.mechanisms.idealise(network, trained.task)
    close(page, trained.scored(logits_of(ideal, trained.inputs)))
    assert outcome(page) != before
    page.get_by_role("button", name="neuron 3", exact=True).click()
    patches = neurons_off(ideal, [3])
    close(page, trained.scored(logits_of(ideal, trained.inputs, patches)))
    page.get_by_label("step", exact=True).fill("0")
    shared.settled(page)
    assert button.is_disabled()
    assert "go to step 200" in page.locator(".choices").inner_text()


def numbers(page: Page, rows: str, *names: str) -> np.ndarray:
    """What rows of a table say of themselves."""
    found = page.locator(rows).all()
    return np.array(
        [[float(row.get_attribute(f"data-{n}") or "nan") for n in names] for row in found]
    )


def test_logits_are_what_parts_add(page: Page, attending: Trained):
    """Neurons by frequency, and what goes past them, add up to the logits of the network."""
    a, b = 4, 11
    visit(page, attending.file, f"a={a}&b={b}")
    label, row = (a + b) % P, attending.inputs[a * P + b]
    network = attending.network
    seen = network.activations(jnp.asarray(row))
    logits = np.asarray(seen["logits"], np.float64)
    rival = int(np.argmax(np.where(np.arange(P) == label, -np.inf, logits)))
    by_neuron = seen["hidden_0"][0, :, None] * (network.blocks[0].out @ network.unembed)
    by_pair = jax.vmap(lambda x: network.activations(x)["hidden_0"][0])(attending.inputs)
    frequency = fr.measures.activation_frequencies(np.asarray(by_pair).reshape(P, P, -1)).frequency
    keys = sorted(set(frequency.values.tolist()), key=lambda k: k or P)  # those without come last
    parts = [by_neuron[frequency.values == k].sum(0) for k in keys]
    expected = np.stack([*parts, logits - sum(parts), logits])
    expected -= expected.mean(1, keepdims=True)
    shown = numbers(page, "[data-part]", "right", "rival")
    np.testing.assert_allclose(shown, expected[:, [label, rival]], rtol=1e-4, atol=1e-4)
    assert f"answers {logits.argmax()}" in page.locator("main").inner_text()


def test_the_map_of_right_logits_tells_training_pairs_from_test_pairs(
    page: Page, attending: Trained
):
    """By their colours: blue is training, as everywhere."""
    visit(page, attending.file)
    page.locator("canvas[data-picture='map-correct']").scroll_into_view_if_needed()
    pictures(page)
    pixels = page.evaluate(
        """(p) => {
            const canvas = document.querySelector("canvas[data-picture='map-correct']");
            const { width, height, clientWidth, clientHeight } = canvas;
            const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
            const size = Math.min(clientWidth - 24, clientHeight - 42);
            const pixel = (place) => Math.floor((place * width) / clientWidth);
            const at = (cell) => ((cell + 0.5) * size) / p;
            return Array.from({ length: p * p }, (_, q) => {
                const [x, y] = [pixel(20 + at(q % p)), pixel(22 + at(Math.floor(q / p)))];
                return [...data.slice(4 * (y * width + x), 4 * (y * width + x) + 3)];
            });
        }""",
        P,
    )
    red, _, blue = np.array(pixels).T
    train = attending.task.split(0).train.inputs
    expected = np.isin(np.arange(P * P), train[:, 0] * P + train[:, 1])
    np.testing.assert_array_equal(blue > red, expected)


def test_attention_is_what_heads_look_at(page: Page, attending: Trained):
    a, b = 4, 11
    visit(page, attending.file, f"a={a}&b={b}")
    row = jnp.asarray(attending.inputs[a * P + b])
    network, label = attending.network, (a + b) % P
    (block,), seen = network.blocks, network.activations(row)
    pattern = np.asarray(seen["pattern_0"])[0]  # position, head
    wrote = jnp.einsum("ph,phc,hcr->hpr", pattern, seen["value_0"], block.mix)
    logits = np.asarray(wrote @ network.unembed)
    expected = np.stack(
        [
            pattern.T,
            np.linalg.norm(wrote @ block.into, axis=2),
            logits[..., label] - logits.mean(2),
        ],
        axis=2,
    )
    shown = numbers(page, "[data-head]", "attention", "neurons", "logit")
    np.testing.assert_allclose(shown, expected.reshape(-1, 3), rtol=1e-4, atol=1e-5)
    page.get_by_role("button", name="head 1").click()
    off = numbers(page, "[data-head='1']", "attention")
    np.testing.assert_array_equal(off, 0)


def test_every_head_is_drawn_from_the_store(page: Page, attending: Trained, tmp_path: Path):
    visit(page, attending.file, "a=1&b=2")
    before = pictures(page)
    heads = {"attention", "attention-0", "attention-1"}
    assert heads <= set(before)
    network = attending.network
    (block,) = network.blocks
    turned = dataclasses.replace(block, query=block.query.at[:, 1].multiply(-1))
    changed = dataclasses.replace(network, blocks=(turned,))
    with pytest.MonkeyPatch.context() as patch:
        kept = fr.results.Kept(0, 200, jax.tree.map(np.asarray, changed))
        patch.setattr(fr.results, "networks", lambda *_: iter([kept]))
        file = fr.explorer.write_page(attending.runs, tmp_path / "turned.html")
    visit(page, file, "a=1&b=2")
    after = pictures(page)
    assert {name for name in heads if before[name] != after[name]} == {"attention", "attention-1"}


def test_a_pair_is_chosen_by_keyboard_and_by_click(page: Page, attending: Trained):
    visit(page, attending.file, "a=4&b=5")
    before, at = pictures(page), step(page)
    field = page.get_by_label("b", exact=True).first
    field.focus()
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft"):
        page.keyboard.press(key)
    shared.linked(page, "a=4&b=7")
    assert step(page) == at
    moved = {name for name, picture in pictures(page).items() if picture != before[name]}
    assert moved == {"interference", "attention"}
    canvas = page.locator("canvas[data-picture='map-margin-over']")
    box = canvas.bounding_box()
    assert box
    size = min(box["width"] - 24, box["height"] - 42)
    canvas.click(position={"x": 20 + size * 9.5 / P, "y": 22 + size * 2.5 / P})
    shared.linked(page, "a=2&b=9")
    visit(page, attending.file, "a=99&b=-3")
    assert page.get_by_label("a", exact=True).first.input_value() == f"{P - 1}"


def test_what_is_not_asked_says_so(page: Page, tmp_path: Path):
    """Nothing is divided by zero, and later layers cannot be told apart."""
    experiment = fr.Experiment(
        task=fr.tasks.ModularArithmetic(p=5, operation="a / b"),
        model=fr.models.MLP(widths=(6, 5)),
        optimizer=fr.optim.AdamW(),
        loss=fr.losses.CrossEntropy(),
        steps=2,
    )
    runs = fr.train(experiment, store=tmp_path / "runs.zarr", machine=MAPPED)
    visit(page, written(runs), "a=1&b=0")
    assert "no answer for a = 1, b = 0" in page.locator("main").inner_text()
    page.get_by_label("b", exact=True).fill("2")
    page.locator("[data-part]").wait_for()
    assert page.locator("[data-part]").count() == 1
    assert "cannot be told apart" in page.locator("main").inner_text()


def test_what_is_of_perceptrons_alone_says_so(page: Page, attending: Trained):
    visit(page, attending.file)
    progress = page.locator("section", has=page.get_by_role("heading", name="Progress measures"))
    assert "of perceptrons alone" in progress.inner_text()
    assert "--explained" not in progress.inner_text()
