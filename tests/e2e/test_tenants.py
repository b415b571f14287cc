"""Tenants beside one another: what each does alone, and that nobody reaches over the fence."""

import asyncio
import contextlib
import json
from typing import Any

import aiomqtt
import pytest

from tests.e2e.peer import Administrator, administrator, device, payload_of
from tests.e2e.people import (
    NOT_AUTHORIZED,
    appointed,
    bulk,
    login,
    new_tenant,
    person,
    reason_of,
)
from tests.e2e.scenes import accepted, bring_in, enter, is_error, resident, watching
from tests.e2e.site import UpSite

Access = dict[str, Any]
POLICY = {"category": "device-registration", "key": "security-token.policy"}


async def brought_in(access: Access, admin: Administrator, device_id: str, **registration: Any) -> dict[str, Any]:
    """As ``bring_in``; the tenant is the administrator's."""
    credentials = await bring_in(access, admin, device_id, **registration)
    assert credentials["username"] == f"{admin.tenant}/device_{device_id}"
    return credentials


async def test_a_new_tenant_works_with_plain_clients_only(access: Access) -> None:
    async with administrator(access, "management") as root:
        async with new_tenant(access, root, "solo") as boss:
            assert (await boss.ok("list", {}))["registrations"] == []
            assert (await boss.ok("list-options", {}))["options"]
            await boss.ok("set-option", {**POLICY, "value": "REQUIRED"})
            async with device(access, "solo-1") as caller:
                await boss.ok("register", {"id": "solo-1", "group": "Hall/1"})
                await caller.call({"securityToken": "t"})
                await caller.peer.next()
                assert await boss.code("accept", {"id": "solo-1"}) == "TOKEN_REQUIRED"
                assert await boss.ok("accept", {"id": "solo-1", "securityToken": "t"}) == {
                    "id": "solo-1",
                    "status": "ACCEPTED",
                }
                credentials = await accepted(caller)
            assert credentials["tenant"] == "solo"
            assert credentials["username"] == "solo/device_solo-1"
            async with resident(access, credentials) as peer:
                await peer.publish("devices/solo/solo-1/info", b'{"name":"First"}')
                await boss.until("solo-1", "confirmedTime")
                assert await reason_of(peer, "devices/default/solo-1/info") == NOT_AUTHORIZED
            found = await boss.ok("get-device", {"id": "solo-1"})
            assert (found["tenant"], found["owner"], found["name"]) == ("solo", "solo/solo-boss", "First")
            assert await boss.ok("list-groups", {}) == {
                "groups": [{"path": "Hall", "devices": 0}, {"path": "Hall/1", "devices": 1}],
                "next": None,
            }
            made = await boss.ok("create-administrator", {"name": "solo-second", "role": "registrar"})
            async with person(access, "solo", "solo-second", made["password"]) as second:
                assert [one["id"] for one in (await second.ok("list", {}))["registrations"]] == ["solo-1"]
        tenants = {one["id"] for one in (await root.ok("list-tenants", {"limit": 1000}))["tenants"]}
        assert {"management", "default", "solo"} <= tenants


REACHING: list[tuple[str, dict[str, Any], str]] = [
    ("get", {"id": "theirs-reg"}, "NOT_FOUND"),
    ("get", {"id": "theirs-dev"}, "NOT_FOUND"),
    ("accept", {"id": "theirs-reg"}, "NOT_FOUND"),
    ("accept", {"id": "theirs-reg", "claim": "00000000"}, "NOT_FOUND"),
    ("delete", {"id": "theirs-reg"}, "NOT_FOUND"),
    ("delete", {"id": "theirs-dev"}, "NOT_FOUND"),
    ("register", {"id": "theirs-reg"}, "ALREADY_REGISTERED"),
    ("register", {"id": "theirs-dev"}, "ALREADY_EXISTS"),
    ("register", {"id": "theirs-x", "tenant": "secretive"}, "NOT_PERMITTED"),
    ("list", {"tenant": "secretive"}, "NOT_PERMITTED"),
    ("list", {"tenant": "management"}, "NOT_PERMITTED"),
    ("get-device", {"id": "theirs-dev"}, "NOT_FOUND"),
    ("update-device", {"id": "theirs-dev", "name": "mine"}, "NOT_FOUND"),
    ("delete-device", {"id": "theirs-dev"}, "NOT_FOUND"),
    ("delete-device", {"id": "theirs-reg"}, "NOT_FOUND"),
    ("delete-group", {"path": "theirs-group"}, "NOT_FOUND"),
    ("delete-administrator", {"name": "theirs-boss"}, "NOT_FOUND"),
    ("delete-administrator", {"name": "root"}, "NOT_FOUND"),
    ("delete-application", {"name": "theirs-app"}, "NOT_FOUND"),
    ("create-administrator", {"name": "theirs-boss", "role": "viewer"}, "ALREADY_EXISTS"),
    ("create-administrator", {"name": "theirs-app", "role": "viewer"}, "ALREADY_EXISTS"),
    ("create-administrator", {"name": "fresh", "role": "owner", "tenant": "secretive"}, "NOT_PERMITTED"),
    ("create-application", {"name": "theirs-app"}, "ALREADY_EXISTS"),
    ("create-application", {"name": "fresh", "read": ["devices/secretive/#"]}, "NOT_PERMITTED"),
    ("create-application", {"name": "fresh", "read": ["plant/secretive/#"]}, "NOT_PERMITTED"),
    ("create-application", {"name": "fresh", "write": ["devices/secretive/theirs-dev/x"]}, "NOT_PERMITTED"),
    ("create-tenant", {"id": "secretive"}, "NOT_PERMITTED"),
    ("list-tenants", {}, "NOT_PERMITTED"),
    ("list-unregistered", {}, "NOT_PERMITTED"),
]


