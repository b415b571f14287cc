"""What lies where the database should be: what is not one of ours and whole is refused in words, and left as it was."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bridge import database_file
from bridge.database_file import Before, StoreUnusable, examine, log_of, path_of, space_left
from bridge.records import Change
from bridge.store import Store, versions
from tests.making import waiting

MARKER = Path("/installation/bridge/database-made")
HAD_ONE = Before(made=True, marker=MARKER)


def url_of(path: Path) -> str:
    return f"sqlite+aiosqlite:///{path}"


def executed(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def path(tmp_path: Path, peopled_database: Path) -> Path:
    """A database with some rows, closed in good order."""
    return Path(shutil.copy(peopled_database, tmp_path / "registrations.db"))


def destroy_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    content[half : half + 8192] = os.urandom(8192)
    path.write_bytes(content)


def destroy_header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[:100] = os.urandom(100)
    path.write_bytes(content)


def truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 // 4096 * 4096 + 100)


def replace_by_another(path: Path) -> None:
    path.unlink()
    executed(path, "CREATE TABLE bookmarks (url TEXT)")


def replace_by_another_that_uses_alembic(path: Path) -> None:
    path.unlink()
    executed(path, "CREATE TABLE alembic_version (version_num TEXT)", "INSERT INTO alembic_version VALUES ('0002')")


def replace_by_text(path: Path) -> None:
    path.write_text("id;PATH\n" * 1000)


REFUSED: dict[str, tuple[Callable[[Path], None], str]] = {
    "random bytes in the middle": (destroy_middle, "damaged .*backup"),
    "truncated": (truncate, "damaged .*backup"),
    "its beginning destroyed": (destroy_header, "beginning is destroyed.*backup"),
    "a text": (replace_by_text, "no database of SQLite.*backup"),
    "another program's": (replace_by_another, "another program .it has bookmarks.*another file"),
    "another program's with a version": (replace_by_another_that_uses_alembic, "another program"),
    "a newer version's": (
        lambda path: executed(path, "UPDATE alembic_version SET version_num = '9999'"),
        f"a newer bootstrap-bridge .its schema is 9999, the newest known here is {versions().newest}.*start that one",
    ),
    "of a version that never was": (
        lambda path: executed(path, "UPDATE alembic_version SET version_num = '0000a'"),
        "another program or version",
    ),
    "of no version": (lambda path: executed(path, "DELETE FROM alembic_version"), "its schema is unnamed"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_whole_database_of_ours_is_refused_and_left_as_it_was(path: Path, kind: str) -> None:
    spoil, words = REFUSED[kind]
    spoil(path)
    before = path.read_bytes()
    for known in (Before(), HAD_ONE):
        with pytest.raises(StoreUnusable, match=words) as caught:
            asyncio.run(Store.open(url_of(path), known))
        assert str(path) in str(caught.value)
    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == [path.name], "nothing is made beside it"


@pytest.mark.parametrize("found", ["missing", "empty", "without tables"])
async def test_a_lost_database_is_never_made_anew_where_there_was_one(tmp_path: Path, found: str) -> None:
    path = tmp_path / "registrations.db"
    if found == "empty":
        path.touch()
    elif found == "without tables":
        executed(path, "CREATE TABLE x (y)", "DROP TABLE x")
    with pytest.raises(StoreUnusable, match=rf"this installation had one.*backup.*begin anew.*remove {MARKER}"):
        await Store.open(url_of(path), HAD_ONE)
    assert path.exists() == (found != "missing")
    await (await Store.open(url_of(path))).close()
    executed(path, "SELECT * FROM registrations")


async def test_an_address_that_leads_to_an_empty_place_is_refused_as_well(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(StoreUnusable, match="had one"):
        await Store.open(url_of(tmp_path / "elsewhere" / "typo.db"), HAD_ONE)
    assert list((tmp_path / "elsewhere").iterdir()) == []


async def died_with_changes(path: Path, into: Path) -> Path:
    """Leave a database as a bridge does that is killed: its last changes are in the log alone."""
    store = await Store.open(url_of(path))
    async with store.write() as transaction:
        await transaction.save([Change(None, waiting(id="in-the-log"))])
    shutil.copytree(path.parent, into)
    await store.close()
    return into / path.name


async def ids_in(path: Path, before: Before = Before()) -> list[str]:  # noqa: B008 - frozen
    store = await Store.open(url_of(path), before)
    async with store.write() as transaction:
        found = await transaction.registrations(["in-the-log"])
    await store.close()
    return list(found)


async def test_the_log_of_one_who_was_killed_is_put_in(path: Path, tmp_path: Path) -> None:
    left = await died_with_changes(path, tmp_path.with_name(f"{tmp_path.name}-left"))
    assert log_of(left).stat().st_size > 0
    assert await ids_in(left, Before(made=True, cut_off=True)) == ["in-the-log"]
    assert not log_of(left).exists()


async def test_a_lost_log_is_refused_since_it_held_the_last_changes(path: Path, tmp_path: Path) -> None:
    left = await died_with_changes(path, tmp_path.with_name(f"{tmp_path.name}-left"))
    log_of(left).unlink()
    before = left.read_bytes()
    with pytest.raises(StoreUnusable, match=r"db-wal is missing.*remove .*registrations\.db\.lock to go on"):
        await Store.open(url_of(left), Before(made=True, cut_off=True))
    assert left.read_bytes() == before
    assert await ids_in(left, Before(made=True)) == [], "who says so goes on with what is there"


async def test_a_lost_index_of_the_log_is_made_again_and_one_left_over_does_no_harm(path: Path, tmp_path: Path) -> None:
    left = await died_with_changes(path, tmp_path.with_name(f"{tmp_path.name}-left"))
    left.with_name(f"{left.name}-shm").write_bytes(os.urandom(32_768))
    assert await ids_in(left, Before(made=True, cut_off=True)) == ["in-the-log"]


@pytest.mark.parametrize("found", ["missing", "empty"])
async def test_a_log_whose_database_is_gone_is_not_thrown_away(path: Path, tmp_path: Path, found: str) -> None:
    left = await died_with_changes(path, tmp_path.with_name(f"{tmp_path.name}-left"))
    left.unlink()
    if found == "empty":
        left.touch()
    log = log_of(left).read_bytes()
    with pytest.raises(StoreUnusable, match=f"is {found}, but its log"):
        await Store.open(url_of(left))
    assert log_of(left).read_bytes() == log


async def test_a_log_in_which_random_bytes_stand_loses_no_more_than_what_follows(path: Path, tmp_path: Path) -> None:
    left = await died_with_changes(path, tmp_path.with_name(f"{tmp_path.name}-left"))
    log_of(left).write_bytes(os.urandom(5_000))
    assert await ids_in(left, Before(made=True, cut_off=True)) == []


def test_a_large_database_is_looked_through_for_a_while_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    destroy_middle(path)
    monkeypatch.setattr(database_file, "CHECKED", -1.0)
    monkeypatch.setattr(database_file, "_STEPS", 1)
    examine(path, Before(), versions())


def test_only_files_are_looked_at() -> None:
    assert path_of("sqlite+aiosqlite:////srv/x.db") == Path("/srv/x.db")
    assert path_of("sqlite+aiosqlite:///x.db?timeout=5") == Path("x.db")
    for url in ("sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:", "postgresql+asyncpg://host/x", "x.db"):
        assert path_of(url) is None


def test_a_full_disk_is_said_along_with_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert space_left(Path("/nowhere/at/all/x.db")) == ""
    monkeypatch.setattr(database_file, "LITTLE_SPACE", 0)
    assert space_left(tmp_path / "x.db") == ""
    monkeypatch.setattr(database_file, "LITTLE_SPACE", 1 << 60)
    assert "MB are free on its disk" in space_left(tmp_path / "x.db")


@pytest.mark.long
async def test_one_that_is_held_by_another_program_for_long_is_named_so(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnusable, match="locked"):
            await Store.open(url_of(path))
