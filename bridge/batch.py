"""Decisions inside one transaction: load once, decide in order, write once. Shared by intake, control and workers."""

import secrets
from collections.abc import Collection, Iterable, Sequence
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
    """What decisions follow beside the record: the options as they stand, and the key of new passwords."""

    keys: KeyRing
    values: Values = field(default_factory=dict)
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
        self.accounts_changed = False

    async def load(self, ids: Collection[str]) -> None:
        """Load the records that commands for ``ids`` look at."""
        self._before |= await self._transaction.registrations(ids)
        self._device_tenants |= await self._transaction.device_tenants(ids)
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
        await self._transaction.save(changes)
        await self._transaction.record(self.events)
        if self._accounts:
            await self._write_accounts()

    async def _write_accounts(self) -> None:
        self.accounts_changed = True
        usernames = [device_username(subject.tenant, subject.id) for subject, _ in self._accounts.values()]
        known = await self._transaction.accounts(usernames)
        saved: list[Account] = []
        for (subject, effect), username in zip(self._accounts.values(), usernames, strict=True):
            earlier = known.get(username)
            if isinstance(effect, Install):
                account = Account(username, DEVICE, subject.tenant, subject.id, effect.seed, effect.key_id)
                saved.append(replace(account, renewed=earlier is not None))
            elif earlier is not None:
                saved.append(replace(earlier, wanted=False, installed=None))
        await self._transaction.save_accounts(saved)
        removed = [subject.id for subject, effect in self._accounts.values() if isinstance(effect, Remove)]
        await self._transaction.forget_devices(removed)


def distinct(ids: Iterable[str]) -> Sequence[str]:
    """Return ``ids`` without repetition, in their order."""
    return list(dict.fromkeys(ids))