async def test_no_command_reaches_over_the_fence_and_no_answer_names_the_neighbour(access: Access) -> None:
    async with administrator(access, "management") as root, contextlib.AsyncExitStack() as stack:
        one = await stack.enter_async_context(new_tenant(access, root, "fence-a"))
        other = await stack.enter_async_context(new_tenant(access, root, "secretive"))
        await other.ok("register", {"id": "theirs-reg", "name": "Hidden"})
        await enter(stack, access, "theirs-reg", {})
        await brought_in(access, other, "theirs-dev", group="theirs-group")
        await other.ok("delete", {"id": "theirs-dev"})
        await other.ok("create-application", {"name": "theirs-app"})
        made = await other.ok("create-administrator", {"name": "theirs-boss", "role": "viewer"})
        before = [await other.ok(command, {}) for command in SIGHTS]
        for command, payload, code in REACHING:
            answer = await one.answer(command, payload)
            assert is_error(answer, code), (command, payload, answer)
            if "secretive" not in json.dumps(payload):
                assert "secretive" not in json.dumps(answer), answer
        many = await one.ok("register", {"devices": [{"id": "theirs-reg"}, {"id": "theirs-dev"}, {"id": "fence-ok"}]})
        assert [row["code"] for row in many["failed"]] == ["ALREADY_REGISTERED", "ALREADY_EXISTS"]
        assert "secretive" not in json.dumps(many)
        many = await one.ok("accept", {"devices": [{"id": "theirs-reg"}, {"id": "theirs-dev"}, {"id": "nobody"}]})
        assert [row["code"] for row in many["failed"]] == ["NOT_FOUND"] * 3
        assert len({row["message"].replace(row["id"], "") for row in many["failed"]}) == 1, "as if there were none"
        many = await one.ok("delete", {"ids": ["theirs-reg", "theirs-dev", "nobody"]})
        assert len({row["message"].replace(row["id"], "") for row in many["failed"]}) == 1, "as if there were none"
        result = await bulk(one, "ID;PATH\ntheirs-reg;g\ntheirs-dev;g\n")
        assert [row["code"] for row in result["failedCreationList"]] == ["ALREADY_REGISTERED", "ALREADY_EXISTS"]
        full = await bulk(one, "ID;CREDENTIALS;TENANT\ntheirs-reg;12345678;secretive\ntheirs-dev;12345678;secretive\n")
        assert [row["code"] for row in full["failedCreationList"]] == ["ALREADY_REGISTERED", "ALREADY_EXISTS"]
        assert "secretive" not in json.dumps([result, full])
        assert (await one.ok("accept-all", {}))["acceptedCount"] == 0
        assert [await other.ok(command, {}) for command in SIGHTS] == before, "nothing of theirs has changed"
        await stack.enter_async_context(person(access, "secretive", "theirs-boss", made["password"]))
        for command in SIGHTS:
            seen = json.dumps(await one.ok(command, {}))
            for word in ("secretive", "theirs-app", "theirs-boss", "Hidden"):
                assert word not in seen, (command, word)
        entries = (await other.ok("audit", {"limit": 1000}))["entries"]
        assert not [entry for entry in entries if entry["actor"].startswith("fence-a/")]
        assert (await one.ok("audit", {"id": "theirs-dev", "limit": 1000}))["entries"] == [
            entry for entry in (await one.ok("audit", {"limit": 1000}))["entries"] if entry.get("id") == "theirs-dev"
        ]


SIGHTS = ["list", "list-devices", "list-groups", "list-options", "list-administrators", "list-applications"]


