"""MQTT packets as bytes, for clients that must be faster, or ruder, than a library lets them be."""

import struct
from collections.abc import Iterator


def _text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(raw)) + raw


def _packet(kind: int, body: bytes) -> bytes:
    length, head = len(body), bytearray([kind])
    while True:
        length, digit = divmod(length, 128)
        head.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(head) + body


def connect(
    client_id: str | bytes,
    username: str | bytes | None,
    password: str | bytes | None,
    *,
    version: int = 4,
    bit: int = 0,
) -> bytes:
    """CONNECT of MQTT 3.1.1, or 5 without properties, with a clean session.

    A user name or password of None is left out. ``bit`` is set in the version, as Mosquitto does that is a bridge.
    """
    flags = 0x02 | (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
    header = _text("MQTT") + bytes([version | bit, flags]) + struct.pack(">H", 120)
    header += b"\0" if version == 5 else b""
    return _packet(0x10, header + b"".join(_text(one) for one in (client_id, username, password) if one is not None))


def subscribe(topic: str | bytes, *, qos: int = 1, version: int = 4, mid: int = 1) -> bytes:
    """SUBSCRIBE to one topic."""
    return _packet(0x82, struct.pack(">H", mid) + (b"\0" if version == 5 else b"") + _text(topic) + bytes([qos]))


def publish(
    topic: str | bytes,
    payload: bytes,
    *,
    mid: int = 1,
    qos: int = 1,
    retain: bool = False,
    version: int = 4,
    properties: bytes = b"",
) -> bytes:
    """PUBLISH; ``properties`` as they stand in a packet of MQTT 5, below 128 bytes."""
    body = _text(topic) + (struct.pack(">H", mid) if qos else b"")
    if version == 5:
        body += bytes([len(properties)]) + properties
    return _packet(0x30 | qos << 1 | retain, body + payload)


def puback(mid: bytes) -> bytes:
    """PUBACK for the two bytes of a message id."""
    return b"\x40\x02" + mid


def pubrel(mid: bytes) -> bytes:
    """PUBREL for the two bytes of a message id."""
    return b"\x62\x02" + mid


def taken(buffer: bytearray) -> Iterator[tuple[int, bytes]]:
    """Take whole packets, as first byte and body, off the front of ``buffer``."""
    at = 0
    while at + 2 <= len(buffer):
        length, shift, body = 0, 0, at + 1
        while body < len(buffer):
            digit = buffer[body]
            length |= (digit & 0x7F) << shift
            shift += 7
            body += 1
            if not digit & 0x80:
                break
        else:
            break
        if body + length > len(buffer):
            break
        yield buffer[at], bytes(buffer[body : body + length])
        at = body + length
    del buffer[:at]
