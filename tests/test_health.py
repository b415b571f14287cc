"""What the bridge knows of itself: which parts serve, since when, why not."""

import asyncio

from bridge.health import STARTING, Health, Part
from tests.world import Clock


def made() -> tuple[Clock, Health]:
    clock = Clock()
    return clock, Health(("calls", "control"), clock)


def test_nothing_serves_before_it_has_begun() -> None:
    clock, health = made()
    assert health.parts == (Part("calls", clock.now, STARTING), Part("control", clock.now, STARTING))
    assert not health.whole


def test_it_is_whole_while_all_parts_serve() -> None:
    _, health = made()
    health.serves("calls")
    assert not health.whole
    health.serves("control")
    assert health.whole
    assert health.missing == ()
    health.fails("calls", "no broker answers")
    assert not health.whole
    assert [part.name for part in health.missing] == ["calls"]


def test_since_is_when_a_part_turned_and_the_reason_is_the_newest() -> None:
    clock, health = made()
    clock.turn(1)
    health.serves("calls")
    began = clock.now
    clock.turn(5)
    health.serves("calls")
    assert health.part("calls") == Part("calls", began, None)
    health.fails("calls", "first")
    ended = clock.now
    clock.turn(5)
    health.fails("calls", "second")
    assert health.part("calls") == Part("calls", ended, "second")


def test_an_outage_is_counted_once_however_often_it_is_tried() -> None:
    _, health = made()
    health.fails("calls", "never was there")
    assert health.counts["outages calls"] == 0
    for _ in range(2):
        health.serves("calls")
        health.fails("calls", "once")
        health.fails("calls", "twice")
    assert health.counts["outages calls"] == 2


async def test_a_change_is_told_also_to_one_who_asks_later() -> None:
    _, health = made()
    health.serves("calls")
    await health.changed()
    waiting = asyncio.create_task(health.changed())
    health.serves("calls")
    health.fails("control", "another reason")
    await asyncio.sleep(0)
    assert not waiting.done(), "nothing has turned"
    health.serves("control")
    await waiting
