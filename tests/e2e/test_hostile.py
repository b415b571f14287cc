"""What somebody with only the bootstrap login can do on the bootstrap broker: nothing to others.

By topic, client id and packet it is tried in test_reach.
"""

import asyncio
import contextlib
from typing import Any

import aiomqtt

from tests.e2e.hpke import Key
from tests.e2e.peer import V311, administrator, device, private_id, stranger
from tests.e2e.scenes import accepted, assert_serves, enter, resident

Access = dict[str, Any]


async def test_whoever_takes_the_client_id_of_a_plain_call_throws_it_out_and_cannot_open_what_is_sealed(
    access: Access,
) -> None:
    key = Key()
    async with administrator(access) as admin:
        await admin.ok("register", {"id": "take-1"})
        async with device(access, "take-1", plain=True) as victim:
            await victim.ask({"publicKey": key.public})
            async with device(access, "take-1", plain=True) as thief:
                await victim.peer.thrown_out()
                await admin.ok("accept", {"id": "take-1"})
                stolen = await accepted(thief)
                assert set(stolen) == {"status", "sealed"}
                assert (await thief.ask({}))["status"] == "PENDING_ACCEPTANCE", "another claim"
        async with device(access, "take-1", plain=True) as again:
            credentials = key.open((await again.ask({"publicKey": key.public}))["sealed"], "take-1")
        async with resident(access, credentials) as peer:
            await peer.publish("devices/default/take-1/info", b"{}")
        await admin.until("take-1", "confirmedTime")


async def test_who_sits_on_the_plain_client_id_does_not_disturb_a_private_call(access: Access) -> None:
    async with administrator(access) as admin, device(access, "sit-1", plain=True) as squatter:
        await admin.ok("register", {"id": "sit-1"})
        async with device(access, "sit-1") as victim:
            await victim.ask({"securityToken": "t"})
            async with device(access, "sit-1", plain=True) as second:
                await squatter.peer.thrown_out()
                for payload in ({}, {"securityToken": "guess"}):
                    await second.ask(payload)
                for topic in (victim.response_topic, "bootstrap/sit-1/response/#"):
                    await second.peer.subscribe(topic)
                await second.peer.publish(victim.request_topic, b"")
                await second.peer.publish(victim.response_topic, b"forged")
                await admin.ok("accept", {"id": "sit-1", "securityToken": "t"})
                credentials = await accepted(victim)
                assert (await second.ask({"securityToken": "t"}))["status"] == "PENDING_ACCEPTANCE"
                assert second.peer.heard.empty()
                assert not victim.peer.ended.is_set()
    async with resident(access, credentials) as peer:
        await peer.publish("devices/default/sit-1/info", b"{}")


async def test_wills_and_retained_messages_reach_only_where_publishing_may(access: Access) -> None:
    async with administrator(access) as admin, device(access, "will-1") as victim:
        await admin.ok("register", {"devices": [{"id": "will-1"}, {"id": "will-2"}]})
        await victim.ask()
        for topic in (
            victim.response_topic,
            victim.request_topic,
            "bridge/state",
            "control/default/admin/request/list",
        ):
            for retain in (False, True):
                await die(access, private_id(), topic, retain=retain)
        caller = private_id()
        await die(access, caller, f"bootstrap/will-2/request/{caller}", retain=False)
        await admin.until("will-2", "claims")
        assert (await admin.get("will-1"))["calls"] == 1
        assert victim.peer.heard.empty()
        async with device(access, "will-1", client_id=victim.client_id) as again:
            assert (await again.ask())["status"] == "PENDING_ACCEPTANCE", "no retained message came first"


async def die(access: Access, client_id: str, topic: str, *, retain: bool) -> None:
    """Connect with a will and be thrown out, so that the broker publishes it."""
    will = aiomqtt.Will(topic, b'{"status":"ACCEPTED"}' if "response" in topic else b"{}", 1, retain)
    with contextlib.suppress(aiomqtt.MqttError):
        async with stranger(access, client_id, V311, will=will) as first, stranger(access, client_id, V311):
            await first.thrown_out()


async def test_many_strangers_at_once_each_get_their_own_answer(access: Access) -> None:
    async with contextlib.AsyncExitStack() as stack:
        callers = [await enter(stack, access, f"crowd-{number % 20}") for number in range(200)]
        for _ in range(3):
            await asyncio.gather(*(one.call({"requestId": one.client_id}) for one in callers))
            for one in callers:
                assert (await one.peer.next_json())["requestId"] == one.client_id


async def test_a_flood_of_calls_holds_nobody_up(access: Access) -> None:
    async with administrator(access) as admin, device(access, "flood-0") as caller:
        await admin.ok("register", {"id": "flood-0"})
        for number in range(1000):
            await caller.call(b'{"requestId":"%d"}' % number, qos=0)
        await assert_serves(access, "flood-other")
        assert (await admin.until("flood-0", "calls"))["failedAttempts"] == 0
        answers = [(await caller.peer.next_json())["requestId"] for _ in range(1000)]
        assert answers == [str(number) for number in range(1000)]
