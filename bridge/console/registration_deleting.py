"""Deletes registrations once the person has read what that means and said yes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from nicegui.element import Element

from bridge.console.acting import answer_acts, texts
from bridge.console.session import Session
from bridge.console.texts import section

AT_ONCE: Final = 1_000
"""Ids of one ``delete`` (the contract, section 5)."""


class Deleting(Element, component="components/confirm_delete.js"):
    """The question, and what could not be deleted. ``done`` is called with the ids that are gone."""

    def __init__(self, session: Session, done: Callable[[Sequence[str]], object]) -> None:
        super().__init__()
        self._session = session
        self._done = done
        self._props["texts"] = {**section("registrations"), "cancel": section("shell")["cancel"]}
        answer_acts(self, {"delete": self._delete})

    def ask(self, ids: Sequence[str]) -> None:
        """Ask whether these are to be deleted."""
        self.run_method("open", list(ids))

    async def _delete(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        ids = texts(values, "ids")
        deleted: list[str] = []
        failed: list[dict[str, Any]] = []
        try:
            for first in range(0, len(ids), AT_ONCE):
                result = await self._session.request("delete", {"ids": ids[first : first + AT_ONCE]})
                deleted += result["deleted"]
                failed += result["failed"]
        finally:
            if deleted:
                self._done(deleted)
        return {"failed": failed}
