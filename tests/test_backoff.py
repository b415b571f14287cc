"""Waits between attempts: longer each time, bounded, never in step."""

import asyncio

from bridge.backoff import Backoff
from tests.hurried import hurried


async def waited(backoff: Backoff) -> float:
    began = asyncio.get_running_loop().time()
    await backoff.wait()
    return asyncio.get_running_loop().time() - began


def test_waits_double_up_to_the_longest_and_are_spread_over_the_second_half() -> None:
    async def work() -> None:
        backoff = Backoff(longest=10)
        for interval in [0.1 * 2**number for number in range(7)] + [10.0] * 20:
            assert 0.5 * interval <= await waited(backoff) <= interval + 0.05
        backoff.reset()
        assert await waited(backoff) <= 0.15

    hurried(work())


def test_two_that_wait_alike_do_not_come_back_in_step() -> None:
    async def work() -> None:
        first, second = [[await waited(backoff) for _ in range(8)] for backoff in (Backoff(), Backoff())]
        assert first != second

    hurried(work())
