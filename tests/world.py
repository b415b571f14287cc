"""A bridge without brokers: a real database, a clock that tests turn, accounts that only remember what was asked."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge import queries
from bridge.accounts import AccountsFault, Login, Seen
from bridge.accounts.grants import digest_of
from bridge.broker import Incoming
from bridge.control import Control, Handled
from bridge.credentials import KeyRing
from bridge.decisions import Event
from bridge.installer import Installer, Surroundings
from bridge.intake import Intake, Taken
from bridge.reconciler import Reconciler
from bridge.records import ADMINISTRATOR, Account
from bridge.registration import Device, Registration
from bridge.rulebook import Rulebook
from bridge.store import Store
from bridge.wire import Topics

KEYS = KeyRing({"k1": bytes(range(32))}, "k1")
START = 1_767_225_600_000
"""2026-01-01T00:00:00.000Z."""
PRIVATE = "abcdefghijklmnopqrstuv"
"""The shortest client id of a private call."""
ROLES = {
    ("management", "root"): "owner",
    ("default", "admin"): "owner",
    ("default", "rita"): "registrar",
    ("default", "vera"): "viewer",
    ("north", "nora"): "owner",
}


@dataclass
class Clock:
    """A clock that stands still until it is turned."""

    now: int = START

    def __call__(self) -> int:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += round(seconds * 1000)


@dataclass
class FakeAccounts:
    """Accounts as a broker would keep them. ``script`` has every step in order, ``faults`` what fails next.

    ``people`` are the administrators that a World begins with, ``there`` all others.
    """

    script: list[str]
    there: dict[str, Login] = field(default_factory=dict)
    people: dict[str, Login] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    never: set[str] = field(default_factory=set)
    looked_at: list[str] = field(default_factory=list)
    page: int = 100

    def step(self, what: str, names: Sequence[str]) -> None:
        self.script.append(f"{what} {' '.join(names)}")
        if self.faults.get(what, 0):
            self.faults[what] -= 1
            raise AccountsFault(f"{what} failed on purpose")
        if refused := self.never.intersection(names):
            raise AccountsFault(f"{what} {refused} is refused for ever")

    async def install(self, logins: Sequence[Login]) -> None:
        self.step("install", [login.username for login in logins])
        for login in logins:
            self.there[login.username] = login

    async def renew(self, logins: Sequence[Login]) -> None:
        self.step("renew", [f"{login.username}:{login.mark[:5]}" for login in logins])
        for login in logins:
            there = self.there.get(login.username)
            if there is None or there.description != login.description:  # what looks the same is not touched
                self.there[login.username] = login

    async def remove(self, usernames: Sequence[str]) -> None:
        self.step("remove", usernames)
        for username in usernames:
            self.there.pop(username, None)

    async def listed(self) -> AsyncIterator[Sequence[Seen]]:
        yield []
        for start in range(0, len(self.all), self.page):
            yield [seen(login) for login in list(self.all.values())[start : start + self.page]]

    async def look(self, usernames: Sequence[str]) -> list[Seen | None]:
        self.looked_at += usernames
        return [seen(self.all[name]) if name in self.all else None for name in usernames]

    @property
    def all(self) -> dict[str, Login]:
        return self.people | self.there


def seen(login: Login) -> Seen:
    """Return an account as the broker shows it."""
    return Seen(login.username, login.mark, digest_of(login.grants), login.client_id)


async def peopled(store: Store, now: int) -> None:
    """Make the tenants and administrators that a World begins with."""
    async with store.write() as transaction:
        await transaction.ensure_tenants(now)
        await transaction.make_tenant("north", None, now)
        await transaction.save_accounts(
            [
                Account(name, ADMINISTRATOR, tenant, name, name.encode(), "k1", role, installed=now)
                for (tenant, name), role in ROLES.items()
            ]
        )


@dataclass
class World:
    """All rooms above the store and below the sessions, connected as the service connects them."""

    store: Store
    clock: Clock
    rulebook: Rulebook
    topics: Topics
    intake: Intake
    control: Control
    accounts: FakeAccounts
    installer: Installer
    script: list[str]
    pushed: list[Registration] = field(default_factory=list)
    told: list[Event] = field(default_factory=list)

    @classmethod
    async def on(cls, store: Store, prefix: str = "") -> "World":
        clock, topics = Clock(), Topics.below(prefix)
        async with store.read() as connection:
            is_new = not await queries.roles(connection)
        if is_new:
            await peopled(store, clock())
        async with store.read() as connection:
            standing = await queries.standing(connection)
        rulebook = Rulebook(KEYS)
        rulebook.follow(standing.values, standing.tenants, standing.roles)
        script: list[str] = []
        pushed: list[Registration] = []
        told: list[Event] = []
        accounts = FakeAccounts(script)

        async def clear(login: Login) -> None:
            accounts.step("clear", [str(login.client_id)])
            if accounts.there[login.username].password != login.password:
                raise AccountsFault(f"the account {login.username} is there, but may not log in")

        async def heard_all() -> None:
            accounts.step("heard", [])

        def push(registrations: Sequence[Registration]) -> None:
            script.append(f"push {' '.join(one.id for one in registrations)}")
            pushed.extend(registrations)

        around = Surroundings(clear, heard_all, push, told.extend)
        installer = Installer(store, rulebook, topics, accounts, clock, around)
        async with store.read() as connection:
            for account in await queries.people(connection, ADMINISTRATOR, None, "", 100):
                accounts.people[account.username] = installer.login_for(account)
        return cls(
            store,
            clock,
            rulebook,
            topics,
            Intake(store, rulebook, topics, clock),
            Control(store, rulebook, topics, clock),
            accounts,
            installer,
            script,
            pushed,
            told,
        )

    @property
    def reconciler(self) -> Reconciler:
        """Compares broker and rows."""
        return Reconciler(self.store, self.accounts, self.installer)

    async def reconcile(self) -> int:
        """Compare once, and return how much was not as it should be."""
        found = await self.reconciler.reconcile()
        return found.repaired + found.removed + found.held

    async def ask(
        self,
        command: str,
        payload: dict[str, Any] | bytes | None = None,
        *,
        who: str = "default/admin",
        correlation: bytes | None = None,
        arrived: float | None = None,
    ) -> Handled:
        """Handle a request as it comes from the broker."""
        tenant, administrator = who.split("/")
        body = payload if isinstance(payload, bytes) else json.dumps(payload or {}).encode()
        topic = self.topics.request(tenant, administrator, command)
        return await self.control.handle(Incoming(topic, body, 1, False, 1, correlation, arrived))

    async def answer(self, command: str, payload: dict[str, Any] | bytes | None = None, **how: Any) -> dict[str, Any]:
        """Return the whole answer to a request."""
        answer: dict[str, Any] = json.loads((await self.ask(command, payload, **how)).payload)
        return answer

    async def done(self, command: str, payload: dict[str, Any] | bytes | None = None, **how: Any) -> dict[str, Any]:
        """Return the result of a request that must be done."""
        answer = await self.answer(command, payload, **how)
        assert answer["ok"], answer
        result: dict[str, Any] = answer["result"]
        return result

    async def refused(self, command: str, payload: dict[str, Any] | bytes | None = None, **how: Any) -> str:
        """Return the code of a request that must be refused; its sentence must not be empty."""
        answer = await self.answer(command, payload, **how)
        assert not answer["ok"], answer
        assert len(answer["error"]["message"]) > 10, answer
        code: str = answer["error"]["code"]
        return code

    async def call(self, device_id: str, payload: bytes = b"{}", client_id: str | None = PRIVATE) -> Taken:
        """Take one call; ``client_id`` None calls on the plain topic."""
        return await self.intake.take([self.message(device_id, payload, client_id)])

    def message(self, device_id: str, payload: bytes = b"{}", client_id: str | None = PRIVATE) -> Incoming:
        """Return a call as it comes from the broker."""
        tail = "" if client_id is None else f"/{client_id}"
        return Incoming(f"{self.topics.prefix}bootstrap/{device_id}/request{tail}", payload, 1, False, 1, None)

    async def accepted(self, device_id: str, payload: bytes = b"{}", client_id: str | None = PRIVATE) -> None:
        """Bring a device from nothing to accepted."""
        await self.done("register", {"id": device_id})
        await self.call(device_id, payload, client_id)
        await self.done("accept", {"id": device_id})

    async def registration(self, device_id: str) -> Registration | None:
        async with self.store.write() as transaction:
            return (await transaction.registrations([device_id])).get(device_id)

    async def account(self, username: str) -> Account | None:
        async with self.store.write() as transaction:
            return (await transaction.accounts([username])).get(username)

    async def device(self, device_id: str) -> Device | None:
        async with self.store.write() as transaction:
            return (await transaction.devices([device_id])).get(device_id)
