"""The administrator's commands: each sends a request over the control topic and shows the answer."""

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.progress import Progress
from rich.prompt import Prompt

from bridge import display
from bridge.admin import Admin
from bridge.names import MANAGEMENT
from bridge.registration import Status
from bridge.requests import MAX_IDS
from bridge.speaking import DONE, REFUSED, Speaker, Usage, Work, command, err, out, until_interrupted


def _ids(given: Sequence[str]) -> list[str]:
    """Return the ids of the command line; ``-`` stands for those on standard input, one a line."""
    ids: list[str] = []
    for one in given:
        if one == "-":
            ids.extend(line.strip() for line in sys.stdin if line.strip())
        else:
            ids.append(one)
    if not ids:
        raise Usage("no device id was given")
    return ids


def _token(text: str | None, file: Path | None) -> str | None:
    """Return the token of --token TEXT, --token - or --token-file."""
    if text is not None and file is not None:
        raise Usage("give --token or --token-file, not both")
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Usage(f"{file} cannot be read: {error.strerror}") from None
    return sys.stdin.readline().strip() if text == "-" else text


def _parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), MAX_IDS):
        yield values[start : start + MAX_IDS]


async def _in_parts(
    speaking: Speaker,
    connection: Admin,
    command: str,
    member: str,
    values: Sequence[Any],
    done: str,
) -> tuple[list[Any], list[dict[str, Any]]]:
    """Send many devices in as many requests as are needed, with progress where that takes a while."""
    succeeded: list[Any] = []
    failed: list[dict[str, Any]] = []
    quiet = speaking.as_json or len(values) <= MAX_IDS or not err.is_terminal
    with Progress(console=err, transient=True, disable=quiet) as progress:
        task = progress.add_task(command, total=len(values))
        for part in _parts(values):
            result = await speaking.ask(connection, command, {member: list(part)})
            succeeded.extend(result[done])
            failed.extend(result["failed"])
            progress.advance(task, len(part))
    return succeeded, failed


def _show_failed(speaking: Speaker, failed: Sequence[dict[str, Any]]) -> int:
    if not failed:
        return DONE
    if not speaking.as_json:
        err.print(display.failures_table(failed))
    return REFUSED


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
    devices = _ids(ids)
    secret = _token(token, token_file)
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
        created, failed = await _in_parts(speaking, connection, "register", "devices", rows, "created")
        if not speaking.as_json:
            out.print(f"{len(created)} of {len(devices)} devices are registered: {Status.WAITING.words.lower()}")
        return _show_failed(speaking, failed)

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
    devices = _ids(ids)
    secret = _token(token, token_file)
    if len(devices) > 1 and (secret is not None or claim is not None):
        raise Usage("--token and --claim are for one device at a time")

    async def work(connection: Admin) -> int:
        if len(devices) > 1:
            rows = [{"id": device} for device in devices]
            accepted, failed = await _in_parts(speaking, connection, "accept", "devices", rows, "accepted")
            if not speaking.as_json:
                out.print(f"{len(accepted)} of {len(devices)} devices are accepted")
            return _show_failed(speaking, failed)
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
        return _show_failed(speaking, result["failed"])

    return work


@command("delete")
def delete(
    speaking: Speaker,
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Device ids; - reads them from standard input.")],
) -> Work:
    """Delete registrations. Before the device has confirmed, its credentials go too."""
    devices = _ids(ids)

    async def work(connection: Admin) -> int:
        if len(devices) == 1:
            await speaking.ask(connection, "delete", {"id": devices[0]})
            deleted, failed = devices, list[dict[str, Any]]()
        else:
            deleted, failed = await _in_parts(speaking, connection, "delete", "ids", devices, "deleted")
        if not speaking.as_json:
            out.print(f"{len(deleted)} of {len(devices)} registrations are deleted")
        return _show_failed(speaking, failed)

    return work


@command("list-options")
def list_options(
    speaking: Speaker,
) -> Work:
    """List the options with what they take."""

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "list-options", {})
        if not speaking.as_json:
            out.print(display.options_table(result["options"]))
        return DONE

    return work


_CATEGORY: Final = "device-registration"
Category = Annotated[str, typer.Option(help="The category of the option.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="The option, as security-token.policy.")]


@command("get-option")
def get_option(
    speaking: Speaker,
    key: Key,
    category: Category = _CATEGORY,
) -> Work:
    """Show one option."""

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "get-option", {"category": category, "key": key})
        if not speaking.as_json:
            _show_option(result)
        return DONE

    return work


@command("set-option")
def set_option(
    speaking: Speaker,
    key: Key,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The new value.")],
    category: Category = _CATEGORY,
) -> Work:
    """Set one option; it holds from the next event on."""

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "set-option", {"category": category, "key": key, "value": value})
        if not speaking.as_json:
            _show_option(result)
        return DONE

    return work


def _show_option(option: dict[str, Any]) -> None:
    stricter = "" if option["effective"] == option["value"] else f"; management's {option['effective']} holds"
    out.print(display.text(f"{option['key']} is {option['value']}{stricter}"))


@command("stats")
def stats(
    speaking: Speaker,
    since: Annotated[str | None, typer.Option(help="From when on, as 2026-01-31T12:00Z; a day unless given.")] = None,
) -> Work:
    """Show how many devices are where, how long they wait, and what happened by hour."""

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "stats", {} if since is None else {"since": since})
        if not speaking.as_json:
            out.print(display.counts_line(result["counts"]))
            for table in display.stats_tables(result):
                out.print(table)
        return DONE

    return work


@command("watch")
def watch(
    speaking: Speaker,
) -> Work:
    """Follow what happens, live, until Ctrl-C."""

    async def work(connection: Admin) -> int:
        async for topic, event in connection.events():
            if speaking.as_json:
                sys.stdout.write(json.dumps({"topic": topic, **event}, ensure_ascii=False) + "\n")
                sys.stdout.flush()
            else:
                out.print(display.event_line(topic, event))
        return DONE

    return until_interrupted(work)
