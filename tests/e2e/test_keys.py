"""Keys and the bootstrap login are changed while devices call: nobody is lost, and what is old goes in the end."""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import aiomqtt

from tests.e2e.peer import Administrator, administrator, connected, device, resident, stranger
from tests.e2e.scenes import accepted
from tests.e2e.site import AnySite, ApartSite, UpSite, running, wait_until

TOKEN = "of the label"


def key_of(site: AnySite, device_id: str) -> str:
    """Return the key that the row of a device's account names."""
    with contextlib.closing(sqlite3.connect(f"file:{site.data}/bridge/registrations.db?mode=ro", uri=True)) as rows:
        (found,) = rows.execute("SELECT key_id FROM accounts WHERE subject = ?", (device_id,)).fetchone()
    return str(found)


def keys_of(site: AnySite) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((site.data / "bridge" / "keys.json").read_bytes())
    return content


def cli_json(site: AnySite, *words: str) -> dict[str, Any]:
    done = site.cli(*words, "--json")
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


@contextlib.asynccontextmanager
async def speaking(site: AnySite, tenant: str, name: str, password: str) -> Any:
    """Log in as an administrator who was made since."""
    async with connected(site.access["port"], name, password, None) as peer:
        await peer.subscribe(f"control/{tenant}/{name}/response")
        yield Administrator(peer, tenant, name)


async def test_keys_are_rotated_under_a_running_bridge_and_the_old_one_goes_in_the_end(own_site: UpSite) -> None:
    site = own_site
    site.start()
    access, (old,) = site.access, keys_of(site)["keys"]
    async with contextlib.AsyncExitStack() as stack:
        admin = await stack.enter_async_context(administrator(access))
        root = await stack.enter_async_context(administrator(access, "management"))
        for name in ("before", "pending", "waiting", "later"):
            await admin.ok("register", {"id": name, "securityToken": f"{TOKEN} {name}"})
        before, pending, waiting, later = [
            await stack.enter_async_context(device(access, name)) for name in ("before", "pending", "waiting", "later")
        ]
        await before.ask({"securityToken": f"{TOKEN} before"})
        await pending.ask({"securityToken": f"{TOKEN} pending"})
        await admin.ok("accept", {"id": "before"})
        credentials = await accepted(before)
        asked = {"name": "boss", "role": "owner", "requestId": "made-before"}
        boss = await admin.ok("create-administrator", asked)

        done = site.cli("rotate-key")
        assert done.returncode == 0, done.stderr
        assert "The running bridge uses it" in done.stderr
        new = keys_of(site)["current"]
        assert (set(keys_of(site)["keys"]), new != old) == ({old, new}, True)

        # What was made with the old key goes on as before.
        again = await before.ask({"securityToken": f"{TOKEN} before"})
        assert again["password"] == credentials["password"]
        assert await admin.ok("create-administrator", asked) == boss, "a repeat has the same answer"
        async with resident(access, credentials) as peer:
            await peer.publish("devices/default/before/info", b"{}")
            await admin.until("before", "confirmedTime")

        # What is accepted from now on names the new one, whenever it called or was registered.
        await waiting.ask({"securityToken": f"{TOKEN} waiting"})
        for caller in (pending, waiting):
            await admin.ok("accept", {"id": caller.id})
            async with resident(access, await accepted(caller)) as peer:
                await peer.publish(f"devices/default/{caller.id}/info", b"{}")
                await admin.until(caller.id, "confirmedTime")
        assert [key_of(site, name) for name in ("before", "pending", "waiting")] == [old, new, new]

        # The old one stays while something names it.
        shown = cli_json(site, "rotate-key", "--list")
        assert shown["current"] == new
        rows = {one["id"]: one["rows"] for one in shown["keys"]}
        assert rows[old] == {
            "administrator": 3,
            "device": 1,
            "registrations": 1,
            "first administrators": 2,
            "remembered answers": 1,
        }
        assert cli_json(site, "rotate-key", "--remove-unused") == {"removed": [], "kept": {old: rows[old]}}

        # What names it is made anew, as after a theft.
        root_2 = await root.ok("create-administrator", {"name": "root-2", "role": "owner"})
        await admin.ok("delete-device", {"id": "before"})
    async with speaking(site, "management", "root-2", root_2["password"]) as root:
        for name in ("root", "admin", "boss"):
            await root.ok("delete-administrator", {"name": name})
        boss = await root.ok("create-administrator", {"name": "boss-2", "role": "owner", "tenant": "default"})
    with contextlib.closing(sqlite3.connect(site.data / "bridge" / "registrations.db", timeout=20)) as database:
        database.execute("DELETE FROM requests")  # ten minutes are over, and those of housekeeping
        database.commit()
    gone = wait_until(lambda: cli_json(site, "rotate-key", "--remove-unused")["removed"], "the old key goes", 60)
    assert gone == [old], "once the accounts that it made have left the broker"
    assert set(keys_of(site)["keys"]) == {new}

    # Without it, also after a start, tokens that were registered before are known, and devices of the new key log in.
    site.stop()
    site.start()
    async with contextlib.AsyncExitStack() as stack:
        boss_ = await stack.enter_async_context(speaking(site, "default", "boss-2", boss["password"]))
        later = await stack.enter_async_context(device(site.access, "later"))
        await later.ask({"securityToken": f"{TOKEN} later"})
        await boss_.ok("accept", {"id": "later"})
        await stack.enter_async_context(resident(site.access, await accepted(later)))
    assert [one["username"] for one in site.access["administrators"]] == []
    assert "Traceback" not in site.up.output


