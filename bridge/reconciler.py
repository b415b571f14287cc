"""Compares the accounts in the broker with the rows, both ways, and lets the installer repair what differs.

Accounts and rows change while a long list is read, page by page. So a list only raises suspicion: whatever seems wrong
is looked at by itself before anything is done, when nothing else is under way. Accounts of others are never touched.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import structlog

from bridge import queries
from bridge.accounts import Accounts, AccountsFault, Seen
from bridge.arrows import Arrow, passed
from bridge.installer import AT_ONCE, Installer
from bridge.measures import REPAIRS, UNMEASURED, Meter
from bridge.records import Account
from bridge.store import Store
from bridge.transaction import Transaction

COMPARED: Final = 1_000
"""Rows read at once while comparing."""

log = structlog.get_logger("accounts")


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a comparison found: accounts ``compared``, to be ``repaired``, and ``removed`` since no row knows them.

    Those ``held`` could not be removed; the next comparison tries again.
    """

    compared: int
    repaired: int
    removed: int
    held: int


async def _go_on() -> None:
    return


class Reconciler:
    """Finds out where broker and rows differ, and notes it in the rows for the installer."""

    def __init__(self, store: Store, accounts: Accounts, installer: Installer, meter: Meter = UNMEASURED) -> None:
        self._meter = meter
        self._store = store
        self._accounts = accounts
        self._installer = installer

    async def reconcile(
        self, between: Callable[[], Awaitable[None]] = _go_on, noted: Callable[[], None] = lambda: None
    ) -> Reconciled:
        """Compare once, both ways.

        ``between`` is awaited after each page, so that new accounts need not wait for the end. ``noted`` is called when
        all rows were compared, before accounts that no row knows are removed. Raises AccountsFault, StoreFault.
        """
        began = time.monotonic()
        there: dict[str, Seen] = {}
        async for listed in self._accounts.listed():
            there.update((seen.username, seen) for seen in listed)
            await between()
        passed(Arrow.RECONCILE_LISTED)
        compared, repaired, after = len(there), 0, ""
        while True:
            async with self._store.read() as connection:
                page = await queries.accounts(connection, after, COMPARED)
            if not page:
                break
            after = page[-1].username
            suspects = [one.username for one in page if self._differs(one, there.pop(one.username, None)) is not None]
            for start in range(0, len(suspects), AT_ONCE):
                repaired += await self._repair(suspects[start : start + AT_ONCE])
                await between()
            await between()
        noted()
        removed, held = await self._remove(sorted(there), between)
        self._meter.count(REPAIRS, removed, repair="removed")
        done = Reconciled(compared, repaired, removed, held)
        say = log.warning if repaired or removed or held else log.info
        say(
            "reconciled",
            compared=compared,
            repaired=repaired,
            removed=removed,
            held=held,
            ms=round((time.monotonic() - began) * 1000),
        )
        return done

    def _differs(self, account: Account, seen: Seen | None) -> Account | None:
        """Return the row as it must be, seeing what the broker has; None if it may stay.

        Work that stands in the row already, such as an account not yet installed, is no difference.
        """
        if not account.wanted:
            return None
        try:
            login = self._installer.login_for(account)
        except AccountsFault as fault:
            log.error("account not compared", account=account.username, reason=str(fault))
            return None
        is_right = login.is_as(seen)
        if account.installed is None:
            # The broker confirmed it just before the bridge ended.
            return replace(account, installed=0) if is_right and not account.renewed else None
        if is_right:
            return None
        if seen is None or seen.mark != login.mark:
            return replace(account, installed=None, renewed=True)
        return replace(account, revisit=True)  # its sessions, and what waits for it, may stay

    async def _repair(self, suspects: Sequence[str]) -> int:
        """Look at these accounts again, broker and row, and note what is still wrong; return how many."""
        seen = dict(zip(suspects, await self._accounts.look(suspects), strict=True))
        async with self._store.write() as transaction:
            rows = (await transaction.accounts(suspects)).values()
            found = [(row, self._differs(row, seen[row.username])) for row in rows]
            wrong = [as_it_must_be for row, as_it_must_be in found if as_it_must_be and row.installed is not None]
            await transaction.save_accounts(wrong)
        passed(Arrow.RECONCILE_NOTED)
        rights = sum(one.revisit for one in wrong)
        self._meter.count(REPAIRS, rights, repair="rights")
        self._meter.count(REPAIRS, len(wrong) - rights, repair="installed")
        await self._installer.note_installed([row for row, differs in found if differs and row.installed is None])
        return len(wrong)

    async def _remove(self, names: Sequence[str], between: Callable[[], Awaitable[None]]) -> tuple[int, int]:
        """Remove accounts of ours that no row knows; return how many, and how many could not be."""
        left, removed, held = list(names), 0, 0
        while left:
            part, left = left[: self._installer.at_once], left[self._installer.at_once :]
            if strays := await self._strays(part):
                log.warning("accounts that no row knows", names=[one.username for one in strays[:5]], all=len(strays))
                try:
                    await self._installer.take_away(strays)
                except AccountsFault:
                    for one in strays:
                        held += await self._held(one)
                passed(Arrow.RECONCILE_REMOVED)
                removed += len(strays)
            await between()
        return removed - held, held

    async def _strays(self, names: Sequence[str]) -> list[Seen]:
        """Return those that no row knows by now, and that are there."""
        async with self._store.read() as connection:
            known = await Transaction(connection).accounts(names)
        strangers = [name for name in names if name not in known]
        return [one for one in await self._accounts.look(strangers) if one is not None] if strangers else []

    async def _held(self, stray: Seen) -> int:
        try:
            await self._installer.take_away([stray])
        except AccountsFault as fault:
            log.error("account not removed", account=stray.username, reason=str(fault))
            return 1
        return 0
