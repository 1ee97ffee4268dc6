"""A training that the explorer watches or starts: it notices nothing, and stops when it is told."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import numpy as np
import pytest

import flyroom as fr
from flyroom.explorer._form import Answers
from helpers import assert_same_bits
from test_cli import HEARS
from test_explorer import unpack
from test_explorer_server import LONG, TINY, Server, serving

pytestmark = pytest.mark.slow


def garbage(server: Server, number: int) -> None:
    """One request that is wrong in one of many ways."""
    address = server.url().split("/")[2].split(":")
    rng = np.random.default_rng(number)
    lines = [
        rng.bytes(200),
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /start HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /form HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n" + rng.bytes(64),
        b"POST /stop HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
        + server.token.encode() + b"\r\nContent-Length: 40\r\n\r\n" + rng.bytes(40),
        b"GET /bundle HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    ]  # fmt: skip
    with contextlib.suppress(OSError), socket.create_connection((address[0], int(address[1]))) as s:
        s.settimeout(2)
        s.sendall(lines[number % len(lines)])
        s.shutdown(socket.SHUT_WR)
        while s.recv(2**16):
            pass


# A training that is watched.


def test_a_training_that_is_watched_by_many_does_not_notice(tmp_path: Path):
    """200 connections and 1,000 malformed requests, and the same bits; and it still answers."""
    words = [w for path, text in TINY.items() for w in ("--set", f"{path}={text}")]
    words += ["--steps", "60000", "--over", "seed=0:2"]
    with serving(
        "train", "pair-mod67", *words, "--store", str(tmp_path / "a.zarr"), "--live"
    ) as server:
        with contextlib.ExitStack() as stack:
            pages = [stack.enter_context(server.listen()) for _ in range(200)]
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda number: garbage(server, number), range(1000)))
            assert all(json.loads(page.recv(10))["store"] == "a.zarr" for page in pages)
            server.until("finished", 120)
            for page in pages[:5]:
                while json.loads(page.recv(10))["state"] != "finished":
                    pass
        status, data = server.ask("bundle")
        assert status == 200
        assert unpack(data)["runs"][1]["status"] == "finished"
    experiment = Answers("pair-mod67", {**TINY, "steps": "60000"}, {}).experiment()
    alone = fr.train(
        experiment,
        {"seed": range(2)},
        store=tmp_path / "b.zarr",
        machine=fr.Machine(progress=False),
    )
    watched = fr.open(tmp_path / "a.zarr")
    assert_same_bits(watched, alone)
    for run in range(2):
        networks = (fr.network(watched, run), fr.network(alone, run))
        jax.tree.map(np.testing.assert_array_equal, *networks)


def test_a_training_is_started_stopped_and_gone_on_with(tmp_path: Path):
    store = tmp_path / "new.zarr"
    with serving("explore", str(store)) as server:
        assert server.ask("bundle")[0] == 503
        answers = {"recipe": "pair-mod67", "set": LONG, "over": {"seed": "0:2"}}
        assert "steps: got 0" in server.told("start", {**answers, "set": {"steps": "0"}})
        assert not list(tmp_path.iterdir())
        assert server.ask("start", answers)[0] == 200
        assert "exists already" in server.told("start", answers)
        assert "under way" in server.told("resume", {})
        while server.ask("bundle")[0] != 200 or not fr.open(store).last_step.max() > 100:
            time.sleep(0.3)
        with server.listen() as news:
            while "model-steps/s" not in (said := json.loads(news.recv(60))["said"]):
                pass
        assert re.match(r"0 of 2 runs are over \(.*running\); ", said)
        assert re.search(r"steps/s on \d+ workers?, .* left; .* of workers' time so far", said)
        assert server.ask("stop", {})[0] == 200
        told = server.until("unfinished")
        assert told["error"] == ""
        half = fr.open(store)
        assert 100 < int(half.last_step.max()) < int(LONG["steps"])
        assert server.ask("resume", {})[0] == 200
        server.until("training")
        while not fr.open(store).last_step.max() > half.last_step.max():
            time.sleep(0.3)
    # The server has ended, and has stopped its training before.
    assert int(fr.open(store).last_step.max()) < int(LONG["steps"])


def test_a_training_that_has_finished_goes_on_only_to_more_steps(tmp_path: Path):
    store = tmp_path / "done.zarr"
    experiment = Answers("pair-mod67", {**TINY, "steps": "200"}, {}).experiment()
    fr.train(experiment, store=store, machine=fr.Machine(progress=False))
    with serving("explore", str(store)) as server:
        assert server.ask("resume", {"steps": 100})[0] == 200
        assert "at least the 200" in server.until("finished")["error"]


def test_what_only_the_training_finds_is_told_too(tmp_path: Path):
    with serving("explore", str(tmp_path / "new.zarr")) as server:
        answers = {"recipe": "pair-mod67", "set": {**TINY, "batch_size": "5000"}, "over": {}}
        assert server.ask("start", answers)[0] == 200
        with server.listen() as news:
            while not (told := json.loads(news.recv(60)))["error"]:
                pass
    assert told["state"] == "absent"
    assert re.search("batch_size: got 5000; allowed: at most the", told["error"])


def test_another_process_that_trains_is_seen_and_left_alone(tmp_path: Path):
    store = tmp_path / "other.zarr"
    words = [w for path, text in LONG.items() for w in ("--set", f"{path}={text}")]
    command = [sys.executable, "-c", HEARS, "train", "pair-mod67", *words, "--store", str(store)]
    with (
        subprocess.Popen([*command, "--quiet"]) as training,
        serving("explore", str(store)) as server,
    ):
        server.until("elsewhere")
        assert "no training was started here" in server.told("stop", {})
        server.ask("resume", {})
        with server.listen() as news:
            while not (told := json.loads(news.recv(60)))["error"]:
                pass
        assert "another process is training into it" in told["error"]
        assert training.poll() is None
        training.send_signal(signal.SIGINT)
        assert training.wait(60) == 130


def test_live_says_what_is_wrong_before_it_opens(tmp_path: Path):
    store = tmp_path / "runs.zarr"
    for words, said in (
        (["train", "pair-mod67", "--set", "task.p=1", "--live"], "p: got 1"),
        (["train", "pair-mod67", "--set", "batch_size=5000", "--live"], "at most the 911"),
        (["explore", "x.zarr", "--port", "1", "--host", "192.0.2.1"], "192.0.2.1, port 1"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "flyroom", *words, "--no-browser"],
            capture_output=True, text=True, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 2
        assert said in done.stderr
        assert "explorer" not in done.stdout
    assert not store.exists()
