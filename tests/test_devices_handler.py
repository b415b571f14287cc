"""The inventory through the one door: devices and groups, in pages, by order, each tenant by itself."""

import base64
import json
from typing import Any

import pytest

from bridge.decisions import Event
from bridge.handlers.devices import SORTS
from tests.files import CREDENTIALS, tables
from tests.world import World

ROOT, NORA, VERA, RITA = "management/root", "north/nora", "default/vera", "default/rita"


async def filled(world: World, *lines: str, who: str = "default/admin") -> None:
    """Put devices into the inventory: id, name, type and group."""
    rows = "".join(f"{line};{CREDENTIALS}\n" for line in lines)
    result = await world.done("bulk-register", f"ID;NAME;TYPE;PATH;CREDENTIALS\n{rows}".encode(), who=who)
    assert result["numberOfFailed"] == 0, result
    await world.installer.drain()


async def ids(world: World, payload: dict[str, Any] | None = None, *, who: str = "default/admin") -> list[str]:
    return [one["id"] for one in (await world.done("list-devices", payload, who=who))["devices"]]


# Reading.


async def test_a_device_is_shown_whole(world: World) -> None:
    await filled(world, "pump-7;;;")
    shown = await world.done("get-device", {"id": "pump-7"}, who=VERA)
    assert shown == {
        "id": "pump-7", "tenant": "default", "owner": "default/admin", "name": None, "type": "c8y_DefaultDevice",
        "group": None, "idType": "c8y_Serial", "shell": False, "authType": "BASIC",
        "creationTime": "2026-01-01T00:00:00.000Z", "properties": {},
    }  # fmt: skip
    assert (await world.done("list-devices", who=VERA))["devices"] == [shown]


@pytest.mark.parametrize("who", [NORA, ROOT])
async def test_the_inventory_stays_with_its_tenant(world: World, who: str) -> None:
    await filled(world, "pump-7;;;G")
    before = await tables(world)
    assert await ids(world, who=who) == []
    assert (await world.done("list-groups", who=who))["groups"] == []
    for command in ("get-device", "update-device", "delete-device"):
        answer = await world.answer(command, {"id": "pump-7"}, who=who)
        assert answer["error"]["code"] == "NOT_FOUND"
        assert answer["error"]["message"].startswith("there is no device pump-7")
    assert await world.refused("delete-group", {"path": "G"}, who=who) == "NOT_FOUND"
    assert await tables(world) == before


async def test_devices_are_found_by_part_of_id_or_name_and_by_group(world: World) -> None:
    await filled(world, "a.1;Größe 50%;t;G", "b_2;;t;G/H", "c3;grösse;t;GX")
    assert await ids(world, {"search": "GRÖSSE"}) == ["a.1", "c3"]
    assert await ids(world, {"search": "%"}) == ["a.1"]
    assert await ids(world, {"search": "_"}) == ["b_2"]
    assert await ids(world, {"group": "G"}) == ["a.1", "b_2"]
    assert await ids(world, {"group": "G/H"}) == ["b_2"]
    assert await ids(world, {"group": "%"}) == []


