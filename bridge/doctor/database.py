"""The doctor on the database: whole, of these keys, not from the future. Opened for reading alone."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from bridge.database_file import opened, path_of
from bridge.doctor.finding import Finding, Says, Subject

CLOCK_SLACK: Final = 5.0
"""Seconds by which two clocks, or a clock and a file system, may differ without a word."""
_TIMES: Final = (
    "SELECT max(at) FROM audit",
    "SELECT max(last_seen) FROM registrations",
    "SELECT max(last_seen) FROM unregistered",
    "SELECT max(created) FROM tenants",
)
_KEYS: Final = "SELECT key_id FROM registrations WHERE key_id IS NOT NULL UNION SELECT key_id FROM accounts"


def database_of(subject: Subject) -> Path | None:
    """Return the database's file; None where it is a server's."""
    return subject.folder.database if subject.database is None else path_of(subject.database)


def database(subject: Subject, now: float | None = None) -> Iterator[Finding]:
    """The database is whole, its passwords come from these keys, and its newest entry is not from the future."""
    says, path = Says("database"), database_of(subject)
    if path is None:
        yield says.advice("it is kept by a server, which the doctor does not look at", "use the server's own tools")
        return
    if not path.exists() and subject.folder.database_made.exists():
        yield says.problem(
            f"{path} is missing, and this installation had one",
            f"restore it from a backup; to begin anew, and lose what it held, remove {subject.folder.database_made}",
        )
        return
    if not path.exists():
        yield says.ok(f"{path} is not there yet: the first start of the bridge makes it")
        return
    try:
        with closing(opened(path)) as connection:
            faults = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
            keys = {str(row[0]) for row in connection.execute(_KEYS)}
            newest = max((row[0] or 0 for query in _TIMES for row in connection.execute(query)), default=0) / 1000
    except sqlite3.Error as error:
        yield says.problem(f"{path}: {error}", "stop the bridge, keep a copy of the file, restore it from a backup")
        return
    if faults != ["ok"]:
        yield says.problem(f"{path} is damaged: {faults[0]}", "stop the bridge, keep a copy, restore it from a backup")
    else:
        yield says.ok(f"whole, {path.stat().st_size / 1e6:.1f} MB")
    yield from _keys(subject, keys)
    ahead = newest - (time.time() if now is None else now)
    if ahead > CLOCK_SLACK:
        yield Says("clock").problem(
            f"the newest entry of the database is {ahead:.0f} s in the future: the clock went back",
            "set the clock and keep it by NTP; until then times and deadlines are wrong",
        )


def _keys(subject: Subject, used: set[str]) -> Iterator[Finding]:
    if subject.made is None:
        return
    says = Says("keys")
    lacking = used - set(subject.made.keys.masters)
    if lacking:
        yield says.problem(
            f"passwords in the database come from the master key {', '.join(sorted(lacking))}, which "
            f"{subject.folder.keys} does not hold",
            "restore the keys.json that belongs to the database; no password can be derived without it",
        )
    else:
        yield says.ok("the keys are those of the database; keep a backup of keys.json elsewhere")
