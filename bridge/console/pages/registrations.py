"""The first page: all devices in the registration process, live, and what is done with each."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request
from nicegui import events, ui

from bridge.admin import RefusedByBridge
from bridge.console import accepting, accepting_all, registering
from bridge.console.live import Live, telling
from bridge.console.registration_deleting import Deleting
from bridge.console.registration_detail import Detail
from bridge.console.registration_table import Registrations
from bridge.console.session import Away, Session
from bridge.console.shell import page
from bridge.console.texts import text
from bridge.console.viewing import View


class Listing:
    """What one open page looks at, and the loading of it."""

    def __init__(self, session: Session, table: Registrations, view: View) -> None:
        self._session = session
        self._table = table
        self._view = view
        self._next: str | None = None
        self._turn = 0
        self._asked = 0
        self._shown = 0

    async def load(self) -> None:
        """Fetch and show the page that is looked at. Raises RefusedByBridge, Away, Ended.

        Answers that come in another order than they were asked for, or after something else was asked for, are not
        shown: the page would go back in time.
        """
        self._asked += 1
        number, turn, view = self._asked, self._turn, self._view
        try:
            found = await self._session.request("list", view.payload())
        except (RefusedByBridge, Away) as error:
            if turn == self._turn:
                self._table.fail(turn, text("registrations.not_loaded", reason=str(error)))
            raise
        if turn != self._turn or number < self._shown:
            return
        self._shown = number
        if not found["registrations"] and view.cursors:
            self._view = view.back()  # the last page has become empty
            await self.load()
            return
        self._next = found["next"]
        self._table.show(view, turn, found)

    def ask(self, wish: Mapping[str, Any]) -> None:
        """Look at something else: another filter or order, or with ``go`` another page."""
        self._turn = int(wish["turn"])
        match wish.get("go"):
            case "next":
                self._view = self._view.forward(self._next)
            case "previous":
                self._view = self._view.back()
            case "first":
                self._view = self._view.begin()
            case _:
                self._view = View.of(wish)


async def _tenants(session: Session) -> list[str]:
    """Return all tenants by which the list can be filtered; none where nobody sees tenants."""
    found: list[str] = []
    cursor: str | None = None
    while session.has_tenants:
        answer = await session.request("list-tenants", {"limit": 1000, **({"cursor": cursor} if cursor else {})})
        found += [one["id"] for one in answer["tenants"]]
        cursor = answer.get("next")
        if cursor is None:
            break
    return found


def _buttons(session: Session, live: Live) -> None:
    """Put what is done with many devices at once into the head of the page."""
    accepting_all.button(session, live)
    registering.button(session, live.refresh)


@page("/")
async def registrations(session: Session, request: Request) -> None:
    """Build the page."""
    with ui.element("div").classes("page-head"):
        ui.html(text("registrations.title"), sanitize=False, tag="h1")
        actions = ui.element("div").classes("actions")
    policy, tenants = "OPTIONAL", list[str]()
    with telling():
        policy, tenants = await session.policy(), await _tenants(session)
    view = View.of(request.query_params)
    table = Registrations(session, policy, view, tenants)
    listing = Listing(session, table, view)
    live = Live(session, listing.load, lambda topic, _: "/registrations/" in topic or topic.endswith("/bulk"))

    def gone(ids: Sequence[str]) -> None:
        table.forget(ids)
        live.refresh()

    deleting = Deleting(session, gone)
    detail = Detail(session, deleting)
    with actions:
        _buttons(session, live)

    async def ask(event: events.GenericEventArguments) -> None:
        listing.ask(event.args)
        await live.now()

    table.on("ask", ask)
    accepting.Desk(session, table, live)
    table.on("open", lambda event: detail.open(str(event.args["id"])))
    table.on("remove", lambda event: deleting.ask(event.args["ids"]))
    await live.now()
    if wanted := request.query_params.get("show"):
        await detail.open(wanted)
