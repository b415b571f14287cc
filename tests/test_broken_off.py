"""Sessions broken off between a commit and what follows it: the accounts that it wants are made all the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bridge import broker
from bridge.batch import AccountWork
from bridge.broker import Disconnected, Incoming
from bridge.sessions.control import ControlSession
from bridge.sessions.gate import GateSession
from bridge.sessions.herald import Herald
from tests.making import NOW
from tests.world import PRIVATE, World

LOGIN = broker.Login("127.0.0.1", 1, "bridge", "password", "client")
TOKEN = "a-token-of-sixteen-or-more"


class Broken:
    """A connection that brings some messages and has ended when they are to be answered."""

    waiting = 0

    def __init__(self, *messages: Incoming) -> None:
        self._messages = list(messages)

    async def subscribe(self, *filters: str, **options: Any) -> None:
        return

    async def batches(self) -> AsyncIterator[list[Incoming]]:
        yield self._messages
        await asyncio.Event().wait()

    def ack(self, messages: list[Incoming]) -> None:
        return

    def dropped(self) -> int:
        return 0

    def send(self, topic: str, payload: bytes, **options: Any) -> None:
        raise Disconnected("could not publish: error 4")

    async def publish(self, topic: str, payload: bytes, **options: Any) -> int:
        raise Disconnected("could not publish: error 4")

    async def drained(self) -> None:
        return


def connected(monkeypatch: pytest.MonkeyPatch, connection: Broken) -> None:
    @asynccontextmanager
    async def connect(*given: Any, **options: Any) -> AsyncIterator[Broken]:
        yield connection

    monkeypatch.setattr(broker, "connect", connect)


async def test_a_call_accepted_at_once_gets_its_account_though_its_answer_cannot_be_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.done("register", {"id": "pump-7", "securityToken": TOKEN, "autoAccept": True})
    call = world.message("pump-7", b'{"securityToken":"%s"}' % TOKEN.encode(), PRIVATE)
    connected(monkeypatch, Broken(call))
    session = GateSession(LOGIN, world.topics, world.intake, world.store, world.rulebook, Herald(world.topics))
    told: list[AccountWork] = []
    session.accounts_changed = told.append
    with pytest.raises(ExceptionGroup):
        await session.run()
    found = await world.registration("pump-7")
    assert found is not None
    assert found.accepted == NOW
    assert told, "nobody would install it before the next comparison"


async def test_what_a_request_changed_in_parts_is_known_though_it_was_broken_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = world.topics.request("default", "admin", "bulk-register")
    file = Incoming(topic, b"ID;CREDENTIALS\npump-7;twelve-characters\n", 1, False, 1, None)
    connected(monkeypatch, Broken(file))
    session = ControlSession(LOGIN, world.topics, world.control, Herald(world.topics))
    told: list[AccountWork] = []
    session.accounts_changed = told.append
    committed = asyncio.Event()

    async def breaks_off(message: Incoming) -> Any:
        await handle(message)
        committed.set()
        await asyncio.Event().wait()

    handle = world.control.handle
    monkeypatch.setattr(world.control, "handle", breaks_off)
    running = asyncio.create_task(session.run())
    await committed.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    account = await world.account("default/device_pump-7")
    assert account is not None
    assert account.installed is None
    assert told
