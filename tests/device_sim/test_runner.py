"""The runner against a fake broker: what it does when things go wrong between two commands."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from device_sim.connection import BadLoginError, ConnectionLostError
from device_sim.device import Device
from device_sim.events import ConnectBootstrap, ConnectOperations
from device_sim.memory import Approach, Memory
from device_sim.pace import Timing
from device_sim.runner import Runner
from tests.device_sim.desk import accepted_object
from tests.device_sim.mosquitto import PATIENCE

QUICK = Timing(backoff_first=0.001, backoff_most=0.002, forget_after=2)
ANSWER = json.dumps(accepted_object("pump-7", "secret")).encode()


@dataclass
class FakeConnection:
    """Accepts at the first publish; with ``breaks`` the connection is lost before that is acknowledged."""

    breaks: bool = False
    said: list[str] = field(default_factory=list)
    answers_on: str = ""

    async def subscribe(self, topic: str) -> str | None:
        self.answers_on = topic
        return None

    async def publish(self, topic: str, payload: bytes, qos: int) -> str | None:
        self.said.append(topic)
        if self.breaks:
            raise ConnectionLostError("the broker is gone")
        return None

    async def receive(self) -> tuple[str, bytes]:
        return self.answers_on, ANSWER


@dataclass
class FakeDialler:
    """Hands out what was prepared, one after the other, then hangs; an exception is raised."""

    prepared: list[FakeConnection | Exception]
    dialled: list[ConnectBootstrap | ConnectOperations] = field(default_factory=list)
    breaks_at_the_end: bool = False
    exhausted: asyncio.Event = field(default_factory=asyncio.Event)

    @contextlib.asynccontextmanager
    async def dial(self, target: ConnectBootstrap | ConnectOperations) -> AsyncIterator[FakeConnection]:
        self.dialled.append(target)
        if not self.prepared:
            self.exhausted.set()
            await asyncio.Event().wait()
        following = self.prepared.pop(0)
        if isinstance(following, Exception):
            raise following
        yield following
        if self.breaks_at_the_end:
            raise ConnectionLostError("the broker is gone")


async def live(
    *prepared: FakeConnection | Exception, breaks_at_the_end: bool = False
) -> tuple[FakeDialler, list[Memory]]:
    """Let a device live through ``prepared``; returns what it dialled and what it saved."""
    saved: list[Memory] = []
    dialler = FakeDialler(list(prepared), breaks_at_the_end=breaks_at_the_end)
    device = Device("pump-7", lambda: Approach("c" * 32), lambda: 0.5, timing=QUICK)
    life = asyncio.create_task(Runner(device, dialler, saved.append).run(), name="life")  # type: ignore[arg-type]
    await asyncio.wait_for(dialler.exhausted.wait(), PATIENCE)
    life.cancel()
    with pytest.raises(asyncio.CancelledError):
        await life
    return dialler, saved


async def test_credentials_are_saved_though_the_connection_breaks_at_that_moment() -> None:
    dialler, saved = await live(FakeConnection(), breaks_at_the_end=True)
    assert [memory.credentials is not None for memory in saved] == [False, True]
    assert [type(target) for target in dialler.dialled] == [ConnectBootstrap, ConnectOperations]


async def test_commands_for_a_connection_that_is_lost_are_void() -> None:
    broken = FakeConnection(breaks=True)
    dialler, saved = await live(broken, FakeConnection())
    assert len(broken.said) == 1
    assert [type(target) for target in dialler.dialled] == [ConnectBootstrap, ConnectBootstrap, ConnectOperations]
    assert saved[-1].credentials


async def test_a_cancellation_that_something_swallows_ends_a_life_all_the_same() -> None:
    class Swallowing(FakeConnection):
        async def publish(self, topic: str, payload: bytes, qos: int) -> str | None:
            waits.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return None

    waits = asyncio.Event()
    device = Device("pump-7", lambda: Approach("c" * 32), lambda: 0.5, timing=QUICK)
    runner = Runner(device, FakeDialler([Swallowing()]), lambda _: None)  # type: ignore[arg-type]
    life = asyncio.create_task(runner.run(), name="life")
    await asyncio.wait_for(waits.wait(), PATIENCE)
    runner.stop()
    life.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(life, PATIENCE)


async def test_a_refused_login_and_a_lost_connection_are_told_apart() -> None:
    lost, refused = ConnectionLostError("gone"), BadLoginError("no")
    dialler, saved = await live(FakeConnection(), lost, refused, lost, refused)
    kinds = [type(target) for target in dialler.dialled]
    assert kinds == [ConnectBootstrap, *[ConnectOperations] * 4, ConnectBootstrap]
    assert [memory.credentials is not None for memory in saved] == [False, True, False]
