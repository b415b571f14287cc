"""MQTT packets as bytes, for clients that must be faster, or ruder, than a library lets them be."""

import struct
from collections.abc import Iterator


def text(value: str | bytes) -> bytes:
    """A string as it stands in a packet: its length in two bytes, then UTF-8, or any bytes."""
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(raw)) + raw


def length(number: int) -> bytes:
    """A length as it stands in a packet, in one to four bytes."""
    digits = bytearray()
    while True:
        number, digit = divmod(number, 128)
        digits.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(digits)


def packet(first: int, body: bytes) -> bytes:
    """A whole packet: kind and flags, the length, the body."""
    return bytes([first]) + length(len(body)) + body


def connect(
    client_id: str | bytes,
    username: str | bytes | None,
    password: str | bytes | None,
    *,
    version: int = 4,
    bit: int = 0,
    clean: bool = True,
) -> bytes:
    """CONNECT of MQTT 3.1, 3.1.1 or 5, with a clean session or one that is kept for an hour.

    A user name or password of None is left out. ``bit`` is set in the version, as Mosquitto does that is a bridge.
    """
    flags = (0x02 if clean else 0) | (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
    header = text("MQIsdp" if version == 3 else "MQTT") + bytes([version | bit, flags]) + struct.pack(">H", 120)
    if version == 5:
        header += b"\0" if clean else b"\x05\x11" + struct.pack(">I", 3600)
    return packet(0x10, header + b"".join(text(one) for one in (client_id, username, password) if one is not None))


def subscribe(
    topic: str | bytes, *, qos: int = 1, version: int = 4, mid: int = 1, properties: bytes = b"", options: int = 0
) -> bytes:
    """SUBSCRIBE to one topic; ``properties`` and ``options`` besides the QoS are MQTT 5's."""
    head = struct.pack(">H", mid) + (length(len(properties)) + properties if version == 5 else b"")
    return packet(0x82, head + text(topic) + bytes([qos | options]))


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
    body = text(topic) + (struct.pack(">H", mid) if qos else b"")
    if version == 5:
        body += bytes([len(properties)]) + properties
    return packet(0x30 | qos << 1 | retain, body + payload)


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
        size, shift, body = 0, 0, at + 1
        while body < len(buffer):
            digit = buffer[body]
            size |= (digit & 0x7F) << shift
            shift += 7
            body += 1
            if not digit & 0x80:
                break
        else:
            break
        if body + size > len(buffer):
            break
        yield buffer[at], bytes(buffer[body : body + size])
        at = body + size
    del buffer[:at]
