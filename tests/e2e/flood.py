"""A client that floods: raw packets from a process of its own, so that the sender is not what a test measures.

Usage: python -m tests.e2e.flood HOST PORT USERNAME. The first line of standard input is JSON: `password`, `clients`
(client ids, each a connection), `listen` (filters that each subscribes to), `version` (4 or 5) and `messages`, each
`[client, topic, payload in base64, qos, retain, properties in hex]`, and `needle`, a text. Messages are sent one after
the other, again and again. Then each line is an order, answered by a line:
`rate R` floods with R messages a second until the next order, `count N` sends N as fast as they are acknowledged,
`stop` waits for the acknowledgements, `hear N` until N messages were heard. These answer
`{"sent","acknowledged","heard","found","seconds"}` since the last `rate` or `count`; `found` holds `needle`.
"""

import asyncio
import base64
import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.e2e import packets

UNDER_WAY = 200
"""Messages without acknowledgement at which `count` waits: more the broker does not take at QoS 2."""
PATIENCE = 60.0


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self.connected = asyncio.Event()
        self.changed = asyncio.Event()
        self.acknowledged = 0
        self.heard = 0
        self.found = 0
        self.needle = b""
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.changed.set()

    def send(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        for first, body in packets.taken(self._buffer):
            match first & 0xF0:
                case 0x20:
                    assert body[1] == 0, f"the login was refused: {body.hex()}"
                    self.connected.set()
                case 0x40 | 0x70:
                    self.acknowledged += 1
                case 0x50:
                    self.send(packets.pubrel(body[:2]))
                case 0x30:
                    self.heard += 1
                    self.found += bool(self.needle) and self.needle in body
                    if first & 0x06:
                        length = int.from_bytes(body[:2], "big")
                        self.send(packets.puback(body[2 + length : 4 + length]))
        self.changed.set()


@dataclass
class _Message:
    connection: _Connection
    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: bytes


class Flooder:
    """What this process does."""

    def __init__(self, connections: Sequence[_Connection], messages: Sequence[_Message], version: int) -> None:
        self._connections = connections
        self._messages = messages
        self._version = version
        self._at = 0
        self._sent = 0
        self._owed = 0
        """Acknowledgements that are to come in all."""
        self._began = 0.0
        self._before = (0, 0, 0, 0)

    def _send(self, number: int) -> None:
        packed: dict[_Connection, bytearray] = {}
        for _ in range(number):
            one = self._messages[self._at % len(self._messages)]
            self._at += 1
            packed.setdefault(one.connection, bytearray()).extend(
                packets.publish(
                    one.topic,
                    one.payload,
                    mid=self._at % 65_535 + 1,
                    qos=one.qos,
                    retain=one.retain,
                    version=self._version,
                    properties=one.properties,
                )
            )
            self._owed += one.qos > 0
        self._sent += number
        for connection, data in packed.items():
            connection.send(bytes(data))

    @property
    def _acknowledged(self) -> int:
        return sum(one.acknowledged for one in self._connections)

    @property
    def _heard(self) -> int:
        return sum(one.heard for one in self._connections)

    @property
    def _found(self) -> int:
        return sum(one.found for one in self._connections)

    def begin(self) -> None:
        self._before = (self._sent, self._acknowledged, self._heard, self._found)
        self._began = time.perf_counter()

    async def at_rate(self, rate: float) -> None:
        """Send until cancelled; what the scheduler delays is made up for."""
        began, sent = time.perf_counter(), 0
        while True:
            due = int((time.perf_counter() - began) * rate) - sent
            if due:
                self._send(due)
                sent += due
            await asyncio.sleep(0.002)

    async def exactly(self, number: int) -> None:
        """Send so many, and wait until they are acknowledged."""
        left = number
        while left:
            await self._until(self._owed - UNDER_WAY // 2)
            part = min(left, UNDER_WAY // 2)
            self._send(part)
            left -= part
        await self._until(self._owed)

    async def hear(self, number: int) -> None:
        """Wait until so many messages were heard since the beginning."""
        await self._wait(lambda: self._heard - self._before[2] >= number)

    async def _until(self, acknowledged: int) -> None:
        await self._wait(lambda: self._acknowledged >= acknowledged)

    async def _wait(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not done():
                assert not any(one.lost for one in self._connections), "the broker has ended a connection"
                for one in self._connections:
                    one.changed.clear()
                waiting = [asyncio.ensure_future(one.changed.wait()) for one in self._connections]
                _, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in pending:
                    task.cancel()

    async def end(self) -> dict[str, Any]:
        seconds = time.perf_counter() - self._began
        await self._until(self._owed)
        sent, acknowledged, heard, found = self._before
        return {
            "sent": self._sent - sent,
            "acknowledged": self._acknowledged - acknowledged,
            "heard": self._heard - heard,
            "found": self._found - found,
            "seconds": seconds,
        }


async def serve(host: str, port: int, username: str) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**28)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    spec = json.loads(await reader.readline())
    connections = []
    for client_id in spec["clients"]:
        _, connection = await loop.create_connection(_Connection, host, port)
        connection.needle = spec["needle"].encode()
        connection.send(packets.connect(client_id, username, spec["password"], version=spec["version"]))
        for topic in spec["listen"]:
            connection.send(packets.subscribe(topic.replace("%c", client_id), version=spec["version"]))
        connections.append(connection)
    async with asyncio.timeout(PATIENCE):
        for connection in connections:
            await connection.connected.wait()
    messages = [
        _Message(connections[client], topic, base64.b64decode(payload), qos, retain, bytes.fromhex(properties))
        for client, topic, payload, qos, retain, properties in spec["messages"]
    ]
    flooder = Flooder(connections, messages, spec["version"])
    print("ready", flush=True)
    flooding: asyncio.Task[None] | None = None
    while line := await reader.readline():
        order, *number = line.decode().split()
        if flooding is not None:
            flooding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await flooding
            flooding = None
        match order:
            case "rate":
                flooder.begin()
                flooding = asyncio.create_task(flooder.at_rate(float(number[0])))
                print("flooding", flush=True)
            case "count":
                flooder.begin()
                await flooder.exactly(int(number[0]))
                print(json.dumps(await flooder.end()), flush=True)
            case "hear":
                await flooder.hear(int(number[0]))
                print(json.dumps(await flooder.end()), flush=True)
            case "stop":
                print(json.dumps(await flooder.end()), flush=True)


@dataclass(frozen=True)
class Sending:
    """One message that is sent again and again; ``client`` is the number of its connection."""

    topic: str
    payload: bytes = b"{}"
    qos: int = 1
    retain: bool = False
    client: int = 0
    properties: bytes = b""


@dataclass
class Flood:
    """The flooding process, seen from a test."""

    process: subprocess.Popen[str]

    def _order(self, line: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the flooding process has ended"
        return answer

    def begin(self, rate: float) -> None:
        """Flood with ``rate`` messages a second from now on."""
        assert self._order(f"rate {rate}") == "flooding\n"

    def end(self) -> dict[str, Any]:
        """End, and tell what was sent since the beginning, after all of it was acknowledged."""
        result: dict[str, Any] = json.loads(self._order("stop"))
        return result

    def hear(self, number: int) -> dict[str, Any]:
        """Wait until so many messages were heard since the beginning of what was sent last, and tell all of it."""
        result: dict[str, Any] = json.loads(self._order(f"hear {number}"))
        return result

    def send(self, number: int) -> dict[str, Any]:
        """Send so many as fast as the broker acknowledges."""
        result: dict[str, Any] = json.loads(self._order(f"count {number}"))
        return result


@contextlib.contextmanager
def flooder(
    access: Mapping[str, Any],
    clients: Sequence[str],
    messages: Sequence[Sending],
    *,
    login: Mapping[str, str] | None = None,
    listen: Sequence[str] = (),
    version: int = 4,
    needle: str = "",
) -> Iterator[Flood]:
    """Start a flooding process on the bootstrap broker, or with ``login`` on the operations broker; it is ended.

    ``listen``: filters that each connection subscribes to, ``%c`` being its client id. ``needle``: what is looked for
    in what they hear.
    """
    port = access["bootstrapPort"] if login is None else access["port"]
    one = access["bootstrap"] if login is None else login
    spec = {
        "password": one["password"],
        "clients": list(clients),
        "listen": list(listen),
        "version": version,
        "needle": needle,
        "messages": [
            [
                message.client,
                message.topic,
                base64.b64encode(message.payload).decode(),
                message.qos,
                message.retain,
                message.properties.hex(),
            ]
            for message in messages
        ],
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.flood", "127.0.0.1", str(port), one["username"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(spec) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "ready\n"
        yield Flood(process)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


if __name__ == "__main__":
    _, host, port, username = sys.argv
    asyncio.run(serve(host, int(port), username))
