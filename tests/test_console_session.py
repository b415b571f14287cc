"""One who is logged in: requests over breaks of the connection, rights learnt anew, and what is heard meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bridge import admin
from bridge.admin import Access, RefusedByBridge
from bridge.broker import Disconnected
from bridge.console import session as room
from bridge.console.session import Away, End, Ended, Session, State

Payload = Mapping[str, Any] | bytes | None
Answers = Callable[[str], Awaitable[dict[str, Any]]]


class Broker:
    """Gives connections whose bridge answers by ``answers``; keeps what was asked and done, in order."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.kept_waiting = asyncio.Event()
        self.ids: list[str | None] = []
        self.answers: dict[str, Answers] = {}

    @asynccontextmanager
    async def connect(self, access: Access, whole: Callable[[str], int | float] = int) -> AsyncIterator["Connection"]:
        self.done.append("connected")
        yield Connection(self)


class Connection:
    """One connection, until it is lost."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.lost = asyncio.Event()

    async def request(self, command: str, payload: Payload = None, *, request_id: str | None = None) -> dict[str, Any]:
        self.broker.done.append(command)
        if command == "too-large":
            self.broker.ids.append(request_id)
            self.lost.set()
            await asyncio.Event().wait()
        if command == "patience":
            self.broker.kept_waiting.set()
            await asyncio.Event().wait()
        if command in self.broker.answers:
            return await self.broker.answers[command](command)
        return {"tenants": []}

    async def listen(self) -> None:
        await asyncio.sleep(0)  # the broker's answer takes a while
        self.broker.done.append("listening")

    async def events(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        await self.lost.wait()
        raise Disconnected("gone")
        yield "", {}


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    made = Broker()
    monkeypatch.setattr(admin, "connect", made.connect)
    monkeypatch.setattr(room, "RECONNECT_WITHIN", 0.01)
    return made


@asynccontextmanager
async def logged_in(tenant: str = "default") -> AsyncIterator[Session]:
    session = Session("key", Access("127.0.0.1", 1, tenant, "anna", "password"))
    async with asyncio.TaskGroup() as tasks:
        first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        session.begin(tasks, first, lambda: None)
        await first
        async with asyncio.timeout(60):
            yield session
        session.finish(End.LOGGED_OUT)


async def test_what_ends_each_connection_is_not_asked_for_ever(broker: Broker) -> None:
    """As a message does that is larger than the broker takes."""
    async with logged_in() as session:
        with pytest.raises(Away, match="lost 3 times"):
            await session.request("too-large")
        assert len(broker.ids) == 3
        assert len(set(broker.ids)) == 1, "it is one request"
        assert await session.request("list") == {"tenants": []}


async def test_a_page_is_told_that_it_is_online_only_when_nothing_happens_unseen_any_more(broker: Broker) -> None:
    async with logged_in() as session:
        told = asyncio.Event()

        def watch() -> None:
            broker.done.append(session.state)
            if session.state is State.ONLINE:
                told.set()

        session.watch(watch)
        with pytest.raises(Away):
            await session.request("too-large")
        await told.wait()
    after = broker.done[broker.done.index(State.BROKER_AWAY) :]
    assert after.index("listening") < after.index(State.ONLINE)


async def test_a_bridge_with_too_much_to_do_ends_nobodys_session(broker: Broker) -> None:
    async with logged_in("management") as session:
        away, online = asyncio.Event(), asyncio.Event()
        session.watch(lambda: {State.BRIDGE_AWAY: away, State.ONLINE: online}.get(session.state, asyncio.Event()).set())

        async def busy(command: str) -> dict[str, Any]:
            raise RefusedByBridge("LIMIT_REACHED", "too many requests wait already", {})

        broker.answers["list-tenants"] = busy
        asking = asyncio.ensure_future(session.request("too-large"))
        await away.wait()
        assert session.end is None
        del broker.answers["list-tenants"]
        await online.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def test_who_waits_for_an_answer_when_the_session_ends_is_told_at_once(broker: Broker) -> None:
    async with logged_in() as session:
        waiting = asyncio.ensure_future(session.request("patience"))
        await broker.kept_waiting.wait()
        session.finish(End.LOGGED_OUT)
        async with asyncio.timeout(room.RECONNECT_PATIENCE / 2):
            with pytest.raises(Ended):
                await waiting
            with pytest.raises(Ended):
                await session.request("list")
