"""The bridge's connections: calls, control, what devices say of themselves, accounts. Each lives and dies by itself.

A session that loses its broker or the database ends without acknowledging, waits a little and begins again; beginning
and recovering are the same path. What must not be lost stands in the rows, not here.
"""

import asyncio
import time
from typing import Any, Final, Protocol

import structlog

from bridge.accounts import AccountsFault
from bridge.broker import Backoff, BrokerError, Connection
from bridge.measures import SESSION_ENDS, UNMEASURED, Meter
from bridge.store import StoreFault

RETAINED_ONLY_IF_NEW: Final = 1
"""Retained messages are sent for a subscription that was not there before (MQTT 5, section 3.8.3.1)."""
RETAINED_NEVER: Final = 2
"""No retained messages are sent for the subscription."""
STABLE: Final = 30.0
"""Seconds after which a session has held, and the next pause is short again."""

log = structlog.get_logger("bridge")


class Switch:
    """On or off, and to be waited for either way."""

    def __init__(self) -> None:
        self.on = asyncio.Event()
        self.off = asyncio.Event()
        self.off.set()

    def turn_on(self) -> None:
        """Turn on."""
        self.off.clear()
        self.on.set()

    def turn_off(self) -> None:
        """Turn off."""
        self.on.clear()
        self.off.set()


class Session(Protocol):
    """A connection that is held open. ``run`` connects and works until something fails, which it raises."""

    name: str
    ready: Switch

    @property
    def connection(self) -> Connection | None:
        """The connection while there is one."""

    async def run(self) -> None:
        """Connect, turn ``ready`` on, work; ends only by raising."""


async def hold(session: Session, meter: Meter = UNMEASURED) -> None:
    """Run ``session`` again and again, with growing pauses; faults that nobody foresaw come through."""
    backoff = Backoff()
    while True:
        began = time.monotonic()
        try:
            await session.run()
        except* (BrokerError, StoreFault, AccountsFault) as group:
            # A session's tasks fail together; the first reason says enough.
            first = _first(group)
            meter.count(SESSION_ENDS, session=session.name, reason=type(first).__name__)
            log.warning("session ended", session=session.name, reason=str(first))
        finally:
            session.ready.turn_off()
        if time.monotonic() - began > STABLE:
            backoff.reset()
        await backoff.wait()


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