@pytest.mark.parametrize("sort", [None, *(way + sort for sort in SORTS for way in ("", "-"))])
async def test_pages_of_every_order_are_complete(world: World, sort: str | None) -> None:
    await filled(world, "d1;N;;B", "d2;M;u;A", "d3;N;t;", "d4;;t;A/C", "d5;M;u;A")
    order = {} if sort is None else {"sort": sort}
    whole = await ids(world, order)
    assert sorted(whole) == ["d1", "d2", "d3", "d4", "d5"]
    expected = {
        "id": ["d1", "d2", "d3", "d4", "d5"],
        "name": ["d4", "d2", "d5", "d1", "d3"],
        "type": ["d1", "d3", "d4", "d2", "d5"],
        "group": ["d3", "d2", "d5", "d4", "d1"],
    }.get((sort or "id").removeprefix("-"), ["d1", "d2", "d3", "d4", "d5"])
    assert whole == (expected[::-1] if (sort or "").startswith("-") else expected)
    seen, cursor = [], None
    for _ in range(9):
        page = await world.done("list-devices", {**order, "limit": 2, **({"cursor": cursor} if cursor else {})})
        seen += [one["id"] for one in page["devices"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == whole


async def test_a_cursor_of_another_order_is_refused(world: World) -> None:
    await filled(world, "a;;;", "b;;;")
    cursor = (await world.done("list-devices", {"limit": 1, "sort": "name"}))["next"]
    assert await world.refused("list-devices", {"cursor": cursor}) == "MALFORMED_REQUEST"
    assert await world.refused("list-devices", {"sort": "-type", "cursor": cursor}) == "MALFORMED_REQUEST"
    assert await world.refused("list-devices", {"sort": "colour"}) == "MALFORMED_REQUEST"
    assert await world.refused("list-devices", {"limit": 1_001}) == "MALFORMED_REQUEST"


# Changing.


async def test_a_device_is_changed_where_something_is_said(world: World) -> None:
    await filled(world, "pump-7;Pump;t;A")
    await world.done("update-device", {"id": "pump-7", "properties": {"x": {"y": 1}, "z": 2}})
    wish = {"id": "pump-7", "name": "New", "group": "B/C", "properties": {"x": {"w": 3}, "z": None}}
    handled = await world.ask("update-device", wish)
    shown = json.loads(handled.payload)["result"]
    assert (shown["name"], shown["type"], shown["group"]) == ("New", "t", "B/C")
    assert shown["properties"] == {"x": {"y": 1, "w": 3}}
    assert shown == await world.done("get-device", {"id": "pump-7"})
    assert [(one.event, one.status, one.by) for one in handled.events if isinstance(one, Event)] == [
        ("updated", "ACCEPTED", "default/admin")
    ]
    assert [one["path"] for one in (await world.done("list-groups"))["groups"]] == ["A", "B", "B/C"]


async def test_null_takes_a_value_away_and_nothing_said_changes_nothing(world: World) -> None:
    await filled(world, "pump-7;Pump;t;A")
    shown = await world.done("update-device", {"id": "pump-7", "name": None, "type": None, "group": None})
    assert (shown["name"], shown["type"], shown["group"]) == (None, "c8y_DefaultDevice", None)
    before = await tables(world)
    handled = await world.ask("update-device", {"id": "pump-7"})
    assert handled.events == []
    assert await tables(world) == before


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"group": "A//B"}, "MALFORMED_REQUEST"),
        ({"group": ""}, "MALFORMED_REQUEST"),
        ({"name": "x" * 256}, "MALFORMED_REQUEST"),
        ({"owner": "me"}, "MALFORMED_REQUEST"),
        ({"properties": {"b": "x" * 8_192}}, "LIMIT_REACHED"),
    ],
)
async def test_a_change_that_cannot_be_is_refused(world: World, change: dict[str, Any], code: str) -> None:
    await filled(world, "pump-7;Pump;t;A")
    before = await tables(world)
    assert await world.refused("update-device", {"id": "pump-7", **change}) == code
    assert await tables(world) == before


# Deleting.


@pytest.mark.parametrize("retired", [False, True])
async def test_a_deleted_device_loses_account_entry_and_registration(world: World, retired: bool) -> None:
    await filled(world, "pump-7;;;")
    if retired:
        await world.done("delete", {"id": "pump-7"})
    handled = await world.ask("delete-device", {"id": "pump-7"})
    assert json.loads(handled.payload)["result"] == {"id": "pump-7"}
    assert [one.event for one in handled.events if isinstance(one, Event)] == ["deleted"]
    assert handled.account_work.leaving
    assert await world.registration("pump-7") is None
    assert await world.device("pump-7") is None
    await world.installer.drain()
    assert world.accounts.there == {}
    assert await world.account("default/device_pump-7") is None
    assert await world.refused("delete-device", {"id": "pump-7"}) == "NOT_FOUND"


async def test_a_device_whose_account_is_still_to_come_is_deleted_too(world: World) -> None:
    await world.accepted("pump-7")
    await world.done("delete-device", {"id": "pump-7"})
    await world.installer.drain()
    assert world.accounts.there == {}
    assert world.pushed == []


