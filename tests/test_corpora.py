"""What reads strangers' bytes keeps its promises: about every input that is kept, and about what is made of them.

An input that breaks a promise is kept in ``tests/corpora``, and tried first from then on.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from hypothesis import given

from bridge import queries
from bridge.control import Control
from bridge.store import Store
from bridge.transaction import Transaction
from tests.depth import searching
from tests.fuzzing.corpus import CORPORA, keep, kept, made
from tests.fuzzing.targets import TARGETS, split
from tests.world import World

KEPT = [(room, name) for room in TARGETS for name in kept(room)]


@pytest.mark.parametrize(("room", "name"), KEPT, ids=lambda value: value)
def test_an_input_that_is_kept_breaks_no_promise(room: str, name: str) -> None:
    TARGETS[room](kept(room)[name])


@pytest.mark.parametrize("room", TARGETS)
def test_an_input_that_was_made_breaks_no_promise(room: str) -> None:
    searched(room, TARGETS[room])


def searched(room: str, target: Callable[[bytes], None]) -> None:
    """Make inputs; keep the smallest that was found where one breaks a promise."""
    broken: list[bytes] = []

    @searching(60)
    @given(made(room))
    def search(data: bytes) -> None:
        try:
            target(data)
        except Exception:
            broken.append(data)
            raise

    try:
        search()
    except Exception as error:
        error.add_note(f"kept as {keep(room, broken[-1])}")
        raise


def test_every_folder_of_inputs_is_of_a_room() -> None:
    assert {path.name for path in CORPORA.iterdir()} == {*TARGETS, "requests"}


# Requests need a bridge: the whole door, with a database that forgets what was done.


class Forgetful(Store):
    """A database in which nothing stays: each input finds it as the one before did."""

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        async with super().write() as transaction:
            yield transaction
            await transaction.connection.rollback()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, peopled_database: Path) -> Iterator[Callable[[bytes], None]]:
    """Return what takes the bytes of a request, as a target does."""
    path = tmp_path_factory.mktemp("door") / "registrations.db"
    path.write_bytes(peopled_database.read_bytes())
    with asyncio.Runner() as runner:
        world = runner.run(prepared(path))
        store = runner.run(Forgetful.open(f"sqlite+aiosqlite:///{path}"))
        control = Control(store, world.rulebook, world.topics, world.clock)

        def target(data: bytes) -> None:
            runner.run(asked(world, store, control, data))

        yield target
        runner.run(store.close())
        runner.run(world.store.close())


async def prepared(path: Path) -> World:
    world = await World.on(await Store.open(f"sqlite+aiosqlite:///{path}"))
    await world.done("register", {"id": "pump-7", "name": "Pump"})
    await world.call("pump-7", b'{"securityToken":"a"}')
    await world.call("nobody")
    await world.accepted("pump-8")
    await world.installer.drain()
    return world


async def asked(world: World, store: Store, control: Control, data: bytes) -> None:
    """A request gets exactly one answer, which is JSON and never says that the bridge is at fault."""
    head, payload = split(data)
    who, _, command = head.partition(" ")
    if who.count("/") != 1 or not command or "/" in command or {"+", "#", "\0"}.intersection(head):
        return  # the broker lets nobody publish that
    async with store.read() as connection:
        standing = await queries.standing(connection)
    world.rulebook.follow(standing.values, standing.tenants, standing.roles)
    world.control = control
    handled = await world.ask(command, payload, who=who)
    answer = json.loads(handled.payload)
    assert answer["command"] == command
    assert answer["ok"] or answer["error"]["code"] != "INTERNAL", answer
    assert answer["ok"] or answer["error"]["message"]
    assert len(handled.payload) <= 1_000_000


@pytest.mark.parametrize("name", kept("requests"))
def test_a_request_that_is_kept_gets_an_answer(door: Callable[[bytes], None], name: str) -> None:
    door(kept("requests")[name])


def test_a_request_that_was_made_gets_an_answer(door: Callable[[bytes], None]) -> None:
    searched("requests", door)


# No input costs more than in proportion to its length.


SOME = 800
"""Bytes that are enough to tell a line from a parabola."""


def steps_of(target: Callable[[bytes], None], data: bytes) -> int:
    """Count the lines of the bridge that run: a clock would tell of the machine, not of the program."""
    steps = 0
    codes: dict[CodeType, bool] = {}

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal steps
        steps += event == "line"
        code = frame.f_code
        if code not in codes:
            codes[code] = "/bridge/" in code.co_filename
        return trace if codes[code] else None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        target(data)
    finally:
        sys.settrace(before)
    return steps


@pytest.mark.parametrize(("room", "name"), KEPT, ids=lambda value: value)
def test_twice_the_input_costs_at_most_twice_the_steps(room: str, name: str) -> None:
    head, line, rest = kept(room)[name].partition(b"\n")
    number = max(2, SOME // len(rest or b" "))
    once, twice = (head + line + rest * many for many in (number, 2 * number))
    assert steps_of(TARGETS[room], twice) <= 2.2 * steps_of(TARGETS[room], once) + 200
