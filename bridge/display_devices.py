"""What a person reads of devices and groups. Ids are shown as text, never as markup."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from bridge.display import Columns, actor_text, age_text, details_grid, fitting, table_of, text, time_text

_LABELS: Final[Mapping[str, str]] = {
    "id": "Device",
    "name": "Name",
    "type": "Type",
    "group": "Group",
    "tenant": "Tenant",
    "owner": "Registered by",
    "iccid": "ICCID",
    "idType": "Type of id",
    "authType": "Logs in by",
    "creationTime": "Created (UTC)",
    "lastInfoTime": "Last info (UTC)",
}


def devices_table(devices: Sequence[Mapping[str, Any]], width: int, *, with_tenant: bool) -> Table:
    """Show devices, one a line; columns that would say nothing are left out."""
    now = datetime.now(UTC)
    columns: Columns = [("Device", lambda one: text(one["id"]))]
    if any(one.get("name") for one in devices):
        columns.append(("Name", lambda one: text(one.get("name"))))
    columns.append(("Type", lambda one: text(one.get("type"))))
    if any(one.get("group") for one in devices):
        columns.append(("Group", lambda one: text(one.get("group"))))
    if with_tenant:
        columns.append(("Tenant", lambda one: text(one["tenant"])))
    columns.append(("Created (UTC)", lambda one: text(str(one["creationTime"])[:16].replace("T", " "))))
    columns.append(("Last info", lambda one: age_text(one.get("lastInfoTime"), now)))
    return fitting(devices, columns, width, ("Created (UTC)", "Type", "Name", "Last info"))


def device_details(device: Mapping[str, Any], *, with_tenant: bool) -> Group:
    """Show one device, its properties as JSON below."""
    grid = details_grid()
    for key, label in _LABELS.items():
        value = device.get(key)
        if value in (None, "") or (key == "tenant" and not with_tenant):
            continue
        if key == "owner":
            grid.add_row(label, actor_text(value, None if with_tenant else str(device["tenant"])))
        else:
            grid.add_row(label, time_text(value) if key.endswith("Time") else text(value))
    if device.get("shell"):
        grid.add_row("Shell", text("takes shell commands"))
    properties = device.get("properties")
    if not properties:
        return Group(grid)
    lines = json.dumps(properties, ensure_ascii=False, indent=2).split("\n")
    shown = Text("\n").join(Text("  ") + text(line) for line in lines)
    return Group(grid, Text("Properties", style="dim"), shown)


def unregistered_table(devices: Sequence[Mapping[str, Any]]) -> Table:
    """Show who called without a registration."""
    now = datetime.now(UTC)
    table = table_of("Device", "Calls", "First call (UTC)", "Last call", "Token")
    for column in table.columns[1:]:
        column.no_wrap = True
    for one in devices:
        table.add_row(
            text(one["id"]),
            text(one["calls"]),
            time_text(one["firstSeen"]),
            age_text(one["lastSeen"], now),
            "sent" if one["tokenSent"] else "",
        )
    return table


def _count(number: int) -> str:
    return "1 device" if number == 1 else f"{number:,} devices"


def groups_tree(groups: Sequence[Mapping[str, Any]]) -> Group:
    """Show groups as trees, each with the number of devices in it."""
    devices = {str(one["path"]): int(one["devices"]) for one in groups}
    roots: list[Tree] = []
    branches: dict[str, Tree] = {}
    for path in sorted(devices, key=lambda path: path.split("/")):
        names = path.split("/")
        for depth, name in enumerate(names, 1):
            here = "/".join(names[:depth])
            if here in branches:
                continue
            label = text(name)
            if devices.get(here):
                label.append(f"  {_count(devices[here])}", style="dim")
            if depth == 1:
                branches[here] = Tree(label, guide_style="dim")
                roots.append(branches[here])
            else:
                branches[here] = branches["/".join(names[: depth - 1])].add(label)
    return Group(*roots)


def groups_table(groups: Sequence[Mapping[str, Any]]) -> Table:
    """Show groups by their whole paths, one a line."""
    table = table_of("Group", "Devices")
    for one in groups:
        table.add_row(text(one["path"]), text(one["devices"]))
    return table
