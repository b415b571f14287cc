"""list-devices, get-device, update-device and delete-device. The inventory stays with its tenant."""

from dataclasses import replace
from typing import Any, Final

from bridge import inventory_queries as queries
from bridge.answers import device_object, paged, sorted_cursor
from bridge.decisions import DeleteDevice, Event
from bridge.handlers.desk import Desk, Result
from bridge.inventory import merged
from bridge.registration import Code, Device, Status
from bridge.requests import BadRequest, ById, DeviceList, DeviceUpdate, checked_group, checked_properties, parse

SORTS: Final = ("id", "name", "type", "group", "creationTime", "lastSeen")


async def list_devices(desk: Desk, value: dict[str, Any]) -> Result:
    """Return a page of the tenant's inventory."""
    request = parse(DeviceList, value)
    if request.sort is not None and request.sort.removeprefix("-") not in SORTS:
        raise BadRequest(Code.MALFORMED_REQUEST, f"sort takes one of {', '.join(SORTS)}, with - before it to descend")
    columns = queries.device_order(request.sort)
    found = await queries.list_devices(
        desk.connection,
        queries.DeviceQuery(
            tenant=desk.tenant,
            search=request.search,
            group=request.group,
            sort=request.sort,
            limit=request.limit + 1,
            after=sorted_cursor(request.cursor, request.sort, len(columns)),
        ),
    )
    rows, following = paged(
        found,
        request.limit,
        device_object,
        lambda last: [request.sort or "", *queries.device_position(last, request.sort)],
    )
    return {"devices": rows, "next": following}


async def _found(desk: Desk, device_id: str) -> Device:
    await desk.load([device_id], devices=True)
    device = desk.batch.device(device_id, desk.tenant)
    if device is None:
        raise BadRequest(Code.NOT_FOUND, f"there is no device {device_id}")
    return device


async def get_device(desk: Desk, value: dict[str, Any]) -> Result:
    """Return one device."""
    return device_object(await _found(desk, parse(ById, value).id))


async def update_device(desk: Desk, value: dict[str, Any]) -> Result:
    """Change what is said of a device."""
    request = parse(DeviceUpdate, value)
    device = await _found(desk, request.id)
    given = request.model_fields_set & {"name", "type", "group"}
    changes: dict[str, Any] = {name: getattr(request, name) for name in given}
    if request.group is not None:
        checked_group(request.group)
    if request.properties is not None:
        changes["properties"] = checked_properties(merged(device.properties, request.properties))
    changed = replace(device, **changes)
    desk.note(device.id, "ok", {"changed": sorted(changes)})
    if changed == device:
        return device_object(device)
    await desk.transaction.save_devices([changed])
    if changed.group is not None:
        await desk.transaction.make_groups([(changed.tenant, changed.group)])
    registration = desk.batch.registration(device.id)
    status = None if registration is None else registration.status
    desk.batch.events.append(Event("updated", device.id, device.tenant, status, desk.now, desk.actor))
    return device_object(changed)


async def delete_device(desk: Desk, value: dict[str, Any]) -> Result:
    """Remove a device: its account with its session, its entry, its registration."""
    device_id = parse(ById, value).id
    await desk.load([device_id], devices=True)
    registration = desk.batch.registration(device_id, desk.tenant)
    is_ours = desk.batch.device(device_id, desk.tenant) is not None or (
        registration is not None and registration.status is Status.ACCEPTED
    )
    if not is_ours:
        raise BadRequest(
            Code.NOT_FOUND, f"there is no device {device_id}; a registration that was not accepted goes by delete"
        )
    decision = desk.batch.decide(DeleteDevice(device_id, desk.actor))
    assert decision.refusal is None, decision.refusal
    desk.note(device_id, "ok")
    return {"id": device_id}
