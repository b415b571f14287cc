"""A bridge that can be killed at any point: what is committed stays, and what the brokers have; all else is lost.

The rooms are the real ones, connected as the sessions connect them. The points at which it may die are those between
two effects: before and after each commit, before and after each change of an account, between two messages.
"""

import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bridge import queries
from bridge.accounts import Login
from bridge.batch import Batch, distinct
from bridge.broker import Incoming
from bridge.broker import Login as BrokerLogin
from bridge.control import Control, Handled
from bridge.decisions import MarkDelivered
from bridge.housekeeping import keep_house
from bridge.installer import Installer, Surroundings
from bridge.intake import Intake, Outgoing, Taken
from bridge.reconciler import Reconciler
from bridge.records import ADMINISTRATOR
from bridge.registration import Registration
from bridge.rulebook import Rulebook
from bridge.rules import redelivery_ended
from bridge.sessions.herald import Herald
from bridge.sessions.info import InfoSession
from bridge.store import Store
from bridge.transaction import Transaction
from bridge.wire import Topics
from tests.world import KEYS, Clock, FakeAccounts

TOPICS = Topics()


class Crash(BaseException):
    """The process is killed here; nothing catches it on its way."""


class Trips:
    """Counts the points passed, and kills at the one that was chosen."""

    def __init__(self) -> None:
        self.left: int | None = None

    def passed(self) -> None:
        if self.left == 0:
            self.left = None
            raise Crash
        if self.left is not None:
            self.left -= 1


