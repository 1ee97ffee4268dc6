"""The explorer as a local server: of one store, live while it is trained into."""

import asyncio
import contextlib
import functools
import json
import os
import secrets
import socket
import sys
import threading
import traceback
import webbrowser
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from string import Template
from typing import Any

try:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, JSONResponse, Response
    from starlette.routing import Route, WebSocketRoute
    from starlette.websockets import WebSocket
except ImportError as error:
    raise ImportError(
        "The explorer's server needs packages that are not installed: "
        "`pip install 'flyroom[explorer]'`."
    ) from error

from ..figures import palette
from ..results import StoreError, folder
from ..spec import SpecError
from ..sweeps import Pulse
from ..sweeps.pulse import counted
from ._child import Training
from ._form import Answers, form
from ._guard import Guard, is_loopback
from ._watched import Built, Watched
from .page import ROOM, program

POLL = 0.5  # seconds between two looks at the store
BODY = 2**16  # bytes of a request
CONNECTIONS = 1000
AT_REST = ("finished", "unfinished")  # states in which nobody trains
EXPLAINED = 24  # networks that are explained of a store into which nobody trains
CLOSER = "+"  # behind the version of a store: the same, with explanations
LIMIT = 16_000_000  # bytes of curves and weights: they stay on this machine


class Explorer:
    """What the server knows: the store, the training, and who is to be told of them.

    Args:
        watched: the store.
        training: what trains into it, if anything of ours does.
        words: what `flyroom train` is to be given at once; nothing is trained if `None`.
    """

    def __init__(
        self, watched: Watched, training: Training, words: list[str] | None = None
    ) -> None:
        self.watched, self.training, self.words = watched, training, words
        self.news: dict[str, Any] = {
            "store": watched.store.name,
            "version": "",
            "state": "absent",
            "said": "",
            "error": "",
        }
        self.told = self.news  # what the pages were told last
        self.listeners: set[asyncio.Event] = set()
        self.built: Built | None = None
        self.asked = ""  # the version it was built for: while somebody trains it can show a newer
        self.closer: Built | None = None
        self.examining: asyncio.Task[None] | None = None
        self.examined = ""  # the last version that was, also where nothing came of it
        self.building = asyncio.Lock()
        self.reader = ThreadPoolExecutor(2, "reader", initializer=_yield_to_others)

    @contextlib.asynccontextmanager
    async def running(self, _: Starlette) -> AsyncIterator[None]:
        """Looks at the store until the server ends, and then ends the training too."""
        if self.words is not None:
            self.training.start(self.words)
        await self._look()
        watching = asyncio.create_task(self._watch())
        yield
        watching.cancel()
        await asyncio.to_thread(self.training.close)
        self.reader.shutdown(wait=False, cancel_futures=True)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(POLL)
            await self._look()
            if self.built is not None and self._is_at_leisure(self.built):
                self.examined = self.built.version
                self.examining = asyncio.create_task(self._examine())

    async def _look(self) -> None:
        """Looks at the store, and tells the pages if there is anything new."""
        await asyncio.to_thread(self.look)
        if self.news != self.told:
            self.told = self.news
            for listener in self.listeners:
                listener.set()

    def _is_at_leisure(self, built: Built) -> bool:
        """Whether the store that somebody looks at lies still, and was not yet explained."""
        busy = self.examining is not None and not self.examining.done()
        shown = bool(self.listeners) and self.news["version"] == built.version
        still = self.news["state"] in AT_REST
        return shown and still and not busy and self.examined != built.version

    async def _examine(self) -> None:
        """Reads the store once more, with what takes longer than anybody likes to wait."""
        closely = functools.partial(self.watched.build, explained=EXPLAINED)
        with contextlib.suppress(StoreError):  # it has gone, or changes: then there is other news
            found = await asyncio.get_running_loop().run_in_executor(self.reader, closely)
            self.closer = found._replace(version=found.version + CLOSER)

    def look(self) -> None:
        """Brings the news up to date, whatever lies there: whoever waits for news waits on."""
        try:
            self.news = self._seen()
        except Exception as error:  # of a store that means ill it can be any
            self.news = {**self.news, "error": f"{type(error).__name__}: {error}"}

    def _seen(self) -> dict[str, Any]:
        """The news. A store that was just read is left alone for a while."""
        training = self.training
        version, wrong, pulse = self.news["version"], "", None
        try:
            now = self.watched.version()
            before = version.removesuffix(CLOSER)
            over = training.state(self.watched.changed) in AT_REST  # then nobody is disturbed
            version = now if self.watched.rested or over or not now else before
            with contextlib.suppress(RecursionError):  # of brackets in brackets: it is none
                pulse = Pulse.read(self.watched.store)
        except StoreError as error:
            wrong = str(error)
        if self.closer is not None and self.closer.version == version + CLOSER:
            version = self.closer.version
        state, said = training.state(self.watched.changed), training.said
        if pulse is not None and pulse.fresh:
            said = f"{counted(pulse.statuses)}; {pulse.pace}"
        return {
            "store": self.watched.store.name,
            "version": version,
            "state": state,
            "said": said,
            "error": training.error or wrong,
        }

    async def page(self, request: Request) -> Response:
        """The page, whose program is in it."""
        del request
        nonce = secrets.token_urlsafe(16)
        colors = {
            name: ";".join(f"--{key}:{color}" for key, color in palette(dark=dark).items())
            for name, dark in (("light", False), ("dark", True))
        }
        text = Template((ROOM / "server.html").read_text(encoding="utf-8")).substitute(
            title=escape(self.watched.store.stem), program=program(), nonce=nonce, **colors
        )
        policy = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'unsafe-inline'; "
            "img-src data: blob:; worker-src blob:; connect-src 'self'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'"
        )
        return HTMLResponse(text, headers={"content-security-policy": policy})

    async def bundle(self, request: Request) -> Response:
        """The store as it is, read at most once for each of its versions."""
        del request
        async with self.building:
            version = self.news["version"]
            built = self.closer if version.endswith(CLOSER) else self.built
            if built is None or version not in (built.version, self.asked):
                loop = asyncio.get_running_loop()
                try:
                    built = await loop.run_in_executor(self.reader, self.watched.build)
                except StoreError as error:
                    return JSONResponse({"error": str(error)}, 503)
                self.built, self.asked = built, version
        return Response(built.data, 200, {"x-version": built.version}, "application/octet-stream")

    async def live(self, socket: WebSocket) -> None:
        """Tells a page what is new. There is nothing that a page has to say here."""
        await socket.accept()
        listener = asyncio.Event()
        listener.set()
        self.listeners.add(listener)
        telling = asyncio.create_task(self._tell(socket, listener))
        try:
            message = await socket.receive()
        finally:
            self.listeners.discard(listener)
            telling.cancel()
        if message["type"] == "websocket.receive":
            with contextlib.suppress(RuntimeError):
                await socket.close(1008)

    async def _tell(self, socket: WebSocket, listener: asyncio.Event) -> None:
        with contextlib.suppress(Exception):  # it has gone; `live` hears of that too
            while True:
                await listener.wait()
                listener.clear()
                await socket.send_json(self.news)

    async def form(self, request: Request) -> Response:
        """The form as it is filled in, checked."""
        return await self._answered(request, lambda data: form(Answers.read(data)))

    async def start(self, request: Request) -> Response:
        """Trains what the form says, into a store that is not there yet."""

        def start(data: Any) -> dict[str, Any]:
            answers = Answers.read(data)
            form(answers)
            self.training.start(answers.words())
            return {}

        return await self._answered(request, start)

    async def resume(self, request: Request) -> Response:
        """Goes on with the store."""

        def resume(data: Any) -> dict[str, Any]:
            steps = data.get("steps") if isinstance(data, dict) and set(data) <= {"steps"} else ""
            if steps is not None and not (type(steps) is int and 0 < steps < 10**15):
                raise SpecError("resume: allowed: {}, or a larger budget, such as {'steps': 9000}.")
            self.training.resume(steps)
            return {}

        return await self._answered(request, resume)

    async def stop(self, request: Request) -> Response:
        """Stops the training, as Ctrl-C does."""

        def stop(data: Any) -> dict[str, Any]:
            if data != {}:
                raise SpecError("stop: allowed: {}.")
            self.training.stop()
            return {}

        return await self._answered(request, stop)

    async def _answered(self, request: Request, answer: Callable[[Any], Any]) -> Response:
        """The answer to what a page has sent, or what is wrong with it."""
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > BODY:
                return JSONResponse({"error": f"More than {BODY:,} bytes were sent."}, 413)
        try:
            told = await asyncio.to_thread(lambda: answer(json.loads(body)))
        except (SpecError, StoreError) as error:
            return JSONResponse({"error": str(error)}, 422)
        except (ValueError, TypeError, ArithmeticError, RecursionError, MemoryError) as error:
            return JSONResponse({"error": f"This cannot be read: {error}."}, 400)
        await self._look()
        return JSONResponse(told)

    def app(self, token: str, host: str) -> Guard:
        """The application, behind its guard."""
        routes = [
            Route("/", self.page),
            Route("/bundle", self.bundle),
            WebSocketRoute("/live", self.live),
            *(
                Route(f"/{name}", getattr(self, name), methods=["POST"])
                for name in ("form", "start", "resume", "stop")
            ),
        ]
        handlers = {Exception: failed}
        app = Starlette(routes=routes, lifespan=self.running, exception_handlers=handlers)
        return Guard(app, token, host)


