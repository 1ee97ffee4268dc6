"""A store made from a journal: every number at its place, however much there is of it."""

import contextlib
import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

import flyroom as fr
from flyroom.results import Curve, Schema, access, journal, records, store
from flyroom.results.schema import Tiles, array_dtype, end_dtype
from flyroom.training import Status
from helpers import BATCHED, MAPPED, assert_same_bits, modular

ABOUT = {"units": "1", "long_name": "", "definition": "", "reference": ""}
LOSS, SHARES = (
    Curve("test_loss", (), (), "<f4", ABOUT),
    Curve("shares", ("frequency",), (3,), "<f4", ABOUT),
)
STEPS = np.array([0, 1, 2, 4, 8])


def schema(count: int) -> Schema:
    run = np.arange(count)
    return Schema(
        count=count,
        steps=STEPS,
        curves=(LOSS, SHARES),
        axes={"optimizer.weight_decay": run % 4 / 4, "model.name": (run % 3).astype(object)},
        program=(run % 2).astype(np.int32),
        events=2,
        attrs={},
    )


def loss(run: np.ndarray, step: np.ndarray) -> np.ndarray:
    return (run * 16 + step).astype(np.float32)


def write_journal(path: Path, count: int, *, last: int = 8) -> dict[str, np.ndarray]:
    """Runs in any order, of two programs, by two workers; odd ones have fewer records."""
    rng = np.random.default_rng(0)
    run, step = (x.ravel() for x in np.meshgrid(np.arange(count), STEPS[last >= STEPS]))
    kept = (run % 2 == 0) | (step != 4)
    run, step = run[kept], step[kept]
    order = rng.permutation(len(run))
    halves = np.array_split(order, 2)
    for i, half in enumerate(halves):
        with contextlib.closing(journal.Folder(path / f"session-000-{i:02d}")) as folder:
            for program, width in ((0, 3), (1, 2)):
                shapes = {"test_loss": np.zeros((), "f4"), "shares": np.zeros(width, "f4")}
                mine = half[run[half] % 2 == program]
                rows = np.zeros(len(mine), array_dtype(shapes))
                rows["run"], rows["step"] = run[mine], step[mine]
                rows["test_loss"] = loss(run[mine], step[mine])
                rows["shares"] = rows["test_loss"][:, None] + np.arange(width) / 4
                folder.table(f"program-{program}.records", rows.dtype).append(rows)
                over = np.arange(program, count, 2)[i::2]
                ends = np.zeros(len(over), end_dtype(1, 2))
                ends["run"], ends["step"], ends["status"] = over, last, Status.FINISHED
                ends["fired"] = np.stack([over, -np.ones_like(over)], 1)
                folder.table(f"program-{program}.ends", ends.dtype).append(ends)
            folder.checkpoint({"slots": []}, {})
    return {"run": run, "step": step}


def expected(count: int) -> dict[str, np.ndarray]:
    run, step = np.arange(count)[:, None], STEPS[None, :]
    values = np.where((run % 2 == 0) | (step != 4), loss(run, step), np.nan).astype("f4")
    shares = values[..., None] + np.arange(3, dtype="f4") / 4
    shares[1::2, :, 2] = np.nan  # those of program 1 have two
    return {"test_loss": values, "shares": shares}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch):
    """Segments, shards and chunks of a few runs each; nothing is read when a store is opened."""
    monkeypatch.setattr(records, "SEGMENT", 400)
    monkeypatch.setattr(fr.results.schema, "BLOCK", 16)
    monkeypatch.setattr(fr.results.schema, "CHUNK", 4)
    monkeypatch.setattr(access, "LAZY", 0)


