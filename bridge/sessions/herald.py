"""News of registrations, published for whoever watches."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from bridge.answers import bulk_event_object, event_object
from bridge.broker import Connection, Disconnected
from bridge.decisions import BulkEvent, Event
from bridge.wire import Topics, to_bytes

COMPLETION_PAUSE: Final = 60_000
"""Milliseconds between two events ``request-after-completion`` of one device."""
COMPLETION_DEVICES: Final = 10_000
"""Devices for which that is remembered."""


class Herald:
    """Tells events to whoever watches. They are news, not records: without a broker they are dropped."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._completions: dict[str, int] = {}
        self.connection: Connection | None = None

    def tell(self, events: Sequence[Event | BulkEvent]) -> None:
        """Publish ``events``."""
        connection = self.connection
        if connection is None:
            return
        for event in events:
            if isinstance(event, BulkEvent):
                with suppress(Disconnected):
                    connection.send(self._topics.bulk_event(event.tenant), to_bytes(bulk_event_object(event)))
                continue
            if event.event == "request-after-completion" and not self._is_due(event):
                continue
            with suppress(Disconnected):  # the session itself notices, and ends
                connection.send(self._topics.event(event.tenant, event.id), to_bytes(event_object(event)))

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
