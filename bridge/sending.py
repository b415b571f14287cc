"""A file on its way to the bridge: part after part, with what the bridge says of each added up.

It knows neither the connection nor who looks on: the command line and the console give it a way to ask, and show what
it counts.
"""

import asyncio
import io
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import IO, Any, Final, Literal

from bridge.uploading import Part, header_of, parts, records_at

SLICE: Final = 1_000
"""Records whose failures an answer can hold all (the contract, section 5)."""

Command = Literal["bulk-register", "bulk-validate"]
Ask = Callable[[str, bytes], Awaitable[Mapping[str, Any]]]
"""Sends a command with a file and returns its result."""
Failure = Mapping[str, Any]
"""A failed line as an answer names it, with its number in the whole file."""


async def cut_ahead(parts_: Iterable[Part]) -> AsyncGenerator[Part, None]:
    """Yield the parts of a file; the next one is cut while the bridge works on this one. Raises BadFile."""
    cutting = iter(parts_)

    def cut() -> asyncio.Task[Part | None]:
        return asyncio.create_task(asyncio.to_thread(next, cutting, None), name="cut the next part")

    coming = cut()
    try:
        while (part := await coming) is not None:
            coming = cut()
            yield part
    finally:
        await asyncio.gather(coming, return_exceptions=True)


@dataclass(slots=True)
class Tally:
    """What the bridge said of the parts so far. ``renewed``: devices with a new password, at least so many where
    ``renewed_more``, since an answer names no more than a thousand.
    """

    parts: int = 0
    lines: int = 0
    created: int = 0
    successful: int = 0
    failed: int = 0
    renewed: int = 0
    renewed_more: bool = False

    @property
    def there(self) -> int:
        """Lines that concerned a registration or device already there."""
        return self.successful - self.created

    def add(self, result: Mapping[str, Any]) -> None:
        """Add the result of one part."""
        self.parts += 1
        self.lines += result["numberOfAll"]
        self.created += result["numberOfCreated"]
        self.successful += result["numberOfSuccessful"]
        self.failed += result["numberOfFailed"]
        renewed = len(result["credentialUpdatedList"])
        self.renewed += renewed
        self.renewed_more |= renewed == SLICE


async def send(
    part: Part, command: Command, tally: Tally, ask: Ask, look: Ask | None, target: IO[str] | None
) -> Sequence[Failure]:
    """Send one part and return its failed lines: all of them if there is a way to ``look`` again, else the first.

    Their records go to ``target``, after the header where it is the first part. Raises what ``ask`` and ``look`` do,
    and then has added nothing.
    """
    result = await ask(command, part.payload)
    failures = _moved(result["failedCreationList"], part)
    if look is not None and len(failures) < result["numberOfFailed"]:
        failures = await _all_failures(part, look)
    if target is not None:
        failed = {one["line"] for one in failures}
        records = await asyncio.to_thread(lambda: list(records_at(part, failed)))
        if not tally.parts:
            target.write(header_of(part))
        target.writelines(records)
    tally.add(result)  # last, so that who is interrupted has counted what is written, and no more
    return failures


async def _all_failures(part: Part, look: Ask) -> list[Failure]:
    """Ask again, slice by slice, which lines fail: an answer names no more than the first thousand."""
    failures: list[Failure] = []
    async with aclosing(cut_ahead(parts(io.StringIO(part.text, newline=""), max_records=SLICE))) as pieces:
        async for piece in pieces:
            result = await look("bulk-validate", piece.payload)
            failures += _moved(_moved(result["failedCreationList"], piece), part)
    return failures


def _moved(failures: Sequence[Failure], part: Part) -> list[Failure]:
    return [{**failure, "line": failure["line"] + part.offset} for failure in failures]
