"""The database's file, looked at before it is opened for writing: whose it is, and whether it is whole.

Nothing here changes it. What is not as it should be is refused with what to do, and never is a new database made in the
place of one that was: that would be the loss of every identity, and nobody would be told.
"""

import shutil
import sqlite3
import time
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SCHEME: Final = "sqlite+aiosqlite:///"
_MAGIC: Final = b"SQLite format 3\0"
CHECKED: Final = 0.3
"""Seconds for which the pages of a database are looked through at the start; a larger one is seen in part."""
_STEPS: Final = 1_000
"""Instructions of SQLite between two looks at the clock."""
LITTLE_SPACE: Final = 50_000_000
"""Bytes; less than that free is said along with a fault."""
_RESTORE: Final = "keep a copy of it, then restore it from a backup (docs/operating.md)"


class StoreUnusable(Exception):
    """The database cannot be opened, read or brought to this version; the sentence says which and why."""


@dataclass(frozen=True, slots=True)
class Before:
    """What is known of a database from before it is opened.

    ``made``: the installation had one, as the file ``marker`` says. ``cut_off``: who used it last did not close it.
    """

    made: bool = False
    cut_off: bool = False
    marker: Path = Path("database-made")


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions of the schema that this program knows."""

    known: Collection[str]
    newest: str


def path_of(url: str) -> Path | None:
    """Return the file of the database at ``url``; None where it is a server's or in memory."""
    path = url.removeprefix(_SCHEME).partition("?")[0]
    return Path(path) if url.startswith(_SCHEME) and path and not path.startswith((":", "file:")) else None


def log_of(path: Path) -> Path:
    """Return the log of changes that SQLite keeps beside a database; it is a part of it until it was closed."""
    return path.with_name(f"{path.name}-wal")


def lock_of(path: Path) -> Path:
    """Return the file by which one bridge at a time has a database; it names its process until that one ends well."""
    return path.with_name(f"{path.name}.lock")


def opened(path: Path) -> sqlite3.Connection:
    """Open for reading. Where nobody has it open it is taken as it lies, so that no file is made beside it.

    Raises sqlite3.Error.
    """
    log = log_of(path)
    alone = not log.exists() or log.stat().st_size == 0
    uri = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if alone else ''}"
    return sqlite3.connect(uri, uri=True, timeout=10)


def space_left(path: Path) -> str:
    """Return words on how little space is left where ``path`` is, or nothing where there is enough."""
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError:
        return ""
    return f" ({free / 1e6:.1f} MB are free on its disk)" if free < LITTLE_SPACE else ""


def is_damage(error: BaseException | None) -> bool:
    """Tell whether SQLite found that the file is not what it wrote."""
    name = str(getattr(error, "sqlite_errorname", ""))
    return name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))


def examine(path: Path, before: Before, versions: Versions) -> None:
    """Look whether the database can be opened and be written. Raises StoreUnusable."""
    anew = f"to begin anew without it, and lose what it held, remove {before.marker}"
    if path.is_dir():
        raise StoreUnusable(f"the database {path} is a folder: name a file")
    if not path.exists() or path.stat().st_size == 0:
        found = "empty" if path.exists() else "missing"
        if _holds_changes(path):
            raise StoreUnusable(
                f"the database {path} is {found}, but its log {log_of(path).name} is there, which is of no use "
                "without it: restore both from the same backup, or remove the log to begin anew"
            )
        if before.made:
            raise StoreUnusable(
                f"the database {path} is {found}, and this installation had one: restore it from a backup; {anew}"
            )
        return
    if before.cut_off and not log_of(path).exists():
        raise StoreUnusable(
            f"the log {log_of(path)} is missing: it holds the last changes of the database until the bridge ends in "
            f"good order, which it did not. Put it back. Where a backup was restored, or another program has opened "
            f"the database meanwhile, or the log is lost for good: remove {lock_of(path)} to go on with what is there"
        )
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
        if magic != _MAGIC:
            raise StoreUnusable(f"{path} is no database of SQLite, or its beginning is destroyed: {_RESTORE}")
        with closing(opened(path)) as connection:
            _look(connection, path, before, versions)
    except OSError as error:
        raise StoreUnusable(
            f"the database {path} cannot be read: {error.strerror}; check its owner and mode"
        ) from error
    except sqlite3.Error as error:
        if is_damage(error):
            raise StoreUnusable(f"the database {path} is damaged ({error}): {_RESTORE}") from error
        raise StoreUnusable(f"the database {path} cannot be read: {error}{space_left(path)}") from error


def _holds_changes(path: Path) -> bool:
    log = log_of(path)
    return log.exists() and log.stat().st_size > 0


def _look(connection: sqlite3.Connection, path: Path, before: Before, versions: Versions) -> None:
    tables = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        if before.made:
            raise StoreUnusable(
                f"the database {path} holds nothing, and this installation had one: restore it from a backup; to "
                f"begin anew, and lose what it held, remove {before.marker}"
            )
        return
    if not {"alembic_version", "registrations"} <= tables:
        some = ", ".join(sorted(tables)[:3])
        raise StoreUnusable(f"the database {path} belongs to another program (it has {some}): name another file")
    found = [str(row[0]) for row in connection.execute("SELECT version_num FROM alembic_version")]
    if len(found) != 1 or found[0] not in versions.known:
        made_by = "a newer bootstrap-bridge" if found > [versions.newest] else "another program or version"
        raise StoreUnusable(
            f"the database {path} was made by {made_by} (its schema is {', '.join(found) or 'unnamed'}, the newest "
            f"known here is {versions.newest}): start that one, or restore the backup from before it"
        )
    if fault := _fault_in_pages(connection):
        raise StoreUnusable(f"the database {path} is damaged ({fault}): {_RESTORE}")


def _fault_in_pages(connection: sqlite3.Connection) -> str | None:
    """Look through the pages for a while; return the first fault that is found."""
    deadline = time.monotonic() + CHECKED
    connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    try:
        faults = [str(row[0]) for row in connection.execute("PRAGMA quick_check(1)")]
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
            return None
        raise
    return None if faults == ["ok"] else " ".join(faults[0].split())
