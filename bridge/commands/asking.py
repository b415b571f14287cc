"""What the administrator's commands share: values as they are given, many devices in parts, pages, failures shown."""

import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from bridge import display
from bridge.admin import Admin
from bridge.advice import LEFT_OUT
from bridge.commands import terminal
from bridge.commands.completing import device_ids
from bridge.menu import PROGRAM
from bridge.names import DEFAULT, MANAGEMENT
from bridge.requests import MAX_IDS
from bridge.speaking import DONE, MANAGEMENT_PANEL, REFUSED, GivenUp, Speaker, Usage, err, out


def sort_option(*names: str) -> Any:
    """Return the option --sort of a list that can be sorted by ``names``."""

    def checked(value: str | None) -> str | None:
        if value is not None and value.removeprefix("-") not in names:
            raise typer.BadParameter(f"takes one of {', '.join(names)}, with - before it to descend")
        return value

    return typer.Option(
        "--sort",
        help=f"{', '.join(names[:-1])} or {names[-1]}; descending with - before it, as --sort=-{names[-1]}.",
        callback=checked,
        autocompletion=lambda: [*names, *(f"-{one}" for one in names)],
    )


def _moment(value: str | None) -> str | None:
    """Return a time of the contract for one, or for a while ago as 2h."""
    if value is None:
        return None
    try:
        if ago := re.fullmatch(r"(\d{1,6})(min|h|d)", value):
            hours = int(ago[1]) * {"min": 1 / 60, "h": 1, "d": 24}[ago[2]]
            moment = datetime.now(UTC) - timedelta(hours=hours)
        else:
            moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter("takes a time as 2026-01-31T12:00Z, or a while ago as 30min, 2h or 7d") from None
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


DeviceId = Annotated[str, typer.Argument(metavar="ID", help="The device id.", autocompletion=device_ids)]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many to show.")]
Cursor = Annotated[str | None, typer.Option(help="Go on where an earlier page ended.")]
Search = Annotated[str | None, typer.Option(help="Only those with this in the id or the name.")]
Since = Annotated[
    str | None,
    typer.Option(help="From when on: a time as 2026-01-31T12:00Z, or 30min, 2h, 7d ago.", callback=_moment),
]
ForTenant = Annotated[
    str | None,
    typer.Option(help="The tenant it is for; management speaks.", rich_help_panel=MANAGEMENT_PANEL),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def counted(number: int, what: str = "device") -> str:
    """Return how many there are, with its verb: 1 device is, 2 devices are."""
    return f"1 {what} is" if number == 1 else f"{number:,} {what}s are"


def given(**values: Any) -> dict[str, Any]:
    """Return those of ``values`` that were given, for a payload."""
    return {name: value for name, value in values.items() if value is not None}


def ids_given(given: Sequence[str]) -> list[str]:
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


def token_given(text: str | None, file: Path | None) -> str | None:
    """Return the token of --token TEXT, --token - or --token-file."""
    if text is not None and file is not None:
        raise Usage("give --token or --token-file, not both")
    if file is not None:
        return text_of(file).strip()
    return sys.stdin.readline().strip() if text == "-" else text


def text_of(file: Path) -> str:
    """Return what is in ``file``, ``-`` being standard input. Raises Usage."""
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except OSError as error:
        raise Usage(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Usage(f"{file} is no UTF-8 text") from None


def parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Cut ``values`` into as many as one message may name."""
    for start in range(0, len(values), MAX_IDS):
        yield values[start : start + MAX_IDS]


async def in_parts(
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
        for part in parts(values):
            result = await speaking.ask(connection, command, {member: list(part)})
            succeeded.extend(result[done])
            failed.extend(result["failed"])
            progress.advance(task, len(part))
    return succeeded, failed


async def every_page(
    speaking: Speaker, connection: Admin, command: str, member: str, payload: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """Ask for all of a list that has no options of its own, page by page."""
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        result = await speaking.ask(connection, command, {**(payload or {}), **given(cursor=cursor)})
        rows.extend(result[member])
        cursor = result.get("next")
        if not cursor:
            return rows


def show_more(result: dict[str, Any]) -> None:
    """Say how to see the next page, where there is one."""
    if result.get("next"):
        out.print(display.text(f"There are more: add --cursor {result['next']}"), soft_wrap=True)


def show_failed(speaking: Speaker, failed: Sequence[dict[str, Any]]) -> int:
    """Show which devices were refused, why, and what to do next for each reason; return the exit status."""
    if not failed:
        return DONE
    if not speaking.as_json:
        err.print(display.failures_table(failed))
        steps = [(code, LEFT_OUT[code]) for code in dict.fromkeys(one["code"] for one in failed) if code in LEFT_OUT]
        if steps:
            err.print()
            rows = [
                (sum(one["code"] == code for one in failed), why, next_.format(program=PROGRAM))
                for code, (why, next_) in steps
            ]
            err.print(display.steps_table(rows))
    return REFUSED


def is_alone(connection: Admin, tenants: Sequence[str]) -> bool:
    """Tell whether a tenant column would say nothing: all is the speaker's own, or there is one tenant to manage."""
    others = set(tenants) - {MANAGEMENT}
    return set(tenants) <= {connection.tenant} or (connection.tenant == MANAGEMENT and others <= {DEFAULT})


async def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone, where somebody can answer. Raises GivenUp for a no."""
    if not yes and terminal.somebody_is_there() and not await terminal.is_confirmed(display.text(question)):
        raise GivenUp("nothing was done")
