"""What a person reads in the terminal: tables in the words of the contract. Ids are shown as text, never as markup."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from bridge.registration import Status

STYLES = {
    Status.WAITING: "cyan",
    Status.PENDING: "bold yellow",
    Status.ACCEPTED: "green",
    Status.BLOCKED: "bold red",
}
ICONS = {Status.WAITING: "◌", Status.PENDING: "●", Status.ACCEPTED: "✔", Status.BLOCKED: "✖"}


def text(value: object) -> Text:
    """Show a value from outside without letting it write to the terminal as it likes."""
    shown = "" if value is None else str(value)
    return Text("".join(character if character.isprintable() else "�" for character in shown))


def json_line(value: object) -> str:
    """Write a value as JSON in a line of its own; what a terminal might obey is escaped, which is the same JSON."""
    line = json.dumps(value, ensure_ascii=False)
    if not line.isprintable():
        line = "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in line)
    return line + "\n"


def actor_text(value: object, own_tenant: str | None) -> Text:
    """Show who did something; people of the reader's own tenant by their name alone."""
    tenant, slash, name = str("" if value is None else value).partition("/")
    return text(name if slash and tenant == own_tenant else value)


def details_grid() -> Table:
    """Return an empty table of labels and values."""
    grid = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def status_text(status: str) -> Text:
    """Show a status in words, colour and icon."""
    known = Status(status)
    return Text(f"{ICONS[known]} {known.words}", style=STYLES[known])


def time_text(value: object) -> Text:
    """Show a time of the contract to the second."""
    return text(str(value)[:19].replace("T", " ") if value else "")


