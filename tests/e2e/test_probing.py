"""Whether somebody with the shared login learns which device ids exist: by what answers say, and when they come."""

import contextlib
import json
import socket
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import packets
from tests.e2e.hpke import Key
from tests.e2e.peer import Administrator, Device, administrator, payload_of, private_id
from tests.e2e.people import new_tenant, reason_of
from tests.e2e.scenes import NOT_ACCEPTED, accepted, bring_in, enter, setting
from tests.e2e.site import AnySite, UpSite
from tests.hostile import Attack
from tests.hostile.carrying import carries_out
from tests.hostile.sampling import LEAK, larger, sees, told_apart

Access = dict[str, Any]
POLICY = "security-token.policy"
REPEATS = 60
LONGEST = 30.0
"""Seconds after which a load that hides a millisecond is taken as it is: half of an answer's time must be seen then."""
KINDS = (
    *("unknown", "waiting", "pending", "given", "automatic", "blocked", "deleted"),
    *("accepted", "confirmed", "device", "abroad", "abroad-device"),
)
"""What an id can be to an outsider: to him it is all the same."""


@pytest.fixture
def access(up_site: AnySite) -> Access:
    """One installation: what brokers and bridge do does not hang on how they were started."""
    return up_site.access


@pytest.fixture
def quiet_site() -> Iterator[UpSite]:
    """An installation in memory, where there is such a place: the pauses of a disk would hide what is looked for."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        chosen = UpSite(Path(folder) / "data")
        try:
            yield chosen
        finally:
            chosen.stop()


@contextlib.asynccontextmanager
async def every_kind(access: Access, prefix: str) -> AsyncIterator[dict[str, str]]:
    """Bring about an id of each of ``KINDS``; return them by kind."""
    ids = {kind: f"{prefix}-{kind}" for kind in KINDS}
    async with (
        administrator(access) as admin,
        administrator(access, "management") as root,
        new_tenant(access, root, f"{prefix}-abroad") as neighbour,
        contextlib.AsyncExitStack() as stack,
    ):
        plain = [{"id": ids[kind]} for kind in ("waiting", "pending", "blocked", "deleted", "accepted")]
        token = {"securityToken": "a-token-that-is-long"}
        await admin.ok("register", {"devices": [*plain, {"id": ids["given"], **token}]})
        await admin.ok("register", {"id": ids["automatic"], **token, "autoAccept": True})
        for kind in ("pending", "deleted", "accepted"):
            caller = await enter(stack, access, ids[kind], {"securityToken": "t"})
        await admin.ok("accept", {"id": ids["accepted"], "securityToken": "t"})
        await accepted(caller)
        await admin.ok("delete", {"id": ids["deleted"]})
        async with setting(admin, {POLICY: "REQUIRED"}):
            await enter(stack, access, ids["blocked"], {})
        for kind in ("confirmed", "device"):
            await bring_in(access, admin, ids[kind])
        await admin.ok("delete", {"id": ids["device"]})
        await neighbour.ok("register", {"id": ids["abroad"]})
        await enter(stack, access, ids["abroad"], {})
        await bring_in(access, neighbour, ids["abroad-device"])
        await _are_what_they_are_called(admin, neighbour, ids)
        yield ids


async def _are_what_they_are_called(admin: Administrator, neighbour: Administrator, ids: dict[str, str]) -> None:
    expected = {
        "waiting": "WAITING_FOR_CONNECTION",
        "pending": "PENDING_ACCEPTANCE",
        "given": "WAITING_FOR_CONNECTION",
        "automatic": "WAITING_FOR_CONNECTION",
        "blocked": "BLOCKED",
        "accepted": "ACCEPTED",
        "confirmed": "ACCEPTED",
    }
    assert {kind: (await admin.get(ids[kind]))["status"] for kind in expected} == expected
    for kind in ("unknown", "deleted", "device"):
        assert await admin.code("get", {"id": ids[kind]}) == "NOT_FOUND"
    assert (await admin.ok("get-device", {"id": ids["device"]}))["id"] == ids["device"]
    assert (await neighbour.get(ids["abroad"]))["status"] == "PENDING_ACCEPTANCE"
    assert "confirmedTime" in await neighbour.get(ids["abroad-device"])


async def answer_to(caller: Device, payload: bytes | str | dict[str, Any], **options: Any) -> tuple[Any, ...]:
    """All that an outsider sees of the answer to a call."""
    await caller.call(payload, **options)
    message = await caller.peer.next()
    assert message.properties is not None
    return payload_of(message), message.properties.json(), bool(message.retain), int(message.qos)


@carries_out("probe-by-content")
async def test_every_outsider_gets_the_same_answer(access: Access, attack: Attack) -> None:
    said: list[dict[str, Any]] = [{}, {"securityToken": "guess"}, {"publicKey": Key().public}]
    async with every_kind(access, "content") as ids, contextlib.AsyncExitStack() as stack:
        heard: dict[str, tuple[Any, ...]] = {}
        for kind, device_id in ids.items():
            for plain in (False, True):
                caller = await enter(stack, access, device_id, plain=plain)
                for payload in said:
                    heard[f"{kind}, {plain}, {sorted(payload)}"] = await answer_to(caller, payload)
                await caller.call(b"guess")
        same = (NOT_ACCEPTED, {"MessageExpiryInterval": 30}, False, 1)
        assert {name: answer for name, answer in heard.items() if answer != same} == {}
        assert len(heard) == len(KINDS) * 6


@carries_out("probe-by-errors")
async def test_what_is_malformed_is_answered_alike(access: Access, attack: Attack) -> None:
    malformed: list[bytes] = [
        *(b'{"a', b'{"securityToken":5}', b"{\xff}", b'{"securityToken":"' + b"t" * 257 + b'"}', b"{}{}"),
        *(b'{"publicKey":"%s"}' % (b"A" * 43), b'{"requestId":[]}', b"{" + b" " * 16_384 + b"}"),
    ]
    async with every_kind(access, "errors") as ids, contextlib.AsyncExitStack() as stack:
        heard: dict[str, list[tuple[Any, ...]]] = {}
        for kind, device_id in ids.items():
            for plain in (False, True):
                caller = await enter(stack, access, device_id, plain=plain)
                heard[f"{kind}, {plain}"] = [await answer_to(caller, one, correlation=b"c") for one in malformed]
        for answers in zip(*heard.values(), strict=True):
            assert len({repr(answer) for answer in answers}) == 1, answers
        assert all(json.loads(one[0])["error"] == "MALFORMED_REQUEST" for one in heard["unknown, False"])


@carries_out("probe-by-acknowledgement")
async def test_the_broker_acknowledges_alike(access: Access, attack: Attack) -> None:
    async with every_kind(access, "codes") as ids, contextlib.AsyncExitStack() as stack:
        heard = {}
        for kind, device_id in ids.items():
            caller = await enter(stack, access, device_id)
            other = f"bootstrap/{device_id}/request/{private_id()}"
            topics = (caller.request_topic, caller.response_topic, other, f"bootstrap/{device_id}/response")
            heard[kind] = [
                *[await reason_of(caller.peer, topic, b"{}") for topic in topics],
                *(await caller.peer.subscribe(f"bootstrap/{device_id}/response/#")),
                *(await caller.peer.subscribe(f"devices/default/{device_id}/#")),
            ]
        assert heard == dict.fromkeys(KINDS, heard["unknown"])


@pytest.mark.alone
@carries_out("probe-by-time")
async def test_the_time_of_an_answer_tells_nothing(quiet_site: UpSite, attack: Attack) -> None:
    """Each kind is asked for as often as an unknown id, in turns; after each, how long another call then takes."""
    quiet_site.start()
    access = quiet_site.access
    async with every_kind(access, "time") as ids:
        with contextlib.ExitStack() as stack:
            kinds = [*ids, "unknown too"]
            asked = [Stopwatch.start(stack, access, ids.get(kind, "time-unknown-too")) for kind in kinds]
            others = [Stopwatch.start(stack, access, f"time-after-{number}") for number in range(len(kinds))]
            unknown: list[float] = []
            repeats, began = 0, time.monotonic()
            while repeats < REPEATS or (time.monotonic() < began + LONGEST and not sees(LEAK, others[0].took, unknown)):
                for number in range(len(kinds)):  # each time in another order
                    at = (number * 5 + repeats) % len(kinds)
                    asked[at].call()
                    others[at].call()
                unknown = asked[0].took + asked[-1].took
                repeats += 1
    assert sees(max(LEAK, statistics.median(unknown) / 2), others[0].took, unknown), "nothing could be measured"
    for found, reference in ((asked, unknown), (others, others[0].took + others[-1].took)):
        figures = {kind: round(larger(one.took, reference), 2) for kind, one in zip(kinds, found, strict=True)}
        print(repeats, figures)
        assert [kind for kind, one in zip(kinds, found, strict=True) if told_apart(one.took, reference)] == [], figures


@dataclass
class Stopwatch:
    """A caller on a socket of its own, without a library whose turns would be measured too."""

    topic: str
    wire: socket.socket
    took: list[float] = field(default_factory=list)

    @classmethod
    def start(cls, stack: contextlib.ExitStack, access: Access, device_id: str) -> "Stopwatch":
        name, login = private_id(), access["bootstrap"]
        wire = stack.enter_context(socket.create_connection(("127.0.0.1", access["bootstrapPort"]), timeout=10))
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.sendall(packets.connect(name, login["username"], login["password"]))
        found = cls(f"bootstrap/{device_id}/request/{name}", wire)
        assert found.next() == 0x20
        wire.sendall(packets.subscribe(f"bootstrap/{device_id}/response/{name}", qos=0))
        assert found.next() == 0x90
        found.call()
        found.took.clear()  # the first one of a caller may be a claim
        return found

    def next(self) -> int:
        """Wait for the next packet and return its kind."""
        buffer = bytearray()
        while True:
            data = self.wire.recv(65_536)
            assert data, "the connection ended"
            buffer += data
            for kind, body in packets.taken(buffer):
                assert kind & 0xF0 != 0x30 or body.endswith(NOT_ACCEPTED), body
                return kind & 0xF0

    def call(self) -> None:
        began = time.perf_counter()
        self.wire.sendall(packets.publish(self.topic, b"{}", qos=0))
        assert self.next() == 0x30
        self.took.append(time.perf_counter() - began)
