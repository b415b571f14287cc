"""A client without scruples: it sends whatever bytes it is told to, and writes down all that the broker sends back.

A library refuses most of what attackers send before it reaches the broker, and waits for one acknowledgement before the
next message. This one sends a batch and waits for the answer to a ping behind it, which the broker sends last.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from tests.e2e import packets

PATIENCE = 30.0
TOGETHER = 6
"""Messages with QoS 2 that are on their way at once: fewer than either broker allows before it ends the connection."""
GRANTED_MOST = 2
_RETAIN_AS_PUBLISHED = 0x08
_PING = b"\xc0\x00"


class Ended(Exception):
    """The broker has ended the connection."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as it came."""

    topic: str
    payload: bytes
    retain: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """A message to be sent."""

    topic: bytes
    payload: bytes
    qos: int
    retain: bool


@dataclass
class Intruder:
    """One connection, and what came over it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    version: int
    heard: list[Heard] = field(default_factory=list)
    codes: dict[int, int] = field(default_factory=dict)
    """What a subscription or message was acknowledged with, by its packet id."""
    connected: int | None = None
    """What the login was answered with; 0 is yes."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _came: asyncio.Event = field(default_factory=asyncio.Event)
    _pings: int = 0
    _last: int = 0

    @property
    def let_in(self) -> bool:
        return self.connected == 0

    def send(self, raw: bytes) -> None:
        """Send ``raw``, whatever it is."""
        self.writer.write(raw)

    def next_id(self) -> int:
        self._last = self._last % 65_535 + 1
        return self._last

    async def until_answered(self) -> None:
        """Wait until the broker has done all that was sent before. Raises Ended."""
        wanted = self._pings + 1
        self.send(_PING)
        async with asyncio.timeout(PATIENCE):
            while self._pings < wanted:
                if self.ended.is_set():
                    raise Ended
                self._came.clear()
                await self._came.wait()

    async def until_heard(self, payload: bytes) -> None:
        """Wait for a message that has ``payload`` in it. Raises Ended."""
        async with asyncio.timeout(PATIENCE):
            while not any(payload in one.payload for one in self.heard):
                if self.ended.is_set():
                    raise Ended
                self._came.clear()
                await self._came.wait()

    async def until_told_of(self, topics: str) -> None:
        """Wait for another message whose topic begins so. Raises Ended."""
        done = len(self.heard)
        async with asyncio.timeout(PATIENCE):
            while not any(one.topic.startswith(topics) for one in self.heard[done:]):
                if self.ended.is_set():
                    raise Ended
                self._came.clear()
                await self._came.wait()

    async def until_ended(self) -> None:
        """Wait for the end of the connection."""
        async with asyncio.timeout(PATIENCE):
            await self.ended.wait()

    async def subscribe(self, filters: Sequence[bytes], qos: int = 2) -> list[int]:
        """Subscribe to each of ``filters`` in a packet of its own; return what each was answered with. Raises Ended."""
        mids = []
        for one in filters:
            mids.append(self.next_id())
            self.send(self._subscription(one, qos, mids[-1]))
        await self.until_answered()
        return [self.codes[mid] for mid in mids]

    def _subscription(self, wanted: bytes, qos: int, mid: int) -> bytes:
        if self.version != 5:
            return packets.subscribe(wanted, qos=qos, version=self.version, mid=mid)
        # With an identifier, and keeping the retain flag: what else MQTT 5 lets a subscriber wish for.
        options = 0 if wanted.startswith(b"$share") else _RETAIN_AS_PUBLISHED
        identified = b"\x0b" + packets.length(mid)
        return packets.subscribe(wanted, qos=qos, version=5, mid=mid, properties=identified, options=options)

    async def publish(self, messages: Sequence[Sent]) -> list[int | None]:
        """Publish and return what each was acknowledged with, None without acknowledgement. Raises Ended."""
        found: list[int | None] = []
        for at in range(0, len(messages), TOGETHER):
            mids = []
            for one in messages[at : at + TOGETHER]:
                mids.append(self.next_id())
                self.send(
                    packets.publish(
                        one.topic,
                        one.payload,
                        mid=mids[-1],
                        qos=one.qos,
                        retain=one.retain,
                        version=self.version,
                    )
                )
            await self.until_answered()
            found += [self.codes.get(mid) for mid in mids]
        return found

    async def listen(self) -> None:
        """Take what comes until the connection ends."""
        buffer = bytearray()
        with contextlib.suppress(ConnectionError):
            while raw := await self.reader.read(65_536):
                buffer += raw
                for first, body in packets.taken(buffer):
                    self._take(first, body)
                self._came.set()
        self.ended.set()
        self._came.set()

    def _take(self, first: int, body: bytes) -> None:
        match first >> 4:
            case 2:
                self.connected = body[1]
            case 3:
                self._take_message(first, body)
            case 4 | 5:
                (mid,) = struct.unpack_from(">H", body)
                self.codes[mid] = body[2] if len(body) > 2 else 0
                if first >> 4 == 5 and self.codes[mid] < 0x80:
                    self.send(packets.pubrel(body[:2]))
            case 6:
                self.send(b"\x70\x02" + body[:2])
            case 9:
                self.codes[struct.unpack_from(">H", body)[0]] = body[-1]
            case 13:
                self._pings += 1

    def _take_message(self, first: int, body: bytes) -> None:
        (length,) = struct.unpack_from(">H", body)
        at = 2 + length
        topic = body[2:at].decode()
        if qos := first >> 1 & 3:
            self.send((b"\x40\x02" if qos == 1 else b"\x50\x02") + body[at : at + 2])
            at += 2
        if self.version == 5:
            at += 1 + body[at] if body[at] < 128 else 2 + (body[at] & 127) + body[at + 1] * 128
        self.heard.append(Heard(topic, body[at:], bool(first & 1)))


@contextlib.asynccontextmanager
async def opened(port: int, version: int = 5) -> AsyncIterator[Intruder]:
    """Open a connection and listen, without having said who it is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    found = Intruder(reader, writer, version)
    listening = asyncio.create_task(found.listen(), name="listen")
    try:
        yield found
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        await listening


@contextlib.asynccontextmanager
async def intruding(
    port: int,
    client_id: str | bytes,
    username: str | bytes | None,
    password: str | None,
    version: int = 5,
    bit: int = 0,
    clean: bool = True,
) -> AsyncIterator[Intruder]:
    """Log in, or try to: ``let_in`` tells what came of it. Without ``clean`` the broker keeps the session."""
    async with opened(port, version) as found:
        found.send(packets.connect(client_id, username, password, version=version, bit=bit, clean=clean))
        with contextlib.suppress(Ended):
            await found.until_answered()
        yield found
