"""The pages that are open, whose each of them is, and which socket may speak for it.

NiceGUI takes the word of any socket that knows a page's id. Here a socket belongs to the session whose cookie opened
it, speaks for pages of that session alone, and for no page any more once the session is over.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import parse_qsl

import structlog
from nicegui import Client, app, core
from socketio.exceptions import ConnectionRefusedError as Refused

from bridge.console.entrance import FAREWELL, SESSION
from bridge.console.session import Session, State

MOST_PAGES: Final = 30
"""Pages of one session at a time. One whose browser is away makes room for another."""
MOST_ASKED: Final = 200
"""Requests of a session that wait for the bridge; more of them no person at its pages makes, and each is kept."""
LONG: Final = 50_000
"""Characters from which on what is asked for is kept as if it were several requests."""
LONGEST_WORD: Final = 100
"""Characters of ids that a browser makes up for its tab and page."""
LONGEST_LINE: Final = 300
"""Characters of what a page says of itself in our log."""

Handler = Callable[..., Any]
log = structlog.get_logger("console")


class Tabs:
    """The open pages of all sessions."""

    def __init__(self, most: int = MOST_PAGES) -> None:
        self._most = most
        self._pages: dict[str, dict[str, Client]] = {}
        self._owners: dict[str, Session] = {}
        self._speaking: dict[str, Session] = {}
        self._usual: dict[str, Handler] = {}

    def admit(self, client: Client, session: Session) -> bool:
        """Take a new page for ``session``, if it has not too many that are looked at; else tell that."""
        if session.key not in self._pages:
            self._pages[session.key] = {}
            session.watch(lambda: self._watch(session))
        pages = self._pages[session.key]
        while len(pages) >= self._most:
            unseen = next((one for one in pages.values() if not one.has_socket_connection), None)
            if unseen is None:
                return False
            unseen.delete()
        pages[client.id] = client
        self._owners[client.id] = session
        client.on_delete(lambda: self._forget(client, session.key))
        return True

    def _forget(self, page: Client, key: str) -> None:
        self._owners.pop(page.id, None)
        if (pages := self._pages.get(key)) is not None:
            pages.pop(page.id, None)
        # NiceGUI, which still waits whether the browser comes back, would delete the page again, and fail.
        for document in list(page._delete_tasks):  # noqa: SLF001 - there is no other way to tell it
            page._cancel_delete_task(document)  # noqa: SLF001

    def _watch(self, session: Session) -> None:
        if session.state is State.ENDED:
            # Not now: the pages themselves are only just being told.
            loop = asyncio.get_running_loop()
            loop.call_soon(self._forget_unseen, session.key)
            # Those that are looked at are told to go to the login, and are forgotten as they go.
            loop.call_later(FAREWELL, self._end, session.key)

    def _forget_unseen(self, key: str) -> None:
        for page in list(self._pages.get(key, {}).values()):
            if not page.has_socket_connection:
                page.delete()

    def _end(self, key: str) -> None:
        for page in list(self._pages.pop(key, {}).values()):
            page.delete()
        for socket in [one for one, session in self._speaking.items() if session.key == key]:
            self._hang_up(socket)

    def _hang_up(self, socket: str) -> None:
        task = asyncio.ensure_future(core.sio.disconnect(socket))
        _ending.add(task)
        task.add_done_callback(_ending.discard)

    def install(self) -> None:
        """Stand between the sockets and NiceGUI's handlers of what comes in over them."""
        taking: Mapping[str, Callable[..., Awaitable[object]]] = {
            "connect": self._connect,
            "disconnect": self._disconnect,
            "handshake": self._handshake,
            "event": self._event,
            "javascript_response": self._response,
            "ack": self._ack,
            "log": self._log,
        }
        handlers = core.sio.handlers["/"]
        unknown = set(handlers) - set(taking)
        assert not unknown, f"NiceGUI takes what nobody has looked at here: {unknown}"
        self._usual = dict(handlers)
        for name, handler in taking.items():
            core.sio.on(name, handler)
        core.sio.eio.transports = ["websocket"]
        core.sio.eio.cors_allowed_origins = []  # the guard has looked at Origin; nobody else is told that they may ask
        app.config.socket_io_js_transports = ["websocket"]
        app.storage.max_tab_storage_age = 3_600.0  # nothing of ours is in it

    async def _connect(self, socket: str, environ: Mapping[str, Any], *more: object) -> None:
        session = environ["asgi.scope"].get(SESSION)
        query = dict(parse_qsl(str(environ.get("QUERY_STRING", "")), keep_blank_values=True))
        if session is None or session.end is not None or not self._is_own(session, query):
            # At these words the page loads itself anew, by which it becomes one of whoever is logged in now.
            raise Refused("Implicit handshake failed")
        self._speaking[socket] = session
        try:
            await self._usual["connect"](socket, environ, *more)
        except Refused:
            del self._speaking[socket]
            raise

    async def _disconnect(self, socket: str, *_: object) -> None:
        session = self._speaking.pop(socket, None)
        rooms = core.sio.rooms(socket)
        self._usual["disconnect"](socket)
        if session is not None and session.end is not None:
            pages = self._pages.get(session.key, {})
            for page in [pages[room] for room in rooms if room in pages]:
                if not page.has_socket_connection:
                    page.delete()

    async def _handshake(self, socket: str, *said: object) -> bool:
        match said:
            case [dict() as query] if (session := self._speaking.get(socket)) is not None:
                if session.end is None and self._is_own(session, query):
                    return bool(await self._usual["handshake"](socket, query))
        self._hang_up(socket)
        return False

    def _is_own(self, session: Session, query: Mapping[str, object]) -> bool:
        """Whether the page that a socket wants to speak for is one of its session, and the rest of it well formed."""
        page, number = query.get("client_id"), query.get("next_message_id", 0)
        words = [query.get(name) for name in ("tab_id", "document_id")]
        return (
            isinstance(page, str)
            and self._owners.get(page) is session
            and all(isinstance(word, str) and 0 < len(word) <= LONGEST_WORD for word in words)
            and len(str(query.get("old_tab_id") or "")) <= LONGEST_WORD
            and str(number).isascii()
            and str(number).isdigit()
        )

    async def _event(self, socket: str, *said: object) -> None:
        match self._heard(socket, said):
            case {"id": int(), "listener_id": str(), **rest} as message:
                args = rest.get("args", [])
                if (
                    isinstance(args, list)
                    and all(one is None or isinstance(one, str) for one in args)
                    and _has_room(self._speaking[socket], args)
                ):
                    # Refused below: words that are no JSON, a listener that the element does not have. What a handler
                    # of ours raises does not come out here.
                    with suppress(ValueError, KeyError):
                        self._usual["event"](socket, message)
                        return
        self._refuse(socket, "event")

    async def _response(self, socket: str, *said: object) -> None:
        match self._heard(socket, said):
            case {"request_id": str()} as message:
                self._usual["javascript_response"](socket, message)
            case _:
                self._refuse(socket, "javascript_response")

    async def _ack(self, socket: str, *said: object) -> None:
        match self._heard(socket, said):
            case {"next_message_id": int()} as message:
                self._usual["ack"](socket, message)
            case _:
                self._refuse(socket, "ack")

    async def _log(self, socket: str, *said: object) -> None:
        match self._heard(socket, said):
            case {"message": str(words)}:
                # Who reads the log in a terminal sees no line that is none, and the terminal is told nothing.
                shown = "".join(one if one.isprintable() else "�" for one in words[:LONGEST_LINE])
                log.info("a page says", words=shown)
            case _:
                self._refuse(socket, "log")

    def _heard(self, socket: str, said: tuple[object, ...]) -> dict[str, Any] | None:
        """Return what a socket says for a page that is its own, and with which it has shaken hands; else None."""
        session = self._speaking.get(socket)
        if len(said) != 1 or not isinstance(said[0], dict) or session is None or session.end is not None:
            return None
        message: dict[str, Any] = said[0]
        page = message.get("client_id")
        is_own = isinstance(page, str) and self._owners.get(page) is session and page in core.sio.rooms(socket)
        return message if is_own else None

    def _refuse(self, socket: str, what: str) -> None:
        session = self._speaking.get(socket)
        if session is not None and session.end is None:
            log.warning("socket refused", tenant=session.tenant, administrator=session.name, said=what)
        self._hang_up(socket)


def _has_room(session: Session, args: Sequence[str | None]) -> bool:
    """Whether a session may ask for one thing more, before what it asked for is answered."""
    length = sum(len(one or "") for one in args)
    return session.asking * max(1, length // LONG) < MOST_ASKED


_ending: set[asyncio.Future[None]] = set()
