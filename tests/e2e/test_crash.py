"""Processes killed and brokers restarted in the middle: nothing accepted is lost, and every device is served."""

import asyncio
import contextlib
import os
import random
import secrets
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from tests.e2e.peer import Administrator, Device, administrator, device, payload_of, private_id, resident, stranger
from tests.e2e.scenes import accepted, assert_refused, assert_serves, bring_in
from tests.e2e.site import BIN, AnySite, ApartSite, Process, UpSite, free_ports, wait_until

Access = dict[str, Any]
DEVICES = 8


def brokers_on(data: Path) -> dict[int, str]:
    """Mosquitto processes of this folder, by process id."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
                if "mosquitto" in words[0] and any(str(data) in word for word in words[1:]):
                    found[int(folder.name)] = next(word for word in words[1:] if str(data) in word)
    return found


@pytest.fixture
def apart_site(tmp_path: Path) -> Iterator[ApartSite]:
    """An installation of one test's own, by `init`, brokers and `serve`."""
    chosen = ApartSite(tmp_path / "apart")
    try:
        yield chosen
    finally:
        chosen.stop()


async def insist(access: Access, command: str, body: dict[str, Any], patience: float = 60) -> dict[str, Any]:
    """Ask as an administrator who repeats with the same request id until he has an answer."""
    request = {**body, "requestId": secrets.token_hex(8)}
    async with asyncio.timeout(patience):
        while True:
            try:
                async with administrator(access, timeout=1) as admin:
                    answer = await one_try(admin, command, request)
                if answer is not None:
                    return answer
            except aiomqtt.MqttError:
                await asyncio.sleep(0.05)


async def one_try(admin: Administrator, command: str, request: dict[str, Any]) -> dict[str, Any] | None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            answer = await admin.answer(command, request, qos=0)
            while answer["requestId"] != request["requestId"]:
                answer = await admin.peer.next_json()
            return answer
    return None


async def persist(access: Access, device_id: str, client_id: str, patience: float = 60) -> dict[str, Any]:
    """Call as a device that repeats and reconnects until it has credentials."""
    async with asyncio.timeout(patience):
        while True:
            try:
                async with stranger(access, client_id, timeout=1) as peer:
                    caller = Device(peer, device_id, client_id)
                    await peer.subscribe(caller.response_topic)
                    while not peer.ended.is_set():
                        await caller.call({"securityToken": "t"}, qos=0)
                        with contextlib.suppress(TimeoutError):
                            answer = await peer.next_json(0.2)
                            if answer["status"] == "ACCEPTED":
                                return answer
            except aiomqtt.MqttError:
                await asyncio.sleep(0.05)


async def one_life(access: Access, device_id: str, client_id: str) -> dict[str, Any]:
    """Begin again: deleted, registered, called, accepted, served; while anything may die."""
    await insist(access, "delete", {"id": device_id})
    assert (await insist(access, "register", {"id": device_id}))["ok"]
    calling = asyncio.create_task(persist(access, device_id, client_id), name=device_id)
    async with asyncio.timeout(60):
        while True:
            answer = await insist(access, "accept", {"id": device_id, "securityToken": "t"})
            if answer["ok"]:
                break
            assert answer["error"]["code"] == "INVALID_STATE", answer
    credentials = await calling
    found = await insist(access, "get", {"id": device_id})
    assert found["result"]["status"] == "ACCEPTED", "what was accepted is not lost"
    return credentials


