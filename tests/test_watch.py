"""Who looks on at a training sees how it stands, and the training does not notice."""

import json
import math
import subprocess
import sys
import time
from pathlib import Path

import pytest

import flyroom as fr
from flyroom.cli import app, standing
from flyroom.results import journal
from flyroom.sweeps import Pulse
from helpers import MAPPED, modular
from test_cli import HEARS

pytestmark = pytest.mark.slow

LONG = [
    "--set",
    "task.p=11",
    "--set",
    "keep.every=20000",
    "--steps",
    "40000000",
    "--over",
    "seed=0:3",
]


def told(store: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    with pytest.raises(SystemExit) as end:
        app(["watch", str(store), "--json", *words])
    assert end.value.code == 0
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_a_training_elsewhere_is_watched(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    store = tmp_path / "a.zarr"
    command = [sys.executable, "-c", HEARS, "train", "pair-mod67", *LONG, "--store", str(store)]
    with subprocess.Popen([*command, "--quiet"]) as training:
        try:
            while (pulse := Pulse.read(store)) is None or not pulse.rate:
                assert training.poll() is None
                time.sleep(0.2)
            now = told(store, capsys)
            assert now["training"]
            assert now["runs"] == 3
            assert sum(now["statuses"].values()) == 3
            assert now["statuses"]["running"] >= 1
            assert now["model_steps_per_second"] > 0
            assert now["seconds_left"] > 0
            assert now["worker_seconds"] >= 0
            seen = standing.of(store)
            assert standing.of(store, seen).outcomes is seen.outcomes  # not read again at once
        finally:
            training.send_signal(2)
            assert training.wait(60) == 130
    pulse = Pulse.read(store)
    assert pulse is not None
    # It has said nothing for a while.
    (journal.journal_path(store) / journal.PULSE).unlink()
    after = told(store, capsys)
    assert not after["training"]
    assert after["statuses"]["running"] >= 1
    assert "flyroom resume" in str([*standing.of(store).render().renderables][2])


def test_a_complete_store_is_told_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    store = tmp_path / "a.zarr"
    runs = fr.train(modular(steps=60), {"seed": range(3)}, store=store, machine=MAPPED)
    now = told(store, capsys)
    assert not now["training"]
    assert now["statuses"] == {"finished": 3}
    reached = fr.measures.generalization_step(runs).notnull().sum()
    assert now["so_far"]["generalised"] == int(reached)
    with pytest.raises(SystemExit):
        app(["watch", str(store)])
    shown = capsys.readouterr().out
    assert "a.zarr: 3 of 3 runs are over (3 finished)" in shown
    assert "It is complete." in shown


def test_phases_are_counted_by_a_rule(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    store = tmp_path / "a.zarr"
    decays = {"optimizer.weight_decay": [0.0, 1.0, 100.0]}
    faster = modular(steps=200, **{"optimizer.learning_rate": 0.01})
    runs = fr.train(faster, decays, store=store, machine=MAPPED)
    phase = fr.measures.phase_liu(runs, budget=200.0, threshold=0.7)
    names = phase.flag_meanings.split()
    expected = {names[code + 1]: int((phase == code).sum()) for code in set(phase.values.tolist())}
    assert len(expected) > 1
    assert (
        told(store, capsys, "--rule", "liu", "--threshold", "threshold=0.7")["so_far"] == expected
    )
    with pytest.raises(SystemExit, match="2"):
        app(["watch", str(store), "--rule", "doshi"])
    assert "corrected_accuracy" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        app(["watch", str(store), "--rule", "liu", "--threshold", "gaps=5"])
    assert "allowed: a number for budget or threshold or gap" in capsys.readouterr().err


WHOLE = {"at": 1.0, "runs": 3, "statuses": {"running": 3}, "steps": 5, "left": 7} | {
    "rate": 2.0,
    "workers": 1,
    "seconds": 4.0,
}
FOREIGN = [
    {**WHOLE, "statuses": ["running"]},
    {**WHOLE, "statuses": {"running": "<b>"}},
    {**WHOLE, "rate": math.inf},
    {**WHOLE, "left": math.inf},
    {**WHOLE, "seconds": None},
    {name: value for name, value in WHOLE.items() if name != "at"},
]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"line": 1}', "null", "x" * 2**17, "[" * 2**15, *map(json.dumps, FOREIGN)],
)
def test_a_pulse_that_is_none_is_left_alone(text: str, tmp_path: Path):
    notes = journal.journal_path(tmp_path / "a.zarr")
    notes.mkdir()
    (notes / journal.PULSE).write_text(text)
    assert Pulse.read(tmp_path / "a.zarr") is None
    (notes / journal.PULSE).write_text(json.dumps(WHOLE))
    assert Pulse.read(tmp_path / "a.zarr") == Pulse(**WHOLE)


def test_a_store_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as end:
        app(["watch", str(tmp_path / "none.zarr")])
    assert end.value.code == 2
    assert "there is no store there" in capsys.readouterr().err
