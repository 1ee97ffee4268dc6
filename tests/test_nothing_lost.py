"""Whatever happens to a disk or a process, a resumed store equals the uninterrupted one."""

import contextlib
import dataclasses
import errno
import itertools
import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import zarr.storage._local as zarr_files

import chaos
import flyroom as fr
from flyroom.cli import app
from flyroom.results import disk, journal
from flyroom.training import Status
from helpers import BATCHED, MAPPED, Moody, assert_same_bits, bytes_of, modular, parity

pytestmark = pytest.mark.slow

OVER = {"seed": range(4)}
OPERATIONS = ("append", "sync", "rename")


class Killed(BaseException):
    """The process is gone."""


class Disk:
    """Counts changes to the disk; from change number `last` on, none gets through.

    Every change counts twice, once before it happens and once after. A write that is cut short
    leaves the first half of its bytes.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, last: float) -> None:
        self.last, self.count, self.lock = last, 0, threading.Lock()
        for name in OPERATIONS:
            monkeypatch.setattr(disk, name, self.watched(getattr(disk, name), name))
        monkeypatch.setattr(zarr_files, "_put", self.watched(zarr_files._put, "zarr"))
        monkeypatch.setattr(shutil, "rmtree", self.watched(shutil.rmtree, "rmtree"))

    def alive(self) -> bool:
        with self.lock:
            self.count += 1
            return self.count <= self.last

    def watched(self, plain, name):
        def operation(*args, **kwargs):
            if not self.alive():
                if name == "append" and self.count == self.last + 1:
                    plain(args[0], bytes(args[1])[: len(args[1]) // 2])
                raise Killed
            result = plain(*args, **kwargs)
            if not self.alive():
                raise Killed
            return result

        return operation


def train_until(store: Path, experiment: fr.Experiment, machine: fr.Machine, last: float) -> int:
    """Trains, or goes on, until the disk's change number `last`; says how many there were."""
    with pytest.MonkeyPatch.context() as patch:
        watch = Disk(patch, last)
        try:
            if not (store.exists() or journal.journal_path(store).exists()):
                fr.train(experiment, OVER, store=store, machine=machine)
            else:
                fr.resume(store, machine=machine)
        except Killed:
            pass
        return watch.count


