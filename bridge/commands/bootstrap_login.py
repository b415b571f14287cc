"""rotate-bootstrap-password: another shared bootstrap login, with a time in which both work."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bridge import display, installation
from bridge.bootstrap_logins import DEFAULT_OVERLAP, LoginFault, Logins, overlap_of
from bridge.children import holder_of
from bridge.clock import clock
from bridge.credentials import new_secret
from bridge.folder import InstallationFault
from bridge.installation import Installation, load
from bridge.locks import Busy
from bridge.speaking import DONE, NOT_REACHED, REFUSED, WRONG_USAGE, OwnFolder, app, err, out
from bridge.telling import BY_HAND, Answer, Changing, Loaded, Told, changing


@app.command("rotate-bootstrap-password")
def rotate_bootstrap_password(
    data: OwnFolder = Path("var"),
    overlap: Annotated[
        str,
        typer.Option(help="How long the login of now stays valid: 30d, 12h, 90m, or 0 to end it at once."),
    ] = DEFAULT_OVERLAP,
    end_overlap: Annotated[
        bool, typer.Option("--end-overlap", help="Make no new login: end the earlier one now.")
    ] = False,
    username: Annotated[
        str | None,
        typer.Option(help="The new login's user name, if firmware has one already.  [default: the next number]"),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option(help="A file with the new password, - for standard input.  [default: one is drawn]"),
    ] = None,
) -> None:
    """Give the bootstrap broker another shared login; for a time both work, so that firmware can follow."""
    try:
        seconds = overlap_of(overlap)
        password = None if password_file is None else _password_in(password_file)
    except LoginFault as error:
        err.print(display.text(str(error)), style="red")
        raise typer.Exit(WRONG_USAGE) from None
    try:
        with changing(data) as change:
            made = load(data)
            status = (
                _end(made, change)
                if end_overlap
                else _rotate(made, change, username, password or new_secret(), seconds)
            )
    except (InstallationFault, Busy, LoginFault) as error:
        err.print(display.text(str(error)), style="red")
        raise typer.Exit(REFUSED) from None
    except OSError as error:
        err.print(display.text(f"{error.filename} cannot be used: {error.strerror}"), style="red")
        raise typer.Exit(REFUSED) from None
    raise typer.Exit(status)


def _password_in(path: Path) -> str:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LoginFault(f"{path} cannot be read: {getattr(error, 'strerror', 'it is no UTF-8 text')}") from None
    return text.strip("\r\n")


def _logins(made: Installation) -> Logins:
    facts = made.facts
    return Logins(facts.bootstrap_username, facts.bootstrap_password, tuple(facts.earlier_logins))


def _with(made: Installation, logins: Logins) -> Installation:
    update = {
        "bootstrap_username": logins.username,
        "bootstrap_password": logins.password,
        "earlier_logins": list(logins.earlier),
    }
    return replace(made, facts=made.facts.model_copy(update=update))


def _rotate(made: Installation, change: Changing, username: str | None, password: str, overlap: int) -> int:
    changed = _with(made, _logins(made).rotated(username, password, overlap, clock()))
    status = _apply(changed, change)
    facts = changed.facts
    noted = changed.note_login()
    where = ", ".join(str(path) for path in noted) or str(made.folder.facts)
    out.print(
        f"The new bootstrap login is {facts.bootstrap_username}; its password stands in {where}.", highlight=False
    )
    earlier = facts.earlier_logins[-1]
    until = f"works until {earlier.until}, or --end-overlap" if overlap else "is over"
    out.print(f"The earlier one, {earlier.username}, {until}.", highlight=False)
    return status


def _end(made: Installation, change: Changing) -> int:
    if not made.facts.earlier_logins:
        err.print(f"There is one bootstrap login, {made.facts.bootstrap_username}: nothing to end.")
        return DONE
    changed = _with(made, _logins(made).alone(clock()))
    status = _apply(changed, change)
    changed.note_login()  # where the rotation was cut short, they name the earlier one
    names = ", ".join(one.username for one in made.facts.earlier_logins)
    out.print(f"{made.facts.bootstrap_username} is the only bootstrap login; {names} is over.", highlight=False)
    return status


def _apply(changed: Installation, change: Changing) -> int:
    """Write the logins down, bring them to the broker as far as we can, and say what is left to do."""
    changed.write_facts()
    wanted = set(changed.logins)

    def is_right(loaded: Loaded) -> bool:
        return set(loaded.logins) == wanted

    told = change.tell(is_right)
    if told.answer is Answer.TAKEN and told.loaded is not None and told.loaded.brokers:
        installation.forget_logins(changed)
        err.print("The running brokers know it.")
        return DONE
    try:
        for fault in installation.write_passwords(changed):
            err.print(display.text(fault))
        installation.forget_logins(changed)
    except OSError as error:
        err.print(
            display.text(
                f"{changed.folder.passwords} cannot be written ({error.strerror}), so the broker does not know it: run "
                f"bootstrap-bridge init --data {changed.folder.path} as whoever may, then reload the bootstrap broker"
            ),
            style="red",
        )
        return NOT_REACHED
    return _said(changed, told)


def _said(changed: Installation, told: Told) -> int:
    if told.answer is Answer.NOT_TAKEN:
        fault = (told.loaded.fault if told.loaded is not None else None) or "it has not said so; its log tells more"
        err.print(display.text(f"The running bridge has not taken it up: {fault}. Then: {BY_HAND}"), style="red")
        return NOT_REACHED
    holder = holder_of(changed.facts.bootstrap_port)
    broker = f"kill -HUP {holder[0]}" if holder is not None else "docker compose kill -s HUP bootstrap"
    if told.answer is not Answer.NOBODY or holder is not None:
        err.print(
            "The bootstrap broker reads its logins when it is reloaded, which is left to you: systemctl reload "
            f"bootstrap-bridge-gate, or {broker}",
            style="yellow",
        )
    if told.answer is Answer.UNSEEN:
        err.print(f"A bridge runs here that this command cannot reach. Have it read its files again: {BY_HAND}")
        return NOT_REACHED
    return DONE
