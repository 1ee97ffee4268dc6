import asyncio
import contextlib
import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any
from urllib.parse import parse_qs

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

MOST = 2**20  # bytes of a request that are read although nobody wants them
PATIENCE = 2.0  # seconds that they are waited for
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),  # the token is in the link
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


class Guard:
    """Lets through who knows the token, asks for this server, and comes from its own page.

    A page elsewhere can have a browser send requests here. It does not know the token; and names
    that somebody lets point to this machine are not ours, so that they cannot stand in `Host`.

    Args:
        app: what is guarded.
        token: the secret of the link.
        host: where the server listens.
    """

    def __init__(self, app: App, token: str, host: str) -> None:
        self.app, self.token, self.host = app, token.encode(), host
        # Asked for once, before anybody is answered: it can take a name server seconds.
        self.names = () if is_loopback(host) else (socket.gethostname(), socket.getfqdn())

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] == "http":
            receive, send = _heard_out(receive, send)
        why = self._refusal(scope)
        if why is None:
            return await self.app(scope, receive, _with_headers(send))
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": 1008})
        body = f"{why}\n".encode()
        headers = [*HEADERS, (b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _refusal(self, scope: Message) -> str | None:
        given: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            given.setdefault(name, []).append(value)
        hosts, origins = given.get(b"host", []), given.get(b"origin", [])
        if len(hosts) != 1 or not is_ours(hosts[0].decode("latin-1"), self.host, self.names):
            return "This is not the name of this server."
        if origins not in ([], [b"http://" + hosts[0]]):
            return "This request comes from another page."
        if not hmac.compare_digest(_token(scope["query_string"], given), self.token):
            return "Open the link that was printed when this server was started: it has the token."
        return None


def _token(query: bytes, given: dict[bytes, list[bytes]]) -> bytes:
    """The token of a request, in its header or in its link."""
    header = given.get(b"authorization", [b""])[0]
    if header.startswith(b"Bearer "):
        return header.removeprefix(b"Bearer ")
    try:
        found = parse_qs(query.decode("ascii"), max_num_fields=8)
    except ValueError:
        return b""
    return found.get("token", [""])[0].encode()


def is_ours(given: str, host: str, names: Collection[str] = ()) -> bool:
    """Whether a `Host` can only mean a server that listens at `host`.

    Any port is: one that is forwarded through SSH is another one there. A server that listens
    beyond this machine may be asked for by its addresses and the machine's own `names`.
    """
    name = given.rpartition(":")[0] if given.rpartition(":")[2].isdecimal() else given
    name = name.removeprefix("[").removesuffix("]").lower()
    if name in ("localhost", host.lower(), *(one.lower() for one in names)):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or not is_loopback(host)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _heard_out(receive: Receive, send: Send) -> tuple[Receive, Send]:
    """The same two, by which nothing is answered before a request was read, if it is not too long.

    What is left unread when a connection is closed resets it, and the answer is lost.
    """
    left = MOST

    async def receiving() -> Message:
        nonlocal left
        message = await receive()
        left = left - len(message["body"]) if message.get("more_body") else 0
        return message

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    while left > 0:
                        await receiving()
        await send(message)

    return receiving, sending


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *HEADERS]
        await send(message)

    return sending
