"""What a person is told while networks train is true."""

import io

import pytest
from rich.console import Console

import flyroom as fr
from flyroom.sweeps import progress
from flyroom.sweeps.progress import Progress
from flyroom.sweeps.pulse import duration
from flyroom.training import Status
from helpers import MAPPED, modular


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still unless it is set."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_time_left_is_that_of_the_steps_left(clock, tmp_path):
    shown = Progress(4 * 1000, 4, lambda run: 1000, None, tmp_path, 2)
    shown.advanced(10)  # the call that compiles
    clock[0] += 0.5
    shown.advanced(10)
    assert "starting" in str(shown.line())  # nobody can know yet
    clock[0] += 9.5
    shown.advanced(990)
    assert shown.rate == pytest.approx(100)
    assert shown.left == 2990
    assert str(shown.line()) == "0/4 runs   100 steps/s   30 s left"


def test_a_run_that_ends_early_leaves_less_to_do(tmp_path):
    shown = Progress(4 * 1000, 4, lambda run: 1000, None, tmp_path, 2)
    shown.advanced(4 * 250)
    shown.ended(0, Status.STOPPED, 250, "")
    shown.ended(1, Status.DIVERGED, 250, "")
    assert shown.left == 2 * 750
    shown.advanced(2 * 750)
    shown.ended(2, Status.FINISHED, 1000, "")
    shown.ended(3, Status.FAILED, 1000, "OSError: gone")
    assert shown.left == 0
    assert shown.failures == {3: "OSError: gone"}


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (119.0, "119 s"), (150.0, "2 min"), (9000.0, "2.5 h")]
)
def test_durations_are_said_as_people_say_them(seconds, words):
    assert duration(seconds) == words


def told(monkeypatch, call) -> list[str]:
    """The lines on standard error of a call, in a narrow window that is no terminal."""
    written = io.StringIO()
    monkeypatch.setattr(
        "flyroom.sweeps.local.Console", lambda stderr: Console(file=written, width=20)
    )
    call()
    return written.getvalue().splitlines()


def test_a_sweep_says_what_it_will_cost_and_how_it_went(tmp_path, monkeypatch):
    machine = fr.Machine(devices=1, slots=3, checkpoint_every=0.0)
    store = tmp_path / "runs.zarr"
    over = {"seed": range(4), "optimizer.weight_decay": [0.1, 1.0]}
    lines = told(monkeypatch, lambda: fr.train(modular(), over, store=store, machine=machine))
    assert lines[0].startswith("8 runs in 1 program on 1 cpu worker, 3 slots each (map): about ")
    assert lines[-1].startswith("8/8 runs ")
    assert " train accuracy " in lines[-1]


def test_resuming_counts_what_is_left(tmp_path, monkeypatch):
    store, stop = tmp_path / "runs.zarr", fr.Reaches("train_accuracy", 0.0, records=3)
    experiment = modular(stop=(stop,), events=())
    fr.train(experiment, {"seed": range(3)}, store=store, machine=MAPPED)
    # All of them met the stop rule, so a larger budget leaves nothing to do.
    machine = fr.Machine(devices=1, slots=3)
    assert told(monkeypatch, lambda: fr.resume(store, steps=80, machine=machine)) == []
    fr.train(modular(), {"seed": range(3)}, store=tmp_path / "more.zarr", machine=MAPPED)
    lines = told(monkeypatch, lambda: fr.resume(tmp_path / "more.zarr", steps=80, machine=machine))
    assert lines[0].startswith("3 runs in 1 program")
    assert lines[-1].startswith("3/3 runs ")
