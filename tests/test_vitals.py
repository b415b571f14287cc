"""Alive, ready, figures: what the three pages say, and that asking for them costs little."""

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from bridge.health import Health
from bridge.httpd import Page
from bridge.metrics import Metrics
from bridge.store import Store
from bridge.vitals import BEAT, RATION, STALLED, Rationed, Vitals
from tests.hurried import hurried
from tests.test_metrics import figures
from tests.world import Clock, World


class Time:
    """A monotonic clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Bridge:
    def __init__(self) -> None:
        self.clock, self.time = Clock(), Time()
        self.health = Health(("calls", "database"), self.clock)
        self.metrics_ = Metrics("1.0")
        self.vitals = Vitals(self.health, self.metrics_, self.clock, self.time)

    async def page(self, path: str) -> Page:
        return await self.vitals.pages[path]()

    async def said(self, path: str) -> tuple[int, dict[str, Any]]:
        page = await self.page(path)
        content: dict[str, Any] = json.loads(page.content)
        return page.status.value, content


async def test_what_does_not_serve_is_named_with_its_reason_and_since_when() -> None:
    bridge = Bridge()
    status, content = await bridge.said("/readyz")
    assert (status, content["ready"]) == (503, False)
    bridge.health.serves("calls")
    bridge.clock.turn(60)
    bridge.health.fails("database", "the disk is full")
    status, content = await bridge.said("/readyz")
    assert status == 503
    assert [part["name"] for part in content["notReady"]] == ["database"]
    assert content["notReady"][0]["reason"].endswith("the disk is full")
    assert content["notReady"][0]["since"] == "2026-01-01T00:00:00.000Z"
    bridge.health.serves("database")
    status, content = await bridge.said("/readyz")
    assert (status, content["ready"], content["notReady"]) == (200, True, [])
    assert {part["name"]: part["since"] for part in content["parts"]}["database"] == "2026-01-01T00:01:00.000Z"


async def test_a_bridge_that_is_stopping_is_alive_but_not_ready() -> None:
    bridge = Bridge()
    bridge.health.serves("calls")
    bridge.health.serves("database")
    bridge.vitals.stopping = "say offline"
    status, content = await bridge.said("/readyz")
    assert (status, content["ready"], content["stopping"]) == (503, False, "say offline")
    assert (await bridge.said("/healthz"))[0] == 200
    assert figures_of(await bridge.page("/metrics"))["bootstrap_bridge_ready"] == 0


def figures_of(page: Page) -> dict[str, float]:
    class Shown:
        def page(self) -> bytes:
            return page.content

    shown: Any = Shown()
    return figures(shown)


async def test_an_event_loop_that_stood_still_is_not_healthy() -> None:
    bridge = Bridge()
    status, content = await bridge.said("/healthz")
    assert (status, content["status"]) == (200, "ok")
    bridge.time.now += BEAT + STALLED - 1
    assert (await bridge.said("/healthz"))[0] == 200
    bridge.time.now += 2
    status, content = await bridge.said("/healthz")
    assert (status, content["status"]) == (503, "stalled")
    assert content["lagSeconds"] == STALLED + 1


def test_each_beat_is_a_sign_of_life() -> None:
    beats = 0

    def beaten() -> None:
        nonlocal beats
        beats += 1

    async def work() -> None:
        clock = Clock()
        vitals = Vitals(Health((), clock), Metrics("1"), clock, asyncio.get_running_loop().time)
        vitals.beaten = beaten
        beating = asyncio.create_task(vitals.beat())
        await asyncio.sleep(10 * BEAT + BEAT / 2)
        beating.cancel()

    hurried(work())
    assert beats == 10


async def test_the_figures_tell_of_parts_and_queues() -> None:
    bridge = Bridge()
    bridge.health.serves("calls")

    connected: Any = SimpleNamespace(depths={"waiting": 3, "unacknowledged": 5, "outgoing": 7})
    nothing: Any = None
    bridge.vitals.follow(nothing, {"calls": lambda: connected, "info": lambda: None})
    shown = figures_of(await bridge.page("/metrics"))
    assert shown['bootstrap_bridge_part_serving{part="calls"}'] == 1
    assert shown['bootstrap_bridge_part_serving{part="database"}'] == 0
    assert shown['bootstrap_bridge_queue_messages{queue="unacknowledged",session="calls"}'] == 5
    assert shown['bootstrap_bridge_queue_messages{queue="waiting",session="info"}'] == 0


async def test_the_figures_tell_of_the_database(world: World) -> None:
    await world.accepted("pump-7")
    await world.done("register", {"id": "late"})
    await world.call("late")
    world.clock.turn(90)
    vitals = Vitals(Health((), world.clock), Metrics("1"), world.clock)
    vitals.follow(world.store, {})
    shown = figures_of(await vitals.metrics())
    assert shown['bootstrap_bridge_registrations{status="PENDING_ACCEPTANCE"}'] == 1
    assert shown['bootstrap_bridge_accounts{kind="device",state="wanted"}'] == 1
    assert shown['bootstrap_bridge_outbox_accounts{work="install"}'] == 1
    assert shown["bootstrap_bridge_oldest_pending_seconds"] == 90
    await vitals.end()


async def test_without_the_database_the_other_figures_are_shown(store: Store) -> None:
    clock = Clock()
    vitals = Vitals(Health((), clock), Metrics("1"), clock)
    vitals.follow(store, {})
    async with store.write() as transaction:
        await transaction.connection.exec_driver_sql("DROP TABLE accounts")
    page = await vitals.metrics()
    assert b"bootstrap_bridge_messages_total" in page.content
    await vitals.end()


async def test_the_page_is_not_made_anew_for_whoever_asks_again_and_again() -> None:
    bridge = Bridge()
    made = 0
    page: Callable[[], bytes] = bridge.metrics_.page

    def counted() -> bytes:
        nonlocal made
        made += 1
        bridge.time.now += 0.01
        return page()

    bridge.metrics_.page = counted  # type: ignore[method-assign]
    for _ in range(100):
        await bridge.page("/metrics")
    assert made == 1
    bridge.time.now += 1
    await bridge.page("/metrics")
    assert made == 2


async def test_what_takes_long_is_made_seldom_and_by_one_at_a_time() -> None:
    time = Time()
    made = 0
    free = asyncio.Event()

    async def make() -> int:
        nonlocal made
        made += 1
        await free.wait()
        time.now += 2
        return made

    rationed = Rationed(make, monotonic=time)
    assert await rationed.value(0) is None
    waiting = [asyncio.create_task(rationed.value(10)) for _ in range(5)]
    await asyncio.sleep(0)
    free.set()
    assert await asyncio.gather(*waiting) == [1] * 5
    assert rationed.took == 2
    time.now += 2 * RATION - 1
    assert await rationed.value(10) == 1
    time.now += 2
    assert await rationed.value(10) == 2
    await rationed.end()


async def test_what_cannot_be_made_leaves_what_was_there() -> None:
    values = iter([7, None])

    async def make() -> int | None:
        return next(values)

    rationed = Rationed(make)
    assert await rationed.value(1) == 7
    rationed._due = 0
    assert await rationed.value(1) == 7


async def test_at_the_end_nothing_is_made_any_more() -> None:
    rationed: Rationed[int] = Rationed(asyncio.Event().wait)
    assert await rationed.value(0) is None
    making = rationed._making
    assert making is not None
    await rationed.end()
    assert making.cancelled()
