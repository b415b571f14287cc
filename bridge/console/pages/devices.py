"""The inventory: a list of devices beside the tree of groups, and each device with all that is known of it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import Request
from nicegui import events, ui
from nicegui.element import Element

from bridge.console.acting import answer_acts, texts, word
from bridge.console.grouping import Groups
from bridge.console.inventory import TREE_PACE, concerns_devices, path_of
from bridge.console.live import Live
from bridge.console.moving import Move
from bridge.console.one_device import show_device
from bridge.console.session import Session
from bridge.console.shell import page
from bridge.console.texts import section, text

PAGE: Final = 100
"""Rows of a page of the list."""
SORTS: Final = frozenset(
    sign + name for sign in ("", "-") for name in ("id", "name", "type", "group", "creationTime", "lastSeen")
)


@dataclass(slots=True)
class Look:
    """What of the list is looked at: the filters, and the cursors of the pages up to this one."""

    search: str = ""
    group: str = ""
    sort: str = ""
    cursors: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Look":
        """Read it from an address or from what the browser sent."""
        sort = word(values, "sort")
        return cls(word(values, "search")[:255], word(values, "group"), sort if sort in SORTS else "")

    @property
    def filters(self) -> dict[str, str]:
        """What the address of the page says of it."""
        return {"search": self.search, "group": self.group, "sort": self.sort}

    @property
    def asked(self) -> dict[str, Any]:
        """The payload of ``list-devices``."""
        cursor = self.cursors[-1] if self.cursors else ""
        named = {**self.filters, "search": self.search.strip(), "cursor": cursor}
        return {"limit": PAGE, **{name: value for name, value in named.items() if value}}


class Devices(Element, component="../components/devices.js"):
    """The list and the tree."""

    def __init__(self, session: Session, look: Look) -> None:
        super().__init__()
        self._props["texts"] = {**section("groups"), **section("devices")}
        self._props["may"] = {"update": session.may("update-device")}
        self._props["management"] = session.of_management
        self._props["look"] = look.filters
        self._props["rows"] = []

    def show(self, rows: list[dict[str, Any]], look: Look, following: bool) -> None:
        """Show this page of devices."""
        shown = {"rows": rows, "first": 1 + PAGE * len(look.cursors), "next": following, "look": look.filters}
        if any(self._props.get(name) != value for name, value in shown.items()) or not self._props.get("loaded"):
            self._props.update({**shown, "loaded": True})
            self.update()


@page("/devices")
async def devices(session: Session, request: Request) -> None:
    """Build the page: of one device where the address names one, else the list."""
    if device_id := request.query_params.get("id"):
        await show_device(session, device_id, Look.of(request.query_params).filters)
    else:
        await _list(session, Look.of(request.query_params))


async def _list(session: Session, look: Look) -> None:
    with ui.element("div").classes("page-head"):
        ui.html(text("devices.title"), sanitize=False, tag="h1")
    if session.of_management:
        ui.label(text("devices.of_management")).classes("quiet lead")
    table = Devices(session, look)
    listing = _Pages(session, table, look)
    tree = Groups(table, session.request)

    async def turn(event: events.GenericEventArguments) -> None:
        values = event.args if isinstance(event.args, dict) else {}
        listing.turn(word(values, "turn"), Look.of(values))
        await live.now()

    async def move(values: Mapping[str, Any]) -> Mapping[str, Any]:
        moving = Move(session.request, path_of(word(values, "group")))
        await moving.those(texts(values, "ids"))
        return {"moved": moving.moved, "failed": moving.failed}

    table.on("look", turn)
    answer_acts(table, {"move": move})
    live = Live(session, listing.load, concerns_devices)
    live_tree = Live(session, tree.load, concerns_devices, TREE_PACE)
    await asyncio.gather(live.now(), live_tree.now())


class _Pages:
    """The pages of the list, turned one by one: cursors lead on, those gone by lead back."""

    def __init__(self, session: Session, table: Devices, look: Look) -> None:
        self._session = session
        self._table = table
        self._look = look
        self._next: str | None = None

    def turn(self, which: str, wanted: Look) -> None:
        """Go to the next page or the previous one, else to the first of what is wanted."""
        cursors = self._look.cursors
        if wanted.filters == self._look.filters and which == "next" and self._next is not None:
            wanted.cursors = [*cursors, self._next]
        elif wanted.filters == self._look.filters and which == "previous":
            wanted.cursors = cursors[:-1]
        self._look, self._next = wanted, None

    async def load(self) -> None:
        """Show the page; one that was turned meanwhile is no longer wanted."""
        look = self._look
        result = await self._session.request("list-devices", look.asked)
        if look is not self._look:
            return None
        self._next = result["next"]
        if not result["devices"] and look.cursors:
            look.cursors.pop()  # all of the last page were deleted
            return await self.load()
        self._table.show(result["devices"], look, self._next is not None)
        return None
