"""A map that is trained: what is chosen, that nothing is lost, and what the shell says of it."""

import contextlib
import dataclasses
import functools
import json
from pathlib import Path

import numpy as np
import pytest

import flyroom as fr
from flyroom.cli import app
from flyroom.results import journal
from flyroom.training import Status
from helpers import MAPPED, assert_same_bits, bytes_of, modular
from test_nothing_lost import Disk, Killed

RULE = functools.partial(fr.measures.phase_liu, budget=24.0, gap=8.0)
OVER = {"optimizer.learning_rate": [0.3, 0.001, 0.03], "model.width": [4, 6, 12]}
QUICK = dataclasses.replace(MAPPED, slots=2, checkpoint_every=0.0)


def mapped(store: Path, machine: fr.Machine = QUICK, budget: float = 0.5, **changes):
    options = {"rule": RULE, "seeds": range(4), "budget": budget, "batch": 4, "tolerance": 0.0}
    experiment = changes.pop("experiment", modular(steps=24))
    return fr.map(
        experiment,
        changes.pop("over", OVER),
        store=store,
        machine=machine,
        **{**options, **changes},
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A map that nothing happened to."""
    store = tmp_path_factory.mktemp("whole") / "map.zarr"
    mapped(store)
    return store


def trained(store: Path) -> np.ndarray:
    return np.flatnonzero(fr.open(store).status.values == Status.FINISHED)


def test_the_store_is_that_of_the_grid_and_some_of_it_is_trained(whole):
    runs = fr.open(whole)
    assert runs.sizes["run"] == 36
    assert (runs.status == Status.FINISHED).sum() == 18
    assert (runs.status == Status.QUEUED).sum() == 18
    assert runs.train_loss.isel(step=0).notnull().sum() == 18
    survey = json.loads(runs.attrs["survey"])
    assert sorted(survey["chosen"]) == trained(whole).tolist()
    assert survey["thresholds"] == {"budget": 24, "gap": 8}
    assert not journal.journal_path(whole).exists()


def test_the_first_runs_are_apart_and_seeds_are_taken_in_their_order(whole):
    runs = fr.open(whole)
    chosen = json.loads(runs.attrs["survey"])["chosen"]
    cells = [run // 4 for run in chosen]
    assert len({*cells[:5]}) == 5
    for cell in {*cells}:
        mine = [run % 4 for run in chosen if run // 4 == cell]
        assert mine == list(range(len(mine)))


def test_trained_runs_are_those_of_the_sweep(whole, tmp_path):
    """A run of a map is the same run as in a sweep over everything."""
    every = fr.train(
        modular(steps=24), {**OVER, "seed": range(4)}, store=tmp_path / "all.zarr", machine=QUICK
    )
    some = trained(whole)
    assert_same_bits(fr.open(whole).isel(run=some), every.isel(run=some))
    assert fr.network(fr.open(whole), int(some[-1])) is not None


def test_the_diagram_is_that_of_the_store(whole):
    diagram = mapped(whole)  # again: nothing is left to do
    assert diagram.attrs["store"] == str(whole)
    again = fr.measures.phase_diagram(fr.open(whole), list(OVER), RULE)
    assert diagram.drop_attrs().equals(again.drop_attrs())
    assert diagram["optimizer.learning_rate"].values.tolist() == [0.001, 0.03, 0.3]
    assert diagram["count"].sum() == 18


def killed_at(store: Path, moment: float) -> int:
    with pytest.MonkeyPatch.context() as patch:
        watch = Disk(patch, moment)
        with contextlib.suppress(Killed):
            mapped(store)
        return watch.count


def test_killed_anywhere_it_goes_on_to_the_same_map(whole, tmp_path):
    total = killed_at(tmp_path / "counted.zarr", np.inf)
    for number, moment in enumerate(range(10, total, total // 8)):
        store = tmp_path / f"killed-{moment}.zarr"
        assert killed_at(store, moment) >= moment
        if number % 2 and journal.journal_path(store).exists():
            fr.resume(store, machine=QUICK)
        else:
            mapped(store)
        assert bytes_of(store) == bytes_of(whole), f"killed at change {moment} of {total}"


def test_what_it_trains_on_changes_nothing_of_what_is_chosen(whole, tmp_path):
    other = mapped(tmp_path / "map.zarr", dataclasses.replace(QUICK, devices=2, slots=3))
    assert other.drop_attrs().equals(mapped(whole).drop_attrs())
    assert trained(tmp_path / "map.zarr").tolist() == trained(whole).tolist()


def test_a_larger_budget_goes_on_where_it_ended(whole, tmp_path):
    store = tmp_path / "map.zarr"
    first = {*json.loads(fr.open(whole).attrs["survey"])["chosen"]}
    mapped(store)
    before = fr.open(store)
    diagram = mapped(store, budget=24)
    assert diagram.runs.sum() == 24
    assert first < {*trained(store).tolist()}
    some = sorted(first)
    assert_same_bits(fr.open(store).isel(run=some), before.isel(run=some))
    longer = fr.resume(store, steps=32, machine=QUICK)
    assert longer.last_step.values[trained(store)].tolist() == [32] * 24
    assert (longer.status == Status.QUEUED).sum() == 12


def test_a_rule_of_a_notebook_is_given_again(tmp_path):
    def mine(runs):
        return RULE(runs)

    store = tmp_path / "map.zarr"
    with pytest.MonkeyPatch.context() as patch:
        watch = Disk(patch, 200)
        with pytest.raises(Killed):
            mapped(store, rule=mine)
    assert watch.count > 200
    with pytest.raises(fr.StoreError, match=r"found in no module: go on with it by `fr\.map"):
        fr.resume(store, machine=QUICK)
    assert mapped(store, rule=mine).runs.sum() == 18


def test_runs_that_fail_are_unknown_and_cost_what_they_cost(tmp_path, monkeypatch):
    arrival = fr.sweeps.worker.Worker._arrival

    def fail(self, number, group, ensemble):
        if number % 4 == 0:
            raise RuntimeError("no")
        return arrival(self, number, group, ensemble)

    monkeypatch.setattr(fr.sweeps.worker.Worker, "_arrival", fail)
    with pytest.warns(UserWarning, match="runs failed"):
        diagram = mapped(tmp_path / "map.zarr")
    assert diagram["count"].sel(phase="unknown").sum() > 4
    assert diagram.runs.sum() == 18


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"over": {"optimizer.learning_rate": [1, 2]}}, "got 1 axes .*two or three"),
        ({"over": {}}, r"got 0 axes \(none\)"),
        ({"over": {**OVER, "task.p": [5, 7], "model.embed_width": [8, 9]}}, "got 4 axes"),
        ({"over": {**OVER, "model.width": [4]}}, "`model.width`: got one value"),
        ({"over": {**OVER, "seed": [4, 5]}}, "seeds are an argument of their own"),
        ({"over": {("task.p", "model.width"): [(5, 4), (7, 6)]}}, "points in rows make no grid"),
        ({"over": {**OVER, "model.widths": [1, 2]}}, "has no field `widths`"),
        ({"budget": 0}, "map.budget: got 0; allowed: a share .* from 2 to the 36 of the grid"),
        ({"budget": 1.5}, "map.budget: got 1.5"),
        ({"budget": 37}, "map.budget: got 37"),
        ({"budget": -3}, "map.budget: got -3"),
        ({"tolerance": 1.0}, "map.tolerance: got 1.0"),
        ({"batch": 0}, "map.batch: got 0"),
        ({"rule": fr.measures.phase_doshi}, "what is not recorded .*corrected_accuracy"),
    ],
)
def test_what_makes_no_map_is_refused_before_anything_is_written(asked, says, tmp_path):
    with pytest.raises(fr.SpecError, match=says):
        mapped(tmp_path / "map.zarr", **asked)
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_something_else_is_left_alone(whole, tmp_path):
    before = bytes_of(whole)
    with pytest.raises(fr.StoreError, match=r"task\.p is 7 in the store and 5 here"):
        mapped(whole, experiment=modular(steps=24, **{"task.p": 5}))
    with pytest.raises(fr.StoreError, match="a map of another grid, or of 24 steps"):
        mapped(whole, experiment=modular(steps=32))
    with pytest.raises(fr.StoreError, match="a map of another grid"):
        mapped(whole, over={**OVER, "model.width": [4, 6]})
    assert bytes_of(whole) == before
    fr.train(modular(steps=4), store=tmp_path / "sweep.zarr", machine=QUICK)
    with pytest.raises(fr.StoreError, match="all runs of it are trained"):
        mapped(tmp_path / "sweep.zarr")


def test_a_map_that_another_process_draws_is_left_alone(whole, tmp_path):
    store = tmp_path / "map.zarr"
    killed_at(store, 60)
    notes = journal.journal_path(store)
    before = bytes_of(notes)
    lock = fr.sweeps.local.FileLock(notes / "lock")
    with lock.acquire(timeout=0), pytest.raises(fr.StoreError, match="another process is training"):
        mapped(store, budget=24)
    assert bytes_of(notes) == before


# The shell.


def shell(*words: str) -> int:
    with pytest.raises(SystemExit) as end:
        app(["map", "pair-mod67", "--set", "task.p=7", "--set", "model.embed_width=8", *words])
    return int(end.value.code or 0)


AXES = ("--over", "optimizer.learning_rate=0.001,0.1", "--over", "optimizer.weight_decay=0.1,1,3")
SMALL = (*AXES, "--steps", "12", "--seeds", "0:2", "--quiet", "--json")


def test_the_shell_maps_and_says_what_it_found(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    asked = (*SMALL, "--rule", "liu", "--threshold", "gap=5", "--budget", "0.5", "--batch", "2")
    assert shell(*asked) == 0
    *lines, last = capsys.readouterr().out.strip().splitlines()
    told = json.loads(last)
    assert told["trained"] == 6
    assert told["runs"] == 12
    assert told["statuses"] == {"queued": 6, "finished": 6}
    assert told["store"] == "runs/pair-mod67-map.zarr"
    assert list(told["cells"]) == ["confusion", "memorization", "comprehension", "grokking"]
    assert sum(told["cells"].values()) == 6
    assert sum(told["counts"].values()) == 6
    assert 0 <= told["misnamed"] < 1
    assert len(told["uncertain"]) == 6
    doubts = [cell["doubt"] for cell in told["uncertain"]]
    assert doubts == sorted(doubts, reverse=True)
    assert set(told["uncertain"][0]["at"]) == {"optimizer.learning_rate", "optimizer.weight_decay"}
    assert Path(told["picture"]).read_bytes()[1:4] == b"PNG"
    assert any("6 of 12 runs trained" in line for line in lines)
    assert any(line.split()[:1] == ["confusion"] for line in lines)
    assert json.loads(fr.open(told["store"]).attrs["survey"])["thresholds"] == {
        "budget": 12.0, "gap": 5.0,
    }  # fmt: skip
    assert shell(*asked, "--png", "again.png") == 0
    again = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert again["uncertain"] == told["uncertain"]
    assert Path("again.png").is_file()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--budget", "0"], "map.budget: got 0"),
        (["--rule", "liu", "--threshold", "gap=much"], "`gap=much`; allowed: a number for budget"),
        (["--rule", "pair", "--threshold", "gap=2"], "for threshold or ratio"),
        (["--over", "task.p=5,7", "--over", "steps=3,4"], "got 4 axes"),
        (["--over", "optimizer.weight=1,2"], "has no field `weight`"),
    ],
)
def test_the_shell_refuses_what_makes_no_map(words, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert shell(*SMALL, *words) == 2
    assert says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_rule_that_there_is_not_is_refused_with_those_there_are(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert shell(*SMALL, "--rule", "mine") != 0
    said = capsys.readouterr()
    assert all(rule in said.out + said.err for rule in ("pair", "liu", "doshi", "nanda"))
