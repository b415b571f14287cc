"""Attacks by behaviour with calls, as the table has them: properties, replays, floods."""

import asyncio
import contextlib
import json
import secrets
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.e2e import packets
from tests.e2e.conducting import answered_with, counted, heard_before_an_answer, shared
from tests.e2e.peer import (
    administrator,
    correlation_of,
    device,
    payload_of,
    private_id,
    resident,
)
from tests.e2e.rude import PUBACK, rude
from tests.e2e.scenes import NOT_ACCEPTED, accepted, assert_serves, bring_in, enter, watching
from tests.e2e.site import AnySite, UpSite, wait_until
from tests.hostile import Attack
from tests.hostile.carrying import carries_out
from tests.hostile.intruder import Ended, intruding

Access = dict[str, Any]
FORGED = b'{"status":"ACCEPTED","password":"forged"}'


@pytest.fixture
def access(up_site: AnySite) -> Access:
    """One installation: what brokers and bridge do does not hang on how they were started."""
    return up_site.access


# Properties of a message.


@carries_out("response-topic-of-call")
async def test_a_response_topic_leads_nowhere(access: Access, attack: Attack) -> None:
    async with (
        administrator(access) as admin,
        device(access, "reply-1") as caller,
        device(access, "reply-2") as private,
        device(access, "reply-3", plain=True) as plain,
    ):
        for topic in (
            *(private.response_topic, plain.response_topic, "bootstrap/reply-1/response", private.request_topic),
            *("control/default/admin/response", "events/default/registrations/reply-1", "bridge/state", "a/+/#"),
        ):
            properties = Properties(PacketTypes.PUBLISH)
            if "#" not in topic:
                properties.ResponseTopic = topic
            await caller.peer.client.publish(caller.request_topic, b"{}", 1, False, properties)
            message = await caller.peer.next()
            assert (str(message.topic), payload_of(message)) == (caller.response_topic, NOT_ACCEPTED)
            assert not hasattr(message.properties, "ResponseTopic")
        for other in (private, plain):
            assert await heard_before_an_answer(other) == []
        assert (await admin.answer("list"))["command"] == "list", "nothing came before this answer"


@carries_out("correlation-of-call")
async def test_long_correlation_data_is_not_echoed(access: Access, attack: Attack) -> None:
    async with device(access, "echo-1") as caller:
        for sent, echoed in ((b"c" * 64, b"c" * 64), (b"c" * 65, None), (b"\0" * 16_384, None)):
            message = await answered_with(caller, b"{}", correlation=sent)
            assert correlation_of(message) == echoed
            assert payload_of(message) == NOT_ACCEPTED


