"""Brokers that are away, stopped, slow, silent or reset: the bridge says so, comes back, and every device is served."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import aiomqtt
import pytest

from tests.e2e.faulty import LinedSite, lined, open_files, resident_kib, threads
from tests.e2e.peer import administrator, connected, device, private_id, resident
from tests.e2e.scenes import accepted, assert_serves
from tests.e2e.site import Process, wait_until
from tests.e2e.test_crash import persist

OUTAGE = float(os.environ.get("BOOTSTRAP_BRIDGE_TEST_OUTAGE", "6"))
"""Seconds for which both brokers are away; minutes in the long form."""
FLAPS = 20
PATIENCE = 60.0
"""Seconds for what the slowest machine does in ten."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LinedSite]:
    with lined(tmp_path_factory.mktemp("lined") / "data") as running:
        yield running


@dataclass
class Observer:
    """An administrator who looks at the state of the bridge and nowhere else, on the broker itself."""

    peer: Any

    async def sees(self, state: str, patience: float = PATIENCE) -> float:
        """Wait until the state is this one; return the seconds that it took."""
        began = time.monotonic()
        async with asyncio.timeout(patience):
            while (await self.peer.next_json(patience))["state"] != state:
                pass
        return time.monotonic() - began


@contextlib.asynccontextmanager
async def observing(site: LinedSite) -> AsyncIterator[Observer]:
    """Watch ``bridge/state``, which must be online at the beginning."""
    one = next(one for one in site.access["administrators"] if one["tenant"] == "default")
    async with connected(site.access["port"], one["username"], one["password"], None) as peer:
        await peer.subscribe("bridge/state")
        observer = Observer(peer)
        await observer.sees("online")
        yield observer


async def retained_state(site: LinedSite) -> str:
    """What an administrator is told who comes now."""
    one = next(one for one in site.access["administrators"] if one["tenant"] == "default")
    async with connected(site.access["port"], one["username"], one["password"], None) as peer:
        await peer.subscribe("bridge/state")
        return str((await peer.next_json())["state"])


async def until_online(site: LinedSite) -> float:
    """Wait until somebody who comes now is told that the bridge is online."""
    began = time.monotonic()
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                if await retained_state(site) == "online":
                    return time.monotonic() - began
            await asyncio.sleep(0.05)


def said(process: Process, event: str, since: int = 0) -> list[dict[str, Any]]:
    """Return the lines of the log with this event, from a line on."""
    found = []
    for line in process.output.splitlines()[since:]:
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if entry["event"] == event:
                found.append(entry)
    return found


def lines_so_far(process: Process) -> int:
    return len(process.output.splitlines())


async def test_a_gate_that_is_gone_is_not_online_and_administrators_are_still_answered(site: LinedSite) -> None:
    async with observing(site) as observer, administrator(site.access) as admin:
        site.processes["bootstrap"].kill()
        took = await observer.sees("offline")
        await admin.ok("register", {"id": "gone-1"})
        site.start_broker("bootstrap")
        await observer.sees("online")
        print(f"offline after {took:.2f} s")
    await assert_serves(site.access, "gone-2")


async def test_half_open_lines_are_noticed_and_a_broker_that_takes_and_never_answers_is_waited_for(
    site: LinedSite,
) -> None:
    """Both lines fall silent one after the other; new connections are taken and get no CONNACK."""
    since = lines_so_far(site.bridge)
    files = open_files(site.bridge)
    gate, operations = site.lines["bootstrap"], site.lines["operations"]
    async with observing(site) as observer:
        gate.hold()
        noticed = await observer.sees("offline")
        operations.hold()
        began = time.monotonic()
        tried = gate.accepted
        await asyncio.to_thread(
            wait_until,
            lambda: (
                {line["session"] for line in said(site.bridge, "session ended", since)}
                >= {"calls", "control", "info", "accounts"}
            ),
            "all sessions have noticed",
            PATIENCE,
        )
        await asyncio.to_thread(
            wait_until,
            lambda: any(
                line["session"] == "calls" and "no broker answers" in line["reason"]
                for line in said(site.bridge, "session ended", since)
            ),
            "a connection without CONNACK is given up",
            PATIENCE,
        )
        assert open_files(site.bridge) <= files + 4, "one new connection for each session at the most"
        print(f"gate noticed after {noticed:.1f} s, operations after {time.monotonic() - began:.1f} s, {tried} tries")
        gate.resume()
        operations.resume()
        await observer.sees("online")
    await assert_serves(site.access, "half-open")


