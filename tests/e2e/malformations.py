"""Malformed messages of every kind: what they are, as what each is counted, and what they leave in memory."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.flood import Sending, flooder
from tests.e2e.peer import private_id
from tests.e2e.site import ApartSite, wait_until

PART = 2_000
"""Messages sent before it is waited until they are counted, far fewer than a broker keeps."""

JSON = {
    "not-json": [
        b"{",
        b'{"securityToken":"t"',
        b'{"securityToken":"t"} x',
        b"{'securityToken':'t'}",
        b'{"securityToken":"t"}\0',
        b'{"securityToken":"\xff"}',
        b'{"other":"\xc3\x28"}',
        b'{"a":' * 3_000,
        b'{"a":' + b"[" * 16_000,
        b'{"a":' * 2_500 + b"1" + b"}" * 2_500,
        b'{"a":"\x01"}',
        b'{"a":NaN}',
        rb'{"requestId":"\udfff"}',
        b"{,}",
        b'{"a" 1}',
    ],
    "members": [
        b'{"securityToken":4711}',
        b'{"securityToken":["t"]}',
        b'{"securityToken":{}}',
        b'{"securityToken":true}',
        b'{"securityToken":null}',
        b'{"requestId":5}',
        b'{"requestId":{"a":' + b"[" * 50 + b"]" * 50 + b"}}",
        b'{"publicKey":7}',
    ],
    "token": [b'{"securityToken":"' + b"x" * 257 + b'"}', json.dumps({"securityToken": "ü" * 257}).encode()],
    "public-key": [
        b'{"publicKey":""}',
        b'{"publicKey":"AAAA"}',
        b'{"publicKey":"' + b"A" * 43 + b'"}',
        b'{"publicKey":"' + b"=" * 43 + b'"}',
        b'{"publicKey":"' + b"A" * 10_000 + b'"}',
    ],
    "too-large": [b'{"other":"' + b"x" * 16_384 + b'"}'],
}
LINES = {
    "not-utf8": [b"\xff\xfe\xfd", bytes(range(128, 256)) * 10, "ü".encode()[:1], b"\xed\xa0\x80", b"\xc0\xaf"],
    "token": [b"x" * 257, "ü".encode() * 1_000],
    "too-large": [b"x" * 16_385, b"\xff" * 19_000],
}
BAD_IDS = [
    "x" * 256,
    ".",
    "..",
    "a b",
    "a,b",
    'a"b',
    "a%b",
    "a\\b",
    "a$",
    "e\u0301",
    "\u200bx",
    "\ue000",
    "",
    "ü" * 200 + "x" * 56,
]
BAD_CLIENTS = ["short", "x" * 65, "x" * 21 + ".", "x" * 21 + "ü", "x" * 30 + "=", "x" * 21 + " "]
PROPERTIES = [
    b"",
    b"\x09\x00\x02cc",  # correlation data
    b"\x09\x00\x46" + b"c" * 70,  # longer than is echoed
    b"\x08\x00\x03a/b",  # a response topic, which is ignored
    b"\x02\x00\x00\x0e\x10",  # a message expiry of an hour
    b"\x03\x00\x04text\x01\x01",  # content type, payload format
    b"\x26\x00\x01a\x00\x01b" * 10,  # user properties
]


@dataclass(frozen=True)
class Flawed:
    """A malformed call and the kind as which it is counted."""

    kind: str
    sending: Sending


def calls(private: str, others: Sequence[str]) -> list[Flawed]:
    """All kinds of calls that are not understood, on private and plain topics, with every QoS, retained and not.

    ``private`` is the client id of the first connection, ``others`` those of the next, which break the rules.
    """
    found = []
    payloads = [(kind, one) for kinds in (JSON, LINES) for kind, group in kinds.items() for one in group]
    topics = [f"bootstrap/flawed/request/{private}", f"bootstrap/{private}/request"]
    for number, (kind, payload) in enumerate(payloads):
        for turn, topic in enumerate(topics):
            at = 2 * number + turn
            properties = PROPERTIES[at % len(PROPERTIES)]
            found.append(Flawed(kind, Sending(topic, payload, at % 3, at % 5 == 0, 0, properties)))
    for number, device_id in enumerate(BAD_IDS):
        payload = (b"{}", b"token", b'{"securityToken":"t"}', b"{")[number % 4]
        topic = f"bootstrap/{device_id}/request/{private}"
        found.append(Flawed("device-id", Sending(topic, payload, number % 3, number % 4 == 0)))
    for number, client_id in enumerate(others, 1):
        topic = f"bootstrap/flawed/request/{client_id}"
        found.append(Flawed("client-id", Sending(topic, (b"{}", b"token")[number % 2], number % 3, False, number)))
    return found


@dataclass
class Counted:
    """What the running bridge says that it has counted, read from its log."""

    path: Path
    kinds: Counter[str] = field(default_factory=Counter)
    _at: int = 0

    def read(self) -> Counter[str]:
        """Take up what was written since the last time."""
        with self.path.open("rb") as file:
            file.seek(self._at)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._at += len(whole)
        for raw in whole.splitlines():
            line = json.loads(raw) if raw.startswith(b"{") else {}
            if line.get("event") == "malformed call":
                self.kinds[line["kind"]] += 1
            elif line.get("event") == "more malformed calls":
                self.kinds.update(line["kinds"])
        return self.kinds


def memory_of(pid: int) -> int:
    """Bytes of memory that a process has for itself and in use."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024


@dataclass(frozen=True)
class Sent:
    """What was sent, what was counted, and the bridge's memory after the first part and at the end."""

    sent: Mapping[str, int]
    counted: Mapping[str, int]
    first: int
    last: int

    @property
    def memory_ratio(self) -> float:
        return self.last / self.first


def flood_with_malformed(site: ApartSite, first: int, number: int) -> Sent:
    """Send ``number`` malformed calls of all kinds in turns; memory is read after ``first`` and at the end."""
    serve = site.processes["serve"]
    counted = Counted(serve.log)
    before = Counter(counted.read())
    private = private_id()
    flawed = calls(private, BAD_CLIENTS)
    expected: Counter[str] = Counter()
    memory = 0
    done = 0
    with flooder(site.access, [private, *BAD_CLIENTS], [one.sending for one in flawed], version=5) as flood:
        while done < number:
            part = min(PART, number - done, first - done if done < first else PART)
            flood.send(part)
            expected.update(flawed[at % len(flawed)].kind for at in range(done, done + part))
            done += part
            total = sum(expected.values()) + sum(before.values())
            wait_until(
                lambda total=total: sum(counted.read().values()) >= total, f"{done} malformed calls are counted", 60
            )
            if done == first:
                memory = memory_of(serve.process.pid)
    now = Counter(counted.read())
    now.subtract(before)
    return Sent(expected, {kind: count for kind, count in now.items() if count}, memory, memory_of(serve.process.pid))


def describe(sent: Sent) -> dict[str, Any]:
    """The figures, for people."""
    return {
        "sent": sum(sent.sent.values()),
        "memory_mb": round(sent.last / 1e6, 1),
        "memory_ratio": round(sent.memory_ratio, 3),
    }
