"""The disk full or read-only, under load: nothing committed is lost, refusals are honest, and it goes on by itself."""

import asyncio
import contextlib
import json
import os
import secrets
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from tests import lines
from tests.e2e.disks import Disk, disk
from tests.e2e.peer import Administrator, Device, administrator, device, resident
from tests.e2e.scenes import accepted, bring_in, watching
from tests.e2e.site import UpSite, wait_until
from tests.e2e.test_crash import brokers_on

Access = dict[str, Any]
FLEET = 6


@contextlib.asynccontextmanager
async def states(access: Access) -> AsyncIterator["States"]:
    """Follow what the bridge says of itself."""
    async with watching(access, "default", "bridge/state") as watcher:
        yield States(watcher.peer)


class States:
    """The states of the bridge as they are told."""

    def __init__(self, peer: Any) -> None:
        self._peer = peer

    async def until(self, state: str) -> None:
        """Wait until it is this one."""
        async with asyncio.timeout(60):
            while (await self._peer.next_json(60))["state"] != state:
                pass


async def answer_to(admin: Administrator, command: str, body: dict[str, Any]) -> dict[str, Any] | None:
    """Ask once; None where no answer comes while the session is down."""
    request = {**body, "requestId": secrets.token_hex(8)}
    topic = f"control/{admin.tenant}/{admin.name}/request/{command}"
    await admin.peer.publish(topic, json.dumps(request))
    with contextlib.suppress(TimeoutError):
        while (answer := await admin.peer.next_json(8)).get("requestId") != request["requestId"]:
            pass
        return answer
    return None


async def call_for_ever(caller: Device) -> None:
    """Repeat the call as a device does, a little faster."""
    while True:
        await caller.call(b"{}")
        await asyncio.sleep(0.2)


def is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


async def statuses(admin: Administrator) -> dict[str, str]:
    found = await admin.ok("list", {"limit": 1000})
    return {one["id"]: one["status"] for one in found["registrations"]}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[tuple[UpSite, Disk]]:
    """An installation on a disk of its own, which the test fills."""
    with disk(tmp_path / "data", "48m") as its:
        site = UpSite(its.path)
        try:
            yield site, its
        finally:
            site.stop()


async def test_a_disk_that_fills_up_while_devices_call_loses_nothing_and_nobody(small: tuple[UpSite, Disk]) -> None:
    site, its = small
    site.start()
    access, pid = site.access, site.up.process.pid
    ids = [f"full-{number}" for number in range(FLEET)]
    async with contextlib.AsyncExitStack() as stack:
        admin = await stack.enter_async_context(administrator(access))
        known = await stack.enter_async_context(states(access))
        credentials = await bring_in(access, admin, "before-1")
        callers = [await stack.enter_async_context(device(access, device_id)) for device_id in ids]
        await admin.ok("register", {"devices": [{"id": device_id} for device_id in ids]})
        for caller in callers:
            await caller.ask()
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        calling = [tasks.create_task(call_for_ever(caller)) for caller in callers]
        its.fill()
        done: dict[str, bool] = {}
        for device_id in ids:
            answer = await answer_to(admin, "accept", {"id": device_id})
            done[device_id] = answer is not None and answer["ok"]
            assert answer is None or answer["ok"] or answer["error"]["code"] == "INTERNAL"
            if answer is not None and not answer["ok"]:
                assert "nothing was done" in answer["error"]["message"]
                break
        assert not all(done.values()), "a disk without space takes no change"
        await known.until("offline")
        assert (await admin.get("before-1"))["status"] == "ACCEPTED", "what is there can be read"
        async with resident(access, credentials) as peer:
            await peer.publish("devices/default/before-1/info", b"{}")  # who has credentials does not notice
        wait_until(lambda: "MB are free on its disk" in site.up.output, "the log says that the disk is full")

        its.empty()
        await known.until("online")
        found = await statuses(admin)
        assert set(found) == {*ids, "before-1"}
        assert all(found[device_id] == "ACCEPTED" for device_id, ok in done.items() if ok)
        for device_id in ids:
            await admin.ok("accept", {"id": device_id})
        passwords = [(await accepted(caller, 60))["password"] for caller in callers]
        assert len(set(passwords)) == FLEET
        for task in calling:
            task.cancel()
    assert site.up.process.pid == pid
    assert site.up.process.poll() is None
    assert "Traceback" not in site.up.output


