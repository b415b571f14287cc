"""register, list, get and delete: what is sent, and what a person sees of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.scripted import No, typed

CREATED = {"created": [{"id": "p"}], "failed": []}


def row(id_: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "status": "WAITING_FOR_CONNECTION",
        "tenant": "default",
        "owner": "default/admin",
        "creationTime": "2026-03-01T08:15:30.125Z",
        "failedAttempts": 0,
        "calls": 0,
        "tokenSent": False,
        "claimsOverflow": False,
        "claims": [],
        "autoAccept": False,
        "properties": {},
        **more,
    }


def page(*rows: dict[str, Any], next_: str | None = None, counts: dict[str, int] | None = None) -> dict[str, Any]:
    return {"list": {"registrations": list(rows), "next": next_, "counts": counts or {"WAITING_FOR_CONNECTION": 1}}}


def test_register_sends_what_was_given_and_nothing_else(tmp_path: Path) -> None:
    assert typed("register", "p", answers={"register": CREATED}).sent == {"id": "p"}
    file = tmp_path / "properties.json"
    file.write_text('{"site": {"floor": 1, "room": "B"}, "note": null}')
    words = ("register", "p", "--name", "Pump", "--type", "pump", "--group", "A/B", "--token", "t", "--auto-accept")
    more = ("--property", "site.floor:=3", "--property", "serial=007", "--properties", str(file))
    assert typed(*words, *more, answers={"register": CREATED}).sent == {
        "id": "p",
        "name": "Pump",
        "type": "pump",
        "group": "A/B",
        "securityToken": "t",
        "autoAccept": True,
        "properties": {"site": {"floor": 3, "room": "B"}, "note": None, "serial": "007"},
    }


def test_several_ids_are_one_request_with_what_they_share() -> None:
    answer = {"created": [{"id": "a"}], "failed": [{"id": "b", "code": "INVALID_ID", "message": "a comma"}]}
    said = typed("register", "-", "--group", "G", stdin="a\n\n b \n", answers={"register": answer})
    assert said.sent == {"devices": [{"id": "a", "group": "G"}, {"id": "b", "group": "G"}]}
    assert said.status == 1
    assert said.lines == ["1 of 2 devices are registered: waiting for connection"]
    assert "INVALID_ID: a comma" in said.err
    assert "correct the id" in said.err


def test_registering_for_a_tenant_speaks_as_management_unless_somebody_is_named(tmp_path: Path) -> None:
    logins = [
        {"tenant": "management", "username": "root", "password": "r"},
        {"tenant": "default", "username": "admin", "password": "a"},
    ]
    access = {"host": "h", "port": 7, "topicPrefix": "", "administrators": logins}
    (tmp_path / "access.json").write_text(json.dumps(access))
    env = {"BOOTSTRAP_BRIDGE_DATA": str(tmp_path)}
    said = typed("register", "p", "--for-tenant", "acme", answers={"register": CREATED}, env=env)
    assert said.sent == {"id": "p", "tenant": "acme"}
    assert said.access is not None
    assert (said.access.tenant, said.access.username, said.access.password) == ("management", "root", "r")
    for words, answers in (
        (("list", "--of-tenant", "acme"), page()),
        (("list-tenants",), {"list-tenants": {"tenants": []}}),
    ):
        asked = typed(*words, answers=answers, env=env)
        assert asked.access is not None
        assert asked.access.username == "root"
    plain = typed("register", "p", answers={"register": CREATED}, env=env)
    named = typed("register", "p", "--for-tenant", "acme", "--user", "admin", answers={"register": CREATED}, env=env)
    for one in (plain, named):
        assert one.access is not None
        assert one.access.username == "admin"


@pytest.mark.parametrize(
    "words",
    [
        ("a", "b", "--name", "n"),
        ("a", "b", "--token", "t"),
        ("a", "--property", "x"),
        ("a", "--properties", "/nowhere"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_registered_so_is_wrong_usage(words: tuple[str, ...]) -> None:
    said = typed("register", *words)
    assert (said.status, said.asked) == (2, [])


def test_what_is_registered_already_says_how_to_go_on() -> None:
    said = typed("register", "p", answers={"register": No("ALREADY_REGISTERED", "p is registered")})
    assert said.status == 1
    assert said.err.splitlines() == [
        "ALREADY_REGISTERED: p is registered",
        "bootstrap-bridge get DEVICE shows it, bootstrap-bridge delete DEVICE makes room for it anew",
    ]


def test_list_sends_its_filters() -> None:
    words = ("list", "--status", "pending_acceptance", "--status", "BLOCKED", "--search", "pu", "--sort=-lastSeen")
    said = typed(*words, "--limit", "7", "--cursor", "c", answers=page())
    assert said.sent == {
        "status": ["PENDING_ACCEPTANCE", "BLOCKED"],
        "search": "pu",
        "sort": "-lastSeen",
        "limit": 7,
        "cursor": "c",
    }
    assert typed("list", answers=page()).sent == {"limit": 100}
    assert typed("list", "--sort", "colour").status == 2


def test_a_list_in_a_pipe_has_no_tenants_where_there_is_one_only() -> None:
    rows = (row("pump-1", name="Pump", calls=2, tokenSent=True), row("pump-2", status="BLOCKED", failedAttempts=5))
    for tenant in ("default", "management"):
        said = typed("list", answers=page(*rows, next_="MORE"), tenant=tenant)
        assert "Tenant" not in said.out
        assert " ".join(said.lines[0].split()) == "Device Name Status Created (UTC) Last call Calls Token Wrong tokens"
        assert " ".join(said.lines[1].split()) == "pump-1 Pump ◌ Waiting for connection 2026-03-01 08:15 2 sent"
        assert " ".join(said.lines[2].split()) == "pump-2 ✖ Blocked 2026-03-01 08:15 0 5"
        assert said.lines[-1] == "There are more: add --cursor MORE"
    said = typed("list", answers=page(*rows, row("x", tenant="acme")), tenant="management")
    assert "Tenant" in said.lines[0]


def test_a_narrow_terminal_shows_fewer_columns_and_whole_ids() -> None:
    rows = [row(f"a-device-with-a-long-serial-number-{number}", lastSeen="2026-03-01T08:15:30.125Z") for number in "12"]
    said = typed("list", answers=page(*rows), terminal_lines=[], width=80)
    assert "a-device-with-a-long-serial-number-2 " in said.out
    assert "Created" not in said.out
    assert max(len(line) for line in said.lines) <= 80
    assert "Created" in typed("list", answers=page(*rows), terminal_lines=[], width=140).out


def test_nothing_registered_is_said_in_words_with_what_to_type() -> None:
    counts = {"WAITING_FOR_CONNECTION": 0}
    said = typed("list", answers=page(counts=counts))
    assert said.lines == [
        "No device is registered yet. To register one:",
        "  bootstrap-bridge register DEVICE-ID",
    ]
    said = typed("list", "--data", "/a b", answers=page(counts=counts))
    assert said.lines[-1] == "  bootstrap-bridge register DEVICE-ID --data '/a b'"
    assert typed("list", "--search", "x", answers=page()).lines[0] == "No registration matches."


def test_json_is_the_answer_as_it_came_and_nothing_else() -> None:
    said = typed("list", "--json", answers=page(row("pump-1")))
    (line,) = said.lines
    assert json.loads(line) == {"command": "list", "ok": True, "result": page(row("pump-1"))["list"]}
    refused = typed("get", "x", "--json", answers={"get": No("NOT_FOUND", "there is none")})
    assert refused.status == 1
    assert json.loads(refused.out)["error"]["code"] == "NOT_FOUND"


def test_get_shows_claims_and_nothing_that_writes_to_the_terminal() -> None:
    evil = "\x1b[2J[red]x"
    claim = {
        "fingerprint": "aa",
        "call": "plain",
        "tokenSent": True,
        "keySent": False,
        "firstSeen": "2026-03-01T08:15:30Z",
    }
    answer = row("p", name=evil, claims=[claim], claimsOverflow=True, properties={evil: {"a": evil}})
    said = typed("get", "p", answers={"get": answer})
    assert "\x1b" not in said.out
    assert "�[2J[red]x" in said.out
    assert "Registered by  admin" in said.out
    assert "Tenant" not in said.out
    assert "More callers than these" in said.out


def test_an_unknown_device_is_said_in_words_with_the_next_step() -> None:
    said = typed("get", "p", answers={"get": No("NOT_FOUND", "there is no registration of p")})
    assert said.err.splitlines() == [
        "NOT_FOUND: there is no registration of p",
        "bootstrap-bridge list shows which there are",
    ]


def test_delete_sends_one_id_or_many() -> None:
    said = typed("delete", "p", answers={"delete": {"deleted": ["p"], "failed": []}})
    assert (said.sent, said.lines) == ({"id": "p"}, ["1 of 1 registrations are deleted"])
    failed = [{"id": "b", "code": "NOT_FOUND", "message": "none"}]
    said = typed("delete", "a", "b", answers={"delete": {"deleted": ["a"], "failed": failed}})
    assert (said.sent, said.status) == ({"ids": ["a", "b"]}, 1)
