"""Requests that wait for their turn: first come, first served for each who asks, in turns between them. Pure.

Whoever sends thousands at once waits for his own; the others have every second turn. What waits is bounded, for each
and for all, and what finds no room is refused at once. Where all together are too much, those who have most waiting
give way.
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

    def add(self, key: str, item: Item, size: int) -> list[Item]:
        """Put ``item`` of ``size`` bytes at the end of the line of ``key``; return what there is no room for.

        That is ``item`` itself; or, where all together are too much, the last of whoever has more waiting than ``key``
        would, so that nobody's many keep out another's one.
        """
        size += OVERHEAD
        line = self._lines.get(key) or _Line[Item]()
        if len(line.items) >= self._most or line.size + size > self._most_bytes:
            return [item]
        refused: list[Item] = []
        while self._size + size > self._all_bytes:
            most = max(self._lines, key=lambda one: self._lines[one].size, default=key)
            if most == key or self._lines[most].size <= line.size + size:
                return [*refused, item]
            refused.append(self._drop_last(most))
        self._lines[key] = line
        line.items.append((item, size))
        line.size += size
        self._size += size
        return refused

    def _drop_last(self, key: str) -> Item:
        line = self._lines[key]
        item, size = line.items.pop()
        line.size -= size
        self._size -= size
        if not line.items:
            del self._lines[key]
        return item

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
