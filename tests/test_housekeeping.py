"""The housekeeping: what expires, what retires, and what stays."""

from bridge.batch import Batch
from bridge.decisions import Confirm
from bridge.housekeeping import keep_house
from tests.world import World

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
