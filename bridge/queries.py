"""What people read: pages of the list, counts, statistics. Each function runs on a connection of ``Store.read``."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import schema
from bridge.options import Values
from bridge.records import ADMINISTRATOR, DEVICE, Account, Caller
from bridge.registration import Registration, Status
from bridge.rows import NOW, RANKS, accounts_selected, registration_of, registrations_selected

Connection = AsyncConnection
"""Where a query runs; the name that other rooms use."""

_TABLE: Final = schema.registrations
REVISITED: Final = sa.text("accounts.revisit")
"""What the index of accounts to be looked at again is made for: SQLite does not use it for ``revisit = 1``."""


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A page of registrations. ``tenant`` None: of all. ``after``: the sort values where the page before ended."""

    tenant: str | None
    statuses: Sequence[Status] | None
    search: str | None
    sort: str | None
    limit: int
    after: Sequence[Any] | None


def sort_columns(sort: str | None) -> list[tuple[sa.ColumnElement[Any], bool]]:
    """Return the columns of an order with whether each descends, the id last so that the order is total."""
    if sort is None:
        return [(_TABLE.c.rank, False), (_TABLE.c.created, False), (_TABLE.c.id, False)]
    down = sort.startswith("-")
    match sort.removeprefix("-"):
        case "id":
            return [(_TABLE.c.id, down)]
        case "name":
            return [(sa.func.coalesce(_TABLE.c.name, ""), down), (_TABLE.c.id, down)]
        case "status":
            return [(_TABLE.c.rank, down), (_TABLE.c.created, down), (_TABLE.c.id, down)]
        case "creationTime":
            return [(_TABLE.c.created, down), (_TABLE.c.id, down)]
        case "lastSeen":
            return [(sa.func.coalesce(_TABLE.c.last_seen, 0), down), (_TABLE.c.id, down)]
    raise ValueError(sort)


def position_of(registration: Registration, sort: str | None) -> list[Any]:
    """Return the sort values of ``registration``, as ``ListQuery.after`` takes them."""
    match None if sort is None else sort.removeprefix("-"):
        case "id":
            return [registration.id]
        case "name":
            return [registration.name or "", registration.id]
        case "creationTime":
            return [registration.created, registration.id]
        case "lastSeen":
            return [registration.last_seen or 0, registration.id]
        case _:
            return [RANKS[registration.status], registration.created, registration.id]


def _ids_of_page(query: ListQuery, columns: Sequence[tuple[sa.ColumnElement[Any], bool]]) -> sa.SelectBase:
    """Select the ids among which the page is: sorting whole rows, with claims and all, would take far longer."""
    ids = sa.select(_TABLE.c.id)
    if query.tenant is not None:
        ids = ids.where(_TABLE.c.tenant == query.tenant)
    if query.search:
        ids = ids.where(_TABLE.c.folded.contains(query.search.casefold(), autoescape=True))
    if query.after is not None:
        keys = sa.tuple_(*(column for column, _ in columns))
        position = sa.tuple_(*(sa.literal(value) for value in query.after))
        ids = ids.where(keys < position if columns[0][1] else keys > position)
    first = ids.order_by(*_ordered(columns)).limit(query.limit)
    ranks = [RANKS[status] for status in (Status if query.statuses is None else query.statuses)]
    if columns[0][0] is _TABLE.c.created and ranks:
        # The indices hold the order of creation within each status, so the page is among the first of each.
        each = [first.where(_TABLE.c.rank == rank).subquery() for rank in ranks]
        return sa.union_all(*(sa.select(one.c.id) for one in each))
    return first if query.statuses is None else first.where(_TABLE.c.rank.in_(ranks))


def _ordered(columns: Sequence[tuple[sa.ColumnElement[Any], bool]]) -> list[sa.ColumnElement[Any]]:
    return [column.desc() if down else column.asc() for column, down in columns]


async def list_registrations(connection: AsyncConnection, query: ListQuery) -> list[Registration]:
    """Return up to ``query.limit`` registrations of a page."""
    columns = sort_columns(query.sort)
    statement = registrations_selected().where(_TABLE.c.id.in_(_ids_of_page(query, columns)))
    rows = await connection.execute(statement.order_by(*_ordered(columns)).limit(query.limit))
    return [registration_of(row) for row in rows]


