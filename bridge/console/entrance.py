"""The door between strangers and people: whoever is not logged in sees the login, and nothing else at all.

Pages and files need not think of it: what is not named here is behind the door, also what does not exist.
"""

import asyncio
from collections import Counter
from typing import Final
from urllib.parse import quote

from fastapi.requests import HTTPConnection
from fastapi.responses import PlainTextResponse, RedirectResponse

from bridge.console.guard import Application, Message, Receive, Scope, Send
from bridge.console.sessions import Session, Sessions, State

OPEN: Final = frozenset({"/login", "/logout", "/favicon.ico"})
OPEN_BELOW: Final = "/static/"
NOBODYS: Final = "/_nicegui/client/"
"""Where NiceGUI takes files for its own upload; ours go another way, which is bounded."""
SESSION: Final = "console.session"
"""Where in its scope a request has the session that it was let in with."""
MOST_SOCKETS: Final = 40
"""Sockets of one session at a time: a page has one, and may have two while it comes back."""
FAREWELL: Final = 5.0
"""Seconds that pages of an ended session have for going to the login by themselves."""


class Entrance:
    """An ASGI application round ``app`` that lets strangers no further than the login."""

    def __init__(self, app: Application, people: Sessions, cookie: str, most_sockets: int = MOST_SOCKETS) -> None:
        self.app = app
        self._people = people
        self._cookie = cookie
        self._most_sockets = most_sockets
        self._sockets: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        if scope["type"] == "lifespan" or scope["path"] in OPEN or scope["path"].startswith(OPEN_BELOW):
            await self.app(scope, receive, send)
            return
        session = self._people.get(HTTPConnection(scope).cookies.get(self._cookie))
        scope[SESSION] = session
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send, session)
        elif session is None:
            await _to_login(scope)(scope, receive, send)
        elif scope["path"].startswith(NOBODYS):
            await PlainTextResponse("no files are taken here\n", 404)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send, session: Session | None) -> None:
        if session is None or self._sockets[session.key] >= self._most_sockets:
            await receive()
            words = "log in first" if session is None else "too many pages are open"
            await send({"type": "websocket.close", "code": 1008, "reason": words})
            return
        self._sockets[session.key] += 1
        heard = _Heard(receive)
        unwatch = session.watch(lambda: heard.end() if session.state is State.ENDED else None)
        try:
            await self.app(scope, heard, send)
        finally:
            unwatch()
            self._sockets[session.key] -= 1
            if not self._sockets[session.key]:
                del self._sockets[session.key]


class _Heard:
    """What a socket says, until its session is over: also one that is no page's, which nobody else would close."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._over = asyncio.Event()

    def end(self) -> None:
        """Close it soon."""
        asyncio.get_running_loop().call_later(FAREWELL, self._over.set)

    async def __call__(self) -> Message:
        """Return the next message, or that the browser is gone, also where we no longer listen."""
        hearing, over = asyncio.ensure_future(self._receive()), asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait({hearing, over}, return_when=asyncio.FIRST_COMPLETED)
            return hearing.result() if hearing.done() else {"type": "websocket.disconnect", "code": 1008}
        finally:
            hearing.cancel()
            over.cancel()


def _to_login(scope: Scope) -> Application:
    known = dict(scope["headers"])
    # A script that fetches gets an answer that it can understand; a person gets the form, and then the page.
    if scope["method"] not in {"GET", "HEAD"} or known.get(b"sec-fetch-mode", b"navigate") != b"navigate":
        return PlainTextResponse("log in first\n", 401)
    query = scope.get("query_string", b"").decode("latin-1")
    target = scope["path"] + (f"?{query}" if query else "")
    return RedirectResponse(f"/login?next={quote(target, safe='')}" if target != "/" else "/login", 303)
