"""More than fits: floods, herds larger than queues, huge requests, who never reads. Others are served all the while."""

import asyncio
import contextlib
import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.limits import STEEPEST
from tests.e2e import packets
from tests.e2e.fairness import fairness, ratio_of
from tests.e2e.flood import Sending, flooder
from tests.e2e.malformations import flood_with_malformed, memory_of
from tests.e2e.peer import administrator, device, payload_of, private_id
from tests.e2e.scenes import accepted, assert_serves, enter
from tests.e2e.site import ApartSite, running, wait_until

pytestmark = pytest.mark.alone
Access = dict[str, Any]

WHOLE = "BOOTSTRAP_BRIDGE_TEST_MALFORMED"
"""The variable that has so many malformed calls sent, 100000 for the whole of it; the first tenth is compared with."""
FAIR = 5.0
STEADY = 1.1


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApartSite]:
    site = ApartSite(tmp_path_factory.mktemp("overload") / "data")
    with running(site):
        yield site


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ApartSite]:
    """An installation of one test's own, which starts it."""
    site = ApartSite(tmp_path / "data")
    try:
        yield site
    finally:
        site.stop()


def limited(site: ApartSite, **rates: float) -> None:
    """Start the bridge again with these limits."""
    site.processes.pop("serve").stop()
    site.env.update({f"BOOTSTRAP_BRIDGE_CALLS_{name.upper()}": str(rate) for name, rate in rates.items()})
    site.start_bridge()


def rows(site: ApartSite, query: str) -> Any:
    """Read one value from the database."""
    path = site.data / "bridge" / "registrations.db"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchone()[0]


def logged(site: ApartSite, event: str) -> list[dict[str, Any]]:
    lines = (line for line in site.processes["serve"].output.splitlines() if line.startswith("{"))
    return [one for one in map(json.loads, lines) if one["event"] == event]


def test_while_one_id_calls_a_thousand_times_a_second_others_wait_at_most_five_times_as_long(apart: ApartSite) -> None:
    rounds = fairness(apart.access, 1_000, rounds=3, calls=300)
    assert all(one.rate >= 950 for one in rounds), rounds
    assert ratio_of(rounds) <= FAIR, rounds
    assert sum(one.get("device", 0) for one in logged(apart, "calls above a limit")) > 0


def test_a_connection_that_names_thousands_of_ids_keeps_nobody_from_being_heard(apart: ApartSite) -> None:
    client_id = private_id()
    messages = [Sending(f"bootstrap/guess-{number}/request/{client_id}") for number in range(8_000)]
    with flooder(apart.access, [client_id], messages) as flood:
        for _ in range(2):
            flood.send(8_000)
            asyncio.run(assert_serves(apart.access, f"among-guesses-{private_id()[:6].strip('-_')}x"))
    wait_until(lambda: sum(one.get("connection", 0) for one in logged(apart, "calls above a limit")), "it was limited")


def test_of_thousands_of_unknown_ids_the_latest_are_remembered_and_no_more(own: ApartSite) -> None:
    own.start()
    limited(own, per_connection=0)
    client_id = private_id()
    messages = [Sending(f"bootstrap/unknown-{number}/request/{client_id}") for number in range(12_000)]
    with flooder(own.access, [client_id], messages, listen=["bootstrap/+/response/%c"]) as flood:
        for done in range(2_000, 12_001, 2_000):
            flood.send(2_000)
            assert flood.hear(2_000)["heard"] == 2_000, "each is answered"
            assert rows(own, "select count(*) from unregistered") <= 11_000
            assert done
    assert rows(own, "select count(*) from unregistered where id = 'unknown-11999'") == 1
    assert rows(own, "select count(*) from unregistered where id = 'unknown-0'") == 0


