"""Publishes under way and those that wait for room: so many, and so many bytes, at once. It knows no connection."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

WINDOW: Final = 200
"""Publishes with QoS 1 under way at once, unless the broker's Receive Maximum is lower (MQTT 5, section 4.9)."""
MAX_OUTSTANDING: Final = 2_000
"""Publishes that wait at which there is no room for more."""
MAX_BYTES: Final = 16_000_000
"""Bytes under way at once, of one publish at least, and of those that wait at which there is no room for more."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A publish. ``told`` hears the broker's MQTT 5 reason code."""

    topic: str = field(repr=False)
    payload: bytes = field(repr=False)
    qos: int
    retain: bool
    properties: Any
    told: Callable[[int], None] | None


class Window:
    """What was published and not acknowledged, by message id, and what waits for its turn, in order."""

    def __init__(self) -> None:
        self.limit = WINDOW
        self._under_way: dict[int, Outgoing] = {}
        self._bytes_under_way = 0
        self._waiting: deque[Outgoing] = deque()
        self._bytes_waiting = 0

    def __len__(self) -> int:
        return len(self._under_way) + len(self._waiting)

    def __contains__(self, mid: int) -> bool:
        return mid in self._under_way

    @property
    def under_way(self) -> int:
        """How many are published and not acknowledged."""
        return len(self._under_way)

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """Whether whoever has more to publish need not wait."""
        return len(self._waiting) < MAX_OUTSTANDING and self._bytes_waiting < MAX_BYTES

    def goes_at_once(self, outgoing: Outgoing) -> bool:
        """Tell whether ``outgoing`` may be published now; otherwise it waits behind the others."""
        if not self._waiting and self._fits(outgoing):
            return True
        self._waiting.append(outgoing)
        self._bytes_waiting += len(outgoing.payload)
        return False

    def following(self) -> Outgoing | None:
        """Take the next one that may be published now."""
        if not self._waiting or not self._fits(self._waiting[0]):
            return None
        outgoing = self._waiting.popleft()
        self._bytes_waiting -= len(outgoing.payload)
        return outgoing

    def begin(self, mid: int, outgoing: Outgoing) -> None:
        """Note that ``outgoing`` is under way."""
        self._under_way[mid] = outgoing
        self._bytes_under_way += len(outgoing.payload)

    def end(self, mid: int) -> Outgoing:
        """Note that it was acknowledged."""
        outgoing = self._under_way.pop(mid)
        self._bytes_under_way -= len(outgoing.payload)
        return outgoing

    def _fits(self, outgoing: Outgoing) -> bool:
        if not self._under_way:
            return True
        return len(self._under_way) < self.limit and self._bytes_under_way + len(outgoing.payload) <= MAX_BYTES
