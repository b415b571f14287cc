"""First contact to logged in, over the wire of real brokers."""

import asyncio
import json
import re
from typing import Any

import aiomqtt
import pytest

from tests.e2e.peer import (
    V5,
    V311,
    administrator,
    correlation_of,
    device,
    payload_of,
    resident,
)

Access = dict[str, Any]


async def test_a_device_gets_credentials_of_its_own_and_logs_in(access: Access) -> None:
    async with administrator(access) as admin, device(access, "first-1") as caller:
        assert (await admin.ok("register", {"id": "first-1"}))["created"][0]["status"] == "WAITING_FOR_CONNECTION"
        answer = await caller.ask({"requestId": "r1"})
        assert answer == {"status": "PENDING_ACCEPTANCE", "retryAfter": 30, "requestId": "r1"}
        assert (await admin.get("first-1"))["status"] == "PENDING_ACCEPTANCE"
        assert await admin.ok("accept", {"id": "first-1"}) == {"id": "first-1", "status": "ACCEPTED"}
        credentials = await caller.peer.next_json()
        assert credentials == {
            "status": "ACCEPTED",
            "tenant": "default",
            "deviceId": "first-1",
            "username": "default/device_first-1",
            "password": credentials["password"],
            "clientId": "first-1",
        }
        assert re.fullmatch("[a-z2-7]{32}", credentials["password"])
        async with resident(access, credentials) as peer:
            await peer.subscribe("devices/default/first-1/commands")
            await peer.publish("devices/default/first-1/info", json.dumps({"name": "Pump", "fw": "1.2"}))
            await peer.publish("devices/default/first-1/commands", "hello me")
            assert payload_of(await peer.next()) == b"hello me"
        assert (await admin.until("first-1", "confirmedTime"))["deliveredTime"]
        assert (await caller.ask())["status"] == "PENDING_ACCEPTANCE", "re-delivery ends with confirmation"


@pytest.mark.parametrize("protocol", [V311, V5], ids=["mqtt311", "mqtt5"])
@pytest.mark.parametrize("plain", [False, True], ids=["private", "plain"])
@pytest.mark.parametrize("line", [False, True], ids=["json", "line"])
async def test_both_calls_both_forms_both_protocols(
    access: Access, protocol: aiomqtt.ProtocolVersion, plain: bool, line: bool
) -> None:
    device_id = f"each-{protocol.name}-{plain}-{line}".lower()
    async with (
        administrator(access, protocol=protocol) as admin,
        device(access, device_id, plain=plain, protocol=protocol) as caller,
    ):
        await admin.ok("register", {"id": device_id})
        if line:
            await caller.call(" token-1 \n")
        else:
            assert (await caller.ask({"securityToken": "token-1"}))["status"] == "PENDING_ACCEPTANCE"
        registration = await admin.until(device_id, "claims")
        assert registration["claims"][0]["call"] == ("plain" if plain else "private")
        assert registration["tokenSent"] is True
        assert await admin.code("accept", {"id": device_id}) == "TOKEN_REQUIRED"
        assert await admin.code("accept", {"id": device_id, "securityToken": "wrong"}) == "TOKEN_MISMATCH"
        assert (await admin.get(device_id))["failedAttempts"] == 1
        await admin.ok("accept", {"id": device_id, "securityToken": "token-1"})
        message = await caller.peer.next()
        assert message.retain is False
        assert str(message.topic) == caller.response_topic
        if line:
            kind, tenant, user, password = payload_of(message).decode().split(",")
            assert (kind, tenant, user) == ("70", "default", f"device_{device_id}")
        else:
            password = json.loads(payload_of(message))["password"]
        credentials = {"username": f"default/device_{device_id}", "password": password, "clientId": device_id}
        async with resident(access, credentials, protocol=protocol) as peer:
            await peer.publish(f"devices/default/{device_id}/info", b"up")
        await admin.until(device_id, "confirmedTime")


@pytest.mark.parametrize("qos", [0, 1, 2])
async def test_calls_of_every_qos_are_answered(access: Access, qos: int) -> None:
    async with administrator(access) as admin, device(access, f"qos-{qos}") as caller:
        await admin.ok("register", {"id": f"qos-{qos}"})
        assert (await caller.ask(qos=qos))["status"] == "PENDING_ACCEPTANCE"
        assert (await admin.get(f"qos-{qos}"))["calls"] == 1


