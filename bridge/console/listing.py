"""Lists of the bridge that a page shows from their beginning on, a further page of them each time that is asked for."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

PAGE: Final = 200
"""Rows of one more look."""
LARGEST: Final = 1_000
"""Rows that one answer holds at most (the contract, section 5)."""

Asks = Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""``Session.request``."""


@dataclass(slots=True)
class Listing:
    """The first rows of what ``command`` lists as ``member``; ``wanted`` of them at least, where there are so many."""

    ask: Asks
    command: str
    member: str
    wanted: int = PAGE

    def more(self) -> None:
        """Want another page."""
        self.wanted += PAGE

    async def load(self) -> tuple[list[dict[str, Any]], bool]:
        """Return the rows, and whether there are more. Raises as ``ask``."""
        rows: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(rows) < self.wanted:
            asked: dict[str, Any] = {"limit": min(LARGEST, self.wanted - len(rows))}
            result = await self.ask(self.command, asked if cursor is None else {**asked, "cursor": cursor})
            rows += result[self.member]
            cursor = result["next"]
            if cursor is None:
                break
        return rows, cursor is not None
