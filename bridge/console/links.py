"""The address on a device's label: it opens the filled-in form "Register devices". Pure.

It names what is registered, never a security token: whoever sees the label may read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from bridge.names import device_id_fault

MAX_CHARACTERS = 4_096
"""Of one value in an address; longer ones are no names and are left out."""


@dataclass(frozen=True, slots=True)
class Prefill:
    """What a form is filled in with."""

    id: str
    name: str = ""
    type: str = ""
    group: str = ""

    @property
    def fault(self) -> str | None:
        """What is wrong with the id, or None."""
        return device_id_fault(self.id)


def link_of(base: str, device: Prefill) -> str:
    """Return the address that opens the form for ``device``, below ``base`` such as ``https://console.example.org``."""
    named = {"register": device.id, "name": device.name, "type": device.type, "group": device.group}
    return f"{base}/?{urlencode({key: value for key, value in named.items() if value})}"


def prefill_of(query: Mapping[str, str]) -> Prefill | None:
    """Return what the address of a page asks to register, or None. The id may be a wrong one, for the form to tell."""
    if "register" not in query:
        return None
    id_, name, type_, group = (query.get(key, "") for key in ("register", "name", "type", "group"))
    kept = (value.strip() if len(value) <= MAX_CHARACTERS else "" for value in (name, type_, group))
    return Prefill(id_.strip()[:MAX_CHARACTERS], *kept)
