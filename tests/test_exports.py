"""Copies of runs for other people's tools say what the store says."""

import importlib
import importlib.util
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

import flyroom as fr
from flyroom.cli import app
from flyroom.exports import tables
from flyroom.training import Status
from helpers import assert_same_bits

STEPS = np.array([0, 8, 64])
RUNS = ("--run", "0", "--run", "2:4", "--run", "2")


@pytest.fixture
def runs() -> xr.Dataset:
    """Four runs: one that generalised, one that did not, one that diverged, one that waits."""
    nan = np.nan
    test = [[0.1, 0.2, 1.0], [0.1, nan, 0.3], [0.1, nan, nan], [nan, nan, nan]]
    train = [[0.2, 1.0, 1.0], [0.2, nan, 0.4], [0.5, nan, nan], [nan, nan, nan]]
    dims = ("run", "step")
    return xr.Dataset(
        {
            "test_accuracy": (dims, np.array(test, np.float32)),
            "train_accuracy": (dims, np.array(train, np.float32)),
            "shares": ((*dims, "frequency"), np.zeros((4, 3, 2), np.float32)),
            "status": ("run", np.array([2, 3, 4, 0], np.int8)),
            "last_step": ("run", [64, 64, 8, 0]),
            "event_0_step": ("run", [8, -1, -1, -1]),
        },
        {
            "run": [3, 4, 5, 6],
            "step": STEPS,
            "program": ("run", [0, 0, 1, 1]),
            "optimizer.weight_decay": ("run", [0.1, 0.1, 1.0, np.nan]),
            "model.name": ("run", np.array(["a", "b", "a", ""], object)),
        },
    )


