"""What stands before every page: who may speak to the console at all, and what each answer tells the browser.

It knows neither NiceGUI nor MQTT. A request is refused here before anything of it is read: one whose Host is not ours
(a name somebody else points at us), one that another site's page sends (its Origin), a body larger than stated. What is
let through is bounded in size and time, so that nobody keeps the console waiting.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from bridge.console.headers import NONCE, headers_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY: Final = 65_536
"""Bytes of a request that is no upload."""
MAX_TARGET: Final = 4_096
"""Characters of path and query."""
MAX_HEADERS: Final = 16_384
"""Bytes of all headers."""
BODY_PATIENCE: Final = 10.0
"""Seconds for the whole body of a request that is no upload."""
PIECE_PATIENCE: Final = 90.0
"""Seconds for each piece of an upload: longer than whoever takes it waits, who can say more about it."""
SOCKETS: Final = "/_nicegui_ws/"
"""Where pages speak with the console; nothing else there is served, and sockets nowhere else."""
BURST: Final = 200
"""Messages that a socket may send at once; a person who types quickly sends some ten in a second."""
PER_SECOND: Final = 50.0
"""Messages a second that a socket is listened to beyond that."""
WEIGHT: Final = 10_000
"""Characters that count as one more message: a list of two hundred devices has fewer than a hundred thousand."""
HARMLESS: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a request is refused."""

    status: int
    words: str


class Guard:
    """An ASGI application round ``app`` that lets through what is ours.

    ``secure``: browsers reach us by TLS, ours or a proxy's. ``hosts`` are the names, with port where it is not the
    usual one, under which browsers know us; None takes any. ``largest``: bytes by the first level of the path, for
    uploads, which are passed on piece by piece; all other bodies are read whole first, and are small.
    """

    def __init__(
        self,
        app: Application,
        *,
        secure: bool,
        hosts: Collection[str] | None,
        largest: Mapping[str, int],
        patience: float = BODY_PATIENCE,
        piece_patience: float = PIECE_PATIENCE,
    ) -> None:
        self.app = app
        self._secure = secure
        self._hosts = None if hosts is None else frozenset(host.lower() for host in hosts)
        self._largest = largest
        self._patience = patience
        self._piece_patience = piece_patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        scope[NONCE] = secrets.token_urlsafe(16)
        # What a proxy may say of itself was read by the server, of proxies that it was told of; the rest is hearsay.
        scope["headers"] = [(name, value) for name, value in scope["headers"] if not _is_hearsay(name)]
        if scope["type"] == "websocket":
            if fault := self._socket_fault(scope):
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": fault.words})
            else:
                await self.app(scope, _measured(receive), send)
            return
        answer = _Answer(scope, send, self._secure)
        if fault := self._fault(scope):
            await answer.refuse(fault)
            return
        most = self._largest.get(scope["path"].split("/")[1])
        if scope["method"] in HARMLESS:
            await self.app(scope, receive, answer)
        elif most is not None:
            await self.app(scope, _Upload(receive, answer, most, self._piece_patience), answer)
        else:
            await self._small(scope, receive, answer)

    async def _small(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        body = b""
        try:
            async with asyncio.timeout(self._patience):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return  # gone
                    body += message.get("body", b"")
                    if len(body) > MAX_BODY:
                        await answer.refuse(_too_large(MAX_BODY))
                        return
                    if not message.get("more_body", False):
                        break
        except TimeoutError:
            await answer.refuse(Fault(408, "the request did not come whole in time"))
            return
        told = False

        async def replay() -> Message:
            nonlocal told
            if told:
                return await receive()
            told = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, replay, answer)

    def _fault(self, scope: Scope) -> Fault | None:
        known = _known(scope)
        if fault := self._stranger(scope, known):
            return fault
        if scope["path"].startswith(SOCKETS):
            return Fault(404, "only sockets are answered here: what stands in between has to pass WebSocket on")
        has_body = known.get("content-length", "0") != "0" or "transfer-encoding" in known
        if scope["method"] in HARMLESS:
            return Fault(400, "a request for a page has no body") if has_body else None
        if (origin := known.get("origin")) is None:
            return Fault(403, "a request that changes something has to tell the page it comes from")
        if origin.lower() != self._ours(known):
            return Fault(403, "another site's page cannot speak in your name")
        most = self._largest.get(scope["path"].split("/")[1], MAX_BODY)
        length = known.get("content-length", "")
        if length.isdigit() and int(length) > most:
            return _too_large(most)
        return None

    def _socket_fault(self, scope: Scope) -> Fault | None:
        known = _known(scope)
        if fault := self._stranger(scope, known):
            return fault
        if not scope["path"].startswith(SOCKETS):
            return Fault(404, "there are no sockets here")
        # Browsers always tell where a socket comes from, but let other sites' pages open one.
        if known.get("origin", "").lower() != self._ours(known):
            return Fault(403, "another site's page cannot speak in your name")
        return None

    def _stranger(self, scope: Scope, known: Mapping[str, str]) -> Fault | None:
        if self._hosts is not None and known.get("host", "").lower() not in self._hosts:
            return Fault(421, "this name is not one of this console; name it with --console-name")
        if not scope["path"].startswith("/"):
            return Fault(400, "the address of a page begins with a slash")
        if len(scope["path"]) + len(scope.get("query_string", b"")) > MAX_TARGET:
            return Fault(414, "the address is too long")
        if sum(len(name) + len(value) for name, value in known.items()) > MAX_HEADERS:
            return Fault(431, "the headers are too long")
        return None

    def _ours(self, known: Mapping[str, str]) -> str:
        return f"{'https' if self._secure else 'http'}://{known.get('host', '')}".lower()


