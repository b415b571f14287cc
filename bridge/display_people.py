"""What a person reads of administrators, applications, tenants, options and the audit."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from bridge.display import actor_text, table_of, text, time_text

_ROOM_FOR_TYPES: Final = 110


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


def value_text(value: object, separator: str = ", ") -> str:
    """Return the value of an option in words."""
    if isinstance(value, list):
        return separator.join(str(one) for one in value) or "none"
    return str(value)


def _takes(option: Mapping[str, Any]) -> str:
    takes = option["range"]
    if option["type"] == "choice":
        return " | ".join(str(one) for one in takes)
    if isinstance(takes, Sequence) and not isinstance(takes, str) and len(takes) == 2:
        return " ".join([f"{takes[0]} to {takes[1]}", *([str(option["unit"])] if option["unit"] else [])])
    return " ".join([value_text(takes or []), *([str(option["unit"])] if option["unit"] else [])])


def in_effect(option: Mapping[str, Any], tenant: str) -> str:
    """Return what holds for ``tenant`` where that is not what it has set, else nothing."""
    value, effective = option["value"], option.get("effective", option["value"])
    if isinstance(value, list):
        value = [str(one).replace("{tenant}", tenant) for one in value]
    return "" if effective == value else value_text(effective)


def options_table(options: Sequence[Mapping[str, Any]], tenant: str, width: int) -> Table:
    """Show options by category, with their values and what they take; their types only where there is room."""
    with_type = width >= _ROOM_FOR_TYPES
    differs = any(in_effect(one, tenant) for one in options)
    table = table_of(
        "Option", "Value", *(("In effect",) if differs else ()), "Default", *(("Type",) if with_type else ()), "Takes"
    )
    table.columns[0].no_wrap = True
    shown: str | None = None
    for option in sorted(options, key=lambda one: str(one["category"]) != str(options[0]["category"])):
        if option["category"] != shown:
            shown = str(option["category"])
            table.add_row(text(shown), style="dim")
        changed = option["value"] != option["default"]
        value = Text("\n").join(text(line) for line in value_text(option["value"], "\n").split("\n"))
        value.stylize("bold" if changed else "")
        table.add_row(
            Text("  ") + text(option["key"]),
            value,
            *((text(in_effect(option, tenant)),) if differs else ()),
            text(value_text(option["default"])),
            *((text(option["type"]),) if with_type else ()),
            text(_takes(option)),
        )
    return table


def _details(details: Mapping[str, Any]) -> str:
    """Return the details of an entry in one line; the message of a refusal speaks for itself."""
    shown = (
        str(value)
        if key == "message"
        else f"{key}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for key, value in details.items()
    )
    return " ".join(shown)


def audit_lines(entries: Sequence[Mapping[str, Any]], own_tenant: str) -> list[Text]:
    """Show who did what to which device, and what came of it, one entry a line, however long its details are."""
    rows = [
        (
            time_text(entry["at"]),
            actor_text(entry["actor"], own_tenant),
            text(entry["action"]),
            text(entry.get("id")),
            text(entry["outcome"]),
            text(_details(entry.get("details") or {})),
        )
        for entry in entries
    ]
    for *_, outcome, _ in rows:
        outcome.stylize("green" if outcome.plain == "ok" else "red")
    names = ("Time (UTC)", "Who", "Did", "Device", "Outcome", "Details")
    table: list[tuple[Text, ...]] = [tuple(Text(name, style="bold") for name in names), *rows]
    columns = [column for column in range(len(names)) if any(row[column].plain for row in rows)]
    widths = {column: max(row[column].cell_len for row in table) for column in columns}
    lines = []
    for cells in table:
        line = Text()
        for column in columns:
            line.append_text(cells[column])
            line.append(" " * (widths[column] - cells[column].cell_len + 2))
        line.rstrip()
        lines.append(line)
    return lines
