"""Runs a fleet in one process and says when it is over."""

import asyncio
import resource
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum, auto

from device_sim.connection import SIMULTANEOUS_DIALS, Dialler
from device_sim.memory import Memory
from device_sim.plan import Member
from device_sim.runner import Runner

_LOOK_EVERY = 0.2  # seconds between two looks at the fleet; only the display and the end depend on it
_LOOKS_AT = 5_000  # devices a second, so that counting a large fleet does not keep it from talking
_SAVERS = 8  # threads left for writing memories while all the others dial
_SPARE_DESCRIPTORS = 64


class End(Enum):
    """Why a run is over."""

    DONE = auto()
    TIMED_OUT = auto()
    UNREACHABLE = auto()
    INTERRUPTED = auto()


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run ends, in seconds.

    ``timeout`` (None: no limit) and ``reach_within`` (0: no limit) count from the start, ``keep_on`` (None: for ever)
    from the moment at which every device has made it.
    """

    timeout: float | None = None
    reach_within: float = 30.0
    keep_on: float | None = 0.0


def descriptors_missing(devices: int) -> int:
    """Raise this process's limit of open files for ``devices`` connections; return how many it still lacks."""
    needed = devices + _SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed or soft == resource.RLIM_INFINITY:
        return 0
    granted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
    return needed - granted


def everybody_made_it(members: Sequence[Member]) -> bool:
    """Tell whether all that keep to the contract have logged in and sent their info, and the others have called."""
    return all(member.device.counts.calls > 0 if member.misbehaves else member.device.informed for member in members)


async def run_fleet(
    members: Sequence[Member],
    dialler: Dialler,
    save: Callable[[Memory], None],
    limits: Limits,
    stop: asyncio.Event,
    look: Callable[[float], None],
) -> End:
    """Run ``members`` until they have made it, a limit is over, or ``stop`` is set.

    ``save`` keeps the memory of a device that keeps to the contract; ``look`` is called now and then with the seconds
    since the start. Raises an ExceptionGroup of what ``save`` raises.
    """
    threads = ThreadPoolExecutor(SIMULTANEOUS_DIALS + _SAVERS, thread_name_prefix="device-sim")
    asyncio.get_running_loop().set_default_executor(threads)  # asyncio.run shuts it down
    runners = [Runner(member.device, dialler, _forget if member.misbehaves else save) for member in members]
    async with asyncio.TaskGroup() as group:
        lives = [
            group.create_task(runner.run(), name=f"device {member.label}")
            for runner, member in zip(runners, members, strict=True)
        ]
        try:
            return await _watch(members, limits, stop, look)
        finally:
            for runner, life in zip(runners, lives, strict=True):
                runner.stop()
                life.cancel()


async def _watch(members: Sequence[Member], limits: Limits, stop: asyncio.Event, look: Callable[[float], None]) -> End:
    clock = asyncio.get_running_loop().time
    started = clock()
    made_it_at: float | None = None
    pause = max(_LOOK_EVERY, len(members) / _LOOKS_AT)
    while True:
        now = clock()
        look(now - started)
        if made_it_at is None and everybody_made_it(members):
            made_it_at = now
        if made_it_at is not None and limits.keep_on is not None and now >= made_it_at + limits.keep_on:
            return End.DONE
        if made_it_at is None and limits.timeout is not None and now >= started + limits.timeout:
            return End.TIMED_OUT
        if (
            limits.reach_within
            and now >= started + limits.reach_within
            and not any(member.device.counts.connections for member in members)
        ):
            return End.UNREACHABLE
        try:
            async with asyncio.timeout(pause):
                await stop.wait()
        except TimeoutError:
            continue
        return End.INTERRUPTED


def _forget(_memory: Memory) -> None:
    """Keep nothing: a device that misbehaves is a stranger again in the next run."""
