"""What the bridge says of itself to a machine that asks: is it alive, does it serve, and the figures.

Asking costs the service next to nothing, however often it is done: what takes time to make is made again only after
many times as long as making it took, and who asks meanwhile gets what was made last.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar

from bridge import __version__, measures, stock
from bridge.broker import Connection
from bridge.health import Health
from bridge.httpd import JSON, Page, Pages
from bridge.metrics import CONTENT_TYPE, Metrics
from bridge.stock import Stock
from bridge.store import Store, StoreFault
from bridge.wire import iso, to_bytes

BEAT: Final = 1.0
"""Seconds between two beats, by which it is known that the event loop turns."""
REMEMBERED: Final = 30
"""Beats of which the latest one counts."""
STALLED: Final = 10.0
"""Seconds that the event loop may be late; more, and it is not healthy."""
RATION: Final = 50.0
STOCK_PATIENCE: Final = 2.0
"""Seconds that a scrape waits for the database; then it gets the figures that were there before."""
PAGE_RATION: Final = 20.0

Value = TypeVar("Value")


class Rationed(Generic[Value]):
    """A value that takes time to make, made by one at a time and no more than a ``ration``-th of the time."""

    def __init__(
        self,
        make: Callable[[], Awaitable[Value | None]],
        ration: float = RATION,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._ration = ration
        self._monotonic = monotonic
        self._due = -1.0
        self._making: asyncio.Task[None] | None = None
        self._value: Value | None = None
        self.took = 0.0

    async def value(self, patience: float) -> Value | None:
        """Return the newest value, made anew if that is due and takes no more than ``patience`` seconds."""
        if self._making is None and self._monotonic() >= self._due:
            self._making = asyncio.create_task(self._make_anew(), name="look into the database for the figures")
        if self._making is not None:
            await asyncio.wait({self._making}, timeout=patience)
        return self._value

    async def _make_anew(self) -> None:
        began = self._monotonic()
        try:
            made = await self._make()
            if made is not None:
                self._value = made
        finally:
            self._making = None
            now = self._monotonic()
            self.took = now - began
            self._due = now + self._ration * self.took

    async def end(self) -> None:
        """Make nothing further."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.wait({self._making})


class Vitals:
    """The three pages, and the beat that they go by. ``beaten`` is called with each beat."""

    def __init__(
        self,
        health: Health,
        metrics: Metrics,
        clock: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._health = health
        self._metrics = metrics
        self._clock = clock
        self._monotonic = monotonic
        self._began = monotonic()
        self._beaten_at = monotonic()
        self._late: deque[float] = deque([0.0], REMEMBERED)
        self._connections: Mapping[str, Callable[[], Connection | None]] = {}
        self._store: Store | None = None
        self._stock: Rationed[Stock] = Rationed(self._look, monotonic=monotonic)
        self._page = b""
        self._page_due = -1.0
        self.beaten: Callable[[], None] = lambda: None
        self.stopping: str | None = None
        """The stage of the shutdown, once it has begun."""

    @property
    def pages(self) -> Pages:
        """The pages by their paths."""
        return {"/healthz": self.healthz, "/readyz": self.readyz, "/metrics": self.metrics}

    def follow(self, store: Store, connections: Mapping[str, Callable[[], Connection | None]]) -> None:
        """Show figures of the database and of the sessions, whose connections are asked for by name."""
        self._store = store
        self._connections = connections

    async def end(self) -> None:
        """Look into the database no more."""
        self._store = None
        await self._stock.end()

    async def beat(self) -> None:
        """Beat until cancelled."""
        while True:
            self._beaten_at = self._monotonic()
            await asyncio.sleep(BEAT)
            self._late.append(self.lag)
            if self.lag < STALLED:
                self.beaten()

    @property
    def lag(self) -> float:
        """Seconds by which the beat is late at this moment."""
        return max(0.0, self._monotonic() - self._beaten_at - BEAT)

    async def healthz(self) -> Page:
        """Say whether the event loop turns as it should; that there is an answer says most of it."""
        late = max(self.lag, self._late[-1])
        told = {
            "status": "ok" if late < STALLED else "stalled",
            "version": __version__,
            "uptimeSeconds": round(self._monotonic() - self._began, 1),
            "lagSeconds": round(late, 3),
        }
        return _json(told, well=late < STALLED)

    async def readyz(self) -> Page:
        """Say whether all parts serve, and of each since when, and why not."""
        parts = [
            {"name": part.name, "serves": part.serves, "since": iso(part.since), "reason": part.reason}
            for part in self._health.parts
        ]
        away = [part for part in parts if not part["serves"]]
        ready = not away and self.stopping is None
        told: dict[str, Any] = {"ready": ready, "version": __version__}
        if self.stopping is not None:
            told["stopping"] = self.stopping
        return _json(told | {"notReady": away, "parts": parts}, well=ready)

    async def metrics(self) -> Page:
        """Show the figures."""
        found = await self._stock.value(STOCK_PATIENCE)
        began = self._monotonic()
        if began >= self._page_due:
            if found is not None:
                self._show_stock(found)
            self._page = self._write()
            now = self._monotonic()
            self._page_due = now + PAGE_RATION * (now - began)
        return Page(self._page, CONTENT_TYPE)

    def _write(self) -> bytes:
        show = self._metrics.show
        for part in self._health.parts:
            show(measures.SERVING, part.serves, part=part.name)
        show(measures.READY, self._health.whole and self.stopping is None)
        for name, connection_of in self._connections.items():
            connection = connection_of()
            depths = dict.fromkeys(measures.QUEUES, 0) if connection is None else connection.depths
            for queue, number in depths.items():
                show(measures.QUEUE, number, session=name, queue=queue)
        show(measures.LAG, max(self.lag, *self._late))
        return self._metrics.page()

    async def _look(self) -> Stock | None:
        if self._store is None:
            return None
        try:
            async with self._store.read() as connection:
                return await stock.take(connection)
        except StoreFault:
            return None  # counted by the store; the figures stay as they were

    def _show_stock(self, found: Stock) -> None:
        show = self._metrics.show
        for status, number in found.registrations.items():
            show(measures.REGISTRATIONS, number, status=status.value)
        for kind in measures.ACCOUNTS.labels["kind"]:
            show(measures.ACCOUNTS, found.wanted.get(kind, 0), kind=kind, state="wanted")
            show(measures.ACCOUNTS, found.installed.get(kind, 0), kind=kind, state="installed")
        for work, number in found.outbox.items():
            show(measures.OUTBOX, number, work=work)
        show(measures.UNDELIVERED, found.undelivered)
        show(measures.UNREGISTERED, found.unregistered)
        oldest = found.oldest_pending
        show(measures.OLDEST_PENDING, 0 if oldest is None else max(0, self._clock() - oldest) / 1000)
        for file, size in found.files.items():
            show(measures.DATABASE, size, file=file)
        show(measures.COUNTING, self._stock.took)


def _json(value: object, *, well: bool) -> Page:
    return Page(to_bytes(value) + b"\n", JSON, HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE)
