"""audit and list-unregistered: what happened, and who called without being expected."""

from typing import Any

from bridge import inventory_queries as past
from bridge import queries
from bridge.answers import audit_object, caller_object, from_cursor, paged
from bridge.handlers.desk import Desk, Result
from bridge.names import MANAGEMENT
from bridge.registration import Code
from bridge.requests import AuditList, BadRequest, Page, parse


async def audit(desk: Desk, value: dict[str, Any]) -> Result:
    """Return a page of the audit, newest first; of one device also the bulk files that wrote it."""
    request = parse(AuditList, value)
    query = past.AuditQuery(
        tenant=desk.scope,
        device_id=request.id,
        since=None if request.since is None else desk.since(request.since),
        limit=request.limit + 1,
        before=None if request.cursor is None else from_cursor(request.cursor, 1, [int])[0],
    )
    found = await past.audit(desk.connection, query)
    rows, following = paged(found, request.limit, audit_object, lambda last: [last.number])
    return {"entries": rows, "next": following}


async def list_unregistered(desk: Desk, value: dict[str, Any]) -> Result:
    """Return the ids that called without a registration, the last one heard first.

    They belong to no tenant yet: to see them is to learn what others will register.
    """
    request = parse(Page, value)
    if desk.tenant != MANAGEMENT and not desk.rulebook.is_alone(desk.tenant):
        raise BadRequest(
            Code.NOT_PERMITTED, "with several tenants only management sees who called without a registration: ask it"
        )
    after = None if request.cursor is None else from_cursor(request.cursor, 2, [int, str])
    found = await queries.unregistered(desk.connection, after, request.limit + 1)
    rows, following = paged(found, request.limit, caller_object, lambda last: [last.last_seen, last.id])
    return {"devices": rows, "next": following}
