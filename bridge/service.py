"""The service: store, sessions and housekeeping, held together. Nobody imports this but the command line."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Final

import structlog

from bridge import __version__, broker, queries
from bridge.arrows import Arrow, passed
from bridge.backoff import Backoff
from bridge.certificate_watch import CertificateWatch
from bridge.clock import clock
from bridge.control import Control
from bridge.credentials import KeyRing
from bridge.database_file import Before, lock_of, path_of
from bridge.database_watch import note_made, watch_database
from bridge.facts import ServiceLogin
from bridge.folder import InstallationFault
from bridge.health import DATABASE, RIGHTS, Health
from bridge.housekeeping import keep_house
from bridge.httpd import serving
from bridge.installation import Installation, own_logins
from bridge.intake import Intake, paced
from bridge.leaving import leave
from bridge.limits import Rates
from bridge.locks import Lock, take_lock
from bridge.metrics import Metrics
from bridge.minding import mind_clock, timekeeper
from bridge.neighbours import Neighbours
from bridge.notifying import ALIVE, READY, STOPPING, Notifier
from bridge.records import ADMINISTRATOR, Account
from bridge.reloading import Changes
from bridge.roles import OWNER
from bridge.rulebook import Rulebook
from bridge.sessions import Session, hold
from bridge.sessions.accounts import AccountsSession
from bridge.sessions.control import ControlSession
from bridge.sessions.gate import GateSession
from bridge.sessions.herald import Herald
from bridge.sessions.info import InfoSession
from bridge.settings import CERTIFICATES_EVERY, RECONCILE_EVERY, RECONNECT_WITHIN
from bridge.stopping import CLOSE, Ending
from bridge.store import Store, StoreFault, StoreUnusable
from bridge.timekeeping import Timekeeper
from bridge.vitals import Vitals
from bridge.wire import iso

HOUSEKEEPING: Final = 30.0
"""Seconds between two looks for what has expired."""
PARTS: Final = ("calls", "control", "info", "accounts", RIGHTS, DATABASE)
"""The parts that ``Service.health`` tells of: four sessions and what they stand on."""
ANNOUNCED_AGAIN: Final = 5.0
"""Seconds after which the state of the bridge is told again where that failed."""
READY_AT_LAST: Final = 15.0
"""Seconds after which systemd is told that the service has started, though a broker may be away still."""
STATUS_PAUSE: Final = 5.0
"""Seconds between two looks whether what `systemctl status` shows is true still."""
COLLECTING: Final = (10_000, 20, 20)
"""Thresholds of the garbage collector; with Python's own a tenth of the time of a bulk file goes into it."""

COMING_BACK: Final = 2.0
"""Seconds that the other parts have, once administrators are reached again, until ``offline`` is said."""

log = structlog.get_logger("bridge")


