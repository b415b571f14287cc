"""The operations broker's accounts changed behind the bridge's back, restored from an old copy, lost, or spoilt."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.accounts.dynsec import RESPONSES, role_name
from bridge.credentials import mosquitto_hash
from tests.e2e.faulty import LinedSite, lined
from tests.e2e.peer import Peer, administrator, connected, device, resident
from tests.e2e.scenes import accepted, assert_refused, assert_serves, bring_in
from tests.e2e.site import UpSite, wait_until
from tests.e2e.test_broker_faults import PATIENCE, lines_so_far, observing, said, until_online
from tests.e2e.test_crash import brokers_on, kill_and_wait_for_another

Content = dict[str, Any]
CONTROL = "$CONTROL/dynamic-security/v1"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LinedSite]:
    with lined(tmp_path_factory.mktemp("accounts") / "data") as running:
        yield running


def accounts_file(data: Path) -> Path:
    return data / "operations-broker" / "dynamic-security.json"


def content_of(data: Path) -> Content:
    """Read the file as a whole: Mosquitto 2.0 empties it and then writes, so that a reader may meet half of it."""

    def whole() -> Content | None:
        with contextlib.suppress(ValueError):
            found = json.loads(accounts_file(data).read_bytes())
            assert isinstance(found, dict)
            return found
        return None

    content: Content = wait_until(whole, "the file is written")
    return content


def rewritten(data: Path, change: Callable[[Content], None]) -> None:
    """Change the accounts file in place, owner and mode too stay as they are; its broker must stand still."""
    content = content_of(data)
    change(content)
    accounts_file(data).write_text(json.dumps(content))


def foreign(content: Content) -> Content:
    """What is not the bridge's in the file, and what it must never change."""
    return {
        "clients": [one for one in content["clients"] if not one.get("textname", "").startswith("bootstrap-bridge")],
        "roles": [one for one in content["roles"] if not one["rolename"].startswith("bootstrap-bridge:")],
        "groups": content["groups"],
        "defaultACLAccess": content["defaultACLAccess"],
    }


def restarted(site: LinedSite, change: Callable[[], object]) -> None:
    """Stop the operations broker, do something to its files, start it."""
    site.processes["operations"].stop()
    change()
    site.start_broker("operations")


def with_a_stranger(content: Content) -> None:
    """Add somebody who looks after accounts by hand, with a role and a group of his own."""
    acls = [
        {
            "acltype": act,
            "topic": f"{CONTROL}/#" if act != "publishClientSend" else CONTROL,
            "priority": 0,
            "allow": True,
        }
        for act in ("publishClientSend", "publishClientReceive", "subscribePattern")
    ]
    content["clients"].append(
        {"username": "hand", "textname": "by hand", "roles": [{"rolename": "hand", "priority": 0}]}
        | {"groups": [{"groupname": "people", "priority": 0}], **mosquitto_hash("hand").members}
    )
    content["roles"].append({"rolename": "hand", "acls": acls})
    content["roles"].append({"rolename": "bare", "acls": []})
    content["groups"].append(
        {
            "groupname": "people",
            "roles": [{"rolename": "bare", "priority": 0}],
            "clients": [{"username": "hand", "priority": 0}],
        }
    )


class Hand:
    """Somebody who changes accounts in the running broker."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer

    async def does(self, *commands: Content) -> list[Content]:
        """Send commands and return their answers; others' answers are heard too, and left alone."""
        tagged = [{**command, "correlationData": f"hand-{number}"} for number, command in enumerate(commands)]
        await self._peer.publish(CONTROL, json.dumps({"commands": tagged}))
        while True:
            answers = (await self._peer.next_json(PATIENCE))["responses"]
            if any(str(one.get("correlationData", "")).startswith("hand-") for one in answers):
                assert not [one for one in answers if "error" in one], answers
                return list(answers)


