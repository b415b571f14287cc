"""The clock is watched while the bridge serves."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bridge.minding import MINDING, mind_clock, timekeeper
from bridge.records import AuditEntry
from bridge.store import Store, StoreFault
from bridge.timekeeping import Timekeeper
from tests.hurried import hurried
from tests.world import START, World


class Rows:
    """A store in which nothing is ahead; ``fails`` so many times."""

    def __init__(self, fails: int = 0) -> None:
        self.looked = asyncio.Event()
        self.fails = fails

    def read(self) -> Any:
        self.looked.set()
        return self

    async def __aenter__(self) -> Any:
        if self.fails:
            self.fails -= 1
            raise StoreFault("locked")
        return self

    async def __aexit__(self, *error: object) -> None:
        return None

    async def execute(self, statement: object) -> Any:
        return self

    def first(self) -> None:
        return None


async def looked(rows: Rows) -> None:
    await rows.looked.wait()
    rows.looked.clear()


def minded(rows: Any, now: list[int]) -> asyncio.Task[None]:
    return asyncio.create_task(mind_clock(rows, Timekeeper(lambda: now[0], lambda: 0.0), lambda: now[0]))


def test_entries_are_looked_through_at_the_start_and_whenever_the_clock_was_set_back() -> None:
    async def mind() -> None:
        rows, now = Rows(), [START]
        minding = minded(rows, now)
        await looked(rows)
        await asyncio.sleep(10 * MINDING)
        assert not rows.looked.is_set()
        now[0] -= 3_600_000
        await looked(rows)
        minding.cancel()

    hurried(mind())


def test_as_long_as_the_database_fails_it_is_tried_again() -> None:
    async def mind() -> None:
        rows = Rows(fails=2)
        minding = minded(rows, [START])
        for _ in range(3):
            await looked(rows)
        await asyncio.sleep(10 * MINDING)
        assert not rows.looked.is_set(), "it is done"
        minding.cancel()

    hurried(mind())


async def test_what_is_ahead_is_brought_back(world: World) -> None:
    world.clock.turn(3_600)
    await world.done("register", {"id": "ahead"})
    world.clock.turn(-3_600)
    minding = asyncio.create_task(mind_clock(world.store, Timekeeper(world.clock, lambda: 0.0), world.clock))
    while True:
        found = await world.registration("ahead")
        assert found is not None
        if found.created == START:
            break
        await asyncio.sleep(0)
    minding.cancel()


async def test_a_start_long_after_the_last_entry_lets_nothing_expire_at_first(world: World) -> None:
    assert (await timekeeper(world.store)).lets_expire(), "there is nothing yet"
    async with world.store.write() as transaction:
        await transaction.audit([AuditEntry(START, "default", "default/admin", "register", None, "ok", {})])
    assert not (await timekeeper(world.store)).lets_expire()


async def test_without_the_entries_it_goes_by_the_clock_alone(tmp_path: Path, empty_database: Path) -> None:
    path = shutil.copy(empty_database, tmp_path / "x.db")
    store = await Store.open(f"sqlite+aiosqlite:///{path}")
    async with store.write() as transaction:
        await transaction.connection.execute(sa.text("DROP TABLE audit"))
    assert (await timekeeper(store)).lets_expire()
    await store.close()
