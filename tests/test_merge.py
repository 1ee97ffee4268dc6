"""Stores that were trained apart and put together are what one training would have made."""

import contextlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

import flyroom as fr
from flyroom.cli import app
from flyroom.results import disk, journal
from flyroom.training import Status
from helpers import MAPPED, assert_same_bits, bytes_of, modular

Over = dict


def train(path: Path, over: Over, **changes: object) -> Path:
    fr.train(modular(**{"steps": 12, **changes}), over, store=path, machine=MAPPED)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stores of four seeds: all of them, halves, and three that overlap."""
    folder = tmp_path_factory.mktemp("made")
    for name, seeds in {
        "whole": range(4),
        "first": range(2),
        "second": range(2, 4),
        "later": range(1, 4),
    }.items():
        train(folder / f"{name}.zarr", {"seed": seeds})
    return folder


def copied(made: Path, name: str, folder: Path) -> Path:
    """A store that may be changed."""
    shutil.copytree(made / f"{name}.zarr", folder / f"{name}.zarr")
    return folder / f"{name}.zarr"


def change(store: Path, array: str, index: tuple, value: float) -> None:
    zarr.open_group(store, mode="r+")[array][index] = value  # pyright: ignore


def made_elsewhere(store: Path) -> None:
    """The store says that another kind of device made it."""
    attrs = zarr.open_group(store, path="runs", mode="r+").attrs
    attrs["provenance"] = json.dumps(json.loads(str(attrs["provenance"])) | {"device": "abacus"})


def test_halves_make_the_whole_to_the_last_byte(made, tmp_path):
    runs = fr.merge([made / "first.zarr", made / "second.zarr"], tmp_path / "all.zarr")
    assert bytes_of(tmp_path / "all.zarr") == bytes_of(made / "whole.zarr")
    assert runs.attrs["store"] == str(tmp_path / "all.zarr")
    assert [p.name for p in tmp_path.iterdir()] == ["all.zarr"]


def test_runs_of_both_are_there_once(made, tmp_path):
    fr.merge([made / "first.zarr", made / "later.zarr"], tmp_path / "all.zarr")
    assert bytes_of(tmp_path / "all.zarr") == bytes_of(made / "whole.zarr")
    fr.merge([made / "whole.zarr", made / "later.zarr"], tmp_path / "same.zarr")
    assert bytes_of(tmp_path / "same.zarr") == bytes_of(made / "whole.zarr")


def test_runs_come_in_the_order_given(made, tmp_path):
    runs = fr.merge([made / "second.zarr", made / "whole.zarr"], tmp_path / "all.zarr")
    assert runs.seed.values.tolist() == [2, 3, 0, 1]
    whole = fr.open(made / "whole.zarr")
    np.testing.assert_array_equal(runs.test_loss.values, whole.test_loss.values[[2, 3, 0, 1]])
    for run, seed in enumerate(runs.seed.values.tolist()):
        one, other = fr.network(runs, run=run), fr.network(whole, run=seed)
        for path, array in fr.results.paths(one).items():
            np.testing.assert_array_equal(array, fr.results.paths(other)[path])
        assert fr.experiment_of(runs, run).seed == seed


def test_stores_that_are_swept_over_different_fields(tmp_path):
    """What one sweeps over is written out for the other; programs are numbered anew."""
    seeds = train(tmp_path / "seeds.zarr", {"seed": range(2)}, **{"model.width": 4})
    widths = train(tmp_path / "widths.zarr", {"model.width": [6, 4], "seed": [1, 5]})
    runs = fr.merge([seeds, widths], tmp_path / "all.zarr")
    keys = list(zip(runs["model.width"].values.tolist(), runs.seed.values.tolist(), strict=True))
    assert keys == [(4, 0), (4, 1), (6, 1), (6, 5), (4, 5)]
    assert runs.program.values.tolist() == [0, 0, 1, 1, 0]
    for store, mine in ((seeds, [0, 1]), (widths, [2, 3, 1, 4])):
        for own, run in enumerate(mine):
            one, other = fr.open(store).isel(run=own), runs.isel(run=run)
            np.testing.assert_array_equal(one.test_loss.values, other.test_loss.values)
            pair = [fr.results.paths(fr.network(r, n)) for r, n in ((store, own), (runs, run))]
            for path, array in pair[0].items():
                np.testing.assert_array_equal(array, pair[1][path])


def test_conditional_fields_stay_with_their_nouns(tmp_path):
    sgd, adam = fr.optim.SGD(learning_rate=0.1), fr.optim.AdamW(learning_rate=0.01)
    paths = ("optimizer", "optimizer.momentum")
    one = train(tmp_path / "one.zarr", {paths: [(sgd, 0.0), (adam, ...)]})
    other = train(tmp_path / "other.zarr", {paths: [(sgd, 0.5), (adam, ...)]})
    runs = fr.merge([one, other], tmp_path / "all.zarr")
    np.testing.assert_array_equal(runs["optimizer.momentum"].values, [0.0, np.nan, 0.5])
    np.testing.assert_array_equal(runs.test_loss[2], fr.open(other).test_loss[0])


def test_a_merged_store_goes_on(made, tmp_path):
    fr.merge([made / "first.zarr", made / "later.zarr"], tmp_path / "all.zarr")
    extended = fr.resume(tmp_path / "all.zarr", steps=20, machine=MAPPED)
    whole = fr.resume(copied(made, "whole", tmp_path), steps=20, machine=MAPPED)
    assert_same_bits(extended, whole)


def test_a_store_that_was_extended_agrees_with_one_that_was_not(made, tmp_path):
    short = train(tmp_path / "short.zarr", {"seed": range(1, 3)}, steps=9)
    fr.resume(short, steps=12, machine=MAPPED)
    runs = fr.merge([made / "first.zarr", short], tmp_path / "all.zarr")
    assert runs.seed.values.tolist() == [0, 1, 2]
    assert 9 in runs.step.values
    assert json.loads(runs.attrs["budgets"]) == [9, 12]


# Runs that are not the same.


@pytest.mark.parametrize(
    ("array", "index", "said"),
    [
        ("runs/test_loss", (1, 2), "test_loss at step 2 is 7.0 in"),
        ("runs/last_step", (1,), "last_step is 7 in"),
        ("weights-0/embed", (2, 0, 0), "weights `embed`[0, 0] at step 0 is 7.0 in"),
    ],
)
def test_runs_that_do_not_agree_are_named(array, index, said, made, tmp_path):
    later = copied(made, "later", tmp_path)
    change(later, array, index, 7)
    before = bytes_of(later)
    words = rf"run 1 \(seed = 2\): {re.escape(said)} .*later\.zarr and .* in .*whole\.zarr\. Both"
    with pytest.raises(fr.StoreError, match=words):
        fr.merge([later, made / "whole.zarr"], tmp_path / "all.zarr")
    assert [p.name for p in tmp_path.iterdir()] == ["later.zarr"]
    assert bytes_of(later) == before


def test_runs_of_other_machines_may_differ_and_are_told_of(made, tmp_path):
    later = copied(made, "later", tmp_path)
    change(later, "runs/test_loss", (0, 2), 7)
    made_elsewhere(later)
    with pytest.warns(UserWarning, match=r"1 of 1 runs that are in .*first.* run 1 \(seed = 1\)"):
        runs = fr.merge([made / "first.zarr", later], tmp_path / "all.zarr")
    np.testing.assert_array_equal(runs.test_loss, fr.open(made / "whole.zarr").test_loss)
    merged = json.loads(runs.attrs["provenance"])["merged"]
    assert [one["device"] == "abacus" for one in merged] == [False, True]


def test_runs_of_other_machines_that_agree_are_no_news(made, tmp_path):
    later = copied(made, "later", tmp_path)
    made_elsewhere(later)
    runs = fr.merge([made / "first.zarr", later], tmp_path / "all.zarr")
    assert_same_bits(runs, fr.open(made / "whole.zarr"))


@pytest.mark.parametrize("status", [Status.FAILED, Status.QUEUED])
def test_a_run_is_taken_from_where_it_did_not_fail(status, made, tmp_path):
    lost, whole = copied(made, "whole", tmp_path), made / "whole.zarr"
    change(lost, "runs/status", (2,), status)
    change(lost, "runs/test_loss", (2, slice(None)), np.nan)
    attrs = zarr.open_group(lost, path="runs", mode="r+").attrs
    failures = {"2": "OSError: it was Friday"} if status == Status.FAILED else {}
    attrs["failures"] = failures
    runs = fr.merge([lost, made / "later.zarr"], tmp_path / "all.zarr")
    assert_same_bits(runs, fr.open(whole))
    assert "failures" not in runs.attrs
    alone = fr.merge([made / "first.zarr", lost], tmp_path / "alone.zarr")
    assert alone.status.values.tolist() == [2, 2, status, 2]
    assert alone.attrs.get("failures", {}) == failures


# What is refused.


def test_what_cannot_be_merged_is_said(made, tmp_path):
    first, target = made / "first.zarr", tmp_path / "all.zarr"
    other = train(tmp_path / "other.zarr", {"seed": [7]}, **{"optimizer.weight_decay": 0.25})
    with pytest.raises(fr.StoreError, match=r"optimizer\.weight_decay is 1\.0 and 0\.25"):
        fr.merge([first, other], target)
    longer = train(tmp_path / "longer.zarr", {"seed": [7]}, steps=13)
    with pytest.raises(fr.StoreError, match=r"budget is 12 and 13 steps .*flyroom resume"):
        fr.merge([first, longer], target)
    with pytest.raises(fr.StoreError, match="there is no store there"):
        fr.merge([first, tmp_path / "none.zarr"], target)
    with pytest.raises(fr.StoreError, match="exists already"):
        fr.merge([first], other)
    with pytest.raises(fr.StoreError, match="got no stores"):
        fr.merge([], target)
    journal.journal_path(other).mkdir()
    with pytest.raises(fr.StoreError, match=r"unfinished.*flyroom resume"):
        fr.merge([first, other], target)
    assert not target.exists()


def test_killed_anywhere_there_is_nothing_or_everything(made, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    stores, target = [made / "first.zarr", made / "second.zarr"], tmp_path / "all.zarr"
    real = {name: getattr(disk, name) for name in ("append", "sync", "rename")}
    left = [0]

    def watched(name):
        def operation(*args):
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            real[name](*args)

        return operation

    for name in real:
        monkeypatch.setattr(disk, name, watched(name))
    kills = 0
    while not target.exists():
        left[0] = 1 + 3 * kills
        with contextlib.suppress(Killed):
            fr.merge(stores, target)
        kills += 1
    assert kills > 4
    assert bytes_of(target) == bytes_of(made / "whole.zarr")


def test_from_the_shell(made, tmp_path, capsys):
    words = [str(made / "first.zarr"), str(made / "second.zarr"), "--into"]
    with pytest.raises(SystemExit, match="0"):
        app(["merge", *words, str(tmp_path / "all.zarr"), "--json"])
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told == {"runs": 4, "statuses": {"finished": 4}, "store": str(tmp_path / "all.zarr")}
    with pytest.raises(SystemExit, match="2"):
        app(["merge", *words, str(tmp_path / "all.zarr")])
    assert "exists already" in capsys.readouterr().err
