"""The table of roles in the documentation, cell by cell on a real broker."""

import json
from typing import Any

import pytest

from docs.draw_roles import COLUMNS, Cell, Who, rows
from tests.e2e.peer import Administrator, administrator
from tests.e2e.people import NOT_AUTHORIZED, appointed, login, person, reason_of, reason_of_command
from tests.e2e.scenes import is_error

Access = dict[str, Any]
ABOUT_A_DEVICE = ("get", "accept", "delete", "get-device", "update-device", "delete-device")
NAMES = ["viewer", "registrar", "owner", "management", "application"]
HARMLESS: dict[str, Any] = {
    "register": {"id": "{}-new"},
    "bulk-register": b"ID;TENANT\n{}-bulk;default\n",
    "bulk-validate": b"ID;TENANT\n{}-bulk;default\n",
    "template": {"kind": "full"},
    "get-option": {"category": "device-registration", "key": "registration.ttl"},
    "set-option": {"category": "device-registration", "key": "registration.ttl", "value": 0},
    "create-group": {"path": "{}-group"},
    "delete-group": {"path": "{}-nothing"},
    "create-tenant": {"id": "management"},
    "create-administrator": {"name": "{}-made", "role": "viewer"},
    "delete-administrator": {"name": "{}-nobody"},
    "create-application": {"name": "{}-app-made"},
    "delete-application": {"name": "{}-nobody"},
    **{command: {"id": "{}-nothing"} for command in ABOUT_A_DEVICE},
}
REFUSED_OTHERWISE = {
    **dict.fromkeys(ABOUT_A_DEVICE, "NOT_FOUND"),
    **dict.fromkeys(["delete-group", "delete-administrator", "delete-application"], "NOT_FOUND"),
    "create-tenant": "ALREADY_EXISTS",
}


def payload_for(command: str, key: str) -> bytes:
    value = HARMLESS.get(command, {})
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return raw.replace(b"{}", key.encode()) if value else b"{}"


async def assert_cells(one: Administrator, at: int, key: str) -> None:
    """Send every command and compare what becomes of it with the table."""
    for command, cells in rows():
        payload = payload_for(command, key)
        reason = await reason_of_command(one, command, payload)
        if cells[at] is Cell.BROKER:
            assert reason == NOT_AUTHORIZED, command
            continue
        assert reason == 0, command
        answer = await one.peer.next_json()
        assert answer["command"] == command, "nothing refused was answered"
        if cells[at] is Cell.ANSWERED:
            assert is_error(answer, "NOT_PERMITTED"), answer
        elif command in REFUSED_OTHERWISE:
            assert is_error(answer, REFUSED_OTHERWISE[command]), answer
        elif not (command == "list-unregistered" and one.tenant != "management"):  # with others it is management's
            assert answer["ok"] is True, answer


@pytest.mark.parametrize("at", range(4), ids=NAMES[:4])
async def test_an_administrator_may_what_the_table_says(access: Access, at: int) -> None:
    who: Who = COLUMNS[at]
    key = f"role-{NAMES[at]}"
    assert who.role is not None
    async with (
        administrator(access, "management") as root,
        appointed(access, root, key, who.role, who.tenant) as one,
    ):
        await assert_cells(one, at, key)
        if who.role == "owner":
            assert await one.code("fly-to-the-moon", {}) == "UNKNOWN_COMMAND"
        else:
            assert await reason_of_command(one, "fly-to-the-moon", b"{}") == NOT_AUTHORIZED


async def test_an_application_sends_no_command(access: Access) -> None:
    async with administrator(access) as admin:
        made = await admin.ok("create-application", {"name": "role-app", "write": ["devices/default/#"]})
        async with login(access, "role-app", made["password"]) as peer:
            for command, cells in rows():
                assert cells[4] is Cell.BROKER
                for sender in ("default/role-app", "default/admin", "management/root"):
                    reason = await reason_of(peer, f"control/{sender}/request/{command}", payload_for(command, "app"))
                    assert reason == NOT_AUTHORIZED, command
            assert await peer.subscribe("control/default/role-app/response") == [NOT_AUTHORIZED]
        assert (await admin.answer("get", {"id": "app-new"}))["command"] == "get", "nothing came before"


async def test_a_role_ends_with_its_administrator_and_a_new_one_of_the_name_has_the_new_role(access: Access) -> None:
    async with administrator(access) as admin:
        made = await admin.ok("create-administrator", {"name": "role-again", "role": "owner"})
        async with person(access, "default", "role-again", made["password"]) as one:
            assert (await one.ok("list-options", {}))["options"]
            await admin.ok("delete-administrator", {"name": "role-again"})
            await one.peer.thrown_out()
        again = await admin.ok("create-administrator", {"name": "role-again", "role": "viewer"})
        assert again["password"] != made["password"]
        async with person(access, "default", "role-again", again["password"]) as one:
            assert await reason_of_command(one, "list-options", b"{}") == NOT_AUTHORIZED
            assert (await one.ok("list", {}))["counts"] is not None
