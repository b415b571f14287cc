"""What the gauges show of the database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa

from bridge import queries, schema, stock
from bridge.registration import Status
from bridge.stock import Stock
from tests.world import ROLES, World


@asynccontextmanager
async def explained(connection: queries.Connection) -> AsyncIterator[dict[str, list[str]]]:
    """Give what SQLite does for each query of the block, once the block has ended."""
    asked: dict[str, Any] = {}
    plans: dict[str, list[str]] = {}

    def note(conn: object, cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith("SELECT"):
            asked[statement] = parameters

    sa.event.listen(connection.sync_connection, "before_cursor_execute", note)
    yield plans
    sa.event.remove(connection.sync_connection, "before_cursor_execute", note)
    for statement, parameters in asked.items():
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        plans[statement] = [str(tuple(row)[-1]) for row in rows]


def assert_indexed(plans: dict[str, list[str]]) -> None:
    """Each step on a table with a row for each device goes by an index."""
    for statement, steps in plans.items():
        for step in steps:
            if "registrations" in step or "accounts" in step:
                assert "INDEX" in step, (statement, step)


async def taken(world: World) -> Stock:
    async with world.store.read() as connection:
        return await stock.take(connection)


async def test_an_empty_installation_has_its_administrators_alone(world: World) -> None:
    found = await taken(world)
    assert sum(found.registrations.values()) == 0
    assert found.wanted == found.installed == {"administrator": len(ROLES), "device": 0}
    assert found.outbox == {"install": 0, "remove": 0, "revisit": 0}
    assert (found.undelivered, found.unregistered, found.oldest_pending) == (0, 0, None)
    assert found.files["database"] > 0
    assert set(found.files) == {"database", "log"}


async def test_each_thing_is_counted_where_it_belongs(world: World) -> None:
    await world.done("register", {"devices": [{"id": "waits"}, {"id": "called"}]})
    await world.call("called")
    called_at = world.clock()
    await world.call("stranger")
    await world.accepted("one")
    await world.accepted("two")
    found = await taken(world)
    assert found.registrations == {
        Status.WAITING: 1,
        Status.PENDING: 1,
        Status.ACCEPTED: 2,
        Status.BLOCKED: 0,
    }
    assert (found.wanted["device"], found.installed["device"]) == (2, 0)
    assert found.outbox["install"] == 2
    assert (found.unregistered, found.oldest_pending) == (1, called_at)
    await world.installer.drain()
    found = await taken(world)
    assert (found.wanted["device"], found.installed["device"]) == (2, 2)
    assert found.outbox["install"] == 0
    assert found.undelivered == 2
    await world.done("delete", {"id": "two"})
    found = await taken(world)
    assert (found.wanted["device"], found.installed["device"]) == (1, 1)
    assert found.outbox == {"install": 0, "remove": 1, "revisit": 0}
    await world.done("create-application", {"name": "app"})
    assert (await taken(world)).wanted["application"] == 1


async def test_the_figures_are_the_same_as_counting_all_rows(world: World) -> None:
    for number in range(5):
        await world.accepted(f"d{number}")
    await world.installer.drain()
    for number in range(3, 8):
        await world.answer("register", {"id": f"d{number}"})
    await world.done("delete", {"id": "d1"})
    table = schema.accounts
    async with world.store.read() as connection:
        rows = (await connection.execute(sa.select(table.c.kind, table.c.wanted, table.c.installed))).all()
    found = await taken(world)
    for kind in ("device", "administrator"):
        assert found.wanted[kind] == sum(row[0] == kind and row[1] for row in rows)
        assert found.installed[kind] == sum(row[0] == kind and row[1] and row[2] is not None for row in rows)


async def test_no_figure_needs_a_walk_through_all_registrations_or_accounts(world: World) -> None:
    async with world.store.read() as connection, explained(connection) as plans:
        await stock.take(connection)
    assert len(plans) >= 7
    assert_indexed(plans)


async def test_what_is_to_be_done_is_found_without_a_walk_through_all_accounts(world: World) -> None:
    async with world.store.read() as connection, explained(connection) as plans:
        await queries.accounts_to_do(connection, 10)
    assert len(plans) == 2
    assert_indexed(plans)
