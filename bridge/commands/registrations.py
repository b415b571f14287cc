"""register, list, get, accept, accept-all and delete."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.prompt import Prompt

from bridge import display
from bridge.admin import Admin
from bridge.commands.asking import ids_given, in_parts, show_failed, token_given
from bridge.names import MANAGEMENT
from bridge.registration import Status
from bridge.speaking import DONE, REFUSED, Speaker, Usage, Work, command, err, out


@command("register")
def register(
    speaking: Speaker,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Device ids; - reads them from standard input.")],
    name: Annotated[str | None, typer.Option(help="A name for people to read (one device).")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="The kind of device.")] = None,
    group: Annotated[str | None, typer.Option(help="The group it belongs to, as 'Group A/Group B'.")] = None,
    token: Annotated[
        str | None, typer.Option(help="The security token it must show (one device); - reads it from standard input.")
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help="A file with the security token.")] = None,
    auto_accept: Annotated[bool, typer.Option(help="Accept it at once when it shows the token.")] = False,
    for_tenant: Annotated[str | None, typer.Option(help="The tenant it is for (management only).")] = None,
) -> Work:
    """Announce devices, so that their calls wait for acceptance."""
    devices = ids_given(ids)
    secret = token_given(token, token_file)
    if len(devices) > 1 and (name is not None or secret is not None):
        raise Usage("--name and --token are for one device at a time")
    common = {"name": name, "type": type_, "group": group, "securityToken": secret, "tenant": for_tenant}
    common = {key: value for key, value in common.items() if value is not None}
    extra: dict[str, Any] = {**common, **({"autoAccept": True} if auto_accept else {})}

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
    search: Annotated[str | None, typer.Option(help="Part of the id or name.")] = None,
    sort: Annotated[
        str | None, typer.Option(help="id, name, status, creationTime or lastSeen; with - before it to descend.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many to show.")] = 100,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier page ended.")] = None,
    of_tenant: Annotated[str | None, typer.Option(help="Only this tenant's (management only).")] = None,
) -> Work:
    """List the devices in the registration process, those that wait for acceptance first."""
    asked = {"status": status, "search": search, "sort": sort, "cursor": cursor, "tenant": of_tenant}
    payload = {key: value for key, value in asked.items() if value}

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "list", {**payload, "limit": limit})
        if speaking.as_json:
            return DONE
        found = result["registrations"]
        if found:
            tenants = {registration["tenant"] for registration in found}
            out.print(display.registrations_table(found, with_tenant=tenants != {connection.tenant}))
            out.print()
        elif not any(result["counts"].values()):
            out.print("No device is registered yet. To register one:")
            display.hint(out, "bootstrap-bridge register DEVICE-ID")
        else:
            out.print("No registration matches.")
        if any(result["counts"].values()):
            out.print(display.counts_line(result["counts"]))
        if result["next"]:
            out.print(f"There are more: --cursor {result['next']}")
        return DONE

    return work


@command("get")
def get(
    speaking: Speaker,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The device id.")],
) -> Work:
    """Show one registration with what its callers showed."""

    async def work(connection: Admin) -> int:
        registration = await speaking.ask(connection, "get", {"id": id_})
        if not speaking.as_json:
            out.print(display.registration_details(registration, with_tenant=connection.tenant == MANAGEMENT))
            if registration["claims"]:
                out.print(display.claims_table(registration["claims"]))
            if registration["claimsOverflow"]:
                out.print("More callers than these showed something else; they are not kept.")
        return DONE

    return work


@command("accept")
def accept(
    speaking: Speaker,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Device ids; - reads them from standard input.")],
    token: Annotated[
        str | None, typer.Option(help="The security token from the label; - reads it from standard input.")
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help="A file with the security token.")] = None,
    claim: Annotated[str | None, typer.Option(help="The fingerprint of the claim that is meant.")] = None,
) -> Work:
    """Accept devices: they get credentials of their own. Asks for the token where the device showed one."""
    devices = ids_given(ids)
    secret = token_given(token, token_file)
    if len(devices) > 1 and (secret is not None or claim is not None):
        raise Usage("--token and --claim are for one device at a time")

    async def work(connection: Admin) -> int:
        if len(devices) > 1:
            rows = [{"id": device} for device in devices]
            accepted, failed = await in_parts(speaking, connection, "accept", "devices", rows, "accepted")
            if not speaking.as_json:
                out.print(f"{len(accepted)} of {len(devices)} devices are accepted")
            return show_failed(speaking, failed)
        payload: dict[str, Any] = {"id": devices[0]}
        if claim is not None:
            payload["claim"] = claim
        given = secret
        if given is None and sys.stdin.isatty() and err.is_terminal:
            given = await _asked_for_token(connection, payload)
        if given is not None:
            payload["securityToken"] = given
        await speaking.ask(connection, "accept", payload)
        if not speaking.as_json:
            out.print(display.text(f"{devices[0]} is accepted: its credentials are on the way"))
        return DONE

    return work


async def _asked_for_token(connection: Admin, payload: dict[str, Any]) -> str | None:
    """Ask the person for the token if the bridge says that one is needed."""
    registration = await connection.request("get", {"id": payload["id"]})
    claims = [one for one in registration["claims"] if payload.get("claim") in (None, one["fingerprint"])]
    if registration["status"] != Status.PENDING or not any(one["tokenSent"] for one in claims):
        return None
    asked = f"Security token on the label of {payload['id']}"
    return await asyncio.to_thread(Prompt.ask, display.text(asked), console=err, password=True) or None


@command("accept-all")
def accept_all(
    speaking: Speaker,
) -> Work:
    """Accept every pending device that needs no token and no choice, and name the others."""

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "accept-all", {})
        if speaking.as_json:
            return REFUSED if result["failed"] else DONE
        out.print(f"{result['acceptedCount']} devices are accepted")
        if result["failed"]:
            more = ", the first of them here" if result.get("truncated") else ""
            err.print(f"These were left out{more}: accept them one by one", style="yellow")
        return show_failed(speaking, result["failed"])

    return work


@command("delete")
def delete(
    speaking: Speaker,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Device ids; - reads them from standard input.")],
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
