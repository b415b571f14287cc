"""Brings the broker's accounts to what the rows say: installs, removes. Every step can be done again.

A life of an account ends before the next one of the same id begins: its sessions are closed, what the broker kept for
it is cleared, and every message it sent has been heard. So nothing of the old life can be taken for the new one.
"""

import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import structlog

from bridge import queries, records
from bridge.accounts import Accounts, AccountsFault, Login, Seen, grants
from bridge.accounts.grants import Grant
from bridge.arrows import Arrow, passed
from bridge.batch import Batch
from bridge.credentials import BadSecret, mark_of
from bridge.decisions import Deliver, Event, MarkInstalled
from bridge.inventory import entry_for
from bridge.measures import ACCOUNT_CHANGES, HELD_BACK, UNMEASURED, Meter
from bridge.records import ADMINISTRATOR, DEVICE, Account
from bridge.registration import Registration
from bridge.rulebook import Rulebook
from bridge.store import Store
from bridge.transaction import Transaction
from bridge.wire import Topics

PAUSE: Final = 0.5
"""Seconds that the broker may serve nobody else while it works on one message of ours."""
MOST_AT_ONCE: Final = 500
"""Accounts in one message at the most."""
AT_ONCE: Final = 100
"""Rows worked on together where the broker has no work with them."""

