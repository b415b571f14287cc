"""The first page: all devices in the registration process, live, and what is done with each."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from fastapi import Request
from nicegui import events, ui

from bridge.admin import RefusedByBridge
from bridge.console import accepting, accepting_all, registering
from bridge.console.acting import texts, word
from bridge.console.live import Live, telling
from bridge.console.registration_deleting import Deleting
from bridge.console.registration_detail import Detail
from bridge.console.registration_table import Registrations
from bridge.console.session import Away, Ended, Session
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

    async def show(self) -> None:
        """Load; what could not be done is said in the table."""
        with suppress(RefusedByBridge, Away, Ended):
            await self.load()

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
                self._table.fail(turn, text("registrations.not_loaded", reason=_sentence(error)))
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

    async def ask(self, event: events.GenericEventArguments) -> None:
        """Look at something else: another filter or order, or with ``go`` another page."""
        wish = _said(event)
        turn = wish.get("turn")
        if not isinstance(turn, int):
            return  # nothing that the table says
        self._turn = turn
        match wish.get("go"):
            case "next":
                self._view = self._view.forward(self._next)
                self._next = None
            case "previous":
                self._view = self._view.back()
            case "first":
                self._view = self._view.begin()
            case _:
                self._view = View.of(wish)
        await self.show()


def _said(event: events.GenericEventArguments) -> Mapping[str, Any]:
    return event.args if isinstance(event.args, dict) else {}


def _sentence(error: Exception) -> str:
    words = str(error).rstrip(".")
    return f"{words[:1].upper()}{words[1:]}."


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

    table.on("ask", listing.ask)
    accepting.Desk(session, table, live)
    table.on("open", lambda event: detail.open(word(_said(event), "id")))
    table.on("remove", lambda event: deleting.ask(texts(_said(event), "ids")))
    await listing.show()
    if wanted := request.query_params.get("show"):
        await detail.open(wanted)
