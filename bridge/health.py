"""Which parts of the bridge serve, since when, and why not. It only keeps what it is told; whoever shows it reads here.

``bridge/state`` says ``online`` while all parts serve, and ``offline`` as soon as one does not.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

RIGHTS: Final = "rights"
"""The part that the bridge stands on in the operations broker: its own accounts, and what accounts may by default."""
DATABASE: Final = "database"
STARTING: Final = "it has not begun yet"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the bridge. ``since`` is when it began or ceased to serve, in milliseconds; ``reason`` is why not."""

    name: str
    since: int
    reason: str | None

    @property
    def serves(self) -> bool:
        """Whether it does what it is there for."""
        return self.reason is None


class Health:
    """The parts by name, and what was counted of their troubles.

    ``counts`` holds numbers since the start: ``reconciliations``, what they ``repaired``, ``removed`` and could not
    (``held``), ``outages <part>`` and ``attempts <part>`` (tries to serve that failed).
    """

    def __init__(self, names: Iterable[str], clock: Callable[[], int]) -> None:
        self._clock = clock
        self._parts = {name: Part(name, clock(), STARTING) for name in names}
        self._changed = asyncio.Event()
        self.counts: Counter[str] = Counter()

    @property
    def parts(self) -> tuple[Part, ...]:
        """All parts as they are now."""
        return tuple(self._parts.values())

    @property
    def whole(self) -> bool:
        """Whether all parts serve."""
        return all(part.serves for part in self._parts.values())

    @property
    def missing(self) -> tuple[Part, ...]:
        """The parts that do not serve."""
        return tuple(part for part in self._parts.values() if not part.serves)

    def part(self, name: str) -> Part:
        """Return the part of this name."""
        return self._parts[name]

    def serves(self, name: str) -> None:
        """Note that a part serves."""
        self._note(name, None)

    def fails(self, name: str, reason: str) -> None:
        """Note that a part does not serve, and the newest reason; ``since`` stays while it is away."""
        if self._parts[name].serves:
            self.counts[f"outages {name}"] += 1
        self._note(name, reason)

    def _note(self, name: str, reason: str | None) -> None:
        part = self._parts[name]
        turned = (reason is None) != part.serves
        self._parts[name] = replace(part, reason=reason, since=self._clock() if turned else part.since)
        if turned:
            self._changed.set()

    async def changed(self) -> None:
        """Wait until a part has begun or ceased to serve since the last time that this returned; for one listener."""
        await self._changed.wait()
        self._changed.clear()
