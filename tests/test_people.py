"""Administrators, applications and tenants: who may make and take away whom, and where their passwords stand."""

import json
from typing import Any

import pytest

from bridge.accounts.grants import Act
from bridge.names import SERVICE_NAMES
from bridge.roles import COMMANDS
from tests.files import tables
from tests.world import World

ROOT, ADMIN, NORA, RITA, VERA = "management/root", "default/admin", "north/nora", "default/rita", "default/vera"
TOPICS = {"category": "devices", "key": "topics"}
CHOSEN = "Correct-horse-7"
CREATED = {"create-administrator": {"name": "ada", "role": "viewer"}, "create-application": {"name": "ada"}}


async def names(world: World, kind: str, who: str = ADMIN) -> list[str]:
    return [one["name"] for one in (await world.done(f"list-{kind}", who=who))[kind]]


# Names.


@pytest.mark.parametrize("command", sorted(CREATED))
async def test_a_name_that_is_taken_anywhere_is_refused(world: World, command: str) -> None:
    await world.done("create-application", {"name": "app"}, who=NORA)
    before = await tables(world)
    for name in sorted({*SERVICE_NAMES, "admin", "nora", "root", "app"}):
        answer = await world.answer(command, {**CREATED[command], "name": name})
        assert answer["error"]["code"] == "ALREADY_EXISTS", name
        assert "north" not in answer["error"]["message"]
        assert "management" not in answer["error"]["message"]
    assert await tables(world) == before


BAD: list[tuple[dict[str, Any], str]] = [
    ({"name": "a b"}, "INVALID_ID"),
    ({"name": "-a"}, "INVALID_ID"),
    ({"name": "a" * 65}, "INVALID_ID"),
    ({"name": ""}, "INVALID_ID"),
    ({"name": "t/device_x"}, "INVALID_ID"),
    ({"password": "short"}, "MALFORMED_REQUEST"),
    ({"password": "x" * 129}, "MALFORMED_REQUEST"),
    ({"password": "line\nbreak"}, "MALFORMED_REQUEST"),
    ({"colour": 1}, "MALFORMED_REQUEST"),
    ({"name": 7}, "MALFORMED_REQUEST"),
]


@pytest.mark.parametrize("command", sorted(CREATED))
async def test_what_is_no_name_or_password_is_refused(world: World, command: str) -> None:
    for change, code in BAD:
        answer = await world.answer(command, {**CREATED[command], **change})
        assert answer["error"]["code"] == code, change
        assert str(change.get("password", "\0")) not in answer["error"]["message"]


async def test_a_role_is_one_of_three(world: World) -> None:
    assert await world.refused("create-administrator", {"name": "ada", "role": "king"}) == "MALFORMED_REQUEST"
    assert await world.refused("create-administrator", {"name": "ada"}) == "MALFORMED_REQUEST"


# Passwords.