@carries_out("topic-alias-at-gate")
async def test_an_alias_ends_the_connection(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        await admin.ok("register", {"id": "alias-1"})
        for number, alias in enumerate((b"", b"\x23\x00\x01", b"\x23\x00\x00", b"\x23\xff\xff")):
            name = private_id()
            async with rude(access["bootstrapPort"], name, *shared(access)) as peer:
                topic = "" if number == 3 else f"bootstrap/alias-1/request/{name}"
                await peer.send(packets.publish(topic, b"{}", version=5, properties=alias))
                if alias:
                    assert await peer.ended()
                else:
                    assert (await peer.packet())[0] == PUBACK, "without an alias the same bytes are a call"
        found = await admin.until("alias-1", "claims")
        assert found["calls"] == 1
        await bring_in(access, admin, "alias-2")


# Replays.


@carries_out("call-after-confirmation")
async def test_a_recorded_call_is_worth_nothing_once_confirmed(access: Access, attack: Attack) -> None:
    name, said = private_id(), {"securityToken": "t", "requestId": "r"}
    async with administrator(access) as admin, watching(access) as watcher:
        await admin.ok("register", {"id": "replay-1"})
        async with device(access, "replay-1", client_id=name) as victim:
            await victim.ask(said)
            await admin.ok("accept", {"id": "replay-1", "securityToken": "t"})
            credentials = await accepted(victim)
        async with resident(access, credentials) as peer:
            await peer.publish("devices/default/replay-1/info", b"{}")
            await admin.until("replay-1", "confirmedTime")
            await watcher.of("replay-1", "registered", "requested", "accepted", "delivered", "confirmed")
            for client_id in (name, private_id()):
                async with device(access, "replay-1", client_id=client_id) as thief:
                    assert await thief.ask(said) == {**json.loads(NOT_ACCEPTED), "requestId": "r"}
            await watcher.of("replay-1", "request-after-completion")
            assert not peer.ended.is_set()
        async with resident(access, credentials):
            pass  # the same password still


@carries_out("call-of-former-life")
async def test_a_call_of_the_former_life_is_a_strangers(access: Access, attack: Attack) -> None:
    name, said = private_id(), {"securityToken": "t"}
    async with administrator(access) as admin, device(access, "former-1") as victim:
        await admin.ok("register", {"id": "former-1"})
        async with device(access, "former-1", client_id=name) as old:
            await old.ask(said)
            before = (await admin.get("former-1"))["claims"][0]["fingerprint"]
            await admin.ok("accept", {"id": "former-1", "securityToken": "t"})
            stolen = await accepted(old)
            await admin.ok("delete", {"id": "former-1"})
            await admin.ok("register", {"id": "former-1"})
            assert (await old.ask(said))["status"] == "PENDING_ACCEPTANCE"
            await victim.ask({"securityToken": "new"})
            first, second = (await admin.get("former-1"))["claims"]
            assert before not in (first["fingerprint"], second["fingerprint"])
            assert await admin.code("accept", {"id": "former-1", "claim": before}) == "NOT_FOUND"
            await admin.ok("accept", {"id": "former-1", "securityToken": "new"})
            credentials = await accepted(victim)
            assert credentials["password"] != stolen["password"]
            assert (await old.ask(said))["status"] == "PENDING_ACCEPTANCE"


@carries_out("calls-out-of-order")
async def test_the_order_of_repeated_calls_does_not_matter(access: Access, attack: Attack) -> None:
    name = private_id()
    topic = f"bootstrap/order-1/request/{name}"
    said = [b'{"securityToken":"a"}', b'{"securityToken":"b"}', b"{}"]
    async with administrator(access) as admin, watching(access) as watcher:
        await admin.ok("register", {"id": "order-1"})
        async with rude(access["bootstrapPort"], name, *shared(access)) as peer:
            recorded = [said[number % 3] for number in range(12)] + [said[-number % 3] for number in range(12)]
            for mid, payload in enumerate(recorded, 1):
                raw = bytearray(packets.publish(topic, payload, mid=mid, version=5))
                raw[0] |= 0x08  # marked as a duplicate
                await peer.send(bytes(raw))
            for _ in recorded:
                assert (await peer.packet())[0] == PUBACK
        found = await counted(admin, "order-1", 24)
        assert (len(found["claims"]), found["claimsOverflow"], found["failedAttempts"]) == (3, False, 0)
        await watcher.of("order-1", "registered", "requested", "requested", "requested")
        await admin.ok("delete", {"id": "order-1"})
        await watcher.of("order-1", "deleted")


# Floods.


@carries_out("call-flood")
async def test_a_flood_of_calls_holds_nobody_up(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, device(access, "flood-0") as caller, device(access, "flood-0") as own:
        await admin.ok("register", {"id": "flood-0"})
        await own.ask({"securityToken": "t"})
        for number in range(1000):
            await caller.call(b'{"requestId":"%d"}' % number, qos=0)
        await bring_in(access, admin, "flood-other")
        answers = [(await caller.peer.next_json())["requestId"] for _ in range(1000)]
        assert answers == [str(number) for number in range(1000)]
        found = await admin.get("flood-0")
        assert (found["calls"], len(found["claims"]), found["failedAttempts"]) == (1001, 2, 0)
        await admin.ok("accept", {"id": "flood-0", "securityToken": "t"})
        await accepted(own)


@carries_out("crowd")
async def test_each_of_many_strangers_gets_its_own_answer(access: Access, attack: Attack) -> None:
    async with contextlib.AsyncExitStack() as stack:
        callers = [await enter(stack, access, f"crowd-{number % 20}") for number in range(200)]
        for _ in range(3):
            await asyncio.gather(*(one.call({"requestId": one.client_id}) for one in callers))
            for one in callers:
                assert (await one.peer.next_json())["requestId"] == one.client_id


@carries_out("id-flood")
async def test_a_flood_of_ids_costs_nobody_his_place(access: Access, attack: Attack) -> None:
    async with contextlib.AsyncExitStack() as stack:
        admin = await stack.enter_async_context(administrator(access, "management"))
        attacker = await stack.enter_async_context(device(access, "herd-0"))
        await enter(stack, access, "herd-mark", {})
        for number in range(600):
            attacker.id = f"herd-{number}-{secrets.token_hex(8)}"
            await attacker.call(b"{}", qos=0)
        await bring_in(access, admin, "herd-served")
        attacker.id = "herd-0"
        await attacker.peer.subscribe(attacker.response_topic)
        await attacker.ask()
        rows = (await admin.ok("list-unregistered", {"limit": 1000}))["devices"]
        assert len([one for one in rows if one["id"].startswith("herd-")]) >= 600
        assert all(one["calls"] == 1 for one in rows if one["id"].startswith("herd-") and len(one["id"]) > 20)


async def fill(access: Access) -> None:
    """Leave subscriptions behind, shorter ones where long ones find no room any more, until nobody is let in."""
    port, (username, password) = access["bootstrapPort"], shared(access)
    size, shut = 19_000, 0
    while shut < 3:
        name = private_id()
        async with intruding(port, name, username, password, clean=False) as attacker:
            shut = 0 if attacker.let_in else shut + 1
            with contextlib.suppress(Ended):
                while attacker.let_in:
                    await attacker.subscribe([secrets.token_bytes(8).hex().encode() + b"x" * size for _ in range(50)])
        size = max(1, size // 3)


@carries_out("gate-filled")
async def test_a_gate_full_of_what_strangers_left_is_opened_again(own_site: UpSite, attack: Attack) -> None:
    own_site.start()
    access = own_site.access
    async with administrator(access) as admin:
        own = await bring_in(access, admin, "filled-0")
        async with resident(access, own) as peer:
            before = own_site.broker_pids()
            await fill(access)
            assert own_site.broker_pids() == before, "it is found, and not told by who fills it"
            await asyncio.to_thread(
                wait_until, lambda: "bootstrap broker full" in own_site.up.output, "the broker is found full", 60.0
            )
            await asyncio.to_thread(
                wait_until, lambda: own_site.up.output.count('"event": "ready"') == 2, "all is served again"
            )
            assert own_site.broker_pids()["operations-broker"] == before["operations-broker"]
            await assert_serves(access, "filled-1")
            await peer.publish("devices/default/filled-0/telemetry", b"still here")
        await admin.ok("list")
