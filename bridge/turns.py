"""Requests that wait for their turn: first come, first served for each who asks, in turns between them. Pure.

Whoever sends thousands at once waits for his own; the others have every second turn. What waits is bounded, for each
and for all, and what finds no room is refused at once.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

MOST: Final = 10_000
"""Requests of one administrator that wait."""
MOST_BYTES: Final = 32_000_000
"""Bytes of them: some files of bulk registration."""
ALL_BYTES: Final = 64_000_000
"""Bytes of what waits of all administrators."""
OVERHEAD: Final = 1_000
"""Bytes that a request takes beside its payload, about."""


@dataclass(slots=True)
class _Line(Generic[Item]):
    items: deque[tuple[Item, int]] = field(default_factory=deque)
    size: int = 0


class Turns(Generic[Item]):
    """What waits, in one line for each key."""

    def __init__(self, most: int = MOST, most_bytes: int = MOST_BYTES, all_bytes: int = ALL_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._all_bytes = all_bytes
        self._size = 0
        self._lines: dict[str, _Line[Item]] = {}  # in the order in which they have their turns

    def __len__(self) -> int:
        return sum(len(line.items) for line in self._lines.values())

    def add(self, key: str, item: Item, size: int) -> bool:
        """Put ``item`` of ``size`` bytes at the end of the line of ``key``; False if there is no room for it."""
        size += OVERHEAD
        line = self._lines.get(key) or _Line[Item]()
        is_full = len(line.items) >= self._most or line.size + size > self._most_bytes
        if is_full or self._size + size > self._all_bytes:
            return False
        self._lines[key] = line
        line.items.append((item, size))
        line.size += size
        self._size += size
        return True

    def take(self) -> Item | None:
        """Take the first of the line whose turn it is, or None if nothing waits."""
        if not self._lines:
            return None
        key = next(iter(self._lines))
        line = self._lines.pop(key)
        item, size = line.items.popleft()
        line.size -= size
        self._size -= size
        if line.items:
            self._lines[key] = line  # behind the others
        return item