def test_of_a_herd_larger_than_the_queue_every_device_is_heard_once_it_has_repeated_its_call(own: ApartSite) -> None:
    own.start()
    own.processes.pop("serve").stop()
    own.processes.pop("bootstrap").stop()
    configuration = own.data / "bootstrap-broker" / "mosquitto.conf"
    text = configuration.read_text(encoding="utf-8")
    assert "max_queued_messages 20000" in text
    configuration.write_text(text.replace("max_queued_messages 20000", "max_queued_messages 500"), encoding="utf-8")
    own.start_broker("bootstrap")
    own.start_bridge()
    number, clients = 3_000, [private_id() for _ in range(20)]
    ids = "".join(f"herd-{one}\n" for one in range(number))
    assert own.cli("register", "-", stdin=ids, timeout=60).returncode == 0
    messages = [
        Sending(f"bootstrap/herd-{one}/request/{clients[one % 20]}", qos=one % 2, client=one % 20)
        for one in range(number)
    ]
    pending = [0]
    with flooder(own.access, clients, messages) as flood:
        while pending[-1] < number:
            assert len(pending) <= 20, pending
            flood.begin(20_000)
            time.sleep(0.6 * number / 20_000)  # not all of them, so that others are first the next time
            flood.end()
            pending.append(asyncio.run(_answered_by_the_bridge(own.access)))


async def _answered_by_the_bridge(access: Access) -> int:
    """Return how many are pending once a call made now was answered: what was queued before it has been handled."""
    async with administrator(access) as admin, device(access, f"last-{private_id()[:8].strip('-_')}x") as caller:
        await admin.ok("list", {"limit": 1})
        async with asyncio.timeout(60):
            while True:  # the queue may have been full for this call as well
                await caller.call()
                with contextlib.suppress(TimeoutError):
                    await caller.peer.next(5)
                    break
        counts: dict[str, int] = (await admin.ok("list", {"limit": 1}))["counts"]
        return counts["PENDING_ACCEPTANCE"]


def test_callers_by_the_hundred_in_one_devices_name_leave_four_claims_and_the_token_still_decides(
    apart: ApartSite,
) -> None:
    async def work() -> None:
        clients = [private_id() for _ in range(200)]
        messages = [
            Sending(f"bootstrap/wanted/request/{one}", b'{"securityToken":"guess-%d"}' % number, client=number)
            for number, one in enumerate(clients)
        ]
        async with administrator(apart.access) as admin, device(apart.access, "wanted") as caller:
            await admin.ok("register", {"id": "wanted"})
            with flooder(apart.access, clients, messages, listen=["bootstrap/+/response/%c"]) as flood:
                flood.send(2_000)
                assert flood.hear(2_000)["heard"] == 2_000
            found = await admin.get("wanted")
            assert (len(found["claims"]), found["claimsOverflow"], found["calls"]) == (4, True, 2_000)
            assert await admin.code("accept", {"id": "wanted", "securityToken": "on the label"}) == "CLAIM_CONFLICT"
            await caller.call({"securityToken": "on the label"})
            await caller.peer.next()
            await admin.ok("accept", {"id": "wanted", "securityToken": "on the label"})
            assert (await accepted(caller))["status"] == "ACCEPTED"

    asyncio.run(work())


def test_under_load_known_and_unknown_callers_are_told_to_wait_longer_and_not_in_step(own: ApartSite) -> None:
    own.start()
    limited(own, overall=20)
    clients = [private_id() for _ in range(50)]
    messages = [Sending(f"bootstrap/load-{one}/request/{client}", client=one) for one, client in enumerate(clients)]

    async def told() -> dict[str, set[int]]:
        seen: dict[str, set[int]] = {"known": set(), "unknown": set()}
        async with administrator(own.access) as admin, contextlib.AsyncExitStack() as stack:
            await admin.ok("register", {"id": "known"})
            callers = [await enter(stack, own.access, name) for name in seen]
            for _ in range(8):
                for caller in callers:
                    await caller.call()
                    seen[caller.id].add(json.loads(payload_of(await caller.peer.next()))["retryAfter"])
        return seen

    with flooder(own.access, clients, messages) as flood:
        began = time.monotonic()
        flood.begin(60)
        time.sleep(6)
        seen = asyncio.run(told())
        flood.end()
        most = (30 + STEEPEST * (time.monotonic() - began)) * 1.5 + 1
    for name in seen:
        assert min(seen[name]) > 30, seen
        assert len(seen[name]) > 3, seen
        assert max(seen[name]) <= most, seen
    assert abs(min(seen["known"]) - min(seen["unknown"])) < 20, seen


