"""What the page of options shows of each option, in words; one that has none here is shown as the bridge lists it.

Pure: the bridge lists options with type, unit, default and range, and checks what is set.
"""

from collections.abc import Mapping
from typing import Any, Final

from bridge.console.texts import section, text

SHORT: Final[Mapping[tuple[str, str], str]] = {
    ("device-registration", "security-token.policy"): "policy",
    ("device-registration", "security-token.max-attempts"): "attempts",
    ("device-registration", "token-missing.action"): "missing",
    ("device-registration", "redelivery.window"): "window",
    ("device-registration", "registration.ttl"): "ttl",
    ("device-registration", "registration.retention"): "retention",
    ("device-registration", "retry-after"): "retry",
    ("devices", "topics"): "topics",
}
"""How the texts call an option."""
MANAGEMENT_ALONE: Final = frozenset({("device-registration", "retry-after")})
"""Options of the whole installation (the contract, section 5)."""
STRICTER: Final = frozenset({("device-registration", "security-token.policy"), ("devices", "topics")})
"""Options of which something else may be in force than what was set: ``management`` has a say in them."""


def name_of(option: Mapping[str, Any]) -> tuple[str, str]:
    """Return what tells an option from others."""
    return option["category"], option["key"]


def _words(short: str, part: str) -> str:
    return section("options").get(f"{short}_{part}", "")


def facts(option: Mapping[str, Any], effective: object, *, of_management: bool) -> dict[str, Any]:
    """Return an option as ``list-options`` answers it with all that a person needs to set it.

    ``effective``: what ``get-option`` says is in force.
    """
    short = SHORT.get(name_of(option), "")
    managed = name_of(option) in MANAGEMENT_ALONE and not of_management
    notes = [_words(short, "management" if of_management else "tenant")]
    if managed:
        notes.append(text("options.management_alone"))
    words = option["range"] if option["type"] == "choice" else []
    return {
        **{name: option[name] for name in ("category", "key", "value", "type", "unit", "default", "range")},
        "effective": effective,
        "differs": effective != option["value"],
        "title": _words(short, "title") or option["key"],
        "about": _words(short, "about"),
        "notes": [note for note in notes if note],
        "words": [{"value": word, "about": _words(short, word)} for word in words],
        "zero": _words(short, "zero"),
        "readonly": managed,
    }
