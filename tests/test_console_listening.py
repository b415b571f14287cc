"""How browsers are listened to, on real sockets: who says nothing, or reads nothing, is not waited for."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography.hazmat.primitives import serialization

from bridge.certificates import new_authority, new_server, read
from bridge.console.listening import Certificate, Server, bounded, config_of
from bridge.httpd import bind

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = 50_000_000


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with a word, or with more than any buffer holds."""
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/large":
        for _ in range(LARGE // 100_000):
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
    await send({"type": "http.response.body", "body": b"fine"})


@contextlib.asynccontextmanager
async def served(context: ssl.SSLContext | None = None, **bounds: Any) -> AsyncIterator[int]:
    """Serve the application and yield the port."""
    listener = bind("127.0.0.1", 0)
    config: uvicorn.Config = config_of(app, context, ())
    config.http = bounded(**bounds)
    started = asyncio.Event()
    server = Server(config, started.set)
    serving = asyncio.create_task(server.serve([listener]))
    await started.wait()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def everything(reader: asyncio.StreamReader) -> bytes:
    """Read until the other side ends, in whatever way."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := await reader.read(65_536):
            found += piece
    return found


@pytest.mark.parametrize("said", [b"", b"GET", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_who_does_not_say_what_they_want_is_ended(said: bytes) -> None:
    async with served(head_patience=0.2) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        assert await everything(reader) == b""
        writer.close()


async def test_who_says_it_ever_so_slowly_is_ended_too() -> None:
    async with served(head_patience=0.3) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def dribble() -> None:
            with contextlib.suppress(ConnectionError):
                for byte in REQUEST * 100:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(0.05)

        dribbling = asyncio.create_task(dribble())
        assert b"200 OK" not in await everything(reader)
        dribbling.cancel()
        await asyncio.gather(dribbling, return_exceptions=True)
        writer.close()


async def test_requests_after_the_first_are_waited_for_no_longer() -> None:
    async with served(head_patience=0.3) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST + REQUEST + b"GET / HT")
        assert (await everything(reader)).count(b"200 OK") == 2
        writer.close()


async def test_one_who_waits_too_long_makes_room_for_one_who_asks() -> None:
    async with served(most=5) as port:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        assert b"200 OK" in await reader.readuntil(b"fine")
        assert await everything(silent[0][0]) == b"", "the one that has waited longest"
        for _, one in [*silent, (reader, writer)]:
            one.close()


async def test_who_does_not_read_what_they_asked_for_is_ended() -> None:
    async with served(read_patience=0.3) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_000)
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        await writer.drain()
        transport: Any = writer.transport
        transport.pause_reading()
        # When it is ended there are bytes in the buffers of both sides; what is behind them never comes.
        await asyncio.sleep(1.0)
        transport.resume_reading()
        assert len(await everything(reader)) < LARGE
        writer.close()


async def test_no_answer_says_what_serves_here() -> None:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"nonsense\r\n\r\n")
        answer = await everything(reader)
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"erver" not in answer
        assert b"uvicorn" not in answer
        writer.close()


def written(folder: Path, days: int) -> Certificate:
    now = int(time.time() * 1000)
    authority = new_authority("test", now)
    server = new_server(authority, "test", ["127.0.0.1"], now, days=days)
    (folder / "server.pem").write_text(server.text)
    (folder / "ca.pem").write_text(authority.certificate)
    return Certificate(folder / "server.pem", folder / "server.pem")


async def shown(port: int) -> str:
    asking = ssl.create_default_context()
    asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=asking)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    with contextlib.suppress(OSError, ssl.SSLError):
        await writer.wait_closed()
    return read(bytes(found)).fingerprint


async def test_a_new_certificate_is_shown_without_a_restart_and_a_damaged_one_is_not(tmp_path: Path) -> None:
    certificate = written(tmp_path, 100)
    context = certificate.context()
    async with served(context) as port:
        following = asyncio.create_task(certificate.follow(context, every=0.01))
        first = await shown(port)
        (tmp_path / "server.pem").write_text("damaged")
        await asyncio.sleep(0.1)  # it is looked at some ten times meanwhile
        assert await shown(port) == first
        written(tmp_path, 200)
        async with asyncio.timeout(20):
            while await shown(port) == first:  # each look is a handshake, which lets the other side run
                pass
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_nothing_older_than_tls_1_2_is_spoken_and_nothing_in_clear(tmp_path: Path) -> None:
    async with served(written(tmp_path, 100).context()) as port:
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", port, ssl=old)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        assert b"fine" not in await everything(reader)
        writer.close()


def test_a_key_with_a_passphrase_is_refused_in_words(tmp_path: Path) -> None:
    certificate = written(tmp_path, 100)
    key = serialization.load_pem_private_key(certificate.key.read_bytes(), password=None)
    kept = serialization.BestAvailableEncryption(b"secret")
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    certificate.key = tmp_path / "server.key"
    certificate.key.write_bytes(key.private_bytes(*form, kept))
    with pytest.raises(OSError, match="passphrase, for which nobody can be asked"):
        certificate.context()
