"""A call costs the same whatever its id is: as many statements, one after the other, before it is answered.

How long an answer takes is measured end to end, in noise; what it is made of is counted here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from tests.world import PRIVATE, World

OTHER = "zyxwvutsrqponmlkjihgfe"
TOKEN = b'{"securityToken":"t"}'


@contextmanager
def counted(world: World) -> Iterator[list[str]]:
    """Keep the first words of all statements that are written meanwhile."""
    engine = world.store._writer.sync_engine
    found: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        found.append(statement.split(" ", 1)[0])

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


async def brought_about(world: World, kind: str) -> None:
    """Make ``kind`` what its name says."""
    if kind in {"first", "second-claim", "pending", "overflow", "blocked", "deleted"}:
        await world.done("register", {"id": kind})
    if kind in {"second-claim", "pending", "blocked", "deleted"}:
        await world.call(kind, TOKEN)
    match kind:
        case "given":
            await world.done("register", {"id": kind, "securityToken": "x"})
        case "overflow":
            for number in range(5):
                await world.call(kind, TOKEN, f"{PRIVATE}{number}")
        case "blocked":
            for _ in range(5):
                await world.answer("accept", {"id": kind, "securityToken": "wrong"})
        case "deleted":
            await world.done("delete", {"id": kind})
        case "accepted" | "device":
            await world.accepted(kind)
            await world.installer.drain()
        case "abroad":
            await world.done("register", {"id": kind}, who="north/nora")
    if kind == "device":
        await world.done("delete", {"id": kind})


@pytest.mark.parametrize(
    "kind",
    [
        *("unknown", "first", "second-claim", "pending", "overflow", "given"),
        *("blocked", "deleted", "accepted", "device", "abroad"),
    ],
)
async def test_a_call_costs_as_many_statements_as_one_for_an_unknown_id(world: World, kind: str) -> None:
    await brought_about(world, kind)
    client_id = PRIVATE if kind == "pending" else OTHER
    with counted(world) as expected:
        await world.call("somebody", TOKEN, OTHER)
    with counted(world) as found:
        await world.call(kind, TOKEN, client_id)
    assert [word == "SELECT" for word in found] == [word == "SELECT" for word in expected], (found, expected)
    assert len(found) >= 4
