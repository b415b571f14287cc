"""The operations broker: each account stays in its own place, and ends with its life.

By topic, name and packet it is tried in test_reach.
"""

import contextlib
from typing import Any

import aiomqtt
import pytest

from tests.e2e.peer import V311, Peer, administrator, connected, device, payload_of
from tests.e2e.scenes import accepted, assert_refused, bring_in, resident, watching

Access = dict[str, Any]


def login_of(access: Access, tenant: str) -> tuple[int, str, str]:
    one = next(one for one in access["administrators"] if one["tenant"] == tenant)
    return access["port"], one["username"], one["password"]


async def refused(peer: Peer, *topics: str) -> None:
    """None of these subscriptions is granted."""
    granted = [topic for topic in topics for qos in (0, 1, 2) if (await peer.subscribe(topic, qos))[0] < 128]
    assert granted == []


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
