"""list, get and stats."""

from datetime import UTC, datetime
from typing import Any, Final

from bridge import queries
from bridge.handlers.desk import Desk, Result
from bridge.names import MANAGEMENT
from bridge.registration import Code
from bridge.requests import (
    MAX_ROWS,
    SORTS,
    BadRequest,
    ById,
    ListRequest,
    StatsRequest,
    bounded,
    from_cursor,
    parse,
    registration_object,
    to_cursor,
)
from bridge.wire import iso, to_bytes

DAY: Final = 86_400_000


def _listed_tenant(desk: Desk, tenant: str | None) -> str | None:
    if tenant is None:
        return desk.scope
    if desk.tenant != MANAGEMENT:
        raise BadRequest(Code.NOT_PERMITTED, "only management names a tenant: leave it out")
    if tenant not in desk.tenants:
        raise BadRequest(Code.UNKNOWN_TENANT, f"there is no tenant {tenant!r}")
    return tenant


async def list_registrations(desk: Desk, value: dict[str, Any]) -> Result:
    """Return a page of registrations; it ends early where the answer would grow too large."""
    request = parse(ListRequest, value)
    if request.sort is not None and request.sort.removeprefix("-") not in SORTS:
        raise BadRequest(Code.MALFORMED_REQUEST, f"sort takes one of {', '.join(SORTS)}, with - before it to descend")
    length = len(queries.sort_columns(request.sort))
    after = None
    if request.cursor is not None:
        sorted_by, *after = from_cursor(request.cursor, length + 1)
        if sorted_by != (request.sort or ""):
            raise BadRequest(Code.MALFORMED_REQUEST, "this cursor is of a list in another order: keep sort as it was")
    query = queries.ListQuery(
        tenant=_listed_tenant(desk, request.tenant),
        statuses=request.status,
        search=request.search,
        sort=request.sort,
        limit=request.limit + 1,
        after=after,
    )
    found = await queries.list_registrations(desk.connection, query)
    rows: list[dict[str, Any]] = []
    size = 0
    for registration in found[: request.limit]:
        row = registration_object(registration)
        size += len(to_bytes(row)) + 1
        if rows and size > MAX_ROWS:
            break
        rows.append(row)
    more = len(rows) < len(found)
    last = found[len(rows) - 1] if rows else None
    return {
        "registrations": rows,
        "next": to_cursor([request.sort or "", *queries.position_of(last, request.sort)])
        if more and last is not None
        else None,
        "counts": await queries.counts(desk.connection, desk.scope),
    }


async def get(desk: Desk, value: dict[str, Any]) -> Result:
    """Return one registration."""
    device_id = parse(ById, value).id
    await desk.batch.load([device_id])
    found = desk.batch.registration(device_id, desk.scope)
    if found is None:
        raise BadRequest(Code.NOT_FOUND, f"there is no registration of {device_id}")
    return registration_object(found)


def _since(desk: Desk, text: str | None) -> int:
    if text is None:
        return desk.now - DAY
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(Code.MALFORMED_REQUEST, "since is a time as 2026-01-31T12:00:00.000Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


async def stats(desk: Desk, value: dict[str, Any]) -> Result:
    """Return counts, waiting times and what happened hour by hour, of the last day unless told otherwise."""
    since = _since(desk, parse(StatsRequest, value).since)
    p50, p95, p99 = await queries.confirmation_quantiles(desk.connection, desk.scope, since, (0.5, 0.95, 0.99))
    oldest = await queries.oldest_pending(desk.connection, desk.scope)
    series: dict[int, dict[str, Any]] = {}
    for hour, event, number in await queries.hours(desk.connection, desk.scope, since - since % 3_600_000):
        row = series.setdefault(
            hour,
            {"hour": iso(hour), "registered": 0, "requested": 0, "accepted": 0, "confirmed": 0, "blocked": 0},
        )
        row[event] = number
    newest_first = list(reversed(series.values()))
    shown = bounded(series=newest_first)
    shown["series"].reverse()
    return {
        "counts": await queries.counts(desk.connection, desk.scope),
        "callToConfirmedSeconds": {"p50": p50, "p95": p95, "p99": p99},
        **({} if oldest is None else {"oldestPending": iso(oldest)}),
        **shown,
    }
