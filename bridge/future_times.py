"""Times in the rows that are later than now, after the clock was set back: found, and brought back to now.

Otherwise a deadline would run for as long again as the clock was ahead: an answer would be remembered for a year. The
audit is never changed: it tells what the clock said, and its order is that of its numbers.
"""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import schema

_TIMES: Final[dict[sa.Table, tuple[str, ...]]] = {
    schema.registrations: (
        "created",
        "first_called",
        "last_seen",
        "accepted",
        "installed",
        "answered_plain",
        "delivered",
        "confirmed",
    ),
    schema.requests: ("at",),
    schema.unregistered: ("first_seen", "last_seen"),
    schema.devices: ("created", "last_info"),
}


async def newest(connection: AsyncConnection, *, until: int | None = None) -> int | None:
    """Return when the newest entry of the audit was written, of those not after ``until``."""
    column = schema.audit.c
    statement = sa.select(column.at).order_by(column.number.desc()).limit(1)
    if until is not None:
        statement = statement.where(column.at <= until)
    found: int | None = (await connection.execute(statement)).scalar()
    return found


def _later(table: sa.Table, latest: int) -> sa.ColumnElement[bool]:
    return sa.or_(*(table.c[name] > latest for name in _TIMES[table]))


async def tables_ahead(connection: AsyncConnection, latest: int) -> list[str]:
    """Return the tables in which something stands that is later than ``latest``. Looks through all rows."""
    found = []
    for table in _TIMES:
        row = await connection.execute(
            sa.select(sa.literal(1)).select_from(table).where(_later(table, latest)).limit(1)
        )
        if row.first() is not None:
            found.append(table.name)
    return found


async def bring_back(connection: AsyncConnection, latest: int, now: int) -> int:
    """Set what is later than ``latest`` to ``now``; return how many rows that were."""
    number = 0
    for table, names in _TIMES.items():
        values: dict[str, Any] = {name: sa.case((table.c[name] > latest, now), else_=table.c[name]) for name in names}
        number += (await connection.execute(sa.update(table).where(_later(table, latest)).values(values))).rowcount
    return number
