"""bulk-register, bulk-validate and template: files of devices, decided line by line, committed in parts.

A file is one audit entry and one event for each tenant in it. A line that changes nothing touches nothing, so that a
file which was interrupted is simply sent again (the contract, section 6).
"""

import asyncio
import hmac
import io
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final

from bridge import bulk, names
from bridge.answers import bounded
from bridge.arrows import Arrow, passed
from bridge.batch import Batch, distinct
from bridge.bulk import MAX_FILE, BadFile, BadRow, File, Row
from bridge.credentials import BadSecret
from bridge.decisions import Announce, BulkEvent, Decision, Provision, Refusal
from bridge.handlers.desk import CutShort, Desk, Result
from bridge.inventory import fits, is_to_come, merged
from bridge.names import MANAGEMENT, device_username
from bridge.records import DEVICE, Account
from bridge.registration import Code, Device, Registration, Said, Status
from bridge.requests import MAX_IDS, BadRequest, Template, parse

CHUNK: Final = 5_000
"""Lines decided in one transaction, so that calls and other requests get their turn in between."""

BREATH: Final = 500
"""Lines after which whatever else is to be done gets its turn on the processor."""


def opened(payload: bytes, desk: Desk) -> File:
    """Open the file that a message brought. Raises BadRequest."""
    if len(payload) > MAX_FILE:
        raise BadRequest(
            Code.LIMIT_REACHED,
            f"one message holds at most {MAX_FILE:,} bytes of a file, this one has {len(payload):,}: send it in parts, "
            "each with the header",
        )
    try:
        return bulk.read(
            io.StringIO(bulk.decode(payload), newline=""), desk.tenants if desk.tenant == MANAGEMENT else None
        )
    except BadFile as error:
        raise BadRequest(Code.BULK_FILE_INVALID, str(error)) from None


@dataclass(slots=True)
class Numbers:
    """How many lines there were, and what came of them."""

    lines: int = 0
    created: int = 0
    failed: int = 0

    def count(self, created: bool, failed: bool) -> None:
        """Count a line."""
        self.lines += 1
        self.created += created
        self.failed += failed

    @property
    def members(self) -> dict[str, int]:
        """The numbers by their names in the contract."""
        return {
            "numberOfAll": self.lines,
            "numberOfCreated": self.created,
            "numberOfFailed": self.failed,
            "numberOfSuccessful": self.lines - self.failed,
        }


@dataclass(slots=True)
class Outcome:
    """What came of a file so far, in all and for each tenant."""

    numbers: dict[str, Numbers] = field(default_factory=dict)
    total: Numbers = field(default_factory=Numbers)
    updated: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)

    def count(self, tenant: str | None, *, created: bool = False, failed: bool = False) -> None:
        """Count a line; ``tenant`` None: it is nobody's."""
        self.total.count(created, failed)
        if tenant is not None:
            numbers = self.numbers.get(tenant)
            if numbers is None:
                numbers = self.numbers[tenant] = Numbers()
            numbers.count(created, failed)

    def fail(self, row: Row | BadRow, tenant: str | None, code: Code, reason: str) -> None:
        """Note a line that failed."""
        shown = {} if row.id is None else {"deviceId": row.id}
        if len(self.failed) <= MAX_IDS:  # one more than an answer shows tells that it does not show all
            self.failed.append(
                {"bulkNewDeviceStatus": "FAILED", **shown, "code": code, "failureReason": reason, "line": row.line}
            )
        self.count(tenant, failed=True)

    def result(self) -> Result:
        """Return the answer."""
        return {
            **self.total.members,
            **bounded(credentialUpdatedList=self.updated, failedCreationList=self.failed),
        }


