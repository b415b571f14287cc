"""Who may log in here and do what: administrators are made, with a password shown once, and deleted."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from nicegui.element import Element

from bridge.console import logins
from bridge.console.acting import word
from bridge.console.listing import Listing
from bridge.console.live import telling
from bridge.console.once import Once
from bridge.console.session import Session
from bridge.console.shell import page
from bridge.console.texts import section, text
from bridge.roles import OWNER, REGISTRAR, VIEWER


class Administrators(Element, component="../components/administrators.js"):
    """The table with its dialogs."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._props["texts"] = {**section("people"), **section("administrators")}
        self._props["roles"] = {
            role: {"called": text(f"administrators.role_{role}"), "may": text(f"administrators.may_{role}")}
            for role in (VIEWER, REGISTRAR, OWNER)
        }
        self._props["own"] = session.name
        self._props["tenant"] = session.tenant
        self._props["tenants"] = []
        self._props["rows"] = []

    def show(self, rows: list[dict[str, Any]], more: bool) -> None:
        """Show these administrators."""
        self._props["rows"] = rows
        self._props["more"] = more
        self.update()

    def offer(self, tenants: list[str]) -> None:
        """Let these tenants be chosen from."""
        self._props["tenants"] = tenants
        self.update()


async def tenant_ids(session: Session) -> list[str]:
    """Return the tenants to choose from: none where there is nothing to choose. Raises as ``Session.request``."""
    if not session.has_tenants:
        return []
    rows, _ = await Listing(session.request, "list-tenants", "tenants", 1_000).load()
    return [one["id"] for one in rows]


@page("/administrators")
async def administrators(session: Session, request: Request) -> None:
    """Build the page."""
    table = Administrators(session)
    listing = Listing(session.request, "list-administrators", "administrators")
    once = Once(session.request)

    async def load() -> None:
        table.show(*await listing.load())

    async def create(values: Mapping[str, Any]) -> Mapping[str, Any]:
        asked = {"name": word(values, "name"), "role": word(values, "role")}
        if word(values, "tenant") not in {"", session.tenant}:
            asked["tenant"] = word(values, "tenant")
        return logins.made(await once.request("create-administrator", logins.with_password(values, asked)))

    async def delete(values: Mapping[str, Any]) -> None:
        await session.request("delete-administrator", {"name": word(values, "name")})

    await logins.begin(session, table, listing, load, {"create": create, "delete": delete})
    with telling():
        table.offer(await tenant_ids(session))
