"""Somebody without a browser: requests and socket messages as no page of ours would send them."""

import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from playwright.async_api import Page
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.browser.station import Console, Person

SOCKET: Final = "/_nicegui_ws/socket.io/"


@contextlib.asynccontextmanager
async def asking(console: Console, cookie: str = "", **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Ask the console over HTTP with a cookie that came from anywhere."""
    headers = {"origin": console.url, **({"cookie": cookie} if cookie else {})}
    async with httpx.AsyncClient(base_url=console.url, headers=headers, timeout=30, **options) as client:
        yield client


async def cookie_of(person: Person) -> str:
    """Return the session's cookie as browsers send it."""
    found = await person.context.cookies()
    assert len(found) == 1
    return f"{found[0].get('name')}={found[0].get('value')}"


@dataclass(frozen=True, slots=True)
class Seen:
    """The ids by which NiceGUI knows an open page and its tab; whoever knows them may try to be that page."""

    page: str
    tab: str


async def seen(page: Page) -> Seen:
    """Return the ids of an open page."""
    return Seen(*await page.evaluate("[window.clientId, sessionStorage.__nicegui_tab_id]"))


async def listener(page: Page, event: str, tag: str) -> Mapping[str, Any]:
    """Return element and listener of an event that a component of the page sends."""
    found = await page.evaluate(
        """([event, tag]) => {
          for (const [id, element] of Object.entries(mounted_app.elements)) {
            const heard = (element.events || []).find((one) => one.type === event);
            if (heard && element.tag.includes(tag)) return { id: Number(id), listener_id: heard.listener_id };
          }
        }""",
        [event, tag],
    )
    assert found, f"no {tag} on this page sends {event}"
    return dict(found)


@dataclass
class Forger:
    """An open socket of somebody's, and what came over it."""

    socket: ClientConnection
    heard: list[str] = field(default_factory=list)

    async def say(self, name: str, *said: Any) -> None:
        await self.socket.send("42" + json.dumps([name, *said]))

    async def event(self, page: str, where: Mapping[str, Any], *args: Any) -> None:
        """Send an event of an element of ``page``."""
        await self.say("event", {"client_id": page, **where, "args": [json.dumps(one) for one in args]})

    async def next(self) -> str:
        self.heard.append(str(await self.socket.recv()))
        return self.heard[-1]

    async def hung_up(self) -> None:
        """Wait until the other side has ended it, by socket.io's word or by the line itself."""
        with contextlib.suppress(ConnectionClosed):
            while not (await self.next()).startswith("41"):
                pass


def query_of(one: Seen, **more: str) -> str:
    """Return the query by which a page opens its socket."""
    words = {"EIO": "4", "transport": "websocket", "client_id": one.page, "implicit_handshake": "true"}
    words |= {"tab_id": one.tab, "document_id": secrets.token_hex(8), "next_message_id": "0"}
    return urlencode(words | more)


def opening(console: Console, query: str, cookie: str, origin: str | None) -> Any:
    """Open a socket with headers that need not be a browser's."""
    headers = ({"cookie": cookie} if cookie else {}) | ({} if origin is None else {"origin": origin})
    address = console.url.replace("http", "ws", 1) + f"{SOCKET}?{query}"
    return connect(address, additional_headers=headers, proxy=None)


@contextlib.asynccontextmanager
async def socket(console: Console, query: str, cookie: str) -> AsyncIterator[Forger]:
    """Open a socket, up to where socket.io answers; raises InvalidStatus where HTTP says no."""
    async with opening(console, query, cookie, console.url) as opened:
        forger = Forger(opened)
        assert (await forger.next()).startswith("0")
        await opened.send("40")
        await forger.next()
        yield forger
