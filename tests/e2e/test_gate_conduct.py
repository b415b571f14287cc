"""Attacks by behaviour on the bootstrap broker, as the table has them: wills, sessions, properties, replays, floods."""

import asyncio
import contextlib
import json
import secrets
from typing import Any

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.e2e import packets
from tests.e2e.hpke import Key
from tests.e2e.peer import (
    Administrator,
    Device,
    Peer,
    administrator,
    connected,
    correlation_of,
    device,
    payload_of,
    private_id,
    resident,
    stranger,
)
from tests.e2e.rude import PUBACK, LastWill, die, rude
from tests.e2e.scenes import NOT_ACCEPTED, accepted, assert_serves, bring_in, enter, watching
from tests.e2e.site import AnySite
from tests.hostile import Attack
from tests.hostile.carrying import carries_out

Access = dict[str, Any]
FORGED = b'{"status":"ACCEPTED","password":"forged"}'


@pytest.fixture
def access(up_site: AnySite) -> Access:
    """One installation: what brokers and bridge do does not hang on how they were started."""
    return up_site.access


def shared(access: Access) -> tuple[str, str]:
    """The shared login, as user name and password."""
    login = access["bootstrap"]
    return login["username"], login["password"]


async def heard_before_an_answer(caller: Device) -> list[bytes]:
    """What came to this caller before the answer to a call that it makes now."""
    mark = secrets.token_hex(8)
    await caller.call({"requestId": mark})
    found = []
    while mark.encode() not in (payload := payload_of(await caller.peer.next())):
        found.append(payload)
    return found


# Messages left behind.


