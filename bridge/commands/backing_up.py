"""backup and restore: they work on the installation's folder, not over the control topic."""

import json
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bridge import display
from bridge.backups import BackupFault
from bridge.backups.archive import is_standard
from bridge.commands.terminal import close_to_others
from bridge.folder import Folder
from bridge.installation import InstallationFault
from bridge.locks import Busy
from bridge.speaking import DONE, REFUSED, WRONG_USAGE, OwnFolder, OwnJson, app, err, out

if TYPE_CHECKING:  # what looks into the database is loaded by who needs it: other commands are asked for more often
    from bridge.backups import making, restoring

SHOWN: Final = 20
"""Names of one kind that people are shown; --json has all."""

Database = Annotated[
    str | None,
    typer.Option(
        envvar="BOOTSTRAP_BRIDGE_DATABASE", help="Another database than DIR/bridge/registrations.db, as a URL."
    ),
]


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; - is standard output.")],
    data: OwnFolder = Path("var"),
    without_keys: Annotated[
        bool,
        typer.Option("--without-keys", help="Leave the master keys out, and encrypt all but the database under them."),
    ] = False,
    keys_only: Annotated[
        bool, typer.Option("--keys-only", help="Write the master keys alone, to be kept apart from the backups.")
    ] = False,
    without_database: Annotated[
        bool, typer.Option("--without-database", help="Leave the database out, where a server keeps it.")
    ] = False,
    database: Database = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Tell what was written as JSON.")] = False,
) -> None:
    """Write a backup of the whole installation into one file, while the bridge runs."""
    from bridge.backups import making

    if keys_only and (without_keys or without_database or is_standard(file)):
        raise _fail("--keys-only takes a file, and goes with --force and --data alone", WRONG_USAGE)
    aside = is_standard(file)
    if aside and sys.stdout.isatty():
        raise _fail("a backup is no text for a terminal: redirect standard output, or name a file", WRONG_USAGE)
    if aside:
        close_to_others(sys.stdout)
    with _faults_in_words(), _interruptible():
        if keys_only:
            names = making.back_up_keys(data, file, force=force)
            _tell({"file": str(file), "keyIds": list(names)}, as_json=as_json, aside=False)
            if not as_json:
                out.print(display.text(f"Wrote {file}: the master keys {', '.join(names)}"), style="green")
                _say("Whoever has it and a backup has every password. A backup that names a newer key needs it anew")
            return
        wishes = making.Wishes(data, file, database, without_keys, without_database, force)
        with _progress(as_json=as_json) as noted:
            made = making.back_up(wishes, noted)
    _tell(making.members_of(made), as_json=as_json, aside=aside)
    if not as_json:
        _show_backup(made, err if aside else out)
    for warning in made.warnings:
        err.print(display.text(warning), style="yellow")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="The backup; - is standard input.")],
    data: OwnFolder = Path("var"),
    keys: Annotated[Path | None, typer.Option(help="The file with the master keys, for a backup without keys.")] = None,
    revive: Annotated[
        bool,
        typer.Option(
            "--revive", help="Bring back, too, what was deleted since, and passwords that were replaced since."
        ),
    ] = False,
    compare_with: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The folder that tells what has changed since the backup.  [default: the one that is replaced]",
        ),
    ] = None,
    database: Database = None,
    as_json: OwnJson = False,
) -> None:
    """Put a backup back into the folder; what is there is moved aside. Bridge and brokers must have ended."""
    from bridge.backups import restoring
    from bridge.database_file import path_of

    if database is not None and (path := path_of(database)) != Folder(data).database and path is not None:
        raise _fail(f"it is put back as {Folder(data).database}: leave --database away, then move it", WRONG_USAGE)
    with _faults_in_words(), _interruptible(), _progress(as_json=as_json) as noted:
        restored = restoring.restore(restoring.Wishes(file, data, keys, revive, compare_with), noted)
    _tell(restoring.members_of(restored), as_json=as_json, aside=False)
    if not as_json:
        _show_restored(restored, data)
    raise typer.Exit(DONE)


def _fail(message: str, status: int) -> typer.Exit:
    err.print(display.text(message), style="red")
    return typer.Exit(status)


@contextmanager
def _faults_in_words() -> Iterator[None]:
    try:
        yield
    except (BackupFault, InstallationFault, Busy) as error:
        raise _fail(str(error), REFUSED) from error
    except OSError as error:
        place = "" if error.filename is None else f"{error.filename}: "
        raise _fail(f"{place}{error.strerror or error}. Nothing was written or changed", REFUSED) from error


