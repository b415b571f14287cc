"""The operations broker: each account stays in its own place, whatever it tries."""

import contextlib
import json
from typing import Any

import aiomqtt
import pytest

from tests.e2e.peer import V5, V311, Peer, administrator, connected, device, payload_of
from tests.e2e.scenes import accepted, assert_refused, bring_in, resident, watching

Access = dict[str, Any]


def login_of(access: Access, tenant: str) -> tuple[int, str, str]:
    one = next(one for one in access["administrators"] if one["tenant"] == tenant)
    return access["port"], one["username"], one["password"]


async def refused(peer: Peer, *topics: str) -> None:
    """None of these subscriptions is granted."""
    granted = [topic for topic in topics for qos in (0, 1, 2) if (await peer.subscribe(topic, qos))[0] < 128]
    assert granted == []


async def test_the_shared_login_is_nobody_here(access: Access) -> None:
    login = access["bootstrap"]
    for client_id in ("x", "admin", None):
        await assert_refused(access["port"], login["username"], login["password"], client_id)
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client("127.0.0.1", access["port"], identifier="anonymous"):
            pass
    port, username, _ = login_of(access, "default")
    await assert_refused(port, username, "wrong", "x")
    await assert_refused(port, username, login_of(access, "management")[2], "x")


@pytest.mark.parametrize("protocol", [V311, V5], ids=["mqtt311", "mqtt5"])
async def test_a_device_logs_in_under_its_own_client_id_only(access: Access, protocol: aiomqtt.ProtocolVersion) -> None:
    device_id = f"bound-{protocol.name}".lower()
    async with administrator(access) as admin:
        own = await bring_in(access, admin, device_id)
        other = await bring_in(access, admin, device_id + "-other")
    port, username, password = access["port"], own["username"], own["password"]
    for client_id in (device_id + "-other", device_id.upper(), device_id + "x", "", "admin", username):
        await assert_refused(port, username, password, client_id, protocol=protocol, timeout=2)
    for name in (device_id, f"device_{device_id}", f"management/device_{device_id}", other["username"]):
        await assert_refused(port, name, password, device_id, protocol=protocol)
    await assert_refused(port, username, other["password"], device_id, protocol=protocol)
    await assert_refused(access["bootstrapPort"], username, password, device_id, protocol=protocol)
    async with resident(access, own, protocol=protocol) as peer:
        assert await peer.subscribe(f"devices/default/{device_id}/#") == [1]


async def test_devices_whose_ids_begin_alike_do_not_meet(access: Access) -> None:
    ids = ["like", "like2", "like.b", "lik", "LIKE"]
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        peers = {}
        for device_id in ids:
            credentials = await bring_in(access, admin, device_id)
            peers[device_id] = await stack.enter_async_context(resident(access, credentials))
            assert await peers[device_id].subscribe(f"devices/default/{device_id}/#") == [1]
        before = {device_id: await admin.get(device_id) for device_id in ids}
        for own, peer in peers.items():
            for other in ids:
                if other != own:
                    base = f"devices/default/{other}"
                    await refused(peer, base, base + "/#", base + "/info", base + "/+", f"$share/g/{base}/#")
                    for topic in (base, base + "/info", base + "/commands", base + "/x/y"):
                        await peer.publish(topic, b'{"name":"forged"}', retain=True)
        for own, peer in peers.items():
            await peer.publish(f"devices/default/{own}/x", own)
            message = await peer.next()
            assert (str(message.topic), payload_of(message)) == (f"devices/default/{own}/x", own.encode())
        assert {device_id: await admin.get(device_id) for device_id in ids} == before


