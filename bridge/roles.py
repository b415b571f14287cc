"""Who may do what: the commands of each role, from which both the broker's grants and the bridge's own check are made.

Source: the contract, section 5.
"""

from collections.abc import Mapping
from typing import Final

OWNER: Final = "owner"
REGISTRAR: Final = "registrar"
VIEWER: Final = "viewer"

_VIEWER: Final = frozenset(
    {
        *("list", "get", "list-groups", "list-devices", "get-device", "list-unregistered", "audit", "stats"),
        "template",
    }
)
_REGISTRAR: Final = _VIEWER | {"register", "accept", "accept-all", "delete", "bulk-register", "bulk-validate"}
_OWNER: Final = _REGISTRAR | {
    *("get-option", "set-option", "list-options"),
    *("create-group", "delete-group", "update-device", "delete-device"),
    *("create-administrator", "delete-administrator", "list-administrators"),
    *("create-application", "delete-application", "list-applications"),
}

COMMANDS: Final[Mapping[str, frozenset[str]]] = {VIEWER: _VIEWER, REGISTRAR: _REGISTRAR, OWNER: _OWNER}
"""Role to its commands."""

OF_MANAGEMENT: Final = frozenset({"list-tenants", "create-tenant"})
"""What an owner of the tenant ``management`` may besides."""

CHANGING: Final = frozenset(
    {
        *("register", "accept", "accept-all", "delete", "bulk-register", "set-option"),
        *("create-group", "delete-group", "update-device", "delete-device"),
        *("create-administrator", "delete-administrator", "create-application", "delete-application"),
        "create-tenant",
    }
)
"""Commands that are audited, and whose answers are remembered for a repeat."""

RULEBOOK_CHANGING: Final = frozenset({"set-option", "create-tenant", "create-administrator", "delete-administrator"})
"""Commands after which options, tenants or administrators are others."""

OF_ONE_DEVICE: Final = frozenset({"register", "accept", "delete", "update-device", "delete-device"})
"""Changing commands whose member ``id`` names a device."""

FILES: Final = frozenset({"bulk-register", "bulk-validate"})
"""Commands whose payload is a file, not JSON."""


def commands_of(role: str, *, management: bool) -> frozenset[str]:
    """Return the commands of ``role``, in the tenant ``management`` or in another."""
    return COMMANDS[role] | OF_MANAGEMENT if management and role == OWNER else COMMANDS[role]
