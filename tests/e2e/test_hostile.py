"""What somebody with only the bootstrap login can do on the bootstrap broker: nothing to others."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from typing import Any

import aiomqtt
import pytest

from tests.e2e.hpke import Key
from tests.e2e.peer import V5, V311, Device, administrator, device, payload_of, private_id, stranger
from tests.e2e.scenes import accepted, assert_refused, assert_serves, enter, resident, watching

Access = dict[str, Any]
GREEDY = [
    *("#", "+/#", "+/+/response/+", "+/+/response", "bootstrap/#", "bootstrap/+/response/#", "bootstrap/+/request/+"),
    *("bootstrap/+/request", "+/+/+", "+/+/+/+", "$SYS/#", "$CONTROL/#", "control/#", "events/#", "bridge/state"),
]


@contextlib.asynccontextmanager
async def snooper(
    access: Access, client_id: str | None = None, protocol: aiomqtt.ProtocolVersion = V5, *more: str
) -> AsyncIterator[Device]:
    """Somebody who subscribes to all there is, besides its own answer."""
    async with device(access, "snoop", client_id=client_id, protocol=protocol) as caller:
        for topic in (*GREEDY, *more):
            for qos in (0, 2):
                await caller.peer.subscribe(topic, qos)
        yield caller


async def heard_by(caller: Device) -> list[str]:
    """Topics of all that came before the answer to a call that the snooper makes now."""
    mark = secrets.token_hex(8)
    await caller.call({"requestId": mark})
    topics = []
    while True:
        message = await caller.peer.next()
        topics.append(str(message.topic))
        if mark.encode() in payload_of(message):
            return topics


@pytest.mark.parametrize("protocol", [V311, V5], ids=["mqtt311", "mqtt5"])
@pytest.mark.parametrize("plain", [False, True], ids=["private", "plain"])
async def test_a_stranger_reads_nothing_of_others(
    access: Access, plain: bool, protocol: aiomqtt.ProtocolVersion
) -> None:
    device_id = f"read-{plain}-{protocol.name}".lower()
    own = f"bootstrap/{device_id}/response"
    async with (
        administrator(access) as admin,
        device(access, device_id, plain=plain) as victim,
        snooper(access, None, protocol, own, own + "/#", own + "/" + victim.client_id) as other,
    ):
        await admin.ok("register", {"id": device_id})
        await victim.ask({"securityToken": "t"})
        await victim.call({"securityToken": "t"}, retain=True)
        await victim.peer.next()
        await admin.ok("accept", {"id": device_id, "securityToken": "t"})
        await accepted(victim)
        assert (await victim.ask({"securityToken": "t"}))["status"] == "ACCEPTED"
        assert set(await heard_by(other)) == {other.response_topic}


@pytest.mark.parametrize("client_id", ["#", "+", "+/+", "read-id/#", "$SYS", "bootstrap", "%c", "*", "a/response"])
async def test_no_client_id_opens_more_than_itself(access: Access, client_id: str) -> None:
    device_id = f"wild-{secrets.token_hex(4)}"
    async with (
        administrator(access) as admin,
        device(access, device_id) as victim,
        device(access, device_id + "p", plain=True) as simple,
        contextlib.AsyncExitStack() as stack,
    ):
        try:
            other = await stack.enter_async_context(stranger(access, client_id))
        except aiomqtt.MqttError:
            return  # the broker does not even let it in
        for topic in (*GREEDY, f"bootstrap/{device_id}/response/#", f"bootstrap/{device_id}p/response"):
            await other.subscribe(topic)
        for caller in (victim, simple):
            await admin.ok("register", {"id": caller.id})
            await caller.ask()
            await other.publish(caller.request_topic, b'{"securityToken":"x"}')
            await other.publish(caller.response_topic, b'{"status":"ACCEPTED"}')
            await admin.ok("accept", {"id": caller.id})
            assert "password" in await accepted(caller)
            assert (await admin.get(caller.id))["calls"] == 1
        assert other.heard.empty()


async def test_a_stranger_writes_nothing_for_others(access: Access) -> None:
    async with (
        administrator(access) as admin,
        watching(access, "management") as watcher,
        device(access, "write-1") as victim,
        device(access, "write-2", plain=True) as simple,
        device(access, "write-3") as attacker,
    ):
        await admin.ok("register", {"devices": [{"id": "write-1"}, {"id": "write-2"}, {"id": "write-4"}]})
        await victim.ask()
        await simple.ask()
        state = [await admin.get(one) for one in ("write-1", "write-2", "write-4")]
        forged = b'{"status":"ACCEPTED","password":"forged"}'
        for topic in (
            victim.response_topic,
            simple.response_topic,
            attacker.response_topic,
            victim.request_topic,
            simple.request_topic,
            "bootstrap/write-4/request",
            f"bootstrap/write-4/request/{private_id()}",
            f"bootstrap/write-1/request/{attacker.client_id}/more",
            "control/default/admin/request/accept-all",
            "control/default/admin/response",
            "events/default/registrations/write-1",
            "bridge/state",
            "$CONTROL/dynamic-security/v1",
            "$SYS/broker/version",
            "devices/default/write-1/info",
        ):
            for retain in (False, True):
                for qos in (0, 1, 2):
                    with contextlib.suppress(aiomqtt.MqttError):
                        await attacker.peer.publish(topic, forged, qos=qos, retain=retain)
        assert set(await heard_by(attacker)) == {attacker.response_topic}
        assert [await admin.get(one) for one in ("write-1", "write-2", "write-4")] == state
        for caller in (victim, simple):
            assert caller.peer.heard.empty()
            assert (await caller.ask())["status"] == "PENDING_ACCEPTANCE"
        await watcher.of("write-1", "registered", "requested")
        assert not watcher.kept["write-1"]


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


async def test_a_stranger_with_the_names_of_services_throws_nobody_out(access: Access) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for name in (
            "bridge",
            "bridge-intake",
            "bootstrap-bridge",
            "admin",
            "root",
            "bridge-control",
            "devicebootstrap",
        ):
            await stack.enter_async_context(stranger(access, name))
        await assert_serves(access, "names-1")


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


async def test_a_client_id_of_no_length_is_refused(access: Access) -> None:
    login = access["bootstrap"]
    for protocol in (V311, V5):
        await assert_refused(
            access["bootstrapPort"], login["username"], login["password"], None, protocol=protocol, timeout=2
        )


async def test_wrong_logins_are_refused_on_the_bootstrap_broker(access: Access) -> None:
    port, login = access["bootstrapPort"], access["bootstrap"]
    admin = access["administrators"][1]
    for username, password in (
        (login["username"], "wrong"),
        (login["username"], ""),
        ("bridge", login["password"]),
        ("nobody", login["password"]),
        (admin["username"], admin["password"]),
        ("", ""),
    ):
        await assert_refused(port, username, password, private_id())
    with pytest.raises(aiomqtt.MqttError):
        async with aiomqtt.Client("127.0.0.1", port, identifier=private_id()):
            pass


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