log = structlog.get_logger("accounts")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the installer needs of the running sessions.

    ``clear`` ends what the broker keeps for a device's client id; ``heard_all`` returns once every device's message
    that the broker had before has been handled; ``push`` sends credentials; ``tell`` publishes events.
    """

    clear: Callable[[Login], Awaitable[None]]
    heard_all: Callable[[], Awaitable[None]]
    push: Callable[[Sequence[Registration]], None]
    tell: Callable[[Sequence[Event]], None]


class Pace:
    """How many accounts go into one message: more while the broker is quick with it, fewer when it takes long.

    Mosquitto 2.0 writes the whole file of accounts for each command, 2.1 once for each message; both serve nobody
    meanwhile.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self.at_once = 10

    @contextmanager
    def measured(self, accounts: int) -> Iterator[None]:
        """Learn from how long the broker takes for a message about ``accounts``."""
        began = self._monotonic()
        yield
        took = self._monotonic() - began
        if took > PAUSE:
            self.at_once = max(1, self.at_once // 2)
        elif took < PAUSE / 4 and accounts >= self.at_once:
            self.at_once = min(MOST_AT_ONCE, self.at_once * 2)


class Installer:
    """Works on the outbox that the accounts' rows are."""

    def __init__(
        self,
        store: Store,
        rulebook: Rulebook,
        topics: Topics,
        accounts: Accounts,
        clock: Callable[[], int],
        surroundings: Surroundings,
        meter: Meter = UNMEASURED,
    ) -> None:
        self._store = store
        self._rulebook = rulebook
        self._topics = topics
        self._accounts = accounts
        self._clock = clock
        self._around = surroundings
        self._meter = meter
        self._pace = Pace()

    def login_for(self, account: Account) -> Login:
        """Return the account as the broker should have it. Raises AccountsFault."""
        try:
            password = self._rulebook.password_of(account)
        except BadSecret as error:
            raise AccountsFault(str(error)) from error
        return self._login(account, password)

    def _login(self, account: Account, password: str) -> Login:
        mark, topics = mark_of(account.seed), self._topics
        match account.kind:
            case records.DEVICE:
                further = self._rulebook.further_topics(account.tenant)
                granted = grants.for_device(topics, account.tenant, account.subject, further)
                return Login(account.username, password, mark, granted, account.subject)
            case records.APPLICATION:
                read, write = self._rulebook.application_filters(account)
                return Login(
                    account.username, password, mark, grants.for_application(topics, account.tenant, read, write)
                )
        assert account.role is not None
        granted = grants.for_administrator(topics, account.tenant, account.username, account.role)
        return Login(account.username, password, mark, granted)

    async def drain(self) -> None:
        """Do all that is to be done, removals before installations.

        An account that the broker refuses does not hold up the others: it is left for the next time, and the refusal is
        raised when all else is done. Raises AccountsFault, StoreFault.
        """
        refused: dict[str, AccountsFault] = {}
        while True:
            async with self._store.read() as connection:
                to_do = await queries.accounts_to_do(connection, self._pace.at_once, without=refused)
            if not to_do:
                break
            part = [account for account in to_do if not account.wanted] or to_do
            try:
                await self._do(part)
            except AccountsFault as fault:
                if len(part) == 1:
                    refused[part[0].username] = fault
                for account in part if len(part) > 1 else ():
                    try:
                        await self._do([account])
                    except AccountsFault as one:
                        refused[account.username] = one
        for username, refusal in refused.items():
            self._meter.count(HELD_BACK)
            log.error("account held back", account=username, reason=str(refusal))
        if refused:
            raise next(iter(refused.values()))

    async def _do(self, part: Sequence[Account]) -> None:
        """Remove accounts, or install them."""
        if not part[0].wanted:
            await self._remove(part)
            return
        again = [account for account in part if account.renewed and account.installed is None]
        if again:
            await self._renew(again)
        await self._install([account for account in part if account not in again])

    async def _remove(self, leaving: Sequence[Account]) -> None:
        await self._end_lives([account for account in leaving if account.kind == DEVICE])
        with self._pace.measured(len(leaving)):
            await self._accounts.remove([account.username for account in leaving])
        passed(Arrow.LEAVING_REMOVED)
        async with self._store.write() as transaction:
            unchanged = await _unchanged(transaction, leaving)
            await transaction.forget_accounts([account.username for account in unchanged])
        passed(Arrow.LEAVING_FORGOTTEN)
        self._meter.count(ACCOUNT_CHANGES, len(leaving), change="removed")
        log.info("removed", accounts=len(leaving), names=[account.username for account in leaving[:3]])

    async def _end_lives(self, accounts: Sequence[Account]) -> None:
        """Lock devices out, clear what the broker kept for them, and hear them out."""
        # The password that was is not needed, so that one which cannot be decrypted leaves too. The mark is new each
        # time, as the password is: the one of an earlier, interrupted try must not be taken for this one.
        ended = [replace(self._login(account, secrets.token_urlsafe(24)), mark=_ended()) for account in accounts]
        await self._end(ended)

    async def _end(self, ended: Sequence[Login]) -> None:
        if not ended:
            return
        with self._pace.measured(len(ended)):
            await self._accounts.renew(ended)
        passed(Arrow.LIVES_LOCKED_OUT)
        for login in ended:
            await self._around.clear(login)
            passed(Arrow.LIFE_CLEARED)
        await self._around.heard_all()
        passed(Arrow.LIVES_HEARD_OUT)

    async def _renew(self, again: Sequence[Account]) -> None:
        """Give accounts another password. Devices first leave: one that has the new password already comes in at once.

        If it were cleared only then, its new session would be ended, and its first word might be taken for the old.
        """
        logins = [self.login_for(account) for account in again]
        await self._end_lives([account for account in again if account.kind == DEVICE])
        await self._close_former_sessions(again)
        with self._pace.measured(len(logins)):
            await self._accounts.renew(logins)
        passed(Arrow.ACCOUNTS_RENEWED)
        await self._mark_installed(again, await self._registrations(again), logins)

    async def _close_former_sessions(self, again: Sequence[Account]) -> None:
        """Lock out who had an administrator's name before, and only then hear who has it now, and let him in."""
        people = [
            one for one in again if one.kind == ADMINISTRATOR and not self._rulebook.hears(one.tenant, one.username)
        ]
        if people:
            locked = [replace(self._login(one, secrets.token_urlsafe(24)), mark=_ended()) for one in people]
            with self._pace.measured(len(locked)):
                await self._accounts.renew(locked)
        for one in people:
            self._rulebook.let_in(one.tenant, one.username)

    async def install_known(self, coming: Sequence[tuple[Account, Registration]]) -> None:
        """Install accounts that were wanted just now, without reading them first; the rest is left to ``drain``."""
        fresh = [(account, registration) for account, registration in coming if not account.renewed]
        fresh = fresh[: self._pace.at_once]
        if fresh:
            logins = [self.login_for(account) for account, _ in fresh]
            with self._pace.measured(len(fresh)):
                await self._accounts.install(logins)
            passed(Arrow.ACCOUNTS_INSTALLED)
            waiting = [registration for _, registration in fresh if registration.accepted_claim is not None]
            await self._mark_installed([account for account, _ in fresh], waiting, logins)

    async def note_installed(self, accounts: Sequence[Account]) -> None:
        """Note that accounts are in the broker already. Raises StoreFault."""
        for start in range(0, len(accounts), AT_ONCE):
            part = accounts[start : start + AT_ONCE]
            await self._mark_installed(part, await self._registrations(part))

    async def take_away(self, strays: Sequence[Seen]) -> None:
        """Remove accounts that no row knows, devices' with all that the broker keeps for them. Raises AccountsFault.

        Somebody may have used such an account since it came back with an old copy of the broker's file.
        """
        devices = [one for one in strays if one.client_id is not None]
        await self._end(
            [Login(one.username, secrets.token_urlsafe(24), _ended(), (), one.client_id) for one in devices]
        )
        with self._pace.measured(len(strays)):
            await self._accounts.remove([one.username for one in strays])

    @property
    def at_once(self) -> int:
        """How many accounts go into one message to the broker at present."""
        return self._pace.at_once

    async def _install(self, fresh: Sequence[Account]) -> None:
        if fresh:
            logins = [self.login_for(account) for account in fresh]
            with self._pace.measured(len(fresh)):
                await self._accounts.install(logins)
            passed(Arrow.ACCOUNTS_INSTALLED)
            await self._mark_installed(fresh, await self._registrations(fresh), logins)

    async def _registrations(self, accounts: Sequence[Account]) -> list[Registration]:
        """Load the registrations that wait for just these accounts."""
        seeds = {account.subject: account.seed for account in accounts if account.kind == DEVICE}
        async with self._store.read() as connection:
            found = await Transaction(connection).registrations(seeds)
        return [
            one
            for one in found.values()
            if one.seed == seeds[one.id] and one.installed is None and one.accepted_claim is not None
        ]

    async def _mark_installed(
        self, coming: Sequence[Account], pushed: Sequence[Registration], made: Sequence[Login] = ()
    ) -> None:
        """Note that the broker has confirmed accounts, as they were ``made``, and send their credentials.

        They leave before this is committed, but after this transaction has taken its turn: what the device says next
        is decided after it. If the commit fails, all of this is done again, with the same password.
        """
        async with self._store.write() as transaction:
            self._around.push(pushed)
            passed(Arrow.CREDENTIALS_PUSHED)
            batch = Batch(transaction, self._rulebook, self._clock())
            devices = [account for account in coming if account.kind == DEVICE]
            await batch.load([account.subject for account in devices])
            delivered = []
            for account in devices:
                decision = batch.decide(MarkInstalled(account.subject, account.seed))
                if Deliver() in decision.effects and decision.after is not None:
                    delivered.append(decision.after)
            # What an account may do can have changed since it was made: then it is to be looked at once more. The row
            # does not tell: where it was to be looked at already, a further change leaves it as it is.
            granted = {login.username: login.grants for login in made}
            await transaction.save_accounts(
                [
                    replace(
                        current, installed=batch.now, revisit=current.revisit and self._is_outdated(current, granted)
                    )
                    for current in await _unchanged(transaction, coming)
                ]
            )
            entries = await transaction.devices([registration.id for registration in delivered])
            noted = [entry_for(registration, entries.get(registration.id), batch.now) for registration in delivered]
            await transaction.save_devices(noted)
            await transaction.make_groups((one.tenant, one.group) for one in noted if one.group is not None)
            await batch.write()
            passed(Arrow.ACCOUNTS_WRITTEN)
        passed(Arrow.ACCOUNTS_NOTED)
        self._around.tell(batch.events)
        self._meter.count(ACCOUNT_CHANGES, len(coming), change="installed")
        log.info("installed", accounts=len(coming), devices=[registration.id for registration in delivered[:3]])

    def _is_outdated(self, account: Account, granted: Mapping[str, tuple[Grant, ...]]) -> bool:
        """Tell whether an account may do something else now than was ``granted``."""
        return self._login(account, "").grants != granted.get(account.username)


def _ended() -> str:
    return f"ended-{secrets.token_hex(8)}"


async def _unchanged(transaction: Transaction, accounts: Sequence[Account]) -> list[Account]:
    """Return those accounts of which nobody has wanted something else meanwhile, as they are now."""
    now = await transaction.accounts([account.username for account in accounts])
    return [
        current
        for account in accounts
        if (current := now.get(account.username)) is not None
        and (current.seed, current.wanted) == (account.seed, account.wanted)
    ]
