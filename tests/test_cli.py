"""The shell: what it prints, what it refuses, and what programs read from it."""

import importlib
import inspect
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

import flyroom as fr
from flyroom import environment
from flyroom.cli import VERBS, app
from flyroom.results import journal

TINY = ["--set", "task.p=11", "--set", "model.embed_width=8", "--steps", "6", "--quiet"]


def shell(*words: str) -> int:
    """The exit status of a command."""
    with pytest.raises(SystemExit) as end:
        app(list(words))
    return int(end.value.code or 0)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def last_line(capsys) -> dict:
    return json.loads(capsys.readouterr().out.strip().splitlines()[-1])


NAMES = [name.replace("_", "-") for name in vars(fr.recipes) if callable(getattr(fr.recipes, name))]


def test_recipes_are_listed_by_their_shell_names(capsys):
    assert shell("recipes", "--names") == 0
    names = capsys.readouterr().out.split()
    assert names == sorted(NAMES)
    assert shell("recipes", "--json") == 0
    assert list(last_line(capsys)) == names


@pytest.mark.parametrize("name", NAMES)
def test_what_show_prints_is_the_recipe(name, capsys):
    assert shell("show", name) == 0
    data = tomllib.loads(capsys.readouterr().out)
    recipe = getattr(fr.recipes, name.replace("-", "_"))()
    assert fr.spec.from_dict({"class": "training:Experiment", **data}) == recipe


def test_train_ends_with_one_json_object(capsys):
    axes = ["--over", "seed=0:3", "--over", "optimizer.weight_decay=0.1,1"]
    assert shell("train", "pair-mod67", *TINY, *axes, "--store", "a.zarr", "--json") == 0
    told = last_line(capsys)
    assert told["runs"] == 6
    assert told["statuses"] == {"finished": 6}
    assert told["store"] == "a.zarr"
    assert told["seconds"] > 0
    assert told["model_steps_per_second"] == pytest.approx(36 / told["seconds"], abs=0.06)
    runs = fr.open("a.zarr")
    assert runs["optimizer.weight_decay"].values.tolist() == [0.1, 1.0] * 3
    assert shell("resume", "a.zarr", "--steps", "9", "--quiet", "--json") == 0
    assert last_line(capsys)["statuses"] == {"finished": 6}
    assert fr.open("a.zarr").last_step.values.tolist() == [9] * 6


