"""Unregistered callers: devices that called without a registration, and the form filled in for those that are ours."""

from typing import Any, Final

from fastapi import Request
from nicegui import events, ui
from nicegui.element import Element

from bridge.admin import RefusedByBridge
from bridge.console import registering
from bridge.console.links import Prefill
from bridge.console.live import Live
from bridge.console.sessions import Session
from bridge.console.shell import page
from bridge.console.texts import section, text

PAGE: Final = 100
"""Rows that are shown at first, and by which more are shown."""
ASKED: Final = 1_000
"""Rows asked for at a time where all are looked through; the bridge remembers some 11,000 at most."""


class Callers(Element, component="../components/unregistered.js"):
    """The table; what is searched for and how much is shown are kept here, what is chosen stays in the browser."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._limit = PAGE
        self._props["texts"] = {**section("unregistered"), "more": text("shell.more")}
        self._props["may"] = session.may("register")
        self._props["search"] = ""
        self._show([], "loading", text("shell.loading"))

    def search(self, words: str) -> None:
        """Show only those whose id has ``words`` in it from the next look on."""
        self._props["search"] = words
        self._limit = PAGE

    def show_more(self) -> None:
        """Show more from the next look on."""
        self._limit += PAGE

    async def look(self) -> None:
        """Show what the bridge has. Raises Away, Ended, RefusedByBridge."""
        words, limit = str(self._props["search"]), self._limit
        try:
            rows = await self._found(words)
        except RefusedByBridge as error:
            if error.code != "NOT_PERMITTED":
                raise
            self._show([], "management", text("unregistered.management"))
            return
        if (words, limit) != (self._props["search"], self._limit):
            return  # something else is looked for by now
        if rows:
            self._show(rows, "rows", "")
        elif words:
            self._show([], "nothing", text("unregistered.nothing", search=words))
        else:
            self._show([], "empty", text("unregistered.empty"))

    async def _found(self, words: str) -> list[dict[str, Any]]:
        """Return one more than are shown, if there are so many. The bridge has no search for strangers."""
        sought = words.casefold()
        asked: dict[str, Any] = {"limit": ASKED if words else min(ASKED, self._limit + 1)}
        rows: list[dict[str, Any]] = []
        while len(rows) <= self._limit:
            answer = await self._session.request("list-unregistered", asked)
            rows += [row for row in answer["devices"] if sought in row["id"].casefold()]
            if answer["next"] is None:
                break
            asked["cursor"] = answer["next"]
        return rows

    def _show(self, rows: list[dict[str, Any]], state: str, words: str) -> None:
        new = {"rows": rows[: self._limit], "more": len(rows) > self._limit, "state": state, "words": words}
        if any(self._props.get(name) != value for name, value in new.items()):
            self._props.update(new)
            self.update()


@page("/unregistered")
async def unregistered(session: Session, request: Request) -> None:
    """Build the page."""
    with ui.element("div").classes("page-head"):
        ui.html(text("unregistered.title"), sanitize=False, tag="h1")
    with ui.element("p").classes("quiet lead"):
        ui.html(text("unregistered.intro"), sanitize=False, tag="span")
    callers = Callers(session)

    def registered() -> None:
        live.refresh()

    dialog = registering.RegisterDialog(session, registered) if session.may("register") else None

    def register(event: events.GenericEventArguments) -> None:
        ids = [one for one in event.args if isinstance(one, str)] if isinstance(event.args, list) else []
        if dialog is not None and ids:
            dialog.open([Prefill(one) for one in ids])

    async def search(event: events.GenericEventArguments) -> None:
        callers.search(event.args[:255] if isinstance(event.args, str) else "")
        await live.now()

    async def more() -> None:
        callers.show_more()
        await live.now()

    live = Live(session, callers.look, lambda topic, _: "/registrations/" in topic or topic.endswith("/bulk"))
    callers.on("register", register)
    callers.on("search", search)
    callers.on("more", more)
    callers.on("look", live.refresh)
    await live.now()
