"""Programs that log in to read and write what devices send: made, with a password shown once, and deleted."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from nicegui.element import Element

from bridge.console import logins
from bridge.console.acting import texts, word
from bridge.console.listing import Listing
from bridge.console.once import Once
from bridge.console.session import Session
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


@page("/applications")
async def applications(session: Session, request: Request) -> None:
    """Build the page."""
    table = Applications(session)
    listing = Listing(session.request, "list-applications", "applications")
    once = Once(session.request)

    async def load() -> None:
        table.show(*await listing.load())

    async def create(values: Mapping[str, Any]) -> Mapping[str, Any]:
        asked: dict[str, Any] = {"name": word(values, "name")}
        asked |= {"read": texts(values, "read"), "write": texts(values, "write")}
        return logins.made(await once.request("create-application", logins.with_password(values, asked)))

    async def delete(values: Mapping[str, Any]) -> None:
        await session.request("delete-application", {"name": word(values, "name")})

    await logins.begin(session, table, listing, load, {"create": create, "delete": delete})
