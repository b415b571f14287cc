"""All that is known of one registration, beside the table, live as long as it is open: facts, claims, history."""

from typing import Any, Final

from nicegui.element import Element

from bridge.admin import RefusedByBridge
from bridge.console.live import Live
from bridge.console.registration_deleting import Deleting
from bridge.console.session import Session
from bridge.console.texts import section

ENTRIES: Final = 20
"""Entries of the history that are shown first, and that each wish for more adds."""
MOST: Final = 1_000
"""Entries that are shown at most: ``audit`` gives no more in one answer, and the page of the audit shows all."""


class Detail(Element, component="components/registration_detail.js"):
    """Shows one registration, or that it is gone."""

    def __init__(self, session: Session, deleting: Deleting) -> None:
        super().__init__()
        self._session = session
        self._id = ""
        self._entries = ENTRIES
        self._props.update(
            texts={**section("registrations"), "loading": section("shell")["loading"]},
            statuses=dict(section("status")),
            may={name: session.may(name) for name in ("delete", "audit")},
            own=session.tenant,
            shown="",
            row=None,
            history=[],
            more=False,
            loaded=False,
        )
        self._live = Live(session, self._load, lambda _, event: event.get("id") == self._id)
        self.on("closed", lambda _: self._begin(""))
        self.on("more", lambda _: self._show_more())
        self.on("remove", lambda _: deleting.ask([self._id]))

    async def open(self, device_id: str) -> None:
        """Show the registration of ``device_id``."""
        self._begin(device_id)
        await self._live.now()

    def _begin(self, device_id: str) -> None:
        self._id = device_id
        self._entries = ENTRIES
        self._props.update(shown=device_id, row=None, history=[], more=False, loaded=False)
        self.update()

    async def _show_more(self) -> None:
        self._entries = min(self._entries + 5 * ENTRIES, MOST)
        await self._live.now()

    async def _load(self) -> None:
        device_id, entries = self._id, self._entries
        if not device_id:
            return
        row: dict[str, Any] | None
        try:
            row = await self._session.request("get", {"id": device_id})
        except RefusedByBridge as error:
            if error.code != "NOT_FOUND":
                raise
            row = None
        past = await self._session.request("audit", {"id": device_id, "limit": entries})
        if (device_id, entries) != (self._id, self._entries):
            return  # another is shown by now
        more = past["next"] is not None and entries < MOST
        self._props.update(row=row, history=past["entries"], more=more, loaded=True)
        self.update()