@pytest.mark.parametrize("name", ["operations", "bootstrap"])
async def test_a_connection_reset_in_the_middle_of_a_packet_costs_nothing(site: LinedSite, name: str) -> None:
    line = site.lines[name]
    for number, bytes_left in enumerate((1, 40)):
        taken = line.accepted
        line.bytes_left = bytes_left
        device_id = f"reset-{name}-{number}"
        client_id = private_id()
        async with administrator(site.access) as admin:
            await asyncio.wait_for(admin.peer.publish("control/default/admin/request/list", b"{}"), 10)
        calling = asyncio.create_task(persist(site.access, device_id, client_id, PATIENCE))
        await asyncio.to_thread(wait_until, lambda taken=taken: line.accepted > taken, "the bridge is back", PATIENCE)
        await until_online(site)
        async with administrator(site.access) as admin:
            await admin.ok("register", {"id": device_id})
            await admin.until(device_id, "claims")
            await admin.ok("accept", {"id": device_id, "securityToken": "t"})
        await calling


async def test_slow_lines_and_brokers_that_stand_still_for_a_while_lose_nothing(site: LinedSite) -> None:
    for line in site.lines.values():
        line.delay = 0.02
    try:
        await assert_serves(site.access, "slow-line")
        for name in ("operations", "bootstrap"):
            process = site.processes[name].process
            async with device(site.access, f"still-{name}") as caller, administrator(site.access) as admin:
                await admin.ok("register", {"id": caller.id})
                await caller.ask()
                process.send_signal(signal.SIGSTOP)
                try:
                    await asyncio.sleep(2)
                finally:
                    process.send_signal(signal.SIGCONT)
                await admin.ok("accept", {"id": caller.id})
                assert (await accepted(caller))["deviceId"] == caller.id
    finally:
        for line in site.lines.values():
            line.delay = 0.0
    assert await retained_state(site) == "online"


async def test_both_brokers_away_while_devices_call_then_all_converge(site: LinedSite) -> None:
    ids = [f"away-{number}" for number in range(20)]
    clients = {device_id: private_id() for device_id in ids}
    async with administrator(site.access) as admin:
        await admin.ok("register", {"devices": [{"id": device_id} for device_id in ids]})
    since, files, memory = lines_so_far(site.bridge), open_files(site.bridge), resident_kib(site.bridge)
    for name in ("operations", "bootstrap"):
        site.processes[name].kill()
    calling = [
        asyncio.create_task(persist(site.access, device_id, client, OUTAGE + 2 * PATIENCE))
        for device_id, client in clients.items()
    ]
    await asyncio.sleep(OUTAGE)
    told = lines_so_far(site.bridge) - since
    assert told <= 4 * 4 + 4 + OUTAGE / 60, site.bridge.output
    assert open_files(site.bridge) <= files + 4
    assert resident_kib(site.bridge) <= memory * 1.1 + 8_192
    for name in ("operations", "bootstrap"):
        site.start_broker(name)
    took = await until_online(site)
    async with administrator(site.access) as admin:
        for device_id in ids:
            await admin.until(device_id, "claims")
        await admin.ok("accept", {"devices": [{"id": one, "securityToken": "t"} for one in ids]})
        for credentials in await asyncio.gather(*calling):
            async with resident(site.access, credentials) as peer:
                await peer.publish(f"devices/default/{credentials['deviceId']}/info", b"{}")
        for device_id in ids:
            await admin.until(device_id, "confirmedTime")
    print(f"online {took:.1f} s after an outage of {OUTAGE:g} s, {told} lines meanwhile")


@pytest.mark.parametrize("name", ["operations", "bootstrap"])
async def test_a_broker_that_flaps_leaks_nothing_and_floods_no_log(site: LinedSite, name: str) -> None:
    await assert_serves(site.access, f"flap-{name}-before")
    since, files, memory = lines_so_far(site.bridge), open_files(site.bridge), resident_kib(site.bridge)
    taken = site.lines[name].accepted

    def serves(session: str, since: int) -> bool:
        return any(line["session"] == session for line in said(site.bridge, "session serves", since))

    session = "control" if name == "operations" else "calls"
    for number in range(FLAPS):
        site.processes[name].kill()
        served = lines_so_far(site.bridge)
        site.start_broker(name)
        if number % 4 == 0:
            await asyncio.to_thread(wait_until, lambda served=served: serves(session, served), "it serves", PATIENCE)
    took = await until_online(site)
    assert site.lines[name].accepted > taken
    other = [line for line in site.bridge.output.splitlines()[since:] if not line.startswith("{")]
    assert other == [], "nothing past the log"
    told = said(site.bridge, "session ended", since)
    assert len(told) >= FLAPS / 4, "it has come and gone"
    sessions = 3 if name == "operations" else 1
    assert len(told) <= sessions * FLAPS * 3, "one for each end, and for each new kind of reason"
    await assert_serves(site.access, f"flap-{name}-after")
    await asyncio.to_thread(wait_until, lambda: open_files(site.bridge) <= files + 1, "no open file is left")
    assert threads(site.bridge) <= 40
    assert resident_kib(site.bridge) <= memory * 1.1 + 8_192
    print(f"online {took:.1f} s after {FLAPS} restarts, {len(told)} lines")
