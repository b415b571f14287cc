"""Programs that log in to read and write what devices send: made, with a password shown once, and deleted."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from nicegui.element import Element

from bridge.console.acting import answer_acts, word
from bridge.console.listing import Listing
from bridge.console.live import Live
from bridge.console.sessions import Session
from bridge.console.shell import page
from bridge.console.texts import section


class Applications(Element, component="../components/applications.js"):
    """The table with its dialogs."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._props["texts"] = {**section("people"), **section("applications")}
        self._props["tenant"] = session.tenant
        self._props["rows"] = []

    def show(self, rows: list[dict[str, Any]], more: bool) -> None:
        """Show these applications."""
        self._props["rows"] = rows
        self._props["more"] = more
        self._props["loaded"] = True
        self.update()


def _filters(values: Mapping[str, Any], name: str) -> list[str]:
    given = values.get(name)
    return [one for one in given if isinstance(one, str)] if isinstance(given, list) else []


@page("/applications")
async def applications(session: Session, request: Request) -> None:
    """Build the page."""
    table = Applications(session)
    listing = Listing(session.request, "list-applications", "applications")

    async def load() -> None:
        table.show(*await listing.load())

    async def create(values: Mapping[str, Any]) -> Mapping[str, Any]:
        asked: dict[str, Any] = {"name": word(values, "name")}
        asked |= {"read": _filters(values, "read"), "write": _filters(values, "write")}
        if password := word(values, "password"):
            asked["password"] = password
        made = await session.request("create-application", asked)
        live.refresh()
        return {"name": made["name"], "password": made.get("password", "")}

    async def delete(values: Mapping[str, Any]) -> None:
        await session.request("delete-application", {"name": word(values, "name")})
        live.refresh()

    async def more() -> None:
        listing.more()
        await live.now()

    answer_acts(table, {"create": create, "delete": delete})
    table.on("more", more)
    live = Live(session, load, lambda topic, _: False)  # no event tells of applications
    await live.now()
