"""The server: what it serves, and who is let in."""

import asyncio
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
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

import flyroom as fr
from flyroom.explorer import server as served
from flyroom.explorer._child import Training
from flyroom.explorer._guard import Guard, is_ours
from flyroom.explorer._watched import Built, Watched
from flyroom.explorer.server import Explorer
from helpers import MAPPED, modular
from test_cli import HEARS
from test_explorer import unpack

pytestmark = pytest.mark.slow

TINY = {"task.p": "11", "model.embed_width": "8", "keep.per_octave": "2"}
# A quarter of an hour of training and more: not even a test that two others slow down outlasts it.
LONG = {**TINY, "steps": "40000000", "keep.every": "20000"}


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
    def asked(given: str, host: str) -> bool:
        return is_ours(given, host, Guard(refuse, "", host).names)

    ours = {
        ("127.0.0.1:80", "127.0.0.1"): True,
        ("192.168.1.7:80", "127.0.0.1"): False,
        ("192.168.1.7:80", "0.0.0.0"): True,
        (f"{socket.gethostname()}:80", "0.0.0.0"): True,
        (f"{socket.gethostname()}:80", "127.0.0.1"): socket.gethostname() == "localhost",
        ("evil.example:80", "0.0.0.0"): False,
        ("[fe80::1]:80", "::"): True,
    }
    assert {case: asked(*case) for case in ours} == ours


async def refuse(*_: Any) -> Any:
    raise AssertionError("somebody was let in")


def test_nobody_is_looked_up_for_a_request(monkeypatch):
    """A name server that is slow would keep everybody waiting."""
    guard, looked = Guard(refuse, "token", "0.0.0.0"), []
    monkeypatch.setattr(socket, "getfqdn", lambda: looked.append("") or "here")
    scope = {"type": "http", "headers": [(b"host", b"evil.example")], "query_string": b""}
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        said.append(message)

    asyncio.run(guard(scope, receive, send))
    assert said[0]["status"] == 403
    assert not looked


@pytest.mark.parametrize(
    ("path", "token", "size", "status"),
    [
        ("start", "wrong", 2, 403), ("nothing", "", 2, 404), ("bundle", "", 2, 405),
        ("start", "", 200_000, 413), ("start", "wrong", 200_000, 403),
    ],
)  # fmt: skip
def test_who_is_still_speaking_gets_to_hear_the_answer(
    server: Server, path: str, token: str, size: int, status: int
):
    with spoken_to(server, path, token, size) as one:
        for _ in range(2):
            time.sleep(0.1)
            one.sendall(b"x" * (size // 2))
        with one.makefile("rb") as answer:
            assert answer.read().startswith(b"HTTP/1.1 %d " % status)


def test_who_stops_speaking_is_answered_all_the_same(server: Server):
    with spoken_to(server, "start", "wrong", 10) as one, one.makefile("rb") as answer:
        assert answer.read().startswith(b"HTTP/1.1 403 ")


def spoken_to(server: Server, path: str, token: str, size: int) -> socket.socket:
    """A connection on which a request has begun, and none of its body was sent."""
    one = socket.create_connection(("127.0.0.1", int(server.url().split(":")[2].strip("/"))), 30)
    words = (
        f"POST /{path} HTTP/1.1", "Host: localhost", "Connection: close",
        f"Authorization: Bearer {token or server.token}", f"Content-Length: {size}", "", "",
    )  # fmt: skip
    one.sendall("\r\n".join(words).encode())
    return one


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


def test_a_page_has_nothing_to_say_to_the_news(server: Server):
    for message in ("{}", b"\x00", "x" * 5000):
        with server.listen() as news:
            news.recv()
            news.send(message)
            with pytest.raises(ConnectionClosed) as closed:
                news.recv(10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code in (1008, 1009)


# What is told while it changes.


def posted(body: bytes = b"{}") -> Request:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


@contextlib.asynccontextmanager
async def heard(store: Path) -> AsyncIterator[tuple[Explorer, asyncio.Event]]:
    """The explorer of a store in this process, and what a page that listens is woken by."""
    explorer = Explorer(Watched(store, limit=10**6), Training(store))
    async with explorer.running(Starlette()):
        listener = asyncio.Event()
        explorer.listeners.add(listener)
        yield explorer, listener


def test_pages_are_told_of_what_a_request_has_changed(tmp_path: Path):
    async def go() -> None:
        async with heard(tmp_path / "a.zarr") as (explorer, listener):
            await explorer._answered(posted(), lambda _: explorer.watched.store.mkdir())
            await asyncio.wait_for(listener.wait(), 10)
            assert explorer.news["state"] == "finished"

    asyncio.run(go())


def test_news_go_on_after_something_that_nobody_thought_of(tmp_path: Path, monkeypatch):
    async def go() -> None:
        async with heard(tmp_path / "a.zarr") as (explorer, listener):
            look = explorer.watched.version
            monkeypatch.setattr(explorer.watched, "version", lambda: 1 // 0)
            await asyncio.wait_for(listener.wait(), 10)
            assert explorer.news["error"].startswith("ZeroDivisionError")
            listener.clear()
            monkeypatch.setattr(explorer.watched, "version", look)
            await asyncio.wait_for(listener.wait(), 10)
            assert explorer.news["error"] == ""

    asyncio.run(go())


def test_a_store_that_grows_is_read_once_for_each_version_that_was_told(
    tmp_path: Path, monkeypatch
):
    """What is read can be newer than what was told; it is not read again for that."""

    async def go() -> None:
        explorer = Explorer(Watched(tmp_path, limit=10**6), Training(tmp_path))
        read: list[str] = []

        def build() -> Built:
            read.append("")
            return Built(f"newer {len(read)}", b"")

        monkeypatch.setattr(explorer.watched, "build", build)
        for told in ("first", "first", "newer 1", "second", "second"):
            explorer.news = {**explorer.news, "version": told}
            answer = await explorer.bundle(posted())
        assert len(read) == 2
        assert answer.headers["x-version"] == "newer 2"

    asyncio.run(go())


def test_the_link_that_is_told_is_opened_unless_asked_not_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    told, opened = [], []
    monkeypatch.setattr(served.webbrowser, "open", opened.append)
    monkeypatch.setattr(served.uvicorn.Server, "run", lambda self, sockets: None)
    served.serve(tmp_path / "new.zarr", told=told.append)
    assert opened == told
    assert told[0].startswith("http://127.0.0.1:")
    served.serve(tmp_path / "new.zarr", told=told.append, browser=False)
    assert len(opened) == 1
