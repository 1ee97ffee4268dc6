"""What a store may be that somebody else has written: it is checked before it is read."""

import json
import os
import shutil
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
import zstandard

import flyroom as fr
from flyroom.explorer._child import Training
from flyroom.explorer._trust import check_sizes, files_of, is_at_hand
from flyroom.explorer._watched import Watched
from flyroom.explorer.server import Explorer
from flyroom.results.journal import JournalError, read_table
from helpers import MAPPED, modular
from test_explorer import unpack
from test_explorer_server import serving, store as store


def refused(store: Path, words: str) -> None:
    with pytest.raises(fr.StoreError, match=words):
        Watched(store, limit=10**6).build()


def test_a_store_that_points_out_of_itself_is_refused(store: Path, tmp_path: Path):
    other = shutil.copytree(store, tmp_path / "other.zarr")
    shutil.rmtree(other / "runs" / "test_loss")
    (other / "runs" / "test_loss").symlink_to(store / "runs" / "test_loss")
    refused(other, "test_loss: it is a link")
    again = shutil.copytree(store, tmp_path / "again.zarr")
    (again.with_suffix(".journal")).symlink_to(tmp_path)
    refused(again, "again.journal: it is a link")
    pipe = shutil.copytree(store, tmp_path / "pipe.zarr")
    os.mkfifo(pipe / "runs" / "waits")
    refused(pipe, "waits: it is no plain file")


def test_a_store_of_an_older_zarr_is_refused(store: Path, tmp_path: Path):
    """Its filters can be pickles."""
    other = shutil.copytree(store, tmp_path / "other.zarr")
    (other / "weights-1").mkdir()
    (other / "weights-1" / ".zgroup").write_text('{"zarr_format": 2}')
    refused(other, "of Zarr version 2")


@pytest.mark.parametrize(
    ("array", "change", "words"),
    [
        ("runs/test_loss", {"shape": [1, 10**12]}, "would take 4,000,000,000,"),
        ("runs/run", {"shape": [10**11]}, "would take 800,000,000,"),
        ("weights-0/embed", {"shape": [4, 10**6, 10**4]}, "would take"),
        ("runs/status", {"data_type": "object"}, "got values of kind 'object'"),
        ("runs/status", {"shape": [-1]}, "damaged"),
        ("runs/status", {"zarr_format": 2}, "Zarr version 3"),
        (
            "runs/last_step",
            {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [10**12]}}},
            "would take 8,000,000,000,000 bytes",
        ),
    ],
)
def test_sizes_are_checked_before_anything_is_read(
    store: Path, tmp_path: Path, array: str, change: dict[str, Any], words: str
):
    other = shutil.copytree(store, tmp_path / "other.zarr")
    check_sizes(other, files_of(other))
    file = other / array / "zarr.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    refused(other, words)


def test_a_checkpoint_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch):
    notes = tmp_path / "runs.journal" / "session-000-00"
    notes.mkdir(parents=True)
    np.savez_compressed(notes / "checkpoint.npz", bomb=np.zeros(10**7))
    files = files_of(tmp_path / "runs.zarr")
    check_sizes(tmp_path / "runs.zarr", files)
    monkeypatch.setattr("flyroom.explorer._trust.CURVES", 10**7)
    with pytest.raises(fr.StoreError, match="would take 80,000"):
        check_sizes(tmp_path / "runs.zarr", files)


LARGE = zstandard.compress(bytes(10**8))  # three thousand bytes


