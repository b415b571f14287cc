"""Attacks by behaviour with an administrator's login, as the table has them: a viewer's, a former one's, a tenant's."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bridge.roles import CHANGING, COMMANDS, OF_MANAGEMENT
from tests.e2e.conducting import fresh
from tests.e2e.peer import Administrator, administrator, correlation_of, device, payload_of, resident
from tests.e2e.people import NOT_AUTHORIZED, appointed, login, new_tenant, person, reason_of
from tests.e2e.rude import LastWill, die
from tests.e2e.scenes import accepted, assert_refused, bring_in, is_error
from tests.e2e.site import AnySite
from tests.hostile import Attack
from tests.hostile.carrying import carries_out

Access = dict[str, Any]


@pytest.fixture
def access(up_site: AnySite) -> Access:
    """One installation: what brokers and bridge do does not hang on how they were started."""
    return up_site.access


async def everything(admin: Administrator) -> dict[str, Any]:
    """All that an owner may look at, but what looking and others' calls change."""
    seen = {}
    for command in ("list-devices", "list-administrators", "list-applications", "list-groups", "list-options"):
        seen[command] = await admin.ok(command, {"limit": 1000} if command != "list-options" else {})
    found = await admin.ok("list", {"limit": 1000})
    seen["list"] = found["registrations"]
    return seen


# With a viewer's login.


PAYLOADS: dict[str, Mapping[str, Any]] = {
    "register": {"id": "viewed-new"},
    "accept": {"id": "viewed-1"},
    "delete": {"id": "viewed-1"},
    "set-option": {"category": "device-registration", "key": "security-token.policy", "value": "IGNORED"},
    "create-group": {"path": "Viewed"},
    "delete-group": {"path": "Viewed-1"},
    "update-device": {"id": "viewed-2", "name": "changed"},
    "delete-device": {"id": "viewed-2"},
    "create-administrator": {"name": "viewed-owner", "role": "owner", "password": "chosen-by-a-viewer"},
    "delete-administrator": {"name": "admin"},
    "create-application": {"name": "viewed-app", "password": "chosen-by-a-viewer"},
    "delete-application": {"name": "viewed-app"},
    "create-tenant": {"id": "viewed-tenant"},
}
FILE = b"ID;CREDENTIALS\nviewed-file;chosen-by-a-viewer\n"


@carries_out("viewer-commands")
async def test_a_viewer_changes_nothing(access: Access, attack: Attack) -> None:
    not_his = (CHANGING | OF_MANAGEMENT | COMMANDS["owner"]) - COMMANDS["viewer"]
    assert set(PAYLOADS) <= not_his
    async with (
        administrator(access) as admin,
        device(access, "viewed-1") as caller,
        appointed(access, admin, fresh("viewer"), "viewer") as viewer,
    ):
        await admin.ok("register", {"id": "viewed-1"})
        await caller.ask()
        await admin.ok("create-group", {"path": "Viewed-1"})
        await bring_in(access, admin, "viewed-2")
        before = await everything(admin)
        for command in sorted(not_his):
            payload = FILE if command.startswith("bulk") else json.dumps(PAYLOADS.get(command, {})).encode()
            topic = f"control/default/{viewer.name}/request/{command}"
            for qos, retain in ((0, False), (1, True), (2, False), (0, True), (2, True)):
                await viewer.peer.publish(topic, payload, qos=qos, retain=retain)
            assert await reason_of(viewer.peer, topic, payload) == NOT_AUTHORIZED, command
        assert (await viewer.answer("list"))["command"] == "list", "and nothing was answered before"
        assert await everything(admin) == before
        assert (await caller.ask())["status"] == "PENDING_ACCEPTANCE"
        await assert_refused(access["port"], "viewed-owner", "chosen-by-a-viewer", None)


