"""Attacks by packet: bytes that no client library sends, and what they do to their sender and to nobody else."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.e2e.packets import connect, length, packet, text
from tests.hostile import Attack, Login
from tests.hostile.reach import WORDS, Broker

FAMILY: Final = "Packets"


class End(StrEnum):
    """What comes of it for the sender, in the words of the page. Others notice nothing in any case."""

    ENDED = "The broker ends this connection; nobody else notices."
    ENDURED = "The broker ignores or refuses it and the connection goes on; nobody else notices."
    EITHER = (
        "Depending on its line and limits the broker ends this connection, ignores or refuses it; nobody else notices."
    )


@dataclass(frozen=True, slots=True)
class Rude(Attack):
    """A row by packet. ``raw`` is sent after the login, with MQTT 5 unless ``version`` says otherwise.

    ``instead``: it is sent in place of a login.
    """

    at: Broker
    raw: bytes
    end: End
    version: int = 5
    instead: bool = False


def _message(topic: bytes, *, first: int = 0x30, properties: bytes = b"", mid: int | None = None) -> bytes:
    at = b"" if mid is None else struct.pack(">H", mid)
    return packet(first, text(topic) + at + length(len(properties)) + properties + b'{"mark":"mark:rude:"}')


def _subscribe(wanted: bytes, *, options: int = 1, properties: bytes = b"", mid: int = 9) -> bytes:
    head = struct.pack(">H", mid) + length(len(properties)) + properties
    return packet(0x82, head + text(wanted) + bytes([options]))


def _login(*, name: bytes = b"MQTT", version: int = 4, flags: int = 0x02, rest: bytes = b"") -> bytes:
    head = text(name) + bytes([version, flags]) + struct.pack(">H", 60) + (b"\0" if version == 5 else b"")
    return packet(0x10, head + text(b"rude-client-id-of-24-letters") + rest)


CLIENT_ID: Final = "a-rude-client-of-24-chars"
WRITABLE: Final = {
    Broker.GATE: f"bootstrap/rude/request/{CLIENT_ID}",
    Broker.OPERATIONS: "control/acme/acme-viewer/request/list",
}
"""Where the sender may publish, so that what the broker lets pass comes to the bridge."""
E = End


def _after_login(topic: bytes) -> Iterator[tuple[str, str, bytes, End]]:
    yield "topic-wild", "a message to a topic with a wildcard", _message(b"devices/+/info"), E.ENDED
    yield "topic-hash", "a message to `#`", _message(b"#"), E.ENDED
    yield "topic-empty", "a message to a topic of no length", _message(b""), E.ENDED
    yield "topic-nul", "a message to a topic with NUL in it", _message(topic + b"\0x"), E.ENDED
    yield "topic-control", "a message to a topic with a control character", _message(topic + b"\x01"), E.ENDED
    yield "topic-not-utf8", "a message to a topic that is no UTF-8", _message(b"devices/\xff\xfe/info"), E.ENDED
    yield "topic-overlong", "a topic with a slash in too many bytes", _message(b"devices\xc0\xafacme/info"), E.ENDED
    yield "topic-surrogate", "a topic with half a surrogate pair", _message(b"devices/\xed\xa0\x80/info"), E.ENDED
    yield "topic-long", "a topic of 65,535 bytes", _message(b"a/" * 99 + b"x" * 65_337), E.EITHER
    yield "topic-deep", "a topic of 65,536 levels", _message(b"/" * 65_535), E.ENDED
    yield "topic-levels", "a topic of 300 levels", _message(b"a/" * 299 + b"a"), E.ENDED
    yield "topic-cut", "a topic longer than its packet", packet(0x30, b"\xff\xffabc"), E.ENDED
    yield "alias-zero", "topic alias 0", _message(topic, properties=b"\x23\0\0"), E.ENDED
    yield (
        "alias-above",
        "a topic alias above what the broker allows, which is none",
        _message(topic, properties=b"\x23\0\x01"),
        E.ENDED,
    )
    yield "alias-unknown", "a topic alias without a topic", _message(b"", properties=b"\x23\0\x07"), E.ENDED
    yield "alias-twice", "two topic aliases", _message(topic, properties=b"\x23\0\x01\x23\0\x02"), E.ENDED
    yield (
        "message-subscription",
        "a message with a subscription identifier, which only brokers send",
        _message(topic, properties=b"\x0b\x01"),
        E.EITHER,
    )
    yield (
        "response-wild",
        "a response topic with a wildcard",
        _message(topic, properties=b"\x08" + text(b"control/#")),
        E.EITHER,
    )
    yield "property-unknown", "a property that there is not", _message(topic, properties=b"\x7f\0"), E.ENDED
    yield (
        "property-cut",
        "properties that end in the middle",
        packet(0x30, text(topic) + b"\x05\x09\x00\x20ab"),
        E.ENDED,
    )
    yield (
        "properties-many",
        "2,000 user properties",
        _message(topic, properties=b"\x26\0\x01a\0\x01b" * 2_000),
        E.ENDURED,
    )
    yield (
        "properties-odd",
        "a format, an expiry of 0, a long content type and 16,000 bytes of correlation",
        _message(topic, properties=b"\x01\x01\x02\0\0\0\0\x03" + text(b"x" * 999) + b"\x09" + text(b"\xff" * 16_000)),
        E.ENDURED,
    )
    yield (
        "format-lies",
        "a message that says it is UTF-8 and is not",
        packet(0x30, text(topic) + b"\x02\x01\x01\xff\xfe"),
        E.EITHER,
    )
    yield "qos-three", "a message with QoS 3", _message(topic, first=0x36, mid=1), E.ENDED
    yield "dup-zero", "a message with QoS 0 that says it is a repeat", _message(topic, first=0x38), E.EITHER
    yield "mid-zero", "a message with packet id 0", _message(topic, first=0x32, mid=0), E.ENDED
    for kind, first in (("puback", 0x40), ("pubrec", 0x50), ("pubrel", 0x62), ("pubcomp", 0x70)):
        yield f"stray-{kind}", f"{kind.upper()} for a message that never was", packet(first, b"\x12\x34"), E.ENDURED
    for kind, first in (("connack", 0x20), ("suback", 0x90), ("unsuback", 0xB0)):
        yield f"broker-{kind}", f"{kind.upper()}, which only brokers send", packet(first, b""), E.ENDED
    yield "broker-pingresp", "PINGRESP, which only brokers send", packet(0xD0, b""), E.EITHER
    yield "connect-twice", "a second login on the same connection", connect("other", None, None, version=5), E.ENDED
    yield "auth", "AUTH without having agreed on a method", packet(0xF0, b"\x18\0"), E.ENDED
    yield "reserved", "a packet of the kind that is reserved", packet(0x00, b""), E.ENDED
    yield "flags", "SUBSCRIBE with flags that are none", packet(0x80, b"\0\x01\0" + text(b"a") + b"\0"), E.ENDED
    yield "length-endless", "a length of more bytes than there may be", b"\x30\xff\xff\xff\xff\xff\x7f", E.ENDED
    yield "length-huge", "the head of a packet of 256 MB", b"\x30\xff\xff\xff\x7f", E.ENDED
    yield "noise", "noise", bytes(range(255, -1, -1)), E.ENDED
    yield "http", "a request of HTTP", b"GET /metrics HTTP/1.1\r\n" + b"Host: localhost\r\n" * 20, E.ENDED
    yield "subscribe-nothing", "SUBSCRIBE without a topic", packet(0x82, b"\0\x01\0"), E.ENDED
    yield "subscribe-empty", "a subscription to a topic of no length", _subscribe(b""), E.ENDED
    yield "subscribe-inside", "a subscription with `#` in the middle", _subscribe(b"devices/#/info"), E.ENDED
    yield "subscribe-part", "a subscription with `+` as part of a level", _subscribe(b"devices/acme+/info"), E.ENDED
    yield "subscribe-nul", "a subscription with NUL in it", _subscribe(b"devices\0/#"), E.ENDED
    yield "subscribe-deep", "a subscription of 300 levels", _subscribe(b"+/" * 299 + b"#"), E.ENDED
    yield "subscribe-qos-three", "a subscription with QoS 3", _subscribe(topic, options=3), E.ENDED
    yield "subscribe-options", "a subscription with options that are reserved", _subscribe(topic, options=0xC1), E.ENDED
    yield "subscribe-identifier-zero", "subscription identifier 0", _subscribe(topic, properties=b"\x0b\0"), E.ENDED
    yield "share-bare", "a subscription to `$share/g`", _subscribe(b"$share/g"), E.EITHER
    yield "share-no-group", "a subscription to `$share//#`", _subscribe(b"$share//#"), E.ENDURED
    yield "share-no-topic", "a subscription to `$share/g/`", _subscribe(b"$share/g/"), E.EITHER
    yield "share-plus", "a subscription to `$share/+/#`", _subscribe(b"$share/+/#"), E.EITHER
    yield "share-hash", "a subscription to `$share/#/devices/#`", _subscribe(b"$share/#/devices/#"), E.ENDED
    yield "share-nested", "a subscription to `$share/g/$share/h/#`", _subscribe(b"$share/g/$share/h/#"), E.ENDURED
    yield (
        "share-no-local",
        "a shared subscription without its own messages, which must not be",
        _subscribe(b"$share/g/" + topic, options=0x05),
        E.EITHER,
    )
    yield (
        "unsubscribe",
        "an end to subscriptions of others: `#`, `bootstrap/+/request`, `$CONTROL/#`",
        packet(0xA2, b"\0\x05\0" + b"".join(map(text, (b"#", b"bootstrap/+/request", b"$CONTROL/#")))),
        E.ENDURED,
    )
    yield (
        "disconnect-expiry",
        "a goodbye that asks for a session for ever, after a login without one",
        packet(0xE0, b"\0\x05\x11\xff\xff\xff\xff"),
        E.ENDED,
    )


_INSTEAD: Final = (
    ("name", "with a protocol of another name", _login(name=b"MQTX"), 4),
    ("version-zero", "with version 0 of the protocol", _login(version=0), 4),
    ("version-six", "with version 6 of the protocol", _login(version=6), 4),
    ("reserved-flag", "with the flag that is reserved", _login(flags=0x03), 4),
    ("password-alone", "with a password and no user name", _login(flags=0x42, rest=text(b"password")), 4),
    ("will-qos-three", "with a will of QoS 3", _login(flags=0x1E, rest=text(b"a") + text(b"b")), 4),
    ("will-without-flag", "with what a will has and without a will", _login(flags=0x2A), 4),
    ("will-cut", "with half a will", _login(flags=0x06, rest=b"\xff\xff"), 4),
    ("cut", "with a user name longer than the packet", _login(flags=0x82, rest=b"\xff\xffx"), 4),
    ("long-head", "with a length of more bytes than there may be", b"\x10\xff\xff\xff\xff\xff\x01", 4),
    ("huge", "with the head of a login of 256 MB", b"\x10\xff\xff\xff\x7f", 4),
    ("method", "with a method of its own to prove who it is", packet(
        0x10, text(b"MQTT") + b"\x05\x02\0\x3c" + b"\x0a\x15" + text(b"GS2-KRB") + text(b"x" * 24)), 5),
    ("message-first", "by a message before any login", _message(b"bootstrap/x/request"), 5),
    ("subscribe-first", "by a subscription before any login", _subscribe(b"#"), 5),
    ("ping-first", "by a ping before any login", b"\xc0\0", 5),
)  # fmt: skip


def _rows(who: Login, at: Broker) -> Iterator[Rude]:
    for slug, said, raw, end in _after_login(WRITABLE[at].encode()):
        does = f"Sends, at the {at}, {said}."
        yield Rude(f"{WORDS[who]}-packet-{slug}", who, FAMILY, does, end.value, at, raw, end)


def _instead(at: Broker, word: str) -> Iterator[Rude]:
    for slug, said, raw, version in _INSTEAD:
        name, does = f"none-{word}-begins-{slug}", f"Begins, at the {at}, {said}."
        yield Rude(name, Login.NONE, FAMILY, does, E.ENDED.value, at, raw, E.ENDED, version, instead=True)


ATTACKS: Final[tuple[Rude, ...]] = (
    *_rows(Login.BOOTSTRAP, Broker.GATE),
    *_rows(Login.VIEWER, Broker.OPERATIONS),
    *_instead(Broker.GATE, "gate"),
    *_instead(Broker.OPERATIONS, "operations"),
)
