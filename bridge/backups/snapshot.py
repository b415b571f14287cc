"""A copy of the database as it is at one moment, while the bridge writes on; and what stands in the copy."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.backups import BackupFault
from bridge.database_file import opened, space_left

PAGES: Final = 2_000
"""Pages copied between two looks at the terminal and at signals: 8 MB."""
_KEYS: Final = (
    "SELECT DISTINCT key_id FROM accounts UNION SELECT DISTINCT key_id FROM registrations WHERE key_id IS NOT NULL"
)
_TABLES: Final = ("registrations", "devices", "accounts")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a copy holds: the version of its schema, how many rows, and the master keys that they name."""

    version: str
    counts: dict[str, int]
    keys: frozenset[str]


def copy(source: Path, target: Path, noted: Callable[[int, int], None] = lambda done, total: None) -> None:
    """Copy the database to the new file ``target``. ``noted`` hears how many pages of how many are done.

    The copy is what was committed at one moment: a reader of SQLite's log holds that moment for as long as it reads, so
    writers neither wait nor make the copy begin again. Nothing is changed in the source, whose log stays what it is.
    Raises BackupFault, OSError.
    """
    target.touch(0o600, exist_ok=False)
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as reader,
            closing(sqlite3.connect(target)) as writer,
        ):
            reader.isolation_level = None
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
            for pragma in ("journal_mode=OFF", "synchronous=OFF"):  # a draft: half of it is thrown away
                writer.execute(f"PRAGMA {pragma}")
            reader.backup(writer, pages=PAGES, progress=lambda status, left, total: noted(total - left, total), sleep=0)
            reader.execute("ROLLBACK")
    except sqlite3.Error as error:
        room = space_left(target) or space_left(source)
        raise BackupFault(f"the database {source} cannot be copied: {error}{room}") from error


def looked_through(path: Path) -> Contents:
    """Look whether a copy is whole, since a backup of what is damaged is none, and return what it holds.

    Raises BackupFault.
    """
    try:
        with closing(opened(path)) as connection:
            faults = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
            if faults != ["ok"]:
                raise BackupFault(
                    f"the database is damaged ({' '.join(faults[0].split())}): keep an earlier backup, and restore it"
                )
            (version,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            counts = {table: count(connection, table) for table in _TABLES}
            keys = frozenset(str(row[0]) for row in connection.execute(_KEYS))
    except (sqlite3.Error, TypeError) as error:
        raise BackupFault(f"what was copied is no whole database of a bootstrap-bridge: {error}") from error
    return Contents(str(version), counts, keys)


def count(connection: sqlite3.Connection, table: str) -> int:
    """Return how many rows a table has."""
    (number,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 - names of our own
    return int(number)
