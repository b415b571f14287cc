"""The bridge's connections: calls, control, what devices say of themselves, accounts. Each lives and dies by itself.

A session that loses its broker or the database ends without acknowledging, waits a little and begins again; beginning
and recovering are the same path. What must not be lost stands in the rows, not here.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

import structlog

from bridge.accounts import AccountsFault
from bridge.backoff import Backoff
from bridge.broker import BrokerError, Connection, Disconnected, LoginRefused
from bridge.health import Health
from bridge.measures import DROPPED, SESSION_ENDS, UNMEASURED, Meter
from bridge.store import StoreFault

RETAINED_ONLY_IF_NEW: Final = 1
"""Retained messages are sent for a subscription that was not there before (MQTT 5, section 3.8.3.1)."""
RETAINED_NEVER: Final = 2
"""No retained messages are sent for the subscription."""
STABLE: Final = 30.0
"""Seconds for which a session must have served until the next pause is short again: a broker that comes and goes is not
stormed."""
REMINDER: Final = 600.0
"""Seconds after which the log says again that a session is away."""

log = structlog.get_logger("bridge")


def note_dropped(connection: Connection, kind: str, meter: Meter) -> None:
    """Count and log what ``connection`` had no room for since the last time."""
    if number := connection.dropped():
        meter.count(DROPPED, number, kind=kind)
        log.warning("messages dropped", kind=kind, number=number, reason="too many with QoS 0 were waiting")


class Switch:
    """On or off, and to be waited for either way."""

    def __init__(self) -> None:
        self.on = asyncio.Event()
        self.off = asyncio.Event()
        self.off.set()
        self.turned_on: Callable[[], None] = lambda: None

    def turn_on(self) -> None:
        """Turn on."""
        if not self.on.is_set():
            self.off.clear()
            self.on.set()
            self.turned_on()

    def turn_off(self) -> None:
        """Turn off."""
        self.on.clear()
        self.off.set()


class Hands:
    """What a session has in hand, and whether it may take more."""

    def __init__(self) -> None:
        self.resting = False
        self._held = 0
        self._empty = asyncio.Event()
        self._empty.set()

    @contextmanager
    def full(self) -> Iterator[None]:
        """Hold something until the block ends."""
        self._held += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._held -= 1
            if not self._held:
                self._empty.set()

    async def rest(self) -> None:
        """Take nothing more, and return once nothing is in hand."""
        self.resting = True
        await self._empty.wait()


async def as_long_as(ready: Switch, work: Coroutine[Any, Any, None]) -> None:
    """Wait for ``work``, unless the session goes off meanwhile: what it waits for would not come."""
    tasks = {asyncio.ensure_future(work), asyncio.ensure_future(ready.off.wait())}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


class Session(Protocol):
    """A connection that is held open. ``run`` connects and works until something fails, which it raises."""

    name: str
    ready: Switch

    async def run(self) -> None:
        """Connect, turn ``ready`` on, work; ends only by raising."""


async def hold(
    session: Session,
    health: Health,
    advice: str | None = None,
    backoff: Backoff | None = None,
    *,
    meter: Meter = UNMEASURED,
) -> None:
    """Run ``session`` again and again, with growing pauses; faults that nobody foresaw come through.

    ``health`` is told whether it serves. The log gets a line when it ceases to serve, one for each new kind of reason
    while it is away, one every ``REMINDER`` and one when it serves again. ``advice`` is what to do where the broker
    refuses its login.
    """
    pauses = backoff or Backoff()
    now = asyncio.get_running_loop().time
    outage = _Outage(session.name, advice, now())
    began = math.inf

    def turned_on() -> None:
        nonlocal began
        began = now()
        outage.is_over(began)
        health.serves(session.name)

    session.ready.turned_on = turned_on
    while True:
        began = math.inf
        try:
            await _life(session)
        except* (BrokerError, StoreFault, AccountsFault) as group:
            # A session's tasks fail together; the first reason says enough.
            reason = _first(group)
            meter.count(SESSION_ENDS, session=session.name, reason=type(reason).__name__)
            if began < math.inf:
                outage = _Outage(session.name, advice, now())
            outage.goes_on(reason, now())
            health.fails(session.name, str(reason))
            health.counts[f"attempts {session.name}"] += 1
        finally:
            session.ready.turn_off()
        if now() - began > STABLE:
            pauses.reset()
        await pauses.wait()


async def _life(session: Session) -> None:
    """Run ``session`` once, in a task of its own, so that what ends the session is told from what ends us.

    A group whose tasks fail while it is cancelled raises what they failed with and forgets that it was cancelled; and
    until Python 3.13 one whose tasks fail leaves its task counted as being cancelled (``Task.cancelling``).
    """
    running = asyncio.create_task(session.run(), name=f"life of {session.name}")
    try:
        await asyncio.wait((running,))
    except asyncio.CancelledError:
        running.cancel()
        await asyncio.wait((running,))
        if not running.cancelled():
            running.exception()  # it is ending, whatever it failed with
        raise
    if running.cancelled():  # by nobody of ours
        raise Disconnected("it was cancelled from within")
    running.result()


class _Outage:
    """A time in which a session does not serve, told in few lines."""

    def __init__(self, session: str, advice: str | None, began: float) -> None:
        self._session = session
        self._advice = advice
        self._began = began
        self._kinds: set[type[BaseException]] = set()
        self._told = began
        self._attempts = 0

    def goes_on(self, reason: BaseException, now: float) -> None:
        """Tell why, unless that was told lately."""
        self._attempts += 1
        if type(reason) in self._kinds and now - self._told < REMINDER:
            return
        self._kinds.add(type(reason))
        self._told = now
        further = {"do": self._advice} if isinstance(reason, LoginRefused) and self._advice else {}
        log.warning("session ended", session=self._session, reason=str(reason), attempts=self._attempts, **further)

    def is_over(self, now: float) -> None:
        """Tell that the session serves."""
        log.info("session serves", session=self._session, after=round(now - self._began, 1), attempts=self._attempts)


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
