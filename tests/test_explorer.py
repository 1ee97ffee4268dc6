"""The bundle says what the store holds, within its limit; the page is one file."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import xarray as xr
import zarr

import flyroom as fr
from flyroom import results
from flyroom.cli import app
from flyroom.explorer import page
from flyroom.explorer._formula import NoFormula, check, formula
from flyroom.explorer._pack import MAGIC, pack
from flyroom.explorer._tasks import asks_too_much
from helpers import MAPPED, modular, parity

SCHEDULE = fr.Schedule(per_octave=2)


def unpack(data: bytes) -> Any:
    """The tree that was packed."""
    assert data.startswith(MAGIC)
    start = len(MAGIC) + 4
    length = int.from_bytes(data[len(MAGIC) : start], "little")
    arrays = -(-(start + length) // 8) * 8

    def read(found: dict[str, Any]) -> Any:
        if "array" not in found:
            return found
        count, at = int(np.prod(found["shape"])), arrays + found["at"]
        return np.frombuffer(data, found["array"], count, at).reshape(found["shape"])

    return json.loads(data[start : start + length], object_hook=read)


def trained(tmp_path: Path, experiment: fr.Experiment, **over: Any) -> xr.Dataset:
    return fr.train(experiment, over, store=tmp_path / "runs.zarr", machine=MAPPED)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """Three runs of which half of the pairs are examples, with weights along the way."""
    experiment = modular(**{"keep": SCHEDULE, "task.ordered": False})
    return trained(tmp_path_factory.mktemp("explorer"), experiment, seed=range(3))


def test_what_is_packed_is_found_again():
    tree = {"a": [np.arange(3, dtype=np.int32), "é"], "b": {"c": np.ones((2, 5), np.float32)}}
    found = unpack(pack(tree))
    assert found["a"][1] == "é"
    np.testing.assert_array_equal(found["a"][0], tree["a"][0])
    np.testing.assert_array_equal(found["b"]["c"], tree["b"]["c"])


def test_equal_arrays_are_packed_once():
    values = np.arange(1000, dtype=np.float32)
    assert len(pack({"a": values, "b": values.copy()})) < len(pack({"a": values})) + 100
    with pytest.raises(TypeError, match="neither JSON nor an array"):
        pack({"a": object()})


def test_the_bundle_holds_the_curves_and_the_collapsed_weights_of_every_step(runs: xr.Dataset):
    found = unpack(fr.explorer.bundle(runs, title="Seven"))
    assert found["title"] == "Seven"
    assert [one["label"] for one in found["runs"]] == ["seed 0", "seed 1", "seed 2"]
    np.testing.assert_array_equal(found["steps"], runs.step)
    for name, curve in found["curves"].items():
        np.testing.assert_array_equal(curve, runs[name].values.astype(np.float32), err_msg=name)
    for run, steps in fr.results.kept_steps(runs).items():
        kept = found["runs"][run]["kept"]
        assert kept["steps"].tolist() == steps == SCHEDULE.ages(40).tolist()
        for i, step in enumerate(steps):
            network: Any = fr.network(runs, run, step)
            np.testing.assert_allclose(kept["w_in"][i, 0], network.w_in, rtol=1e-6)
            np.testing.assert_allclose(kept["w_out"][i], network.w_out, rtol=1e-6)
            power = fr.measures.neuron_power(network).sum("neuron")
            np.testing.assert_allclose(kept["power"][i], power, rtol=1e-5)
            frequency = fr.measures.neuron_frequencies(network).frequency
            np.testing.assert_array_equal(kept["frequency"][i], frequency)


def test_all_pairs_are_asked_also_where_half_of_them_are_examples(runs: xr.Dataset):
    forward = unpack(fr.explorer.bundle(runs))["runs"][0]["kept"]["forward"]
    assert forward["inputs"].shape == (49, 2)
    np.testing.assert_array_equal(forward["inputs"].sum(1) % 7, forward["labels"])
    trained = {tuple(pair) for pair in forward["inputs"][forward["trained"] == 1].tolist()}
    given = fr.experiment_of(runs, 0).task.split(0).train.inputs.tolist()
    assert trained == {(a, b) for a, b in given} | {(b, a) for a, b in given}
    assert (forward["activation"], forward["loss"]) == ("relu", "cross-entropy")
    assert forward["mean_over_classes"]


def test_weights_keep_within_the_limit_and_both_ends_of_a_run(runs: xr.Dataset):
    one, ideal = 4 * 2 * 7 * 6, 4 * 6 * (3 * 7 + 1)
    curves = sum(runs[name].size * 4 for name in unpack(fr.explorer.bundle(runs))["curves"])
    limit = curves + 12 * one + 3 * ideal
    kept = [run["kept"] for run in unpack(fr.explorer.bundle(runs, limit=limit))["runs"]]
    assert [k["steps"].size for k in kept] == [4, 4, 4]
    assert all(k["steps"][0] == 0 and k["steps"][-1] == 40 for k in kept)
    count = len(SCHEDULE.ages(40))
    assert [k["left_out"] for k in kept] == [count - 4] * 3
    limit = curves + 4 * one + 2 * ideal
    few = [run["kept"] for run in unpack(fr.explorer.bundle(runs, limit=limit))["runs"]]
    assert [k["steps"].tolist() for k in few[:2]] == [[0, 40]] * 2
    assert "no room" in few[2]["why"]
    none = unpack(fr.explorer.bundle(runs, limit=0))
    assert all("no room" in run["kept"]["why"] for run in none["runs"])


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        (fr.models.FactoredMLP(width=6, embed_width=8, shared=False), "pair"),
        (fr.models.MLP(widths=(6,), bias=False), "pair"),
        (fr.models.MLP(widths=(6,), activation=fr.models.gelu, output_bias=True), "equals"),
        (fr.models.MLP(widths=(7, 5, 6), activation=fr.models.monomial(3)), "pair"),
        (fr.models.EmbeddedMLP(width=5, widths=(6, 4), join="sum_after"), "equals"),
        (fr.models.EmbeddedMLP(width=5, widths=(6,), join="concatenate", shared=False), "pair"),
        (fr.models.Transformer(width=8, heads=2, neurons=6), "equals"),
        (fr.models.Transformer(width=8, heads=2, neurons=6), "equation"),
        (
            fr.models.Transformer(
                width=8, heads=4, neurons=6, bias=False, causal=False, attention_rate=0.3,
                positions="sinusoidal",
            ),
            "pair",
        ),
    ],
)  # fmt: skip
def test_the_formula_of_the_page_gives_a_networks_own_logits(model: Any, encoding: str):
    task = fr.tasks.ModularArithmetic(p=7, encoding=encoding)
    classes = task.signature.classes
    network: Any = model.init(task.signature, classes, key=jax.random.key(0))
    # Biases begin at zero, which would hide that one is left out.
    network = jax.tree.map(lambda x: x + 0.1 * np.sin(np.arange(x.size).reshape(x.shape)), network)
    inputs = task.table()[0]
    tree = formula(network, inputs.shape[1])
    check(tree, network, inputs)
    tree["layers"][0]["weights"] = 1.1 * tree["layers"][0]["weights"]
    with pytest.raises(NoFormula, match="more than its matrices"):
        check(tree, network, inputs)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (fr.models.MLP(widths=(6,), batch_norm=True), "batch norms"),
        (fr.models.LSTM(), "no tokens"),
        (fr.models.Transformer(width=8, heads=2, neurons=6, layers=2), "more than one layer"),
        (fr.models.Transformer(width=8, heads=2, neurons=6, norm=True), "layer norms"),
    ],
)
def test_what_the_page_cannot_compute_it_says(model: Any, why: str):
    task = fr.tasks.ModularArithmetic(p=7)
    network = model.init(task.signature, 7, key=jax.random.key(0))
    with pytest.raises(NoFormula, match=why):
        formula(network, 2)


def test_more_questions_than_a_page_asks_are_not_even_listed():
    assert not asks_too_much(fr.tasks.ModularArithmetic(p=113, ordered=True))
    assert asks_too_much(fr.tasks.ModularArithmetic(p=10**7, ordered=True))  # 10^14 of them


def test_the_ideal_construction_of_the_last_network_is_carried(runs: xr.Dataset):
    kept = unpack(fr.explorer.bundle(runs))["runs"][1]["kept"]
    network, task = fr.network(runs, 1), fr.tasks.ModularArithmetic(p=7)
    ideal: Any = fr.mechanisms.idealise(fr.explain(network, task))
    found = kept["forward"]["ideal"]
    np.testing.assert_allclose(found["tables"][0], ideal.first, atol=1e-6)
    np.testing.assert_allclose(found["bias"][0], ideal.biases[0], atol=1e-6)
    np.testing.assert_allclose(found["layers"][0]["weights"][0], ideal.weights[0], atol=1e-6)
    steps = kept["steps"].tolist()
    doubling = [fr.measures.phase_doubling(fr.network(runs, 1, step)) for step in steps]
    np.testing.assert_allclose(kept["doubling"], doubling, rtol=1e-6)
    circles = fr.measures.embedding_circles(np.asarray(kept["w_in"][-1, 0]))
    np.testing.assert_allclose(kept["roundness"][-1], circles.roundness, rtol=1e-6)


def test_of_corrupted_labels_the_page_asks_for_the_right_answers(tmp_path: Path):
    task = fr.tasks.Corrupted(fr.tasks.ModularArithmetic(p=7, train_fraction=0.6), noise=0.5)
    runs = trained(tmp_path, modular(task=task, keep=SCHEDULE))
    forward = unpack(fr.explorer.bundle(runs))["runs"][0]["kept"]["forward"]
    np.testing.assert_array_equal(forward["inputs"].sum(1) % 7, forward["labels"])
    assert forward["trained"].sum() == len(task.split(0).train.labels)
    assert "tables" in forward["ideal"]


def test_a_transformer_is_told_by_its_embedding_and_by_what_its_neurons_do(tmp_path: Path):
    task = fr.tasks.ModularArithmetic(p=7, encoding="equals")
    model = fr.models.Transformer(width=8, heads=2, neurons=12)
    runs = trained(tmp_path, modular(task=task, model=model, keep=SCHEDULE))
    kept = unpack(fr.explorer.bundle(runs))["runs"][0]["kept"]
    network: Any = fr.network(runs, 0)
    np.testing.assert_array_equal(kept["w_in"][-1, 0], network.embed[:7])
    out = network.blocks[0].out @ network.unembed
    np.testing.assert_allclose(kept["w_out"][-1], out, rtol=1e-4, atol=1e-6)
    network = jax.tree.map(jax.numpy.asarray, network)
    each = jax.vmap(lambda x: network.activations(x)["hidden_0"][0])(task.table()[0])
    found = fr.measures.activation_frequencies(np.asarray(each).reshape(7, 7, 12))
    np.testing.assert_array_equal(kept["frequency"][-1], found.frequency)
    assert sorted(kept["order"]) == list(range(12))


def test_a_transformer_of_two_layers_is_looked_at_and_not_computed(tmp_path: Path):
    model = fr.models.Transformer(width=8, heads=2, neurons=12, layers=2)
    runs = trained(tmp_path, modular(model=model, keep=SCHEDULE))
    kept = unpack(fr.explorer.bundle(runs))["runs"][0]["kept"]
    assert "more than one layer" in kept["forward"]["why"]
    assert kept["w_out"] is None
    assert kept["w_in"].shape == (len(SCHEDULE.ages(40)), 1, 7, 8)


def test_networks_without_tokens_are_shown_without_waves(tmp_path: Path):
    kept = unpack(fr.explorer.bundle(trained(tmp_path, parity())))["runs"][0]["kept"]
    assert not kept["tokens"]
    assert "frequency" not in kept
    size = np.linalg.norm(kept["w_in"][-1], axis=(0, 1))
    assert (np.diff(size[kept["order"]]) <= 0).all()
    assert "no table" in kept["forward"]["why"]


def test_weights_that_are_not_numbers_are_left_out(runs: xr.Dataset, tmp_path: Path):
    store = shutil.copytree(runs.attrs["store"], tmp_path / "diverged.zarr")
    groups: Any = zarr.open_group(store).groups()
    (weights,) = [group for name, group in groups if name.startswith("weights")]
    run, step = weights["run"][:], weights["step"][:]
    for row in np.flatnonzero((run == 0) | ((run == 1) & (step > 8))):
        weights["embed"][int(row)] = np.nan
    found = unpack(fr.explorer.bundle(fr.open(store)))["runs"]
    assert "diverged" in found[0]["kept"]["why"]
    assert found[1]["kept"]["steps"].max() == 8
    assert found[2]["kept"]["steps"].max() == 40


def test_networks_without_neurons_on_their_inputs_say_so(tmp_path: Path):
    runs = trained(tmp_path, modular(model=fr.models.LSTM(width=4), steps=2))
    assert "perceptrons" in unpack(fr.explorer.bundle(runs))["runs"][0]["kept"]["why"]


def test_runs_without_weights_say_so(tmp_path: Path):
    machine = fr.Machine(devices=1, slots=1, keep_bytes=0.0, progress=False)
    runs = fr.train(modular(), store=tmp_path / "runs.zarr", machine=machine)
    assert fr.results.kept_steps(runs) == {}
    assert "No weights" in unpack(fr.explorer.bundle(runs))["runs"][0]["kept"]["why"]


def test_the_page_is_one_file_that_asks_the_network_for_nothing(
    runs: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    program = tmp_path / "explorer.js"
    program.write_text("const price = '$5';")
    monkeypatch.setattr(page, "_PROGRAM", program)
    text = fr.explorer.write_page(runs, tmp_path / "p.html", title="<b>&").read_text("utf-8")
    assert "<title>&lt;b&gt;&amp;</title>" in text
    assert "const price = '$5';" in text
    assert "default-src 'none'" in text
    assert not re.search(r"""(?:src|href)=["'](?!data:)""", text)