def test_a_row_for_each_run(runs):
    table = fr.run_table(runs)
    assert list(table.columns) == [
        *("run", "model.name", "optimizer.weight_decay", "status", "last_step", "event_0_step"),
        *("memorization_step", "generalization_step", "test_accuracy", "train_accuracy"),
    ]
    assert table.run.tolist() == [3, 4, 5, 6]
    assert table.status.tolist() == ["finished", "stopped", "diverged", "queued"]
    assert table["model.name"].tolist() == ["a", "b", "a", ""]
    np.testing.assert_array_equal(table.memorization_step, [8, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(table.generalization_step, [64, np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(
        table.test_accuracy, np.array([1, 0.3, np.nan, np.nan], np.float32)
    )
    assert table.test_accuracy.dtype == np.float32
    assert table.attrs == {"threshold": 0.99}
    assert fr.run_table(runs, threshold=0.3).memorization_step.tolist()[:3] == [8, 64, 0]


def test_a_row_for_each_record(runs):
    table = fr.exports.curve_table(runs)
    assert list(table.columns) == [
        *("run", "model.name", "optimizer.weight_decay", "step"),
        *("test_accuracy", "train_accuracy"),
    ]
    # One that diverged was recorded at its last step too, and one that waits not at all.
    expected = [(3, 0), (3, 8), (3, 64), (4, 0), (4, 64), (5, 0), (5, 8)]
    assert list(zip(table.run.tolist(), table.step.tolist(), strict=True)) == expected


def test_parts_make_the_same_table(runs, monkeypatch):
    whole = fr.run_table(runs), fr.exports.curve_table(runs)
    monkeypatch.setattr(tables, "BLOCK", 3)
    pd.testing.assert_frame_equal(whole[0], fr.run_table(runs))
    pd.testing.assert_frame_equal(whole[1], fr.exports.curve_table(runs))


def test_no_runs_have_a_head():
    empty = xr.Dataset(
        {"status": ("run", np.zeros(0, np.int8)), "last_step": ("run", np.zeros(0, int))},
        {"run": np.zeros(0, int), "step": STEPS},
    )
    assert list(fr.run_table(empty).columns) == ["run", "status", "last_step"]
    assert len(fr.run_table(empty)) == 0


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A small store."""
    experiment = fr.Experiment(
        fr.tasks.ModularArithmetic(p=5), fr.models.MLP(widths=(8,)), steps=10
    )
    over = {"optimizer.weight_decay": [0.1, 1.0], "seed": range(2)}
    quiet = fr.Machine(devices=1, progress=False)
    fr.train(experiment, over, store=tmp_path / "runs.zarr", machine=quiet)
    return tmp_path / "runs.zarr"


def export(*words: object) -> int:
    with pytest.raises(SystemExit) as end:
        app(["export", *map(str, words)])
    return int(end.value.code or 0)


def test_tables_of_the_shell(store, tmp_path, capsys):
    runs = fr.open(store)
    assert export(store, tmp_path / "runs.csv", "--json") == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["rows"] == 4
    table = pd.read_csv(tmp_path / "runs.csv")
    pd.testing.assert_frame_equal(
        table, fr.run_table(runs), check_dtype=False, check_exact=False, rtol=1e-6
    )
    assert export(store, tmp_path / "curves.csv", "--curves", *RUNS) == 0
    curves = pd.read_csv(tmp_path / "curves.csv")
    assert sorted(set(curves.run)) == [0, 2, 3]
    expected = runs.test_loss.sel(run=[0, 2, 3]).values.ravel()
    np.testing.assert_array_equal(curves.test_loss.to_numpy(np.float32), expected)
    assert [p.name for p in tmp_path.glob("*.part")] == []


def test_parquet(store, tmp_path, capsys):
    pytest.importorskip("pyarrow")
    assert export(store, tmp_path / "runs.parquet") == 0
    assert export(store, tmp_path / "curves.parquet", "--curves") == 0
    runs = fr.open(store)
    table = pd.read_parquet(tmp_path / "runs.parquet")
    pd.testing.assert_frame_equal(table, fr.run_table(runs), check_dtype=False)
    curves = pd.read_parquet(tmp_path / "curves.parquet")
    pd.testing.assert_frame_equal(curves, fr.exports.curve_table(runs), check_dtype=False)
    assert curves.test_loss.dtype == np.float32


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is not None, reason="pyarrow is here")
def test_parquet_without_its_package_says_what_to_do(store, tmp_path, capsys):
    assert export(store, tmp_path / "runs.parquet") == 2
    assert "pip install 'flyroom[tables]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x.xlsx"], "ends in `.xlsx`; allowed: .html, .csv, .parquet"),
        (["x.csv", "--run", "0:9"], "got run 4; allowed: 0 to 3"),
        (["x.csv", "--run", "a:b"], "got `a:b`; allowed: a number, or a range"),
        (["x.csv", "--run", "2:2"], "`2:2` names no run"),
        (["x.html", "--curves"], "--curves is for a table"),
        (["runs.zarr/zarr.json/x.csv"], "zarr.json: "),
        (["runs.zarr/runs", "--run", "0"], "ends in ``; allowed: .html"),
        (["runs.zarr", "--tensorboard"], "allowed: a folder that is new or empty"),
        (["runs.zarr/zarr.json", "--tensorboard"], "allowed: a folder that is new or empty"),
    ],
)
def test_what_cannot_be_exported_is_said(words, said, store, tmp_path, capsys):
    before = sorted(tmp_path.rglob("*"))
    assert export(store, tmp_path / words[0], *words[1:]) == 2
    assert said in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_tensorboard_reads_what_the_store_says(store, tmp_path, capsys):
    assert export(store, tmp_path / "events", "--tensorboard", "--run", "1:4") == 0
    runs, folders = fr.open(store), sorted((tmp_path / "events").iterdir())
    assert [folder.name for folder in folders] == ["run-000001", "run-000002", "run-000003"]
    for number, folder in enumerate(folders, 1):
        events = EventAccumulator(str(folder), {"scalars": 0})
        events.Reload()
        run = runs.sel(run=number)
        for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy", "weight_norm"):
            seen = events.Scalars(name)
            values = {event.step: event.value for event in seen}
            assert values == dict(zip(runs.step.values.tolist(), run[name].values, strict=True))
        about = events.SummaryMetadata(metadata.SESSION_START_INFO_TAG)
        written = metadata.parse_session_start_info_plugin_data(about.plugin_data.content)
        hparams = written.hparams
        assert hparams["optimizer.weight_decay"].number_value == run["optimizer.weight_decay"]
        assert hparams["seed"].number_value == run.seed


def test_what_a_run_has_not_is_no_hyperparameter(runs):
    pytest.importorskip("tensorboardX")
    from flyroom.exports.tracked import tracked

    found = list(tracked(runs))
    assert [run.hyperparameters for run in found] == [
        {"optimizer.weight_decay": 0.1, "model.name": "a"},
        {"optimizer.weight_decay": 0.1, "model.name": "b"},
        {"optimizer.weight_decay": 1.0, "model.name": "a"},
        {},
    ]
    assert [step for step, _ in found[1].records] == [0, 64]
    assert found[2].records[-1] == (8, {})
    assert found[1].last == pytest.approx({"test_accuracy": 0.3, "train_accuracy": 0.4})
    assert [run.status for run in found] == ["finished", "stopped", "diverged", "queued"]
    assert Status.QUEUED.name.lower() == found[3].status


def test_wandb_reads_what_the_store_says(store, tmp_path, monkeypatch):
    """Real files of the real package, which are read here as their format is defined."""
    pytest.importorskip("wandb")
    for name in ("WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "wandb-home"))
    assert export(store, tmp_path / "tracked", "--wandb", "--run", "2:4") == 0
    runs, files = fr.open(store), sorted((tmp_path / "tracked").rglob("*.wandb"))
    assert len(files) == 2
    told = {}
    for records in map(of_wandb, files):
        (run,) = [r.run for r in records if r.HasField("run")]
        config = {item.key: json.loads(item.value_json) for item in run.config.update}
        history = [
            {item.key or item.nested_key[0]: json.loads(item.value_json) for item in r.history.item}
            for r in records
            if r.HasField("history")
        ]
        told[run.display_name] = (config, history)
    assert sorted(told) == ["run-000002", "run-000003"]
    for number in (2, 3):
        config, history = told[f"run-{number:06d}"]
        run = runs.sel(run=number)
        assert config["seed"] == run.seed
        assert config["optimizer.weight_decay"] == run["optimizer.weight_decay"]
        assert [row["_step"] for row in history] == runs.step.values.tolist()
        for name in ("train_loss", "test_accuracy", "weight_norm"):
            values = np.array([row[name] for row in history], np.float32)
            np.testing.assert_array_equal(values, run[name].values)


def of_wandb(path: Path) -> list[Any]:
    """The records of an offline run: a log as LevelDB writes it, of protocol buffers."""
    messages: Any = importlib.import_module("wandb.proto.wandb_internal_pb2")
    data, at, block, records, part = path.read_bytes(), 7, 32768, [], b""
    while at + 7 <= len(data):
        if (left := block - at % block) < 7:  # too few for a head: filled with zeros
            at += left
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        part += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # all of a record, or its end
            records.append(messages.Record.FromString(part))
            part = b""
    return records


def test_a_store_at_an_address(store, tmp_path, capsys):
    """In the memory of this process, which fsspec reaches as it does a bucket."""
    pytest.importorskip("fsspec")
    place = "memory://lab/decay.zarr"
    assert export(store, place, "--json") == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told == {"address": place, "files": sum(f.is_file() for f in store.rglob("*"))}
    here, there = fr.open(store), fr.open(place)
    assert there.attrs["store"] == place
    assert_same_bits(here, there)
    assert export(place, tmp_path / "there.csv") == 0
    assert len(pd.read_csv(tmp_path / "there.csv")) == 4
    one, other = (fr.results.paths(fr.network(runs, 2)) for runs in (here, there))
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name])
    with pytest.raises(SystemExit, match="0"):
        app(["explain", place, "--run", "2", "--json"])
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["layout"] == "store, run 2"
    assert_same_bits(here, fr.open(f"file://{store}"))
    assert export(store, place) == 2
    assert "is there already" in capsys.readouterr().err
    assert export(store, "memory://other.zarr", "--run", "1") == 2
    assert "leave out --run" in capsys.readouterr().err


def test_what_needs_a_folder_says_so(store):
    address = "memory://lab/runs.zarr"
    with pytest.raises(
        fr.StoreError, match=r"allowed: a folder.*flyroom export NAME.zarr memory://"
    ):
        fr.train(fr.experiment_of(fr.open(store)), store=address)
    with pytest.raises(fr.StoreError, match="allowed: a folder"):
        fr.resume(address)
    with pytest.raises(fr.StoreError, match="cannot be read"):
        fr.open("memory://lab/none.zarr")


def test_a_part_of_a_store_is_not_published(store, capsys):
    pytest.importorskip("fsspec")
    (store.parent / "runs.journal").mkdir()
    assert export(store, "memory://part.zarr") == 2
    assert "no complete store" in capsys.readouterr().err
