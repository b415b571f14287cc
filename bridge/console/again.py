"""What a registration is made of that takes the place of a deleted one. Pure.

The bridge keeps a token only as a digest that it never shows, so it is the one thing that a person has to give again.
"""

from collections.abc import Mapping
from typing import Any, Final

from bridge.console.texts import text
from bridge.names import MAX_TOKEN

KEPT: Final = ("id", "name", "type", "properties")
"""What it has from the one before, besides group and tenant."""


class CannotBeKept(Exception):
    """Something that is wrong before anything has been deleted; the sentence says what to do."""


def made_again(before: Mapping[str, Any], token: str, *, auto_accept: bool, own_tenant: str) -> dict[str, Any]:
    """Return the payload of ``register`` for what ``get`` has answered about a registration. Raises CannotBeKept."""
    if len(token.strip()) > MAX_TOKEN:
        raise CannotBeKept(text("accept.again_token_long", most=MAX_TOKEN))
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
