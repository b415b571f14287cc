"""The first page: all devices in the registration process, live, and what is done with each."""

from typing import Any

from fastapi import Request
from nicegui import events, ui
from nicegui.element import Element

from bridge.console import registering
from bridge.console.live import Live, telling
from bridge.console.sessions import Session
from bridge.console.shell import page
from bridge.console.texts import section, text


class Registrations(Element, component="../components/registrations.js"):
    """The table; ``show`` gives it rows as ``list`` answers them."""

    def __init__(self, session: Session, policy: str) -> None:
        super().__init__()
        self._props["texts"] = {**section("registrations"), **section("accept")}
        self._props["statuses"] = section("status")
        self._props["policy"] = policy
        self._props["may"] = {name: session.may(name) for name in ("accept", "delete", "register")}
        self._props["tenancy"] = session.has_tenants
        self._props["rows"] = []

    def show(self, rows: list[dict[str, Any]]) -> None:
        """Show these rows in their order."""
        self._props["rows"] = rows
        self.update()


@page("/")
async def registrations(session: Session, request: Request) -> None:
    """Build the page."""
    with ui.element("div").classes("page-head"):
        ui.html(text("registrations.title"), sanitize=False, tag="h1")
        registering.button(session, lambda: live.refresh())
    with telling():
        table = Registrations(session, await session.policy())

    async def load() -> None:
        result = await session.request("list", {"limit": 50})
        table.show(result["registrations"])

    async def accept(event: events.GenericEventArguments) -> None:
        with telling() as told:
            await session.request("accept", {"id": event.args["id"], "securityToken": event.args["token"]})
        if told.done:
            live.refresh()

    table.on("accept", accept)
    live = Live(session, load, lambda topic, _: "/registrations/" in topic or topic.endswith("/bulk"))
    await live.now()
