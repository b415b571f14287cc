"""A herd of callers on few connections. Packets are made beforehand and bytes are counted by hand, so that the
generator leaves the cores to what is measured. Prints the seconds from the first call to the last answer.

Usage: python -m bench.generator PORT USERNAME FIRST NUMBER   (the password comes on standard input)
"""

import asyncio
import secrets
import socket
import struct
import sys
import time

from tests.e2e import packets

CALLS_EACH = 2_500
"""Calls of one connection at the most, far below what the bridge takes from one at once."""
PATIENCE = 120.0


class Caller(asyncio.Protocol):
    """One connection that calls for many devices and counts the answers."""

    def __init__(self, expected: int) -> None:
        self._left = expected
        self._buffer = bytearray()
        self.subscribed = asyncio.Event()
        self.answered = asyncio.Event()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        acks = bytearray()
        for first, body in packets.taken(self._buffer):
            if first & 0xF0 == 0x90:
                self.subscribed.set()
            elif first & 0xF0 == 0x30:
                length = struct.unpack_from(">H", body)[0]
                acks += packets.puback(body[2 + length : 4 + length])
                self._left -= 1
        if acks and self.transport is not None:
            self.transport.write(bytes(acks))
        if self._left <= 0:
            self.answered.set()


async def herd(port: int, username: str, password: str, first: int, number: int) -> float:
    """Call once for each of ``number`` devices from ``herd-<first>`` on; return the seconds until all are answered."""
    loop = asyncio.get_running_loop()
    callers: list[tuple[Caller, bytes]] = []
    connections = max(4, -(-number // CALLS_EACH))
    for part in range(connections):
        ids = range(first + part, first + number, connections)
        client_id = secrets.token_urlsafe(24)
        caller = Caller(len(ids))
        await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", port)  # type: ignore[misc]
        assert caller.transport is not None
        caller.transport.write(packets.connect(client_id, username, password))
        caller.transport.write(packets.subscribe(f"bootstrap/+/response/{client_id}"))
        calls = b"".join(
            packets.publish(
                f"bootstrap/herd-{one}/request/{client_id}", b'{"securityToken":"abc"}', mid=index % 65_535 + 1
            )
            for index, one in enumerate(ids)
        )
        callers.append((caller, calls))
    async with asyncio.timeout(PATIENCE):
        for caller, _ in callers:
            await caller.subscribed.wait()
        started = time.perf_counter()
        for caller, calls in callers:
            assert caller.transport is not None
            caller.transport.write(calls)
        for caller, _ in callers:
            await caller.answered.wait()
    return time.perf_counter() - started


if __name__ == "__main__":
    _, port, username, first, number = sys.argv
    print(asyncio.run(herd(int(port), username, sys.stdin.readline().strip(), int(first), int(number))))
