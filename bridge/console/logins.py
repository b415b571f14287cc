"""What the pages of administrators, applications and tenants share, as static/logins.js does in the browser."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nicegui.element import Element

from bridge.console.acting import Deed, answer_acts, word
from bridge.console.listing import Listing
from bridge.console.live import Live
from bridge.console.session import Session


def with_password(values: Mapping[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """Return what is ``asked`` for, with the password that was chosen in the form, if one was."""
    password = word(values, "password")
    return {**asked, "password": password} if password else asked


def made(answer: Mapping[str, Any], **besides: str) -> dict[str, str]:
    """Return what the browser is told of a new login: a password that was made is in it, a chosen one is not."""
    return {"name": answer["name"], "password": answer.get("password", ""), **besides}


async def begin(
    session: Session,
    table: Element,
    listing: Listing,
    load: Callable[[], Awaitable[None]],
    deeds: Mapping[str, Deed],
) -> None:
    """Show what ``load`` shows, further rows of ``listing`` when asked for, and do and show ``deeds``."""

    def shown_after(deed: Deed) -> Deed:
        async def do(values: Mapping[str, Any]) -> Mapping[str, Any] | None:
            try:
                return await deed(values)
            finally:
                live.refresh()

        return do

    async def more() -> None:
        listing.more()
        await live.now()

    answer_acts(table, {what: shown_after(deed) for what, deed in deeds.items()})
    table.on("more", more)
    # No event tells of people, applications and tenants: what others did is seen at the next look.
    live = Live(session, load, lambda topic, _: False)
    await live.now()