def test_large_calls_with_qos_0_by_the_thousand_do_not_pile_up_in_memory(apart: ApartSite) -> None:
    clients = [private_id() for _ in range(4)]
    large = b'{"other":"' + b"x" * 16_000 + b'"}'
    messages = [
        Sending(f"bootstrap/large-{one}/request/{client}", large, qos=0, client=one)
        for one, client in enumerate(clients)
    ]
    pid = apart.processes["serve"].process.pid
    with flooder(apart.access, clients, messages) as flood:
        flood.send(2_000)
        asyncio.run(_answered_by_the_bridge(apart.access))
        before = memory_of(pid)
        for _ in range(4):
            flood.send(2_000)
        asyncio.run(_answered_by_the_bridge(apart.access))
    assert memory_of(pid) < before + 40_000_000


HUGE = {
    "wide": (b'{"devices":[' + b"1," * 900_000 + b"1]}", "LIMIT_REACHED"),
    "objects": (b'{"devices":[' + b"{}," * 600_000 + b"{}]}", "LIMIT_REACHED"),
    "deep": (b'{"id":' + b"[" * 900_000 + b"]" * 900_000 + b"}", "MALFORMED_REQUEST"),
    "open": (b'{"a":' * 380_000, "MALFORMED_REQUEST"),
    "long id": (b'{"id":"' + b"x" * 1_900_000 + b'"}', "INVALID_ID"),
    "long name": (b'{"id":"huge","name":"' + b"x" * 1_900_000 + b'"}', "MALFORMED_REQUEST"),
    "many members": (
        b"{" + b",".join(b'"m%d":1' % one for one in range(150_000)) + b',"id":"huge"}',
        "MALFORMED_REQUEST",
    ),
    "properties": (b'{"id":"huge","properties":{"a":"' + b"x" * 1_900_000 + b'"}}', "LIMIT_REACHED"),
    "escapes": (b'{"id":"' + rb"\u0061" * 300_000 + b'"}', "INVALID_ID"),
    "bytes": (b"\xff" * 1_900_000, "MALFORMED_REQUEST"),
}
ONE_HUNDRED_THOUSAND = json.dumps({"devices": [{"id": f"n{one}"} for one in range(100_000)]}).encode()


def test_huge_requests_are_refused_in_words_and_leave_nothing_behind(apart: ApartSite) -> None:
    async def work() -> None:
        async with administrator(apart.access) as admin, device(apart.access, "beside-huge") as caller:
            requests = HUGE | {"one hundred thousand": (ONE_HUNDRED_THOUSAND, "LIMIT_REACHED")}
            for name, (payload, code) in requests.items():
                answer = await admin.answer("register", payload)
                assert answer["error"]["code"] == code, (name, answer["error"])
                assert len(json.dumps(answer)) < 3_000, name
                assert json.loads(payload_of(await _asked(caller)))["status"] == "PENDING_ACCEPTANCE"
            assert (await admin.answer("get", {"id": "huge"}))["error"]["code"] == "NOT_FOUND"

    before = memory_of(apart.processes["serve"].process.pid)
    asyncio.run(work())
    first = memory_of(apart.processes["serve"].process.pid)
    asyncio.run(work())
    assert memory_of(apart.processes["serve"].process.pid) < max(first * STEADY, before * 2)


async def _asked(caller: Any) -> Any:
    await caller.call()
    return await caller.peer.next()


