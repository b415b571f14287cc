"""Inventory entries: how they begin, and what devices, files and administrators make of them. Pure.

Properties are merged by RFC 7396 (the contract, section 3).
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from bridge.registration import Device, Registration, Said

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


def fits(properties: Mapping[str, Any]) -> bool:
    """Tell whether ``properties`` are small enough to be kept."""
    return (
        len(json.dumps(properties, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))
        <= MAX_PROPERTIES
    )


def merged(properties: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``properties`` with ``patch`` merged in."""
    result = merge_patch(properties, patch)
    assert isinstance(result, dict)
    return result


def with_info(device: Device, said: Mapping[str, Any], now: int) -> tuple[Device, bool]:
    """Merge what a device said into its entry; tell whether the properties had to be left out for their size."""
    heard = replace(device, last_info=now)
    for member in ("name", "type"):
        if isinstance(said.get(member), str):
            heard = replace(heard, **{member: said[member]})
    patch = {key: value for key, value in said.items() if key not in IGNORED and key not in {"name", "type"}}
    properties = merged(device.properties, patch)
    if not fits(properties):
        return heard, True
    return replace(heard, properties=properties), False


def is_to_come(registration: Registration) -> bool:
    """Tell whether the entry is still to be made, or made anew, from what ``registration`` says."""
    return registration.installed is None and registration.confirmed is None


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
            bulk=registration.bulk,
        )
    return replace(
        earlier,
        owner=registration.owner,
        name=earlier.name if registration.name is None else registration.name,
        type=earlier.type if registration.type is None else registration.type,
        group=earlier.group if registration.group is None else registration.group,
        properties={**earlier.properties, **registration.properties},
        bulk=earlier.bulk if registration.bulk is None else registration.bulk,
    )


def described(device: Device, said: Said, bulk: str) -> Device:
    """Return ``device`` with what a line of a bulk file says of it; the same one if that is nothing new."""
    told = replace(
        device,
        name=device.name if said.name is None else said.name,
        type=device.type if said.type is None else said.type,
        group=device.group if said.group is None else said.group,
        iccid=device.iccid if said.iccid is None else said.iccid,
        id_type=device.id_type if said.id_type is None else said.id_type,
        shell=device.shell if said.shell is None else said.shell,
        properties=merged(device.properties, said.properties) if said.properties else device.properties,
    )
    return device if told == device else replace(told, bulk=bulk)