@contextmanager
def _interruptible() -> Iterator[None]:
    """Take SIGTERM, as a timer's unit sends it, for what Ctrl-C is: drafts are taken away, moves taken back."""

    def interrupt(number: int, frame: object) -> None:
        raise typer.Exit(128 + number)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _progress(*, as_json: bool) -> Iterator["making.Noted"]:
    """Show people at a terminal how far it is."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=as_json or not sys.stderr.isatty()) as shown:
        task = shown.add_task("", total=None)

        def noted(what: str, done: int, total: int) -> None:
            shown.update(task, description=what, completed=done, total=total or None)

        yield noted


def _tell(members: Mapping[str, Any], *, as_json: bool, aside: bool) -> None:
    if as_json:
        (sys.stderr if aside else sys.stdout).write(json.dumps(members, ensure_ascii=False) + "\n")


def _say(text: str, style: str = "") -> None:
    out.print(display.text(text), style=style, highlight=False)


def _show_backup(made: "making.Made", console: Any) -> None:
    manifest = made.manifest
    rows = ", ".join(f"{what}: {number}" for what, number in manifest.counts.items()) or "no database"
    size = f"{made.bytes / 1e3:.0f} kB" if made.bytes < 1_000_000 else f"{made.bytes / 1e6:.1f} MB"
    name = "standard output" if is_standard(made.file) else made.file
    console.print(display.text(f"Wrote {name}: {size}, the state of {manifest.at}, {rows}"), style="green")
    words = (
        "It holds the master keys: whoever reads it has every password. Keep it as closed as the folder itself"
        if manifest.keys_inside
        else f"Without keys: to put it back, {', '.join(manifest.to_open)} of bridge/keys.json are needed (--keys-only)"
    )
    console.print(display.text(words), highlight=False)


def _show_restored(restored: "restoring.Restored", data: Path) -> None:
    manifest = restored.manifest
    _say(f"Restored {data} to the state of {manifest.at}, by bootstrap-bridge {manifest.program}", "bold green")
    if restored.aside is not None:
        _say(f"What was there is in {restored.aside}")
    if restored.stayed:
        _say(f"Newer than the backup, and left as it is: {', '.join(restored.stayed)}")
    if restored.bootstrap_renewed:
        _say("The bootstrap login was renewed since, and stays so")
    if manifest.database == "sqlite":
        _show_changes(restored)
    for note in restored.notes:
        _say(note, "yellow")
    given = "" if data == Path("var") else f" --data {data}"
    _say("Next, or with brokers of your own those, and `serve`:")
    display.hint(out, f"bootstrap-bridge up{given}")


def _show_changes(restored: "restoring.Restored") -> None:
    changes, at = restored.changes, restored.manifest.at
    if changes.compared is None:
        _say(f"What has changed since is not known: {changes.reason}", "yellow")
        _say(
            f"Devices, administrators and applications that were deleted after {at} are alive again, with the "
            "passwords they had then. Look through list-devices, list-administrators and list-applications",
            "bold yellow",
        )
        if names := changes.unknown_to_broker:
            _say(
                f"{len(names)} of them were not among the broker's accounts, or had another password, and may be "
                f"such: {_some(names)}",
                "bold yellow",
            )
        return
    _say(f"Compared with {changes.compared}. Since the backup:")
    stay = "they stay deleted (--revive brings them back)"
    back = "they are ALIVE AGAIN, with the passwords of then" if restored.revived else stay
    old = "their OLD passwords work again, not the present ones" if restored.revived else "they keep the present ones"
    told = (
        ("devices that were deleted", changes.devices_deleted, back),
        ("people or applications that were deleted", changes.people_deleted, back),
        ("devices that were given another password", changes.devices_renewed, old),
        ("people or applications that were given another password", changes.people_renewed, old),
        ("accounts that keep the password of then, since the key of the present one is not at hand", restored.lost, ""),
        ("devices that were accepted", changes.devices_accepted, "accept them again"),
        ("devices that came", changes.devices_come, "register them again"),
        ("people or applications that came", changes.people_come, "make them again"),
    )
    for what, names, then in told:
        if names:
            _say(f"  {what}: {len(names)}{f'; {then}' if then else ''}: {_some(names)}", "yellow")
    if not any(names for _, names, _ in told):
        _say("  nobody came, nobody was deleted, no password was renewed")


def _some(names: Sequence[str]) -> str:
    left = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {left} others (--json tells all)" if left > 0 else "")
