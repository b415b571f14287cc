"""Brings a restored database to this program's version, before anything is replaced, and settles what changed since.

By default what was taken away stays away: who was deleted is left out, and who has another password keeps that one.
"""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from bridge import queries
from bridge.backups import BackupFault
from bridge.backups.differing import Account, Differences
from bridge.database_file import StoreUnusable
from bridge.names import MANAGEMENT
from bridge.records import AuditEntry, Change
from bridge.registration import Status
from bridge.store import Store, StoreFault
from bridge.transaction import Transaction

ACTOR: Final = f"{MANAGEMENT}/bridge"
"""Who restored, in the audit: no administrator can have this name."""
ACTION: Final = "restore"
AT_ONCE: Final = 1_000
_T = TypeVar("_T")


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[Store]:
    try:
        store = await Store.open(f"sqlite+aiosqlite:///{path}")
    except StoreUnusable as error:
        raise BackupFault(f"the database in the backup cannot be used: {error}") from error
    try:
        yield store
    except StoreFault as error:
        raise BackupFault(f"the database of the backup cannot be written: {error}") from error
    finally:
        await store.close()


async def bring_to_this_version(path: Path) -> None:
    """Migrate the database, in one transaction. Raises BackupFault, also where a newer program wrote it."""
    async with _opened(path):
        pass


async def settle(path: Path, changes: Differences, keys: Collection[str], now: int, told: Mapping[str, Any]) -> None:
    """Leave out who was deleted, give those their password who have another since, and write down the restore.

    ``keys`` are the ids of the master keys at hand: a password of another is none. ``told`` goes into the audit of the
    management. Raises BackupFault.
    """
    async with _opened(path) as store:
        for part in _parts(changes.devices_deleted):
            async with store.write() as transaction:
                found = await transaction.registrations(part)
                await transaction.save([Change(one, None) for one in found.values()])
                await transaction.forget_devices(part)
        for part in _parts(changes.accounts_deleted):
            async with store.write() as transaction:
                gone = await transaction.accounts(part)
                # To be removed as if it had been deleted now: whatever the broker has of it is locked and cleared.
                await transaction.save_accounts([replace(one, wanted=False, installed=None) for one in gone.values()])
        for some in _parts([one for one in changes.renewed if one.key_id in keys]):
            async with store.write() as transaction:
                await _renew(transaction, {one.username: one for one in some})
        async with store.write() as transaction:
            await _write_down(transaction, now, told)


async def seeds_of(path: Path, usernames: Collection[str]) -> dict[str, bytes]:
    """Return the seeds of those of these accounts that are wanted. Raises BackupFault."""
    async with _opened(path) as store, store.read() as connection:
        found = await Transaction(connection).accounts(usernames)
    return {name: one.seed for name, one in found.items() if one.wanted}


def _parts(every: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(every), AT_ONCE):
        yield every[start : start + AT_ONCE]


async def _renew(transaction: Transaction, newer: Mapping[str, Account]) -> None:
    accounts = await transaction.accounts(newer)
    registrations = await transaction.registrations([one.subject for one in accounts.values()])
    saved, moved = [], []
    for username, account in accounts.items():
        now = newer[username]
        saved.append(
            replace(
                account,
                seed=now.seed,
                key_id=now.key_id,
                secret=now.secret,
                role=now.role,
                details=now.details,
                installed=None,
                renewed=True,
            )
        )
        before = registrations.get(account.subject)
        if before is not None and before.status is Status.ACCEPTED and before.seed == account.seed:
            moved.append(Change(before, replace(before, seed=now.seed, key_id=now.key_id)))
    await transaction.save_accounts(saved)
    await transaction.save(moved)


async def _write_down(transaction: Transaction, now: int, told: Mapping[str, Any]) -> None:
    tenants = sorted((await queries.standing(transaction.connection)).tenants)
    others = {"backup": told["backup"]}
    await transaction.audit(
        [
            AuditEntry(now, tenant, ACTOR, ACTION, None, "ok", told if tenant == MANAGEMENT else others)
            for tenant in tenants
        ]
    )