def test_one_administrator_with_thousands_of_requests_keeps_only_himself_waiting(apart: ApartSite) -> None:
    login = next(one for one in apart.access["administrators"] if one["tenant"] == "default")
    name, number = login["username"], 600
    message = Sending(f"control/default/{name}/request/list", b'{"limit":1}')
    listen = [f"control/default/{name}/response"]

    async def asked() -> None:
        async with administrator(apart.access, "management") as admin:
            for _ in range(20):
                await admin.ok("list", {"limit": 1})

    with flooder(apart.access, ["busy"], [message], login=login, listen=listen, needle="LIMIT_REACHED") as flood:
        flood.send(number)
        asyncio.run(asked())
        done = flood.end()
        assert done["heard"] < number, "the other administrator was answered before the thousands were"
        done = flood.hear(number)
    assert done["heard"] == number, "each has exactly one answer"


def test_more_requests_than_may_wait_are_refused_each_by_an_answer(apart: ApartSite) -> None:
    """Files are worked on one after the other, and only so many bytes of them may wait."""
    login = next(one for one in apart.access["administrators"] if one["tenant"] == "default")
    name, number = login["username"], 60
    file = b"ID;PATH\n" + b"".join(b"file-%03d;%s\n" % (one, b"x/" * 2_000 + b"x") for one in range(450))
    assert len(file) < 1_900_000
    message = Sending(f"control/default/{name}/request/bulk-validate", file)
    listen = [f"control/default/{name}/response"]
    pid = apart.processes["serve"].process.pid
    with flooder(apart.access, ["files"], [message], login=login, listen=listen, needle="LIMIT_REACHED") as flood:
        flood.send(number)
        asyncio.run(_other_is_answered(apart.access))
        done = flood.hear(number)
    assert done["heard"] == number, "each has exactly one answer"
    assert 0 < done["found"] < number
    assert memory_of(pid) < 400_000_000


def test_an_administrator_who_never_reads_his_answers_costs_the_bridge_nothing(apart: ApartSite) -> None:
    login = next(one for one in apart.access["administrators"] if one["tenant"] == "default")
    name = login["username"]
    pid = apart.processes["serve"].process.pid
    ids = "".join(f"listed-{one}-{'x' * 200}\n" for one in range(1_000))
    assert apart.cli("register", "-", stdin=ids, timeout=60).returncode == 0
    asks = [
        packets.publish(f"control/default/{name}/request/list", b'{"limit":1000,"requestId":"%d"}' % one, mid=one + 1)
        for one in range(150)
    ]
    with socket.create_connection(("127.0.0.1", apart.access["port"])) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.sendall(packets.connect("deaf", name, login["password"]))
        deaf.sendall(packets.subscribe(f"control/default/{name}/response"))
        deaf.sendall(packets.subscribe("events/default/#"))
        handled = len(logged(apart, "request"))
        sizes = []
        for part in (asks[:50], asks[50:100], asks[100:]):
            for one in part:
                deaf.sendall(one)
            handled += len(part)
            wait_until(lambda handled=handled: len(logged(apart, "request")) >= handled, "all are answered", 60)
            asyncio.run(_other_is_answered(apart.access))
            handled += 1
            sizes.append(memory_of(pid))
        assert sizes[2] <= sizes[0] * STEADY, sizes


async def _other_is_answered(access: Access) -> None:
    async with administrator(access, "management") as admin:
        await admin.ok("list", {"limit": 1})


def test_malformed_calls_of_every_kind_are_each_counted_and_leave_no_memory_behind(own: ApartSite) -> None:
    own.start()
    number = int(os.environ.get(WHOLE, "20000"))
    sent = flood_with_malformed(own, number // 10, number)
    assert sent.counted == sent.sent
    assert sent.memory_ratio <= STEADY, sent
    asyncio.run(assert_serves(own.access, "after-malformed"))
