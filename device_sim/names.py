"""The rules for names that a device meets (the contract, section 1). Pure."""

import re
import unicodedata

MAX_DEVICE_ID = 255
MAX_TOKEN = 256

_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Zs", "Zl", "Zp"})
_FORBIDDEN_CHARACTERS = frozenset('/\\+#$%,"')
_TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_PRIVATE_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{22,64}")


def device_id_fault(device_id: str) -> str | None:
    """Say in words why ``device_id`` is no device id, or None if it is one."""
    if not 1 <= len(device_id) <= MAX_DEVICE_ID:
        return f"a device id has 1 to {MAX_DEVICE_ID} characters, this one has {len(device_id)}"
    if device_id in {".", ".."}:
        return f"{device_id!r} is no device id"
    for character in device_id:
        if character in _FORBIDDEN_CHARACTERS:
            return f"a device id holds no {character!r}"
        if unicodedata.category(character) in _FORBIDDEN_CATEGORIES or _is_noncharacter(ord(character)):
            return f"a device id holds no U+{ord(character):04X}"
    if not unicodedata.is_normalized("NFC", device_id):
        return "a device id is in Unicode NFC, this one is in another form"
    return None


def is_tenant_id(text: str) -> bool:
    """Tell whether ``text`` may name a tenant."""
    return _TENANT.fullmatch(text) is not None


def is_private_client_id(text: str) -> bool:
    """Tell whether ``text`` may be the client id of a private call (the contract, section 3)."""
    return _PRIVATE_CLIENT_ID.fullmatch(text) is not None


def token_fault(token: str) -> str | None:
    """Say in words why ``token`` is no security token, or None if it is one."""
    if not token or token != token.strip():
        return "a security token is not empty and has no white space round it"
    if len(token) > MAX_TOKEN:
        return f"a security token has at most {MAX_TOKEN} characters, this one has {len(token)}"
    if any(unicodedata.category(character) == "Cs" for character in token):
        return "a security token is text that UTF-8 can carry"
    return None


def _is_noncharacter(code: int) -> bool:
    return 0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE
