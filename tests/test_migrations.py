"""Databases of every schema that ever was are brought to this one, whole, and all that is in them works as before."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import alembic.command
import pytest
import sqlalchemy as sa

from bridge.registration import Status
from bridge.store import Store, StoreUnusable, configuration, versions
from tests.databases.make import CREDENTIALS, TOKEN, WRITTEN_BY, dumped
from tests.world import KEYS, ROLES, World

FILES = {path.stem: path for path in sorted((Path(__file__).parent / "databases").glob("*.sql"))}
STATUSES = {
    "WAITING_FOR_CONNECTION": {"waiting-1", "waiting-auto", "waiting-north", "waiting-token"},
    "PENDING_ACCEPTANCE": {"pending-1", "pending-five", "pending-key", "pending-token", "pending-two"},
    "ACCEPTED": {"accepted-1", "again-1", "confirmed-1", "delivered-1", "installed-1", "plain-1"},
    "BLOCKED": {"blocked-1"},
}
LATER = {
    "0001": {},
    "0002": {"WAITING_FOR_CONNECTION": {"bulk-1", "bulk-2"}, "ACCEPTED": {"full-1", "accepted-2"}},
}
"""What the program of a version could make beside the first."""
DYING = """
import asyncio, os, signal, sys
from sqlalchemy import event
from sqlalchemy.engine import Engine
from bridge.store import Store

left = int(sys.argv[2])

@event.listens_for(Engine, "after_cursor_execute")
def count(connection, cursor, statement, *rest):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(Store.open(f"sqlite+aiosqlite:///{sys.argv[1]}"))
"""


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def made(path: Path, version: str) -> Path:
    """Lay down the database of ``version`` as its program wrote it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FILES[version].read_text(encoding="utf-8"))
    return path


def rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of all tables but the version."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")]
            for table in tables
            if table not in {"alembic_version", "sqlite_sequence"}
        }


def shape(path: Path) -> set[tuple[str, str]]:
    """Return what tables and indexes there are, with their columns, whatever made them and in whichever order."""
    found = set()
    with closing(sqlite3.connect(path)) as connection:
        for kind, name, table in connection.execute("SELECT type, name, tbl_name FROM sqlite_master").fetchall():
            pragma = "table_info" if kind == "table" else "index_info"
            columns = sorted(
                str(row[2] if kind == "index" else row[1:6]) for row in connection.execute(f"PRAGMA {pragma}({name})")
            )
            found.add((f"{kind} {table} {name}", " ".join(columns)))
    return found


def killed_at(path: Path, number: int) -> int:
    """Open a database in a process that kills itself after so many statements, and return its status."""
    return subprocess.run([sys.executable, "-c", DYING, str(path), str(number)], check=False).returncode


@pytest.fixture(params=FILES)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path, version: str) -> Path:
    return made(tmp_path / "registrations.db", version)


async def migrated(path: Path) -> None:
    await (await Store.open(url_of(path))).close()


def test_there_is_a_database_of_every_schema_there_ever_was() -> None:
    assert set(FILES) == set(WRITTEN_BY) == versions().known, "see tests/databases/make.py"
    for version, file in FILES.items():
        assert f"INSERT INTO \"alembic_version\" VALUES('{version}');" in file.read_text(encoding="utf-8")


def test_a_migration_still_makes_what_it_made_then(path: Path, tmp_path: Path, version: str) -> None:
    again = tmp_path / "again.db"
    engine = sa.create_engine(f"sqlite:///{again}")
    with engine.begin() as connection:
        config = configuration()
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, version)
    engine.dispose()
    assert shape(again) == shape(path)


async def test_all_rows_are_there_afterwards_and_a_second_time_changes_nothing(path: Path, version: str) -> None:
    before = rows(path)
    assert all(before.values()), "there are rows of every kind"
    await migrated(path)
    after = rows(path)
    for table, old in before.items():
        assert [{name: row[name] for name in old[0]} for row in after[table]] == old
    first = dumped(path)
    assert f"INSERT INTO \"alembic_version\" VALUES('{versions().newest}');" in first
    await migrated(path)
    assert dumped(path) == first
    if version == versions().newest:
        assert after == before


async def test_what_comes_out_is_what_a_new_installation_has(path: Path, empty_database: Path) -> None:
    await migrated(path)
    assert shape(path) == shape(empty_database)


async def test_killed_in_the_middle_nothing_has_changed_and_the_next_start_does_all(tmp_path: Path) -> None:
    oldest = min(FILES)
    whole = made(tmp_path / "whole.db", oldest)
    before = dumped(whole)
    await migrated(whole)
    died = []
    for number in (3, 9, 18, 27, 36, 45):
        path = made(tmp_path / f"killed-{number}.db", oldest)
        status = killed_at(path, number)
        if status == 0:
            break
        assert status == -signal.SIGKILL
        died.append(number)
        assert dumped(path) == before
        await migrated(path)
        assert dumped(path) == dumped(whole)
    assert len(died) >= 4


async def test_the_first_start_killed_in_the_middle_is_no_obstacle_either(tmp_path: Path) -> None:
    for number in (3, 12):
        path = tmp_path / f"first-{number}.db"
        assert killed_at(path, number) == -signal.SIGKILL
        await migrated(path)