def _without_disk(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")


class FragileStore(Store):
    """A database whose process may die just before or just after a commit."""

    trips = Trips()

    @classmethod
    async def on(cls, path: Path) -> "FragileStore":
        """Open the database at ``path``; its disk is not what is tested here, so nobody waits for it."""
        store = await cls.open(f"sqlite+aiosqlite:///{path}")
        assert isinstance(store, cls)
        sa.event.listen(store._writer.sync_engine, "connect", _without_disk)
        return store

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        async with super().write() as transaction:
            yield transaction
            self.trips.passed()
        self.trips.passed()


class FragileAccounts(FakeAccounts):
    """The broker's accounts, which outlive the bridge. ``ever``: each login that there was."""

    def __init__(self, trips: Trips) -> None:
        super().__init__([])
        self.trips = trips
        self.ever: set[tuple[str, str, str]] = set()

    def step(self, what: str, names: Sequence[str]) -> None:
        self.trips.passed()
        super().step(what, names)

    async def install(self, logins: Sequence[Login]) -> None:
        await super().install(logins)
        self.confirmed(logins)

    async def renew(self, logins: Sequence[Login]) -> None:
        await super().renew(logins)
        self.confirmed(logins)

    def confirmed(self, logins: Sequence[Login]) -> None:
        self.ever |= {(login.username, login.password, login.mark) for login in logins}
        self.trips.passed()

    async def remove(self, usernames: Sequence[str]) -> None:
        await super().remove(usernames)
        self.trips.passed()


class House:
    """What outlives a crash, and the rooms of one run of the bridge."""

    def __init__(self, store: FragileStore, path: Path) -> None:
        self.store = store
        self.trips = store.trips
        self.trips.left = None
        self.clock = Clock()
        self.broker = FragileAccounts(self.trips)
        self.waiting: list[Incoming] = []
        """Calls that were not acknowledged; the bootstrap broker sends them again."""
        self.infos: list[tuple[Incoming, str]] = []
        """What devices said and the bridge has not acknowledged, with the mark of the password they came in by."""
        self.listening = True
        self.pushed: list[Outgoing] = []
        self.deliveries: list[tuple[str, bytes]] = []
        self.listened: set[tuple[str, bytes]] = set()
        self.heard: Callable[[Sequence[tuple[Incoming, str]]], None] = lambda messages: None
        self.reading = sqlite3.connect(path, isolation_level=None)

    async def start(self) -> None:
        """Make the rooms, as after a crash: nothing is known but what the database says."""
        self.deliveries = []
        async with self.store.read() as connection:
            standing = await queries.standing(connection)
        self.rulebook = Rulebook(KEYS)
        self.rulebook.follow(standing.values, standing.tenants, standing.roles)
        self.intake = Intake(self.store, self.rulebook, TOPICS, self.clock)
        self.control = Control(self.store, self.rulebook, TOPICS, self.clock)
        nobody = BrokerLogin("127.0.0.1", 0, "", "", "")
        self.info = InfoSession(nobody, TOPICS, self.store, self.rulebook, Herald(TOPICS))
        around = Surroundings(self.clear, self.heard_all, self.push, lambda events: None)
        self.installer = Installer(self.store, self.rulebook, TOPICS, self.broker, self.clock, around)

    async def reconcile(self) -> int:
        """Compare broker and rows, and return how much was not as it should be."""
        found = await Reconciler(self.store, self.broker, self.installer).reconcile()
        return found.repaired + found.removed + found.held

    async def people_it(self) -> None:
        """Give the broker the administrators that are there from the beginning."""
        async with self.store.read() as connection:
            people = await queries.people(connection, ADMINISTRATOR, None, "", 100)
        await self.broker.install([self.installer.login_for(person) for person in people])

    # What the sessions do.

    async def clear(self, login: Login) -> None:
        assert self.broker.there[login.username].password == login.password, "cleared by the account's own login"
        self.broker.step("clear", [str(login.client_id)])

    async def heard_all(self) -> None:
        self.broker.step("heard", [])
        trips, self.trips.left = self.trips.left, None
        await self.hear()
        self.trips.left = trips

    async def hear(self) -> None:
        """Take what devices said, and acknowledge it."""
        messages, self.infos = self.infos, []
        try:
            await self.info._take([message for message, _ in messages])
        except Crash:
            self.infos = messages
            raise
        self.heard(messages)

    def push(self, registrations: Sequence[Registration]) -> None:
        for registration in registrations:
            answer = self.intake.push(registration)
            assert answer is not None
            login = self.broker.there[f"{registration.tenant}/device_{registration.id}"]
            assert login.password == KEYS.device_password(
                registration.tenant, registration.id, registration.seed or b"", registration.key_id or ""
            ), "no credentials leave before the broker has confirmed the account"
            self.pushed.append(answer)
            self.sent(answer)

    def sent(self, answer: Outgoing) -> None:
        """The bootstrap broker took an answer, for somebody who listens or for nobody."""
        if self.listening and answer.device_id is not None and answer.delivers is not None:
            self.deliveries.append((answer.device_id, answer.delivers))
            self.listened.add((answer.device_id, answer.delivers))

    async def note_deliveries(self) -> None:
        delivered, self.deliveries = self.deliveries, []
        if not delivered:
            return
        async with self.store.write() as transaction:
            batch = Batch(transaction, self.rulebook, self.clock())
            await batch.load(distinct(device_id for device_id, _ in delivered))
            for device_id, seed in delivered:
                batch.decide(MarkDelivered(device_id, seed))
            await batch.write()

    async def push_again(self) -> None:
        """Send credentials that were sent to nobody, as when the gate opens."""
        async with self.store.read() as connection:
            page = await queries.undelivered(connection, "", 100)
        now = self.clock()
        for one in page:
            if not redelivery_ended(one, self.rulebook.policy(one.tenant), now):
                answer = self.intake.push(one)
                assert answer is not None
                self.pushed.append(answer)
                self.sent(answer)

    async def take(self, messages: Sequence[Incoming]) -> Taken:
        """Take calls; they are acknowledged when they were committed."""
        self.waiting = list(messages)
        taken = await self.intake.take(messages)
        self.waiting = []
        self.trips.passed()
        for answer in taken.answers:
            self.sent(answer)
        return taken

    async def handle(self, who: str, command: str, payload: bytes, number: int) -> Handled:
        """Take an administrator's request."""
        tenant, name = who.split("/")
        topic = TOPICS.request(tenant, name, command)
        return await self.control.handle(Incoming(topic, payload, 1, False, 1, number.to_bytes(8, "big")))

    async def keep(self) -> None:
        async for _ in keep_house(self.store, self.rulebook, self.clock()):
            pass

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Read what is committed, past all that the bridge knows."""
        return self.reading.execute(statement).fetchall()

    def close(self) -> None:
        self.reading.close()


def object_of(answer: Outgoing) -> dict[str, Any]:
    """Return what an answer says, whichever form it has."""
    if answer.payload.startswith(b"{"):
        said: dict[str, Any] = json.loads(answer.payload)
        return said
    _, tenant, user, password = answer.payload.decode().split(",")
    return {"status": "ACCEPTED", "username": f"{tenant}/{user}", "password": password}
