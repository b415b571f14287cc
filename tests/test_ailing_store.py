"""A database that fails while it is in use: what is not committed is refused, and it is told when that is over."""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bridge import queries
from bridge.database_file import log_of
from bridge.records import Change
from bridge.store import Store, StoreFault, StoreUnusable
from tests.making import waiting
from tests.world import World


class Listener:
    """What the store tells of its faults."""

    def __init__(self, store: Store) -> None:
        self.heard: list[str] = []
        store.noticed = lambda fault: self.heard.append(str(fault))


async def save(store: Store, device_id: str) -> None:
    async with store.write() as transaction:
        await transaction.save([Change(None, waiting(id=device_id))])


async def ids(store: Store) -> set[str]:
    async with store.read() as connection:
        found = await queries.list_registrations(connection, queries.ListQuery(None, None, None, "id", 100, None))
    return {one.id for one in found}


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def spoil(path: Path, begin: int = 4096) -> None:
    """Overwrite all but the beginning, as a disk does that dies."""
    content = path.read_bytes()
    path.write_bytes(content[:begin] + os.urandom(len(content) - begin))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the fixture `store` has its database."""
    return tmp_path / "registrations.db"


async def test_a_database_that_another_program_holds_is_a_fault_until_it_lets_go(store: Store, path: Path) -> None:
    listener = Listener(store)
    async with store.write() as transaction:
        await transaction.connection.exec_driver_sql("PRAGMA busy_timeout=50")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreFault, match="locked"):
            await save(store, "pump-1")
        assert await ids(store) == set(), "reading goes on"
        other.execute("COMMIT")
    await save(store, "pump-1")
    assert len(listener.heard) == 1
    assert "locked" in listener.heard[0]
    assert await ids(store) == {"pump-1"}


@pytest.mark.parametrize("by", ["removed", "replaced"])
async def test_nothing_is_written_into_a_file_that_was_taken_away(store: Store, path: Path, by: str) -> None:
    await save(store, "pump-1")
    kept = path.with_name("kept.db")
    shutil.move(path, kept)
    if by == "replaced":
        shutil.copy(kept, path)
    listener = Listener(store)
    for _ in range(2):
        with pytest.raises(StoreFault, match="removed or replaced while it was in use"):
            await save(store, "pump-2")
    assert len(listener.heard) == 2
    shutil.move(kept, path)
    await save(store, "pump-2")
    assert len(listener.heard) == 2
    assert await ids(store) == {"pump-1", "pump-2"}


async def test_a_database_that_is_found_damaged_gets_no_further_change(store: Store, path: Path) -> None:
    for number in range(50):
        await save(store, f"pump-{number}")
    await store.close()  # into the file with all
    spoil(path)
    listener = Listener(store)
    for _ in range(2):
        with pytest.raises(StoreFault, match=r"malformed|damaged"):
            await ids(store)
    spoilt = content_of(path)
    with pytest.raises(StoreFault, match=r"is damaged .*nothing more is written.*backup"):
        await save(store, "pump-51")
    assert len(listener.heard) == 3
    assert all("is damaged" in word for word in listener.heard)
    await store.close()
    assert content_of(path) == spoilt
    with pytest.raises(StoreUnusable, match="damaged"):
        await Store.open(f"sqlite+aiosqlite:///{path}")


async def test_a_new_connection_that_fails_is_a_fault_like_any_other(store: Store, path: Path) -> None:
    await store.close()
    spoil(path, 0)
    with pytest.raises(StoreFault, match="is damaged"):
        await ids(store)


async def test_an_administrator_is_told_whether_a_change_or_a_question_has_failed(world: World, path: Path) -> None:
    spoil(path)
    await world.store.close()
    for command, body, words in (
        ("register", {"id": "pump-1"}, "could not be stored, nothing was done: try again"),
        ("list", {}, "could not be read"),
    ):
        answer = await world.answer(command, body)
        assert answer["error"]["code"] == "INTERNAL"
        assert words in answer["error"]["message"]


async def test_the_log_is_there_for_as_long_as_the_database_is_in_use(store: Store, path: Path) -> None:
    await save(store, "pump-1")
    await store._writer.dispose()
    await store._reader.dispose()
    assert log_of(path).exists()
    await save(store, "pump-2")
    await store.close()
    assert not log_of(path).exists()