def complete(path: Path, count: int) -> None:
    """A store of so many runs, without its journal."""
    notes = journal.journal_path(path)
    write_journal(notes, count)
    store.create(path, schema(count))
    store.write_runs(path, schema(count), notes)
    notes.rename(path.with_suffix(".old"))


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arrays that are read from now on, in their order."""
    names: list[str] = []
    for way in ("__getitem__", "get_orthogonal_selection"):
        plain = getattr(zarr.Array, way)

        def watched(self: Any, *args: Any, plain: Any = plain, **kwargs: Any) -> Any:
            names.append(self.basename)
            return plain(self, *args, **kwargs)

        monkeypatch.setattr(zarr.Array, way, watched)
    return names


@pytest.mark.parametrize("count", [1, 5, 16, 41])
@pytest.mark.parametrize("finished", [True, False], ids=["store", "journal"])
def test_every_number_is_at_its_place(count, finished, small, tmp_path):
    path = tmp_path / "runs.zarr"
    if finished:
        complete(path, count)
    else:
        write_journal(journal.journal_path(path), count)
        store.create(path, schema(count))
    runs = fr.open(path)
    for name, values in expected(count).items():
        np.testing.assert_array_equal(runs[name].values, values)
        some = {"run": [count - 1, 0, 0], "step": slice(1, None, 2)}  # in any order, and twice
        fresh = fr.open(path)[name].isel(some)
        np.testing.assert_array_equal(fresh.values, values[[count - 1, 0, 0], 1::2])
        np.testing.assert_array_equal(fr.open(path)[name].isel(run=0, step=-1), values[0, -1])
    assert (runs.status == Status.FINISHED).all()
    assert (runs.last_step == 8).all()
    np.testing.assert_array_equal(runs.event_0_step.values, np.arange(count))
    np.testing.assert_array_equal(runs.event_1_step.values, -1)


def test_what_is_under_way_says_how_far_it_came(small, tmp_path):
    path = tmp_path / "runs.zarr"
    notes = journal.journal_path(path)
    store.create(path, schema(6))
    shapes = {"test_loss": np.zeros((), "f4"), "shares": np.zeros(3, "f4")}
    with contextlib.closing(journal.Folder(notes / "session-000-00")) as folder:
        rows = np.zeros(3, array_dtype(shapes))
        rows["run"], rows["step"] = [4, 4, 0], [0, 2, 0]
        folder.table("program-0.records", rows.dtype).append(rows)
        runs = fr.open(path)  # there was no checkpoint yet: somebody only looks
    assert runs.status.values.tolist() == [1, 0, 0, 0, 1, 0]
    assert runs.last_step.values.tolist() == [0, 0, 0, 0, 2, 0]
    assert np.isfinite(runs.test_loss.values).sum() == 3


def test_runs_are_chosen_without_reading_curves(small, monkeypatch, tmp_path):
    path = tmp_path / "runs.zarr"
    complete(path, 41)
    runs, read = fr.open(path), counted(monkeypatch)
    chosen = runs.isel(run=(runs["optimizer.weight_decay"] > 0.3) & (runs.last_step == 8))
    chosen = chosen.sel(run=slice(10, 30)).query(run="program == 0")
    assert "last_step" in read
    assert set(read) & {"test_loss", "shares"} == set()
    wanted = [run for run in range(10, 31) if run % 4 >= 2 and run % 2 == 0]
    assert chosen.run.values.tolist() == wanted
    np.testing.assert_array_equal(chosen.test_loss.values, expected(41)["test_loss"][wanted])
    assert "shares" not in read


SHARD = ("runs", "test_loss", "c", "1", "0")  # of runs 16 to 31


def test_a_damaged_chunk_names_its_runs_and_spares_the_rest(small, tmp_path):
    path = tmp_path / "runs.zarr"
    complete(path, 41)
    shard = path.joinpath(*SHARD)
    data = bytearray(shard.read_bytes())
    data[3] ^= 0xFF  # within its first chunk
    shard.write_bytes(bytes(data))
    runs = fr.open(path)
    assert runs.isel(run=runs["optimizer.weight_decay"] == 0).sizes["run"] == 11
    np.testing.assert_array_equal(runs.shares.values, expected(41)["shares"])
    with pytest.warns(UserWarning, match=r"runs\.zarr: damaged.* runs 16 to 19: test_loss"):
        values = runs.test_loss.values
    whole = expected(41)["test_loss"]
    assert np.isnan(values[16:20]).all()
    whole[16:20] = np.nan
    np.testing.assert_array_equal(values, whole)
    with pytest.warns(UserWarning, match="runs 16 to 19"):
        some = fr.open(path).test_loss.isel(run=[30, 17, 2], step=0).values
    np.testing.assert_array_equal(some, whole[[30, 17, 2], 0])


def damage(shard: Path, how: str, small: Path) -> None:
    """A file is spoilt: cut short, gone, or replaced by one of a store with other chunks."""
    data = shard.read_bytes()
    if how == "gone":
        shard.unlink()
    elif how == "of another store":
        complete(small, 9)
        shard.write_bytes((small / "runs" / "test_loss" / "c" / "0" / "0").read_bytes())
    elif how == "flipped in its index":
        shard.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    else:
        shard.write_bytes(data[: len(data) * int(how) // 100])


DAMAGES = ["gone", "of another store", "flipped in its index", "0", "30", "99"]


@pytest.mark.parametrize("how", DAMAGES)
def test_a_spoilt_shard_costs_its_own_runs(how, small, tmp_path):
    path = tmp_path / "runs.zarr"
    complete(path, 41)
    damage(path.joinpath(*SHARD), how, tmp_path / "small.zarr")
    with pytest.warns(UserWarning, match=r"runs\.zarr: damaged.* runs 16 to 19, .*28 to 31"):
        values = fr.open(path).test_loss.values
    whole = expected(41)["test_loss"]
    whole[16:32] = np.nan
    np.testing.assert_array_equal(values, whole)
    with pytest.raises(fr.StoreError, match=r"runs\.zarr/runs/test_loss"):
        fr.results.reopen(path, tmp_path / "again")


def test_damaged_weights_cost_their_own_runs(tmp_path):
    path = tmp_path / "runs.zarr"
    fr.train(modular(steps=3), {"seed": range(2), "model.width": [4, 5]}, store=path)
    (path / "weights-1" / "embed" / "c" / "0" / "0" / "0").write_bytes(b"no")
    with pytest.warns(UserWarning, match=r"the weights of runs 1 to 3 are damaged"):
        assert {run for run, _, _ in fr.results.networks(path)} == {0, 2}
    assert fr.network(path, 2) is not None
    with pytest.raises(fr.StoreError, match=r"weights-1/embed: damaged"):
        fr.network(path, 3)
    with pytest.raises(fr.StoreError, match=r"weights-1/embed: damaged"):
        fr.resume(path, steps=5)


def test_a_store_of_another_layout_is_not_guessed_at(tmp_path):
    path = tmp_path / "runs.zarr"
    complete(path, 5)
    zarr.open_group(path, path="runs", mode="r+").attrs["layout"] = 99
    with pytest.raises(fr.StoreError, match="layout 99; this flyroom reads layout 1"):
        fr.open(path)


def test_rows_of_another_version_are_named(small, tmp_path):
    path = tmp_path / "runs.zarr"
    write_journal(journal.journal_path(path), 12)
    old = array_dtype({"test_loss": np.zeros((), "f4")})
    with contextlib.closing(
        journal.Folder(journal.journal_path(path) / "session-001-00")
    ) as folder:
        rows = np.zeros(2, old)
        rows["run"] = 12, 13
        folder.table("program-0.records", old).append(rows)
        folder.checkpoint({"slots": []}, {})
    store.create(path, schema(14))
    lacks = r"session-001-00/program-0\.records: what it has of runs 12 to 13 lacks shares"
    with pytest.raises(fr.JournalError, match=lacks):
        store.write_runs(path, schema(14), journal.journal_path(path))
    with pytest.warns(UserWarning, match=lacks):
        runs = fr.open(path)
    np.testing.assert_array_equal(runs.test_loss.values[:12], expected(12)["test_loss"])
    assert np.isnan(runs.test_loss.values[12:]).all()


def test_damage_is_told_at_once_where_a_store_is_small(tmp_path):
    path = tmp_path / "runs.zarr"
    complete(path, 5)
    shard = path / "runs" / "test_loss" / "c" / "0" / "0"
    shard.write_bytes(b"\0" * len(shard.read_bytes()))
    with pytest.warns(UserWarning, match="runs 0 to 4: test_loss"):
        runs = fr.open(path)
    assert np.isnan(runs.test_loss.values).all()


def test_hyperparameters_and_ends_are_one_chunk(small, tmp_path):
    path = tmp_path / "runs.zarr"
    complete(path, 41)
    group = zarr.open_group(path, path="runs", mode="r")
    flat = {name: array for name, array in group.arrays() if array.ndim == 1}
    assert {"optimizer.weight_decay", "model.name", "status", "last_step", "run"} <= set(flat)
    assert {name for name, array in flat.items() if array.nchunks != 1} == set()


@pytest.mark.parametrize(
    ("shape", "runs", "steps", "chunk", "shard"),
    [
        ((), 100_000, 200, (256, 200), (1024, 200)),
        ((), 100_000, 5000, (256, 256), (1024, 5120)),
        ((), 300, 200, (256, 200), (512, 200)),
        ((), 7, 3, (7, 3), (7, 3)),
        ((56,), 100_000, 200, (16, 200), (1024, 200)),
        ((113, 113), 100_000, 200, (1, 200), (16, 200)),
    ],
)
def test_pieces_of_a_curve_are_neither_too_large_nor_too_many(shape, runs, steps, chunk, shard):
    curve = Curve("x", tuple(f"x_{i}" for i in range(len(shape))), shape, "<f4", ABOUT)
    assert Tiles.of(curve, runs, steps) == Tiles(chunk, shard)


def test_memory_is_bounded_whatever_the_curves(monkeypatch, tmp_path):
    """Shards that fit side by side are read from the journal together, others in turn."""
    asked: list[list[str]] = []
    plain = records.Records.read

    def watched(self, names, runs, steps):
        asked.append(list(names))
        return plain(self, names, runs, steps)

    monkeypatch.setattr(records.Records, "read", watched)
    complete(tmp_path / "one.zarr", 5)
    monkeypatch.setattr(store, "_MOST", 100)
    complete(tmp_path / "other.zarr", 5)
    assert asked == [["test_loss", "shares"], ["test_loss"], ["shares"]]
    assert_same_bits(fr.open(tmp_path / "one.zarr"), fr.open(tmp_path / "other.zarr"))


def test_weights_lie_by_run_and_step_however_they_came(monkeypatch, tmp_path):
    monkeypatch.setattr(store, "BATCH", 1000)  # a few members at a time
    machine = fr.Machine(devices=1, slots=3, mapping="map", progress=False, checkpoint_every=0.0)
    over = {"model.width": [6, 4], "seed": range(4)}
    path = tmp_path / "runs.zarr"
    runs = fr.train(modular(steps=12), over, store=path, machine=machine)
    for number, width in ((0, 6), (1, 4)):
        kept = xr.open_dataset(path, group=f"weights-{number}", engine="zarr", consolidated=False)
        keys = list(zip(kept.run.values.tolist(), kept.step.values.tolist(), strict=True))
        assert keys == sorted(keys)
        assert {run for run, _ in keys} == set(range(4 * number, 4 * number + 4))
        assert kept.sizes["neuron"] == width
    # What each of them answers is what was recorded of it, so they are not mixed up.
    for run in range(8):
        arrays = fr.results.paths(fr.network(runs, run=run)).values()
        norm = np.sqrt(sum(np.square(array).sum() for array in arrays))
        assert norm == pytest.approx(float(runs.weight_norm.isel(run=run, step=-1)), rel=1e-5)


def test_weights_that_are_there_twice_are_written_once(tmp_path):
    """Of equal run and step, those that were written last."""
    runs = fr.train(modular(steps=8), {"seed": range(2)}, machine=MAPPED)
    notes = tmp_path / "runs.journal"
    fr.results.reopen(Path(runs.attrs["store"]), notes)
    ((name, rows),) = journal.tables(notes, "weights")
    again = np.array(rows[rows["step"] == 0])
    again["embed"] = 7.0
    with contextlib.closing(journal.Folder(notes / "session-001-00")) as folder:
        folder.table(f"{name}.weights", again.dtype).append(again)
        folder.checkpoint({"slots": []}, {})
    program = fr.sweeps.plan(modular(steps=8)).groups[0].program
    store.write_arrays(tmp_path / "runs.zarr", notes, "weights", [(name, program)])
    written: Any = zarr.open_group(tmp_path / "runs.zarr", path="weights-0", mode="r")
    assert written["run"][:].tolist() == [0, 0, 1, 1]
    assert written["step"][:].tolist() == [0, 8, 0, 8]
    assert (written["embed"][:][::2] == 7.0).all()
    assert (written["embed"][:][1::2] != 7.0).all()


@pytest.mark.parametrize("machine", [MAPPED, BATCHED])
def test_a_store_made_again_from_what_it_holds(machine, small, tmp_path):
    """Taken apart into a journal and put together, it is the same."""
    path = tmp_path / "runs.zarr"
    before = fr.train(modular(steps=8), {"seed": range(21)}, store=path, machine=machine).load()
    notes = tmp_path / "again.journal"
    fr.results.reopen(path, notes)
    again = dataclasses.replace(store.read_schema(path), attrs={})
    store.create(tmp_path / "again.zarr", again)
    store.write_runs(tmp_path / "again.zarr", again, notes)
    notes.rename(tmp_path / "gone")
    assert_same_bits(before, fr.open(tmp_path / "again.zarr"))


@pytest.mark.parametrize("undefined", ["train_loss", "test_loss"])
def test_a_record_counts_if_any_curve_is_a_number(undefined, small, tmp_path):
    """Whichever of its curves the store's folder names first."""
    record = (fr.training.train_loss, fr.training.test_loss)
    path = tmp_path / "runs.zarr"
    fr.train(modular(steps=8, record=record), {"seed": range(3)}, store=path, machine=MAPPED)
    group: Any = zarr.open_group(path, path="runs", mode="r+")
    group[undefined][:2] = np.nan
    fr.results.reopen(path, tmp_path / "again.journal")
    (table,) = (rows for _, rows in journal.tables(tmp_path / "again.journal", "records"))
    steps = fr.open(path).step.values.tolist()
    assert [(int(row["run"]), int(row["step"])) for row in table] == [
        (run, step) for run in range(3) for step in steps
    ]


def test_whoever_looks_on_sees_a_whole_store_at_every_moment(tmp_path):
    path, over = tmp_path / "watched.zarr", threading.Event()
    fr.train(modular(steps=1), store=path, machine=MAPPED)

    def look() -> set[int]:
        ages = [0]
        while not over.is_set():
            runs = fr.open(path)
            ages.append(int(runs.last_step[0]))
            assert 1 <= ages[-1] >= ages[-2], "it was seen younger than before"
            assert fr.results.kept_steps(runs)[0]
        return set(ages)

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        try:
            for steps in range(2, 8):
                fr.resume(path, steps=steps, machine=MAPPED)
        finally:
            over.set()
        assert len(looking.result()) > 3
    assert [p.name for p in tmp_path.iterdir()] == ["watched.zarr"]


def test_a_store_that_is_away_for_good_is_missed(monkeypatch, tmp_path):
    monkeypatch.setattr(access, "_PATIENCE", 0.1)
    journal.journal_path(tmp_path / "gone.zarr").mkdir()
    with pytest.raises(fr.results.StoreError, match="there is no store there"):
        fr.open(tmp_path / "gone.zarr")
