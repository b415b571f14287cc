"""list, get and stats."""

from typing import Any, Final

from bridge import queries
from bridge.answers import bounded, paged, registration_object, sorted_cursor
from bridge.handlers.desk import Desk, Result
from bridge.registration import Code
from bridge.requests import (
    SORTS,
    BadRequest,
    ById,
    ListRequest,
    StatsRequest,
    parse,
)
from bridge.wire import iso

DAY: Final = 86_400_000


async def list_registrations(desk: Desk, value: dict[str, Any]) -> Result:
    """Return a page of registrations; it ends early where the answer would grow too large."""
    request = parse(ListRequest, value)
    if request.sort is not None and request.sort.removeprefix("-") not in SORTS:
        raise BadRequest(Code.MALFORMED_REQUEST, f"sort takes one of {', '.join(SORTS)}, with - before it to descend")
    length = len(queries.sort_columns(request.sort))
    query = queries.ListQuery(
        tenant=desk.scope if request.tenant is None else desk.named_tenant(request.tenant),
        statuses=request.status,
        search=request.search,
        sort=request.sort,
        limit=request.limit + 1,
        after=sorted_cursor(request.cursor, request.sort, length),
    )
    found = await queries.list_registrations(desk.connection, query)
    rows, following = paged(
        found,
        request.limit,
        registration_object,
        lambda last: [request.sort or "", *queries.position_of(last, request.sort)],
    )
    return {
        "registrations": rows,
        "next": following,
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


async def stats(desk: Desk, value: dict[str, Any]) -> Result:
    """Return counts, waiting times and what happened hour by hour, of the last day unless told otherwise."""
    asked = parse(StatsRequest, value).since
    since = desk.now - DAY if asked is None else desk.since(asked)
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
