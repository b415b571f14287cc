"""Backup and restore of real installations: the brokers run, devices log in, and what was deleted since stays away."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.beside import BesideSite
from tests.e2e.disks import disk
from tests.e2e.inspecting import PASSWORD, logs_in, prepare, violations
from tests.e2e.peer import Administrator, administrator, device
from tests.e2e.people import appointed, bulk, login, person
from tests.e2e.scenes import accepted, assert_refused, bring_in
from tests.e2e.site import Site, UpSite
from tests.lived import lived_in

FILE = "ID;CREDENTIALS\nfiled-1;filed-1-password\nfiled-2;filed-2-password\n"


def backed_up(site: Site, file: Path, *options: str) -> dict[str, Any]:
    done = site.cli("backup", str(file), "--json", *options, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def restored(site: Site, file: Path, *options: str) -> dict[str, Any]:
    done = site.cli("restore", str(file), "--json", *options, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


async def bring_in_a_row(
    access: dict[str, Any], admin: Administrator, held: dict[str, dict[str, Any]], begun: asyncio.Event
) -> None:
    """Take devices to their credentials, one after the other, until cancelled."""
    for number in range(1_000):
        if number == 5:
            begun.set()
        device_id = f"load-{number}"
        async with device(access, device_id) as caller:
            await admin.ok("register", {"id": device_id, "group": f"G/{number % 3}"})
            await caller.ask()
            await admin.ok("accept", {"id": device_id})
            held[device_id] = await accepted(caller)


async def again(access: dict[str, Any], admin: Administrator, device_id: str) -> dict[str, Any]:
    """Delete a device, and bring it in anew with another password."""
    await admin.ok("delete-device", {"id": device_id})
    return await bring_in(access, admin, device_id)


async def assert_logs_in(access: dict[str, Any], credentials: dict[str, Any]) -> None:
    async with login(access, credentials["username"], credentials["password"], credentials["clientId"]):
        pass


async def assert_locked_out(access: dict[str, Any], credentials: dict[str, Any]) -> None:
    await assert_refused(access["port"], credentials["username"], credentials["password"], credentials["clientId"])


async def test_a_restored_backup_lets_its_devices_in_and_nobody_who_was_deleted_since(
    own_site: UpSite, tmp_path: Path
) -> None:
    """The whole story, twice: as it should be by default; then from a backup under load, with everybody revived."""
    prepare(own_site)
    own_site.start()
    access = own_site.access
    whole, apart, keys = tmp_path / "whole.backup", tmp_path / "apart.backup", tmp_path / "my.keys"
    async with administrator(access) as admin:
        stays = await bring_in(access, admin, "stays-1")
        lost = await bring_in(access, admin, "lost-1")
        then = await bring_in(access, admin, "renewed-1")
        assert (await bulk(admin, FILE))["numberOfSuccessful"] == 2
        await admin.ok("register", {"id": "waits-1"})
        jo = await admin.ok("create-administrator", {"name": "jo", "role": "viewer"})
        kim = {"name": "kim", "role": "viewer", "password": "a word of kim's own"}
        await admin.ok("create-administrator", kim)
        async with (
            appointed(access, admin, "clerk", "registrar") as clerk,
            person(access, "default", "jo", jo["password"]),
        ):
            begun, held = asyncio.Event(), dict[str, dict[str, Any]]()
            loading = asyncio.create_task(bring_in_a_row(access, clerk, held, begun))
            await begun.wait()
            told = await asyncio.to_thread(backed_up, own_site, whole)
            loading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await loading
        assert told["devices"] >= 5 + 5
        assert len(held) > told["devices"] - 5, "devices came meanwhile"
        backed_up(own_site, apart, "--without-keys")
        backed_up(own_site, keys, "--keys-only")
        await admin.ok("delete-device", {"id": "lost-1"})
        now = await again(access, admin, "renewed-1")
        await admin.ok("delete", {"id": "waits-1"})
        await admin.ok("delete-administrator", {"name": "jo"})
        await admin.ok("delete-administrator", {"name": "kim"})
        await admin.ok("create-administrator", {**kim, "password": "another word of kim's"})
        later = await bring_in(access, admin, "later-1")
        await assert_locked_out(access, then)
    refused = own_site.cli("restore", str(whole))
    assert refused.returncode == 1
    assert f"process {own_site.up.process.pid}" in " ".join(refused.stderr.split())
    own_site.stop()

    told = restored(own_site, apart, "--keys", str(keys))
    assert told["devicesDeletedSince"] == ["lost-1", "waits-1"]
    assert told["devicesRenewedSince"] == ["renewed-1"]
    assert told["devicesComeSince"] == ["later-1"], "the second backup was taken when nobody else came any more"
    assert (told["peopleDeletedSince"], told["peopleRenewedSince"]) == (["jo"], ["kim"])
    accounts = (own_site.data / "operations-broker" / "dynamic-security.json").read_text(encoding="utf-8")
    assert "device_stays-1" in accounts
    assert not [name for name in ("device_lost-1", "device_renewed-1", "device_later-1", '"jo"') if name in accounts]
    own_site.start()
    access = own_site.access
    assert await violations(own_site) == []
    for credentials in (stays, now):
        await assert_logs_in(access, credentials)
    for credentials in (lost, then, later):
        await assert_locked_out(access, credentials)
    for device_id in ("filed-1", "filed-2"):
        assert await logs_in(access["port"], f"default/device_{device_id}", f"{device_id}-password", device_id)
    assert await logs_in(access["port"], "historian", PASSWORD, None), "an account of somebody else came back"
    async with person(access, "default", "kim", "another word of kim's") as one:
        page = await one.ok("list-devices", {"limit": 1000})
        there = {found["id"] for found in page["devices"]}
        while page["next"] is not None:  # a fast machine has brought more than one page of others meanwhile
            page = await one.ok("list-devices", {"limit": 1000, "cursor": page["next"]})
            there |= {found["id"] for found in page["devices"]}
        assert {name for name in there if not name.startswith("load-")} == {
            "stays-1",
            "renewed-1",
            "filed-1",
            "filed-2",
        }
        assert there > set(held)
    async with administrator(access, "management") as root:
        entry = next(one for one in (await root.ok("audit", {}))["entries"] if one["action"] == "restore")
        assert (entry["actor"], entry["outcome"]) == ("management/bridge", "ok")
        assert entry["details"]["devicesDeletedSince"] == 2
    await assert_refused(access["port"], "jo", jo["password"], None)
    own_site.stop()

    before = Path(told["before"])
    told = restored(own_site, whole, "--revive", "--compare-with", str(before))
    assert told["devicesDeletedSince"] == ["lost-1", "waits-1"], "told, though they come back"
    own_site.start()
    access = own_site.access
    assert await violations(own_site) == []
    for credentials in (stays, lost, then):
        await assert_logs_in(access, credentials)
    for credentials in (now, later):
        await assert_locked_out(access, credentials)
    async with administrator(access) as admin:
        rows = (await admin.ok("list", {"limit": 1000, "search": "load-"}))["registrations"]
        assert {one["id"] for one in rows} == {f"load-{number}" for number in range(len(rows))}, "it was one moment"
        caught = {one["id"] for one in rows if one.get("installedTime")} & set(held)
        assert len(caught) >= 5
        for device_id in sorted(caught)[:3]:
            await assert_logs_in(access, held[device_id])
    for name, password in (("kim", kim["password"]), ("jo", jo["password"])):
        async with person(access, "default", name, password):
            pass


async def test_beside_a_broker_that_goes_on_running_its_own_accounts_stay_and_ours_follow(tmp_path: Path) -> None:
    site, file = BesideSite(tmp_path / "data"), tmp_path / "one.backup"
    try:
        site.start()
        access = site.access
        async with administrator(access) as admin:
            stays, lost = [await bring_in(access, admin, name) for name in ("stays-1", "lost-1")]
            backed_up(site, file)
            await admin.ok("delete-device", {"id": "lost-1"})
            later = await bring_in(access, admin, "later-1")
        site.processes.pop("serve").stop()
        assert "bootstrap broker" in site.cli("restore", str(file)).stderr, "our own has to end"
        site.processes.pop("bootstrap").stop()
        told = restored(site, file)
        assert (told["devicesDeletedSince"], told["devicesComeSince"]) == (["lost-1"], ["later-1"])
        assert "stays as your broker has it" in told["notes"][-1]
        site.start_broker("bootstrap")
        site.start_bridge()
        await assert_logs_in(access, stays)
        await assert_locked_out(access, lost)
        async with asyncio.timeout(60):
            while await logs_in(access["port"], later["username"], later["password"], later["clientId"]):
                pass  # until the bridge has compared the accounts with the rows
        async with site.as_("old") as peer:
            assert await peer.subscribe("plant/#") == [1]
    finally:
        site.stop()


@pytest.mark.parametrize("what", ["backup", "restore"])
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, what: str) -> None:
    with disk(tmp_path / "disk", "64m") as full:
        site = UpSite(lived_in(full.path / "data").folder.path)
        backed_up(site, tmp_path / "kept.backup")
        there = contents_of(full.path)
        full.fill(leave=60_000)
        file = full.path / "new.backup" if what == "backup" else tmp_path / "kept.backup"
        done = site.cli(what, str(file))
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        assert "free" in done.stderr or "No space left" in done.stderr
        full.empty()
        assert contents_of(full.path) == there


def contents_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
        and path.name not in {"ballast", "lock", "changes.lock"}
        and not path.name.endswith(("-wal", "-shm"))
    }