@pytest.mark.parametrize("command", sorted(CREATED))
async def test_a_generated_password_is_in_the_answer_and_its_repeat_and_nowhere_else(
    world: World, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    payload = {**CREATED[command], "requestId": "r-1"}
    handled = await world.ask(command, payload)
    password = json.loads(handled.payload)["result"]["password"]
    assert len(password) == 32
    assert (await world.ask(command, payload)).payload == handled.payload
    await world.installer.drain()
    assert world.accounts.there["ada"].password == password
    async with world.store.read() as connection:
        rows = ""
        for table in ("accounts", "requests", "audit"):
            rows += repr((await connection.exec_driver_sql(f"SELECT * FROM {table}")).all())
    assert "ada" in rows
    assert password not in rows + "".join(capsys.readouterr()) + repr(world.accounts.there) + repr(handled.events)


@pytest.mark.parametrize("command", sorted(CREATED))
async def test_a_chosen_password_is_kept_encrypted_and_never_answered(world: World, command: str) -> None:
    payload = {**CREATED[command], "password": CHOSEN, "requestId": "r-1"}
    first = await world.ask(command, payload)
    assert "password" not in json.loads(first.payload)["result"]
    assert (await world.ask(command, payload)).payload == first.payload
    await world.installer.drain()
    assert world.accounts.there["ada"].password == CHOSEN
    async with world.store.read() as connection:
        for table in ("accounts", "requests", "audit"):
            rows = (await connection.exec_driver_sql(f"SELECT * FROM {table}")).all()
            assert CHOSEN not in repr(rows)
            assert CHOSEN.encode().hex() not in repr(rows)


# Administrators.


@pytest.mark.parametrize("role", sorted(COMMANDS))
async def test_an_administrator_has_the_role_from_the_answer_on(world: World, role: str) -> None:
    created = await world.done("create-administrator", {"name": "ada", "role": role})
    assert (created["name"], created["role"]) == ("ada", role)
    await world.done("list", who="default/ada")
    assert await world.refused("list", who="north/ada") == "NOT_PERMITTED"
    answer = await world.answer("register", {"id": "x"}, who="default/ada")
    assert answer["ok"] == (role != "viewer")
    await world.installer.drain()
    topics = {grant.topic for grant in world.accounts.there["ada"].grants if grant.act is Act.SEND}
    commands = {"+"} if role == "owner" else COMMANDS[role]
    assert topics == {f"control/default/ada/request/{command}" for command in commands}


async def test_who_is_taken_away_is_nobody_at_once_and_the_name_is_free_again(world: World) -> None:
    assert await world.done("delete-administrator", {"name": "rita"}) == {"name": "rita"}
    assert await world.refused("list", who=RITA) == "NOT_PERMITTED"
    assert "rita" not in await names(world, "administrators")
    assert await world.refused("delete-administrator", {"name": "rita"}) == "NOT_FOUND"
    await world.done("create-administrator", {"name": "rita", "role": "viewer", "tenant": "north"}, who=ROOT)
    assert await world.refused("list", who=RITA) == "NOT_PERMITTED"
    account = await world.account("rita")
    assert account is not None
    assert (account.tenant, account.renewed) == ("north", True)
    await world.installer.drain()
    await world.done("list", who="north/rita")


async def test_nobody_is_heard_under_a_name_given_again_until_the_former_sessions_are_closed(world: World) -> None:
    await world.done("delete-administrator", {"name": "rita"})
    await world.done("create-administrator", {"name": "rita", "role": "owner"})
    assert await world.refused("register", {"id": "x"}, who=RITA) == "NOT_PERMITTED"
    world.accounts.script.clear()
    await world.installer.drain()
    locked_out, let_in = world.accounts.script[:2]
    assert locked_out == "renew rita:ended"
    assert let_in.startswith("renew rita:")
    assert let_in != locked_out
    await world.done("register", {"id": "x"}, who=RITA)


async def test_what_waited_while_a_name_was_given_again_is_the_former_ones(world: World) -> None:
    await world.done("create-administrator", {"name": "ada", "role": "registrar"})
    await world.installer.drain()
    earlier = world.rulebook.monotonic()
    await world.done("delete-administrator", {"name": "ada"})
    await world.installer.drain()
    await world.done("create-administrator", {"name": "ada", "role": "owner"})
    assert await world.refused("register", {"id": "x"}, who="default/ada", arrived=earlier) == "NOT_PERMITTED"
    await world.done("register", {"id": "x"}, who="default/ada", arrived=world.rulebook.monotonic())


async def test_a_name_given_again_does_not_remember_the_former_ones_requests(world: World) -> None:
    await world.done("create-administrator", {"name": "ada", "role": "owner"})
    asked = {"name": "app", "requestId": "r"}
    password = (await world.done("create-application", asked, who="default/ada"))["password"]
    await world.done("delete-administrator", {"name": "ada"})
    await world.installer.drain()
    await world.done("create-administrator", {"name": "ada", "role": "viewer"})
    answer = await world.answer("create-application", asked, who="default/ada")
    assert answer["error"]["code"] == "NOT_PERMITTED"
    assert password not in str(answer)


async def test_the_account_of_who_was_taken_away_leaves_the_broker(world: World) -> None:
    await world.done("create-administrator", {"name": "ada", "role": "viewer"})
    await world.installer.drain()
    handled = await world.ask("delete-administrator", {"name": "ada"})
    assert handled.account_work.leaving
    await world.installer.drain()
    assert "ada" not in world.accounts.there
    assert await world.account("ada") is None


async def test_the_last_owner_stays_and_another_one_may_go(world: World) -> None:
    assert await world.refused("delete-administrator", {"name": "admin"}) == "INVALID_STATE"
    assert await world.refused("delete-administrator", {"name": "root"}, who=ROOT) == "INVALID_STATE"
    await world.done("create-administrator", {"name": "ada", "role": "owner"})
    await world.done("delete-administrator", {"name": "admin"}, who="default/ada")
    assert await world.refused("delete-administrator", {"name": "ada"}, who="default/ada") == "INVALID_STATE"


async def test_management_sees_and_takes_away_administrators_of_all_and_others_their_own(world: World) -> None:
    assert await names(world, "administrators") == ["admin", "rita", "vera"]
    assert await names(world, "administrators", ROOT) == ["admin", "nora", "rita", "root", "vera"]
    assert await world.refused("delete-administrator", {"name": "nora"}) == "NOT_FOUND"
    assert await world.refused("delete-administrator", {"name": "root"}) == "NOT_FOUND"
    await world.done("delete-administrator", {"name": "nora"}, who=ROOT)
    assert await world.refused("list", who=NORA) == "NOT_PERMITTED"


async def test_only_management_names_a_tenant(world: World) -> None:
    wish = {"name": "ada", "role": "owner", "tenant": "north"}
    assert await world.refused("create-administrator", wish) == "NOT_PERMITTED"
    assert await world.refused("create-administrator", {**wish, "tenant": "south"}, who=ROOT) == "UNKNOWN_TENANT"


# Applications.


async def test_an_application_reads_its_tenants_devices_unless_told_otherwise(world: World) -> None:
    await world.done("create-application", {"name": "app"})
    await world.done("create-application", {"name": "bee", "read": [], "write": ["devices/default/+/cmd"] * 2})
    assert (await world.done("list-applications"))["applications"] == [
        {"name": "app", "read": ["devices/default/#"], "write": []},
        {"name": "bee", "read": [], "write": ["devices/default/+/cmd"]},
    ]
    await world.installer.drain()
    granted = {(grant.act, grant.topic, grant.allow) for grant in world.accounts.there["bee"].grants}
    assert granted == {
        (Act.SEND, "devices/default/+/cmd", True),
        (Act.SEND, "devices/default/+/info", False),
    }


NO_FILTERS: list[tuple[Any, str]] = [
    (["devices/north/#"], "NOT_PERMITTED"),
    (["devices/+/x"], "NOT_PERMITTED"),
    (["#"], "NOT_PERMITTED"),
    (["devices/default"], "NOT_PERMITTED"),
    (["control/default/admin/request/accept"], "NOT_PERMITTED"),
    (["$CONTROL/dynamic-security/#"], "NOT_PERMITTED"),
    (["devices/default/#/x"], "MALFORMED_REQUEST"),
    (["devices/default/a+"], "MALFORMED_REQUEST"),
    ([""], "MALFORMED_REQUEST"),
    (["devices/default/\n"], "MALFORMED_REQUEST"),
    (["devices/default/" + "x" * 1_000], "MALFORMED_REQUEST"),
    ([f"devices/default/{number}" for number in range(101)], "LIMIT_REACHED"),
    ("devices/default/#", "MALFORMED_REQUEST"),
]


@pytest.mark.parametrize("way", ["read", "write"])
async def test_a_filter_of_another_or_of_no_form_is_refused(world: World, way: str) -> None:
    for filters, code in NO_FILTERS:
        assert await world.refused("create-application", {"name": "app", way: filters}) == code, filters
    assert await names(world, "applications") == []


@pytest.mark.parametrize("one", ["devices/default/+/info", "devices/default/pump-7/info"])
async def test_no_application_writes_what_a_device_says_of_itself(world: World, one: str) -> None:
    assert await world.refused("create-application", {"name": "app", "write": [one]}) == "NOT_PERMITTED"
    await world.done("create-application", {"name": "app", "read": [one]})


async def test_an_application_uses_the_option_topics_as_long_as_it_may(world: World) -> None:
    wish = {"name": "app", "read": ["plant/default/+/#"]}
    assert await world.refused("create-application", wish) == "NOT_PERMITTED"
    await world.done("set-option", {**TOPICS, "value": ["plant/{tenant}/{id}/#"]})
    assert await world.refused("create-application", {**wish, "read": ["plant/#"]}) == "NOT_PERMITTED"
    await world.done("create-application", wish)
    await world.installer.drain()
    assert any(grant.topic == "plant/default/+/#" for grant in world.accounts.there["app"].grants)
    await world.done("set-option", {**TOPICS, "value": []})
    await world.installer.drain()
    assert not any(grant.topic.startswith("plant") for grant in world.accounts.there["app"].grants)


async def test_applications_stay_with_their_tenant(world: World) -> None:
    await world.done("create-application", {"name": "app"})
    for who in (NORA, ROOT):
        assert await names(world, "applications", who) == []
        assert await world.refused("delete-application", {"name": "app"}, who=who) == "NOT_FOUND"
    assert await world.refused("delete-administrator", {"name": "app"}) == "NOT_FOUND"
    assert await world.refused("delete-application", {"name": "rita"}) == "NOT_FOUND"
    assert await world.done("delete-application", {"name": "app"}) == {"name": "app"}
    assert await names(world, "applications") == []


async def test_an_application_is_no_administrator(world: World) -> None:
    await world.done("create-application", {"name": "app"})
    assert await world.refused("list", who="default/app") == "NOT_PERMITTED"


# Tenants.


async def test_management_makes_tenants_and_their_first_administrators(world: World) -> None:
    assert await world.done("create-tenant", {"id": "south", "name": "Süd"}, who=ROOT) == {"id": "south", "name": "Süd"}
    assert (await world.done("list-tenants", who=ROOT))["tenants"] == [
        {"id": "default", "name": None},
        {"id": "management", "name": None},
        {"id": "north", "name": None},
        {"id": "south", "name": "Süd"},
    ]
    await world.done("create-administrator", {"name": "sue", "role": "owner", "tenant": "south"}, who=ROOT)
    await world.done("register", {"id": "pump-7"}, who="south/sue")
    assert (await world.done("audit", who="south/sue"))["entries"][-1]["actor"] == ROOT


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"id": "north"}, "ALREADY_EXISTS"),
        ({"id": "management"}, "ALREADY_EXISTS"),
        ({"id": "South"}, "INVALID_ID"),
        ({"id": ""}, "INVALID_ID"),
        ({"id": "s" * 65}, "INVALID_ID"),
        ({}, "MALFORMED_REQUEST"),
    ],
)
async def test_what_is_no_new_tenant_is_refused(world: World, payload: dict[str, Any], code: str) -> None:
    assert await world.refused("create-tenant", payload, who=ROOT) == code