def test_a_toml_file_trains_like_a_recipe(capsys):
    Path("mine.toml").write_text(
        'steps = 4\n[task]\nclass = "ModularArithmetic"\np = 7\noperation = "a * b"\n'
        '[model]\nclass = "MLP"\nwidths = [8]\nactivation = "gelu"\n'
        '[over]\nseed = [0, 1]\n"model.activation" = ["relu", "tanh"]\n'
    )
    assert shell("train", "mine.toml", "--quiet", "--json") == 0
    assert last_line(capsys)["runs"] == 4
    runs = fr.open("runs/mine.zarr")
    assert set(runs["model.activation"].values) == {"models:relu", "models:tanh"}
    assert shell("show", "runs/mine.zarr") == 0
    assert 'operation = "a * b"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nonsense"], "neither a recipe nor a TOML file.*pair-mod67"),
        (["pair-mod67", "--set", "task.p=1"], "p: got 1; allowed: at least 2"),
        (["pair-mod67", "--set", "optimizer.wd=1"], "no field `wd`; it has learning_rate"),
        (["pair-mod67", "--over", "optimizer.weight_decay=1,-1"], "weight_decay: got -1"),
        (["pair-mod67", "--set", "task.train_fraction=1.5"], "train_fraction: got 1.5"),
        (["pair-mod67", "--set", "task.train_fraction=0.0001"], "leaves 0 to train on"),
        (["pair-mod67", "--over", "seed=1,1"], "the value 1 is given twice"),
        (["pair-mod67", "--over", "seed=4:4"], "no values were given"),
        (["pair-mod67", "--over", "seed"], "allowed: path=value"),
        (["blog-parity", "--set", "task.k=51"], "k: got 51; allowed: at most n"),
        (["pair-mod67", "--set", "model.activation=rely"], "nothing of that name.*relu"),
        (["pair-mod67", "--set", "model.tied=false", "--set", "loss=Hinge"], "tells two classes"),
        (["pair-mod67", "--precision", "float16"], "got 'float16'; allowed: 'float32', 'float64'"),
        (["pair-mod67", "--set", "batch_size=5000"], "at most the 911 training examples"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(words, says, capsys, tmp_path):
    assert shell("train", *words) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert error.startswith("flyroom: ")
    assert re.search(says, error), error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--devices", "--slots"])
@pytest.mark.parametrize("number", ["0", "-1", "two"])
def test_there_is_at_least_one_of_what_is_counted(option, number, capsys, tmp_path):
    assert shell("train", "pair-mod67", *TINY, option, number) != 0
    said = capsys.readouterr()
    assert option in said.out + said.err
    assert not list(tmp_path.iterdir())


def test_a_number_of_devices_that_is_none_is_named(monkeypatch, tmp_path):
    for text in ("0", "-1", "two", "1.5"):
        monkeypatch.setenv(environment.DEVICES, text)
        with pytest.raises(fr.SpecError, match=f"FLYROOM_DEVICES: got '{text}'; allowed: a whole"):
            fr.train(fr.recipes.pair_mod67(), store=tmp_path / "runs.zarr")
        assert shell("train", "pair-mod67", "--store", str(tmp_path / "runs.zarr")) == 2
        assert not list(tmp_path.iterdir())
    monkeypatch.setenv(environment.DEVICES, "3")
    assert len(fr.training.devices()) == 3
    assert len(fr.training.devices(2)) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [("devices", 0), ("slots", 0), ("checkpoint_every", -1.0), ("keep_bytes", -1.0)],
)
def test_a_machine_that_cannot_be(field, value):
    with pytest.raises(fr.SpecError, match=f"Machine.{field}: got {value}; allowed: at least"):
        fr.Machine(**{field: value})


def test_help_says_of_every_verb_what_it_does(capsys):
    assert shell("--help") == 0
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for verb, words in VERBS.items():
        function = getattr(importlib.import_module(f"flyroom.cli.{verb}"), verb)
        assert str(inspect.getdoc(function)).startswith(words)
        assert f"{verb} {words}" in said


def test_a_store_that_exists_and_one_that_does_not(capsys):
    assert shell("train", "pair-mod67", *TINY) == 0
    assert shell("train", "pair-mod67", *TINY) == 2
    assert "flyroom resume runs/pair-mod67.zarr" in capsys.readouterr().err
    assert shell("resume", "nowhere.zarr") == 2
    assert "there is no store there" in capsys.readouterr().err


# Whoever runs the tests in the background has children that do not hear interrupts.
HEARS = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("flyroom", run_name="__main__", alter_sys=True)
"""


def test_ctrl_c_says_how_to_go_on(tmp_path):
    """One interrupt: the run ends within seconds, and the store goes on where it was."""
    command = [sys.executable, "-c", HEARS, "train", "pair-mod67", "--set", "task.p=11"]
    command += ["--set", "model.embed_width=8", "--over", "seed=0:2", "--steps", "400000"]
    command += ["--store", "c.zarr"]
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=env) as run:
        assert run.stderr is not None
        for line in run.stderr:
            if "train accuracy" in line:
                break
        time.sleep(0.3)
        run.send_signal(signal.SIGINT)
        said = run.stderr.read()
    assert run.returncode == 130
    assert "Go on with: flyroom resume c.zarr" in " ".join(said.split())
    # Everything that was written before it ended counts.
    for folder in journal.folders(Path("c.journal")):
        checkpoint = journal.read_checkpoint(folder)
        assert checkpoint is not None
        for name, rows in checkpoint[0]["rows"].items():
            assert len(journal.read_table(folder / name)) == rows
    half = fr.open("c.zarr")
    assert 0 < int(half.last_step.max()) < 400_000
    runs = fr.resume("c.zarr", machine=fr.Machine(progress=False))
    assert runs.last_step.values.tolist() == [400_000] * 2
