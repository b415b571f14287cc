"""What people read of the inventory and of the past. Each function runs on a connection of ``Store.read``."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bridge import schema
from bridge.records import AuditEntry
from bridge.registration import Device
from bridge.rows import device_of, devices_selected, is_below

_DEVICES: Final = schema.devices
_GROUPS: Final = schema.groups
_AUDIT: Final = schema.audit


@dataclass(frozen=True, slots=True)
class DeviceQuery:
    """A page of a tenant's devices. ``group``: in it or below. ``after``: where the page before ended."""

    tenant: str
    search: str | None
    group: str | None
    sort: str | None
    limit: int
    after: Sequence[Any] | None


def device_order(sort: str | None) -> list[tuple[sa.ColumnElement[Any], bool]]:
    """Return the columns of an order with whether each descends, the id last so that the order is total."""
    down = (sort or "").startswith("-")
    match (sort or "id").removeprefix("-"):
        case "id":
            return [(_DEVICES.c.id, down)]
        case "creationTime":
            return [(_DEVICES.c.created, down), (_DEVICES.c.id, down)]
        case "lastSeen":
            return [(sa.func.coalesce(_DEVICES.c.last_info, 0), down), (_DEVICES.c.id, down)]
        case "group":
            return [(sa.func.coalesce(_DEVICES.c.group_path, ""), down), (_DEVICES.c.id, down)]
        case "name" | "type" as column:
            return [(sa.func.coalesce(_DEVICES.c[column], ""), down), (_DEVICES.c.id, down)]
    raise ValueError(sort)


def device_position(device: Device, sort: str | None) -> list[Any]:
    """Return the sort values of ``device``, as ``DeviceQuery.after`` takes them."""
    match (sort or "id").removeprefix("-"):
        case "creationTime":
            return [device.created, device.id]
        case "lastSeen":
            return [device.last_info or 0, device.id]
        case "name" | "type" | "group" as field:
            return [getattr(device, field) or "", device.id]
        case _:
            return [device.id]


def _in_or_below(column: sa.ColumnElement[Any], path: str) -> sa.ColumnElement[bool]:
    return sa.or_(column == path, is_below(column, path))


async def list_devices(connection: AsyncConnection, query: DeviceQuery) -> list[Device]:
    """Return up to ``query.limit`` devices of a page."""
    columns = device_order(query.sort)
    statement = devices_selected().where(_DEVICES.c.tenant == query.tenant)
    if query.search:
        statement = statement.where(_DEVICES.c.folded.contains(query.search.casefold(), autoescape=True))
    if query.group is not None:
        statement = statement.where(_in_or_below(_DEVICES.c.group_path, query.group))
    if query.after is not None:
        keys = sa.tuple_(*(column for column, _ in columns))
        position = sa.tuple_(*(sa.literal(value) for value in query.after))
        statement = statement.where(keys < position if columns[0][1] else keys > position)
    order = [column.desc() if down else column.asc() for column, down in columns]
    rows = await connection.execute(statement.order_by(*order).limit(query.limit))
    return [device_of(row) for row in rows]


async def list_groups(connection: AsyncConnection, tenant: str, after: str | None, limit: int) -> list[tuple[str, int]]:
    """Return up to ``limit`` groups as (path, devices just in it), in the order of the tree, after ``after``."""
    # A slash sorts before all that may stand in a name, so that a group stands right before those below it.
    order = sa.func.replace(_GROUPS.c.path, "/", "\x01")
    statement = sa.select(_GROUPS.c.path).where(_GROUPS.c.tenant == tenant)
    if after is not None:
        statement = statement.where(order > after.replace("/", "\x01"))
    paths = list((await connection.execute(statement.order_by(order).limit(limit))).scalars())
    numbers: dict[str, int] = {}
    for start in range(0, len(paths), 500):
        counted = sa.select(_DEVICES.c.group_path, sa.func.count()).where(
            _DEVICES.c.tenant == tenant, _DEVICES.c.group_path.in_(paths[start : start + 500])
        )
        rows = await connection.execute(counted.group_by(_DEVICES.c.group_path))
        numbers |= {path: int(number) for path, number in rows}
    return [(path, numbers.get(path, 0)) for path in paths]


async def has_group(connection: AsyncConnection, tenant: str, path: str) -> bool:
    """Tell whether there is the group ``path``."""
    statement = sa.select(_GROUPS.c.path).where(_GROUPS.c.tenant == tenant, _GROUPS.c.path == path)
    return (await connection.execute(statement)).first() is not None


async def devices_below(connection: AsyncConnection, tenant: str, path: str) -> int:
    """Count the devices in a group and below it."""
    statement = sa.select(sa.func.count()).where(_DEVICES.c.tenant == tenant, _in_or_below(_DEVICES.c.group_path, path))
    return int((await connection.execute(statement)).scalar_one())


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """A page of the audit, newest first. ``tenant`` None: of all. ``before``: where the page before ended."""

    tenant: str | None
    device_id: str | None
    since: int | None
    limit: int
    before: int | None


async def audit(connection: AsyncConnection, query: AuditQuery) -> list[AuditEntry]:
    """Return audit entries; of one device also those of the bulk files that wrote it last."""
    statement = sa.select(*(_AUDIT.c[field.name] for field in fields(AuditEntry)))
    if query.tenant is not None:
        statement = statement.where(_AUDIT.c.tenant == query.tenant)
    if query.device_id is not None:
        tables = (schema.registrations, _DEVICES)
        wrote = [sa.select(table.c.bulk).where(table.c.id == query.device_id) for table in tables]
        if query.tenant is not None:
            # A file of management may hold devices of several tenants: whose is whose, each knows of its own alone.
            wrote = [one.where(table.c.tenant == query.tenant) for one, table in zip(wrote, tables, strict=True)]
        files = sa.union(*wrote)
        statement = statement.where(sa.or_(_AUDIT.c.device_id == query.device_id, _AUDIT.c.bulk.in_(files)))
    if query.since is not None:
        statement = statement.where(_AUDIT.c.at >= query.since)
    if query.before is not None:
        statement = statement.where(_AUDIT.c.number < query.before)
    rows = await connection.execute(statement.order_by(_AUDIT.c.number.desc()).limit(query.limit))
    return [AuditEntry(**{**row, "details": json.loads(row["details"])}) for row in rows.mappings()]
