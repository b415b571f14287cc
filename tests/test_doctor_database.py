"""The doctor on the database: whole, of these keys, not from the future, and never written."""

import asyncio
import sqlite3
import time
from pathlib import Path

import pytest

from bridge.doctor.database import database
from bridge.doctor.finding import look_at
from bridge.store import Store
from tests.ailing import complaints, found, healthy, verdicts


@pytest.fixture
def data(tmp_path: Path, empty_database: Path) -> Path:
    made = healthy(tmp_path / "data")
    made.folder.database.write_bytes(empty_database.read_bytes())
    made.folder.database.chmod(0o600)
    return made.folder.path


def execute(data: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(data / "bridge" / "registrations.db")
    with connection:
        connection.execute(statement, values)
    connection.close()


AUDIT = "INSERT INTO audit (at, tenant, actor, action, outcome, details) VALUES (?, 'default', 'a', 'list', 'ok', '{}')"
ACCOUNT = (
    "INSERT INTO accounts (username, kind, tenant, subject, seed, key_id, wanted, renewed) "
    "VALUES ('x', 'device', 'default', 'x', x'00', ?, 1, 0)"
)


def test_a_whole_database_gives_no_cause_and_nothing_is_made_beside_it(data: Path) -> None:
    before = sorted(path.name for path in (data / "bridge").iterdir())
    assert verdicts(found(database, data)) == {"ok"}
    assert sorted(path.name for path in (data / "bridge").iterdir()) == before


def test_one_that_is_not_there_yet_is_well(data: Path) -> None:
    (data / "bridge" / "registrations.db").unlink()
    assert verdicts(found(database, data)) == {"ok"}


def test_one_that_is_not_there_any_more_is_a_problem(data: Path) -> None:
    (data / "bridge" / "registrations.db").unlink()
    (data / "bridge" / "database-made").touch()
    assert "this installation had one → restore it from a backup" in complaints(found(database, data))


async def test_one_in_use_is_read_as_it_stands(data: Path) -> None:
    store = await Store.open(f"sqlite+aiosqlite:///{data}/bridge/registrations.db")
    try:
        async with store.write() as transaction:
            await transaction.ensure_tenants(int(time.time() * 1000) + 3_600_000)
        text = complaints(await asyncio.to_thread(found, database, data))
        assert "in the future" in text, "what stands in the log of writes alone is read too"
    finally:
        await store.close()


def test_a_damaged_one_is_a_problem(data: Path) -> None:
    path = data / "bridge" / "registrations.db"
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xaa" * (len(content) - 4096)
    path.write_bytes(content)
    assert "backup" in complaints(found(database, data))
    path.write_bytes(b"no database at all, but some text that is long enough" * 100)
    assert "backup" in complaints(found(database, data))


def test_passwords_of_another_key_are_a_problem(data: Path) -> None:
    execute(data, ACCOUNT, "0badc0de")
    text = complaints(found(database, data))
    assert "0badc0de" in text
    assert "keys.json" in text


def test_an_entry_from_the_future_tells_that_the_clock_went_back(data: Path) -> None:
    execute(data, AUDIT, 2_000_000_000_000)
    assert verdicts(found(database, data, 2_000_000_003.0)) == {"ok"}
    assert "the clock went back" in complaints(found(database, data, 1_999_990_000.0))


def test_one_that_a_server_keeps_is_left_to_its_tools(data: Path, tmp_path: Path) -> None:
    (finding,) = database(look_at(data, "postgresql+asyncpg://u:secret@host/db"))
    assert finding.verdict == "advice"
    assert "secret" not in finding.found
    assert "not there yet" in next(database(look_at(data, f"sqlite+aiosqlite:///{tmp_path}/other.db"))).found