@contextlib.asynccontextmanager
async def hand(site: LinedSite) -> AsyncIterator[Hand]:
    async with connected(site.access["port"], "hand", "hand", None) as peer:
        assert await peer.subscribe(RESPONSES) == [1]
        yield Hand(peer)


async def test_what_somebody_changes_by_hand_is_repaired_by_and_by_and_what_is_his_stays(site: LinedSite) -> None:
    restarted(site, lambda: rewritten(site.data, with_a_stranger))
    await until_online(site)
    async with administrator(site.access) as admin:
        lost, wide, right = [await bring_in(site.access, admin, name) for name in ("lost", "wide", "right")]
    async with hand(site) as by_hand, resident(site.access, right) as undisturbed:
        before = foreign(content_of(site.data))
        stray = {"command": "createClient", "username": "default/device_stray", "password": "x", "clientid": "stray"}
        role = role_name("default/device_wide")
        everything = {"acltype": "subscribePattern", "topic": "#", "priority": 9, "allow": True}
        await by_hand.does(
            {"command": "deleteClient", "username": lost["username"]},
            {"command": "addRoleACL", "rolename": role, **everything},
            {"command": "createRole", "rolename": role_name(stray["username"])},
            {**stray, "textname": "bootstrap-bridge", "textdescription": "mark:x", "roles": []},
        )
        async with asyncio.timeout(PATIENCE):
            while True:
                found = content_of(site.data)
                names = {one["username"]: one for one in found["clients"]}
                (acls,) = [one["acls"] for one in found["roles"] if one["rolename"] == role]
                if lost["username"] in names and stray["username"] not in names and len(acls) == 3:
                    break
                await asyncio.sleep(0.05)
        await undisturbed.subscribe("devices/default/right/x")
        await undisturbed.publish("devices/default/right/x", b"here")
        await undisturbed.next()
        assert not undisturbed.ended.is_set(), "an account that was right keeps its session"
    async with resident(site.access, lost), resident(site.access, wide) as peer:
        assert (await peer.subscribe("#"))[0] >= 128
    assert foreign(content_of(site.data)) == before
    repairs = [line for line in said(site.bridge, "reconciled") if line["repaired"] or line["removed"]]
    assert sum(line["repaired"] for line in repairs) == 2
    assert sum(line["removed"] for line in repairs) == 1


async def test_an_old_copy_of_the_accounts_is_brought_up_to_date_and_lets_nobody_back_in(
    site: LinedSite, tmp_path: Path
) -> None:
    async with administrator(site.access) as admin:
        gone = await bring_in(site.access, admin, "gone")
        before = await bring_in(site.access, admin, "again")
        kept = tmp_path / "old.json"
        shutil.copyfile(accounts_file(site.data), kept)
        await admin.ok("delete-device", {"id": "gone"})
        await admin.ok("delete", {"id": "again"})
        await admin.ok("register", {"id": "again"})
        async with device(site.access, "again") as caller:
            await caller.ask()
            await admin.ok("accept", {"id": "again"})
            after = await accepted(caller)
        later = await bring_in(site.access, admin, "later")
    theirs = foreign(content_of(site.data))
    restarted(site, lambda: shutil.copyfile(kept, accounts_file(site.data)))
    await until_online(site)
    for credentials in (later, after):
        async with resident(site.access, credentials):
            pass
    await asyncio.to_thread(
        wait_until,
        lambda: "default/device_gone" not in accounts_file(site.data).read_text(),
        "who was deleted is deleted again",
        PATIENCE,
    )
    for credentials in (gone, before):
        await assert_refused(
            site.access["port"], credentials["username"], credentials["password"], credentials["clientId"]
        )
    assert foreign(content_of(site.data)) == theirs


def open_up(content: Content) -> None:
    content["defaultACLAccess"]["publishClientSend"] = True


def widen(content: Content) -> None:
    (role,) = [one for one in content["roles"] if one["rolename"] == role_name("bridge-info")]
    role["acls"].append({"acltype": "publishClientSend", "topic": "#", "priority": 0, "allow": True})