def test_a_page_without_its_program_says_what_to_do(
    runs: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.setattr(page, "_PROGRAM", tmp_path / "missing.js")
    with pytest.raises(fr.explorer.PageError, match="pip install"):
        fr.explorer.write_page(runs, tmp_path / "p.html")
    with pytest.raises(SystemExit, match="2"):
        app(["export", runs.attrs["store"], str(tmp_path / "p.html")])
    assert "pip install" in capsys.readouterr().err
    assert not (tmp_path / "p.html").exists()


def test_a_run_that_is_not_there_is_refused(runs: xr.Dataset, tmp_path: Path, capsys):
    with pytest.raises(SystemExit, match="2"):
        app(["export", runs.attrs["store"], str(tmp_path / "p.html"), "--run", "7"])
    assert "got run 7; allowed: 0 to 2" in capsys.readouterr().err


@pytest.mark.skipif(not page._PROGRAM.is_file(), reason="the explorer was not built")
def test_the_program_of_the_page_is_small():
    assert len(page._PROGRAM.read_bytes()) <= 250_000


@pytest.mark.skipif(not page._PROGRAM.is_file(), reason="the explorer was not built")
def test_a_page_of_the_default_run_and_a_hundred_snapshots_can_be_mailed(tmp_path: Path):
    """However little it has learned: what its weights take does not depend on that."""
    experiment = fr.spec.replace(
        fr.recipes.pair_mod67(),
        {"steps": 100, "keep": fr.Schedule(per_octave=0, every=1)},
    )
    runs = fr.train(experiment, store=tmp_path / "runs.zarr", machine=MAPPED)
    assert len(results.kept_steps(runs)[0]) == 101
    path = fr.explorer.write_page(runs, tmp_path / "page.html", explained=0)
    assert path.stat().st_size <= 5_000_000
