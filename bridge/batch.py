"""Decisions inside one transaction: load once, decide in order, write once. Shared by intake, control and workers."""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bridge.credentials import KeyRing
from bridge.names import device_username
from bridge.options import Values, policy_for
from bridge.records import Account, Change
from bridge.registration import (
    Command,
    Decision,
    Draw,
    Event,
    Install,
    Policy,
    Register,
    Registration,
    Remove,
)
from bridge.rules import decide
from bridge.store import Transaction

DEVICE = "device"
"""The kind of a device's account."""


@dataclass(slots=True)
class Rulebook:
    """What decisions follow beside the record, as it stands in the database, of which this process is the one writer.

    ``values`` are the options set, ``roles`` go from tenant and administrator to role.
    """

    keys: KeyRing
    values: Values = field(default_factory=dict)
    tenants: frozenset[str] = frozenset()
    roles: Mapping[tuple[str, str], str] = field(default_factory=dict)
    _policies: dict[str, Policy] = field(default_factory=dict)

    def policy(self, tenant: str) -> Policy:
        """Return the policy of ``tenant``."""
        if tenant not in self._policies:
            self._policies[tenant] = policy_for(self.values, tenant)
        return self._policies[tenant]

    def replace_values(self, values: Values) -> None:
        """Follow changed options from the next decision on."""
        self.values = values
        self._policies = {}

    def draw(self) -> Draw:
        """Draw what one decision may need."""
        return Draw(secrets.token_bytes(16), self.keys.current, secrets.token_hex(4))


@dataclass(slots=True)
class AccountWork:
    """What a batch changed in the outbox of accounts: those to come with their registrations, and whether some leave.

    A hint that saves reading the rows at once; the rows are what counts.
    """

    coming: list[tuple[Account, Registration]] = field(default_factory=list)
    leaving: bool = False

    def __bool__(self) -> bool:
        return bool(self.coming) or self.leaving

    def add(self, other: "AccountWork") -> None:
        """Take up what a further batch changed."""
        self.coming.extend(other.coming)
        self.leaving |= other.leaving


class Batch:
    """Decide commands in order and write their outcome once. One batch belongs to one transaction."""

    def __init__(self, transaction: Transaction, rulebook: Rulebook, now: int) -> None:
        self._transaction = transaction
        self._rulebook = rulebook
        self.now = now
        self._before: dict[str, Registration] = {}
        self._after: dict[str, Registration | None] = {}
        self._device_tenants: dict[str, str] = {}
        self._accounts: dict[str, tuple[Registration, Install | Remove]] = {}
        self.events: list[Event] = []
        self.account_work = AccountWork()

    async def load(self, ids: Collection[str]) -> None:
        """Load the records that commands for ``ids`` look at."""
        self._before |= await self._transaction.registrations(ids)
        # An inventory entry matters only where there is no registration.
        bare = [device_id for device_id in ids if device_id not in self._before]
        self._device_tenants |= await self._transaction.device_tenants(bare)
        self._after = dict(self._before)

    def registration(self, device_id: str, tenant: str | None = None) -> Registration | None:
        """Return the record as decided so far; with ``tenant`` only if it is that one's."""
        found = self._after.get(device_id)
        return found if found is None or tenant is None or found.tenant == tenant else None

    def decide(self, command: Command, *, hidden: bool = False) -> Decision:
        """Decide ``command`` on the record as it stands. ``hidden``: as if there were none, for another's id."""
        registration = None if hidden else self._after.get(command.id)
        device_tenant = self._device_tenants.get(command.id)
        if registration is not None:
            tenant = registration.tenant
        else:
            tenant = command.tenant if isinstance(command, Register) else device_tenant or ""
        decision = decide(
            registration,
            command,
            policy=self._rulebook.policy(tenant),
            now=self.now,
            draw=self._rulebook.draw(),
            device_tenant=device_tenant,
        )
        if not hidden:
            self._take(command.id, registration, decision)
        return decision

    def _take(self, device_id: str, registration: Registration | None, decision: Decision) -> None:
        self._after[device_id] = decision.after
        self.events.extend(decision.events)
        subject = registration if decision.after is None else decision.after
        for effect in decision.effects:
            if isinstance(effect, Install | Remove):
                assert subject is not None
                self._accounts[device_id] = (subject, effect)

    async def write(self) -> None:
        """Write what was decided."""
        changes = [
            Change(self._before.get(device_id), after)
            for device_id, after in self._after.items()
            if after is not self._before.get(device_id)
        ]
        await self._transaction.save(changes, self.events)
        if self._accounts:
            await self._write_accounts()

    async def _write_accounts(self) -> None:
        coming: dict[str, tuple[Account, Registration]] = {}
        leaving: list[str] = []
        for subject, effect in self._accounts.values():
            username = device_username(subject.tenant, subject.id)
            if isinstance(effect, Install):
                account = Account(username, DEVICE, subject.tenant, subject.id, effect.seed, effect.key_id)
                coming[username] = (account, subject)
            else:
                leaving.append(username)
        renewed = await self._transaction.want_accounts([account for account, _ in coming.values()])
        self.account_work.coming = [
            (replace(account, renewed=username in renewed), subject) for username, (account, subject) in coming.items()
        ]
        there = await self._transaction.accounts(leaving)
        self.account_work.leaving = bool(there)
        await self._transaction.save_accounts(
            [replace(account, wanted=False, installed=None) for account in there.values()]
        )
        removed = [subject.id for subject, effect in self._accounts.values() if isinstance(effect, Remove)]
        await self._transaction.forget_devices(removed)


def distinct(ids: Iterable[str]) -> Sequence[str]:
    """Return ``ids`` without repetition, in their order."""
    return list(dict.fromkeys(ids))