@pytest.mark.parametrize(
    ("make", "machine"), [(modular, MAPPED), (parity, BATCHED)], ids=["map", "vmap"]
)
def test_killed_anywhere_and_resumed(make, machine, tmp_path):
    machine = dataclasses.replace(machine, slots=2, checkpoint_every=0.0)
    experiment = make(steps=12)
    total = train_until(tmp_path / "whole.zarr", experiment, machine, np.inf)
    whole = bytes_of(tmp_path / "whole.zarr")
    # Most kills fall between the first checkpoint and the last; a few at the two ends.
    between = range(12, total, max(1, total // 28))
    moments = sorted({*range(1, 12, 4), *between, *range(total - 3, total + 1)})
    for moment in moments:
        store = tmp_path / f"killed-{moment}.zarr"
        train_until(store, experiment, machine, moment)
        if not (store.exists() or journal.journal_path(store).exists()):
            train_until(store, experiment, machine, np.inf)  # killed before anything was there
        else:
            fr.resume(store, machine=machine)
        assert bytes_of(store) == whole, f"killed at change {moment} of {total}"
        assert [path.name for path in tmp_path.glob(f"{store.stem}.*")] == [store.name]


def test_processes_that_are_killed():
    """What `make chaos` does thousands of times."""
    assert chaos.main(trials=2, jobs=2) >= 1


def test_killed_again_and_again(tmp_path):
    machine = dataclasses.replace(MAPPED, slots=2, checkpoint_every=0.0)
    experiment, store = modular(steps=12), tmp_path / "again.zarr"
    total = train_until(tmp_path / "whole.zarr", experiment, machine, np.inf)
    attempt = 0
    for attempt in range(40):  # noqa: B007 - how often it took is looked at below
        done = train_until(store, experiment, machine, total // 2)
        if done < total // 2:
            break
    assert 1 < attempt < 39
    assert bytes_of(store) == bytes_of(tmp_path / "whole.zarr")


def test_resumed_on_another_number_of_devices(tmp_path):
    machine = dataclasses.replace(MAPPED, checkpoint_every=0.0)
    total = train_until(tmp_path / "whole.zarr", modular(), machine, np.inf)
    train_until(tmp_path / "cut.zarr", modular(), machine, total // 2)
    two = dataclasses.replace(machine, devices=2)
    cut = fr.resume(tmp_path / "cut.zarr", machine=two)
    assert_same_bits(cut, fr.open(tmp_path / "whole.zarr"))


@pytest.mark.parametrize("make", [modular, parity])
def test_past_the_budget(make, tmp_path):
    """Extended, a store equals one that had the larger budget from the start."""
    long = fr.train(make(steps=48), OVER, store=tmp_path / "long.zarr", machine=MAPPED)
    fr.train(make(steps=24), OVER, store=tmp_path / "short.zarr", machine=MAPPED)
    extended = fr.resume(tmp_path / "short.zarr", steps=48, machine=MAPPED)
    assert_same_bits(long, extended.sel(step=long.step))
    again = fr.resume(tmp_path / "short.zarr", steps=56, machine=MAPPED)
    assert again.last_step.values.tolist() == [56] * 4
    np.testing.assert_array_equal(
        again.train_loss.sel(step=long.step).values, long.train_loss.values
    )


def test_killed_while_extending(tmp_path):
    machine = dataclasses.replace(MAPPED, slots=2, checkpoint_every=0.0)
    whole = tmp_path / "whole.zarr"
    fr.train(modular(steps=8), OVER, store=whole, machine=machine)
    shutil.copytree(whole, tmp_path / "copy.zarr")

    def extend(store: Path, last: float) -> int:
        with pytest.MonkeyPatch.context() as patch:
            watch = Disk(patch, last)
            with contextlib.suppress(Killed):
                fr.resume(store, steps=12, machine=machine)
            return watch.count

    total = extend(whole, np.inf)
    for moment in range(1, total, max(1, total // 12)):
        store = tmp_path / f"killed-{moment}.zarr"
        shutil.copytree(tmp_path / "copy.zarr", store)
        extend(store, moment)
        fr.resume(store, steps=12, machine=machine)
        assert_same_bits(fr.open(store), fr.open(whole))


@pytest.mark.parametrize(
    ("code", "text"),
    [(errno.ENOSPC, "No space left on device"), (errno.EROFS, "Read-only file system")],
)
def test_a_disk_that_takes_no_more(code, text, tmp_path, monkeypatch):
    plain, written = disk.append, [0]

    def limited(file, data):
        written[0] += len(data)
        if written[0] > 40_000:
            plain(file, bytes(data)[:7])
            raise OSError(code, text)
        plain(file, data)

    machine = dataclasses.replace(MAPPED, checkpoint_every=0.0)
    whole = fr.train(modular(), OVER, store=tmp_path / "whole.zarr", machine=machine)
    monkeypatch.setattr(disk, "append", limited)
    with pytest.raises(fr.Interrupted, match=rf"{text}.*flyroom resume .*full\.zarr"):
        fr.train(modular(), OVER, store=tmp_path / "full.zarr", machine=machine)
    monkeypatch.undo()
    assert_same_bits(fr.resume(tmp_path / "full.zarr", machine=machine), whole)


@pytest.mark.parametrize("name", ["create", "write_all"])
def test_a_disk_that_takes_no_store(name, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    whole = fr.train(modular(), OVER, store=tmp_path / "whole.zarr", machine=MAPPED)
    monkeypatch.setattr(fr.results.store, name, full)
    with pytest.raises(fr.Interrupted, match=r"No space left.*flyroom resume .*full\.zarr"):
        fr.train(modular(), OVER, store=tmp_path / "full.zarr", machine=MAPPED)
    monkeypatch.undo()
    assert_same_bits(fr.resume(tmp_path / "full.zarr", machine=MAPPED), whole)


def test_what_went_wrong_is_told_whenever_it_did(tmp_path):
    """Killed after a run has failed, gone on with, past the budget, and put together."""
    machine, experiment = dataclasses.replace(MAPPED, checkpoint_every=0.0), modular(task=Moody())
    whole, store = tmp_path / "whole.zarr", tmp_path / "cut.zarr"
    says = "1 of 4 runs failed, run 2 with: RuntimeError: not this one"
    with pytest.warns(UserWarning, match=says):
        total = train_until(whole, experiment, machine, np.inf)
    wanted = fr.open(whole).attrs["failures"]
    assert "é" * 1000 in wanted["2"]
    assert "Traceback" in wanted["2"]
    train_until(store, experiment, machine, total * 3 // 4)
    with pytest.warns(UserWarning, match=says):
        assert fr.resume(store, machine=machine).attrs["failures"] == wanted
    assert bytes_of(store) == bytes_of(whole)
    with pytest.warns(UserWarning, match=says):
        assert fr.resume(store, steps=48, machine=machine).attrs["failures"] == wanted
    merged = fr.merge([store], tmp_path / "all.zarr")
    assert merged.attrs["failures"] == wanted


def test_a_clock_that_jumps(tmp_path, monkeypatch):
    """Back by a day and forth by two, whenever it is asked; times of day are only told."""
    real, asked = time.time, itertools.count()
    fr.train(modular(), OVER, store=tmp_path / "whole.zarr", machine=MAPPED)
    monkeypatch.setattr(time, "time", lambda: real() + 86_400 * (-1, 1)[next(asked) % 2])
    store = tmp_path / "jumped.zarr"
    with_checkpoints = dataclasses.replace(MAPPED, checkpoint_every=0.0)
    train_until(store, modular(), with_checkpoints, 60)
    fr.resume(store, machine=with_checkpoints)
    assert next(asked) > 0
    monkeypatch.undo()
    assert_same_bits(fr.open(store), fr.open(tmp_path / "whole.zarr"))


def test_a_place_that_cannot_be_written_to_is_said_in_a_line(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file" / "runs.zarr", "/proc/runs.zarr"):
        with pytest.raises(SystemExit, match="2"):
            app(["train", "pair-mod67", "--steps", "3", "--store", str(place), "--quiet"])
        assert str(place).split("runs")[0].rstrip("/") in capsys.readouterr().err


def test_an_interrupted_store_can_be_looked_at(tmp_path):
    machine = dataclasses.replace(MAPPED, slots=1, checkpoint_every=0.0)
    total = train_until(tmp_path / "whole.zarr", modular(), machine, np.inf)
    store = tmp_path / "cut.zarr"
    train_until(store, modular(), machine, total // 2)
    cut, whole = fr.open(store), fr.open(tmp_path / "whole.zarr")
    seen = np.isfinite(cut.train_loss.values)
    assert 0 < seen.sum() < np.isfinite(whole.train_loss.values).sum()
    np.testing.assert_array_equal(cut.train_loss.values[seen], whole.train_loss.values[seen])
    assert {Status(s) for s in cut.status.values} >= {Status.FINISHED, Status.QUEUED}


def test_a_store_that_exists_is_left_alone(tmp_path):
    store = tmp_path / "mine.zarr"
    fr.train(modular(steps=3), store=store, machine=MAPPED)
    before = bytes_of(store)
    with pytest.raises(fr.StoreError, match=r"exists already.*flyroom resume"):
        fr.train(modular(steps=3), store=store, machine=MAPPED)
    assert bytes_of(store) == before


def test_a_store_of_another_experiment(tmp_path):
    store = tmp_path / "mine.zarr"
    fr.train(modular(steps=3), store=store, machine=MAPPED)
    other = modular(**{"optimizer.weight_decay": 0.25})
    with pytest.raises(
        fr.StoreError, match=r"optimizer\.weight_decay is 1\.0 in the store and 0\.25"
    ):
        fr.resume(store, other, steps=9, machine=MAPPED)


def test_two_at_once_are_refused(tmp_path):
    store = tmp_path / "mine.zarr"
    machine = dataclasses.replace(MAPPED, checkpoint_every=0.0)
    train_until(store, modular(), machine, 60)
    lock = fr.sweeps.local.FileLock(journal.journal_path(store) / "lock")
    owner = rf"another process is training into it \(process {os.getpid()} of .+ on .+, since "
    before = bytes_of(journal.journal_path(store))
    for steps in (None, 48):
        with lock.acquire(timeout=0), pytest.raises(fr.StoreError, match=owner):
            fr.resume(store, steps=steps, machine=machine)
    assert bytes_of(journal.journal_path(store)) == before


def test_a_journal_is_taken_away_by_whoever_has_it(tmp_path, monkeypatch):
    held, plain = [], disk.discard

    def discard(folder):
        with pytest.raises(fr.sweeps.local.Timeout):
            fr.sweeps.local.FileLock(folder / "lock").acquire(timeout=0)
        held.append(folder)
        plain(folder)

    monkeypatch.setattr(disk, "discard", discard)
    fr.train(modular(steps=3), store=tmp_path / "mine.zarr", machine=MAPPED)
    assert held == [tmp_path / "mine.journal"]


def test_what_another_has_just_finished_stays_as_it_is(tmp_path, monkeypatch):
    """The other one takes the journal away after this one has looked at it."""
    machine, store = dataclasses.replace(MAPPED, checkpoint_every=0.0), tmp_path / "mine.zarr"
    train_until(store, modular(), machine, 60)

    def meanwhile(*_):
        monkeypatch.undo()
        fr.resume(store, machine=machine)

    monkeypatch.setattr(fr.sweeps.Manifest, "start", meanwhile)
    with pytest.raises(fr.StoreError, match="another process has just trained into it"):
        fr.resume(store, machine=machine)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.zarr"]
    assert (fr.resume(store, machine=machine).status == Status.FINISHED).all()


def test_a_damaged_checkpoint_is_named(tmp_path):
    store = tmp_path / "mine.zarr"
    machine = dataclasses.replace(MAPPED, checkpoint_every=0.0)
    total = train_until(tmp_path / "whole.zarr", modular(), machine, np.inf)
    train_until(store, modular(), machine, total // 2)
    checkpoint = next(journal.journal_path(store).glob("session-*/checkpoint.npz"))
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    with pytest.raises(fr.JournalError, match=r"checkpoint\.npz: damaged checkpoint"):
        fr.resume(store, machine=machine)