async def test_a_call_before_the_subscription_counts_and_the_next_one_is_answered(access: Access) -> None:
    async with administrator(access) as admin, device(access, "early-1", subscribe=False) as caller:
        await admin.ok("register", {"id": "early-1"})
        await caller.call()
        await admin.until("early-1", "claims")
        await admin.ok("accept", {"id": "early-1"})
        await admin.until("early-1", "installedTime")
        await caller.peer.subscribe(caller.response_topic)
        assert (await caller.ask())["status"] == "ACCEPTED"


async def test_a_repeated_call_gets_the_same_password_and_its_own_echoes(access: Access) -> None:
    async with administrator(access) as admin, device(access, "again-1") as caller:
        await admin.ok("register", {"id": "again-1"})
        await caller.ask()
        await admin.ok("accept", {"id": "again-1"})
        pushed = await caller.peer.next()
        assert correlation_of(pushed) is None
        assert "requestId" not in json.loads(payload_of(pushed))
        await caller.call({"requestId": "r9"}, correlation=b"c" * 64)
        repeated = await caller.peer.next()
        assert correlation_of(repeated) == b"c" * 64
        assert json.loads(payload_of(repeated)) == {**json.loads(payload_of(pushed)), "requestId": "r9"}
        await caller.call(correlation=b"c" * 65)
        assert correlation_of(await caller.peer.next()) is None


async def test_a_retained_call_counts_once_and_is_cleared(access: Access) -> None:
    async with administrator(access) as admin, device(access, "retained-1") as caller:
        await admin.ok("register", {"id": "retained-1"})
        assert (await caller.ask({"securityToken": "t"}, retain=True))["status"] == "PENDING_ACCEPTANCE"
        assert (await admin.get("retained-1"))["calls"] == 1
        await caller.call(b"", retain=True)
        assert (await caller.ask({"securityToken": "t"}))["status"] == "PENDING_ACCEPTANCE"
        found = await admin.get("retained-1")
        assert (found["calls"], len(found["claims"])) == (2, 1)


@pytest.mark.parametrize("device_id", ["Zähler-7", "水-1", "a'b;c|d&e~(f)", "x" * 255, "…/".replace("/", "!")])
async def test_unusual_ids_work_end_to_end(access: Access, device_id: str) -> None:
    async with administrator(access) as admin, device(access, device_id) as caller:
        await admin.ok("register", {"id": device_id})
        await caller.ask()
        await admin.ok("accept", {"id": device_id})
        credentials = await caller.peer.next_json()
        assert credentials["deviceId"] == device_id
        async with resident(access, credentials) as peer:
            await peer.publish(f"devices/default/{device_id}/info", b"{}")
        await admin.until(device_id, "confirmedTime")
        await admin.ok("delete", {"id": device_id})


async def test_registered_again_the_device_gets_a_new_password_and_the_old_one_is_useless(access: Access) -> None:
    async with administrator(access) as admin, device(access, "lost-1") as caller:
        await admin.ok("register", {"id": "lost-1"})
        await caller.ask()
        await admin.ok("accept", {"id": "lost-1"})
        old = await caller.peer.next_json()
        async with resident(access, old, clean_start=False) as peer:
            await peer.subscribe("devices/default/lost-1/commands")
            await peer.publish("devices/default/lost-1/info", b"{}")
            await admin.until("lost-1", "confirmedTime")
            await admin.ok("delete", {"id": "lost-1"})
            await admin.ok("register", {"id": "lost-1"})
            assert (await caller.ask())["status"] == "PENDING_ACCEPTANCE"
            await admin.ok("accept", {"id": "lost-1"})
            new = await caller.peer.next_json()
            assert new["password"] != old["password"]
            assert (await admin.get("lost-1")).get("confirmedTime") is None, "old messages confirm nothing new"
            await peer.thrown_out()
        with pytest.raises(aiomqtt.MqttError):
            async with resident(access, old):
                pass
        async with resident(access, new) as peer:
            await peer.publish("devices/default/lost-1/info", b"{}")
        await admin.until("lost-1", "confirmedTime")


async def test_deleted_before_confirmation_the_account_goes_too(access: Access) -> None:
    async with administrator(access) as admin, device(access, "gone-1") as caller:
        await admin.ok("register", {"id": "gone-1"})
        await caller.ask()
        await admin.ok("accept", {"id": "gone-1"})
        credentials = await caller.peer.next_json()
        await admin.ok("delete", {"id": "gone-1"})

        async def is_refused() -> bool:
            try:
                async with resident(access, credentials):
                    return False
            except aiomqtt.MqttError:
                return True

        async with asyncio.timeout(60):
            while not await is_refused():
                pass