async def survive(access: Access, disturb: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Let devices begin a new life while ``disturb`` runs; each ends with one password that works."""
    ids = [f"crash-{number}" for number in range(DEVICES)]
    clients = {device_id: private_id() for device_id in ids}
    async with administrator(access) as admin:
        old = {device_id: await bring_in(access, admin, device_id) for device_id in ids}
    disturbing = asyncio.create_task(disturb(), name="disturb")
    served = await asyncio.gather(*(one_life(access, device_id, clients[device_id]) for device_id in ids))
    await disturbing
    for credentials in served:
        device_id = credentials["deviceId"]
        again = await persist(access, device_id, clients[device_id])
        assert again == credentials, "every answer carries the same password"
        assert credentials["password"] != old[device_id]["password"]
        login = old[device_id]
        await assert_refused(access["port"], login["username"], login["password"], device_id)
        async with resident(access, credentials) as peer:
            await peer.publish(f"devices/default/{device_id}/info", b"{}")
    async with administrator(access) as admin:
        for device_id in ids:
            await admin.until(device_id, "confirmedTime")
            found = await admin.get(device_id)
            assert (len(found["claims"]), found["failedAttempts"]) == (1, 0)


@pytest.mark.parametrize("kind", ["up", "serve"])
async def test_a_bridge_killed_again_and_again_loses_nothing(
    kind: str, own_site: UpSite, apart_site: ApartSite
) -> None:
    site: AnySite = own_site if kind == "up" else apart_site
    site.start()
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)

    async def disturb() -> None:
        for _ in range(3):
            await asyncio.sleep(chance.uniform(0.02, 0.5))
            await asyncio.to_thread(site.kill_bridge)
            await asyncio.to_thread(site.restart_bridge)

    await survive(site.access, disturb)


@pytest.mark.parametrize("name", ["operations", "bootstrap"])
async def test_a_broker_of_up_that_dies_is_started_again_and_the_service_goes_on(own_site: UpSite, name: str) -> None:
    own_site.start()
    access = own_site.access

    async def disturb() -> None:
        for _ in range(2):
            await asyncio.sleep(random.uniform(0.05, 0.4))
            (pid,) = (pid for pid, word in brokers_on(own_site.data).items() if f"/{name}-broker/" in word)
            await asyncio.to_thread(kill_and_wait_for_another, own_site.data, name, pid)

    await survive(access, disturb)
    assert own_site.up.process.poll() is None
    assert own_site.access == access
    assert len(brokers_on(own_site.data)) == 2


def kill_and_wait_for_another(data: Path, name: str, pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_until(
        lambda: any(f"/{name}-broker/" in word and other != pid for other, word in brokers_on(data).items()),
        f"the {name} broker is started again",
    )


@pytest.mark.parametrize("name", ["operations", "bootstrap"])
async def test_a_broker_restarted_under_a_lone_bridge_is_found_again(apart_site: ApartSite, name: str) -> None:
    apart_site.start()

    async def disturb() -> None:
        for end in (Process.kill, Process.stop):
            await asyncio.sleep(random.uniform(0.05, 0.4))
            await asyncio.to_thread(end, apart_site.processes[name])
            await asyncio.to_thread(apart_site.start_broker, name)

    await survive(apart_site.access, disturb)
    assert apart_site.processes["serve"].process.poll() is None, "the bridge was not restarted"


def test_brokers_that_die_three_times_in_a_minute_end_up_with_status_3(own_site: UpSite) -> None:
    own_site.start()
    up, killed = own_site.up, set[int]()

    def another() -> int | None:
        brokers = brokers_on(own_site.data).items()
        return next((pid for pid, word in brokers if "/bootstrap-broker/" in word and pid not in killed), None)

    def ended() -> bool:
        return up.process.poll() is not None

    while len(killed) < 4 and not ended():
        pid = wait_until(lambda: another() or ended(), "the broker is started again, or up ends")
        if not ended():
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        wait_until(lambda: another() or ended() or len(killed) >= 3, "it is started again")
    assert up.process.wait(10) == 3
    assert len(killed) >= 3, "before that it is started again"
    assert brokers_on(own_site.data) == {}
    own_site.processes.clear()


@pytest.mark.alone
async def test_ten_kills_in_a_row_leave_nothing_that_stops_the_next_start(own_site: UpSite) -> None:
    began = time.monotonic()
    own_site.start()
    usual = time.monotonic() - began
    first = own_site.access
    bootstrap = (own_site.data / "bootstrap.json").read_text()
    ports = ("--port", str(first["port"]), "--bootstrap-port", str(first["bootstrapPort"]))
    for _ in range(10):
        own_site.kill_bridge()
        (own_site.data / "access.json").unlink()
        (own_site.data / "bootstrap.json").unlink()
        began = time.monotonic()
        own_site.start(*ports)
        # Five seconds where nothing else runs; a busy machine takes longer for the very first start as well.
        assert time.monotonic() - began < max(5, 4 * usual)
        assert own_site.access == first
        assert (own_site.data / "bootstrap.json").read_text() == bootstrap
        assert {path.name: path.stat().st_mode & 0o777 for path in own_site.data.glob("*.json")} == {
            "access.json": 0o600,
            "bootstrap.json": 0o600,
        }
        assert len(brokers_on(own_site.data)) == 2
    await assert_serves(first, "ten-kills")


async def test_killed_while_it_starts_the_next_start_still_works(own_site: UpSite) -> None:
    port, bootstrap_port = free_ports(2)
    words = [str(BIN / "bootstrap-bridge"), "up", "--data", str(own_site.data)]
    words += ["--port", str(port), "--bootstrap-port", str(bootstrap_port)]
    for number in range(8):
        process = Process.start(words, own_site.data.parent / "early.log")
        try:
            await asyncio.sleep(0.25 + 0.06 * number)
        finally:
            process.kill()
    own_site.start("--port", str(port), "--bootstrap-port", str(bootstrap_port))
    assert len(brokers_on(own_site.data)) == 2
    await assert_serves(own_site.access, "early-kills")


async def test_a_registered_device_keeps_talking_while_the_bridge_is_away(apart_site: ApartSite) -> None:
    apart_site.start()
    access = apart_site.access
    async with administrator(access) as admin, device(access, "away-2") as caller:
        credentials = await bring_in(access, admin, "away-1")
        await admin.ok("register", {"id": "away-2"})
        await caller.ask()
        await admin.ok("accept", {"id": "away-2"})
        unconfirmed = await accepted(caller)
        async with resident(access, credentials) as peer:
            await peer.subscribe("devices/default/away-1/commands")
            apart_site.kill_bridge()
            for number in range(20):
                await peer.publish("devices/default/away-1/commands", str(number))
                assert payload_of(await peer.next()) == str(number).encode()
        async with resident(access, credentials) as peer:
            await peer.subscribe("devices/default/away-1/commands")
        async with resident(access, unconfirmed) as peer:
            await peer.publish("devices/default/away-2/info", b"while it is away")
        apart_site.start_bridge()
        assert (await admin.until("away-2", "confirmedTime"))["status"] == "ACCEPTED"


async def test_a_command_sent_while_the_bridge_is_away_is_not_done_later(apart_site: ApartSite) -> None:
    apart_site.start()
    async with administrator(apart_site.access) as admin:
        apart_site.kill_bridge()
        await admin.peer.publish("control/default/admin/request/register", b'{"id":"later-1"}')
        apart_site.start_bridge()
        assert await admin.code("get", {"id": "later-1"}) == "NOT_FOUND"


async def test_calls_made_while_the_bridge_is_away_are_healed_by_the_next_call(apart_site: ApartSite) -> None:
    apart_site.start()
    access = apart_site.access
    async with administrator(access) as admin, device(access, "heal-1", plain=True) as caller:
        await admin.ok("register", {"id": "heal-1"})
        apart_site.kill_bridge()
        await caller.call(b"t", retain=True)
        apart_site.start_bridge()
        await caller.call(b"t")
        await admin.until("heal-1", "claims")
        await admin.ok("accept", {"id": "heal-1", "securityToken": "t"})
        assert payload_of(await caller.peer.next()).startswith(b"70,default,device_heal-1,")
