"""rotate-key: the master keys of an installation, changed in its folder and taken up by a bridge that runs."""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bridge import display
from bridge.credentials import BadSecret
from bridge.folder import InstallationFault
from bridge.installation import Installation, load
from bridge.locks import Busy
from bridge.speaking import DONE, NOT_REACHED, REFUSED, WRONG_USAGE, OwnFolder, OwnJson, app, err, out
from bridge.telling import BY_HAND, Answer, Changing, Told, changing

if TYPE_CHECKING:  # what looks into the database is loaded by who needs it: other commands are asked for more often
    from bridge.key_rows import Uses


@app.command("rotate-key")
def rotate_key(
    data: OwnFolder = Path("var"),
    database: Annotated[
        str | None,
        typer.Option(
            envvar="BOOTSTRAP_BRIDGE_DATABASE", help="Another database than DIR/bridge/registrations.db, as a URL."
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="Change nothing: show the keys and how many rows name them.")] = (
        False
    ),
    re_encrypt: Annotated[
        bool, typer.Option("--re-encrypt", help="Encrypt stored passwords anew under the current key, make none.")
    ] = False,
    remove_unused: Annotated[
        bool, typer.Option("--remove-unused", help="Remove the keys that no row names, make none.")
    ] = False,
    own_logins: Annotated[
        bool,
        typer.Option(
            "--own-logins",
            help="After a theft: make new logins of the bridge on both brokers, which stand still, and no key.",
        ),
    ] = False,
    as_json: OwnJson = False,
) -> None:
    """Make a new master key, which all further acceptances use. Old ones stay until they are removed."""
    from bridge import rotation
    from bridge.key_rows import RowsFault

    if show + re_encrypt + remove_unused + own_logins > 1:
        err.print("one of --list, --re-encrypt, --remove-unused and --own-logins at a time", style="red")
        raise typer.Exit(WRONG_USAGE)
    try:
        if show:
            made = load(data)
            _show(made, asyncio.run(rotation.counted(made, database or made.database_url)), as_json)
            raise typer.Exit(DONE)
        with changing(data) as change:
            made = load(data)
            url = database or made.database_url
            if own_logins:
                status = _own_logins(made, change)
            elif re_encrypt:
                status = _re_encrypt(made, url, as_json)
            elif remove_unused:
                status = _remove_unused(made, url, change, as_json)
            else:
                status = _rotate(made, change, as_json)
    except (InstallationFault, Busy, RowsFault, BadSecret) as error:
        err.print(display.text(str(error)), style="red")
        raise typer.Exit(REFUSED) from None
    except OSError as error:
        err.print(display.text(f"{error.filename} cannot be used: {error.strerror}"), style="red")
        raise typer.Exit(REFUSED) from None
    raise typer.Exit(status)


def _print(content: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(content, ensure_ascii=False) + "\n")


def _show(made: Installation, found: "Uses", as_json: bool) -> None:
    ring = made.keys
    rows = {key_id: dict(found.get(key_id, {})) for key_id in ring.masters}
    if as_json:
        _print({"current": ring.current, "keys": [{"id": one, "rows": rows[one]} for one in rows]})
        return
    for key_id in ring.masters:
        mark = "current" if key_id == ring.current else "old"
        out.print(f"{key_id}  {mark:<7}  {_named(rows[key_id])}", highlight=False)
    for key_id in sorted(set(found) - set(ring.masters)):
        err.print(f"{key_id}  MISSING  {_named(found[key_id])}", style="red")


def _named(rows: Mapping[str, int]) -> str:
    """Say in words what names a key."""
    said = [f"{number} {kind.removesuffix('s')}{'' if number == 1 else 's'}" for kind, number in rows.items()]
    return f"named by {', '.join(said)}" if said else "named by nothing"


def _rotate(made: Installation, change: Changing, as_json: bool) -> int:
    from bridge import rotation

    ring = rotation.rotate(made)
    told = change.tell(lambda loaded: loaded.current == ring.current)
    if as_json:
        _print({"current": ring.current, "bridge": told.answer.value})
    else:
        out.print(f"The new master key is {ring.current}. Back up {made.folder.keys} now.", highlight=False)
        out.print("Devices and administrators that exist keep their passwords, and the key that these come from.")
    return _said(told)


def _remove_unused(made: Installation, url: str, change: Changing, as_json: bool) -> int:
    from bridge import rotation

    told = change.tell(lambda loaded: loaded.current == made.keys.current)
    if not told.is_current:
        err.print("A bridge runs that may still use an old key: nothing is removed.", style="red")
        return _said(told)
    done = asyncio.run(rotation.remove_unused(made, url))
    if as_json:
        _print({"removed": list(done.removed), "kept": {one: dict(rows) for one, rows in done.kept.items()}})
    else:
        for one in done.removed:
            out.print(f"{one} is removed. A backup of a database that names it needs the keys.json of its time.")
        for one, rows in done.kept.items():
            out.print(f"{one} stays: {_named(rows)}", highlight=False)
        if not done.removed:
            out.print("Nothing was removed.")
    return _said(change.tell(lambda loaded: loaded.current == made.keys.current)) if done.removed else DONE


def _re_encrypt(made: Installation, url: str, as_json: bool) -> int:
    from bridge import key_rows, rotation

    rotation.refuse_unseen(made, url)
    number = asyncio.run(key_rows.encrypt_anew(url, made.keys))
    if as_json:
        _print({"encrypted": number, "current": made.keys.current})
    else:
        out.print(f"Stored passwords encrypted under {made.keys.current}: {number}.", highlight=False)
    return DONE


def _own_logins(made: Installation, change: Changing) -> int:
    from bridge import rotation

    if change.bridge_runs:
        err.print("A bridge runs in this folder: stop it and both brokers first.", style="red")
        return REFUSED
    rotation.with_own_logins(made).write_facts()
    out.print("The bridge has new logins. The next `up` brings them to its brokers; for brokers of your own run")
    display.hint(out, f"bootstrap-bridge init --data {made.folder.path}")
    return DONE


def _said(told: Told) -> int:
    """Say what became of telling a running bridge, and return the status."""
    match told.answer:
        case Answer.TAKEN:
            err.print("The running bridge uses it.")
            return DONE
        case Answer.NOBODY:
            err.print("No bridge runs here; the next start uses it.")
            return DONE
        case Answer.UNSEEN:
            err.print(f"A bridge runs here that this command cannot reach. Have it read its files again: {BY_HAND}")
        case Answer.NOT_TAKEN:
            fault = told.loaded.fault if told.loaded is not None else None
            why = fault or "it has not said so; its log tells more"
            err.print(display.text(f"The running bridge has not taken it up: {why}. Then: {BY_HAND}"), style="red")
    return NOT_REACHED
