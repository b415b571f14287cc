"""The operations broker: each account stays in its own place, and ends with its life.

By topic, name and packet it is tried in test_reach.
"""

import contextlib
from typing import Any

from tests.e2e.peer import Peer, administrator, device, payload_of
from tests.e2e.scenes import accepted, assert_refused, bring_in, resident

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
