"""The table of registrations as an element of a page: what Python tells the browser, and nothing that it decides."""

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui.element import Element

from bridge.console.session import Session
from bridge.console.texts import section
from bridge.console.viewing import View


class Registrations(Element, component="components/registrations.js"):
    """The table. Its property ``notices`` is what is said at rows, by id.

    It emits ``ask`` (other rows are wanted), ``act`` (something is done in a row), ``open`` and ``remove``.
    """

    def __init__(self, session: Session, policy: str, view: View, tenants: Sequence[str]) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []
        """What is shown now, as ``list`` answered it."""
        self._props.update(
            texts={**section("registrations"), "loading": section("shell")["loading"]},
            acceptTexts=dict(section("accept")),
            statuses=dict(section("status")),
            policy=policy,
            may={name: session.may(name) for name in ("accept", "delete", "register")},
            tenancy=session.has_tenants,
            tenants=list(tenants),
            own=session.tenant,
            begun=view.words,
            notices={},
        )
        self.show(view, 0, {"registrations": [], "next": None, "counts": {}})

    def show(self, view: View, turn: int, page: Mapping[str, Any]) -> None:
        """Show a page as ``list`` answered it; ``turn`` is the number of the wish that it fulfils."""
        self.rows = page["registrations"]
        self._props.update(
            rows=self.rows,
            counts=page["counts"],
            next=page["next"] is not None,
            first=view.first,
            previous=bool(view.cursors),
            total=view.total(page["counts"]),
            turn=turn,
            fault="",
        )
        self.update()

    def fail(self, turn: int, words: str) -> None:
        """Say in the place of the table that the wish ``turn`` could not be fulfilled now; what is shown stays."""
        self._props.update(turn=turn, fault=words)
        self.update()

    def forget(self, ids: Sequence[str]) -> None:
        """Take the marks from rows that are gone."""
        for one in ids:
            self._props["notices"].pop(one, None)
        self.run_method("forget", list(ids))