async def test_started_on_a_full_disk_it_serves_what_it_can_or_says_why_not(small: tuple[UpSite, Disk]) -> None:
    site, its = small
    site.start()
    async with administrator(site.access) as admin:
        await bring_in(site.access, admin, "kept-1")
    before = sorted(path.name for path in (site.data / "bridge").iterdir())
    site.stop()
    its.fill()
    done = site.cli("up", "--port", "0", "--bootstrap-port", "0", timeout=60)
    assert done.returncode in {1, 3}
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr or "are free on its disk" in done.stderr, done.stderr
    assert {path.name for path in (site.data / "bridge").iterdir()} <= {*before, "lock"}, "no drafts are left"
    its.empty()
    site.start()
    async with administrator(site.access) as admin:
        assert (await admin.get("kept-1"))["confirmedTime"]


async def test_accounts_that_the_broker_could_not_write_are_there_again_after_its_restart(own_site: UpSite) -> None:
    with disk(own_site.data / "operations-broker", "2m") as its:
        own_site.start()
        access = own_site.access
        async with administrator(access) as admin, device(access, "unwritten-1") as caller:
            await bring_in(access, admin, "written-1")
            await admin.ok("register", {"id": "unwritten-1"})
            await caller.ask()
            accounts = own_site.data / "operations-broker" / "dynamic-security.json"
            with its.kept_full():
                await admin.ok("accept", {"id": "unwritten-1"})
                credentials = await accepted(caller)
                async with resident(access, credentials):
                    """The broker has the account, in its memory alone."""
                for number in range(20):
                    if not is_json(accounts):
                        break
                    await bring_in(access, admin, f"more-{number}", confirm=False)
            cut_off = not is_json(accounts)
            assert cut_off == lines.version().startswith("2.0"), "2.0 puts what it could write in its place"
        pid = own_site.broker_pids()["operations-broker"]
        async with states(access) as known:
            os.kill(pid, signal.SIGKILL)
            await known._peer.thrown_out()
        if cut_off:
            wait_until(lambda: "put right" in own_site.up.output, "the damaged file is put aside")
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(aiomqtt.MqttError):
                    async with resident(access, credentials) as peer:
                        await peer.publish("devices/default/unwritten-1/info", b"{}")
                        break
                await asyncio.sleep(0.1)
        ready = '"event": "ready"'
        wait_until(lambda: own_site.up.output.count(ready) >= 2, "administrators are served again")
        async with administrator(access) as admin:
            await admin.until("unwritten-1", "confirmedTime")
        assert bool(list(accounts.parent.glob(f"{accounts.name}.damaged-*"))) == cut_off
        own_site.stop()


def test_a_read_only_disk_is_refused_in_words_and_served_when_it_is_not(small: tuple[UpSite, Disk]) -> None:
    site, its = small
    site.start()
    site.up.kill()
    wait_until(lambda: not brokers_on(site.data), "its brokers have ended")
    database = site.data / "bridge" / "registrations.db"
    before = database.read_bytes()
    its.read_only(on=True)
    done = site.cli("up", "--port", "0", "--bootstrap-port", "0", timeout=60)
    assert done.returncode == 1
    assert "cannot be" in done.stderr
    assert "Traceback" not in done.stderr
    done = site.cli("serve", timeout=60)
    assert done.returncode == 1
    assert "ead-only" in done.stderr
    assert "Traceback" not in done.stderr
    its.read_only(on=False)
    assert database.read_bytes() == before
    site.start()
