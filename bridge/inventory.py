"""What a device says of itself, merged into its inventory entry by RFC 7396. Pure (the contract, section 3)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from bridge.records import Device
from bridge.registration import Registration
from bridge.wire import to_bytes

MAX_PROPERTIES: Final = 8_192
IGNORED: Final = frozenset({"id", "tenant", "group", "owner"})
"""Members that a device does not decide."""


def merge_patch(target: object, patch: object) -> object:
    """Apply ``patch`` to ``target`` as RFC 7396 says, without changing either."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def with_info(device: Device, said: Mapping[str, Any], now: int) -> tuple[Device, bool]:
    """Merge what a device said into its entry; tell whether the properties had to be left out for their size."""
    heard = replace(device, last_info=now)
    for member in ("name", "type"):
        if isinstance(said.get(member), str):
            heard = replace(heard, **{member: said[member]})
    patch = {key: value for key, value in said.items() if key not in IGNORED and key not in {"name", "type"}}
    properties = merge_patch(device.properties, patch)
    assert isinstance(properties, dict)
    if len(to_bytes(properties)) > MAX_PROPERTIES:
        return heard, True
    return replace(heard, properties=properties), False


def entry_for(registration: Registration, earlier: Device | None, now: int) -> Device:
    """Make the entry that comes with an account; what an earlier one left stays where this one says nothing."""
    if earlier is None:
        return Device(
            id=registration.id,
            tenant=registration.tenant,
            owner=registration.owner,
            name=registration.name,
            type=registration.type,
            group=registration.group,
            properties=registration.properties,
            created=now,
        )
    return replace(
        earlier,
        owner=registration.owner,
        name=earlier.name if registration.name is None else registration.name,
        type=earlier.type if registration.type is None else registration.type,
        group=earlier.group if registration.group is None else registration.group,
        properties={**earlier.properties, **registration.properties},
    )