async def test_a_device_reads_and_writes_nowhere_else(access: Access) -> None:
    async with (
        administrator(access) as admin,
        administrator(access, "management") as root,
        watching(access, "management") as watcher,
        connected(*login_of(access, "default")) as state,
    ):
        credentials = await bring_in(access, admin, "else-1")
        await bring_in(access, root, "else-2", confirm=False)
        await admin.ok("register", {"id": "else-3"})
        await state.subscribe("bridge/state")
        await state.next()
        async with resident(access, credentials) as peer:
            await refused(
                peer,
                *(
                    "#",
                    "+/#",
                    "+/+/#",
                    "devices/#",
                    "devices/+/else-1/#",
                    "devices/default/#",
                    "devices/default/+/info",
                ),
                *(
                    "devices/management/else-1/#",
                    "devices/management/else-2/#",
                    "control/#",
                    "events/#",
                    "bridge/state",
                ),
                *("$SYS/#", "$CONTROL/#", "$CONTROL/dynamic-security/v1/response", "$share/x/devices/default/#"),
                *("control/default/admin/response", "bootstrap/#", "events/default/registrations/else-1", "other"),
            )
            for topic in (
                "control/default/admin/request/register",
                "control/default/device_else-1/request/register",
                "control/default/else-1/request/register",
                "control/default/admin/response",
                "events/default/registrations/else-1",
                "bridge/state",
                "devices/management/else-2/info",
                "devices/default/else-3/info",
                "devices/default/info",
                "devices/default",
                "$SYS/broker/version",
                "bootstrap/else-3/request",
                "other",
            ):
                for qos in (0, 1, 2):
                    await peer.publish(topic, b'{"id":"else-4","requestId":"x"}', qos=qos, retain=True)
            create = {"command": "createClient", "username": "intruder", "password": "intruder"}
            for topic in ("$CONTROL/dynamic-security/v1", "$CONTROL/dynamic-security/v1/"):
                await peer.publish(topic, json.dumps({"commands": [create]}))
            assert await peer.subscribe("devices/default/else-1/own") == [1]
            await peer.publish("devices/default/else-1/own", b"alive")
            assert payload_of(await peer.next()) == b"alive"
        assert await admin.code("get", {"id": "else-4"}) == "NOT_FOUND"
        assert "confirmedTime" not in await root.get("else-2")
        assert state.heard.empty()
        assert (await admin.get("else-3"))["calls"] == 0
        await assert_refused(access["port"], "intruder", "intruder", None)
        await watcher.of("else-1", "registered", "requested", "accepted", "delivered", "confirmed")
        await admin.ok("delete", {"id": "else-1"})
        await watcher.of("else-1", "deleted")


@pytest.mark.parametrize(
    "topic", ["devices/default/will-victim/info", "bridge/state", "control/default/admin/request/list"]
)
async def test_a_will_reaches_only_where_publishing_may(access: Access, topic: str) -> None:
    device_id = f"will-{topic.split('/')[0]}"
    async with administrator(access) as admin, watching(access, "default", "bridge/state") as watcher:
        credentials = await bring_in(access, admin, device_id)
        await bring_in(access, admin, "will-victim", confirm=False)
        await watcher.peer.next()
        own = f"devices/default/{device_id}/last"
        async with connected(access["port"], credentials["username"], credentials["password"], device_id) as listener:
            await listener.subscribe(own)
        for place in (topic, own):
            will = aiomqtt.Will(place, b"{}", 1, retain=True)
            with contextlib.suppress(aiomqtt.MqttError):
                async with (
                    resident(access, credentials, protocol=V311, will=will) as first,
                    resident(access, credentials, protocol=V311),
                ):
                    await first.thrown_out()
        async with resident(access, credentials) as peer:
            await peer.subscribe(own)
            assert str((await peer.next()).topic) == own, "a will of its own is kept"
        assert (await admin.answer("list"))["command"] == "list"
        assert "confirmedTime" not in await admin.get("will-victim")
        assert watcher.peer.heard.empty()
        await admin.ok("delete", {"id": "will-victim"})


async def test_an_administrator_speaks_in_no_other_name(access: Access) -> None:
    async with (
        administrator(access) as admin,
        administrator(access, "management") as root,
        connected(*login_of(access, "default")) as peer,
    ):
        await refused(
            peer,
            *("control/management/root/response", "control/+/+/response", "control/default/+/response", "control/#"),
            *("control/default/admin/request/#", "control/default/admin/request/register", "control/default/admin/#"),
            *(
                "events/management/#",
                "events/#",
                "events/+/registrations/+",
                "#",
                "+/#",
                "devices/#",
                "devices/default/#",
            ),
            *("$SYS/#", "$CONTROL/#", "$CONTROL/dynamic-security/v1/response", "bridge/#", "bridge/+", "bootstrap/#"),
            "$share/g/control/management/root/response",
        )
        for sender in (
            "control/management/root",
            "control/default/root",
            "control/management/admin",
            "control/default/ADMIN",
            "control/default/bridge-control",
            "control/default/admin/admin",
        ):
            for command in ("register", "accept-all", "list"):
                await peer.publish(f"{sender}/request/{command}", b'{"id":"name-1"}')
        for topic in (
            "control/management/root/response",
            "control/default/admin/response",
            "events/default/registrations/name-2",
            "bridge/state",
            "devices/default/name-2/info",
        ):
            await peer.publish(topic, b'{"command":"forged"}', retain=True)
        assert (await root.answer("get", {"id": "name-1"}))["command"] == "get", "nothing came before"
        assert await admin.code("get", {"id": "name-1"}) == "NOT_FOUND"
        async with watching(access, "default", "bridge/state") as watcher:
            assert (await watcher.peer.next_json())["state"] == "online"