@carries_out("viewer-wills")
async def test_a_viewers_wills_are_commands_of_a_viewer(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        name = fresh("viewer")
        made = await admin.ok("create-administrator", {"name": name, "role": "viewer"})
        async with person(access, "default", name, made["password"]) as viewer:
            for delay in (0, 1):
                for sender in (name, "admin"):
                    for retain in (False, True):
                        topic = f"control/default/{sender}/request/register"
                        will = LastWill(topic, b'{"id":"willed"}', retain, delay)
                        await die(access["port"], "viewer-left", name, made["password"], will)
                own = LastWill(f"control/default/{name}/request/stats", b'{"requestId":"will"}', delay=delay)
                await die(access["port"], "viewer-left", name, made["password"], own)
                answer = await viewer.peer.next_json()
                assert (answer["command"], answer["requestId"]) == ("stats", "will")
        assert await admin.code("get", {"id": "willed"}) == "NOT_FOUND"


@carries_out("viewer-names-of-services")
async def test_client_ids_like_a_services_throw_nobody_out(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin:
        made = await admin.ok("create-administrator", {"name": fresh("viewer"), "role": "viewer"})
        for name in ("bridge", "bridge-control", "bridge-info", "bridge-accounts", "admin", "bootstrap-bridge"):
            async with login(access, made["name"], made["password"], name):
                await bring_in(access, admin, f"served-{name}")


@carries_out("viewer-floods")
async def test_a_flood_of_requests_leaves_others_their_turns(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, appointed(access, admin, fresh("viewer"), "viewer") as viewer:
        for number in range(600):
            body = json.dumps({"requestId": str(number), "limit": 1})
            await viewer.peer.publish(f"control/default/{viewer.name}/request/list", body, qos=0)
        await bring_in(access, admin, fresh("flooded"))
        answers = [(await viewer.peer.next_json())["requestId"] for _ in range(600)]
        assert answers == [str(number) for number in range(600)]


@carries_out("viewer-bombs")
async def test_huge_questions_are_refused_unread(access: Access, attack: Attack) -> None:
    bomb = b'{"status":[' + b"[]," * 600_000 + b"1]}"
    async with administrator(access) as admin, appointed(access, admin, fresh("viewer"), "viewer") as viewer:
        for _ in range(20):
            await viewer.peer.publish(f"control/default/{viewer.name}/request/list", bomb)
        await bring_in(access, admin, fresh("bombed"))
        answers = [await viewer.peer.next_json() for _ in range(20)]
        assert {one["error"]["code"] for one in answers} == {"LIMIT_REACHED"}
        assert (await viewer.ok("list", {"limit": 1})) is not None


@carries_out("response-topic-of-request")
async def test_a_response_topic_is_not_where_the_answer_goes(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, appointed(access, admin, fresh("viewer"), "viewer") as viewer:
        own = await bring_in(access, admin, "reply-9")
        async with resident(access, own) as peer:
            await peer.subscribe("devices/default/reply-9/#")
            for topic in ("control/default/admin/response", "devices/default/reply-9/x", "bridge/state"):
                properties = Properties(PacketTypes.PUBLISH)
                properties.ResponseTopic = topic
                request = f"control/default/{viewer.name}/request/stats"
                await viewer.peer.client.publish(request, b"{}", 1, False, properties)
                message = await viewer.peer.next()
                assert str(message.topic) == f"control/default/{viewer.name}/response"
            await peer.publish("devices/default/reply-9/mark", b"mark")
            assert payload_of(await peer.next()) == b"mark"
        assert (await admin.answer("list"))["command"] == "list"


@carries_out("correlation-of-request")
async def test_long_correlation_data_of_a_request_is_not_echoed(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, appointed(access, admin, fresh("viewer"), "viewer") as viewer:
        topic = f"control/default/{viewer.name}/request/stats"
        for sent, echoed in ((b"c" * 64, b"c" * 64), (b"c" * 65, None), (b"\0" * 65_535, None)):
            await viewer.peer.publish(topic, b"{}", correlation=sent)
            assert correlation_of(await viewer.peer.next()) == echoed


# Replays.


@carries_out("request-replayed")
async def test_a_request_said_again_is_not_done_again(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, appointed(access, admin, fresh("reg"), "registrar") as registrar:
        register = {"id": "again-9", "requestId": "again-register"}
        first = await registrar.answer("register", register)
        delete = {"id": "again-9", "requestId": "again-delete"}
        deleted = await registrar.answer("delete", delete)
        assert await registrar.answer("register", register) == first
        assert await admin.code("get", {"id": "again-9"}) == "NOT_FOUND"
        await admin.ok("register", {"id": "again-9"})
        assert await registrar.answer("delete", delete) == deleted
        assert (await admin.get("again-9"))["status"] == "WAITING_FOR_CONNECTION"


@carries_out("request-replayed-in-next-life")
async def test_an_accept_of_the_former_life_accepts_nothing(access: Access, attack: Attack) -> None:
    async with (
        administrator(access) as admin,
        appointed(access, admin, fresh("reg"), "registrar") as registrar,
        device(access, "again-8") as old,
        device(access, "again-8") as new,
    ):
        await admin.ok("register", {"id": "again-8"})
        await old.ask()
        claim = (await admin.get("again-8"))["claims"][0]["fingerprint"]
        accept = {"id": "again-8", "claim": claim, "requestId": "again-accept"}
        first = await registrar.answer("accept", accept)
        await accepted(old)
        await admin.ok("delete", {"id": "again-8"})
        await admin.ok("register", {"id": "again-8"})
        await new.ask()
        assert await registrar.answer("accept", accept) == first
        assert await registrar.code("accept", {"id": "again-8", "claim": claim}) == "NOT_FOUND"
        assert (await admin.get("again-8"))["status"] == "PENDING_ACCEPTANCE"
        assert (await new.ask())["status"] == "PENDING_ACCEPTANCE"


@carries_out("request-replayed-by-another")
async def test_anothers_request_is_one_of_ones_own(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, appointed(access, admin, fresh("reg"), "registrar") as registrar:
        made = {"name": fresh("app"), "requestId": "anothers-1"}
        password = (await admin.answer("create-application", made))["result"]["password"]
        topic = f"control/default/{registrar.name}/request/create-application"
        assert await reason_of(registrar.peer, topic, json.dumps(made)) == NOT_AUTHORIZED
        register = {"id": "again-7", "requestId": "anothers-2"}
        assert (await admin.answer("register", register))["ok"]
        answer = await registrar.answer("register", register)
        assert is_error(answer, "ALREADY_REGISTERED")
        assert password not in json.dumps(answer)


@carries_out("request-id-reused")
async def test_a_request_id_is_for_one_request(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, appointed(access, admin, fresh("reg"), "registrar") as registrar:
        await registrar.ok("register", {"id": "again-6", "requestId": "once"})
        for command, payload in (("register", {"id": "again-5"}), ("delete", {"id": "again-6"}), ("accept-all", {})):
            assert await registrar.code(command, {**payload, "requestId": "once"}) == "MALFORMED_REQUEST"
        assert await admin.code("get", {"id": "again-5"}) == "NOT_FOUND"
        assert (await admin.get("again-6"))["id"] == "again-6"


# Between tenants.


@carries_out("tenant-takes-ids")
async def test_an_id_taken_by_a_neighbour_is_set_free_by_management(access: Access, attack: Attack) -> None:
    tenant = fresh("abroad")
    async with (
        administrator(access) as admin,
        administrator(access, "management") as root,
        new_tenant(access, root, tenant) as neighbour,
        device(access, "coveted-1") as caller,
    ):
        await neighbour.ok("register", {"id": "coveted-1"})
        answer = await admin.answer("register", {"id": "coveted-1"})
        assert is_error(answer, "ALREADY_REGISTERED")
        assert tenant not in json.dumps(answer)
        await caller.ask()
        assert (await root.get("coveted-1"))["tenant"] == tenant
        await root.ok("delete", {"id": "coveted-1"})
        await admin.ok("register", {"id": "coveted-1"})
        await caller.ask()
        await admin.ok("accept", {"id": "coveted-1"})
        assert (await accepted(caller))["tenant"] == "default"


@carries_out("tenant-answers-claims")
async def test_a_neighbours_registration_is_not_found(access: Access, attack: Attack) -> None:
    tenant = fresh("abroad")
    async with (
        administrator(access) as admin,
        administrator(access, "management") as root,
        new_tenant(access, root, tenant) as neighbour,
        device(access, "coveted-2") as caller,
    ):
        await admin.ok("register", {"id": "coveted-2"})
        await caller.ask({"securityToken": "t"})
        before = await admin.get("coveted-2")
        claim = before["claims"][0]["fingerprint"]
        ways: list[dict[str, Any]] = [{}, {"claim": claim}, {"securityToken": "t"}, {"securityToken": "wrong"}]
        for way in ways:
            assert await neighbour.code("accept", {"id": "coveted-2", **way}) == "NOT_FOUND"
        for command in ("get", "delete", "get-device", "delete-device"):
            assert await neighbour.code(command, {"id": "coveted-2"}) == "NOT_FOUND"
        assert (await neighbour.ok("accept-all", {})) == {"acceptedCount": 0, "failed": []}
        assert await admin.get("coveted-2") == before
