"""When a bootstrap broker that is full of what strangers left behind is started anew, and when it is let alone."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from bridge import brokers
from bridge.broker import Login
from bridge.children import free_port
from bridge.gate_room import MEMORY_LIMIT, NEARLY, keep_room, lets_in, memory_of


class FakeGate:
    def __init__(self) -> None:
        self.pid: int | None = 7
        self.renewed = 0

    async def renew(self) -> None:
        self.renewed += 1
        self.pid = 8


async def looks(gate: FakeGate, held: int, answers: Iterator[bool]) -> int:
    """Keep room until ``answers`` are used up; return how many times the gate was asked."""
    asked = 0
    over = asyncio.Event()

    async def let_in() -> bool:
        nonlocal asked
        asked += 1
        answer = next(answers, None)
        if answer is None:
            over.set()
            await asyncio.Event().wait()
        return bool(answer)

    keeping = asyncio.create_task(keep_room(gate, let_in, every=0, memory=lambda pid: held))
    await over.wait()
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    return asked


async def test_a_full_broker_that_lets_nobody_in_twice_is_started_anew() -> None:
    gate = FakeGate()
    await looks(gate, NEARLY, iter([False, False]))
    assert gate.renewed == 1


async def test_it_is_started_anew_as_often_as_it_is_filled() -> None:
    gate = FakeGate()
    await looks(gate, NEARLY, iter([False, False, True, False, False]))
    assert gate.renewed == 2


async def test_a_broker_that_lets_somebody_in_meanwhile_is_let_alone() -> None:
    gate = FakeGate()
    await looks(gate, NEARLY, iter([False, True, False, True]))
    assert gate.renewed == 0


@pytest.mark.parametrize("pid", [7, None])
async def test_a_broker_with_room_is_not_even_asked(pid: int | None) -> None:
    gate = FakeGate()
    gate.pid = pid
    measured = asyncio.Event()
    looked = 0

    def memory(of: int) -> int:
        nonlocal looked
        looked += 1
        if looked == 3:
            measured.set()
        return NEARLY - 1

    async def let_in() -> bool:
        raise AssertionError("asked")

    keeping = asyncio.create_task(keep_room(gate, let_in, every=0, memory=memory))
    if pid is None:
        for _ in range(20):
            await asyncio.sleep(0)
    else:
        await measured.wait()
    assert not keeping.done()
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert gate.renewed == 0


def test_the_limit_is_the_one_of_the_configuration() -> None:
    lines = brokers.template("mosquitto-bootstrap.conf").splitlines()
    assert f"memory_limit {MEMORY_LIMIT}" in lines


def test_memory_is_seen_of_what_runs_and_is_none_of_what_does_not() -> None:
    assert memory_of(os.getpid()) > 1_000_000
    assert memory_of(2**30) == 0


async def test_nobody_is_let_in_where_nobody_answers() -> None:
    assert not await lets_in(Login("127.0.0.1", free_port("127.0.0.1"), "bridge", "secret"))