async def test_events_stay_with_their_tenant_and_management_hears_all(access: Access) -> None:
    async with administrator(access, "management") as root, contextlib.AsyncExitStack() as stack:
        one = await stack.enter_async_context(new_tenant(access, root, "events-a"))
        other = await stack.enter_async_context(new_tenant(access, root, "events-b"))
        await stack.enter_async_context(watching(access, "default"))
        everything = await stack.enter_async_context(watching(access, "management"))
        assert await one.peer.subscribe("events/events-a/#") == [1]
        await other.ok("register", {"id": "events-theirs"})
        await root.ok("register", {"id": "events-given", "tenant": "events-b"})
        await bulk(other, "ID\nevents-bulk\n")
        await bulk(root, "ID;TENANT\nevents-1;events-a\nevents-2;events-b\nevents-3;events-b\n")
        own = await one.peer.next()
        assert str(own.topic) == "events/events-a/bulk"
        told = json.loads(payload_of(own))
        assert (told["numberOfAll"], told["numberOfSuccessful"], told["by"]) == (1, 1, "management/root")
        assert (await everything.message("events-theirs"))[0] == "events/events-b/registrations/events-theirs"
        assert (await everything.message("events-given"))[1]["by"] == "management/root"
        bulks = [await everything.message("") for _ in range(3)]
        assert sorted((topic, event["numberOfAll"]) for topic, event in bulks) == [
            ("events/events-a/bulk", 1),
            ("events/events-b/bulk", 1),
            ("events/events-b/bulk", 2),
        ]
        assert await one.code("get", {"id": "events-theirs"}) == "NOT_FOUND", "and no event came before"


async def test_options_audit_counts_and_groups_are_each_tenants_own(access: Access) -> None:
    async with administrator(access, "management") as root, contextlib.AsyncExitStack() as stack:
        one = await stack.enter_async_context(new_tenant(access, root, "own-a"))
        other = await stack.enter_async_context(new_tenant(access, root, "own-b"))
        await one.ok("set-option", {**POLICY, "value": "IGNORED"})
        await other.ok("set-option", {**POLICY, "value": "REQUIRED"})
        assert (await one.ok("get-option", POLICY))["value"] == "IGNORED"
        assert (await other.ok("get-option", POLICY))["value"] == "REQUIRED"
        await one.ok("create-group", {"path": "Same/Name"})
        await other.ok("create-group", {"path": "Same/Name"})
        await other.ok("create-group", {"path": "Only theirs"})
        assert [row["path"] for row in (await one.ok("list-groups", {}))["groups"]] == ["Same", "Same/Name"]
        await one.ok("delete-group", {"path": "Same"})
        assert len((await other.ok("list-groups", {}))["groups"]) == 3
        await other.ok("register", {"devices": [{"id": f"own-{number}"} for number in range(3)]})
        assert sum((await one.ok("list", {}))["counts"].values()) == 0
        assert sum((await one.ok("stats", {}))["counts"].values()) == 0
        assert sum((await other.ok("list", {"status": ["ACCEPTED"]}))["counts"].values()) == 3
        actors = {entry["actor"] for entry in (await one.ok("audit", {}))["entries"]}
        assert actors <= {
            "own-a/own-a-boss",
            "management/root",
        }
        await other.ok("set-option", {"category": "devices", "key": "topics", "value": ["plant/{tenant}/{id}"]})
        assert (await one.ok("get-option", {"category": "devices", "key": "topics"}))["effective"] == []
        wide = {"category": "devices", "key": "topics", "value": ["plant/{id}"]}
        assert await one.code("set-option", wide) == "INVALID_OPTION"


async def test_management_decides_registrations_of_all_and_has_no_inventory_of_others(access: Access) -> None:
    async with administrator(access, "management") as root, contextlib.AsyncExitStack() as stack:
        boss = await stack.enter_async_context(new_tenant(access, root, "watched"))
        await brought_in(access, boss, "watched-dev", group="Watched group")
        await boss.ok("register", {"id": "watched-1"})
        caller = await enter(stack, access, "watched-1", {})
        assert (await root.get("watched-1"))["tenant"] == "watched"
        found = (await root.ok("list", {"tenant": "watched", "limit": 1000}))["registrations"]
        assert {one["id"] for one in found} == {"watched-1", "watched-dev"}
        assert await root.ok("accept", {"id": "watched-1"}) == {"id": "watched-1", "status": "ACCEPTED"}
        assert (await accepted(caller))["tenant"] == "watched"
        audit = (await boss.ok("audit", {"id": "watched-1"}))["entries"]
        assert (audit[0]["actor"], audit[0]["action"]) == ("management/root", "accept")
        for command in ("get-device", "update-device", "delete-device"):
            assert await root.code(command, {"id": "watched-dev"}) == "NOT_FOUND", command
        assert "watched-dev" not in json.dumps(await root.ok("list-devices", {"limit": 1000}))
        assert "Watched group" not in json.dumps(await root.ok("list-groups", {"limit": 1000}))
        assert await root.code("delete-group", {"path": "Watched group"}) == "NOT_FOUND"
        refusal = await root.answer("register", {"id": "watched-2", "tenant": "watched", "group": "g"})
        assert is_error(refusal, "TENANT_AND_GROUP"), refusal
        assert await root.code("register", {"id": "watched-2", "tenant": "nowhere"}) == "UNKNOWN_TENANT"
        assert await root.code("list", {"tenant": "nowhere"}) == "UNKNOWN_TENANT"
        assert (
            await root.code("create-administrator", {"name": "w", "role": "owner", "tenant": "nowhere"})
            == "UNKNOWN_TENANT"
        )
        assert await root.ok("delete", {"id": "watched-1"}) == {"deleted": ["watched-1"], "failed": []}
        names = {
            one["name"]: one["tenant"]
            for one in (await root.ok("list-administrators", {"limit": 1000}))["administrators"]
        }
        assert names["watched-boss"] == "watched"


