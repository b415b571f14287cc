"""What has changed between a backup and the database that went on after it: who was deleted, renewed, or came.

Only a database that carries the backup's own history on is asked: one that was begun anew, or is older, lacks devices
for other reasons than that somebody deleted them.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bridge.credentials import mark_of
from bridge.database_file import opened
from bridge.records import DEVICE


@dataclass(frozen=True, slots=True)
class Account:
    """The password of an account as the newer database has it."""

    username: str
    seed: bytes = field(repr=False)
    key_id: str
    role: str | None
    secret: bytes | None = field(repr=False)
    details: str | None


@dataclass(frozen=True, slots=True)
class Differences:
    """What happened after the backup. Devices are named by their ids, people and applications by their user names.

    ``compared`` is the database that told it; None: nothing newer is known, for the ``reason``.
    """

    compared: Path | None
    reason: str = ""
    devices_deleted: tuple[str, ...] = ()
    people_deleted: tuple[str, ...] = ()
    devices_renewed: tuple[str, ...] = ()
    people_renewed: tuple[str, ...] = ()
    devices_accepted: tuple[str, ...] = ()
    devices_come: tuple[str, ...] = ()
    people_come: tuple[str, ...] = ()
    accounts_deleted: tuple[str, ...] = ()
    """The user names of all accounts that are gone."""
    renewed: tuple[Account, ...] = ()
    unknown_to_broker: tuple[str, ...] = ()
    """Where no database tells: user names that the broker's newer file of accounts lacks or has otherwise."""


_HAS_ACCOUNT: Final = "SELECT 1 FROM {}.accounts x WHERE x.username = a.username AND x.wanted"
_IDS: Final = "SELECT id FROM {0}.registrations UNION SELECT id FROM {0}.devices"
_RENEWED: Final = (
    "main.accounts a JOIN newer.accounts n ON n.username = a.username WHERE a.wanted AND n.wanted AND a.seed <> n.seed"
)
_DELETED: Final = f"main.accounts a WHERE a.wanted AND NOT EXISTS ({_HAS_ACCOUNT.format('newer')})"
_COME: Final = f"newer.accounts a WHERE a.wanted AND NOT EXISTS ({_HAS_ACCOUNT.format('main')})"
_IS_DEVICE: Final = f"a.kind = '{DEVICE}'"
_IS_NOT: Final = f"a.kind <> '{DEVICE}'"


def differences(backup: Path, newer: Path) -> Differences:
    """Compare the database of a backup with one that went on. Nothing is changed in either."""
    try:
        if not newer.is_file():
            return Differences(None, f"there is no database {newer}")
        uri = f"{backup.absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
            connection.execute("ATTACH ? AS newer", (f"{newer.absolute().as_uri()}?mode=ro",))
            if reason := _not_carried_on(connection):
                return Differences(None, f"{newer} {reason}")
            return _found(connection, newer)
    except sqlite3.Error as error:
        return Differences(None, f"{newer} cannot be read: {error}")


def _not_carried_on(connection: sqlite3.Connection) -> str | None:
    """Say why the newer database does not go on where the backup ends; None if it does."""
    born = "SELECT created FROM {}.tenants WHERE id = 'management'"
    if _one(connection, born.format("main")) != _one(connection, born.format("newer")):
        return "is another installation's, or was begun anew"
    last = "SELECT number, at, tenant, actor, action, device_id FROM {}.audit "
    ended = _one(connection, last.format("main") + "ORDER BY number DESC LIMIT 1")
    if ended is not None and _one(connection, last.format("newer") + "WHERE number = ?", ended[0]) != ended:
        return "does not go on where the backup ends: it is older, or was restored from another one"
    return None


def is_older(there: Path, backup: Path) -> bool:
    """Tell whether a database is the same installation's as that of a backup, and ended before it."""
    if not there.is_file():
        return False
    try:
        uri = f"{backup.absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
            connection.execute("ATTACH ? AS newer", (f"{there.absolute().as_uri()}?mode=ro",))
            ends = "SELECT 1 WHERE (SELECT max(at) FROM newer.audit) < (SELECT max(at) FROM main.audit)"
            born = "SELECT 1 FROM main.tenants m JOIN newer.tenants n USING (id, created) WHERE id = 'management'"
            return None not in (_one(connection, born), _one(connection, ends))
    except sqlite3.Error:
        return False


def _one(connection: sqlite3.Connection, query: str, *values: object) -> tuple[object, ...] | None:
    found: tuple[object, ...] | None = connection.execute(query, values).fetchone()
    return found


def _found(connection: sqlite3.Connection, newer: Path) -> Differences:
    def names(query: str) -> tuple[str, ...]:
        return tuple(str(row[0]) for row in connection.execute(query))

    lost_accounts = names(f"SELECT a.subject FROM {_DELETED} AND {_IS_DEVICE} ORDER BY 1")
    lost_records = names(f"SELECT id FROM ({_IDS.format('main')}) WHERE id NOT IN ({_IDS.format('newer')}) ORDER BY 1")
    return Differences(
        compared=newer,
        devices_deleted=tuple(sorted({*lost_accounts, *lost_records})),
        people_deleted=names(f"SELECT a.username FROM {_DELETED} AND {_IS_NOT} ORDER BY 1"),
        accounts_deleted=names(f"SELECT a.username FROM {_DELETED} ORDER BY 1"),
        devices_renewed=names(f"SELECT a.subject FROM {_RENEWED} AND {_IS_DEVICE} ORDER BY 1"),
        people_renewed=names(f"SELECT a.username FROM {_RENEWED} AND {_IS_NOT} ORDER BY 1"),
        devices_accepted=names(
            f"SELECT a.subject FROM {_COME} AND {_IS_DEVICE} AND a.subject IN (SELECT id FROM main.registrations) "
            "ORDER BY 1"
        ),
        devices_come=names(
            f"SELECT id FROM ({_IDS.format('newer')}) WHERE id NOT IN ({_IDS.format('main')}) ORDER BY 1"
        ),
        people_come=names(f"SELECT a.username FROM {_COME} AND {_IS_NOT} ORDER BY 1"),
        renewed=tuple(_renewed(connection)),
    )


def unknown_to(marks: Mapping[str, str], backup: Path) -> tuple[str, ...]:
    """Return the accounts of a backup that a broker does not have, or has with another password, by their marks.

    ``marks`` are those of the accounts that the bridge made there, by user names. Raises sqlite3.Error.
    """
    query = "SELECT username, seed FROM accounts WHERE wanted AND installed IS NOT NULL ORDER BY username"
    with closing(opened(backup)) as connection:
        return tuple(str(name) for name, seed in connection.execute(query) if marks.get(name) != mark_of(seed))


def _renewed(connection: sqlite3.Connection) -> Iterator[Account]:
    there = {str(row[1]) for row in connection.execute("PRAGMA newer.table_info(accounts)")}
    columns = ("username", "seed", "key_id", "role", "secret", "details")
    selected = ", ".join(f"n.{name}" if name in there else f"NULL AS {name}" for name in columns)
    for row in connection.execute(f"SELECT {selected} FROM {_RENEWED} ORDER BY 1"):
        yield Account(*row)