class _Reader:
    """Decides the lines of a file on a batch, and keeps count."""

    def __init__(self, desk: Desk, number: str) -> None:
        file = opened(desk.payload, desk)
        self.actor = desk.actor
        self.may_update = False
        self.full = file.full
        self.lines: Iterator[Row | BadRow] = iter(file)
        self.number = number
        self.outcome = Outcome()
        self._last: tuple[str | None, str | None] = (None, None)
        self._last_said = Said()

    def next_part(self) -> list[Row | BadRow]:
        """Read the next lines."""
        return list(islice(self.lines, CHUNK))

    async def decide(self, desk: Desk, batch: Batch, lines: Sequence[Row | BadRow], held: "_Held") -> list[str]:
        """Decide ``lines``; return the ids that were registered."""
        self.may_update = desk.may_update  # of this part: a role may be another one meanwhile
        rows = [line for line in lines if isinstance(line, Row)]
        ids = distinct(row.id for row in rows)
        await batch.load(ids, devices=True)
        passed(Arrow.REQUEST_LOADED)
        held.place(batch, ids)
        if self.full:
            await held.load(desk, batch, ids)
        created: list[str] = []
        for number, line in enumerate(lines):
            if number % BREATH == 0:
                await asyncio.sleep(0)  # what has arrived meanwhile is taken in
            tenant = desk.tenant
            if isinstance(line, BadRow):
                self.outcome.fail(line, None if desk.tenant == MANAGEMENT else tenant, line.code, line.reason)
                continue
            tenant = line.tenant or tenant
            before, device = batch.registration(line.id), batch.device(line.id)
            if line.properties and (fault := _too_large(line, before, device)):
                self.outcome.fail(line, tenant, fault.code, fault.message)
                continue
            wrote = device.bulk if device is not None else None if before is None else before.bulk
            command = (
                self._provision(desk, line, tenant, wrote, held) if self.full else self._announce(desk, line, tenant)
            )
            decision = batch.decide(command)
            if decision.refusal is not None:
                self.outcome.fail(line, tenant, decision.refusal.code, decision.refusal.message)
                continue
            self._count(line, tenant, before, device, command, decision)
            if self.full:
                held.take(line.id, decision, command, tenant)
            if before is None and decision.after is not None:
                created.append(line.id)
        return created

    def _said(self, row: Row) -> Said:
        if self.full or row.name is not None:
            return Said(row.name, row.type, row.path, row.iccid, row.id_type, row.shell, row.properties)
        if (row.type, row.path) != self._last:  # lines of a group often stand together
            self._last, self._last_said = (row.type, row.path), Said(type=row.type, group=row.path)
        return self._last_said

    def _announce(self, desk: Desk, row: Row, tenant: str) -> Announce:
        said, token = self._said(row), row.token
        if token is None:
            return Announce(row.id, tenant, self.actor, said, self.number, self.may_update, auto_accept=row.auto_accept)
        return Announce(
            id=row.id,
            tenant=tenant,
            by=self.actor,
            said=said,
            bulk=self.number,
            may_update=self.may_update,
            token=desk.keys.token_digest(row.id, token),
            token_is_long=len(token) >= names.LONG_TOKEN,
            auto_accept=row.auto_accept,
        )

    def _provision(self, desk: Desk, row: Row, tenant: str, wrote: str | None, held: "_Held") -> Provision:
        credentials = row.credentials
        assert credentials is not None
        command = Provision(
            id=row.id,
            tenant=tenant,
            by=self.actor,
            said=self._said(row),
            bulk=self.number,
            may_update=self.may_update,
            seed=secrets.token_bytes(16),
            key_id=desk.keys.current,
        )
        account = held.accounts.get(row.id)
        # Whoever may not replace a password may not try out either which it is, unless it came by a file of his own.
        is_his = self.may_update or wrote == self.number or held.authors.get(wrote or "") == self.actor
        if is_his and account is not None and account.tenant == tenant and _is_password_of(desk, account, credentials):
            return replace(command, seed=account.seed, key_id=account.key_id, held=True, installed=account.installed)
        return replace(command, secret=desk.keys.locked(device_username(tenant, row.id), credentials, command.key_id))

    def _count(
        self,
        row: Row,
        tenant: str,
        before: Registration | None,
        device: Device | None,
        command: Announce | Provision,
        decision: Decision,
    ) -> None:
        was_device = device is not None or (before is not None and before.status is Status.ACCEPTED)
        if isinstance(command, Provision):
            is_new = not was_device
            if was_device and not command.held and len(self.outcome.updated) <= MAX_IDS:
                self.outcome.updated.append({"bulkNewDeviceStatus": "CREDENTIAL_UPDATED", "deviceId": row.id})
        else:
            is_new = before is None and decision.after is not None
        self.outcome.count(tenant, created=is_new)


