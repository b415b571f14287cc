"""The desk at which one administrator's request is worked on, and how it may be refused."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge import queries
from bridge.batch import Batch, Rulebook
from bridge.credentials import KeyRing
from bridge.names import MANAGEMENT, MAX_DEVICE_ID
from bridge.records import AuditEntry
from bridge.registration import Refusal
from bridge.requests import failure_object
from bridge.store import Transaction


@dataclass(slots=True)
class Desk:
    """One request at work: who asks, in which transaction, and what has come of it."""

    tenant: str
    administrator: str
    command: str
    transaction: Transaction
    batch: Batch
    rulebook: Rulebook
    now: int
    audit: list[AuditEntry] = field(default_factory=list)
    option_set: bool = False

    @property
    def actor(self) -> str:
        """Who asks, as events and the audit show it; the broker has proved it."""
        return f"{self.tenant}/{self.administrator}"

    @property
    def scope(self) -> str | None:
        """The tenant whose records are visible; None: all."""
        return None if self.tenant == MANAGEMENT else self.tenant

    @property
    def tenants(self) -> frozenset[str]:
        """The tenants there are."""
        return self.rulebook.tenants

    @property
    def connection(self) -> queries.Connection:
        """Where queries run, in the same transaction."""
        return self.transaction.connection

    @property
    def keys(self) -> KeyRing:
        """The keys for digests."""
        return self.rulebook.keys

    def note(self, device_id: str | None, outcome: str, **details: Any) -> None:
        """Write into the audit that this command did something, or was refused, for ``device_id``."""
        subject = None if device_id is None else device_id[:MAX_DEVICE_ID]
        self.audit.append(AuditEntry(self.now, self.tenant, self.actor, self.command, subject, outcome, details))

    def is_hidden(self, device_id: str) -> bool:
        """Tell whether the id has a registration that belongs to somebody else."""
        found = self.batch.registration(device_id)
        return found is not None and self.scope is not None and found.tenant != self.scope


class Refused(Exception):
    """The command is refused as a whole. Unlike with BadRequest, what was decided is kept: a failed attempt counts."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


Result = Mapping[str, Any]
Handler = Callable[[Desk, dict[str, Any]], Awaitable[Result]]


@dataclass(slots=True)
class Tally:
    """What came of each device of a request. With one device a refusal is the answer; with many it is a row."""

    desk: Desk
    many: bool
    failed: list[dict[str, Any]] = field(default_factory=list)

    def note(self, device_id: str | None, refusal: Refusal | None, **details: Any) -> bool:
        """Audit what was decided for ``device_id``; tell whether it was done. Raises Refused for the only device."""
        self.desk.note(device_id, "ok" if refusal is None else refusal.code, **details)
        if refusal is None:
            return True
        if not self.many:
            raise Refused(refusal)
        self.failed.append(failure_object(device_id, refusal))
        return False
