"""The housekeeping: what expires, what retires, and what stays."""

import asyncio
from typing import Any

from bridge.batch import Batch
from bridge.decisions import Confirm
from bridge.housekeeping import MINDING, keep_house, mind_clock
from bridge.store import StoreFault
from bridge.timekeeping import Timekeeper
from tests.hurried import hurried
from tests.world import START, World

DAY = 86_400.0


async def events_of(world: World) -> list[tuple[str, str]]:
    pages = [page async for page in keep_house(world.store, world.rulebook, world.clock())]
    return [(event.event, event.id) for page in pages for event in page]


async def test_registrations_that_nobody_accepted_expire_when_their_time_is_over(world: World) -> None:
    world.rulebook.follow({("default", "registration.ttl"): 60}, world.rulebook.tenants, world.rulebook.roles)
    await world.done("register", {"devices": [{"id": "old"}, {"id": "called"}]})
    await world.call("called")
    world.clock.turn(30)
    await world.done("register", {"id": "young"})
    assert await events_of(world) == []
    world.clock.turn(30)
    assert sorted(await events_of(world)) == [("expired", "called"), ("expired", "old")]
    assert (await world.done("list"))["counts"]["WAITING_FOR_CONNECTION"] == 1
    assert await events_of(world) == []


async def test_without_a_time_to_live_nothing_expires(world: World) -> None:
    await world.done("register", {"id": "patient"})
    world.clock.turn(3_650 * DAY)
    assert await events_of(world) == []
    assert await world.registration("patient") is not None


async def test_a_confirmed_registration_retires_and_its_device_stays(world: World) -> None:
    await world.accepted("pump-7")
    await world.installer.drain()
    async with world.store.write() as transaction:
        batch = Batch(transaction, world.rulebook, world.clock())
        await batch.load(["pump-7"])
        batch.decide(Confirm("pump-7", "default"))
        await batch.write()
    world.clock.turn(DAY - 1)
    await events_of(world)
    assert await world.registration("pump-7") is not None
    world.clock.turn(1)
    assert await events_of(world) == [], "the contract has no event for it"
    assert await world.registration("pump-7") is None
    assert await world.device("pump-7") is not None
    account = await world.account("default/device_pump-7")
    assert account is not None
    assert account.wanted


async def test_an_accepted_device_that_never_came_is_kept(world: World) -> None:
    world.rulebook.follow({("default", "registration.ttl"): 60}, world.rulebook.tenants, world.rulebook.roles)
    await world.accepted("late")
    world.clock.turn(365 * DAY)
    assert await events_of(world) == []
    assert await world.registration("late") is not None


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