class Service:
    """The bridge of one installation. ``run`` ends only by cancellation or by a fault that nobody foresaw.

    ``gone`` are the first administrators whose login of the beginning is no longer one. ``ready`` is set once devices
    and administrators are served for the first time, ``health`` tells at any time which parts serve.
    """

    def __init__(
        self,
        changes: Changes,
        database_url: str | None = None,
        *,
        rates: Rates | None = None,
        keepalive: int = broker.KEEPALIVE,
        reconcile_every: float = RECONCILE_EVERY,
        reconnect_within: float = RECONNECT_WITHIN,
        certificates_every: float = CERTIFICATES_EVERY,
        listening: socket.socket | None = None,
        ending: Ending | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        """Take an installation with its changes; all times are in seconds."""
        self._rates = rates or Rates()
        self._changes = changes
        self._installation = installation = changes.made
        self._keepalive = keepalive
        self._reconcile_every = reconcile_every
        self._reconnect_within = reconnect_within
        self._certificates_every = certificates_every
        self._database_url = database_url or installation.database_url
        self.ready = asyncio.Event()
        self.gone: frozenset[str] = frozenset()
        self.health = Health(PARTS, clock)
        self._meter = Metrics(__version__)
        self._vitals = Vitals(self.health, self._meter, clock)
        self._listening = listening
        self._ending = ending or Ending()
        self._notifier = notifier or Notifier({})

    async def run(self) -> None:
        """Serve. Raises StoreUnusable if the database cannot be opened, Busy if another bridge has it, OSError."""
        self._ending.told = self._stopping
        if self._notifier.watched:
            self._vitals.beaten = lambda: self._notifier.tell(ALIVE)
        facts = self._installation.facts
        log.info(
            "starting",
            version=__version__,
            folder=str(self._installation.folder.path),
            operations=f"{facts.host}:{facts.port}",
            bootstrap=f"{facts.bootstrap_host}:{facts.bootstrap_port}",
        )
        async with AsyncExitStack() as stack:
            if self._listening is not None:
                await stack.enter_async_context(serving(self._listening, self._vitals.pages))
            beating = asyncio.create_task(self._vitals.beat(), name="beat")
            stack.callback(beating.cancel)
            lock = await stack.enter_async_context(_alone(self._database_url))
            marker = self._installation.folder.database_made
            before = Before(made=marker.exists(), cut_off=lock is not None and lock.cut_off, marker=marker)
            store = await Store.open(self._database_url, before)
            store.meter = self._meter
            try:
                if lock is not None:
                    lock.sign()
                note_made(marker)
                await self._prepare(store)
                self.health.serves(DATABASE)
                await self._serve(store)
            finally:
                if lock is not None:
                    lock.strike_out()  # first: whoever dies between here and the end has lost nothing
                await self._vitals.end()
                await self._ending.go(CLOSE, store.close())
                log.info("stopped")

    def _stopping(self, stage: str) -> None:
        self._vitals.stopping = stage
        self._notifier.tell(STOPPING, f"STATUS=stopping: {stage}")

    async def _prepare(self, store: Store) -> None:
        """Make what every installation begins with. Raises StoreUnusable if the keys are not those of the database."""
        async with store.read() as connection:
            missing = await queries.key_ids(connection) - set(self._installation.keys.masters)
        if missing:
            raise StoreUnusable(
                f"passwords in the database come from the master key {', '.join(sorted(missing))}, which "
                f"{self._installation.folder.keys} does not hold: restore that file from a backup"
            )
        first = self._installation.facts.administrators
        async with store.write() as transaction:
            await transaction.ensure_tenants(clock())
            # Only in a fresh database: one that was deleted since stays deleted.
            if not await queries.roles(transaction.connection):
                await transaction.save_accounts(
                    [
                        Account(
                            one.username, ADMINISTRATOR, one.tenant, one.username, one.seed_bytes, one.key_id, OWNER
                        )
                        for one in first
                    ]
                )
            there = await transaction.accounts([one.username for one in first])
        passed(Arrow.BEGINNINGS_COMMITTED)
        self.gone = frozenset(
            one.username
            for one in first
            if (account := there.get(one.username)) is None or not account.wanted or account.seed != one.seed_bytes
        )

    async def _serve(self, store: Store) -> None:
        # What is there now stays: the collector need not look through all of it while lists of rows come and go.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECTING)
        facts, topics = self._installation.facts, self._installation.topics
        doors, trusted = self._installation.doors, self._installation.authority
        rulebook = Rulebook(self._installation.keys, foreign_names=Neighbours(self._installation.folder).names)
        async with store.read() as connection:
            now = await queries.standing(connection)
            made_anew = await queries.made_anew(connection)
        rulebook.follow(now.values, now.tenants, now.roles)
        for tenant, name in made_anew:
            rulebook.give_name(tenant, name, formerly_anothers=True)
        meter = self._meter
        herald = Herald(topics, meter)
        intake = Intake(store, rulebook, topics, clock, meter, paced(self._rates))

        def login(own: ServiceLogin, at: str = "operations") -> broker.Login:
            host, port = doors[at]
            return broker.Login(host, port, own.username, own.password, own.client_id, self._keepalive, trusted)

        gate = GateSession(login(facts.gate, "bootstrap"), topics, intake, store, rulebook, herald, meter)
        control = ControlSession(
            login(facts.control), topics, Control(store, rulebook, topics, clock, meter), herald, meter
        )
        info = InfoSession(login(facts.info), topics, store, rulebook, herald, meter)
        accounts = AccountsSession(
            login(facts.accounts),
            topics,
            store,
            rulebook,
            info.heard_all,
            gate.push,
            herald,
            self.health,
            own_logins(facts, topics),
            self._reconcile_every,
            meter,
        )
        gate.accounts_changed = control.accounts_changed = accounts.changed
        accounts.compared = info.compared.set
        sessions: tuple[Session, ...] = (gate, control, info, accounts)
        self._vitals.follow(store, {one.name: one.current for one in (gate, control, info, accounts)})
        working = asyncio.create_task(self._work(store, rulebook, herald, sessions, control), name="work")
        try:
            await asyncio.shield(working)
        except asyncio.CancelledError:
            await leave(self._ending, gate, control, info, accounts, working)
            raise

    async def _work(
        self,
        store: Store,
        rulebook: Rulebook,
        herald: Herald,
        sessions: Sequence[Session],
        control: ControlSession,
    ) -> None:
        """Hold the sessions and do what is to be done beside them, until cancelled."""
        meter = self._meter
        async with asyncio.TaskGroup() as tasks:
            for session in sessions:
                advice = advice_on_login(self._installation, at_the_gate=isinstance(session, GateSession))
                backoff = Backoff(self._reconnect_within)
                holding = hold(session, self.health, advice, backoff, meter=meter)
                tasks.create_task(holding, name=f"session {session.name}")
            tasks.create_task(self._announce(control), name="announce")
            tasks.create_task(watch_database(store, self.health), name="watch the database")
            keeper = await timekeeper(store)
            tasks.create_task(mind_clock(store, keeper, clock), name="mind the clock")
            tasks.create_task(self._keep_house(store, rulebook, herald, keeper), name="housekeeping")
            tasks.create_task(self._tell_systemd(), name="tell systemd")
            watch = CertificateWatch(self._installation, clock, meter)
            tasks.create_task(watch.run(self._certificates_every), name="watch certificates")
            taking = self._changes.follow(partial(take_keys, store, rulebook), meter)
            tasks.create_task(taking, name="take up changes")

    async def _tell_systemd(self) -> None:
        """Say ready when all serves, or when that takes long: a broker that is away is no fault of this service."""
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_AT_LAST):
                await self.ready.wait()
        told = ""
        while True:
            away = [f"{part.name} since {iso(part.since)}: {part.reason}" for part in self.health.missing]
            status = f"STATUS=not ready: {'; '.join(away)}" if away else "STATUS=ready"
            if status != told:
                self._notifier.tell(READY, status)
                told = status
            await asyncio.sleep(STATUS_PAUSE)

    async def _announce(self, control: ControlSession) -> None:
        """Keep ``bridge/state`` true: tell each change, and tell it again when the control session has come back."""
        told: tuple[bool, int] | None = None
        logged = False
        while True:
            whole, life = self.health.whole, control.lives
            again = None
            if logged and not whole:
                logged = False
                log.warning("not ready", away={part.name: part.reason for part in self.health.missing})
            if control.ready.on.is_set() and told != (whole, life):
                if not whole and (told is None or told[1] != life):
                    await self._settled()
                    whole = self.health.whole
                try:
                    await control.announce(whole)
                    told = (whole, life)
                except broker.Disconnected as error:
                    log.warning("state not told", reason=str(error))
                    again = ANNOUNCED_AGAIN
                else:
                    if all(part.serves for part in self.health.parts if part.name != RIGHTS):
                        self.ready.set()
                    if whole and not logged:
                        logged = True
                        log.info("ready")
            if self.health.whole == whole and control.lives == life:
                with suppress(TimeoutError):
                    async with asyncio.timeout(again):
                        await self.health.changed()

    async def _settled(self) -> None:
        """Give the other parts a moment to come back too: of a new life ``offline`` is no news but after a crash."""
        with suppress(TimeoutError):
            async with asyncio.timeout(COMING_BACK):
                while not self.health.whole:
                    await self.health.changed()

    async def _keep_house(self, store: Store, rulebook: Rulebook, herald: Herald, keeper: Timekeeper) -> None:
        while True:
            try:
                if keeper.lets_expire():
                    async for events in keep_house(store, rulebook, clock()):
                        await herald.tell_all(events)
            except StoreFault as error:
                log.warning("housekeeping put off", reason=str(error))
            await asyncio.sleep(HOUSEKEEPING)


