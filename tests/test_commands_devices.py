"""Devices, groups, and who called unregistered: what is sent, and what a person sees."""

import json
from typing import Any

import pytest

from bridge.commands import devices as commands
from bridge.handlers import devices as handlers
from tests.scripted import No, typed


def device(id_: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "tenant": "default",
        "owner": "default/admin",
        "name": "",
        "type": "c8y_DefaultDevice",
        "group": "",
        "idType": "c8y_Serial",
        "shell": False,
        "authType": "BASIC",
        "creationTime": "2026-03-01T08:15:30.125Z",
        "properties": {},
        **more,
    }


def test_list_devices_sends_its_filters_and_shows_what_tells_something() -> None:
    rows = [device("pump-1", name="Pump"), device("pump-2", group="A/B")]
    words = ("--search", "pu", "--group", "A/B", "--sort", "name", "--limit", "2", "--cursor", "c")
    said = typed("list-devices", *words, answers={"list-devices": {"devices": rows, "next": "d"}})
    assert said.sent == {"search": "pu", "group": "A/B", "sort": "name", "limit": 2, "cursor": "c"}
    assert [" ".join(line.split()) for line in said.lines] == [
        "Device Name Type Group Created (UTC) Last info",
        "pump-1 Pump c8y_DefaultDevice 2026-03-01 08:15",
        "pump-2 c8y_DefaultDevice A/B 2026-03-01 08:15",
        "There are more: add --cursor d",
    ]


def test_devices_are_sorted_by_what_the_bridge_sorts_by() -> None:
    assert commands.SORTS == handlers.SORTS
    assert typed("list-devices", "--sort", "status").status == 2


def test_an_empty_inventory_says_where_to_look() -> None:
    answers: dict[str, Any] = {"list-devices": {"devices": [], "next": None}}
    assert typed("list-devices", answers=answers).lines[-1] == "  bootstrap-bridge list"
    assert typed("list-devices", "--search", "x", answers=answers).lines == ["No device matches."]


def test_a_device_is_shown_with_its_properties_as_json() -> None:
    shown = device(
        "p", name="\x1b[2JPump", lastInfoTime="2026-03-02T08:15:30.125Z", properties={"a": {"b": [1, "\x1b"]}}
    )
    said = typed("get-device", "p", answers={"get-device": shown})
    assert said.sent == {"id": "p"}
    assert "\x1b" not in said.out
    assert "Tenant" not in said.out
    assert [" ".join(line.split()) for line in said.lines] == [
        "Device p",
        "Name �[2JPump",
        "Type c8y_DefaultDevice",
        "Registered by admin",
        "Type of id c8y_Serial",
        "Logs in by BASIC",
        "Created (UTC) 2026-03-01 08:15:30",
        "Last info (UTC) 2026-03-02 08:15:30",
        "Properties",
        *("{", '"a": {', '"b": [', "1,", '"\\u001b"', "]", "}", "}"),
    ]


def test_another_tenants_device_is_shown_with_its_tenant() -> None:
    said = typed(
        "get-device", "p", tenant="management", answers={"get-device": device("p", tenant="acme", owner="acme/jo")}
    )
    assert "acme/jo" in said.out
    assert "Tenant" in said.out


def test_update_device_sends_a_merge_patch() -> None:
    words = ("--name", "N", "--type", "T", "--group", "A/C", "--property", "site.floor:=3", "--remove-property", "note")
    said = typed("update-device", "p", *words, answers={"update-device": device("p", name="N")})
    assert said.sent == {
        "id": "p",
        "name": "N",
        "type": "T",
        "group": "A/C",
        "properties": {"site": {"floor": 3}, "note": None},
    }
    assert said.lines[0] == "p is changed:"
    said = typed("update-device", "p", "--properties", "-", stdin='{"a": 1}', answers={"update-device": device("p")})
    assert said.sent == {"id": "p", "properties": {"a": 1}}
    emptied = typed("update-device", "p", "--name", "", "--group", "", answers={"update-device": device("p")})
    assert emptied.sent == {"id": "p", "name": None, "group": None}, "nothing is no name: it is taken away"


