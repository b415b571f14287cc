"""The page of one device: facts, what it says of itself, its past, and what an owner does with it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from nicegui.element import Element

from bridge.admin import RefusedByBridge
from bridge.console.acting import answer_acts
from bridge.console.inventory import MOST_GROUPS
from bridge.console.listing import Listing
from bridge.console.live import Live, telling
from bridge.console.past import Filter, Past
from bridge.console.sessions import Session
from bridge.console.texts import section


class OneDevice(Element, component="components/device.js"):
    """The device with its dialogs; ``back`` are the filters of the list that the person comes from."""

    def __init__(self, session: Session, device_id: str, back: Mapping[str, str]) -> None:
        super().__init__()
        self._props["texts"] = section("devices")
        self._props["past"] = section("audit")
        self._props["statuses"] = section("status")
        self._props["named"] = device_id
        self._props["back"] = f"/devices?{urlencode({name: value for name, value in back.items() if value})}"
        commands = {"update": "update-device", "delete": "delete-device", "register": "register"}
        self._props["may"] = {name: session.may(command) for name, command in commands.items()}
        self._props["entries"] = []
        self._props["groups"] = []

    def show(self, shown: dict[str, Any]) -> None:
        """Show what changed."""
        self._props.update(shown)
        self.update()


async def found(session: Session, command: str, device_id: str) -> dict[str, Any] | None:
    """Return what ``command`` says of this id, None where there is none. Raises as ``Session.request``."""
    try:
        return await session.request(command, {"id": device_id})
    except RefusedByBridge as error:
        if error.code != "NOT_FOUND":
            raise
        return None


async def show_device(session: Session, device_id: str, back: Mapping[str, str]) -> None:
    """Build the page."""
    shown = OneDevice(session, device_id, back)
    past = Past(session.request, Filter(id=device_id))

    async def load() -> None:
        device = await found(session, "get-device", device_id)
        registration = await found(session, "get", device_id)
        shown.show({"device": device, "registration": registration, "gone": device is None})
        if not past.deep:
            await past.load()
            show_past()

    def show_past() -> None:
        shown.show({"entries": past.entries, "moreEntries": past.more})

    async def save(values: Mapping[str, Any]) -> None:
        changed = values.get("changed")
        allowed = {"name", "type", "group"}
        given = changed if isinstance(changed, dict) else {}
        changes = {name: value for name, value in given.items() if name in allowed}
        await session.request("update-device", {"id": device_id, **changes})
        live.refresh()

    async def delete(values: Mapping[str, Any]) -> None:
        await session.request("delete-device", {"id": device_id})
        live.refresh()

    async def more() -> None:
        with telling() as told:
            await past.go_on()
        if told.done:
            show_past()

    answer_acts(shown, {"save": save, "delete": delete})
    shown.on("more", more)
    live = Live(session, load, lambda topic, event: event.get("id") == device_id or topic.endswith("/bulk"))
    await live.now()
    if session.may("update-device"):
        with telling():
            groups, _ = await Listing(session.request, "list-groups", "groups", MOST_GROUPS).load()
            shown.show({"groups": groups})
