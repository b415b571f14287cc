"""bulk-register, bulk-validate and template; and accepting devices with a file of tokens."""

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, Any, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge import display
from bridge.admin import Admin, RefusedByBridge
from bridge.bulk import BadFile
from bridge.commands.asking import in_parts
from bridge.registration import Code
from bridge.sending import Command, Failure, Tally, cut_ahead, send
from bridge.speaking import DONE, REFUSED, Speaker, Usage, Work, command, err, out
from bridge.uploading import Part, Upload, tokens

SHOWN: Final = 50
"""Failed lines that a terminal shows."""
INTERRUPTED: Final = 130

File = Annotated[str, typer.Argument(metavar="FILE", help="The CSV file; - reads it from standard input.")]
Failed = Annotated[
    Path | None,
    typer.Option(help="Write header and records of all failed lines to this file, to be corrected and sent again."),
]


class Kind(StrEnum):
    """The kinds of bulk files."""

    SIMPLE = "simple"
    FULL = "full"


@command("bulk-register")
def bulk_register(
    speaking: Speaker,
    file: File,
    failed: Failed = None,
) -> Work:
    """Register the devices of a CSV file; large files go in parts. Sending the same rows again changes nothing."""
    return _uploading(speaking, "bulk-register", file, failed)


@command("bulk-validate")
def bulk_validate(
    speaking: Speaker,
    file: File,
    failed: Failed = None,
) -> Work:
    """Say what bulk-register would do with a CSV file, and change nothing."""
    return _uploading(speaking, "bulk-validate", file, failed)


@command("template")
def template(
    speaking: Speaker,
    kind: Annotated[Kind, typer.Argument(help="simple: devices that will call; full: devices with credentials.")],
    output: Annotated[
        Path | None, typer.Option(help="Write it to this file, or into this folder, instead of printing it.")
    ] = None,
) -> Work:
    """Print an empty CSV file for bulk-register."""

    async def work(connection: Admin) -> int:
        result = await speaking.ask(connection, "template", {"kind": kind})
        if output is None:
            if not speaking.as_json:
                sys.stdout.write(result["content"])
            return DONE
        path = output / Path(result["filename"]).name if output.is_dir() else output
        try:
            with path.open("x", encoding="utf-8", newline="") as target:
                target.write(result["content"])
        except FileExistsError:
            raise Usage(f"{path} is there already: name another file, or remove it") from None
        except OSError as error:
            raise Usage(f"{path} cannot be written: {error.strerror}") from None
        if not speaking.as_json:
            out.print(display.text(f"{path} is written"))
        return DONE

    return work


def opened(file: str) -> Upload:
    """Open a file, or standard input, and look at all of it. Raises Usage, BadFile."""
    try:
        if file == "-":
            return Upload.of_stream(sys.stdin.buffer)
        stream = Path(file).open("rb")  # noqa: SIM115 - closed with the upload
        return Upload(stream) if stream.seekable() else Upload.of_stream(stream)
    except OSError as error:
        raise Usage(f"{file} cannot be read: {error.strerror}") from None


def _uploading(speaking: Speaker, name: Command, file: str, failed: Path | None) -> Work:
    if failed is not None and file != "-" and failed.exists() and Path(file).exists() and failed.samefile(file):
        raise Usage("--failed would write over the file that is read: name another one")
    with ExitStack() as stack:
        try:
            upload = stack.enter_context(opened(file))
            planned = [part.records for part in upload.parts()]
        except BadFile as error:
            raise typer.Exit(_tell_fault(error)) from None
        except KeyboardInterrupt:
            err.print("Stopped: nothing was sent.")
            raise typer.Exit(INTERRUPTED) from None
        kept = stack.pop_all()

    async def work(connection: Admin) -> int:
        with kept:
            target = None if failed is None else kept.enter_context(_private(failed, upload.encoding))
            sending = Sending(speaking, connection, name, planned, target)
            try:
                await sending.all(upload.parts())
            except BadFile as error:
                return _tell_fault(error)
            return sending.tell(failed)

    return work


def _tell_fault(error: BadFile) -> int:
    err.print(display.text(f"{Code.BULK_FILE_INVALID}: {error}"), style="red")
    return REFUSED


def _private(path: Path, encoding: str) -> IO[str]:
    """Open a file that nobody else may read: there may be credentials in it."""
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.fchmod(number, 0o600)
    except OSError as error:
        raise Usage(f"{path} cannot be written: {error.strerror}") from None
    return os.fdopen(number, "w", encoding=encoding, newline="")


