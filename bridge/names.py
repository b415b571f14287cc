"""The rules for names (the contract, section 1). Pure: each function answers in words what is wrong, or None."""

import re
import unicodedata

MANAGEMENT = "management"
DEFAULT = "default"

_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zs", "Zl", "Zp"})
_FORBIDDEN_CHARACTERS = frozenset('/\\+#$%,"')
_TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_ADMINISTRATOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PRIVATE_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{22,64}")
_PLAIN_ASCII_ID = re.compile(r"[A-Za-z0-9._:-]{1,255}")  # the usual serial number, decided without a table look-up

MAX_DEVICE_ID = 255
MAX_GROUP_NAME = 255
MAX_GROUP_PATH = 4_096
"""Characters of a whole path: many a row of a list has one, and an answer has its limit."""
MAX_TOKEN = 256
MIN_PASSWORD = 8
MAX_PASSWORD = 128
"""Characters of a password that somebody chose (the contract, section 6)."""
LONG_TOKEN = 16
"""A token of at least this many characters is not guessed by calling (the contract, section 4)."""

SERVICE_NAMES = frozenset({"bridge", "bridge-control", "bridge-info", "bridge-accounts", "devicebootstrap"})
"""User names that belong to the installation itself and to nobody else."""


def device_id_fault(device_id: str) -> str | None:
    """Say why ``device_id`` is no device id, or None if it is one."""
    if _PLAIN_ASCII_ID.fullmatch(device_id):
        return f"the device id {device_id!r} is reserved" if device_id in {".", ".."} else None
    if not 1 <= len(device_id) <= MAX_DEVICE_ID:
        return f"a device id has 1 to {MAX_DEVICE_ID} characters, this one has {len(device_id)}"
    for character in device_id:
        code = ord(character)
        if (
            character in _FORBIDDEN_CHARACTERS
            or unicodedata.category(character) in _FORBIDDEN_CATEGORIES
            or 0xFDD0 <= code <= 0xFDEF
            or code & 0xFFFE == 0xFFFE
        ):
            seen = character.isascii() and character.isprintable() and character != " "
            named = f"{character} (U+{code:04X})" if seen else f"U+{code:04X}"
            return f"the character {named} is not permitted in a device id"
    if not unicodedata.is_normalized("NFC", device_id):
        return "a device id is written in Unicode NFC, this one is in another form"
    return None


def tenant_id_fault(tenant: str) -> str | None:
    """Say why ``tenant`` is no tenant id, or None if it is one."""
    if _TENANT.fullmatch(tenant):
        return None
    return "a tenant id has 1 to 64 characters of a-z, 0-9, _ and -, and begins with a letter or digit"


def administrator_fault(name: str) -> str | None:
    """Say why ``name`` is no name of an administrator or application, or None if it is one."""
    if not _ADMINISTRATOR.fullmatch(name):
        return "a name has 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-', and begins with a letter or digit"
    if name in SERVICE_NAMES:
        return f"the name {name} belongs to the installation"
    return None


def group_path_fault(path: str) -> str | None:
    """Say why ``path`` is no group path such as ``Group A/Group B``, or None if it is one."""
    if len(path) > MAX_GROUP_PATH:
        return f"a group path has at most {MAX_GROUP_PATH} characters, this one has {len(path)}"
    for name in path.split("/"):
        if not 1 <= len(name) <= MAX_GROUP_NAME:
            return f"each group name in a path has 1 to {MAX_GROUP_NAME} characters, one has {len(name)}"
        if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
            return "a group name has no control characters"
    return None


def password_fault(password: str) -> str | None:
    """Say why ``password`` may not be chosen, or None if it may; the sentence does not repeat it."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        return f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters, this one has {len(password)}"
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in password):
        return "a password has no control characters"
    return None


def is_private_client_id(client_id: str) -> bool:
    """Tell whether ``client_id`` may make a private call (the contract, section 3)."""
    return _PRIVATE_CLIENT_ID.fullmatch(client_id) is not None


def device_username(tenant: str, device_id: str) -> str:
    """Return the MQTT user name of a registered device."""
    return f"{tenant}/device_{device_id}"
