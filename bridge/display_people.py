"""What a person reads of administrators, applications, tenants, options and the audit."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from bridge.display import actor_text, table_of, text, time_text

_OUTCOMES: Final = {"ok": "green"}


def administrators_table(administrators: Sequence[Mapping[str, Any]], *, with_tenant: bool) -> Table:
    """Show administrators and what they may do."""
    table = table_of("Administrator", *(("Tenant",) if with_tenant else ()), "Role")
    for one in administrators:
        table.add_row(text(one["name"]), *((text(one["tenant"]),) if with_tenant else ()), text(one["role"]))
    return table


def applications_table(applications: Sequence[Mapping[str, Any]]) -> Table:
    """Show applications, each topic filter on a line of its own."""
    table = table_of("Application", "Reads", "Writes")
    for one in applications:
        read, write = (Text("\n").join(text(each) for each in one.get(name) or ()) for name in ("read", "write"))
        table.add_row(text(one["name"]), read, write)
    return table


def tenants_table(tenants: Sequence[Mapping[str, Any]]) -> Table:
    """Show tenants."""
    table = table_of("Tenant", "Name")
    for one in tenants:
        table.add_row(text(one["id"]), text(one.get("name")))
    return table


def value_text(value: object) -> str:
    """Return the value of an option in words."""
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or "none"
    return str(value)


def _takes(option: Mapping[str, Any]) -> str:
    takes = option["range"]
    if option["type"] == "choice":
        return " | ".join(str(one) for one in takes)
    if isinstance(takes, Sequence) and not isinstance(takes, str) and len(takes) == 2:
        return " ".join([f"{takes[0]} to {takes[1]}", *([str(option["unit"])] if option["unit"] else [])])
    return " ".join([value_text(takes or []), *([str(option["unit"])] if option["unit"] else [])])


def options_table(options: Sequence[Mapping[str, Any]]) -> Table:
    """Show options by category, with their values and what they take."""
    differs = any(one.get("effective", one["value"]) != one["value"] for one in options)
    table = table_of("Option", "Value", *(("In effect",) if differs else ()), "Default", "Type", "Takes")
    table.columns[0].no_wrap = True
    shown: str | None = None
    for option in sorted(options, key=lambda one: str(one["category"]) != str(options[0]["category"])):
        if option["category"] != shown:
            shown = str(option["category"])
            table.add_row(text(shown).copy(), style="dim")
        changed = option["value"] != option["default"]
        value = text(value_text(option["value"]))
        value.stylize("bold" if changed else "")
        effective = option.get("effective", option["value"])
        table.add_row(
            Text("  ") + text(option["key"]),
            value,
            *((text(value_text(effective) if effective != option["value"] else ""),) if differs else ()),
            text(value_text(option["default"])),
            text(option["type"]),
            text(_takes(option)),
        )
    return table


def _details(details: Mapping[str, Any]) -> Text:
    shown = (
        f"{key}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for key, value in details.items()
    )
    return text(" ".join(shown))


def audit_table(entries: Sequence[Mapping[str, Any]], own_tenant: str) -> Table:
    """Show who did what to which device, and what came of it, one entry a line."""
    table = table_of("Time (UTC)", "Who", "Did", "Device", "Outcome", "Details")
    for column in table.columns[:3]:
        column.no_wrap = True
    for entry in entries:
        outcome = str(entry["outcome"])
        table.add_row(
            time_text(entry["at"]),
            actor_text(entry["actor"], own_tenant),
            text(entry["action"]),
            text(entry.get("id")),
            Text.assemble((text(outcome).plain, _OUTCOMES.get(outcome, "red"))),
            _details(entry.get("details") or {}),
        )
    return table