@dataclass(slots=True)
class _Held:
    """The passwords that devices have, and what a dry run has decided of ids that come again."""

    accounts: dict[str, Account] = field(default_factory=dict)
    authors: dict[str, str] = field(default_factory=dict)
    again: frozenset[str] = frozenset()
    placed: dict[str, tuple[Registration | None, Device | None]] = field(default_factory=dict)
    passwords: dict[str, Account] = field(default_factory=dict)

    async def load(self, desk: Desk, batch: Batch, ids: Sequence[str]) -> None:
        """Load the accounts that devices with ``ids`` have."""
        usernames = [
            device_username(found.tenant, device_id)
            for device_id in ids
            if (found := batch.registration(device_id) or batch.device(device_id)) is not None
        ]
        if not desk.may_update:
            known = [batch.device(device_id) or batch.registration(device_id) for device_id in ids]
            files = {found.bulk for found in known if found is not None and found.bulk}
            self.authors = await desk.transaction.authors(files) if files else {}
        there = await desk.transaction.accounts(usernames)
        self.accounts = {account.subject: account for account in there.values() if account.wanted} | {
            device_id: self.passwords[device_id] for device_id in ids if device_id in self.passwords
        }

    def place(self, batch: Batch, ids: Sequence[str]) -> None:
        """Put what was decided before, but not written, into ``batch``."""
        for device_id in ids:
            if device_id in self.placed:
                batch.place(device_id, *self.placed[device_id])

    def take(self, device_id: str, decision: Decision, command: Announce | Provision, tenant: str) -> None:
        """Remember the new password of a device, for its next line in the same part."""
        if isinstance(command, Provision) and not command.held:
            account = Account(
                device_username(tenant, device_id),
                DEVICE,
                tenant,
                device_id,
                command.seed,
                command.key_id,
                secret=command.secret,
            )
            self.accounts[device_id] = account
            if device_id in self.again:
                self.passwords[device_id] = account

    def keep(self, batch: Batch, ids: Sequence[str]) -> None:
        """Remember what a dry run has decided of ids that come again."""
        for device_id in ids:
            if device_id in self.again:
                self.placed[device_id] = (batch.registration(device_id), batch.device(device_id))


def _is_password_of(desk: Desk, account: Account, credentials: str) -> bool:
    try:
        held = desk.rulebook.password_of(account)
    except BadSecret:  # it cannot be used any more: this line replaces it
        return False
    return hmac.compare_digest(held.encode(), credentials.encode())


def _too_large(row: Row, registration: Registration | None, device: Device | None) -> Refusal | None:
    said = {} if registration is None or not is_to_come(registration) else registration.properties
    there = {**({} if device is None else device.properties), **said}
    if not there or fits(merged(there, row.properties)):
        return None
    return Refusal(Code.LIMIT_REACHED, f"the properties of {row.id} would exceed 8 KiB as JSON with those of this line")


class BulkRegister:
    """A file on its way into the database, a part in each transaction; see ``Sweep``."""

    def __init__(self) -> None:
        self._reader: _Reader | None = None
        self._number = secrets.token_hex(8)
        self.done = False

    async def step(self, desk: Desk) -> None:
        """Decide the next part, and write the audit entries as they are with it."""
        if self._reader is None:
            self._reader = _Reader(desk, self._number)
        reader = self._reader
        lines = reader.next_part()
        created = await reader.decide(desk, desk.batch, lines, _Held())
        await desk.transaction.forget_unregistered(created)
        self.done = len(lines) < CHUNK
        desk.quiet = True
        by_tenant = reader.outcome.numbers or {desk.tenant: reader.outcome.total}
        for tenant, counted in by_tenant.items():
            desk.note(None, "ok", {**counted.members, "complete": self.done}, tenant=tenant)
        desk.audit = [replace(entry, bulk=self._number) for entry in desk.audit]
        if self.done:
            desk.news = [
                BulkEvent(tenant, desk.now, desk.actor, counted.members)
                for tenant, counted in reader.outcome.numbers.items()
            ]

    def result(self) -> Result:
        """Return what came of it."""
        assert self._reader is not None
        return self._reader.outcome.result()


async def bulk_validate(desk: Desk, value: dict[str, Any]) -> Result:
    """Decide the file as ``bulk-register`` would, and write nothing."""
    counted = Counter(line.id for line in opened(desk.payload, desk) if isinstance(line, Row))
    held = _Held(again=frozenset(device_id for device_id, number in counted.items() if number > 1))
    del counted
    reader = _Reader(desk, "")
    while lines := reader.next_part():
        batch = Batch(desk.transaction, desk.rulebook, desk.now)
        await reader.decide(desk, batch, lines, held)
        held.keep(batch, [line.id for line in lines if isinstance(line, Row)])
        if desk.ends():
            raise CutShort
    return reader.outcome.result()


async def template(desk: Desk, value: dict[str, Any]) -> Result:
    """Return an example of a file."""
    filename, content = bulk.template(parse(Template, value).kind)
    return {"filename": filename, "content": content}
