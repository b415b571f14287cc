"""What was done, by whom, and what came of it."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import Request
from nicegui import events, ui
from nicegui.element import Element

from bridge.console.acting import word
from bridge.console.live import Live, telling
from bridge.console.past import Filter, Past
from bridge.console.session import Session
from bridge.console.shell import page
from bridge.console.texts import section, text

PACE: Final = 2.0
"""Seconds between two looks at the newest entries: a filter may make one go through many."""


class Audit(Element, component="../components/audit.js"):
    """The entries with their filters."""

    def __init__(self, session: Session, filter_: Filter) -> None:
        super().__init__()
        self._props["management"] = session.of_management
        self._props["texts"] = section("audit")
        self._props["look"] = _named(filter_)
        self._props["entries"] = []

    def show(self, past: Past) -> None:
        """Show what was found."""
        shown = {"entries": past.entries, "more": past.more, "reached": past.reached, "look": _named(past.filter)}
        self._props.update({**shown, "loaded": True, "fresh": False})
        self.update()

    def tell_fresh(self) -> None:
        """Say that there is something new, without taking away what is being read."""
        self._props["fresh"] = True
        self.update()


def _named(filter_: Filter) -> dict[str, str]:
    return {"id": filter_.id, "since": filter_.since, "actor": filter_.actor, "outcome": filter_.outcome}


def _filter_of(values: Mapping[str, Any]) -> Filter:
    """Read filters from an address or from what the browser sent."""
    outcome = word(values, "outcome")
    return Filter(
        word(values, "id"),
        word(values, "since"),
        word(values, "actor"),
        outcome if outcome in {"ok", "refused"} else "",
    )


@page("/audit")
async def audit(session: Session, request: Request) -> None:
    """Build the page."""
    with ui.element("div").classes("page-head"):
        ui.html(text("audit.title"), sanitize=False, tag="h1")
    past = Past(session.request, _filter_of(request.query_params))
    table = Audit(session, past.filter)

    async def load() -> None:
        if past.deep:
            table.tell_fresh()
            return
        await newest()

    async def newest() -> None:
        looking = past
        await looking.load()
        if looking is past:  # else other filters were set meanwhile
            table.show(looking)

    async def look(event: events.GenericEventArguments) -> None:
        nonlocal past
        past = Past(session.request, _filter_of(event.args if isinstance(event.args, dict) else {}))
        with telling():
            await newest()

    async def further() -> None:
        looking = past
        with telling() as told:
            await looking.go_on()
        if told.done and looking is past:
            table.show(looking)

    async def again() -> None:
        with telling():
            await newest()

    table.on("look", look)
    table.on("further", further)
    table.on("newest", again)
    live = Live(session, load, pace=PACE)
    await live.now()