@pytest.mark.parametrize(
    ("array", "data", "words"),
    [
        ("runs/status", LARGE, "would take 100,000,000 bytes; allowed: 1,"),
        (
            "runs/status",
            zstandard.ZstdCompressor(write_content_size=False).compress(bytes(10**7)),
            "would take 18,446,744,073,709,551,615 bytes",
        ),
        ("runs/status", b"no frame", "status/c/0: it is damaged"),
        ("runs/status", b"", "status/c/0: it is damaged"),
        ("runs/test_loss", LARGE + struct.pack("<2Q", 0, len(LARGE)), "would take 100,000,000"),
        ("runs/test_loss", b"", "it is damaged"),
        ("runs/test_loss", struct.pack("<2Q", 2**63, 5), "it is damaged"),
    ],
)  # fmt: skip
def test_what_unpacks_to_too_much_is_refused(
    store: Path, tmp_path: Path, array: str, data: bytes, words: str
):
    other = shutil.copytree(store, tmp_path / "other.zarr")
    (file,) = (path for path in (other / array / "c").rglob("*") if path.is_file())
    if array == "runs/test_loss" and data:  # the first piece of a shard of several, and a checksum
        shard, inner = (tuple(n) for n in tiling(other / array))
        pieces = int(np.prod(np.array(shard) // np.array(inner)))
        data += struct.pack("<2Q", 2**64 - 1, 2**64 - 1) * (pieces - 1) + bytes(4)
    file.write_bytes(data)
    refused(other, words)


def tiling(array: Path) -> tuple[list[int], list[int]]:
    described = json.loads((array / "zarr.json").read_text())
    shard = described["chunk_grid"]["configuration"]["chunk_shape"]
    return shard, described["codecs"][0]["configuration"]["chunk_shape"]


@pytest.mark.parametrize(
    ("array", "change", "words"),
    [
        ("runs/status", lambda codecs: [*codecs[:1], {"name": "gzip"}], r"\['bytes', 'gzip'\]"),
        ("runs/status", lambda codecs: [], "IndexError"),
        ("runs/test_loss", lambda codecs: codecs * 2, "packed again"),
        ("runs/test_loss", lambda codecs: with_(codecs, index_location="start"), "begin with"),
        ("runs/test_loss", lambda codecs: with_(codecs, index_codecs=[]), "index is packed as"),
        ("runs/test_loss", lambda codecs: with_(codecs, codecs=codecs), "packed by"),
        ("runs/test_loss", lambda codecs: with_(codecs, chunk_shape=[0, 0]), "damaged"),
        ("runs/test_loss", lambda codecs: with_(codecs, chunk_shape=[1, 10**9]), "in pieces of"),
    ],
)
def test_what_is_packed_otherwise_is_refused(
    store: Path, tmp_path: Path, array: str, change: Callable[[list], list], words: str
):
    other = shutil.copytree(store, tmp_path / "other.zarr")
    file = other / array / "zarr.json"
    told = json.loads(file.read_text())
    file.write_text(json.dumps({**told, "codecs": change(told["codecs"])}))
    refused(other, words)


def with_(told: list[dict[str, Any]], **changes: Any) -> list[dict[str, Any]]:
    return [{**told[0], "configuration": {**told[0]["configuration"], **changes}}]


def test_a_damaged_store_is_told_and_the_server_goes_on(store: Path, tmp_path: Path):
    other = shutil.copytree(store, tmp_path / "other.zarr")
    file = other / "runs" / "zarr.json"
    whole = file.read_text()
    with serving("explore", str(other)) as server:
        file.write_text(whole.replace("tasks:ModularArithmetic", "os:system"))
        data = json.loads(whole)
        data["attributes"]["spec"] = "not JSON"
        for text in ("{", "[" * 10**5, json.dumps(data)):
            file.write_text(text)
            status, answer = server.ask("bundle")
            while status == 200 and b"cannot be read" not in answer:  # the version before is known
                time.sleep(0.3)
                status, answer = server.ask("bundle")
            assert b"damaged" in answer or b"cannot be" in answer
        file.write_text(whole)
        while server.ask("bundle")[0] != 200:
            time.sleep(0.3)


def told_of(store: Path) -> dict[str, Any]:
    """What is told of the first run of a store."""
    return unpack(Watched(store, limit=10**6).build().data)["runs"][0]


def respecced(store: Path, copy: Path, old: str, new: str) -> Path:
    """A copy of a store that says another thing of its experiment."""
    shutil.copytree(store, copy)
    file = copy / "runs" / "zarr.json"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    return copy


@pytest.mark.parametrize(
    "name",
    [
        "evil_module:Task",
        "tasks:evil_module",
        "os:system",
        "tasks:parity.np.os.system",
        "parity.np.os.system",
        "flyroom.__main__:main",
    ],
)
def test_nothing_is_imported_because_a_store_names_it(
    store: Path, tmp_path: Path, monkeypatch, name: str
):
    """Its curves are shown all the same."""
    ran = tmp_path / "ran"
    for module in ("evil_module", "tasks"):
        (tmp_path / f"{module}.py").write_text(f"open({str(ran)!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path)
    other = respecced(store, tmp_path / "other.zarr", "tasks:ModularArithmetic", name)
    told = told_of(other)
    for part in ("kept", "start", "profile", "explained"):
        assert f"it names `{name}`, which this process has not imported" in told[part]["why"]
    assert told["moments"]["seen"] > 0
    assert not ran.exists()
    assert "flyroom.__main__" not in sys.modules


def test_classes_of_a_module_that_is_imported_are_known(store: Path, tmp_path: Path):
    """And what was recorded is never looked for."""
    for name in ("models:relu", "test_explorer_trust:Own", "jax.numpy:tanh", "a + b", "a.5"):
        assert is_at_hand(name)
    other = respecced(store, tmp_path / "other.zarr", "training:test_loss", "evil_module:test_loss")
    assert "why" not in told_of(other)["kept"]


class Own(fr.tasks.ModularArithmetic):
    """Of a module that a test has imported."""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"p": 7', '"p": 40000', "got p = 40,000; allowed in the explorer: at most 2,048"),
        ('"embed_width": 8', '"embed_width": 1000000000', "got embed_width = 1,000,000,000"),
        (
            '"class": "tasks:ModularArithmetic", "p": 7',
            '"class": "tasks:SparseParity", "train_count": 1000000000, "p": 7',
            "got train_count = 1,000,000,000",
        ),
    ],
)
def test_no_tables_are_made_of_the_numbers_that_a_store_names(
    store: Path, tmp_path: Path, old: str, new: str, words: str
):
    old, new = (json.dumps(text)[1:-1] for text in (old, new))  # it is text in text
    other = respecced(store, tmp_path / "other.zarr", old, new)
    assert words in told_of(other)["kept"]["why"]


@pytest.mark.filterwarnings("ignore:Consolidated metadata")
def test_descriptions_that_are_kept_twice_are_refused(store: Path, tmp_path: Path):
    """Zarr would believe those in the group, whose sizes nobody has checked."""
    other = shutil.copytree(store, tmp_path / "other.zarr")
    zarr.consolidate_metadata(other / "weights-0")
    file = other / "weights-0" / "zarr.json"
    data = json.loads(file.read_text())
    data["consolidated_metadata"]["metadata"]["run"]["shape"] = [10**12]
    file.write_text(json.dumps(data))
    refused(other, "allowed: a zarr.json that describes one group or array")


@pytest.mark.parametrize("rows", ["|O", [("run", "|O")], "|V0"])
def test_a_table_of_pointers_is_refused(tmp_path: Path, rows: Any):
    head = {"descr": rows, "fortran_order": False, "shape": (0,)}
    with open(tmp_path / "table", "wb") as file:
        np.lib.format.write_array_header_2_0(file, head)
        file.write(bytes(64))
    with pytest.raises(JournalError, match="allowed: numbers"):
        read_table(tmp_path / "table")


def test_news_wait_for_nothing_that_lies_where_the_pulse_is(store: Path, tmp_path: Path):
    """A pipe that nobody writes into, and more brackets than can be read."""
    other = shutil.copytree(store, tmp_path / "other.zarr")
    notes = tmp_path / "other.journal"
    notes.mkdir()
    explorer = Explorer(Watched(other, limit=10**6), Training(other))
    (notes / "pulse.json").write_text("[" * 60_000)
    explorer.look()
    assert (explorer.news["error"], explorer.news["state"]) == ("", "elsewhere")
    (notes / "pulse.json").unlink()
    os.mkfifo(notes / "pulse.json")
    looking = threading.Thread(target=explorer.look, daemon=True)
    looking.start()
    looking.join(20)
    assert not looking.is_alive()
    assert "pulse.json: it is no plain file" in explorer.news["error"]


def test_not_all_examples_of_a_corrupted_task_are_asked(tmp_path: Path, monkeypatch):
    task = fr.tasks.Corrupted(fr.tasks.ModularArithmetic(p=7, train_fraction=0.6), noise=0.2)
    path = tmp_path / "runs.zarr"
    fr.train(modular(task=task, steps=4), store=path, machine=MAPPED)
    for most, words in ((29, ""), (28, "more than 28 training examples")):
        monkeypatch.setattr("flyroom.explorer._examined.MOST", most)
        told = unpack(Watched(path, limit=10**6).build(explained=2).data)["runs"][0]
        assert words in told["answers"].get("why", "")
