"""What to do next when the bridge has refused a command, where its own words do not say it. Words only."""

from collections.abc import Mapping
from typing import Final

_SHOWN_BY: Final[Mapping[str, str]] = {
    # Command to the one that lists what it may name.
    **dict.fromkeys(("get", "accept", "delete"), "list"),
    **dict.fromkeys(("get-device", "update-device", "delete-device"), "list-devices"),
    **dict.fromkeys(("create-group", "delete-group"), "list-groups"),
    **dict.fromkeys(("create-administrator", "delete-administrator"), "list-administrators"),
    **dict.fromkeys(("create-application", "delete-application"), "list-applications"),
    **dict.fromkeys(("get-option", "set-option"), "list-options"),
    "create-tenant": "list-tenants",
}
_NAMING: Final = frozenset({"NOT_FOUND", "ALREADY_EXISTS", "INVALID_OPTION"})
"""Codes that say that a name is the wrong one."""

_AS_MANAGEMENT: Final = "with --tenant management its administrator speaks, if you have that login"

_BY_CODE: Final[Mapping[tuple[str, str], str]] = {
    ("accept", "NOT_FOUND"): "{program} list shows which devices there are, {program} get DEVICE the claims of one",
    ("accept", "TOKEN_REQUIRED"): "{program} accept DEVICE --token-file FILE takes it from a file, --token - from "
    "standard input; in a terminal it is asked for",
    ("accept", "CLAIM_CONFLICT"): "{program} accept DEVICE --claim CLAIM accepts the one that is meant",
    ("accept", "INVALID_STATE"): "{program} get DEVICE shows what has happened so far",
    ("register", "ALREADY_REGISTERED"): "{program} get DEVICE shows it, {program} delete DEVICE makes room for it anew",
    ("set-option", "NOT_PERMITTED"): "owners set options; what holds for all tenants, an owner of management sets "
    "(--tenant management)",
    ("list-unregistered", "NOT_PERMITTED"): _AS_MANAGEMENT,
    ("create-application", "NOT_PERMITTED"): "",  # the filters, not the administrator
    ("register", "ALREADY_EXISTS"): "{program} list-devices shows the devices that there are",
}
_OF_ANY: Final[Mapping[str, str]] = {
    "UNKNOWN_TENANT": "{program} list-tenants shows which there are",
    "NOT_PERMITTED": "another administrator may: name one with --user and --password-file",
    "UNKNOWN_COMMAND": "the bridge is older than this program: install the same version on both sides",
}


def next_step(command: str, code: str, program: str) -> str | None:
    """Return what a person may do when ``command`` was refused with ``code``; None where nothing is to be added."""
    if command in _SHOWN_BY and code in _NAMING and (command, code) not in _BY_CODE:
        return f"{program} {_SHOWN_BY[command]} shows which there are"
    found = _BY_CODE.get((command, code), _OF_ANY.get(code))
    return found.format(program=program) if found else None


LEFT_OUT: Final[Mapping[str, tuple[str, str]]] = {
    # Why a device was left out among many: the reason in words, and the next step.
    "TOKEN_REQUIRED": ("needs the security token on its label", "{program} accept DEVICE"),
    "TOKEN_MISMATCH": ("the token was a wrong one", "{program} accept DEVICE"),
    "CLAIM_CONFLICT": ("several callers say that they are it", "{program} accept DEVICE lets you choose"),
    "INVALID_STATE": ("not in a state for it", "{program} get DEVICE shows what has happened so far"),
    "BLOCKED": ("blocked", "{program} delete DEVICE, then register it again"),
    "NOT_FOUND": ("no such registration", "{program} list shows which there are"),
    "ALREADY_REGISTERED": ("registered already", "{program} get DEVICE shows it"),
    "ALREADY_EXISTS": ("a device already", "{program} list-devices shows it"),
    "INVALID_ID": ("not a device id", "correct the id"),
    "LIMIT_REACHED": ("too large", "send less at once"),
}