async def test_a_device_on_its_way_in_again_is_deleted_with_its_registration(world: World) -> None:
    await filled(world, "pump-7;;;")
    await world.done("delete", {"id": "pump-7"})
    await world.done("register", {"id": "pump-7"})
    await world.done("delete-device", {"id": "pump-7"})
    assert await world.refused("get", {"id": "pump-7"}) == "NOT_FOUND"
    assert await world.device("pump-7") is None


async def test_a_registration_that_was_not_accepted_is_no_device(world: World) -> None:
    await world.done("register", {"id": "pump-7"})
    answer = await world.answer("delete-device", {"id": "pump-7"})
    assert answer["error"]["code"] == "NOT_FOUND"
    assert "goes by delete" in answer["error"]["message"]
    assert await world.registration("pump-7") is not None


async def test_an_id_that_was_deleted_may_be_anothers(world: World) -> None:
    await filled(world, "pump-7;;;")
    assert await world.refused("register", {"id": "pump-7"}, who=NORA) == "ALREADY_REGISTERED"
    await world.done("delete-device", {"id": "pump-7"})
    await world.done("register", {"id": "pump-7"}, who=NORA)


# Groups.


async def test_groups_are_listed_as_a_tree_with_what_is_just_in_them(world: World) -> None:
    for path in ("A b", "A/C/D", "A-1", "Ä"):
        assert await world.done("create-group", {"path": path}) == {"path": path}
    await filled(world, "d1;;;A", "d2;;;A/C/D", "d3;;;A/C/D")
    groups = (await world.done("list-groups", who=VERA))["groups"]
    assert [(one["path"], one["devices"]) for one in groups] == [
        ("A", 1), ("A/C", 0), ("A/C/D", 2), ("A b", 0), ("A-1", 0), ("Ä", 0),
    ]  # fmt: skip
    seen, cursor = [], None
    for _ in range(9):
        page = await world.done("list-groups", {"limit": 4, **({"cursor": cursor} if cursor else {})})
        seen += page["groups"]
        if (cursor := page["next"]) is None:
            break
    assert seen == groups
    number = base64.urlsafe_b64encode(b"[1]").decode()
    assert await world.refused("list-groups", {"cursor": number}) == "MALFORMED_REQUEST"


async def test_a_group_is_made_once_and_a_bad_path_never(world: World) -> None:
    await world.done("create-group", {"path": "A/B"})
    for path in ("A", "A/B"):
        assert await world.refused("create-group", {"path": path}) == "ALREADY_EXISTS"
    for path in ("", "/A", "A/", "a\nb", "x" * 256):
        assert await world.refused("create-group", {"path": path}) == "MALFORMED_REQUEST"
    await world.done("create-group", {"path": "A/B"}, who=NORA)


async def test_a_group_with_devices_in_it_or_below_stays(world: World) -> None:
    await filled(world, "d1;;;A/B/C")
    await world.done("create-group", {"path": "A%"})
    for path in ("A", "A/B", "A/B/C"):
        assert await world.refused("delete-group", {"path": path}) == "INVALID_STATE"
    await world.done("update-device", {"id": "d1", "group": "A/B"})
    assert await world.done("delete-group", {"path": "A/B/C"}) == {"path": "A/B/C"}
    await world.done("delete-device", {"id": "d1"})
    await world.done("delete-group", {"path": "A"})
    assert [one["path"] for one in (await world.done("list-groups"))["groups"]] == ["A%"]
    assert await world.refused("delete-group", {"path": "A"}) == "NOT_FOUND"


@pytest.mark.parametrize("who", [VERA, RITA])
@pytest.mark.parametrize("command", ["create-group", "delete-group", "update-device", "delete-device"])
async def test_only_an_owner_changes_the_inventory(world: World, who: str, command: str) -> None:
    await filled(world, "pump-7;;;A")
    assert await world.refused(command, {"id": "pump-7"}, who=who) == "NOT_PERMITTED"