@dataclass
class Sending:
    """A file on its way: its parts are sent one after the other, and what the bridge says of them is shown.

    ``planned`` are the numbers of records in the parts, ``target`` is where the records of failed lines go.
    """

    speaking: Speaker
    connection: Admin
    command: Command
    planned: Sequence[int]
    target: IO[str] | None = None
    tally: Tally = field(default_factory=Tally)
    first_failures: list[Failure] = field(default_factory=list)

    async def all(self, parts: Iterable[Part]) -> None:
        """Send all parts. Raises BadFile, RefusedByBridge, NoAnswer, Disconnected."""
        total = sum(self.planned)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        quiet = self.speaking.as_json or not err.is_terminal
        try:
            with Progress(*columns, console=err, transient=True, disable=quiet) as progress:
                task = progress.add_task("", total=total)
                async with aclosing(cut_ahead(parts)) as ahead:
                    async for part in ahead:
                        description = f"part {self.tally.parts + 1} of {len(self.planned)}, lines"
                        progress.update(task, description=description)
                        await self._send(part)
                        progress.advance(task, part.records)
        except BaseException as error:
            if self.tally.parts or not isinstance(error, RefusedByBridge | BadFile):
                self._tell_stopped(total)
            raise

    async def _send(self, part: Part) -> None:
        shows_all = not self.speaking.as_json and not err.is_terminal
        look = self.connection.request if shows_all or self.target is not None else None
        failures = await send(part, self.command, self.tally, self._ask, look, self.target)
        if shows_all and failures:
            err.print(display.lines_table(failures))
        self.first_failures += failures[: SHOWN - len(self.first_failures)]

    async def _ask(self, command: str, payload: bytes) -> dict[str, Any]:
        return await self.speaking.ask(self.connection, command, payload)

    def _tell_stopped(self, total: int) -> None:
        done = f"Stopped after {self.tally.lines:,} of {_lines(total)}"
        if self.command == "bulk-validate":
            err.print(f"{done}. Nothing was changed.")
        else:
            err.print(
                f"{done}: {self.tally.successful:,} are committed; the part that was on its way may be, too. Run the "
                "same command again: rows that are done already change nothing."
            )

    def tell(self, path: Path | None) -> int:
        """Say how it ended, failures as a table; return the exit status."""
        tally = self.tally
        status = REFUSED if tally.failed else DONE
        if self.speaking.as_json:
            return status
        if err.is_terminal and self.first_failures:
            err.print(display.lines_table(self.first_failures))
        if err.is_terminal and (more := tally.failed - len(self.first_failures)):
            how = "" if path else ": --failed FILE.csv writes the records of all, to be corrected and sent again"
            err.print(f"{more:,} more failed{how}")
        if path is not None and tally.failed:
            err.print(display.text(f"The records of the failed lines are in {path}"))
        of = _lines(tally.lines)
        if self.command == "bulk-validate":
            out.print(
                f"Nothing was changed. Of {of}, {tally.created:,} would create a device, {tally.there:,} concern one "
                f"already there, {tally.failed:,} would fail."
            )
        else:
            out.print(
                f"Of {of}, {tally.created:,} created a device, {tally.there:,} concerned one already there, "
                f"{tally.failed:,} failed."
            )
        if tally.renewed:
            least = "at least " if tally.renewed_more else ""
            number = f"{least}{tally.renewed:,} {'device' if tally.renewed == 1 else 'devices'}"
            if self.command == "bulk-validate":
                err.print(f"{number} would get a new password, and lose the session that is open.", style="yellow")
            else:
                err.print(f"{number} got a new password; sessions with the old one are closed.", style="yellow")
        return status


def _lines(number: int) -> str:
    return f"{number:,} {'line' if number == 1 else 'lines'}"


async def accept_file(speaking: Speaker, connection: Admin, path: str) -> int:
    """Accept the devices of a CSV file of ID;TOKEN, and CLAIM where one is named; return the exit status.

    Raises Usage, RefusedByBridge, NoAnswer, Disconnected.
    """
    try:
        with opened(path) as upload:
            named, bad = tokens(upload.lines())
    except BadFile as error:
        err.print(display.text(f"{path}: {error}"), style="red")
        return REFUSED
    rows = [one.request for one in named]
    accepted, refused = await in_parts(speaking, connection, "accept", "devices", rows, "accepted")
    line_of = {one.id: one.line for one in named}
    failures: list[dict[str, Any]] = [
        {"line": one.line, "deviceId": one.id, "code": one.code, "failureReason": one.reason} for one in bad
    ]
    failures += [
        {"line": line_of[one["id"]], "deviceId": one["id"], "code": one["code"], "failureReason": one["message"]}
        for one in refused
    ]
    if (failures and not speaking.as_json) or bad:
        err.print(display.lines_table(sorted(failures, key=lambda one: one["line"])))
    if not speaking.as_json:
        out.print(f"{len(accepted):,} of {len(named) + len(bad):,} devices are accepted")
    return REFUSED if failures else DONE