async def test_an_administrator_cannot_make_accounts_behind_the_bridge(access: Access) -> None:
    commands = [
        {"command": "createClient", "username": "intruder", "password": "intruder"},
        {"command": "addClientRole", "username": "admin", "rolename": "admin"},
        {"command": "setDefaultACLAccess", "acls": [{"acltype": "subscribe", "allow": True}]},
    ]
    for tenant in ("default", "management"):
        async with connected(*login_of(access, tenant)) as peer:
            for qos in (0, 1, 2):
                await peer.publish("$CONTROL/dynamic-security/v1", json.dumps({"commands": commands}), qos=qos)
            await refused(peer, "$CONTROL/dynamic-security/v1/response", "$CONTROL/#", "#")
    await assert_refused(access["port"], "intruder", "intruder", None)


async def test_a_removed_account_is_thrown_out_and_its_topics_are_closed(access: Access) -> None:
    async with administrator(access) as admin, device(access, "closed-1") as caller:
        await admin.ok("register", {"id": "closed-1"})
        await caller.ask()
        await admin.ok("accept", {"id": "closed-1"})
        credentials = await accepted(caller)
        async with resident(access, credentials) as peer:
            await admin.ok("delete", {"id": "closed-1"})
            await peer.thrown_out()
        await assert_refused(access["port"], credentials["username"], credentials["password"], "closed-1")


async def test_messages_queued_for_an_old_life_do_not_reach_the_new_one(access: Access) -> None:
    async with administrator(access) as admin, device(access, "queue-1") as caller:
        await admin.ok("register", {"id": "queue-1"})
        await caller.ask()
        await admin.ok("accept", {"id": "queue-1"})
        old = await accepted(caller)
        async with resident(access, old, protocol=V311, clean_session=False) as peer:
            await peer.subscribe("devices/default/queue-1/commands")
        await admin.ok("delete", {"id": "queue-1"})
        await admin.ok("register", {"id": "queue-1"})
        await caller.ask()
        await admin.ok("accept", {"id": "queue-1"})
        new = await accepted(caller)
        async with resident(access, new, protocol=V311, clean_session=False) as peer:
            await peer.publish("devices/default/queue-1/commands", b"for nobody")
            await peer.subscribe("devices/default/queue-1/own")
            await peer.publish("devices/default/queue-1/own", b"mine")
            assert payload_of(await peer.next()) == b"mine", "the old life's subscription is gone"


async def test_info_merges_and_cannot_change_who_the_device_is(access: Access) -> None:
    async with administrator(access) as admin:
        credentials = await bring_in(access, admin, "info-1")
        before = await admin.get("info-1")
        async with resident(access, credentials) as peer:
            for payload in (
                b'{"id":"other","tenant":"management","group":"G","owner":"management/root"}',
                *(
                    b"\xff",
                    b"{",
                    b"[]",
                    b"5",
                    b'{"a":' * 2000,
                    b'{"a":1e999}',
                    b'{"name":5,"type":[]}',
                    b'{"\\ud800":1}',
                ),
                b'{"pad":"' + b"x" * 20_000 + b'"}',
                b'{"big":"' + b"x" * 9_000 + b'"}',
                b"x" * 1_000_000,
            ):
                await peer.publish("devices/default/info-1/info", payload)
        after = await admin.get("info-1")
        assert {name: after[name] for name in ("id", "tenant", "owner", "status")} == {
            name: before[name] for name in ("id", "tenant", "owner", "status")
        }
        await bring_in(access, admin, "info-2")
