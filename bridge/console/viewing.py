"""Which registrations a person looks at: filter, search, order and page, as address, browser and bridge say it.

It is pure: it asks nobody and shows nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from bridge.registration import Status

PAGE: Final = 50
"""Registrations on one page: more are slow to read for people, and slow to show for browsers with each event."""
SORTS: Final = frozenset(
    sign + name for name in ("id", "name", "status", "creationTime", "lastSeen") for sign in ("", "-")
)
"""What ``list`` sorts by (the contract, section 5)."""
LONGEST_SEARCH: Final = 255
"""Characters of the longest device id; nothing longer can be found."""


@dataclass(frozen=True, slots=True)
class View:
    """What is looked at. ``cursors`` are where the pages after the first begin, up to the one that is shown."""

    status: str = ""
    search: str = ""
    sort: str = ""
    tenant: str = ""
    cursors: tuple[str, ...] = ()

    @classmethod
    def of(cls, words: Mapping[str, Any]) -> Self:
        """Take what stands in an address or comes from a browser; what is none of ours counts as not said."""
        status, search, sort, tenant = (str(words.get(name) or "") for name in ("status", "search", "sort", "tenant"))
        return cls(
            status if status in set(Status) else "",
            search.strip()[:LONGEST_SEARCH],
            sort if sort in SORTS else "",
            tenant[:LONGEST_SEARCH],
        )

    @property
    def words(self) -> dict[str, str]:
        """What the page shows and keeps in its address."""
        return {"status": self.status, "search": self.search, "sort": self.sort, "tenant": self.tenant}

    @property
    def first(self) -> int:
        """The number of the first row, from 1."""
        return len(self.cursors) * PAGE + 1

    def payload(self) -> dict[str, Any]:
        """Return how ``list`` is asked for it."""
        asked: dict[str, Any] = {"limit": PAGE}
        if self.status:
            asked["status"] = [self.status]
        for name in ("search", "sort", "tenant"):
            if word := getattr(self, name):
                asked[name] = word
        if self.cursors:
            asked["cursor"] = self.cursors[-1]
        return asked

    def forward(self, following: str | None) -> Self:
        """Return the page after this one, which begins at ``following``; without one, this one."""
        return replace(self, cursors=(*self.cursors, following)) if following else self

    def back(self) -> Self:
        """Return the page before this one."""
        return replace(self, cursors=self.cursors[:-1])

    def begin(self) -> Self:
        """Return the first page."""
        return replace(self, cursors=())

    def total(self, counts: Mapping[str, int]) -> int | None:
        """Return how many there are in all, where ``counts``, which know no search and no tenant, tell it."""
        if self.search or self.tenant:
            return None
        return counts.get(self.status, 0) if self.status else sum(counts.values())
