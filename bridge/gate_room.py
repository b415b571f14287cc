"""Keeps room at the gate: a bootstrap broker that is full of what strangers left behind is started anew.

Mosquitto has no bound for the sessions and subscriptions of one client. Anybody with the bootstrap login fills all the
memory that the broker may have in seconds, and goes; what he left expires an hour later at the earliest, and until then
nobody is let in. A start anew costs the bootstrap broker nothing that it has promised to keep.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

import structlog

from bridge import broker
from bridge.broker import BrokerError, Login, LoginRefused

MEMORY_LIMIT: Final = 268_435_456
"""Bytes of ``memory_limit`` in the bootstrap broker's configuration."""
NEARLY: Final = MEMORY_LIMIT * 9 // 10
"""Bytes of its process from which on it may be full. A herd that waits to be accepted takes fewer."""
EVERY: Final = 10.0
"""Seconds between two looks."""
SHUT: Final = 2
"""Looks, one after the other, at which nobody was let in: a herd that comes at once is over by the second."""
PATIENCE: Final = 5.0

log = structlog.get_logger("brokers")


class Gate(Protocol):
    """The process of the bootstrap broker."""

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""

    async def renew(self) -> None:
        """End it, and have it started again."""


def memory_of(pid: int) -> int:
    """Return the bytes that a process holds, also in swap; 0 where that cannot be seen."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(("VmRSS:", "VmSwap:")))


async def lets_in(login: Login) -> bool:
    """Tell whether somebody new gets as far as being asked for a password, under a client id that nobody has."""
    try:
        async with broker.connect(replace(login, client_id=secrets.token_hex(16)), patience=PATIENCE):
            return True
    except LoginRefused:
        return True
    except BrokerError:
        return False


async def keep_room(
    gate: Gate,
    let_in: Callable[[], Awaitable[bool]],
    *,
    every: float = EVERY,
    memory: Callable[[int], int] = memory_of,
) -> None:
    """Look each ``every`` seconds until cancelled. Nobody is let in either where all connections are taken, but who
    took them is there, and a start anew would help him only: so its memory is looked at first.
    """
    shut = 0
    while True:
        await asyncio.sleep(every)
        pid = gate.pid
        held = 0 if pid is None else memory(pid)
        shut = shut + 1 if held >= NEARLY and not await let_in() else 0
        if shut == SHUT and gate.pid == pid:
            log.warning("bootstrap broker full", bytes=held, done="started anew: it let nobody in")
            await gate.renew()
        shut %= SHUT
