"""The housekeeping: what expires, what retires, and what stays. And when the session with the accounts is ready."""

import asyncio
from typing import Any, cast

from bridge.batch import Batch
from bridge.decisions import Confirm
from bridge.installer import Installer
from bridge.service import keep_house
from bridge.sessions.accounts import BACKLOG, AccountsSession
from bridge.sessions.herald import Herald
from bridge.wire import Topics
from tests.hurried import hurried
from tests.world import World

DAY = 86_400.0


async def events_of(world: World) -> list[tuple[str, str]]:
    told = await keep_house(world.store, world.rulebook, world.clock())
    return [(event.event, event.id) for event in told]


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


def test_accounts_that_wait_from_before_a_start_do_not_keep_the_bridge_from_being_ready_for_long() -> None:
    class Busy:
        async def reconcile(self) -> int:
            return 0

        async def drain(self) -> None:
            await asyncio.Event().wait()

    async def work() -> None:
        nothing: Any = None
        session = AccountsSession(nothing, nothing, nothing, nothing, nothing, nothing, Herald(Topics()))
        working = asyncio.create_task(session._work(cast("Installer", Busy())))
        await asyncio.sleep(BACKLOG - 1)
        assert not session.ready.on.is_set()
        async with asyncio.timeout(2):
            await session.ready.on.wait()
        working.cancel()
        session.ready.turn_off()
        await asyncio.sleep(2 * BACKLOG)
        assert not session.ready.on.is_set()

    hurried(work())
