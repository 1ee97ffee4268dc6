"""What a store may be that somebody else has written: it is checked before it is read."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flyroom as fr
from flyroom.explorer._trust import check_sizes, files_of
from flyroom.explorer._watched import Watched
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
