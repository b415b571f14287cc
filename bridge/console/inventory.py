"""What the pages of the inventory share: how much of the groups they hold, and which events concern them."""

from collections.abc import Mapping
from typing import Any, Final

MOST_GROUPS: Final = 5_000
"""Groups that a tree holds; where there are more, the page says so."""
TREE_PACE: Final = 3.0
"""Seconds between two looks at the groups, at least: they change seldom, while a herd calls at any time."""
CHANGING: Final = frozenset({"accepted", "confirmed", "delivered", "updated", "deleted"})
"""Events after which an entry of the inventory may be there, gone or another."""


def concerns_devices(topic: str, event: Mapping[str, Any]) -> bool:
    """Tell whether after this event the inventory may be another."""
    return topic.endswith("/bulk") or event.get("event") in CHANGING


def path_of(typed: str) -> str | None:
    """Return the group that a person typed, None for none."""
    return typed if typed.strip() else None
