"""News of registrations, published for whoever watches."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog

from bridge.answers import bulk_event_object, event_object
from bridge.broker import Connection, Disconnected
from bridge.decisions import BulkEvent, Event
from bridge.measures import BULK_ROWS, DROPPED, EVENT, EVENTS, UNMEASURED, Meter
from bridge.wire import Topics, to_bytes

COMPLETION_PAUSE: Final = 60_000
"""Milliseconds between two events ``request-after-completion`` of one device."""
COMPLETION_DEVICES: Final = 10_000
"""Devices for which that is remembered."""
MOST_WAITING: Final = 20_000
"""Events that wait in memory for a broker that has stopped taking them; further ones are dropped."""

AT_ONCE: Final = 1_000
"""Events that are told before it is asked whether the broker has taken others."""

log = structlog.get_logger("control")


class Herald:
    """Tells events to whoever watches. They are news, not records: without a broker they are dropped.

    So are those that come faster than the broker takes them, beyond a bound.
    """

    def __init__(self, topics: Topics, meter: Meter = UNMEASURED) -> None:
        self._topics = topics
        self._meter = meter
        self._completions: dict[str, int] = {}
        self._dropped = 0
        self.connection: Connection | None = None

    def tell(self, events: Sequence[Event | BulkEvent]) -> None:
        """Publish ``events``, and count them."""
        self._count(events)
        connection = self.connection
        if connection is None:
            return
        if connection.waiting >= MOST_WAITING:
            if not self._dropped:
                log.warning("events dropped", reason="the operations broker does not take them", waiting=MOST_WAITING)
            self._dropped += len(events)
            self._meter.count(DROPPED, len(events), kind=EVENT)
            return
        if self._dropped and connection.waiting == 0:
            log.info("events told again", dropped=self._dropped)
            self._dropped = 0
        for event in events:
            if isinstance(event, BulkEvent):
                with suppress(Disconnected):
                    connection.send(self._topics.bulk_event(event.tenant), to_bytes(bulk_event_object(event)))
                continue
            if event.event == "request-after-completion" and not self._is_due(event):
                continue
            with suppress(Disconnected):  # the session itself notices, and ends
                connection.send(self._topics.event(event.tenant, event.id), to_bytes(event_object(event)))

    async def tell_all(self, events: Sequence[Event | BulkEvent]) -> None:
        """Publish ``events``, however many, no faster than the broker takes them."""
        for start in range(0, len(events), AT_ONCE):
            self.tell(events[start : start + AT_ONCE])
            if self.connection is not None:
                with suppress(Disconnected):  # the session itself notices, and ends; the others are dropped
                    await self.connection.drained()

    def _count(self, events: Sequence[Event | BulkEvent]) -> None:
        for name, number in Counter(event.event for event in events if isinstance(event, Event)).items():
            self._meter.count(EVENTS, number, event=name)
        for event in events:
            if isinstance(event, BulkEvent):
                created, numbers = event.numbers["numberOfCreated"], event.numbers
                self._meter.count(BULK_ROWS, created, outcome="created")
                self._meter.count(BULK_ROWS, numbers["numberOfSuccessful"] - created, outcome="updated")
                self._meter.count(BULK_ROWS, numbers["numberOfFailed"], outcome="failed")

    def _is_due(self, event: Event) -> bool:
        last = self._completions.get(event.id)
        if last is not None and 0 <= event.at - last < COMPLETION_PAUSE:
            return False
        if len(self._completions) >= COMPLETION_DEVICES:
            oldest = next(iter(self._completions))
            del self._completions[oldest]
        self._completions.pop(event.id, None)
        self._completions[event.id] = event.at
        return True
