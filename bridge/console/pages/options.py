"""The options of the tenant: what each means and takes, what is in force, and setting it."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from nicegui.element import Element

from bridge.console.acting import answer_acts, word
from bridge.console.live import Live
from bridge.console.option_facts import STRICTER, facts, name_of
from bridge.console.session import Session
from bridge.console.shell import page
from bridge.console.texts import section


class Options(Element, component="../components/options.js"):
    """All options, each a form of its own."""

    def __init__(self, tenant: str) -> None:
        super().__init__()
        self._props["tenant"] = tenant
        self._props["texts"] = dict(section("options"))
        self._props["options"] = []

    def show(self, options: list[dict[str, Any]]) -> None:
        """Show these."""
        self._props["options"] = options
        self.update()


@page("/options")
async def options(session: Session, request: Request) -> None:
    """Build the page."""
    form = Options(session.tenant)

    async def shown(option: Mapping[str, Any]) -> dict[str, Any]:
        effective = option["value"]
        if name_of(option) in STRICTER:
            asked = {"category": option["category"], "key": option["key"]}
            effective = (await session.request("get-option", asked))["effective"]
        return facts(option, effective, of_management=session.of_management)

    async def load() -> None:
        listed = (await session.request("list-options", {}))["options"]
        form.show([await shown(option) for option in listed])

    async def set_option(values: Mapping[str, Any]) -> None:
        named = {"category": word(values, "category"), "key": word(values, "key")}
        await session.request("set-option", {**named, "value": values.get("value")})
        await load()

    answer_acts(form, {"set": set_option})
    # No event tells of options: what others set meanwhile is seen at the next look.
    live = Live(session, load, lambda topic, _: False)
    await live.now()
