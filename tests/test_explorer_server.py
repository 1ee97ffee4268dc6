"""The server: who is let in, what a store may be, and that a training does not notice."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

import flyroom as fr
from flyroom.explorer._form import Answers, form
from flyroom.explorer._guard import is_ours
from flyroom.explorer._trust import check_sizes, files_of
from flyroom.explorer._watched import Watched
from flyroom.recipes.names import by_name
from helpers import MAPPED, modular
from test_cli import HEARS
from test_explorer import unpack

TINY = {"task.p": "11", "model.embed_width": "8", "keep.per_octave": "2"}
# Minutes of training: no machine is done with it before a test is.
LONG = {**TINY, "steps": "4000000", "keep.every": "20000"}


class Server(NamedTuple):
    """A server in a process of its own, as a shell starts it."""

    process: subprocess.Popen[str]
    link: str

    @property
    def token(self) -> str:
        return self.link.partition("token=")[2]

    def url(self, path: str = "") -> str:
        return self.link.partition("?")[0] + path

    def ask(
        self, path: str, body: Any = None, *, token: str | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """The status and the body of an answer."""
        token = self.token if token is None else token
        data = (
            None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        )
        request = urllib.request.Request(self.url(path), data)
        for name, value in {"Authorization": f"Bearer {token}", **headers}.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def told(self, path: str, body: Any) -> str:
        """What is said to be wrong with a request."""
        status, text = self.ask(path, body)
        assert status in (400, 413, 422)
        return json.loads(text)["error"]

    def listen(self, **options: Any) -> ClientConnection:
        link = self.url("live").replace("http", "ws")
        return connect(f"{link}?token={self.token}", proxy=None, **options)

    def until(self, state: str, seconds: float = 60) -> dict[str, Any]:
        """What is told once the training is in a state."""
        with self.listen() as news:
            deadline = time.monotonic() + seconds
            while (told := json.loads(news.recv(deadline - time.monotonic())))["state"] != state:
                pass
        return told


@contextlib.contextmanager
def serving(*words: str, cwd: Path | None = None) -> Iterator[Server]:
    command = [sys.executable, "-c", HEARS, *words, "--no-browser"]
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, cwd=cwd) as process:
        try:
            assert process.stdout is not None
            yield Server(process, process.stdout.readline().split()[1])
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served") / "runs.zarr"
    fr.train(modular(keep=fr.Schedule(per_octave=2)), store=path, machine=MAPPED)
    return path


@pytest.fixture(scope="module")
def server(store: Path) -> Iterator[Server]:
    with serving("explore", str(store)) as server:
        yield server


# What is served.


def test_the_page_and_its_bundle_are_served(server: Server, store: Path):
    status, page = server.ask("")
    assert status == 200
    assert b"<title>runs</title>" in page
    status, data = server.ask("bundle")
    assert status == 200
    assert data == fr.explorer.bundle(fr.open(store), title="runs", limit=16_000_000)


def test_a_store_into_which_nobody_trains_is_explained_while_somebody_looks(server: Server):
    with server.listen() as news:
        version = json.loads(news.recv())["version"]
        status, content = server.ask("bundle")
        while not version.endswith("+"):
            version = json.loads(news.recv(60))["version"]
        status, closer = server.ask("bundle")
    assert status == 200
    assert "of" in unpack(closer)["runs"][0]["explained"]
    told = [unpack(one)["runs"][0]["label"] for one in (content, closer)]
    assert told[0] == told[1]


def test_the_link_alone_opens_the_page(server: Server):
    with urllib.request.urlopen(server.link) as answer:
        policy = answer.headers["content-security-policy"]
        (nonce,) = re.findall(r"script-src 'nonce-([\w-]+)'", policy)
        assert f'<script type="module" nonce="{nonce}">' in answer.read().decode()
        assert "default-src 'none'" in policy
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_names_are_escaped(store: Path, tmp_path: Path):
    other = shutil.copytree(store, tmp_path / "<b>&.zarr")
    with serving("explore", str(other)) as server:
        page = server.ask("")[1]
        assert b"<b>" not in page
        assert b"&lt;b&gt;&amp;" in page
        assert unpack(server.ask("bundle")[1])["title"] == "<b>&"


def test_only_the_runs_that_were_asked_for_are_served(tmp_path: Path):
    store = tmp_path / "runs.zarr"
    fr.train(modular(steps=4), {"seed": range(3)}, store=store, machine=MAPPED)
    with serving("explore", str(store), "--run", "2") as server:
        runs = unpack(server.ask("bundle")[1])["runs"]
    assert [one["run"] for one in runs] == [2]


# Who is let in.


@pytest.mark.parametrize("path", ["", "bundle", "form", "start", "stop", "resume", "nothing"])
def test_nothing_is_answered_without_the_token(server: Server, path: str):
    body = None if path in ("", "bundle") else {}
    for token in ("", "wrong", server.token[:-1], server.token + "x", "é"):
        assert server.ask(path, body, token=token)[0] == 403
    assert server.ask(f"{path}?token=wrong", body, token="")[0] == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil", ""])
def test_a_name_that_points_here_is_not_ours(server: Server, host: str):
    assert server.ask("bundle", Host=host)[0] == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1", ""])
def test_another_page_is_refused(server: Server, origin: str):
    assert server.ask("stop", {}, Origin=origin)[0] == 403
    with pytest.raises(InvalidStatus, match="403"):
        server.listen(origin=origin or "null")


def test_its_own_page_is_let_in_by_any_name_of_this_machine(server: Server):
    port = server.url().rsplit(":", 1)[1].strip("/")
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", "localhost:9", "[::1]:9"):
        assert server.ask("bundle", Host=host, Origin=f"http://{host}")[0] == 200


def test_names_of_a_server_beyond_this_machine():
    ours = {
        ("127.0.0.1:80", "127.0.0.1"): True,
        ("192.168.1.7:80", "127.0.0.1"): False,
        ("192.168.1.7:80", "0.0.0.0"): True,
        (f"{socket.gethostname()}:80", "0.0.0.0"): True,
        (f"{socket.gethostname()}:80", "127.0.0.1"): socket.gethostname() == "localhost",
        ("evil.example:80", "0.0.0.0"): False,
        ("[fe80::1]:80", "::"): True,
    }
    assert {case: is_ours(*case) for case in ours} == ours


def test_only_this_machine_is_listened_to(server: Server):
    port = int(server.url().rsplit(":", 1)[1].strip("/"))
    others = {
        str(one[4][0]) for one in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)
    }
    for address in others - {"127.0.0.1", "127.0.1.1"}:
        with pytest.raises(OSError), socket.create_connection((address, port), timeout=2):  # noqa: PT011
            pass


@pytest.mark.parametrize(
    "path",
    [
        "../runs.journal", "..%2f..%2fetc%2fpasswd", "runs/zarr.json", "bundle/../../secret",
        "bundle?store=/etc/passwd", "static/explorer.js", "%00", "bundle/..;/",
    ],
)  # fmt: skip
def test_there_is_no_path_in_any_request(server: Server, path: str):
    status, data = server.ask(path)
    if path.startswith("bundle?"):
        assert data == server.ask("bundle")[1]
    else:
        assert (status, data) == (404, b"Not Found")


# What a store may be.


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


# What is sent.


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("form", b"{", "cannot be read"),
        ("form", b"\xff\xfe", "cannot be read"),
        ("form", b"[" * 60_000, "cannot be read"),
        ("form", b"x" * 70_000, "More than 65,536 bytes"),
        ("form", [], "allowed: a recipe"),
        ("form", {"recipe": "pair-mod67"}, "allowed: a recipe"),
        ("form", {"recipe": "pair-mod67", "set": [], "over": {}}, "allowed: a recipe"),
        ("form", {"recipe": 3, "set": {}, "over": {}}, "none longer"),
        ("form", {"recipe": "pair-mod67", "set": {"steps": 3}, "over": {}}, "none longer"),
        ("form", {"recipe": "pair-mod67", "set": {"steps": "1" * 3000}, "over": {}}, "none longer"),
        ("form", {"recipe": "../mine.toml", "set": {}, "over": {}}, "is no recipe. Recipes: "),
        ("start", {"recipe": "runs.zarr", "set": {}, "over": {}}, "is no recipe"),
        ("start", {"recipe": "pair-mod67", "set": {}, "over": {}, "store": "/x"}, "allowed"),
        ("start", {"recipe": "pair-mod67", "set": {}, "over": {}}, "exists already"),
        ("resume", {"steps": -1}, "allowed: {}"),
        ("resume", {"steps": True}, "allowed: {}"),
        ("resume", {"steps": "9; rm"}, "allowed: {}"),
        ("resume", {"store": "/x"}, "allowed: {}"),
        ("resume", [], "allowed: {}"),
        ("stop", {"now": 1}, "allowed: {}"),
        ("stop", {}, "no training was started here"),
    ],
)
def test_what_is_sent_is_checked(server: Server, path: str, body: Any, words: str):
    assert words in server.told(path, body)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"task.p": "1"}, "ModularArithmetic.p: got 1; allowed: at least 2"),
        ({"optimizer.wd": "1"}, "no field `wd`; it has learning_rate"),
        ({"model.activation": "rely"}, "nothing of that name"),
        ({"task": "os:system"}, "what flyroom itself has"),
        ({"task": '{class = "os:system"}'}, "what flyroom itself has"),
        ({"task": "Corrupted"}, "Corrupted needs `clean`"),
        ({"seed": "9" * 400}, "allowed: at least 0"),
    ],
)
def test_the_form_says_what_is_wrong_as_the_library_does(answers: dict[str, str], words: str):
    with pytest.raises(fr.SpecError, match=re.escape(words)):
        form(Answers.read({"recipe": "pair-mod67", "set": answers, "over": {}}))


def test_axes_are_checked():
    for over, words in (
        ({"seed": "0:9999999999"}, "allowed: 100,000 values"),
        ({"seed": "4:4"}, "no values"),
        ({"task.train_fraction": "0.5,1.5"}, "got 1.5"),
        ({"nothing": "1"}, "no field `nothing`"),
    ):
        with pytest.raises(fr.SpecError, match=words):
            form(Answers.read({"recipe": "pair-mod67", "set": {}, "over": over}))
    assert form(Answers("pair-mod67", {}, {"seed": "0:4", "task.p": "5,7"}))["runs"] == 8


@pytest.mark.parametrize("recipe", sorted(by_name()))
def test_the_form_as_it_is_shown_is_the_recipe(recipe: str):
    fields = form(Answers(recipe, {}, {}))["fields"]
    shown = {one["path"]: one["value"] for one in fields}
    nouns = {
        one["path"]
        for one in fields
        if any(o["path"].startswith(one["path"] + ".") for o in fields)
    }
    answers = Answers(recipe, {p: text for p, text in shown.items() if p not in nouns}, {})
    assert answers.experiment() == by_name()[recipe]()
    for one in fields:
        assert one["options"] is None or one["value"] in one["options"]


def test_a_new_noun_brings_its_own_fields():
    told = form(Answers("pair-mod67", {"task.n": "9", "task": "SparseParity"}, {}))
    paths = [one["path"] for one in told["fields"]]
    assert "task.n" in paths
    assert "task.p" not in paths
    assert told["command"] == ["pair-mod67", "--set", "task=SparseParity", "--set", "task.n=9"]


def test_a_page_has_nothing_to_say_to_the_news(server: Server):
    for message in ("{}", b"\x00", "x" * 5000):
        with server.listen() as news:
            news.recv()
            news.send(message)
            with pytest.raises(ConnectionClosed) as closed:
                news.recv(10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code in (1008, 1009)
