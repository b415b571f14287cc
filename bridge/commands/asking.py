"""What the administrator's commands share: ids and tokens as they are given, many devices in parts, failures shown."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.progress import Progress

from bridge import display
from bridge.admin import Admin
from bridge.requests import MAX_IDS
from bridge.speaking import DONE, REFUSED, Speaker, Usage, err


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
        try:
            return file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Usage(f"{file} cannot be read: {error.strerror}") from None
    return sys.stdin.readline().strip() if text == "-" else text


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


def show_failed(speaking: Speaker, failed: Sequence[dict[str, Any]]) -> int:
    """Show which devices were refused and why; return the exit status."""
    if not failed:
        return DONE
    if not speaking.as_json:
        err.print(display.failures_table(failed))
    return REFUSED