async def counts(connection: AsyncConnection, tenant: str | None) -> dict[Status, int]:
    """Count the registrations of ``tenant``, or of all, by status."""
    table = schema.tallies
    statement = sa.select(table.c.what, sa.func.sum(table.c.number)).where(table.c.hour == NOW).group_by(table.c.what)
    if tenant is not None:
        statement = statement.where(table.c.tenant == tenant)
    found = {Status(what): int(number) for what, number in await connection.execute(statement)}
    return {status: found.get(status, 0) for status in Status}


async def ids_with_status(
    connection: AsyncConnection, tenant: str | None, status: Status, after: str, limit: int
) -> list[str]:
    """Return up to ``limit`` ids with ``status``, in their order, that come after the id ``after``."""
    statement = sa.select(_TABLE.c.id).where(_TABLE.c.rank == RANKS[status], _TABLE.c.id > after)
    if tenant is not None:
        statement = statement.where(_TABLE.c.tenant == tenant)
    return list((await connection.execute(statement.order_by(_TABLE.c.id).limit(limit))).scalars())


async def hours(connection: AsyncConnection, tenant: str | None, since: int) -> list[tuple[int, str, int]]:
    """Return (hour, event, number) from ``since`` on, oldest first."""
    table = schema.tallies
    statement = sa.select(table.c.hour, table.c.what, sa.func.sum(table.c.number))
    statement = statement.where(table.c.hour >= max(since, NOW + 1))
    statement = statement.group_by(table.c.hour, table.c.what).order_by(table.c.hour)
    if tenant is not None:
        statement = statement.where(table.c.tenant == tenant)
    return [(hour, event, int(number)) for hour, event, number in await connection.execute(statement)]


async def oldest_pending(connection: AsyncConnection, tenant: str | None) -> int | None:
    """Return since when the registration waits that has waited longest for a person."""
    statement = sa.select(sa.func.min(_TABLE.c.first_called)).where(_TABLE.c.rank == RANKS[Status.PENDING])
    if tenant is not None:
        statement = statement.where(_TABLE.c.tenant == tenant)
    found: int | None = (await connection.execute(statement)).scalar()
    return found


async def confirmation_quantiles(
    connection: AsyncConnection, tenant: str | None, since: int, quantiles: Sequence[float]
) -> list[float | None]:
    """Return quantiles of the seconds from first call to confirmation, of registrations confirmed from ``since`` on."""
    seconds = (_TABLE.c.confirmed - _TABLE.c.first_called).label("waited")
    statement = sa.select(seconds).where(_TABLE.c.confirmed >= since, _TABLE.c.first_called.is_not(None))
    if tenant is not None:
        statement = statement.where(_TABLE.c.tenant == tenant)
    number = (await connection.execute(sa.select(sa.func.count()).select_from(statement.subquery()))).scalar_one()
    found: list[float | None] = []
    for quantile in quantiles:
        row = statement.order_by(seconds).limit(1).offset(max(0, min(number - 1, int(number * quantile))))
        value = (await connection.execute(row)).scalar()
        found.append(None if value is None else max(0, value) / 1000)  # the clock may have been set
    return found


async def undelivered(connection: AsyncConnection, after: str, limit: int) -> list[Registration]:
    """Return registrations whose account is installed and whose credentials were never taken by a listener."""
    statement = registrations_selected().where(
        _TABLE.c.installed.is_not(None),
        _TABLE.c.delivered.is_(None),
        _TABLE.c.confirmed.is_(None),
        _TABLE.c.id > after,
    )
    return [registration_of(row) for row in await connection.execute(statement.order_by(_TABLE.c.id).limit(limit))]


async def accounts_to_do(connection: AsyncConnection, limit: int, *, without: Collection[str] = ()) -> list[Account]:
    """Return accounts that the broker should lose, should have and has not confirmed, or should look at again.

    In this order, new ones before those that get a new password: who waits for a first login does not stand behind a
    fleet whose passwords or rights have changed.
    """
    table = schema.accounts
    found: list[Account] = []
    for outstanding in (table.c.installed.is_(None), sa.and_(table.c.installed.is_not(None), REVISITED)):
        statement = accounts_selected().where(outstanding)
        if without:
            statement = statement.where(table.c.username.not_in(without))
        rows = await connection.execute(
            statement.order_by(table.c.wanted, table.c.renewed, table.c.username).limit(limit)
        )
        found = [Account(*row) for row in rows]
        if found:
            break
    return found


async def accounts(connection: AsyncConnection, after: str, limit: int) -> list[Account]:
    """Return up to ``limit`` accounts in the order of their user names, after the name ``after``."""
    statement = accounts_selected().where(schema.accounts.c.username > after)
    rows = await connection.execute(statement.order_by(schema.accounts.c.username).limit(limit))
    return [Account(*row) for row in rows]


