"""The clock was ahead and is right again: deadlines run from now on, and nothing is remembered for too long."""

import sqlalchemy as sa

from bridge import future_times, schema
from bridge.housekeeping import keep_house
from bridge.timekeeping import SLACK
from tests.world import START, World

YEAR = 365 * 86_400.0
REQUEST = {"id": "asked", "requestId": "r-1"}


async def ahead(world: World) -> list[str]:
    async with world.store.read() as connection:
        return await future_times.tables_ahead(connection, world.clock() + SLACK)


async def brought_back(world: World) -> int:
    async with world.store.write() as transaction:
        return await future_times.bring_back(transaction.connection, world.clock() + SLACK, world.clock())


async def lived_ahead(world: World) -> None:
    """A day on which the clock is a year ahead."""
    await world.done("register", {"id": "before"})
    world.clock.turn(YEAR)
    await world.done("register", REQUEST)
    await world.accepted("plain", b"", None)
    await world.installer.drain()
    await world.call("plain", b"", None)
    await world.call("stranger")
    world.clock.turn(-YEAR)


async def test_what_is_in_the_future_is_found_and_brought_back_and_what_is_not_stays(world: World) -> None:
    assert await ahead(world) == []
    await lived_ahead(world)
    before = await world.registration("before")
    assert await ahead(world) == ["registrations", "requests", "unregistered", "devices"]
    assert await brought_back(world) > 0
    assert await ahead(world) == []
    assert await world.registration("before") == before
    plain = await world.registration("plain")
    assert plain is not None
    assert {plain.created, plain.accepted, plain.installed, plain.answered_plain, plain.last_seen} == {START}
    assert (plain.confirmed, plain.delivered) == (None, None)
    assert await brought_back(world) == 0


async def test_an_answer_is_remembered_for_ten_minutes_and_not_for_a_year(world: World) -> None:
    await lived_ahead(world)
    await brought_back(world)
    assert (await world.answer("register", REQUEST))["ok"], "the same answer as before"
    world.clock.turn(601)
    assert await world.refused("register", REQUEST) == "ALREADY_REGISTERED", "a new request"


async def test_credentials_are_sent_again_for_as_long_as_always(world: World) -> None:
    await lived_ahead(world)
    await brought_back(world)
    assert (await world.call("plain", b"", None)).answers
    world.clock.turn(601)
    assert not (await world.call("plain", b"", None)).answers, "a plain call gets them for ten minutes"


async def test_a_registration_expires_when_its_time_is_over_counted_from_now(world: World) -> None:
    world.rulebook.follow({("default", "registration.ttl"): 60}, world.rulebook.tenants, world.rulebook.roles)
    await lived_ahead(world)
    await brought_back(world)
    world.clock.turn(60)
    told = [event async for page in keep_house(world.store, world.rulebook, world.clock()) for event in page]
    assert {event.id for event in told} == {"before", "asked"}


async def test_the_audit_keeps_what_the_clock_said_and_the_order_in_which_things_happened(world: World) -> None:
    await lived_ahead(world)
    await brought_back(world)
    await world.done("register", {"id": "after"})
    entries = (await world.done("audit", {"limit": 10}))["entries"]
    assert [one["id"] for one in entries if one["action"] == "register"] == ["after", "plain", "asked", "before"]
    assert entries[1]["at"] > entries[0]["at"]
    async with world.store.read() as connection:
        assert await future_times.newest(connection) == START
        assert await future_times.newest(connection, until=START - 1) is None


async def test_times_between_calls_and_confirmation_are_never_negative(world: World) -> None:
    await world.accepted("back")
    async with world.store.write() as transaction:
        table = schema.registrations
        await transaction.connection.execute(sa.update(table).values(first_called=START, confirmed=START - 5_000))
    stats = await world.done("stats", {"since": "2025-01-01T00:00:00.000Z"})
    assert stats["callToConfirmedSeconds"]["p50"] == 0
