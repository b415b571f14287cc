"""Tests that share an installation are told when they take the same name."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.naming import Ledger, Names

PUMP = ("up", "device", "pump-1")


@pytest.fixture
def names(tmp_path: Path, empty_database: Path) -> Names:
    found = Names("up", Path(shutil.copy(empty_database, tmp_path / "registrations.db")))
    found.new()
    return found


def does(names: Names, action: str, outcome: str = "ok", device: str | None = None, **details: Any) -> None:
    row = (0, "default", "default/admin", action, device, outcome, json.dumps(details))
    with closing(sqlite3.connect(names.database)) as database, database:
        database.execute(
            "insert into audit (at, tenant, actor, action, device_id, outcome, details) values (?, ?, ?, ?, ?, ?, ?)",
            row,
        )


def test_who_registers_makes_a_name_though_it_is_gone_again(names: Names) -> None:
    does(names, "register", device="pump-1")
    does(names, "delete", device="pump-1")
    assert names.new() == ({PUMP}, set())
    assert names.new() == (set(), set()), "each test is asked for its own"


def test_who_asks_in_vain_counts_on_it_not_being_there(names: Names) -> None:
    does(names, "accept", "NOT_FOUND", device="pump-1")
    assert names.new() == (set(), {PUMP})


def test_what_is_done_to_all_takes_nobodys_name(names: Names) -> None:
    does(names, "accept-all", "TOKEN_REQUIRED", device="pump-1")
    does(names, "delete", device="pump-2")
    assert names.new() == (set(), set())


@pytest.mark.parametrize(
    ("action", "details", "name"),
    [
        ("create-tenant", {"id": "t1"}, ("up", "tenant", "t1")),
        ("create-administrator", {"name": "ann"}, ("up", "account", "ann")),
        ("create-application", {"name": "erp"}, ("up", "account", "erp")),
        ("create-group", {"path": "Hall 1"}, ("up", "group", "Hall 1")),
    ],
)
def test_people_tenants_and_groups_have_names_too(
    names: Names, action: str, details: dict[str, str], name: tuple[str, str, str]
) -> None:
    does(names, action, **details)
    does(names, action, "ALREADY_EXISTS", **details)
    assert names.new() == ({name}, set())


def test_what_came_by_a_file_is_seen_in_the_rows_also_where_it_came_again(names: Names) -> None:
    with closing(sqlite3.connect(names.database)) as database, database:
        database.execute(
            "insert into devices (id, tenant, owner, properties, created, bulk) values ('pump-1', 't', 'o', '', 0, 'x')"
        )
        database.execute("insert into groups values ('default', 'Hall 1')")
    assert names.new() == ({PUMP, ("up", "group", "Hall 1")}, set())
    with closing(sqlite3.connect(names.database)) as database, database:
        database.execute("update devices set bulk = 'two'")
    assert names.new() == ({PUMP}, set())


def test_two_who_make_one_name_fight_also_in_two_processes() -> None:
    here, there = Ledger(), Ledger()
    here.note("a", {PUMP}, set())
    assert list(here.fights()) == []
    there.note("b", {PUMP}, set())
    for test, made, named in there.written():
        here.note(test, map(tuple, made), map(tuple, named))  # type: ignore[arg-type]
    assert list(here.fights()) == ["up device pump-1: a, b"]


def test_who_counts_on_a_name_not_being_there_fights_with_who_makes_it_and_with_nobody_else() -> None:
    ledger = Ledger()
    ledger.note("a", set(), {PUMP})
    ledger.note("b", set(), {PUMP})
    assert list(ledger.fights()) == []
    ledger.note("c", {PUMP}, set())
    assert list(ledger.fights()) == ["up device pump-1: a, b, c"]
