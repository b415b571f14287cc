"""The end of the bridge in the middle of what takes a while: the part in hand is kept, nobody is told that all is."""

import asyncio
from typing import Any

import pytest

from bridge import arrows
from bridge.broker import Incoming
from bridge.handlers.bulk import CHUNK
from bridge.sessions.control import ControlSession, _Waiting
from bridge.sessions.herald import Herald
from bridge.wire import Topics
from tests.files import numbers, told
from tests.world import World

ROWS = 2 * CHUNK + 10
FILE = "ID\n" + "".join(f"d-{number}\n" for number in range(ROWS))


async def registrations(world: World) -> int:
    counts: dict[str, int] = (await world.done("list", {"limit": 1}))["counts"]
    return sum(counts.values())


@pytest.mark.parametrize(("command", "kept"), [("bulk-register", CHUNK), ("bulk-validate", 0)])
async def test_a_file_ends_after_the_part_in_hand_without_an_answer_and_can_be_sent_again(
    world: World, command: str, kept: int
) -> None:
    world.control.ends = lambda: True
    handled = await world.ask(command, FILE.encode(), correlation=b"one")
    assert handled.payload == b""
    assert await registrations(world) == kept
    world.control.ends = lambda: False
    handled = await world.ask(command, FILE.encode(), correlation=b"one")
    assert b'"ok":true' in handled.payload
    assert numbers(await told(world, FILE, command="bulk-validate"))[3] == ROWS
    assert await registrations(world) == (ROWS if kept else 0)


async def test_devices_of_the_part_that_was_accepted_are_installed_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.handlers.registrations.CHUNK", 2)
    for number in range(3):
        await world.done("register", {"id": f"d-{number}"})
        await world.call(f"d-{number}")
    world.control.ends = lambda: True
    handled = await world.ask("accept-all")
    assert handled.payload == b""
    assert len(handled.account_work.coming) == 2
    assert len(handled.events) == 2


async def test_the_session_rests_after_the_part_in_hand_and_answers_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed = asyncio.Event()
    monkeypatch.setattr(
        arrows, "hook", lambda arrow: committed.set() if arrow is arrows.Arrow.REQUEST_PART_COMMITTED else None
    )

    class Connection:
        sent: list[bytes] = []  # noqa: RUF012

        def send(self, topic: str, payload: bytes, **options: Any) -> None:
            self.sent.append(payload)

        async def drained(self) -> None:
            return

    nothing: Any = None
    session = ControlSession(nothing, Topics(), world.control, Herald(Topics()))
    connection: Any = Connection()
    waiting = _Waiting(takes_a_while=True)
    topic = world.topics.request("default", "admin", "bulk-register")
    waiting.turns.add("default/admin", Incoming(topic, FILE.encode(), 1, False, 1, None), len(FILE))
    working = asyncio.create_task(session._work(connection, waiting))
    async with asyncio.timeout(60):
        await committed.wait()
        await session.hands.rest()
    working.cancel()
    assert connection.sent == []
    assert 0 < await registrations(world) < ROWS
