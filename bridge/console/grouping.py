"""Gives a component the groups that there are; the other side is static/grouping.js."""

from typing import Any, Final

from nicegui.element import Element

from bridge.console.listing import Asks, Listing

MOST_GROUPS: Final = 5_000
"""Groups that a page holds; where there are more, it says so."""


class Groups:
    """The groups as a component has them. They are sent when they are others than those sent before."""

    def __init__(self, element: Element, ask: Asks) -> None:
        self._element = element
        self._listing = Listing(ask, "list-groups", "groups", MOST_GROUPS)
        self._sent: tuple[list[dict[str, Any]], bool] | None = None

    async def load(self) -> None:
        """Look at them and send them. Raises as ``ask``."""
        found = await self._listing.load()
        if found != self._sent:
            self._sent = found
            self._element.run_method("showGroups", *found)

    def devices_in(self, path: str) -> int:
        """Count the devices in a group and below it, as last looked at."""
        groups = self._sent[0] if self._sent else []
        return sum(one["devices"] for one in groups if f"{one['path']}/".startswith(f"{path}/"))