@pytest.mark.parametrize(("change", "word"), [(open_up, "publishClientSend is allow"), (widen, "bridge-info")])
async def test_rights_that_somebody_opened_are_told_and_not_closed_by_the_bridge(
    site: LinedSite, change: Callable[[Content], None], word: str
) -> None:
    since = lines_so_far(site.bridge)
    kept = content_of(site.data)
    async with administrator(site.access):
        restarted(site, lambda: rewritten(site.data, change))
    changed = content_of(site.data)
    event = "rights in the operations broker are not what they were"
    await asyncio.to_thread(wait_until, lambda: said(site.bridge, event, since), "it is told", PATIENCE)
    await asyncio.to_thread(
        wait_until, lambda: len(said(site.bridge, "reconciled", since)) >= 3, "looked again", PATIENCE
    )
    (line,) = said(site.bridge, event, since)
    assert word in line["what"][0]
    assert "mosquitto_ctrl" in line["do"]
    assert foreign(content_of(site.data)) == foreign(changed)
    assert not said(site.bridge, "ready", since)
    async with administrator(site.access) as admin:
        assert (await admin.answer("list"))["ok"], "the bridge serves all the same"
    restarted(site, lambda: accounts_file(site.data).write_text(json.dumps(kept)))
    await until_online(site)
    async with observing(site):
        pass


async def test_a_lone_bridge_says_what_to_do_about_a_lost_file_and_init_heals_it(site: LinedSite) -> None:
    device_id = "spoilt-1"
    async with administrator(site.access) as admin:
        credentials = await bring_in(site.access, admin, device_id)
    since = lines_so_far(site.bridge)

    restarted(site, lambda: accounts_file(site.data).unlink())
    await asyncio.to_thread(
        wait_until,
        lambda: (
            {line["session"] for line in said(site.bridge, "session ended", since) if "do" in line}
            >= {"control", "info", "accounts"}
        ),
        "all three say what to do",
        PATIENCE,
    )
    assert all(
        "bootstrap-bridge init" in line["do"] and str(accounts_file(site.data)) in line["do"]
        for line in said(site.bridge, "session ended", since)
        if "do" in line
    )
    site.processes["operations"].stop()
    done = await asyncio.to_thread(site.cli, "init")
    assert done.returncode == 0, done.stderr
    assert "dynamic-security.json" in done.stderr
    site.start_broker("operations")
    await until_online(site)
    async with resident(site.access, credentials) as peer:
        await peer.publish(f"devices/default/{device_id}/info", b"{}")


@pytest.mark.parametrize("spoil", ["truncated", "gate"])
async def test_up_heals_a_file_that_was_spoilt_under_a_running_broker(own_site: UpSite, spoil: str) -> None:
    own_site.start()
    access = own_site.access
    async with administrator(access) as admin:
        credentials = await bring_in(access, admin, "pump-7")
    name = "bootstrap" if spoil == "gate" else "operations"
    (pid,) = (pid for pid, word in brokers_on(own_site.data).items() if f"/{name}-broker/" in word)
    path = accounts_file(own_site.data)
    if spoil == "truncated":
        path.write_bytes(path.read_bytes()[:700])
    else:
        (own_site.data / "bootstrap-broker" / "passwords").write_text("")
    await asyncio.to_thread(kill_and_wait_for_another, own_site.data, name, pid)
    await asyncio.to_thread(wait_until, lambda: "put right" in own_site.up.output, "it is told", PATIENCE)
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(Exception):
                async with resident(access, credentials) as peer:
                    await peer.publish("devices/default/pump-7/info", b"{}")
                break
            await asyncio.sleep(0.05)
    await asyncio.to_thread(
        wait_until, lambda: own_site.up.output.count('"event": "ready"') >= 2, "it serves again", PATIENCE
    )
    await assert_serves(access, "pump-8")
    own_site.stop()
    path.write_bytes(b"\0" * 100)
    own_site.start()
    async with resident(access, credentials):
        pass
