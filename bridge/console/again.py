"""Deleting a registration and making it anew, with all that was said about the device. Knows no page.

The bridge keeps a token only as a digest that it never shows, so it is the one thing that a person has to give again.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bridge.admin import RefusedByBridge
from bridge.console.persisting import Asked, Persistent
from bridge.console.texts import text
from bridge.names import MAX_TOKEN

KEPT: Final = ("id", "name", "type", "properties")
"""What it has from the one before, besides group and tenant."""


class CannotBeKept(Exception):
    """Something that is wrong before anything has been deleted; the sentence says what to do."""


class NotRegistered(Exception):
    """It is deleted, and the bridge refused to register it again."""

    def __init__(self, refusal: RefusedByBridge) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def made_again(before: Mapping[str, Any], token: str, *, auto_accept: bool, own_tenant: str) -> dict[str, Any]:
    """Return the payload of ``register`` for what ``get`` has answered about a registration. Raises CannotBeKept."""
    if len(token.strip()) > MAX_TOKEN:
        raise CannotBeKept(text("accept.again_token_long", most=MAX_TOKEN))
    if any("\ud800" <= character <= "\udfff" for character in token):  # which no message can hold
        raise CannotBeKept(text("accept.again_token_odd"))
    payload = {name: before[name] for name in KEPT if before.get(name)}
    foreign = before["tenant"] != own_tenant
    if before.get("group"):
        if foreign:  # tenant and group never go together (the contract, section 5)
            raise CannotBeKept(text("accept.again_group", group=before["group"], tenant=before["tenant"]))
        payload["group"] = before["group"]
    if foreign:
        payload["tenant"] = before["tenant"]
    if token.strip():
        payload |= {"securityToken": token, "autoAccept": auto_accept}
    return payload


async def replace(session: Asked, payload: Mapping[str, Any], tell_away: Callable[[], None]) -> None:
    """Delete the registration and register ``payload``. Raises RefusedByBridge if nothing was deleted, NotRegistered.

    Raises Ended when the session is over, the one thing that can come between both: while broker or bridge are away it
    waits for them, after ``tell_away``.
    """
    asking = Persistent(session, lambda waiting: tell_away() if waiting else None)
    try:
        await _do(asking, "delete", {"id": payload["id"]}, "NOT_FOUND")
        try:
            await _do(asking, "register", payload, "ALREADY_REGISTERED")
        except RefusedByBridge as error:
            raise NotRegistered(error) from None
    finally:
        asking.close()


async def _do(asking: Persistent, command: str, payload: Mapping[str, Any], done: str) -> None:
    """Ask; a refusal with the code ``done`` tells that somebody else has done it, or we long ago, before a break."""
    try:
        await asking.ask(command, payload)
    except RefusedByBridge as error:
        if error.code != done:
            raise