def age_text(value: object, now: datetime) -> Text:
    """Show how long ago a time of the contract was."""
    if not value:
        return Text()
    seconds = max(0, int((now - datetime.fromisoformat(str(value))).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return Text(f"{seconds // length} {unit} ago")
    return Text(f"{seconds} s ago")


def _claims_text(registration: Mapping[str, Any]) -> str:
    number = len(registration.get("claims", ()))
    return f"{number}+" if registration["claimsOverflow"] else str(number)


Columns = list[tuple[str, Callable[[Mapping[str, Any]], Text | str]]]


def fitting(rows: Sequence[Mapping[str, Any]], columns: Columns, width: int, spare: Sequence[str]) -> Table:
    """Return a table at most ``width`` columns wide: the first column folds, those in ``spare`` are left out first."""
    left = [name for name in spare if name in {one for one, _ in columns}]
    while True:
        table = table_of(*(name for name, _ in columns))
        for column in table.columns[1:]:
            column.no_wrap = True
        for row in rows:
            table.add_row(*(show(row) for _, show in columns))
        if not left or Measurement.get(_MEASURING, _MEASURING.options, table).maximum <= width:
            return table
        dropped = left.pop(0)
        columns = [(name, show) for name, show in columns if name != dropped]


_MEASURING = Console(width=10_000)


def registrations_table(registrations: Sequence[Mapping[str, Any]], width: int, *, with_tenant: bool) -> Table:
    """Show registrations, one a line; columns that would say nothing are left out."""
    now = datetime.now(UTC)
    columns: Columns = [("Device", lambda one: text(one["id"]))]
    if any(one.get("name") for one in registrations):
        columns.append(("Name", lambda one: text(one.get("name"))))
    columns.append(("Status", lambda one: status_text(one["status"])))
    if with_tenant:
        columns.append(("Tenant", lambda one: text(one["tenant"])))
    columns.append(("Created (UTC)", lambda one: text(str(one["creationTime"])[:16].replace("T", " "))))
    columns.append(("Last call", lambda one: age_text(one.get("lastSeen"), now)))
    columns.append(("Calls", lambda one: str(one["calls"])))
    columns.append(("Token", lambda one: "sent" if one["tokenSent"] else ""))
    if any(len(one["claims"]) > 1 for one in registrations):
        columns.append(("Claims", _claims_text))
    if any(one["failedAttempts"] for one in registrations):
        columns.append(("Wrong tokens", lambda one: str(one["failedAttempts"] or "")))
    return fitting(registrations, columns, width, ("Created (UTC)", "Calls", "Name", "Last call"))


def counts_line(counts: Mapping[str, int]) -> Text:
    """Show how many registrations have which status."""
    line = Text()
    for status in Status:
        if line:
            line.append("   ")
        line.append(f"{Status(status).words} {counts.get(status, 0):,}", style=STYLES[status])
    return line


def registration_details(registration: Mapping[str, Any], *, with_tenant: bool) -> Table:
    """Show one registration; tenants only to whom they tell anything."""
    table = details_grid()
    labels = {
        "id": "Device",
        "name": "Name",
        "type": "Type",
        "group": "Group",
        "tenant": "Tenant",
        "owner": "Registered by",
        "creationTime": "Created (UTC)",
        "reason": "Reason",
        "calls": "Calls",
        "lastSeen": "Last call",
        "failedAttempts": "Wrong tokens",
        "acceptedTime": "Accepted",
        "installedTime": "Installed",
        "deliveredTime": "Delivered",
        "confirmedTime": "Confirmed",
    }
    for key, label in labels.items():
        value = registration.get(key)
        if key == "tenant" and not with_tenant:
            continue
        if key == "owner" and not with_tenant:
            value = actor_text(value, str(registration["tenant"])).plain
        if value is not None:
            is_time = key.endswith("Time") or key == "lastSeen"
            table.add_row(label, time_text(value) if is_time else text(value))
        if key == "id":
            table.add_row("Status", status_text(registration["status"]))
    if registration.get("autoAccept"):
        table.add_row("Pre-authorised", "accepted at once when it shows its token")
    for key, value in registration.get("properties", {}).items():
        table.add_row(text(key), text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
    return table


def claims_table(claims: Sequence[Mapping[str, Any]], *, numbered: bool = False) -> Table:
    """Show claims beside each other, for a person to choose."""
    table = table_of(*(("",) if numbered else ()), "Claim", "Call", "Token", "Key", "First call (UTC)")
    for number, claim in enumerate(claims, 1):
        table.add_row(
            *((str(number),) if numbered else ()),
            text(claim["fingerprint"]),
            text(claim["call"]),
            "sent" if claim["tokenSent"] else "none",
            text(claim.get("keyFingerprint", "none")),
            time_text(claim["firstSeen"]),
        )
    return table


def failures_table(failures: Sequence[Mapping[str, Any]]) -> Table:
    """Show which devices were refused, and why."""
    table = table_of("Device", "Why")
    table.columns[0].min_width = 12
    for failure in failures:
        table.add_row(text(failure.get("id")), text(f"{failure['code']}: {failure['message']}"))
    return table


def lines_table(failures: Sequence[Mapping[str, Any]]) -> Table:
    """Show which lines of a file failed, and why."""
    table = table_of("Line", "Device", "Code", "Why")
    table.columns[0].justify = "right"
    table.columns[1].min_width = 12
    for failure in failures:
        id_, code, reason = failure.get("deviceId"), failure["code"], failure["failureReason"]
        table.add_row(f"{failure['line']}", text(id_), text(code), text(reason))
    return table


def steps_table(rows: Sequence[tuple[int, str, str]]) -> Table:
    """Show, for each reason, how many were refused for it and what to do next."""
    table = table_of("How many", "Why", "What to do next")
    for number, why, step in rows:
        table.add_row(str(number), text(why), text(step))
    return table


def stats_tables(stats: Mapping[str, Any]) -> list[Table]:
    """Show waiting times, and what happened hour by hour."""
    waiting = stats["callToConfirmedSeconds"]
    first = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    first.add_column(style="dim")
    first.add_column()
    if waiting["p50"] is not None:
        quantiles = ", ".join(f"{name} {waiting[name]:.1f} s" for name in ("p50", "p95", "p99"))
        first.add_row("First call to confirmed", quantiles)
    if "oldestPending" in stats:
        first.add_row("Longest waiting for acceptance", time_text(stats["oldestPending"]))
    names = ("registered", "requested", "accepted", "confirmed", "blocked")
    hours = table_of("Hour (UTC)", *(name.capitalize() for name in names))
    for row in stats["series"]:
        hours.add_row(time_text(row["hour"]), *(str(row[name] or "") for name in names))
    return [first, *([hours] if stats["series"] else [])]


def _bulk_text(event: Mapping[str, Any]) -> Text:
    names = {"numberOfAll": "rows", "numberOfSuccessful": "done", "numberOfCreated": "new", "numberOfFailed": "failed"}
    return text(", ".join(f"{event.get(name, 0)} {word}" for name, word in names.items()))


def event_line(topic: str, event: Mapping[str, Any], own_tenant: str) -> Text:
    """Show one event, or the state of the bridge, in a line."""
    if topic.endswith("bridge/state"):
        state = str(event.get("state"))
        return Text(f"the bridge is {state}", style="green" if state == "online" else "bold red")
    line = Text()
    line.append_text(time_text(event.get("at")))
    line.append(f"  {event.get('event', ''):<26}")
    line.append_text(text(event.get("id")) if event.get("event") != "bulk" else _bulk_text(event))
    if event.get("status") in Status.__members__.values():
        line.append("  ")
        line.append_text(status_text(str(event["status"])))
    line.append_text(Text("  by ", style="dim") + actor_text(event.get("by"), own_tenant))
    if event.get("reason"):
        line.append_text(Text("  ") + text(event["reason"]))
    return line


def table_of(*columns: str) -> Table:
    """Return an empty table in house style."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def hint(console: Console, line: str) -> None:
    """Print a command to try next."""
    console.print(Text("  " + line, style="bold"), soft_wrap=True)
