"""Clients that go without a good-bye: last wills, delayed ones, sessions left behind, and whatever bytes they like."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from tests.e2e import packets
from tests.e2e.packets import packet, text

CONNACK, PUBACK, DISCONNECT = 0x20, 0x40, 0xE0
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class LastWill:
    """What the broker shall publish, ``delay`` seconds after the connection has ended."""

    topic: str
    payload: bytes = b"{}"
    retain: bool = False
    delay: int = 0


def connect(client_id: str, username: str, password: str, *, clean: bool, expiry: int, will: LastWill | None) -> bytes:
    """CONNECT of MQTT 5, whose session outlives its connection by ``expiry`` seconds."""
    flags = 0xC0 | (0x02 if clean else 0)
    body = text(client_id)
    if will is not None:
        flags |= 0x04 | 0x08 | (0x20 if will.retain else 0)
        delay = b"\x18" + struct.pack(">I", will.delay) if will.delay else b""
        body += bytes([len(delay)]) + delay + text(will.topic) + text(will.payload)
    properties = b"\x11" + struct.pack(">I", expiry) if expiry else b""
    header = text("MQTT") + bytes([5, flags]) + struct.pack(">H", 120) + bytes([len(properties)]) + properties
    return packet(0x10, header + body + text(username) + text(password))


@dataclass
class Rude:
    """A connection of which every byte is ours."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    buffer: bytearray = field(default_factory=bytearray)
    heard: list[tuple[int, bytes]] = field(default_factory=list)
    session_present: bool = False

    async def packet(self) -> tuple[int, bytes]:
        """Return the next packet; (0, b"") once the broker has ended the connection."""
        async with asyncio.timeout(PATIENCE):
            while not self.heard:
                with contextlib.suppress(ConnectionError):
                    data = await self.reader.read(65_536)
                    if data:
                        self.buffer += data
                        self.heard.extend(packets.taken(self.buffer))
                        continue
                return 0, b""
        return self.heard.pop(0)

    async def send(self, raw: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            self.writer.write(raw)
            await self.writer.drain()

    async def subscribe(self, topic: str) -> None:
        """Subscribe with QoS 1 and take the answer, whatever it is."""
        await self.send(packets.subscribe(topic, version=5))
        kind, _ = await self.packet()
        assert kind == 0x90, kind

    async def ended(self) -> bool:
        """Read until the broker ends the connection."""
        while (await self.packet())[0]:
            pass
        return True

    async def cut(self) -> None:
        """End the connection without DISCONNECT, as a power cut does."""
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


@contextlib.asynccontextmanager
async def rude(
    port: int,
    client_id: str,
    username: str,
    password: str,
    *,
    clean: bool = True,
    expiry: int = 0,
    will: LastWill | None = None,
) -> AsyncIterator[Rude]:
    """Connect, and be cut off at the end of the block; a login that is refused is tried again until it is there."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = Rude(*await asyncio.open_connection("127.0.0.1", port))
            await found.send(connect(client_id, username, password, clean=clean, expiry=expiry, will=will))
            kind, body = await found.packet()
            if kind == CONNACK and body[1] == 0:
                break
            await found.cut()
            await asyncio.sleep(0.02)  # the broker answers each refused login; an account may be under way
    found.session_present = bool(body[0] & 1)
    try:
        yield found
    finally:
        await found.cut()


async def die(
    port: int, client_id: str, username: str, password: str, will: LastWill, *, expiry: int | None = None
) -> None:
    """Leave a last will behind; with a delay the session stays as long, so that the delay counts."""
    left = (will.delay + 60 if will.delay else 0) if expiry is None else expiry
    async with rude(port, client_id, username, password, expiry=left, will=will):
        pass
