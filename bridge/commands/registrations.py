"""register, list, get and delete."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bridge import display
from bridge.admin import Admin
from bridge.commands import completing
from bridge.commands.asking import (
    Cursor,
    ForTenant,
    Limit,
    Search,
    given,
    ids_given,
    in_parts,
    is_alone,
    show_failed,
    show_more,
    sort_option,
    token_given,
)
from bridge.commands.properties import Properties, Property, properties_given
from bridge.registration import Status
from bridge.requests import SORTS
from bridge.speaking import DONE, MANAGEMENT_PANEL, Speaker, Usage, Work, command, out

READABLE = "others on this machine can read what stands here, so rather use --token-file"
Name = Annotated[str | None, typer.Option(help="A name for people to read (one device).")]
Kind = Annotated[str | None, typer.Option("--type", help="The kind of device.")]
Group = Annotated[
    str | None,
    typer.Option(
        help="The group it belongs to, as 'Group A/Group B'; made when first named.",
        autocompletion=completing.group_paths,
    ),
]
TokenFile = Annotated[Path | None, typer.Option(help="A file with the security token.")]


@command("register")
def register(
    speaking: Speaker,
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="ID",
            help="Device ids; - reads them from standard input, one a line.",
            autocompletion=completing.unregistered_ids,
        ),
    ],
    name: Name = None,
    type_: Kind = None,
    group: Group = None,
    token: Annotated[
        str | None,
        typer.Option(help=f"The security token it must show (one device); - reads it from standard input; {READABLE}."),
    ] = None,
    token_file: TokenFile = None,
    auto_accept: Annotated[
        bool, typer.Option("--auto-accept", help="Accept it at once when it shows the token.")
    ] = False,
    property_: Property = None,
    properties: Properties = None,
    for_tenant: ForTenant = None,
) -> Work:
    """Announce devices, so that their calls wait for acceptance."""
    devices = ids_given(ids)
    secret = token_given(token, token_file)
    if len(devices) > 1 and (name is not None or secret is not None):
        raise Usage("--name and --token are for one device at a time")
    extra = given(
        name=name,
        type=type_,
        group=group,
        securityToken=secret,
        autoAccept=True if auto_accept else None,
        properties=properties_given(property_ or (), properties) or None,
        tenant=for_tenant,
    )

    async def work(connection: Admin) -> int:
        if len(devices) == 1:
            await speaking.ask(connection, "register", {"id": devices[0], **extra})
            if not speaking.as_json:
                out.print(display.text(f"{devices[0]} is registered: {Status.WAITING.words.lower()}"))
            return DONE
        rows = [{"id": device, **extra} for device in devices]
        created, failed = await in_parts(speaking, connection, "register", "devices", rows, "created")
        if not speaking.as_json:
            out.print(f"{len(created)} of {len(devices)} devices are registered: {Status.WAITING.words.lower()}")
        return show_failed(speaking, failed)

    return work


@command("list")
def list_(
    speaking: Speaker,
    status: Annotated[
        list[Status] | None, typer.Option(help="Only these; may be given several times.", case_sensitive=False)
    ] = None,
    search: Search = None,
    sort: Annotated[str | None, sort_option(*SORTS)] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
    of_tenant: Annotated[
        str | None,
        typer.Option(help="Only the registrations of this tenant.", rich_help_panel=MANAGEMENT_PANEL),
    ] = None,
) -> Work:
    """List the devices in the registration process, those that wait for acceptance first."""
    payload = given(status=status or None, search=search, sort=sort, cursor=cursor, tenant=of_tenant)

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "list", {**payload, "limit": limit})
        if speaking.as_json:
            return DONE
        found = result["registrations"]
        if found:
            alone = is_alone(connection, [registration["tenant"] for registration in found])
            out.print(display.registrations_table(found, out.width, with_tenant=not alone))
            out.print()
        elif not any(result["counts"].values()):
            out.print("No device is registered yet. To register one:")
            speaking.hint("register DEVICE-ID")
        else:
            out.print("No registration matches.")
        if any(result["counts"].values()):
            out.print(display.counts_line(result["counts"]))
        show_more(result)
        return DONE

    return work


@command("get")
def get(
    speaking: Speaker,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The device id.", autocompletion=completing.registered_ids)],
) -> Work:
    """Show one registration with what its callers showed."""

    async def work(connection: Admin) -> int:
        registration = await speaking.ask(connection, "get", {"id": id_})
        if not speaking.as_json:
            alone = is_alone(connection, [registration["tenant"]])
            out.print(display.registration_details(registration, with_tenant=not alone))
            if registration["claims"]:
                out.print(display.claims_table(registration["claims"]))
            if registration["claimsOverflow"]:
                out.print("More callers than these showed something else; they are not kept.")
        return DONE

    return work


@command("delete")
def delete(
    speaking: Speaker,
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="ID",
            help="Device ids; - reads them from standard input, one a line.",
            autocompletion=completing.registered_ids,
        ),
    ],
) -> Work:
    """Delete registrations. Before the device has confirmed, its credentials go too."""
    devices = ids_given(ids)

    async def work(connection: Admin) -> int:
        if len(devices) == 1:
            await speaking.ask(connection, "delete", {"id": devices[0]})
            deleted, failed = devices, list[dict[str, Any]]()
        else:
            deleted, failed = await in_parts(speaking, connection, "delete", "ids", devices, "deleted")
        if not speaking.as_json:
            out.print(f"{len(deleted)} of {len(devices)} registrations are deleted")
        return show_failed(speaking, failed)

    return work
