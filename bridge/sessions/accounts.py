"""The session that makes accounts on the operations broker and takes them away, as the rows say."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog

from bridge import broker
from bridge.accounts import AccountsFault, Login
from bridge.accounts.dynsec import RESPONSES, Dynsec, answers_of
from bridge.batch import AccountWork
from bridge.broker import Connection, LoginRefused
from bridge.clock import clock
from bridge.dynsec_file import defaults_fault
from bridge.health import RIGHTS, Health
from bridge.installer import Installer, Surroundings
from bridge.measures import UNMEASURED, Meter
from bridge.reconciler import Reconciler
from bridge.records import Account
from bridge.registration import Registration
from bridge.rulebook import Rulebook
from bridge.sessions import Switch, as_long_as
from bridge.sessions.herald import Herald
from bridge.store import Store
from bridge.wire import Topics

RETRY: Final = 60.0
"""Seconds after which accounts that the broker refused are tried again."""
BACKLOG: Final = 10.0
"""Seconds after which accounts that wait from before a start no longer keep the bridge from being ready."""
KNOWN: Final = 1_000
"""Accounts kept in memory to spare reading them; more come while the broker is away, and they stand in the rows."""

MADE_AGAIN: Final = (
    "the bridge never gives itself rights. Put them back by mosquitto_ctrl dynsec; or stop the operations broker, run "
    "bootstrap-bridge init (with --beside where it was made so), and start it again"
)

log = structlog.get_logger("accounts")


class AccountsSession:
    """The accounts of the operations broker, made and taken away as the rows say."""

    name = "accounts"

    def __init__(
        self,
        login: broker.Login,
        topics: Topics,
        store: Store,
        rulebook: Rulebook,
        heard_all: Callable[[], Awaitable[None]],
        push: Callable[[Sequence[Registration]], None],
        herald: Herald,
        health: Health,
        own: Sequence[Login],
        every: float,
        meter: Meter = UNMEASURED,
    ) -> None:
        """Take what the session needs. ``own`` are the bridge's accounts as they were made, ``every`` is in seconds."""
        self._login = login
        self._meter = meter
        self._connection: Connection | None = None
        self._topics = topics
        self._store = store
        self._rulebook = rulebook
        self._around = Surroundings(self._clear, heard_all, push, herald.tell)
        self._changed = asyncio.Event()
        self._coming: list[tuple[Account, Registration]] = []
        self._leaving = False
        self._health = health
        self._own = own
        self._every = every
        self._noted = False
        self._told: list[str] = []
        self._idle = asyncio.Event()
        self.compared: Callable[[], None] = lambda: None
        self.ready = Switch()

    def changed(self, work: AccountWork) -> None:
        """Do what was just committed; while accounts leave, or many wait, only the rows tell."""
        self._leaving |= work.leaving or len(self._coming) > KNOWN
        if self._leaving:
            self._coming.clear()
        else:
            self._coming.extend(work.coming)
        self._changed.set()
        self._idle.clear()

    def current(self) -> Connection | None:
        """Return the connection while there is one."""
        return self._connection

    async def settle(self) -> None:
        """Return once nothing is left to be done, or only what the broker refuses."""
        if self._connection is not None:
            await as_long_as(self.ready, self._settle())

    async def _settle(self) -> None:
        await self._idle.wait()

    async def run(self) -> None:
        """See ``Session.run``."""
        self._coming.clear()  # it may be old; the rows tell
        async with broker.connect(self._login) as connection:
            await connection.subscribe(RESPONSES)
            accounts = Dynsec(connection)
            installer = Installer(
                self._store,
                self._rulebook,
                self._topics,
                accounts,
                clock,
                self._around,
                self._meter,
            )
            self._connection = connection
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._hear(connection, accounts), name="accounts: hear")
                    tasks.create_task(self._work(accounts, installer), name="accounts: work")
            finally:
                self._connection = None
                self._idle.clear()

    async def _hear(self, connection: Connection, accounts: Dynsec) -> None:
        async for messages in connection.batches():
            for message in messages:
                try:
                    answers = answers_of(message.payload)
                except ValueError:  # not a word of the plugin
                    log.warning("not understood", topic=message.topic)
                    continue
                accounts.heard(answers)

    async def _work(self, accounts: Dynsec, installer: Installer) -> None:
        reconciler = Reconciler(self._store, accounts, installer, self._meter)
        await self._compare(accounts, reconciler, installer)
        waited_enough = asyncio.get_running_loop().call_later(BACKLOG, self.ready.turn_on)
        try:
            await self._drain_for_ever(accounts, reconciler, installer)
        finally:
            waited_enough.cancel()

    async def _compare(self, accounts: Dynsec, reconciler: Reconciler, installer: Installer) -> None:
        """Look whether the broker is as the rows say, and whether the bridge's own rights are what they were."""
        wrong = await accounts.faults_of(self._own)
        open_defaults = defaults_fault({"defaultACLAccess": await accounts.defaults()})
        wrong += [] if open_defaults is None else [open_defaults]
        if wrong and wrong != self._told:
            log.error("rights in the operations broker are not what they were", what=wrong, do=MADE_AGAIN)
        self._told = wrong
        if wrong:
            self._health.fails(RIGHTS, "; ".join(wrong))
        else:
            self._health.serves(RIGHTS)

        async def between() -> None:
            if self._noted and self._changed.is_set():
                await self._work_off(installer)
                self._note_idle()  # whoever ends us need not wait for the end of a long list

        found = await reconciler.reconcile(between, self._note_compared)
        self._health.counts["reconciliations"] += 1
        self._health.counts["repaired"] += found.repaired
        self._health.counts["removed"] += found.removed
        self._health.counts["held"] += found.held

    def _note_compared(self) -> None:
        self._noted = True
        self.compared()

    async def _drain_for_ever(self, accounts: Dynsec, reconciler: Reconciler, installer: Installer) -> None:
        now = asyncio.get_running_loop().time
        due = now() + self._every
        while True:
            again = await self._work_off(installer)
            self.ready.turn_on()
            self._note_idle()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(due, now() + again)):
                    await self._changed.wait()
            if now() >= due:
                try:
                    await self._compare(accounts, reconciler, installer)
                except AccountsFault as fault:
                    log.error("accounts not compared", reason=str(fault))
                due = now() + self._every

    def _note_idle(self) -> None:
        if not self._changed.is_set():
            self._idle.set()

    async def _work_off(self, installer: Installer) -> float:
        """Do what there is to do; return the seconds after which to try again what the broker refuses."""
        self._changed.clear()
        coming, self._coming = self._coming, []
        leaving, self._leaving = self._leaving, False
        if coming and not leaving:
            with suppress(AccountsFault):  # draining finds out which account it is
                await installer.install_known(coming)
        try:
            await installer.drain()
        except AccountsFault as fault:
            log.error("not all accounts are as wanted", reason=str(fault), again=f"in {RETRY:.0f} s")
            return RETRY
        return math.inf

    async def _clear(self, login: Login) -> None:
        """Log in as the device, with a clean start: the broker forgets what it kept for that client id."""
        own = self._login
        guest = broker.Login(
            own.host, own.port, login.username, login.password, login.client_id, authority=own.authority
        )
        try:
            async with broker.connect(guest):
                pass
        except LoginRefused as error:
            raise AccountsFault(f"the account {login.username} is there, but may not log in") from error
