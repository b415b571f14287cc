"""The pages over HTTP: what is answered, and that no client does harm, however slow, large or many it is."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

import pytest

from bridge import httpd
from bridge.httpd import JSON, MAX_CONNECTIONS, MAX_HEAD, Page, address_of, bind, serving


async def hello() -> Page:
    return Page(b'{"hello":"you"}', JSON)


async def ill() -> Page:
    return Page(b"not well\n", status=HTTPStatus.SERVICE_UNAVAILABLE)


@asynccontextmanager
async def served() -> AsyncIterator[int]:
    listening = bind("127.0.0.1", 0)
    port = listening.getsockname()[1]
    async with serving(listening, {"/hello": hello, "/ill": ill}):
        yield port


async def said(port: int, request: bytes) -> tuple[str, dict[str, str], bytes]:
    """Send ``request`` and return the status line, the headers and the content of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        head, _, content = (await reader.read()).partition(b"\r\n\r\n")
    finally:
        writer.close()
    status, *lines = head.decode().split("\r\n")
    return status, dict(line.split(": ", 1) for line in lines), content


async def ended(reader: asyncio.StreamReader) -> None:
    """Wait until the connection ends without an answer, in either way."""
    with suppress(ConnectionError):
        assert await reader.read() == b""


def get(path: str, method: str = "GET", version: str = "HTTP/1.1") -> bytes:
    return f"{method} {path} {version}\r\nHost: here\r\n\r\n".encode()


async def test_a_page_is_answered_whole_and_the_connection_ends() -> None:
    async with served() as port:
        status, headers, content = await said(port, get("/hello"))
        assert status == "HTTP/1.1 200 OK"
        assert headers["Content-Type"] == JSON
        assert headers["Content-Length"] == str(len(content))
        assert headers["Connection"] == "close"
        assert headers["Cache-Control"] == "no-store"
        assert json.loads(content) == {"hello": "you"}
        assert (await said(port, get("/hello?since=now", version="HTTP/1.0")))[2] == content
        assert (await said(port, get("/ill")))[0] == "HTTP/1.1 503 Service Unavailable"


async def test_head_is_answered_without_the_content() -> None:
    async with served() as port:
        status, headers, content = await said(port, get("/hello", "HEAD"))
        assert (status, headers["Content-Length"], content) == ("HTTP/1.1 200 OK", "15", b"")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (get("/other"), 404),
        (get("/"), 404),
        (get("/hello", "POST"), 405),
        (get("/hello", "DELETE"), 405),
        (b"hello\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"GET /hello\r\n\r\n", 400),
        (b"GET  /hello HTTP/1.1\r\n\r\n", 400),
        (b"GET /hello HTTP/2\r\n\r\n", 400),
        (b"\xff\xfe \x00 HTTP/1.1\r\n\r\n", 405),
        (b"GET /" + b"x" * (2 * MAX_HEAD) + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET /hello HTTP/1.1\r\nX: " + b"x" * (2 * MAX_HEAD) + b"\r\n\r\n", 431),
    ],
)
async def test_what_is_no_request_for_a_page_is_refused(request_: bytes, status: int) -> None:
    async with served() as port:
        line, headers, _ = await said(port, request_)
        assert line.startswith(f"HTTP/1.1 {status} ")
        assert ("Allow" in headers) == (status == 405)
        assert (await said(port, get("/hello")))[0] == "HTTP/1.1 200 OK"


async def test_a_client_that_says_nothing_is_put_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpd, "PATIENCE", 0.2)
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /hel")
        await ended(reader)
        writer.close()
        assert (await said(port, get("/hello")))[0] == "HTTP/1.1 200 OK"


async def test_clients_that_hold_all_connections_do_not_keep_out_one_that_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpd, "PATIENCE", 3_600)
    async with served() as port:
        coming = (asyncio.open_connection("127.0.0.1", port) for _ in range(6 * MAX_CONNECTIONS))
        held = await asyncio.gather(*coming)  # in the same moment, as a flood comes
        assert (await said(port, get("/hello")))[0] == "HTTP/1.1 200 OK"
        waiting = [asyncio.create_task(ended(reader)) for reader, _ in held]
        one_by_one = asyncio.as_completed(waiting)
        async with asyncio.timeout(60):
            for _ in range(5 * MAX_CONNECTIONS):
                await next(one_by_one)
        for task in waiting:
            task.cancel()
        for _, writer in held:
            writer.close()


async def test_a_client_that_leaves_in_the_middle_does_no_harm() -> None:
    async with served() as port:
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /hello")
            writer.transport.abort()
        assert (await said(port, get("/hello")))[0] == "HTTP/1.1 200 OK"


async def test_the_end_does_not_wait_for_clients_that_stay() -> None:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (await said(port, get("/hello")))[0] == "HTTP/1.1 200 OK"
    await ended(reader)
    writer.close()


def test_an_address_is_written_as_in_the_web() -> None:
    with bind("127.0.0.1", 0) as listening:
        assert address_of(listening) == f"http://127.0.0.1:{listening.getsockname()[1]}"
    with bind("::1", 0) as listening:
        assert address_of(listening).startswith("http://[::1]:")