def _is_hearsay(name: bytes) -> bool:
    return name == b"forwarded" or name.startswith(b"x-forwarded-")


def _known(scope: Scope) -> dict[str, str]:
    """Return the headers by name; one that comes twice is joined, so that it is nothing that is known."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _too_large(most: int) -> Fault:
    return Fault(413, f"at most {most:,} bytes")


class _Answer:
    """Sends an answer with our headers."""

    def __init__(self, scope: Scope, send: Send, secure: bool) -> None:
        self._scope = scope
        self._send = send
        self._secure = secure
        self._refused = False
        self.begun = False

    async def __call__(self, message: Message) -> None:
        """Send on what the application answers."""
        if self._refused:
            return  # what the application still wants to say of a request that was cut off
        if message["type"] == "http.response.start":
            self.begun = True
            message["headers"] = headers_of(message.get("headers", ()), self._scope[NONCE], secure=self._secure)
        await self._send(message)

    async def refuse(self, fault: Fault) -> None:
        """Answer with ``fault`` and end the connection, of which more may be to come."""
        body = f"{fault.words}\n".encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await self({"type": "http.response.start", "status": fault.status, "headers": headers})
        await self({"type": "http.response.body", "body": body})
        self._refused = True


class _Upload:
    """Passes an upload on, piece by piece, and cuts it off where it is larger than ``most`` bytes or does not go on."""

    def __init__(self, receive: Receive, answer: _Answer, most: int, patience: float) -> None:
        self._receive = receive
        self._answer = answer
        self._most = most
        self._patience: float | None = patience
        self._taken = 0
        self._over = False

    async def __call__(self) -> Message:
        """Return the next piece, or that the browser is gone, also where we have cut it off."""
        if self._over:
            return {"type": "http.disconnect"}
        try:
            async with asyncio.timeout(self._patience):
                message = await self._receive()
        except TimeoutError:
            return await self._cut(Fault(408, "the file did not go on"))
        if message["type"] != "http.request":
            return message
        self._taken += len(message.get("body", b""))
        if self._taken > self._most:
            return await self._cut(_too_large(self._most))
        if not message.get("more_body", False):
            self._patience = None  # what comes now is that the browser leaves, whenever it does
        return message

    async def _cut(self, fault: Fault) -> Message:
        self._over = True
        if not self._answer.begun:
            await self._answer.refuse(fault)
        return {"type": "http.disconnect"}


def _measured(receive: Receive) -> Receive:
    """Listen to a socket no faster than people and their pages speak, and to text alone.

    Whoever sends more waits, by TCP, and nobody else does. What is no text would be kept until more of it has come.
    """
    loop = asyncio.get_running_loop()
    left, since = float(BURST), loop.time()

    async def listen() -> Message:
        nonlocal left, since
        message = await receive()
        if message["type"] != "websocket.receive":
            return message
        if message.get("text") is None:
            return {"type": "websocket.disconnect", "code": 1003, "reason": "text only"}
        now = loop.time()
        left = min(float(BURST), left + (now - since) * PER_SECOND) - 1 - len(message["text"]) // WEIGHT
        since = now
        if left < 0:
            await asyncio.sleep(-left / PER_SECOND)
        return message

    return listen
