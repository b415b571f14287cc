"""Backup and restore of real installations: the brokers run, devices log in, and what was deleted since stays away."""

import asyncio
import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.disks import disk
from tests.e2e.inspecting import PASSWORD, logs_in, prepare, violations
from tests.e2e.peer import Administrator, administrator, device
from tests.e2e.people import bulk, login, person
from tests.e2e.scenes import accepted, assert_refused, bring_in
from tests.e2e.site import UpSite

FILE = "ID;CREDENTIALS\nfiled-1;filed-1-password\nfiled-2;filed-2-password\n"


def backed_up(site: UpSite, file: Path, *options: str) -> dict[str, Any]:
    done = site.cli("backup", str(file), "--json", *options, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def restored(site: UpSite, file: Path, *options: str) -> dict[str, Any]:
    done = site.cli("restore", str(file), "--json", *options, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


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
    """The whole story, twice: first as it should be by default, then with everybody revived."""
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
        async with person(access, "default", "jo", jo["password"]):
            told = backed_up(own_site, whole)
        assert (told["registrations"], told["devices"], told["accounts"]) == (6, 5, 9)
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
    assert told["devicesComeSince"] == ["later-1"]
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
        assert {found["id"] for found in (await one.ok("list-devices", {}))["devices"]} == {
            "stays-1",
            "renewed-1",
            "filed-1",
            "filed-2",
        }
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
    for name, password in (("kim", kim["password"]), ("jo", jo["password"])):
        async with person(access, "default", name, password):
            pass


async def test_a_backup_under_load_is_one_moment_in_the_life_of_the_installation(
    own_site: UpSite, tmp_path: Path
) -> None:
    prepare(own_site)
    own_site.start()
    access, file = own_site.access, tmp_path / "load.backup"
    begun = asyncio.Event()

    async def bring_in_a_row(admin: Administrator) -> None:
        for number in range(1_000):
            if number == 5:
                begun.set()
            async with device(access, f"load-{number}") as caller:
                await admin.ok("register", {"id": f"load-{number}", "group": f"G/{number % 3}"})
                await caller.ask()
                await admin.ok("accept", {"id": f"load-{number}"})
                held[f"load-{number}"] = await accepted(caller)

    held: dict[str, dict[str, Any]] = {}
    async with administrator(access) as admin:
        loading = asyncio.create_task(bring_in_a_row(admin))
        await begun.wait()
        told = await asyncio.to_thread(backed_up, own_site, file)
        loading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await loading
        assert len(held) > told["registrations"] - 2, "it was under way meanwhile"
    own_site.stop()
    fresh = UpSite(tmp_path / "fresh")
    try:
        told = restored(fresh, file)
        assert told["comparedWith"] is None
        fresh.start()
        assert await violations(fresh) == []
        async with administrator(fresh.access) as admin:
            ids = {one["id"] for one in (await admin.ok("list", {"limit": 1000}))["registrations"]}
            assert ids == {f"load-{number}" for number in range(len(ids))}, "a moment"
            for device_id in sorted(ids & set(held))[:3]:
                assert (await admin.get(device_id))["status"] in {"ACCEPTED", "PENDING_ACCEPTANCE"}
            there = {one["id"] for one in (await admin.ok("list-devices", {"limit": 1000}))["devices"]}
        for device_id in sorted(there & set(held))[:5]:
            await assert_logs_in(fresh.access, held[device_id])
        said = fresh.cli("restore", str(file), "--data", str(tmp_path / "third")).stdout
    finally:
        fresh.stop()
    assert "are alive again, with the passwords they had then" in " ".join(said.split())


@pytest.mark.parametrize("what", ["backup", "restore"])
def test_a_full_disk_leaves_what_was_there(own_site: UpSite, tmp_path: Path, what: str) -> None:
    prepare(own_site)
    own_site.start()
    own_site.stop()
    earlier = backed_up(own_site, tmp_path / "kept.backup")
    with disk(tmp_path / "disk", "64m") as full:
        site = UpSite(full.path / "data")
        shutil.copytree(own_site.data, site.data)
        there = contents_of(full.path)
        full.fill(leave=60_000)
        words = (
            ("backup", str(full.path / "new.backup"))
            if what == "backup"
            else ("restore", str(tmp_path / "kept.backup"))
        )
        done = site.cli(*words)
        assert done.returncode == 1, done.stdout
        assert "Traceback" not in done.stderr
        full.empty()
        assert contents_of(full.path) == there
    assert earlier["registrations"] == 0


def contents_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in {"ballast", "lock"} and not path.name.endswith(("-wal", "-shm"))
    }