@pytest.mark.parametrize("tenant", ["", "Upper", "a/b", "-a", "ä", "a" * 65, "a b", "#", "+"])
async def test_a_tenant_id_that_is_none_is_refused(access: Access, tenant: str) -> None:
    async with administrator(access, "management") as root:
        assert await root.code("create-tenant", {"id": tenant}) == "INVALID_ID"


async def test_names_already_taken_elsewhere_are_taken_here(access: Access) -> None:
    async with administrator(access, "management") as root, contextlib.AsyncExitStack() as stack:
        one = await stack.enter_async_context(new_tenant(access, root, "names-a"))
        await stack.enter_async_context(new_tenant(access, root, "names-b"))
        for command in ("create-administrator", "create-application"):
            role = {"role": "viewer"} if command == "create-administrator" else {}
            for name in ("names-b-boss", "root", "admin"):
                answer = await one.answer(command, {"name": name, **role})
                assert is_error(answer, "ALREADY_EXISTS"), answer
                assert "names-b " not in answer["error"]["message"]
        for tenant in ("names-a", "default", "management"):
            assert await root.code("create-tenant", {"id": tenant}) == "ALREADY_EXISTS"


async def test_who_called_unregistered_is_shown_only_while_the_tenant_is_alone(own_site: UpSite) -> None:
    own_site.start()
    access = own_site.access
    async with (
        administrator(access) as admin,
        administrator(access, "management") as root,
        contextlib.AsyncExitStack() as stack,
    ):
        await enter(stack, access, "unexpected-1", {"securityToken": "t"})
        for one in (admin, root):
            (found,) = (await one.ok("list-unregistered", {}))["devices"]
            assert (found["id"], found["calls"], found["tokenSent"]) == ("unexpected-1", 1, True)
        async with new_tenant(access, root, "neighbour") as boss:
            for one in (admin, boss):
                answer = await one.answer("list-unregistered", {})
                assert is_error(answer, "NOT_PERMITTED"), answer
                assert "neighbour" not in answer["error"]["message"]
            assert len((await root.ok("list-unregistered", {}))["devices"]) == 1


async def test_a_topic_for_all_tenants_is_no_longer_an_applications_when_a_neighbour_comes(own_site: UpSite) -> None:
    own_site.start()
    access = own_site.access
    async with administrator(access) as admin, administrator(access, "management") as root:
        await root.ok("set-option", {"category": "devices", "key": "topics", "value": ["plant/{id}"]})
        made = await admin.ok("create-application", {"name": "wide-app", "read": ["plant/+", "devices/default/#"]})
        async with login(access, "wide-app", made["password"]) as peer:
            assert await peer.subscribe("plant/+") == [1]
        async with new_tenant(access, root, "late") as boss:
            credentials = await brought_in(access, boss, "late-dev")
            async with asyncio.timeout(60):
                while True:
                    with contextlib.suppress(aiomqtt.MqttError):
                        async with login(access, "wide-app", made["password"]) as peer:
                            if await peer.subscribe("plant/+") == [NOT_AUTHORIZED]:
                                assert await peer.subscribe("devices/default/#") == [1], (
                                    "what is the tenant's own stays"
                                )
                                break
            async with resident(access, credentials) as theirs:
                assert await reason_of(theirs, "plant/late-dev") != NOT_AUTHORIZED


async def test_roles_of_one_tenant_are_nothing_in_another(access: Access) -> None:
    async with administrator(access, "management") as root, contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(new_tenant(access, root, "role-a"))
        visitor = await stack.enter_async_context(appointed(access, root, "role-a-viewer", "viewer", "role-a"))
        for sender in ("default/admin", "default/role-a-viewer", "management/role-a-viewer", "role-a/role-a-boss"):
            reason = await reason_of(visitor.peer, f"control/{sender}/request/list", b"{}")
            assert reason == NOT_AUTHORIZED, sender
        assert (await visitor.answer("list", {}))["ok"] is True