async def test_a_database_of_a_version_to_come_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999'")
    before = dumped(path)
    with pytest.raises(StoreUnusable, match="newer bootstrap-bridge"):
        await Store.open(url_of(path))
    assert dumped(path) == before


@pytest.fixture
async def old_world(path: Path) -> Any:
    """A bridge of today on the database of then."""
    store = await Store.open(url_of(path))
    yield await World.on(store)
    await store.close()


async def test_registrations_of_every_status_stand_as_they_stood(old_world: World, version: str) -> None:
    result = await old_world.done("list", {"limit": 1000}, who="management/root")
    found: dict[str, set[str]] = {status: set() for status in STATUSES}
    for one in result["registrations"]:
        found[one["status"]].add(one["id"])
    expected = {status: ids | LATER[version].get(status, set()) for status, ids in STATUSES.items()}
    assert found == expected
    assert result["counts"] == {status.value: len(expected[status.value]) for status in Status}
    first = await old_world.done("get", {"id": "waiting-1"})
    assert (first["name"], first["type"], first["group"]) == ("Größe 1", "meter", "Group A/Group B")
    assert first["properties"] == {"site": {"hall": 7}}
    crowd = await old_world.done("get", {"id": "pending-five"})
    assert (len(crowd["claims"]), crowd["claimsOverflow"]) == (4, True)
    blocked = await old_world.done("get", {"id": "blocked-1"})
    assert (blocked["reason"], blocked["failedAttempts"]) == ("TOO_MANY_ATTEMPTS", 5)
    assert (await old_world.done("get", {"id": "confirmed-1"}))["confirmedTime"]


async def test_what_was_begun_is_ended(old_world: World) -> None:
    assert await old_world.refused("accept", {"id": "blocked-1", "securityToken": "right"}) == "INVALID_STATE"
    assert await old_world.refused("accept", {"id": "pending-two"}) == "CLAIM_CONFLICT"
    await old_world.done("accept", {"id": "pending-token", "securityToken": "right"})
    await old_world.done("accept", {"id": "pending-1"})
    await old_world.call("waiting-auto", f'{{"securityToken":"{TOKEN}"}}'.encode())
    await old_world.installer.drain()
    for device_id in ("pending-token", "pending-1", "waiting-auto", "accepted-1", "again-1"):
        found = await old_world.registration(device_id)
        assert found is not None
        assert found.installed is not None
        assert found.seed is not None
    assert await old_world.account("default/device_leaving-1") is None
    (answer,) = (await old_world.call("accepted-1")).answers
    accepted = await old_world.registration("accepted-1")
    assert accepted is not None
    assert accepted.seed is not None
    assert KEYS.device_password("default", "accepted-1", accepted.seed, "k1").encode() in answer.payload


async def test_accounts_are_those_that_the_broker_has(old_world: World, version: str) -> None:
    await old_world.reconcile()
    await old_world.installer.drain()
    people = {f"{tenant}/{name}" for tenant, name in ROLES}
    listed = (await old_world.done("list-administrators", who="management/root"))["administrators"]
    there = {f"{one['tenant']}/{one['name']}" for one in listed}
    assert there == people | ({"south/sam", "default/chosen"} if version >= "0002" else set())
    usernames = set(old_world.accounts.there)
    assert {"default/device_confirmed-1", "default/device_plain-1"} <= usernames
    if version >= "0002":
        assert {"reader", "default/device_full-1"} <= usernames
        assert old_world.accounts.there["default/device_full-1"].password == CREDENTIALS
        assert "former" not in usernames


async def test_options_groups_inventory_audit_and_answers_are_as_before(old_world: World, version: str) -> None:
    wanted = {"category": "device-registration", "key": "registration.ttl"}
    assert (await old_world.done("get-option", wanted))["value"] == 31_536_000
    assert old_world.intake.retry_after() == 60
    groups = {one["path"] for one in (await old_world.done("list-groups"))["groups"]}
    assert {"Group A", "Group A/Group B"} <= groups
    assert ("Empty/One" in groups) == (version >= "0002")
    found = (await old_world.done("list-devices", {"search": "CONFIRMED"}))["devices"]
    assert [one["id"] for one in found] == ["confirmed-1"]
    entries = (await old_world.done("audit", {"limit": 1000}))["entries"]
    assert {"TOKEN_MISMATCH", "BLOCKED", "ALREADY_REGISTERED", "INVALID_ID", "ok"} <= {
        one["outcome"] for one in entries
    }
    callers = (await old_world.done("list-unregistered", who="management/root"))["devices"]
    assert {(one["id"], one["calls"], one["tokenSent"]) for one in callers} >= {
        ("stranger-1", 1, False),
        ("stranger-2", 2, True),
    }
    named = {"name": "Größe 1", "type": "meter", "group": "Group A/Group B", "properties": {"site": {"hall": 7}}}
    again = await old_world.answer("register", {"id": "waiting-1", **named, "requestId": "r-1"})
    assert again["ok"], "a repeat within ten minutes gets the answer that was given before"
    assert (await old_world.done("stats"))["counts"]
    if version >= "0002":
        full = await old_world.done("get-device", {"id": "full-1"})
        assert (full["iccid"], full["idType"], full["shell"], full["properties"]) == (
            "8949",
            "imei",
            True,
            {"rack": "r2"},
        )
        tenants = (await old_world.done("list-tenants", who="management/root"))["tenants"]
        assert {"id": "south", "name": "Süd"} in tenants
