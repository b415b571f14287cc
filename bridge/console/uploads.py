"""Who may send a file now, and whose it is: one file a session at a time, by a ticket that counts once.

It knows neither HTTP nor pages. A file is kept in one without a name, which ends with the process, and no longer than
the session.
"""

import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from bridge.console.bulk_job import Discarded, Job, Person, TooLarge
from bridge.console.session import State
from bridge.console.texts import text

TICKET_LASTS: Final = 60.0
"""Seconds within which a file begins to come after its ticket was given out."""
MOST: Final = 8
"""Files that are held for all sessions together: each may be as large as the limit, and fills the disk."""
NAME: Final = 255
"""Characters of a file's name that are shown."""

log = structlog.get_logger("console")


class NoUpload(Exception):
    """The file cannot be taken; the sentence says why. ``status`` is HTTP's."""

    def __init__(self, words: str, status: int = 409) -> None:
        super().__init__(words)
        self.status = status


@dataclass(frozen=True, slots=True)
class Ticket:
    """The permission to send one file."""

    value: str = field(repr=False)
    name: str
    size: int
    given: float


class Desk:
    """The file of one session. ``limit`` is in bytes."""

    def __init__(self, person: Person, limit: int, free: Callable[[], bool]) -> None:
        self.limit = limit
        self.job: Job | None = None
        self._person = person
        self._free = free
        self._ticket: Ticket | None = None
        self._watchers: set[Callable[[], object]] = set()

    def watch(self, watcher: Callable[[], object]) -> Callable[[], None]:
        """Call ``watcher`` whenever there is something new to show; return what ends that."""
        self._watchers.add(watcher)
        return lambda: self._watchers.discard(watcher)

    def ticket(self, name: str, size: int) -> str:
        """Give out the ticket for a file of this name and size in bytes, the only one. Raises NoUpload."""
        if size > self.limit:
            raise NoUpload(too_large(self.limit), 413)
        self._refuse_another()
        self._ticket = Ticket(secrets.token_urlsafe(24), name[:NAME], size, time.monotonic())
        return self._ticket.value

    async def receive(self, ticket: str, chunks: AsyncIterator[bytes]) -> None:
        """Take the file of a ticket, and begin to check it. Raises NoUpload, and whatever ends ``chunks``."""
        job = self._begun(ticket)
        has_come = False
        try:
            await job.receive(chunks, self.limit)
            has_come = True
        except TooLarge:
            raise NoUpload(too_large(self.limit), 413) from None
        except Discarded:
            raise NoUpload(text("bulk.discarded")) from None
        except OSError as error:
            raise NoUpload(text("bulk.disk", reason=error.strerror), 507) from None
        finally:
            if not has_come and self.job is job:
                self.discard()

    def _begun(self, ticket: str) -> Job:
        known, self._ticket = self._ticket, None
        if known is None or not secrets.compare_digest(known.value.encode(), ticket.encode()):
            raise NoUpload(text("bulk.no_ticket"), 403)
        if time.monotonic() - known.given > TICKET_LASTS:
            raise NoUpload(text("bulk.no_ticket"), 403)
        self._refuse_another()
        self.job = Job(self._person, known.name, known.size, self._changed)
        self._changed()
        return self.job

    def _refuse_another(self) -> None:
        if self.job is not None:
            raise NoUpload(text("bulk.another"))
        if not self._free():
            raise NoUpload(text("bulk.others"), 503)

    def discard(self) -> None:
        """Forget the file; a work on it is ended."""
        job, self.job = self.job, None
        if job is not None:
            job.close()
            self._changed()

    def _changed(self) -> None:
        for watcher in list(self._watchers):
            try:
                watcher()
            except Exception:
                log.exception("a page failed")  # the work has nothing to do with who looks on


class Uploads:
    """The desks of all sessions. ``limit`` is in bytes, of one file."""

    def __init__(self, limit: int, most: int = MOST) -> None:
        self.limit = limit
        self._most = most
        self._desks: dict[str, Desk] = {}

    def desk(self, key: str, person: Person) -> Desk:
        """Return the desk of the session ``key``; what is on it goes when the session ends."""
        if (known := self._desks.get(key)) is not None:
            return known
        desk = self._desks[key] = Desk(person, self.limit, self._is_free)

        def watch() -> None:
            if person.state is State.ENDED:
                unwatch()
                self._desks.pop(key, None)
                desk.discard()

        unwatch = person.watch(watch)
        return desk

    def _is_free(self) -> bool:
        return sum(desk.job is not None for desk in self._desks.values()) < self._most


def too_large(limit: int) -> str:
    """Return the sentence for a file that is larger than ``limit`` bytes."""
    return text("bulk.too_large", limit=f"{limit / 1_048_576:,.0f}")
