"""Accepting all pending devices at once: those that need a token or a choice are listed, with the reason."""

from collections.abc import Mapping
from typing import Any

from nicegui.element import Element

from bridge.console.acting import answer_acts
from bridge.console.live import Live
from bridge.console.session import Session
from bridge.console.texts import section
from bridge.console.verdicts import left_over

PENDING = "PENDING_ACCEPTANCE"


class AcceptAll(Element, component="components/accept_all.js"):
    """The button with its dialog."""

    def __init__(self) -> None:
        super().__init__()
        self._props["texts"] = dict(section("accept"))


def button(session: Session, live: Live) -> None:
    """Put the button here, for whom may use it."""
    if not session.may("accept-all"):
        return

    async def look(values: Mapping[str, Any]) -> Mapping[str, Any]:
        found = await session.request("list", {"status": [PENDING], "limit": 1})
        return {"pending": found["counts"].get(PENDING, 0)}

    async def accept(values: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            result = await session.request("accept-all", {})
        finally:
            live.refresh()
        return left_over(result)

    answer_acts(AcceptAll(), {"look": look, "accept": accept})