@carries_out("retained-answer")
async def test_forged_answers_are_not_kept_for_anybody(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, device(access, "forge-thief") as thief:
        await admin.ok("register", {"devices": [{"id": "forge-1"}, {"id": "forge-2"}]})
        name = private_id()
        async with (
            device(access, "forge-1", client_id=name) as private,
            device(access, "forge-2", plain=True) as plain,
        ):
            for caller in (private, plain):
                for qos in (0, 1, 2):
                    await thief.peer.publish(caller.response_topic, FORGED, qos=qos, retain=True)
            for caller in (private, plain):
                assert await heard_before_an_answer(caller) == []
        async with (
            device(access, "forge-1", client_id=name) as private,
            device(access, "forge-2", plain=True) as plain,
        ):
            for caller in (private, plain):
                assert await heard_before_an_answer(caller) == [], "nor was it kept"


@carries_out("retained-call")
async def test_a_retained_call_is_one_call_and_is_cleared(up_site: AnySite, access: Access, attack: Attack) -> None:
    own = json.loads((up_site.data / "bridge" / "installation.json").read_text(encoding="utf-8"))
    async with administrator(access) as admin, device(access, "retain-1") as thief:
        await admin.ok("register", {"id": "retain-1"})
        assert payload_of(await _answered(thief, b"{}", retain=True)) == NOT_ACCEPTED
        async with connected(access["bootstrapPort"], "bridge", own["gate"]["password"], private_id()) as reader:
            mark = f"bootstrap/retain-mark/request/{private_id()}"
            await reader.subscribe("bootstrap/+/request/+")
            await reader.publish(mark, b"{}")
            heard = await _until(reader, mark)
            assert thief.request_topic not in heard, "what was kept would come before what is published now"
        found = await admin.get("retain-1")
        assert (found["calls"], [one["call"] for one in found["claims"]]) == (1, ["private"])


async def _answered(caller: Device, payload: bytes, **options: Any) -> aiomqtt.Message:
    await caller.call(payload, **options)
    return await caller.peer.next()


async def _until(peer: Peer, topic: str) -> list[str]:
    heard: list[str] = []
    while topic not in heard:
        heard.append(str((await peer.next()).topic))
    return heard


# Last wills.


@carries_out("will-elsewhere")
async def test_a_will_reaches_only_where_its_owner_may_publish(access: Access, attack: Attack) -> None:
    await wills(access, "will", 0)


@carries_out("delayed-will-elsewhere")
async def test_a_delayed_will_reaches_no_further(access: Access, attack: Attack) -> None:
    await wills(access, "later", 1)


async def wills(access: Access, name: str, delay: int) -> None:
    """Leave wills where the attacker may not publish, then one where it may, which the broker publishes after them."""
    async with (
        administrator(access) as admin,
        watching(access, "default", "bridge/state") as watcher,
        device(access, f"{name}-1") as victim,
        device(access, f"{name}-1", plain=True) as plain,
    ):
        await admin.ok("register", {"devices": [{"id": f"{name}-1"}, {"id": f"{name}-2"}]})
        assert (await watcher.peer.next_json())["state"] == "online"
        await victim.ask()
        for topic in (
            *(victim.response_topic, plain.response_topic, victim.request_topic, plain.request_topic),
            *("bridge/state", "control/default/admin/request/accept-all", f"devices/default/{name}-1/info"),
        ):
            for retain in (False, True):
                will = LastWill(topic, FORGED if "response" in topic else b"{}", retain, delay)
                await die(access["bootstrapPort"], private_id(), *shared(access), will)
        caller = private_id()
        own = LastWill(f"bootstrap/{name}-2/request/{caller}", delay=delay)
        await die(access["bootstrapPort"], caller, *shared(access), own)
        await admin.until(f"{name}-2", "claims")
        assert (await admin.get(f"{name}-1"))["calls"] == 1
        for one in (victim, plain):
            assert await heard_before_an_answer(one) == []
        assert watcher.peer.heard.empty()
        assert (await admin.get(f"{name}-1"))["status"] == "PENDING_ACCEPTANCE", "nobody was accepted"


@carries_out("will-as-call")
async def test_a_will_that_is_a_call_is_a_strangers_claim(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, device(access, "dead-1") as victim:
        await admin.ok("register", {"id": "dead-1"})
        await victim.ask()
        caller = private_id()
        will = LastWill(f"bootstrap/dead-1/request/{caller}", retain=True, delay=1)
        await die(access["bootstrapPort"], caller, *shared(access), will)
        claims = (await _counted(admin, "dead-1", 2))["claims"]
        assert [one["call"] for one in claims] == ["private", "private"]
        assert await admin.code("accept", {"id": "dead-1"}) == "CLAIM_CONFLICT"
        await admin.ok("accept", {"id": "dead-1", "claim": claims[0]["fingerprint"]})
        assert (await accepted(victim))["deviceId"] == "dead-1"


# Sessions taken and left.


@carries_out("plain-call-taken")
async def test_an_unsealed_plain_call_is_read_by_who_takes_its_client_id(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, device(access, "open-1", plain=True) as victim:
        await admin.ok("register", {"id": "open-1"})
        await victim.ask({"securityToken": "t"})
        async with device(access, "open-1", plain=True) as thief:
            await victim.peer.thrown_out()
            await admin.ok("accept", {"id": "open-1", "securityToken": "t"})
            stolen = await accepted(thief)
        async with device(access, "open-1", plain=True) as again:
            assert await again.ask({"securityToken": "t"}) == stolen, "the device gets the same"
        await admin.ok("delete", {"id": "open-1"})
        own = await bring_in(access, admin, "open-1")
        assert own["password"] != stolen["password"]
        with pytest.raises(aiomqtt.MqttError):
            async with resident(access, stolen):
                pass


@carries_out("plain-call-taken-sealed")
async def test_a_sealed_plain_call_is_of_no_use_to_who_takes_its_client_id(access: Access, attack: Attack) -> None:
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
                assert (await thief.ask({"publicKey": Key().public}))["status"] == "PENDING_ACCEPTANCE"
        async with device(access, "take-1", plain=True) as again:
            credentials = key.open((await again.ask({"publicKey": key.public}))["sealed"], "take-1")
        async with resident(access, credentials) as peer:
            await peer.publish("devices/default/take-1/info", b"{}")
        await admin.until("take-1", "confirmedTime")


@carries_out("takeover-war-plain")
async def test_a_war_about_a_plain_client_id_ends_with_the_device_served(access: Access, attack: Attack) -> None:
    key = Key()
    async with administrator(access) as admin:
        await admin.ok("register", {"id": "war-1"})
        for _ in range(10):
            async with (
                device(access, "war-1", plain=True) as victim,
                device(access, "war-1", plain=True) as attacker,
            ):
                await victim.peer.thrown_out()
                await attacker.call(b"{}")
        await bring_in(access, admin, "war-other")
        async with device(access, "war-1", plain=True) as victim:
            await victim.call({"publicKey": key.public})
            found = await admin.until("war-1", "claims")
            while (own := _claim_of(found, key)) is None:
                found = await admin.get("war-1")
            await admin.ok("accept", {"id": "war-1", "claim": own})
            credentials = key.open((await accepted(victim))["sealed"], "war-1")
        async with resident(access, credentials) as peer:
            await peer.publish("devices/default/war-1/info", b"{}")
        await admin.until("war-1", "confirmedTime")


def _claim_of(found: dict[str, Any], key: Key) -> str | None:
    named = [one["fingerprint"] for one in found["claims"] if one.get("keyFingerprint") == key.fingerprint]
    return str(named[0]) if named else None


@carries_out("takeover-war-private")
async def test_a_private_call_is_not_reached_by_a_war(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, device(access, "sit-1") as victim:
        await admin.ok("register", {"id": "sit-1"})
        await victim.ask({"securityToken": "t"})
        names = ["sit-1", "default/device_sit-1", "bridge", "device_sit-1", victim.client_id[:-1], private_id()]
        for name in names * 3:
            async with stranger(access, name) as other:
                for topic in ("#", victim.response_topic, "bootstrap/sit-1/response/#", "bootstrap/sit-1/response"):
                    await other.subscribe(topic)
                await other.publish(victim.request_topic, b"")
                await other.publish(victim.response_topic, FORGED)
        async with device(access, "sit-1", plain=True) as squatter:
            for payload in ({}, {"securityToken": "guess"}):
                await squatter.ask(payload)
            for topic in (victim.response_topic, "bootstrap/sit-1/response/#", "#"):
                await squatter.peer.subscribe(topic)
            await admin.ok("accept", {"id": "sit-1", "securityToken": "t"})
            credentials = await accepted(victim)
            assert (await victim.ask({"securityToken": "t"})) == credentials
            assert await heard_before_an_answer(squatter) == []
            assert (await squatter.ask({"securityToken": "t"}))["status"] == "PENDING_ACCEPTANCE"
        assert not victim.peer.ended.is_set()
    async with resident(access, credentials) as peer:
        await peer.publish("devices/default/sit-1/info", b"{}")


@carries_out("service-client-ids")
async def test_a_stranger_with_the_names_of_services_throws_nobody_out(access: Access, attack: Attack) -> None:
    names = ("bridge", "bridge-intake", "bootstrap-bridge", "admin", "root", "bridge-control", "devicebootstrap")
    async with contextlib.AsyncExitStack() as stack:
        for name in names:
            await stack.enter_async_context(stranger(access, name))
        await assert_serves(access, "names-1")


@carries_out("session-left-at-gate")
async def test_nothing_of_a_private_call_waits_in_a_session_left_behind(access: Access, attack: Attack) -> None:
    port, login = access["bootstrapPort"], shared(access)
    async with administrator(access) as admin, device(access, "left-1") as victim:
        await admin.ok("register", {"id": "left-1"})
        async with rude(port, "left-1", *login, expiry=600) as squatter:
            for topic in ("bootstrap/left-1/response", "bootstrap/+/response/#", "bootstrap/left-1/#", "#"):
                await squatter.subscribe(topic)
        await victim.ask({"securityToken": "t"})
        await admin.ok("accept", {"id": "left-1", "securityToken": "t"})
        await accepted(victim)
        await bring_in(access, admin, "left-2")
        async with rude(port, "left-1", *login, clean=False, expiry=600) as squatter:
            assert squatter.session_present, "it is the session that was left"
            await squatter.send(packets.publish("bootstrap/left-1/request", b'{"requestId":"own"}', version=5))
            heard: list[tuple[int, bytes]] = []
            while not any(b"own" in body for kind, body in heard if kind & 0xF0 == 0x30):
                heard.append(await squatter.packet())
            messages = [body for kind, body in heard if kind & 0xF0 == 0x30]
            assert len(messages) == 1, "its own answer came, and nothing before it"
        async with rude(port, "left-1", *login):
            pass  # and nothing is left for whoever comes


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
            message = await _answered(caller, b"{}", correlation=sent)
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
        found = await _counted(admin, "order-1", 24)
        assert (len(found["claims"]), found["claimsOverflow"], found["failedAttempts"]) == (3, False, 0)
        await watcher.of("order-1", "registered", "requested", "requested", "requested")
        await admin.ok("delete", {"id": "order-1"})
        await watcher.of("order-1", "deleted")


async def _counted(admin: Administrator, device_id: str, calls: int) -> dict[str, Any]:
    """Ask again until the registration has counted so many calls, and no more."""
    async with asyncio.timeout(20):
        while (found := await admin.get(device_id))["calls"] < calls:
            pass
    assert found["calls"] == calls
    return found


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