async def aged(connection: AsyncConnection, *, created: int, confirmed: int, after: str, limit: int) -> list[str]:
    """Return ids that may have expired (made until ``created``) or be over (confirmed until ``confirmed``)."""
    open_ranks = [RANKS[Status.WAITING], RANKS[Status.PENDING]]
    expired = sa.select(_TABLE.c.id).where(
        _TABLE.c.rank.in_(open_ranks), _TABLE.c.created <= created, _TABLE.c.id > after
    )
    over = sa.select(_TABLE.c.id).where(
        _TABLE.c.confirmed.is_not(None), _TABLE.c.confirmed <= confirmed, _TABLE.c.id > after
    )
    either = sa.union(expired, over).subquery()
    return list((await connection.execute(sa.select(either.c.id).order_by(either.c.id).limit(limit))).scalars())


@dataclass(frozen=True, slots=True)
class Standing:
    """What decisions follow beside the record, as it stands in the database."""

    values: Values
    tenants: frozenset[str]
    roles: dict[tuple[str, str], str]


async def standing(connection: AsyncConnection) -> Standing:
    """Load what has been set of all options, all tenants, and the role of each administrator."""
    rows = await connection.execute(sa.select(schema.options))
    values = {(tenant, key): json.loads(value) for tenant, key, value in rows}
    tenants = frozenset((await connection.execute(sa.select(schema.tenants.c.id))).scalars())
    return Standing(values, tenants, await roles(connection))


async def roles(connection: AsyncConnection) -> dict[tuple[str, str], str]:
    """Return the role of each administrator, by tenant and name."""
    table = schema.accounts
    statement = sa.select(table.c.tenant, table.c.username, table.c.role).where(
        table.c.kind == ADMINISTRATOR, table.c.kind != DEVICE, table.c.wanted.is_(True)
    )
    return {(tenant, name): role for tenant, name, role in await connection.execute(statement)}


async def made_anew(connection: AsyncConnection) -> list[tuple[str, str]]:
    """Return tenant and name of administrators whose name another had, of whom the broker may still know that one."""
    table = schema.accounts
    statement = sa.select(table.c.tenant, table.c.username).where(
        table.c.kind == ADMINISTRATOR,
        table.c.kind != DEVICE,
        table.c.renewed,
        table.c.wanted,
        table.c.installed.is_(None),
    )
    return [(tenant, name) for tenant, name in await connection.execute(statement)]


async def key_ids(connection: AsyncConnection) -> set[str]:
    """Return the ids of the master keys that passwords of accounts come from; those of registrations are the same."""
    return set((await connection.execute(sa.select(schema.accounts.c.key_id).distinct())).scalars())


async def people(connection: AsyncConnection, kind: str, tenant: str | None, after: str, limit: int) -> list[Account]:
    """Return up to ``limit`` administrators or applications of ``tenant``, or of all, after the name ``after``."""
    table = schema.accounts
    statement = accounts_selected().where(
        table.c.kind == kind, table.c.kind != DEVICE, table.c.wanted.is_(True), table.c.username > after
    )
    if tenant is not None:
        statement = statement.where(table.c.tenant == tenant)
    rows = await connection.execute(statement.order_by(table.c.username).limit(limit))
    return [Account(*row) for row in rows]


async def tenants(connection: AsyncConnection, after: str | None, limit: int) -> list[tuple[str, str | None]]:
    """Return up to ``limit`` tenants as (id, name), after the id ``after``."""
    table = schema.tenants
    statement = sa.select(table.c.id, table.c.name).where(table.c.id > (after or ""))
    return [(id_, name) for id_, name in await connection.execute(statement.order_by(table.c.id).limit(limit))]


async def unregistered(connection: AsyncConnection, after: Sequence[Any] | None, limit: int) -> list[Caller]:
    """Return callers without registration, the last one heard first; ``after``: last seen and id of the one before."""
    table = schema.unregistered
    statement = sa.select(*(table.c[field.name] for field in fields(Caller)))
    if after is not None:
        seen, device_id = after
        statement = statement.where(
            sa.or_(table.c.last_seen < seen, sa.and_(table.c.last_seen == seen, table.c.id > device_id))
        )
    rows = await connection.execute(statement.order_by(table.c.last_seen.desc(), table.c.id).limit(limit))
    return [Caller(*row) for row in rows]
