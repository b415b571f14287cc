"""The session that makes accounts on the operations broker and takes them away, as the rows say."""

import asyncio
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
from bridge.installer import Installer, Surroundings
from bridge.records import Account
from bridge.registration import Registration
from bridge.rulebook import Rulebook
from bridge.sessions import Switch
from bridge.sessions.herald import Herald
from bridge.store import Store
from bridge.wire import Topics

RETRY: Final = 60.0
"""Seconds after which accounts that the broker refused are tried again."""
BACKLOG: Final = 10.0
"""Seconds after which accounts that wait from before a start no longer keep the bridge from being ready."""

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
    ) -> None:
        self._login = login
        self._topics = topics
        self._store = store
        self._rulebook = rulebook
        self._around = Surroundings(self._clear, heard_all, push, herald.tell)
        self._changed = asyncio.Event()
        self._coming: list[tuple[Account, Registration]] = []
        self._leaving = False
        self.compared: Callable[[], None] = lambda: None
        self.ready = Switch()

    def changed(self, work: AccountWork) -> None:
        """Do what was just committed; while accounts leave, only the rows tell the right order."""
        self._leaving |= work.leaving
        self._coming.extend(work.coming)
        self._changed.set()

    async def run(self) -> None:
        """See ``Session.run``."""
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
            )
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._hear(connection, accounts), name="accounts: hear")
                tasks.create_task(self._work(installer), name="accounts: work")

    async def _hear(self, connection: Connection, accounts: Dynsec) -> None:
        async for messages in connection.batches():
            for message in messages:
                try:
                    answers = answers_of(message.payload)
                except ValueError:  # not a word of the plugin
                    log.warning("not understood", topic=message.topic)
                    continue
                accounts.heard(answers)

    async def _work(self, installer: Installer) -> None:
        await installer.reconcile()
        self.compared()
        waited_enough = asyncio.get_running_loop().call_later(BACKLOG, self.ready.turn_on)
        try:
            await self._drain_for_ever(installer)
        finally:
            waited_enough.cancel()

    async def _drain_for_ever(self, installer: Installer) -> None:
        while True:
            self._changed.clear()
            coming, self._coming = self._coming, []
            leaving, self._leaving = self._leaving, False
            again = None
            if coming and not leaving:
                with suppress(AccountsFault):  # draining finds out which account it is
                    await installer.install_known(coming)
            try:
                await installer.drain()
            except AccountsFault as fault:
                log.error("not all accounts are as wanted", reason=str(fault), again=f"in {RETRY:.0f} s")
                again = RETRY
            self.ready.turn_on()
            with suppress(TimeoutError):
                async with asyncio.timeout(again):
                    await self._changed.wait()

    async def _clear(self, login: Login) -> None:
        """Log in as the device, with a clean start: the broker forgets what it kept for that client id."""
        guest = broker.Login(self._login.host, self._login.port, login.username, login.password, login.client_id)
        try:
            async with broker.connect(guest):
                pass
        except LoginRefused as error:
            raise AccountsFault(f"the account {login.username} is there, but may not log in") from error