def test_a_change_of_nothing_is_wrong_usage() -> None:
    said = typed("update-device", "p")
    assert (said.status, said.asked) == (2, [])
    assert "--remove-property" in said.err


def test_deleting_a_device_is_asked_about_where_somebody_can_answer() -> None:
    answers = {"delete-device": {"id": "p"}}
    said = typed("delete-device", "p", answers=answers, terminal_lines=["n"])
    assert (said.status, said.asked, said.out) == (1, [], "")
    assert "nothing was done" in said.err
    (question,) = said.questions
    assert "Delete p?" in question
    assert typed("delete-device", "p", answers=answers, terminal_lines=["y"]).sent == {"id": "p"}
    for said in (
        typed("delete-device", "p", "--yes", answers=answers, terminal_lines=[]),
        typed("delete-device", "p", answers=answers),
    ):
        assert (said.sent, said.lines, said.status) == ({"id": "p"}, ["p is deleted"], 0)


@pytest.mark.parametrize("command", ["get-device", "delete-device"])
def test_an_unknown_device_is_said_in_words_with_the_next_step(command: str) -> None:
    said = typed(command, "p", answers={command: No("NOT_FOUND", "there is no device p")})
    assert said.status == 1
    assert said.err.splitlines() == [
        "NOT_FOUND: there is no device p",
        "bootstrap-bridge list-devices shows which there are",
    ]


def test_who_called_unregistered_is_shown_with_how_to_register_one() -> None:
    one = {
        "id": "x",
        "calls": 3,
        "firstSeen": "2026-03-01T08:15:30Z",
        "lastSeen": "2026-03-01T08:15:30Z",
        "tokenSent": True,
    }
    said = typed("list-unregistered", "--limit", "5", answers={"list-unregistered": {"devices": [one]}})
    assert said.sent == {"limit": 5}
    assert said.lines[1].split()[:2] == ["x", "3"]
    assert "sent" in said.lines[1]
    assert said.lines[-1] == "  bootstrap-bridge register DEVICE-ID"
    none = typed("list-unregistered", answers={"list-unregistered": {"devices": []}})
    assert none.lines == ["Nobody has called without being registered."]


GROUPS = {
    "groups": [
        {"path": "Hall 2/North", "devices": 1},
        {"path": "Hall 2", "devices": 0},
        {"path": "Hall 10", "devices": 1200},
        {"path": "Yard/[red]East/Gate", "devices": 2},
    ]
}


def test_groups_are_a_tree_in_a_terminal() -> None:
    said = typed("list-groups", answers={"list-groups": GROUPS}, terminal_lines=[])
    assert said.lines == [
        "Hall 10  1,200 devices",
        "Hall 2",
        "└── North  1 device",
        "Yard",
        "└── [red]East",
        "    └── Gate  2 devices",
    ]


def test_groups_are_whole_paths_in_a_pipe_whatever_the_number_of_pages() -> None:
    pages = [{**GROUPS, "next": "c"}, {"groups": [{"path": "Z", "devices": 0}], "next": None}]
    said = typed("list-groups", answers={"list-groups": pages})
    assert said.asked == [("list-groups", {}), ("list-groups", {"cursor": "c"})]
    assert [" ".join(line.split()) for line in said.lines] == [
        "Group Devices",
        "Hall 2/North 1",
        "Hall 2 0",
        "Hall 10 1200",
        "Yard/[red]East/Gate 2",
        "Z 0",
    ]
    said = typed("list-groups", "--json", answers={"list-groups": {"groups": []}})
    assert json.loads(said.out)["result"] == {"groups": []}


def test_without_groups_it_says_how_to_make_one() -> None:
    assert "create-group" in typed("list-groups", answers={"list-groups": {"groups": []}}).lines[-1]


def test_groups_are_made_and_deleted_by_path() -> None:
    for command, word in (("create-group", "made"), ("delete-group", "deleted")):
        said = typed(command, "A/B", answers={command: {"path": "A/B"}})
        assert (said.sent, said.lines) == ({"path": "A/B"}, [f"the group A/B is {word}"])
    said = typed("delete-group", "A", answers={"delete-group": No("NOT_FOUND", "no group A")})
    assert "bootstrap-bridge list-groups" in said.err
