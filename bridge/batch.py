"""Decisions inside one transaction: load once, decide in order, write once. Shared by intake, control and workers."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from bridge.decisions import (
    Accept,
    Announce,
    Call,
    Command,
    Decision,
    Enter,
    Event,
    Install,
    Provision,
    Register,
    Remove,
)
from bridge.names import device_username
from bridge.records import DEVICE, Account, Change
from bridge.registration import Device, Draw, Registration
from bridge.rulebook import Rulebook
from bridge.rules import decide
from bridge.transaction import Transaction

_DRAWING = (Call, Accept)
"""Commands whose decision may need randomness."""
_BRINGING_TENANT = (Register, Announce, Provision)
_NOTHING_DRAWN = Draw(b"", "", "")


@dataclass(slots=True)
class AccountWork:
    """What a batch changed in the outbox of accounts: those to come with their registrations.

    ``leaving``: some leave or have to be looked at again, and only the rows tell what to do in which order. All of it
    is a hint that saves reading the rows at once; the rows are what counts.
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
        self._alike = False
        self._device_tenants: dict[str, str] = {}
        self._devices: dict[str, Device] = {}
        self._entered: dict[str, Device] = {}
        self._accounts: dict[str, tuple[str, Registration | None, Install | Remove]] = {}
        self.events: list[Event] = []
        self.account_work = AccountWork()

    async def load(self, ids: Collection[str], *, devices: bool = False, alike: bool = False) -> None:
        """Load the records that commands for ``ids`` look at; ``devices``: with their inventory entries.

        ``alike``: known ids and unknown ones cost as many statements, so that the time does not tell which they are.
        """
        self._alike = alike
        loaded = await self._transaction.registrations(ids)
        self._before |= loaded
        if devices:
            entries = await self._transaction.devices(ids)
            self._devices |= entries
            self._device_tenants |= {device_id: device.tenant for device_id, device in entries.items()}
        else:
            # Of an inventory entry only whose it is matters, and only where there is no registration.
            bare = [device_id for device_id in ids if device_id not in loaded]
            found = await self._transaction.device_tenants(ids if alike else bare)
            self._device_tenants |= {device_id: found[device_id] for device_id in bare if device_id in found}
        self._after |= loaded

    def place(self, device_id: str, registration: Registration | None, device: Device | None) -> None:
        """Put in what was decided elsewhere, in place of what was loaded."""
        self._after[device_id] = registration
        if device is not None:
            self._devices[device_id] = device
            self._device_tenants[device_id] = device.tenant

    def registration(self, device_id: str, tenant: str | None = None) -> Registration | None:
        """Return the record as decided so far; with ``tenant`` only if it is that one's."""
        found = self._after.get(device_id)
        return found if found is None or tenant is None or found.tenant == tenant else None

    def device(self, device_id: str, tenant: str | None = None) -> Device | None:
        """Return the inventory entry as decided so far, if it was loaded; with ``tenant`` only if it is that one's."""
        found = self._devices.get(device_id)
        return found if found is None or tenant is None or found.tenant == tenant else None

    def decide(self, command: Command, *, hidden: bool = False) -> Decision:
        """Decide ``command`` on the record as it stands. ``hidden``: as if there were none, for another's id."""
        device_id = command.id
        registration = None if hidden else self._after.get(device_id)
        device_tenant = self._device_tenants.get(device_id)
        if registration is not None:
            tenant = registration.tenant
        elif isinstance(command, _BRINGING_TENANT):
            tenant = command.tenant
        else:
            tenant = device_tenant or ""
        decision = decide(
            registration,
            command,
            policy=self._rulebook.policy(tenant),
            now=self.now,
            draw=self._rulebook.draw() if isinstance(command, _DRAWING) else _NOTHING_DRAWN,
            device_tenant=device_tenant,
            device=None if hidden else self._devices.get(device_id),
        )
        if not hidden:
            self._take(device_id, registration, decision)
        return decision

    def _take(self, device_id: str, registration: Registration | None, decision: Decision) -> None:
        self._after[device_id] = decision.after
        self.events.extend(decision.events)
        for effect in decision.effects:
            match effect:
                case Enter(device):
                    self._devices[device_id] = self._entered[device_id] = device
                    self._device_tenants[device_id] = device.tenant
                case Install() | Remove():
                    subject = registration if decision.after is None else decision.after
                    tenant = self._device_tenants[device_id] if subject is None else subject.tenant
                    self._accounts[device_id] = (tenant, subject, effect)

    def moves(self, most: int) -> list[str]:
        """Tell of up to ``most`` registrations whose status is another now, as ``id: from → to``."""
        told: list[str] = []
        for device_id, after in self._after.items():
            if len(told) == most:
                break
            before = self._before.get(device_id)
            here, there = (None if one is None else one.status for one in (before, after))
            if here is not there:
                told.append(f"{device_id}: {here or '-'} → {there or '-'}")
        return told

    async def write(self) -> None:
        """Write what was decided."""
        changes = [
            Change(self._before.get(device_id), after)
            for device_id, after in self._after.items()
            if after is not self._before.get(device_id)
        ]
        await self._transaction.save(changes, self.events, alike=self._alike)
        if self._accounts:
            await self._write_accounts()
        await self._transaction.save_devices(list(self._entered.values()))
        await self._transaction.make_groups(self._named_groups(changes))

    def _named_groups(self, changes: Iterable[Change]) -> set[tuple[str, str]]:
        """Return the groups, as (tenant, path), that stand in what is new."""
        named = {(device.tenant, device.group) for device in self._entered.values() if device.group is not None}
        for change in changes:
            after = change.after
            if after is None or after.group is None or (change.before and change.before.group == after.group):
                continue
            named.add((after.tenant, after.group))
        return named

    async def _write_accounts(self) -> None:
        coming: dict[str, tuple[Account, Registration]] = {}
        leaving: list[str] = []
        for device_id, (tenant, subject, effect) in self._accounts.items():
            username = device_username(tenant, device_id)
            if isinstance(effect, Install):
                assert subject is not None
                account = Account(username, DEVICE, tenant, device_id, effect.seed, effect.key_id, secret=effect.secret)
                coming[username] = (account, subject)
            else:
                leaving.append(username)
        renewed = await self._transaction.want_accounts([account for account, _ in coming.values()])
        self.account_work.coming = [
            (replace(account, renewed=username in renewed), subject) for username, (account, subject) in coming.items()
        ]
        there = await self._transaction.accounts(leaving)
        self.account_work.leaving |= bool(there)
        await self._transaction.save_accounts(
            [replace(account, wanted=False, installed=None) for account in there.values()]
        )
        removed = [device_id for device_id, (_, _, effect) in self._accounts.items() if isinstance(effect, Remove)]
        await self._transaction.forget_devices(removed)


def distinct(ids: Iterable[str]) -> Sequence[str]:
    """Return ``ids`` without repetition, in their order."""
    return list(dict.fromkeys(ids))
