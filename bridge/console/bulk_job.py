"""A bulk file in the hands of a session: received, checked, registered, part after part, while people look or not.

It knows no page. It asks in the person's name and goes on through breaks of the connection; what is to be shown of it
is read by whoever watches.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from enum import StrEnum
from itertools import islice
from typing import IO, Any, Final, Protocol

import structlog

from bridge.admin import RefusedByBridge
from bridge.console.findings import Findings
from bridge.console.persisting import Asked, Persistent
from bridge.console.session import Ended
from bridge.console.texts import text
from bridge.delimited import BadFile
from bridge.sending import Command, Tally, cut_ahead, send
from bridge.uploading import Upload

STOP_PATIENCE: Final = 10.0
"""Seconds for which who stops waits for the part on its way, so that the counts tell all that was done."""
BLOCK: Final = 1_048_576
"""Bytes that are written to the disk at once."""

log = structlog.get_logger("console")


class Phase(StrEnum):
    """Where a file stands."""

    RECEIVING = "receiving"
    CHECKING = "checking"
    CHECKED = "checked"
    REGISTERING = "registering"
    STOPPED = "stopped"
    DONE = "done"
    FAULTY = "faulty"


BUSY: Final = frozenset({Phase.RECEIVING, Phase.CHECKING, Phase.REGISTERING})


class Person(Asked, Protocol):
    """What a job needs of a session."""

    @property
    def tenant(self) -> str:
        """The tenant in whose name is asked."""

    @property
    def name(self) -> str:
        """The administrator who asks."""

    def touch(self) -> None:
        """Note that the person did something."""


class TooLarge(Exception):
    """More came than may be."""


class Discarded(Exception):
    """Nobody wants the file any more."""


class Job:
    """One file of at most ``size`` bytes. ``changed`` is called whenever there is something new to show.

    ``waiting`` tells that broker or bridge are away, ``stopping`` that the last part before a stop is on its way,
    ``lines`` the number of lines once it is known, ``fault`` what ended the work.
    """

    def __init__(self, person: Person, name: str, size: int, changed: Callable[[], object]) -> None:
        self.name = name
        self.size = size
        self.phase = Phase.RECEIVING
        self.fraction = 0.0
        self.waiting = False
        self.stopping = False
        self.lines = 0
        self.fault = ""
        self.findings: Findings | None = None
        self._person = person
        self._changed = changed
        self._file: IO[bytes] | None = None
        self._upload: Upload | None = None
        self._sent = 0
        self._task: asyncio.Task[None] | None = None
        self._asking = Persistent(person, self._wait)

    async def receive(self, chunks: AsyncIterator[bytes], limit: int) -> None:
        """Take the file as it comes, then begin to check it. Raises TooLarge, Discarded, OSError."""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        block = bytearray()
        received = 0
        async for chunk in chunks:
            received += len(chunk)
            if received > limit:
                raise TooLarge
            block += chunk
            if len(block) >= BLOCK:
                await self._write(bytes(block))
                block.clear()
                self._show(Phase.RECEIVING, min(1.0, received / max(1, self.size)))
        await self._write(bytes(block))
        self.size = received
        self._begin(Phase.CHECKING, self._check)

    async def _write(self, block: bytes) -> None:
        assert self._file is not None
        try:
            await asyncio.to_thread(self._file.write, block)
        except ValueError:
            if not self._file.closed:
                raise
        if self._file.closed:
            raise Discarded

    def register(self) -> None:
        """Register the devices of the file, after a stop from the part on that was not answered."""
        if self.phase is Phase.CHECKED:
            assert self._upload is not None
            self._forget_findings()
            self.findings = Findings(self._upload.encoding)
            self._begin(Phase.REGISTERING, self._register)
        elif self.phase is Phase.STOPPED:
            self._begin(Phase.REGISTERING, self._register)

    def stop(self) -> None:
        """Stop after the part that is on its way."""
        if self.phase is Phase.REGISTERING and not self.stopping and self._task is not None:
            self.stopping = True
            asyncio.get_running_loop().call_later(0.0 if self.waiting else STOP_PATIENCE, self._task.cancel)
            self._changed()

    def close(self) -> None:
        """Forget the file and what was found in it."""
        self._asking.close()
        if self._task is not None:
            self._task.cancel()
        self._forget_findings()
        if self._file is not None:
            with suppress(OSError):  # a full disk fails what is still to be written, and nobody needs it any more
                self._file.close()

    def _wait(self, waiting: bool) -> None:
        self.waiting = waiting
        if self.phase in BUSY:
            self._changed()

    def _show(self, phase: Phase, fraction: float) -> None:
        self.phase, self.fraction = phase, fraction
        self._changed()

    def _begin(self, phase: Phase, work: Callable[[], Awaitable[None]]) -> None:
        self.stopping = False
        self.fault = ""
        self._show(phase, self.fraction if self.phase is Phase.STOPPED else 0.0)
        self._task = asyncio.create_task(self._working(work), name=f"bulk file, {phase}")
        self._task.add_done_callback(self._failed)

    async def _working(self, work: Callable[[], Awaitable[None]]) -> None:
        began = time.monotonic()
        phase = self.phase
        try:
            await work()
        except BadFile as error:
            self._end(Phase.FAULTY, str(error))
        except RefusedByBridge as error:
            whole = phase is Phase.CHECKING or error.code == "BULK_FILE_INVALID"
            self._end(Phase.FAULTY if whole else Phase.STOPPED, error.message)
        except OSError as error:
            words = text("bulk.disk", reason=error.strerror)
            self._end(Phase.FAULTY if phase is Phase.CHECKING else Phase.STOPPED, words)
        except asyncio.CancelledError:
            if not self.stopping:
                raise
            self._end(Phase.STOPPED, "")
        except Ended:
            return  # whoever sees the session end closes this
        finally:
            self._tell(phase, began)

    def _end(self, phase: Phase, fault: str) -> None:
        self.fault = fault
        self._show(phase, self.fraction)

    def _failed(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("bulk file failed", exc_info=error)
            self._end(Phase.FAULTY, text("bulk.internal"))

    def _tell(self, phase: Phase, began: float) -> None:
        tally = self.findings.tally if self.findings is not None else Tally()
        log.info(
            "bulk file",
            tenant=self._person.tenant,
            administrator=self._person.name,
            work=phase.value,
            came_to="cut off" if self.phase is phase else self.phase.value,
            bytes=self.size,
            lines=tally.lines,
            created=tally.created,
            failed=tally.failed,
            ms=round(1000 * (time.monotonic() - began)),
        )

    async def _check(self) -> None:
        assert self._file is not None
        self._file.seek(0)
        self._upload = await asyncio.to_thread(Upload, self._file)
        self._forget_findings()
        self.findings = Findings(self._upload.encoding)
        await self._send("bulk-validate", self._upload, self.findings)
        self.lines = self.findings.tally.lines
        self._show(Phase.CHECKED, 1.0)

    async def _register(self) -> None:
        assert self._upload is not None
        assert self.findings is not None
        await self._send("bulk-register", self._upload, self.findings)
        if self.stopping and self.findings.tally.lines < self.lines:
            self._show(Phase.STOPPED, self.fraction)
            return
        self._upload.__exit__()
        self._show(Phase.DONE, 1.0)

    async def _send(self, command: Command, upload: Upload, findings: Findings) -> None:
        async with aclosing(cut_ahead(islice(upload.parts(), findings.tally.parts, None))) as parts:
            async for part in parts:
                failures = await send(part, command, findings.tally, self._ask, self._ask, findings.records)
                findings.add(failures)
                self._sent += len(part.text.encode(upload.encoding))
                self._person.touch()
                self._show(self.phase, min(1.0, self._sent / max(1, self.size)))
                if self.stopping:
                    break

    async def _ask(self, command: str, payload: bytes) -> Mapping[str, Any]:
        return await self._asking.ask(command, payload)

    def _forget_findings(self) -> None:
        if self.findings is not None:
            self.findings.close()
            self.findings = None
        self._sent = 0
