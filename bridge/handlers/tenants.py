"""list-tenants and create-tenant, for management."""

from typing import Any

from bridge import names, queries
from bridge.answers import from_cursor, paged
from bridge.handlers.desk import Desk, Result
from bridge.records import APPLICATION
from bridge.registration import Code
from bridge.requests import BadRequest, NewTenant, Page, parse


async def list_tenants(desk: Desk, value: dict[str, Any]) -> Result:
    """Return all tenants by their ids."""
    request = parse(Page, value)
    after = None if request.cursor is None else from_cursor(request.cursor, 1, [str])[0]
    found = await queries.tenants(desk.connection, after, request.limit + 1)
    rows, following = paged(
        found, request.limit, lambda tenant: {"id": tenant[0], "name": tenant[1]}, lambda last: [last[0]]
    )
    return {"tenants": rows, "next": following}


async def create_tenant(desk: Desk, value: dict[str, Any]) -> Result:
    """Make a tenant; it begins without administrators."""
    request = parse(NewTenant, value)
    if fault := names.tenant_id_fault(request.id):
        raise BadRequest(Code.INVALID_ID, fault)
    if request.id in desk.tenants:
        raise BadRequest(Code.ALREADY_EXISTS, f"there is a tenant {request.id} already")
    await desk.transaction.make_tenant(request.id, request.name, desk.now)
    desk.changes_rulebook = True
    # Applications with topics that name no tenant had them for want of neighbours.
    await desk.transaction.revisit_accounts(APPLICATION, None)
    desk.batch.account_work.leaving = True
    desk.note(None, "ok", {"id": request.id})
    return {"id": request.id, "name": request.name}
