"""Administrators and applications on the broker: who gets in, what each reads and writes, how it ends."""

import asyncio
import contextlib
import json
import re
from typing import Any

import aiomqtt
import pytest

from tests.e2e.peer import PATIENCE, Administrator, administrator
from tests.e2e.people import NOT_AUTHORIZED, hears_only, login, new_tenant, person, reason_of, unless_thrown_out
from tests.e2e.scenes import TIME, assert_refused, bring_in, is_error, resident, setting

Access = dict[str, Any]
NO_SUBSCRIBERS = 0x10
KINDS = ["administrator", "application"]


async def make(admin: Administrator, kind: str, name: str, **more: Any) -> dict[str, Any]:
    role = {"role": "viewer"} if kind == "administrator" else {}
    return await admin.ok(f"create-{kind}", {"name": name, **role, **more})


@pytest.mark.parametrize("kind", KINDS)
async def test_a_generated_password_logs_in_and_others_do_not(access: Access, kind: str) -> None:
    name = f"people-generated-{kind}"
    async with administrator(access) as admin:
        request = {"name": name, "requestId": name, **({"role": "viewer"} if kind == "administrator" else {})}
        first = await admin.answer(f"create-{kind}", request)
        password = first["result"]["password"]
        assert re.fullmatch("[a-z2-7]{32}", password)
        assert await admin.answer(f"create-{kind}", request) == first, "a repeat gets the same answer"
        async with login(access, name, password):
            pass
        for wrong in ("", password[:-1], password.upper(), name):
            await assert_refused(access["port"], name, wrong, None)
        await assert_refused(access["bootstrapPort"], name, password, "people-elsewhere")
        listed = (await admin.ok(f"list-{kind}s", {"limit": 1000}))[f"{kind}s"]
        row = next(one for one in listed if one["name"] == name)
        assert row == (
            {"name": name, "tenant": "default", "role": "viewer"}
            if kind == "administrator"
            else {"name": name, "read": ["devices/default/#"], "write": []}
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("password", ["8 chars!", "pässwörd €uro 𝄞", "x" * 128, '"quoted", \\; and {json}'])
async def test_a_chosen_password_logs_in_and_is_not_answered(access: Access, kind: str, password: str) -> None:
    name = f"people-chosen-{kind}-{len(password)}"
    async with administrator(access) as admin:
        made = await make(admin, kind, name, password=password)
        assert "password" not in made
        async with login(access, name, password):
            pass
        await assert_refused(access["port"], name, password + " ", None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("password", ["", "7 chars", "x" * 129, "tab\tinside", "line\nbreak"])
async def test_a_password_that_may_not_be_chosen_is_refused_without_repeating_it(
    access: Access, kind: str, password: str
) -> None:
    async with administrator(access) as admin:
        role = {"role": "viewer"} if kind == "administrator" else {}
        answer = await admin.answer(f"create-{kind}", {"name": "people-bad", "password": password, **role})
        assert is_error(answer, "MALFORMED_REQUEST"), answer
        assert not password or json.dumps(password)[1:-1] not in answer["error"]["message"]
        assert await admin.code(f"delete-{kind}", {"name": "people-bad"}) == "NOT_FOUND", "nothing was made"


@pytest.mark.parametrize("kind", KINDS)
async def test_deleting_closes_the_live_session_and_the_login_is_useless(access: Access, kind: str) -> None:
    name = f"people-leaving-{kind}"
    async with administrator(access) as admin:
        password = (await make(admin, kind, name))["password"]
        async with login(access, name, password) as one, login(access, name, password) as other:
            assert await admin.ok(f"delete-{kind}", {"name": name}) == {"name": name}
            await one.thrown_out()
            await other.thrown_out()
        await assert_refused(access["port"], name, password, None)
        assert await admin.code(f"delete-{kind}", {"name": name}) == "NOT_FOUND"
        again = await make(admin, kind, name)
        assert again["password"] != password
        async with login(access, name, again["password"]):
            pass
        await assert_refused(access["port"], name, password, None)


async def test_names_that_are_taken_or_are_none(access: Access) -> None:
    async with administrator(access) as admin:
        await make(admin, "administrator", "people-taken")
        for kind in KINDS:
            role = {"role": "viewer"} if kind == "administrator" else {}
            for name in ("people-taken", "admin", "root", "bridge-control", "bridge-accounts", "devicebootstrap"):
                answer = await admin.answer(f"create-{kind}", {"name": name, **role})
                assert is_error(answer, "ALREADY_EXISTS"), answer
                assert "management" not in answer["error"]["message"]
            for name in ("", "a/b", "-a", "a" * 65, "a b", "ä", "default/device_x", "a#"):
                assert await admin.code(f"create-{kind}", {"name": name, **role}) == "INVALID_ID", name
        for name in ("bridge-control", "bridge-accounts", "admin"):
            assert await admin.code("delete-application", {"name": name}) == "NOT_FOUND"
        assert await admin.code("delete-administrator", {"name": "bridge-control"}) == "NOT_FOUND"


async def test_a_viewer_sees_events_and_the_state_as_every_administrator(access: Access) -> None:
    async with administrator(access) as admin:
        made = await make(admin, "administrator", "people-viewer")
        async with person(access, "default", "people-viewer", made["password"]) as viewer:
            assert await viewer.peer.subscribe("events/default/registrations/people-seen") == [1]
            await admin.ok("register", {"id": "people-seen"})
            event = await viewer.peer.next_json()
            assert (event["event"], event["id"], event["by"]) == ("registered", "people-seen", "default/admin")
            assert re.fullmatch(TIME, event["at"])
            assert await viewer.peer.subscribe("bridge/state") == [1]
            assert (await viewer.peer.next_json())["state"] == "online"
            for topic in ("events/#", "events/management/#", "devices/default/#", "control/#", "#", "$SYS/#"):
                assert await viewer.peer.subscribe(topic) == [NOT_AUTHORIZED], topic


async def test_an_application_reads_what_it_was_granted_and_nothing_else(access: Access) -> None:
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        readings = ["devices/default/people-r1/measurements/#", "devices/default/+/status"]
        made = await admin.ok("create-application", {"name": "people-reader", "read": readings})
        peer = await stack.enter_async_context(login(access, "people-reader", made["password"]))
        devices = [
            await stack.enter_async_context(resident(access, await bring_in(access, admin, name)))
            for name in ("people-r1", "people-r2")
        ]
        for topic in readings:
            assert await peer.subscribe(topic) == [1]
        for topic in (
            *("devices/default/#", "devices/default/+/measurements/#", "devices/#", "devices/+/+/status", "#", "+/#"),
            *("events/default/#", "control/default/people-reader/response", "bridge/state", "$SYS/#", "$CONTROL/#"),
            *("devices/management/+/status", "$share/g/devices/default/#"),
        ):
            assert await peer.subscribe(topic) == [NOT_AUTHORIZED], topic
        for name, device in zip(("people-r1", "people-r2"), devices, strict=True):
            for level in ("measurements/a", "status", "secret", "measurements"):
                await device.publish(f"devices/default/{name}/{level}", name + level)
            assert await reason_of(peer, f"devices/default/{name}/status", b"forged") == NOT_AUTHORIZED
        heard = {str((await peer.next()).topic) for _ in range(4)}
        assert heard == {
            *(f"devices/default/people-r1/{level}" for level in ("measurements/a", "status", "measurements")),
            "devices/default/people-r2/status",
        }
        await devices[1].publish("devices/default/people-r2/secret", b"x")
        await devices[1].publish("devices/default/people-r2/status", b"end")
        assert (await peer.next()).payload == b"end", "nothing else was heard"


async def test_an_application_reads_all_devices_of_its_tenant_by_default(access: Access) -> None:
    async with administrator(access) as admin:
        made = await admin.ok("create-application", {"name": "people-default"})
        credentials = await bring_in(access, admin, "people-d1")
        async with login(access, "people-default", made["password"]) as peer, resident(access, credentials) as device:
            assert await peer.subscribe("devices/default/people-d1/#") == [1]
            assert await peer.subscribe("devices/default/#") == [1]
            await device.publish("devices/default/people-d1/info", b'{"name":"D1"}')
            assert (await peer.next_json()) == {"name": "D1"}
            assert await reason_of(peer, "devices/default/people-d1/commands", b"x") == NOT_AUTHORIZED


async def test_an_application_writes_what_it_was_granted_and_never_info(access: Access) -> None:
    async with administrator(access) as admin:
        written = ["devices/default/+/commands/#", "devices/default/people-w1/#"]
        made = await admin.ok("create-application", {"name": "people-writer", "write": written, "read": []})
        credentials = await bring_in(access, admin, "people-w1")
        before = await admin.ok("get-device", {"id": "people-w1"})
        async with login(access, "people-writer", made["password"]) as peer, resident(access, credentials) as device:
            assert await device.subscribe("devices/default/people-w1/#") == [1]
            assert await peer.subscribe("devices/default/people-w1/#") == [NOT_AUTHORIZED], "it was not granted reading"
            for topic, allowed in {
                "devices/default/people-w1/commands/restart": True,
                "devices/default/people-w1/settings": True,
                "devices/default/people-w1/info": False,
                "devices/default/people-w2/commands": True,
                "devices/default/people-w2/settings": False,
                "devices/management/people-w1/commands": False,
                "control/default/admin/request/list": False,
                "events/default/registrations/people-w1": False,
            }.items():
                reason = await reason_of(peer, topic, b'{"name":"forged"}')
                assert (reason != NOT_AUTHORIZED) is allowed, topic
            assert [str((await device.next()).topic) for _ in range(2)] == [
                "devices/default/people-w1/commands/restart",
                "devices/default/people-w1/settings",
            ]
            await hears_only(device, "devices/default/people-w1/mark")
        assert await admin.ok("get-device", {"id": "people-w1"}) == before


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        ({"read": ["devices/management/#"]}, "NOT_PERMITTED"),
        ({"read": ["devices/#"]}, "NOT_PERMITTED"),
        ({"read": ["devices/+/people/#"]}, "NOT_PERMITTED"),
        ({"read": ["#"]}, "NOT_PERMITTED"),
        ({"read": ["events/default/#"]}, "NOT_PERMITTED"),
        ({"read": ["$CONTROL/dynamic-security/#"]}, "NOT_PERMITTED"),
        ({"read": ["$share/g/devices/default/#"]}, "NOT_PERMITTED"),
        ({"read": ["control/default/admin/response"]}, "NOT_PERMITTED"),
        ({"write": ["control/default/admin/request/accept"]}, "NOT_PERMITTED"),
        ({"write": ["devices/default/people/info"]}, "NOT_PERMITTED"),
        ({"write": ["devices/default/+/info"]}, "NOT_PERMITTED"),
        ({"write": ["devices/default2/#"]}, "NOT_PERMITTED"),
        ({"read": ["devices/default/#/x"]}, "MALFORMED_REQUEST"),
        ({"read": ["devices/default/a+"]}, "MALFORMED_REQUEST"),
        ({"read": [""]}, "MALFORMED_REQUEST"),
        ({"read": "devices/default/#"}, "MALFORMED_REQUEST"),
        ({"write": [f"devices/default/{number}/x" for number in range(101)]}, "LIMIT_REACHED"),
    ],
    ids=str,
)
async def test_filters_that_no_application_gets(access: Access, filters: dict[str, Any], code: str) -> None:
    async with administrator(access) as admin:
        assert await admin.code("create-application", {"name": "people-greedy", **filters}) == code
        assert await admin.code("delete-application", {"name": "people-greedy"}) == "NOT_FOUND"


