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

CONNECTIONS = 4
PATIENCE = 120.0


def _text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


def _packet(kind: int, body: bytes) -> bytes:
    length, head = len(body), bytearray([kind])
    while True:
        length, digit = divmod(length, 128)
        head.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(head) + body


def connect_packet(client_id: str, username: str, password: str) -> bytes:
    """CONNECT of MQTT 3.1.1 with a clean session."""
    header = _text("MQTT") + bytes([4, 0xC2]) + struct.pack(">H", 120)
    return _packet(0x10, header + _text(client_id) + _text(username) + _text(password))


def subscribe_packet(topic: str) -> bytes:
    """SUBSCRIBE with QoS 1."""
    return _packet(0x82, struct.pack(">H", 1) + _text(topic) + b"\x01")


def publish_packet(topic: str, payload: bytes, mid: int) -> bytes:
    """PUBLISH with QoS 1."""
    return _packet(0x32, _text(topic) + struct.pack(">H", mid) + payload)


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
        at = 0
        while at + 2 <= len(self._buffer):
            length, shift, body = 0, 0, at + 1
            while body < len(self._buffer):
                digit = self._buffer[body]
                length |= (digit & 0x7F) << shift
                shift += 7
                body += 1
                if not digit & 0x80:
                    break
            else:
                break
            if body + length > len(self._buffer):
                break
            kind = self._buffer[at] & 0xF0
            if kind == 0x90:
                self.subscribed.set()
            elif kind == 0x30:
                topic_length = struct.unpack_from(">H", self._buffer, body)[0]
                acks += b"\x40\x02" + self._buffer[body + 2 + topic_length : body + 4 + topic_length]
                self._left -= 1
            at = body + length
        del self._buffer[:at]
        if acks and self.transport is not None:
            self.transport.write(bytes(acks))
        if self._left <= 0:
            self.answered.set()


async def herd(port: int, username: str, password: str, first: int, number: int) -> float:
    """Call once for each of ``number`` devices from ``herd-<first>`` on; return the seconds until all are answered."""
    loop = asyncio.get_running_loop()
    callers: list[tuple[Caller, bytes]] = []
    for part in range(CONNECTIONS):
        ids = range(first + part, first + number, CONNECTIONS)
        client_id = secrets.token_urlsafe(24)
        caller = Caller(len(ids))
        await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", port)  # type: ignore[misc]
        assert caller.transport is not None
        caller.transport.write(connect_packet(client_id, username, password))
        caller.transport.write(subscribe_packet(f"bootstrap/+/response/{client_id}"))
        calls = b"".join(
            publish_packet(f"bootstrap/herd-{one}/request/{client_id}", b'{"securityToken":"abc"}', index % 65_535 + 1)
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
