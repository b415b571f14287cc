"""A few read-only pages over HTTP/1.1, on the event loop of the service, which no client of theirs may hurt.

One request a connection, GET or HEAD, without a body. The head of a request is bounded in size, the whole connection in
time, and connections in number: one too many takes the place of the one that has waited longest, so that somebody who
holds connections open does not keep out whoever asks and goes.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

MAX_HEAD: Final = 8_192
"""Bytes of a request's line and headers."""
MAX_CONNECTIONS: Final = 32
PATIENCE: Final = 10.0
"""Seconds for one connection, from its beginning to its end."""
PLAIN: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered."""

    content: bytes
    kind: str = PLAIN
    status: HTTPStatus = HTTPStatus.OK


Pages = Mapping[str, Callable[[], Awaitable[Page]]]
"""Paths, and what makes their pages."""


def bind(host: str, port: int) -> socket.socket:
    """Listen at ``host`` and ``port``, 0 for a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=MAX_CONNECTIONS)
    listening.setblocking(False)
    return listening


def address_of(listening: socket.socket) -> str:
    """Return where a socket of ``bind`` listens, as it stands in an address of the web."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Visitors:
    """The connections there are, the oldest first."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._visits: dict[asyncio.Task[None], None] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    async def receive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection and end it, whatever comes."""
        task = asyncio.current_task()
        assert task is not None
        while len(self._visits) >= MAX_CONNECTIONS:
            # Taken out at once: of many that come in the same moment each shall put out another one.
            oldest = next(iter(self._visits))
            del self._visits[oldest]
            self._leaving.add(oldest)
            oldest.cancel()
        self._visits[task] = None
        try:
            async with asyncio.timeout(PATIENCE):
                await self._answer(reader, writer)
                writer.close()
                await writer.wait_closed()
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # too slow, gone, or put out: nobody is left to be told
        finally:
            writer.transport.abort()
            self._visits.pop(task, None)
            self._leaving.discard(task)

    async def end(self) -> None:
        """Put all out."""
        visits = [*self._visits, *self._leaving]
        for visit in visits:
            visit.cancel()
        if visits:
            await asyncio.wait(visits)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            writer.write(_response(_told(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)))
        else:
            method, page = await self._page(head)
            response = _response(page)
            writer.write(response if method != "HEAD" else response[: response.index(b"\r\n\r\n") + 4])
        await writer.drain()

    async def _page(self, head: bytes) -> tuple[str, Page]:
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return "", _told(HTTPStatus.BAD_REQUEST)
        method, target, _ = words
        if method not in {"GET", "HEAD"}:
            return method, _told(HTTPStatus.METHOD_NOT_ALLOWED)
        make = self._pages.get(target.partition("?")[0])
        if make is None:
            return method, _told(HTTPStatus.NOT_FOUND, f"there are {' '.join(self._pages)}")
        return method, await make()


def _told(status: HTTPStatus, more: str | None = None) -> Page:
    return Page(f"{status.value} {status.phrase}{f': {more}' if more else ''}\n".encode(), status=status)


def _response(page: Page) -> bytes:
    lines = [
        f"HTTP/1.1 {page.status.value} {page.status.phrase}",
        f"Content-Type: {page.kind}",
        f"Content-Length: {len(page.content)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    if page.status is HTTPStatus.METHOD_NOT_ALLOWED:
        lines.append("Allow: GET, HEAD")
    return "\r\n".join([*lines, "", ""]).encode() + page.content


@asynccontextmanager
async def serving(listening: socket.socket, pages: Pages) -> AsyncIterator[None]:
    """Serve ``pages`` at a socket of ``bind``, which is closed in the end."""
    visitors = _Visitors(pages)
    server = await asyncio.start_server(visitors.receive, sock=listening, limit=MAX_HEAD)
    try:
        yield
    finally:
        server.close()
        await visitors.end()