async def until_reason(access: Access, credentials: dict[str, Any], topic: str, expected: int) -> None:
    """Log in and publish until the broker acknowledges as expected; a change of rights may end a session."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(aiomqtt.MqttError):
                async with resident(access, credentials) as peer:
                    if await reason_of(peer, topic, b"tried") == expected:
                        return


async def test_the_option_topics_reaches_devices_that_exist_and_new_ones_and_applications(access: Access) -> None:
    async with administrator(access) as admin:
        old = await bring_in(access, admin, "people-t1")
        await until_reason(access, old, "plant/default/people-t1/state", NOT_AUTHORIZED)
        wanted = {"name": "people-plant", "read": ["plant/default/+/#"]}
        assert await admin.code("create-application", wanted) == "NOT_PERMITTED"
        async with setting(admin, {"topics": ["plant/{tenant}/{id}/#"]}, "devices"):
            assert await admin.code("create-application", {**wanted, "read": ["plant/#"]}) == "NOT_PERMITTED"
            made = await admin.ok("create-application", wanted)
            new = await bring_in(access, admin, "people-t2")
            await until_reason(access, new, "plant/default/people-t2/state", NO_SUBSCRIBERS)
            await until_reason(access, old, "plant/default/people-t1/state", NO_SUBSCRIBERS)
            async with (
                login(access, "people-plant", made["password"]) as peer,
                resident(access, new) as device,
                resident(access, old) as other,
            ):
                assert await peer.subscribe("plant/default/+/#") == [1]
                assert await peer.subscribe("plant/#") == [NOT_AUTHORIZED]
                assert await device.subscribe("plant/default/people-t2/#") == [1]
                for topic in ("plant/default/people-t1/state", "plant/management/people-t2/state", "plant/x"):
                    assert await reason_of(device, topic) == NOT_AUTHORIZED
                    assert await device.subscribe(topic) == [NOT_AUTHORIZED]
                assert await device.subscribe("plant/default/+/#") == [NOT_AUTHORIZED]
                await other.publish("plant/default/people-t1/state", b"old")
                await device.publish("plant/default/people-t2/state", b"new")
                assert [(await peer.next()).payload for _ in range(2)] == [b"old", b"new"]
                assert (await device.next()).payload == b"new"
        await until_reason(access, old, "plant/default/people-t1/state", NOT_AUTHORIZED)
        await until_reason(access, new, "plant/default/people-t2/state", NOT_AUTHORIZED)
        async with asyncio.timeout(PATIENCE):
            while True:
                with contextlib.suppress(aiomqtt.MqttError):
                    async with login(access, "people-plant", made["password"]) as peer:
                        codes = await unless_thrown_out(peer, peer.subscribe("plant/default/+/#"))
                        if codes == [NOT_AUTHORIZED]:
                            break


@pytest.mark.parametrize(
    "value",
    [
        ["devices/{tenant}/{id}/#"],
        ["control/{tenant}/{id}/#"],
        ["events/{tenant}/{id}"],
        ["bridge/{tenant}/{id}"],
        ["bootstrap/{tenant}/{id}"],
        ["extensions/{tenant}/{id}"],
        ["$CONTROL/{tenant}/{id}"],
        ["$SYS/{tenant}/{id}"],
        ["$share/g/{tenant}/{id}"],
        ["{tenant}/{id}/x"],
        ["+/{tenant}/{id}"],
        ["a/+/{tenant}/{id}"],
        ["a/#"],
        ["a/{tenant}/x{id}"],
        ["a/{tenant}"],
        ["a/{id}"],
        ["a/{tenant}/{id}/{other}"],
        ["/{tenant}/{id}"],
        "a/{tenant}/{id}",
        [7],
        None,
    ],
    ids=str,
)
async def test_topics_that_no_device_gets(access: Access, value: Any) -> None:
    async with administrator(access) as admin:
        request = {"category": "devices", "key": "topics", "value": value}
        assert await admin.code("set-option", request) == "INVALID_OPTION"


async def test_a_deleted_device_is_thrown_out_and_registered_again_has_another_password(access: Access) -> None:
    async with administrator(access) as admin:
        credentials = await bring_in(access, admin, "people-gone")
        async with resident(access, credentials) as device:
            assert await admin.ok("delete-device", {"id": "people-gone"}) == {"id": "people-gone"}
            await device.thrown_out()
        login_ = (access["port"], credentials["username"], credentials["password"], credentials["clientId"])
        await assert_refused(*login_)
        assert await admin.code("get-device", {"id": "people-gone"}) == "NOT_FOUND"
        assert await admin.code("get", {"id": "people-gone"}) == "NOT_FOUND"
        again = await bring_in(access, admin, "people-gone")
        assert again["password"] != credentials["password"]
        async with resident(access, again) as device:
            await device.subscribe("devices/default/people-gone/#")
            await hears_only(device, "devices/default/people-gone/mark")
        await assert_refused(*login_)


async def test_a_deleted_registration_leaves_the_device_and_registered_again_closes_its_session(access: Access) -> None:
    async with administrator(access) as admin:
        credentials = await bring_in(access, admin, "people-kept")
        async with resident(access, credentials) as device:
            await admin.ok("delete", {"id": "people-kept"})
            assert (await admin.ok("get-device", {"id": "people-kept"}))["id"] == "people-kept"
            await device.subscribe("devices/default/people-kept/#")
            await hears_only(device, "devices/default/people-kept/mark")
            again = await bring_in(access, admin, "people-kept")
            await device.thrown_out()
        assert again["password"] != credentials["password"]
        await assert_refused(access["port"], credentials["username"], credentials["password"], credentials["clientId"])


async def test_the_last_owner_stays_and_others_may_leave(access: Access) -> None:
    async with administrator(access, "management") as root, new_tenant(access, root, "people-last") as boss:
        answer = await boss.answer("delete-administrator", {"name": boss.name})
        assert is_error(answer, "INVALID_STATE"), answer
        assert await boss.code("delete-administrator", {"name": "root"}) == "NOT_FOUND"
        made = await boss.ok("create-administrator", {"name": "people-second", "role": "owner"})
        async with person(access, "people-last", "people-second", made["password"]) as second:
            await second.peer.publish(
                "control/people-last/people-second/request/delete-administrator", b'{"name":"people-second"}'
            )
            await second.peer.thrown_out()
        await assert_refused(access["port"], "people-second", made["password"], None)
        assert await boss.code("delete-administrator", {"name": boss.name}) == "INVALID_STATE"
