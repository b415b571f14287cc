"""accept and accept-all: a person compares what callers showed with the label, and decides."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bridge import display
from bridge.admin import Admin, RefusedByBridge
from bridge.commands import completing, terminal
from bridge.commands.asking import counted, given, ids_given, in_parts, show_failed, token_given
from bridge.commands.bulk import accept_file
from bridge.commands.registrations import READABLE, TokenFile
from bridge.options import CATEGORY, TOKEN_POLICY
from bridge.registration import Status, TokenPolicy
from bridge.speaking import DONE, REFUSED, Speaker, Usage, Work, command, err, out


@command("accept")
def accept(
    speaking: Speaker,
    ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID",
            help="Device ids; - reads them from standard input, one a line.",
            autocompletion=completing.pending_ids,
            show_default=False,
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(help=f"The security token on the label; - reads it from standard input; {READABLE}."),
    ] = None,
    token_file: TokenFile = None,
    claim: Annotated[
        str | None, typer.Option(help="The claim that is meant, by its fingerprint as `get` shows it.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            help="Accept the devices of a CSV file with the columns ID and TOKEN; - reads it from standard input."
        ),
    ] = None,
) -> Work:
    """Accept devices: they get credentials of their own.

    In a terminal it asks for token and caller of a single device.
    """
    if file is not None:
        if ids or token is not None or token_file is not None or claim is not None:
            raise Usage("--file names devices and tokens: give no ids, tokens or claims besides")
        return _of_file(speaking, file)
    devices = ids_given(ids or ())
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
        await _accept_one(speaking, connection, given(id=devices[0], claim=claim, securityToken=secret))
        if not speaking.as_json:
            out.print(display.text(f"{devices[0]} is accepted: its credentials are on the way"))
        return DONE

    return work


def _of_file(speaking: Speaker, file: Path) -> Work:
    async def work(connection: Admin) -> int:
        return await accept_file(speaking, connection, str(file))

    return work


async def _accept_one(speaking: Speaker, connection: Admin, payload: dict[str, Any]) -> None:
    """Accept one device, with questions where somebody can answer. Raises RefusedByBridge, GivenUp."""
    if not terminal.somebody_is_there():
        await speaking.ask(connection, "accept", payload)
        return
    payload = await _completed(connection, payload)
    try:
        await speaking.ask(connection, "accept", payload)
    except RefusedByBridge as error:
        claims = error.details.get("claims")
        if error.code != "CLAIM_CONFLICT" or "claim" in payload or not claims:
            raise
        claim = await terminal.claim_chosen(claims, by_token=False)
        await speaking.ask(connection, "accept", {**payload, **given(claim=claim)})


async def _completed(connection: Admin, payload: dict[str, Any]) -> dict[str, Any]:
    """Ask the person for what is missing: which caller is meant, and the token."""
    registration = await connection.request("get", {"id": payload["id"]})
    if registration["status"] != Status.PENDING:
        return payload
    policy = await _policy(connection, registration)
    claims = [one for one in registration["claims"] if payload.get("claim") in (None, one["fingerprint"])]
    shown = policy is not TokenPolicy.IGNORED and any(one["tokenSent"] for one in claims)
    if len(claims) > 1 and "securityToken" not in payload:
        chosen = await terminal.claim_chosen(claims, by_token=shown)
        payload = {**payload, **given(claim=chosen)}
        claims = [one for one in claims if chosen in (None, one["fingerprint"])]
        shown = shown and any(one["tokenSent"] for one in claims)
    if "securityToken" not in payload and (shown or policy is TokenPolicy.REQUIRED):
        question = f"Security token on the label of {payload['id']} (Enter: none): "
        typed = await terminal.line(display.text(question), hidden=True)
        payload = {**payload, **given(securityToken=typed or None)}
    return payload


async def _policy(connection: Admin, registration: dict[str, Any]) -> TokenPolicy:
    """Return how tokens are treated; who may not read options, or not that tenant's, sees OPTIONAL."""
    if registration["tenant"] != connection.tenant:
        return TokenPolicy.OPTIONAL
    try:
        option = await connection.request("get-option", {"category": CATEGORY, "key": TOKEN_POLICY})
    except RefusedByBridge as error:
        if error.code != "NOT_PERMITTED":
            raise
        return TokenPolicy.OPTIONAL
    return TokenPolicy[option["effective"]]


@command("accept-all")
def accept_all(
    speaking: Speaker,
) -> Work:
    """Accept every pending device that needs no token and no choice, and name the others."""

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "accept-all", {})
        if speaking.as_json:
            return REFUSED if result["failed"] else DONE
        out.print(f"{counted(result['acceptedCount'])} accepted")
        if result["failed"]:
            more = ", the first of them here" if result.get("truncated") else ""
            err.print(f"{counted(len(result['failed']))} left out{more}:", style="yellow")
        return show_failed(speaking, result["failed"])

    return work
