"""What stands before every page: who may speak to the console at all, and what each answer tells the browser.

It knows neither NiceGUI nor MQTT. A request is refused here before anything of it is read: one whose Host is not ours
(a name somebody else points at us), one that another site's page sends (its Origin), a body larger than stated.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from typing import Any, Final

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY: Final = 65_536
"""Bytes of a request that is no upload."""

HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    # Vue compiles templates in the browser and the page begins with a script of its own, hence the two unsafe words;
    # what people have typed is never put into a page as markup.
    (
        b"content-security-policy",
        (
            b"default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
            b"img-src 'self' data:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
            b"form-action 'self'; frame-ancestors 'none'"
        ),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
STRICT_TRANSPORT: Final = (b"strict-transport-security", b"max-age=31536000")


class Guard:
    """An ASGI application round ``app`` that lets through what is ours.

    ``hosts`` are the names, with port where it is not the usual one, under which browsers know us; None takes any.
    """

    def __init__(
        self, app: Application, *, secure: bool, hosts: Collection[str] | None, largest: dict[str, int]
    ) -> None:
        self.app = app
        self._secure = secure
        self._hosts = hosts
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if fault := self._fault(scope):
            await _refuse(scope, receive, send, *fault)
            return

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                added = [*HEADERS, STRICT_TRANSPORT] if self._secure else list(HEADERS)
                names = {name for name, _ in added}
                kept = [(name, value) for name, value in message.get("headers", ()) if name.lower() not in names]
                message["headers"] = [*kept, *added]
            await send(message)

        await self.app(scope, receive, with_headers)

    def _fault(self, scope: Scope) -> tuple[int, str] | None:
        headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
        known = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        host = known.get("host", "")
        if self._hosts is not None and host.lower() not in self._hosts:
            return 421, "this name is not one of this console; name it with --console-name"
        harmless = scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}
        origin = known.get("origin")
        ours = f"{'https' if self._secure else 'http'}://{host}"
        is_socket = scope["path"].startswith("/_nicegui_ws/")
        if origin is not None and origin.lower() != ours.lower() and (is_socket or not harmless):
            return 403, "another site's page cannot speak in your name"
        if not harmless and scope["type"] == "http":
            if origin is None:
                return 403, "a request that changes something has to tell the page it comes from"
            most = self._largest.get(scope["path"].split("/")[1], MAX_BODY)
            length = known.get("content-length", "")
            if length.isdigit() and int(length) > most:
                return 413, f"at most {most:,} bytes"
        return None


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, words: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": words})
        return
    body = f"{words}\n".encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *HEADERS]})
    await send({"type": "http.response.body", "body": body})