async def take_keys(store: Store, rulebook: Rulebook, keys: KeyRing) -> None:
    """Go by ``keys`` from the next decision on. Raises InstallationFault if they lack one that rows name, or others'.

    What began with earlier ones is finished with them, whatever the file holds by then.
    """
    try:
        async with store.read() as connection:
            missing = await queries.key_ids(connection) - set(keys.masters)
    except StoreFault as error:
        raise InstallationFault(f"it cannot be seen whether all keys are there: {error}") from error
    if missing:
        raise InstallationFault(f"the master key {', '.join(sorted(missing))} is not in keys.json, and rows name it")
    rulebook.keys = keys.remembering(rulebook.keys)


def advice_on_login(made: Installation, *, at_the_gate: bool) -> str:
    """Return what to do where a broker refuses the bridge's own login."""
    folder = made.folder
    if at_the_gate:
        return f"the file {folder.bootstrap / 'passwords'} must be the one that the bootstrap broker reads; {REMADE}"
    if folder.beside.exists():
        return "bootstrap-bridge init --beside puts the bridge's accounts back; the broker has to be stopped for it"
    return f"the file {folder.dynamic_security} must be the one that the operations broker reads; {REMADE}"


REMADE: Final = "stop that broker, bootstrap-bridge init puts the bridge's logins back, start it"


@asynccontextmanager
async def _alone(database_url: str) -> AsyncIterator[Lock | None]:
    """Keep other bridges off the database, where it is a file. Raises Busy, OSError."""
    path = path_of(database_url)
    if path is None:
        yield None
        return
    remedy = "end that one first, or name another with --database"
    lock = await asyncio.to_thread(take_lock, lock_of(path), f"the database {path}", remedy)
    try:
        yield lock
    finally:
        lock.release()
