"""How `up` ends: the service first and in good order, whoever it is that ends."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.children import BrokersFault
from bridge.health import DATABASE, RIGHTS, Health
from bridge.up import READY_PATIENCE, _ended, _say_when_ready
from tests.hurried import hurried


@pytest.mark.parametrize("gives_up", [True, False])
def test_the_service_ends_in_good_order_also_when_a_broker_is_given_up(gives_up: bool) -> None:
    steps: list[str] = []

    async def serve() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            steps.append("begins to leave")
            await asyncio.sleep(3)
            steps.append("has left")
            raise

    async def watch() -> None:
        await asyncio.sleep(10)
        if gives_up:
            raise BrokersFault("the operations broker ended 3 times within a minute")
        await asyncio.Event().wait()

    async def run() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch())
            await _ended(tasks.create_task(serve()))

    async def work() -> None:
        running = asyncio.create_task(run())
        await asyncio.sleep(20 if gives_up else 5)
        running.cancel()
        await asyncio.wait({running})
        if gives_up:
            assert isinstance(running.exception(), ExceptionGroup)
        else:
            assert running.cancelled()

    hurried(work())
    assert steps == ["begins to leave", "has left"]


def test_a_start_that_takes_too_long_tells_what_does_not_serve() -> None:
    health = Health((DATABASE, RIGHTS), lambda: 0)
    health.serves(RIGHTS)
    health.fails(DATABASE, "database or disk is full")
    nothing: Any = None

    async def work() -> None:
        service: Any = SimpleNamespace(health=health, ready=asyncio.Event())
        with pytest.raises(BrokersFault, match=r"\(database: database or disk is full\)"):
            await _say_when_ready(service, nothing, nothing, None)

    hurried(work())


def test_a_start_that_only_takes_long_is_waited_for() -> None:
    health = Health((DATABASE, RIGHTS), lambda: 0)
    health.serves(DATABASE)
    shown: list[str | None] = []

    async def work() -> None:
        ready = asyncio.Event()
        service: Any = SimpleNamespace(health=health, ready=ready, gone=frozenset())
        changes: Any = SimpleNamespace(made=SimpleNamespace(write_access=lambda gone: None))
        asyncio.get_running_loop().call_later(10 * READY_PATIENCE, ready.set)
        await _say_when_ready(service, changes, lambda made, shown_at, console_at: shown.append(shown_at), "here")

    hurried(work())
    assert shown == ["here"]
