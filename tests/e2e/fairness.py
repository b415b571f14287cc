"""How long others wait for their answers while one id floods, measured against how long they wait without it."""

import asyncio
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.e2e.flood import Sending, flooder
from tests.e2e.peer import private_id, stranger

CALLERS = 4
"""Devices that call at the same time, each after the answer to its last call."""
PATIENCE = 60.0


@dataclass(frozen=True)
class Round:
    """One turn without the flood and one with it; seconds from call to answer at the 99th percentile."""

    idle: float
    flooded: float
    rate: float
    """Messages a second that the flood really sent, all of which the broker took."""

    @property
    def ratio(self) -> float:
        return self.flooded / self.idle


def p99(values: list[float]) -> float:
    """The value that one of a hundred is above."""
    return sorted(values)[int(len(values) * 0.99)]


def fairness(access: Mapping[str, Any], rate: float, rounds: int, calls: int) -> list[Round]:
    """Measure in turns, so that what else the machine does is part of both."""
    flooding = private_id()
    found = []
    message = Sending(f"bootstrap/flooding/request/{flooding}", b'{"securityToken":"t","requestId":"1"}')
    with flooder(access, [flooding], [message], listen=["bootstrap/+/response/%c"]) as flood:
        for number in range(rounds):
            idle = asyncio.run(_waits(access, calls, f"idle-{number}"))
            flood.begin(rate)
            try:
                flooded = asyncio.run(_waits(access, calls, f"flooded-{number}"))
            finally:
                sent = flood.end()
            assert sent["acknowledged"] == sent["sent"]
            found.append(Round(p99(idle), p99(flooded), sent["sent"] / sent["seconds"]))
    return found


def ratio_of(rounds: list[Round]) -> float:
    """The one figure: the median of the rounds'."""
    return statistics.median(one.ratio for one in rounds)


async def _waits(access: Mapping[str, Any], calls: int, word: str) -> list[float]:
    """Call in the name of device after device, and return the seconds that each waited."""
    async with asyncio.TaskGroup() as tasks:
        callers = [
            tasks.create_task(_caller(access, calls // CALLERS, f"{word}-{number}")) for number in range(CALLERS)
        ]
    return [one for caller in callers for one in caller.result()]


async def _caller(access: Mapping[str, Any], calls: int, word: str) -> list[float]:
    waits = []
    client_id = private_id()
    async with stranger(access, client_id) as peer:
        await peer.subscribe(f"bootstrap/+/response/{client_id}")
        for number in range(calls):
            began = time.perf_counter()
            await peer.publish(f"bootstrap/{word}-{number}/request/{client_id}", b"{}")
            await peer.next(PATIENCE)
            waits.append(time.perf_counter() - began)
    return waits
