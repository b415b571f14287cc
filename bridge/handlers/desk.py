"""The desk at which one administrator's request is worked on, and how it may be refused."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from bridge import queries
from bridge.answers import failure_object
from bridge.arrows import Arrow, passed
from bridge.batch import Batch
from bridge.credentials import KeyRing
from bridge.decisions import BulkEvent, Refusal
from bridge.names import MANAGEMENT, MAX_DEVICE_ID
from bridge.records import AuditEntry
from bridge.registration import Code
from bridge.requests import BadRequest
from bridge.roles import OWNER, VIEWER
from bridge.rulebook import Rulebook
from bridge.transaction import Transaction


@dataclass(slots=True)
class Desk:
    """One request at work: who asks, in which transaction, and what has come of it.

    ``quiet``: what happened to single devices is not told, ``news`` tell instead. ``changes_rulebook``: options,
    tenants or administrators are others now.
    """

    tenant: str
    administrator: str
    command: str
    transaction: Transaction
    batch: Batch
    rulebook: Rulebook
    now: int
    role: str = VIEWER
    payload: bytes = field(default=b"", repr=False)
    audit: list[AuditEntry] = field(default_factory=list)
    news: list[BulkEvent] = field(default_factory=list)
    quiet: bool = False
    changes_rulebook: bool = False
    ends: Callable[[], bool] = lambda: False

    @property
    def actor(self) -> str:
        """Who asks, as events and the audit show it; the broker has proved it."""
        return f"{self.tenant}/{self.administrator}"

    @property
    def scope(self) -> str | None:
        """The tenant whose records are visible; None: all."""
        return None if self.tenant == MANAGEMENT else self.tenant

    @property
    def may_update(self) -> bool:
        """Tell whether the administrator may change devices."""
        return self.role == OWNER

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

    async def load(self, ids: Collection[str], *, devices: bool = False) -> None:
        """Load the records that the request is about; see ``Batch.load``."""
        await self.batch.load(ids, devices=devices)
        passed(Arrow.REQUEST_LOADED)

    def note(
        self,
        device_id: str | None,
        outcome: str,
        details: Mapping[str, Any] | None = None,
        *,
        tenant: str | None = None,
    ) -> None:
        """Write into the audit that this command did something, or was refused, for ``device_id`` of ``tenant``."""
        subject = None if device_id is None else device_id[:MAX_DEVICE_ID]
        concerned = tenant or self.tenant
        self.audit.append(AuditEntry(self.now, concerned, self.actor, self.command, subject, outcome, details or {}))

    def named_tenant(self, tenant: str) -> str:
        """Return the tenant that a request names, which only management does. Raises BadRequest."""
        if self.tenant != MANAGEMENT:
            raise BadRequest(Code.NOT_PERMITTED, "only management names a tenant: leave it out")
        if tenant not in self.tenants:
            raise BadRequest(Code.UNKNOWN_TENANT, f"there is no tenant {tenant!r}")
        return tenant

    def since(self, text: str) -> int:
        """Return the time that ``text`` is, in milliseconds. Raises BadRequest."""
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise BadRequest(Code.MALFORMED_REQUEST, "since is a time as 2026-01-31T12:00:00.000Z") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return int(moment.timestamp() * 1000)

    def is_hidden(self, device_id: str) -> bool:
        """Tell whether the id has a registration that belongs to somebody else."""
        found = self.batch.registration(device_id)
        return found is not None and self.scope is not None and found.tenant != self.scope


class CutShort(Exception):
    """The bridge ends in the middle of a request: what is committed stays, nobody is answered."""


class Refused(Exception):
    """The command is refused as a whole. Unlike with BadRequest, what was decided is kept: a failed attempt counts."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


class Sweep(Protocol):
    """A command that works on its subjects in parts, a transaction each, so that others get their turn in between."""

    done: bool

    async def step(self, desk: Desk) -> None:
        """Decide the next part, and tell by ``done`` whether it was the last."""

    def result(self) -> "Result":
        """Return what came of all of it."""


Result = Mapping[str, Any]
Handler = Callable[[Desk, dict[str, Any]], Awaitable[Result]]


@dataclass(slots=True)
class Tally:
    """What came of each device of a request. With one device a refusal is the answer; with many it is a row."""

    desk: Desk
    many: bool
    failed: list[dict[str, Any]] = field(default_factory=list)

    def note(
        self,
        device_id: str | None,
        refusal: Refusal | None,
        details: Mapping[str, Any] | None = None,
        *,
        tenant: str | None = None,
    ) -> bool:
        """Audit what was decided for ``device_id``; tell whether it was done. Raises Refused for the only device."""
        self.desk.note(device_id, "ok" if refusal is None else refusal.code, details, tenant=tenant)
        if refusal is None:
            return True
        if not self.many:
            raise Refused(refusal)
        self.failed.append(failure_object(device_id, refusal))
        return False