async def failed(request: Request, error: Exception) -> Response:
    """Says on standard error what no request should have done."""
    traceback.print_exception(error)
    return JSONResponse({"error": f"{request.url.path}: {type(error).__name__}: {error}"}, 500)


def _yield_to_others() -> None:
    """Lets whoever trains on this machine go first; of all threads only this one, and JAX's."""
    if sys.platform == "linux":  # where a thread has a priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def serve(
    store: str | Path,
    *,
    run: list[int] | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    browser: bool = True,
    words: list[str] | None = None,
    told: Callable[[str], None] = print,
) -> None:
    """Serves the explorer of one store until it is interrupted.

    The link that it tells has a random token, without which nothing is answered. The store is
    read, never written; a training that is started from the page is a process of its own.

    Args:
        store: a store, finished or not, or where one is to be trained.
        run: which runs are shown; all if `None`.
        host: where to listen. Any other address than this machine's own lets others on the network
            see the link's token pass by.
        port: of how many; any that is free if 0.
        browser: whether to open the page.
        words: what `flyroom train` is given to train into the store at once.
        told: is given the link.

    Raises:
        PageError: the program of the page was not built when flyroom was installed.
        StoreError: the address cannot be listened at.

    Example:
        >>> from flyroom.explorer.server import serve
        >>> serve("runs/decay.zarr")  # doctest: +SKIP
    """
    program()
    where = folder(store)
    explorer = Explorer(Watched(where, run=run, limit=LIMIT), Training(where), words)
    token = secrets.token_urlsafe(24)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=CONNECTIONS)
    except OSError as error:
        raise StoreError(f"{host}, port {port}: {error.strerror or error}.") from error
    shown = host if is_loopback(host) else socket.gethostname()
    shown = f"[{shown}]" if ":" in shown else shown
    link = f"http://{shown}:{listener.getsockname()[1]}/?token={token}"
    told(link)
    if browser:
        webbrowser.open(link)
    config = uvicorn.Config(
        explorer.app(token, host),
        log_level="critical",  # below it, that connections are cut when it ends; `failed` says more
        access_log=False,
        ws="websockets-sansio",
        ws_max_size=1024,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=1,
    )
    with contextlib.suppress(KeyboardInterrupt), listener:
        uvicorn.Server(config).run(sockets=[listener])
