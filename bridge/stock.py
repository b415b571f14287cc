"""How much there is: what the gauges show of the database, each figure from an index or from counts that are kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import queries, schema
from bridge.records import DEVICE
from bridge.registration import Status

_ACCOUNTS: Final = schema.accounts
_TABLE: Final = schema.registrations


@dataclass(frozen=True, slots=True)
class Stock:
    """Numbers of rows. ``accounts`` and ``outbox`` go by kind and by work; ``oldest_pending`` is a time or None.

    ``files`` are the sizes of the database's files in bytes, where it has any.
    """

    registrations: dict[Status, int]
    wanted: dict[str, int]
    installed: dict[str, int]
    outbox: dict[str, int]
    undelivered: int
    unregistered: int
    oldest_pending: int | None
    files: dict[str, int]


async def take(connection: AsyncConnection) -> Stock:
    """Count. With a million devices this reads an index of as many entries once; the outbox is read row by row."""
    people = await connection.execute(
        sa.select(_ACCOUNTS.c.kind, sa.func.count()).where(_ACCOUNTS.c.kind != DEVICE).group_by(_ACCOUNTS.c.kind)
    )
    total: dict[str, int] = {row[0]: row[1] for row in people}
    all_accounts = (await connection.execute(sa.select(sa.func.count()).select_from(_ACCOUNTS))).scalar_one()
    total[DEVICE] = all_accounts - sum(total.values())
    outstanding = await connection.execute(
        sa.select(_ACCOUNTS.c.kind, _ACCOUNTS.c.wanted, sa.func.count())
        .where(_ACCOUNTS.c.installed.is_(None))
        .group_by(_ACCOUNTS.c.kind, _ACCOUNTS.c.wanted)
    )
    install: dict[str, int] = {}
    remove: dict[str, int] = {}
    for kind, wanted, number in outstanding:
        (install if wanted else remove)[kind] = number
    wanted_now = {kind: number - remove.get(kind, 0) for kind, number in total.items()}
    undelivered = sa.and_(_TABLE.c.installed.is_not(None), _TABLE.c.delivered.is_(None), _TABLE.c.confirmed.is_(None))
    return Stock(
        registrations=await queries.counts(connection, None),
        wanted=wanted_now,
        installed={kind: number - install.get(kind, 0) for kind, number in wanted_now.items()},
        outbox={
            "install": sum(install.values()),
            "remove": sum(remove.values()),
            "revisit": await _number(connection, _ACCOUNTS, queries.REVISITED),
        },
        undelivered=await _number(connection, _TABLE, undelivered),
        unregistered=await _number(connection, schema.unregistered, None),
        oldest_pending=await queries.oldest_pending(connection, None),
        files=_files(connection),
    )


async def _number(
    connection: AsyncConnection, table: sa.Table, where: sa.ColumnElement[bool] | sa.TextClause | None
) -> int:
    statement = sa.select(sa.func.count()).select_from(table)
    return int((await connection.execute(statement if where is None else statement.where(where))).scalar_one())


def _files(connection: AsyncConnection) -> dict[str, int]:
    name = connection.engine.url.database
    if connection.dialect.name != "sqlite" or not name:
        return {}
    found = {}
    for file, path in (("database", Path(name)), ("log", Path(f"{name}-wal"))):
        found[file] = path.stat().st_size if path.exists() else 0
    return found