@pytest.mark.parametrize("command", ["create-tenant", "list-tenants"])
async def test_tenants_are_for_management_alone(world: World, command: str) -> None:
    assert await world.refused(command, {"id": "south"}) == "NOT_PERMITTED"


async def test_a_neighbour_ends_what_topics_without_tenant_gave_an_application(world: World) -> None:
    roles, values = world.rulebook.roles, {("management", "topics"): ["plant/{id}/#"]}
    async with world.store.write() as transaction:
        await transaction.set_option("management", "topics", ["plant/{id}/#"])
        await transaction.connection.exec_driver_sql("DELETE FROM tenants WHERE id = 'north'")
    world.rulebook.follow(values, frozenset({"management", "default"}), roles)
    await world.done("create-application", {"name": "app", "read": ["plant/+/#"]})
    await world.installer.drain()
    assert any(grant.topic == "plant/+/#" for grant in world.accounts.there["app"].grants)
    await world.done("create-tenant", {"id": "south"}, who=ROOT)
    await world.installer.drain()
    assert not any(grant.topic == "plant/+/#" for grant in world.accounts.there["app"].grants)


@pytest.mark.parametrize(
    ("command", "member", "key"),
    [
        ("list-administrators", "administrators", "name"),
        ("list-applications", "applications", "name"),
        ("list-tenants", "tenants", "id"),
    ],
)
async def test_pages_are_complete_and_a_cursor_of_something_else_is_refused(
    world: World, command: str, member: str, key: str
) -> None:
    for name in ("b", "a", "c"):
        await world.done("create-application", {"name": name}, who=ROOT)
    whole = [one[key] for one in (await world.done(command, who=ROOT))[member]]
    seen, cursor = [], None
    for _ in range(9):
        page = await world.done(command, {"limit": 1, **({"cursor": cursor} if cursor else {})}, who=ROOT)
        seen += [one[key] for one in page[member]]
        if (cursor := page["next"]) is None:
            break
    assert seen == whole
    assert seen == sorted(seen)
    for forged in ("x", "WzFd"):
        assert await world.refused(command, {"cursor": forged}, who=ROOT) == "MALFORMED_REQUEST"


@pytest.mark.parametrize("command", ["create-administrator", "create-application"])
async def test_a_name_that_the_broker_knows_as_somebody_elses_is_taken(world: World, command: str) -> None:
    world.rulebook.foreign_names = lambda: {"old"}
    role = {"role": "viewer"} if command == "create-administrator" else {}
    assert await world.refused(command, {"name": "old", **role}) == "ALREADY_EXISTS"
    await world.done(command, {"name": "new", **role})
