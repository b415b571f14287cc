"""list-devices, get-device, update-device, delete-device and list-unregistered."""

from typing import Annotated, Final

import typer

from bridge import display, display_devices
from bridge.admin import Admin
from bridge.commands import completing
from bridge.commands.asking import (
    Cursor,
    DeviceId,
    Limit,
    Search,
    Yes,
    confirm,
    given,
    is_alone,
    show_more,
    sort_option,
)
from bridge.commands.properties import Properties, Property, Removed, properties_given
from bridge.speaking import DONE, Speaker, Usage, Work, command, out

SORTS: Final = ("id", "name", "type", "group", "creationTime", "lastSeen")
"""What devices are sorted by."""


@command("list-devices")
def list_devices(
    speaking: Speaker,
    search: Search = None,
    group: Annotated[
        str | None,
        typer.Option(help="Only those of this group.", autocompletion=completing.group_paths),
    ] = None,
    sort: Annotated[str | None, sort_option(*SORTS)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Work:
    """List the devices that have been accepted: the inventory."""
    payload = given(search=search, group=group, sort=sort, cursor=cursor, limit=limit)

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "list-devices", payload)
        if speaking.as_json:
            return DONE
        found = result["devices"]
        if found:
            alone = is_alone(connection, [device["tenant"] for device in found])
            out.print(display_devices.devices_table(found, out.width, with_tenant=not alone))
        elif search is None and group is None and cursor is None:
            out.print("No device has come through yet. Those on the way are shown by:")
            speaking.hint("list")
        else:
            out.print("No device matches.")
        show_more(result)
        return DONE

    return work


@command("get-device")
def get_device(
    speaking: Speaker,
    id_: DeviceId,
) -> Work:
    """Show one device of the inventory, with its properties."""

    async def work(connection: Admin) -> int:
        device = await speaking.ask(connection, "get-device", {"id": id_})
        if not speaking.as_json:
            alone = is_alone(connection, [device["tenant"]])
            out.print(display_devices.device_details(device, with_tenant=not alone))
        return DONE

    return work


@command("update-device")
def update_device(
    speaking: Speaker,
    id_: DeviceId,
    name: Annotated[str | None, typer.Option(help="A name for people to read; '' takes it away.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="The kind of device; '' takes it away.")] = None,
    group: Annotated[
        str | None,
        typer.Option(
            help="The group it goes to, as 'Group A/Group B', made when first named; '' takes it out of its group.",
            autocompletion=completing.group_paths,
        ),
    ] = None,
    property_: Property = None,
    properties: Properties = None,
    remove_property: Removed = None,
) -> Work:
    """Change a device. Properties are merged with those that it has (JSON merge patch, RFC 7396).

    What the device says of itself later, its name and type too, goes over what is set here.
    """
    changed = properties_given(property_ or (), properties, remove_property or ())
    payload = given(name=name, type=type_, group=group, properties=changed or None)
    if not payload:
        raise Usage("nothing to change was given: --name, --type, --group, --property, --properties, --remove-property")
    payload = {member: None if value == "" else value for member, value in payload.items()}

    async def work(connection: Admin) -> int:
        device = await speaking.ask(connection, "update-device", {"id": id_, **payload})
        if not speaking.as_json:
            alone = is_alone(connection, [device["tenant"]])
            out.print(display.text(f"{id_} is changed:"))
            out.print(display_devices.device_details(device, with_tenant=not alone))
        return DONE

    return work


@command("delete-device")
def delete_device(
    speaking: Speaker,
    id_: DeviceId,
    yes: Yes = False,
) -> Work:
    """Delete a device: its session is closed, its password is useless from then on. Asks in a terminal."""

    async def work(connection: Admin) -> int:
        question = f"Delete {id_}? Its session is closed at once, and its password will never work again."
        await confirm(question, yes=yes)
        await speaking.ask(connection, "delete-device", {"id": id_})
        if not speaking.as_json:
            out.print(display.text(f"{id_} is deleted"))
        return DONE

    return work


@command("list-unregistered")
def list_unregistered(
    speaking: Speaker,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Work:
    """List the ids that have called without being registered, the newest first."""

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "list-unregistered", given(limit=limit, cursor=cursor))
        if speaking.as_json:
            return DONE
        found = result["devices"]
        if not found:
            out.print("Nobody has called without being registered.")
            return DONE
        out.print(display_devices.unregistered_table(found))
        out.print()
        out.print("To let one of them in, register it; then its next call waits for acceptance:")
        speaking.hint("register DEVICE-ID")
        show_more(result)
        return DONE

    return work
