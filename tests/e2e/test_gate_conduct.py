"""Attacks by behaviour on the bootstrap broker, as the table has them: wills, sessions, properties, replays, floods."""

import contextlib
import json
from typing import Any

import aiomqtt
import pytest

from tests.e2e import packets
from tests.e2e.conducting import answered_with, counted, heard_before_an_answer, shared
from tests.e2e.hpke import Key
from tests.e2e.peer import (
    Peer,
    administrator,
    connected,
    device,
    payload_of,
    private_id,
    resident,
    stranger,
)
from tests.e2e.rude import LastWill, die, rude
from tests.e2e.scenes import NOT_ACCEPTED, accepted, assert_serves, bring_in, watching
from tests.e2e.site import AnySite
from tests.hostile import Attack
from tests.hostile.carrying import carries_out

Access = dict[str, Any]
FORGED = b'{"status":"ACCEPTED","password":"forged"}'


@pytest.fixture
def access(up_site: AnySite) -> Access:
    """One installation: what brokers and bridge do does not hang on how they were started."""
    return up_site.access


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
        assert payload_of(await answered_with(thief, b"{}", retain=True)) == NOT_ACCEPTED
        async with connected(access["bootstrapPort"], "bridge", own["gate"]["password"], private_id()) as reader:
            mark = f"bootstrap/retain-mark/request/{private_id()}"
            await reader.subscribe("bootstrap/+/request/+")
            await reader.publish(mark, b"{}")
            heard = await _until(reader, mark)
            assert thief.request_topic not in heard, "what was kept would come before what is published now"
        found = await admin.get("retain-1")
        assert (found["calls"], [one["call"] for one in found["claims"]]) == (1, ["private"])


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
        claims = (await counted(admin, "dead-1", 2))["claims"]
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
