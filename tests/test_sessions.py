"""How a session is held: pauses, what the log says of an outage, what the bridge knows of it. Waiting takes no time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.backoff import Backoff
from bridge.broker import Disconnected, LoginRefused, Unreachable
from bridge.health import Health
from bridge.sessions import REMINDER, STABLE, Switch, hold
from bridge.store import StoreFault
from tests.hurried import hurried
from tests.world import Clock

LONGEST = 10.0
Life = Callable[["Scripted"], Awaitable[None]]


class Scripted:
    """A session whose lives are written beforehand; when they are over, it only waits."""

    name = "calls"

    def __init__(self, *lives: Life) -> None:
        self.ready = Switch()
        self.lives = list(lives)
        self.begun: list[float] = []
        self.over = asyncio.Event()

    async def run(self) -> None:
        self.begun.append(asyncio.get_running_loop().time())
        if not self.lives:
            self.ready.turn_on()
            self.over.set()
            await asyncio.Event().wait()
        await self.lives.pop(0)(self)


def fails(error: Exception) -> Life:
    async def life(session: Scripted) -> None:
        raise ExceptionGroup("a session's tasks fail together", [error])

    return life


def serves(seconds: float, error: Exception) -> Life:
    async def life(session: Scripted) -> None:
        session.ready.turn_on()
        await asyncio.sleep(seconds)
        raise error

    return life


def held(*lives: Life, chance: Callable[[], float] = lambda: 0.0) -> tuple[Scripted, Health, list[Any]]:
    """Hold a session through its lives, until it serves at the end."""
    health = Health(("calls",), Clock())
    session: Scripted

    async def work() -> None:
        nonlocal session
        session = Scripted(*lives)
        holding = asyncio.create_task(hold(session, health, "do this", Backoff(LONGEST, chance)))
        over = asyncio.create_task(session.over.wait())
        await asyncio.wait({holding, over}, return_when=asyncio.FIRST_COMPLETED)
        assert not holding.done(), "it was given up"
        holding.cancel()

    with capture_logs() as log:
        hurried(work())
    return session, health, log


def pauses(session: Scripted) -> list[float]:
    return [round(later - before, 1) for before, later in zip(session.begun, session.begun[1:], strict=False)]


AWAY = Unreachable("no broker answers")


@pytest.mark.parametrize(("drawn", "share"), [(0.0, 0.5), (0.999_999, 1.0), (0.5, 0.75)])
def test_pauses_double_up_to_their_bound_and_chance_spreads_them_over_the_second_half(
    drawn: float, share: float
) -> None:
    session, _, _ = held(*[fails(AWAY)] * 12, chance=lambda: drawn)
    wanted = [min(LONGEST, 0.1 * 2**number) * share for number in range(12)]
    assert pauses(session) == pytest.approx(wanted, abs=0.11)
    assert max(pauses(session)) <= LONGEST + 0.1


def test_pauses_are_short_again_after_it_has_served_for_a_while_and_only_then() -> None:
    session, _, _ = held(*[fails(AWAY)] * 9, serves(STABLE - 1, AWAY), fails(AWAY), serves(STABLE + 1, AWAY))
    found = pauses(session)
    assert found[9] - (STABLE - 1) == pytest.approx(LONGEST / 2, abs=0.11), "it came back for a moment only"
    assert found[11] - (STABLE + 1) == pytest.approx(0.05, abs=0.11)


def test_a_connecting_that_takes_long_is_no_serving() -> None:
    async def slowly(session: Scripted) -> None:
        await asyncio.sleep(STABLE + 1)
        raise AWAY

    session, _, _ = held(*[fails(AWAY)] * 9, slowly)
    assert pauses(session)[9] - (STABLE + 1) == pytest.approx(LONGEST / 2, abs=0.11)


def test_a_long_outage_takes_one_line_for_each_kind_of_reason_a_reminder_and_one_at_its_end() -> None:
    gone = Disconnected("the connection ended")
    _, health, log = held(serves(1, gone), *[fails(AWAY), fails(LoginRefused("who are you"))] * 100)
    told = [(line["event"], line.get("reason"), line.get("do")) for line in log]
    began = [
        ("session serves", None, None),
        ("session ended", "the connection ended", None),
        ("session ended", "no broker answers", None),
        ("session ended", "who are you", "do this"),
    ]
    assert told[:4] == began
    reminders = told[4:-1]
    assert 1 <= len(reminders) <= 201 * LONGEST / REMINDER
    assert {event for event, _, _ in reminders} == {"session ended"}
    assert told[-1][0] == "session serves"
    assert log[-1]["attempts"] == 201
    assert health.counts == {"outages calls": 1, "attempts calls": 201}


def test_a_session_that_comes_and_goes_twenty_times_takes_two_lines_each_time() -> None:
    _, health, log = held(*[serves(0.2, Disconnected("gone")), fails(AWAY), fails(AWAY)] * 20)
    assert len(log) == 20 * 3 + 1, "it serves, it has ended, and once that nobody answers"
    assert health.counts["outages calls"] == 20


@pytest.mark.parametrize("fault", [AWAY, Disconnected("gone"), StoreFault("the database is locked")])
def test_what_a_session_lacks_is_known_until_it_serves(fault: Exception) -> None:
    seen: list[str | None] = []
    health = Health(("calls",), Clock())

    async def look(session: Scripted) -> None:
        seen.append(health.part("calls").reason)
        raise fault

    async def work() -> None:
        session = Scripted(fails(fault), look)
        holding = asyncio.create_task(hold(session, health))
        await session.over.wait()
        seen.append(health.part("calls").reason)
        holding.cancel()

    hurried(work())
    assert seen == [str(fault), None]


def test_a_fault_that_nobody_foresaw_comes_through() -> None:
    async def work() -> None:
        session, health = Scripted(serves(1, KeyError("bug"))), Health(("calls",), Clock())
        with pytest.raises(KeyError):
            await hold(session, health)
        assert not session.ready.on.is_set()

    hurried(work())


def test_a_session_whose_tasks_fail_begins_again_each_time() -> None:
    async def fail() -> None:
        await asyncio.sleep(1)
        raise AWAY

    async def in_a_group(session: Scripted) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(fail())
            tasks.create_task(asyncio.Event().wait())

    session, _, _ = held(in_a_group, in_a_group, in_a_group)
    assert len(session.begun) == 4


def test_a_session_that_fails_while_it_is_cancelled_does_not_begin_again() -> None:
    async def work() -> None:
        works = asyncio.Event()

        async def stubbornly() -> None:
            works.set()
            try:
                await asyncio.Event().wait()
            finally:
                raise Disconnected("whom it waited for has ended")

        async def in_a_group(session: Scripted) -> None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(stubbornly())

        session = Scripted(in_a_group)
        holding = asyncio.create_task(hold(session, Health(("calls",), Clock())))
        await works.wait()
        holding.cancel()
        beginning_again = asyncio.create_task(session.over.wait())
        await asyncio.wait({holding, beginning_again}, return_when=asyncio.FIRST_COMPLETED)
        assert holding.cancelled()
        beginning_again.cancel()

    hurried(work())


def test_a_session_that_is_cancelled_from_within_begins_again() -> None:
    async def work() -> None:
        async def cancels(session: Scripted) -> None:
            raise asyncio.CancelledError

        session = Scripted(cancels, cancels)
        holding = asyncio.create_task(hold(session, Health(("calls",), Clock())))
        async with asyncio.timeout(60):
            await session.over.wait()
        assert not holding.done()
        holding.cancel()
        await asyncio.wait({holding})

    hurried(work())


@pytest.mark.parametrize("others", [0, 1], ids=["left", "busy"])
def test_a_session_whose_tasks_fail_begins_again_and_is_ended_by_nothing_but_us(others: int) -> None:
    """Whether the group is left already and waits for the one that fails, or is busy with another."""

    async def work() -> None:
        async def fail() -> None:
            await asyncio.sleep(1)
            raise AWAY

        async def in_a_group(session: Scripted) -> None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(fail())
                for _ in range(others):
                    tasks.create_task(asyncio.Event().wait())

        session = Scripted(in_a_group, in_a_group, in_a_group)
        holding = asyncio.create_task(hold(session, Health(("calls",), Clock())))
        async with asyncio.timeout(60):
            await session.over.wait()
        assert len(session.begun) == 4
        holding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holding

    hurried(work())
