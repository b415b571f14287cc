"""The tenants of the installation, for management: each is made together with its first administrator."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from nicegui.element import Element

from bridge.admin import RefusedByBridge
from bridge.console import logins
from bridge.console.acting import fault_of, word
from bridge.console.listing import LARGEST, Listing
from bridge.console.once import Once
from bridge.console.session import Away, Session
from bridge.console.shell import page
from bridge.console.texts import section, text
from bridge.names import DEFAULT, MANAGEMENT


class Tenants(Element, component="../components/tenants.js"):
    """The table with its dialogs."""

    def __init__(self) -> None:
        super().__init__()
        self._props["texts"] = {**section("people"), **section("tenants")}
        self._props["rows"] = []

    def show(self, rows: list[dict[str, Any]], more: bool) -> None:
        """Show these tenants."""
        self._props["rows"] = rows
        self._props["more"] = more
        self.update()


@page("/tenants")
async def tenants(session: Session, request: Request) -> None:
    """Build the page."""
    table = Tenants()
    listing = Listing(session.request, "list-tenants", "tenants")
    people = Listing(session.request, "list-administrators", "administrators", LARGEST)
    once = Once(session.request)

    async def load() -> None:
        rows, more = await listing.load()
        named: dict[str, list[str]] = {}
        for one in (await people.load())[0]:
            named.setdefault(one["tenant"], []).append(one["name"])
        table.show([{**row, "administrators": named.get(row["id"], [])} for row in rows], more)
        session.has_tenants = not {row["id"] for row in rows} <= {DEFAULT, MANAGEMENT}

    async def create(values: Mapping[str, Any]) -> Mapping[str, Any]:
        asked = {"id": word(values, "id")}
        if name := word(values, "name"):
            asked["name"] = name
        await once.request("create-tenant", asked)
        try:
            return await administrator(values)
        except (RefusedByBridge, Away) as error:
            # The tenant is there: asking for both again would be refused.
            return {"half": text("tenants.half", tenant=asked["id"], reason=fault_of(error))}

    async def administrator(values: Mapping[str, Any]) -> Mapping[str, Any]:
        asked = {"name": word(values, "administrator"), "role": "owner", "tenant": word(values, "id")}
        answer = await once.request("create-administrator", logins.with_password(values, asked))
        return logins.made(answer, tenant=asked["tenant"])

    await logins.begin(session, table, listing, load, {"create": create, "administrator": administrator})
