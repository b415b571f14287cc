"""Who may do what: the commands of each role, from which both the broker's grants and the bridge's own check are made.

Source: the contract, section 5.
"""

from collections.abc import Mapping
from typing import Final

OWNER: Final = "owner"
REGISTRAR: Final = "registrar"
VIEWER: Final = "viewer"

_VIEWER: Final = frozenset({"list", "get", "stats"})
_REGISTRAR: Final = _VIEWER | {"register", "accept", "accept-all", "delete"}
_OWNER: Final = _REGISTRAR | {"get-option", "set-option", "list-options"}

COMMANDS: Final[Mapping[str, frozenset[str]]] = {VIEWER: _VIEWER, REGISTRAR: _REGISTRAR, OWNER: _OWNER}
"""Role to its commands."""

CHANGING: Final = frozenset({"register", "accept", "accept-all", "delete", "set-option"})
"""Commands that are audited, and whose answers are remembered for a repeat."""
