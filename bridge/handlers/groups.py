"""list-groups, create-group and delete-group. Groups stay with their tenant."""

from typing import Any

from bridge import inventory_queries as queries
from bridge.answers import from_cursor, paged
from bridge.handlers.desk import Desk, Result
from bridge.registration import Code
from bridge.requests import BadRequest, GroupPath, Page, checked_group, parse


async def list_groups(desk: Desk, value: dict[str, Any]) -> Result:
    """Return the tenant's groups in the order of the tree, each with the number of devices just in it."""
    request = parse(Page, value)
    after = None if request.cursor is None else from_cursor(request.cursor, 1, [str])[0]
    found = await queries.list_groups(desk.connection, desk.tenant, after, request.limit + 1)
    rows, following = paged(
        found, request.limit, lambda group: {"path": group[0], "devices": group[1]}, lambda last: [last[0]]
    )
    return {"groups": rows, "next": following}


async def create_group(desk: Desk, value: dict[str, Any]) -> Result:
    """Make a group, with those above it."""
    path = checked_group(parse(GroupPath, value).path)
    if await queries.has_group(desk.connection, desk.tenant, path):
        raise BadRequest(Code.ALREADY_EXISTS, f"there is a group {path} already")
    await desk.transaction.make_groups([(desk.tenant, path)])
    desk.note(None, "ok", {"path": path})
    return {"path": path}


async def delete_group(desk: Desk, value: dict[str, Any]) -> Result:
    """Delete a group without devices, with the empty groups below it."""
    path = parse(GroupPath, value).path
    if not await queries.has_group(desk.connection, desk.tenant, path):
        raise BadRequest(Code.NOT_FOUND, f"there is no group {path}")
    devices = await queries.devices_below(desk.connection, desk.tenant, path)
    if devices:
        they = "a device is" if devices == 1 else f"{devices} devices are"
        raise BadRequest(
            Code.INVALID_STATE, f"{they} in the group {path} or below it: move to another group or delete first"
        )
    await desk.transaction.forget_group(desk.tenant, path)
    desk.note(None, "ok", {"path": path})
    return {"path": path}