async def refused_at_the_gate(site: AnySite, login: dict[str, str]) -> None:
    """Wait until the bootstrap broker refuses a login."""
    async with asyncio.timeout(60):
        while True:
            try:
                async with connected(site.access["bootstrapPort"], login["username"], login["password"], "asks-1"):
                    await asyncio.sleep(0.1)
            except aiomqtt.MqttError:
                return


async def test_for_an_overlap_both_bootstrap_logins_work_and_nobody_is_thrown_out(own_site: UpSite) -> None:
    site = own_site
    site.start()
    first = site.access["bootstrap"]
    async with administrator(site.access) as admin, device(site.access, "old-firmware") as old:
        for name in ("old-firmware", "new-firmware"):
            await admin.ok("register", {"id": name})
        await old.ask()
        done = site.cli("rotate-bootstrap-password", "--overlap", "1h")
        assert done.returncode == 0, done.stderr
        second = site.access["bootstrap"]
        assert second["username"] == "devicebootstrap-2"
        assert json.loads((site.data / "bootstrap.json").read_bytes())["bootstrap"] == second
        for secret in (first["password"], second["password"]):
            assert secret not in done.stdout + done.stderr + site.up.output
        async with device(site.access, "new-firmware") as new:
            await new.ask()
            assert (await old.ask())["status"] == "PENDING_ACCEPTANCE", "its session goes on"
            assert site.cli("rotate-bootstrap-password").returncode == 1, "two at a time are enough"
            async with stranger({**site.access, "bootstrap": first}, "another-one"):
                pass
            done = site.cli("rotate-bootstrap-password", "--end-overlap")
            assert done.returncode == 0, done.stderr
            await old.peer.thrown_out()
            await refused_at_the_gate(site, first)
            await admin.ok("accept", {"id": "new-firmware"})
            assert (await accepted(new))["status"] == "ACCEPTED", "whoever has the new login noticed nothing"
    assert "session ended" not in site.up.output, "nor did the bridge"
    site.stop()
    path = site.data / "access.json"
    path.chmod(0o644)
    site.start()
    assert site.access["bootstrap"] == second
    assert path.stat().st_mode & 0o777 == 0o600
    assert '"open to others"' in site.up.output, "what the bridge writes itself is closed with a warning"


async def test_brokers_of_their_own_are_left_to_whoever_runs_them_and_it_is_said_how(tmp_path: Path) -> None:
    with running(ApartSite(tmp_path / "data")) as site:
        first, serve = site.access["bootstrap"], site.processes["serve"]
        done = site.cli("rotate-key")
        assert (done.returncode, "The running bridge uses it" in done.stderr) == (0, True)
        chosen = tmp_path / "firmware.txt"
        chosen.write_text("burnt in since spring\n")
        done = site.cli("rotate-bootstrap-password", "--username", "pumps-2027", "--password-file", str(chosen))
        assert done.returncode == 0, done.stderr
        pid = site.processes["bootstrap"].process.pid
        assert f"kill -HUP {pid}" in done.stderr
        os.kill(pid, signal.SIGHUP)
        second = site.access["bootstrap"]
        assert second == {"username": "pumps-2027", "password": "burnt in since spring"}
        for login in (first, second):
            await asyncio.wait_for(admitted(site, login), 60)

        # Asked by hand, with keys that are damaged: all goes on, and it is told.
        keys = site.data / "bridge" / "keys.json"
        whole = keys.read_bytes()
        keys.write_bytes(whole[:-20])
        serve.process.send_signal(signal.SIGHUP)
        wait_until(lambda: '"changes not taken up"' in serve.output, "the fault is told")
        async with administrator(site.access) as admin:
            await admin.ok("list")
        keys.write_bytes(whole)
        assert site.cli("rotate-key", "--remove-unused").returncode == 0
        assert serve.process.poll() is None


async def admitted(site: AnySite, login: dict[str, str]) -> None:
    """Wait until the bootstrap broker lets a login in."""
    while True:
        try:
            async with stranger({**site.access, "bootstrap": login}, "asks-2"):
                return
        except aiomqtt.MqttError:
            await asyncio.sleep(0.1)


def test_keys_that_others_can_read_are_refused_at_the_start(tmp_path: Path) -> None:
    site = UpSite(tmp_path / "data")
    assert site.cli("init").returncode == 0
    keys = site.data / "bridge" / "keys.json"
    keys.chmod(0o640)
    for command in (["up", "--port", "0", "--bootstrap-port", "0"], ["serve"]):
        done = site.cli(*command)
        assert done.returncode == 1
        for words in (str(keys), "0640", "chmod go-rwx"):
            assert words in done.stderr
        assert "Traceback" not in done.stderr
