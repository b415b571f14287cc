"""Records to rows and back. The names of the columns stand in ``schema``."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

import sqlalchemy as sa

from bridge import schema
from bridge.records import Account
from bridge.registration import CallKind, Claim, Device, Form, Registration, Status

RANKS: Final = {Status.PENDING: 0, Status.BLOCKED: 1, Status.WAITING: 2, Status.ACCEPTED: 3}
"""The order of the list: what waits for a person comes first."""
STATUSES: Final = {rank: status for status, rank in RANKS.items()}
NOW: Final = 0
"""The hour of the tallies that say how many there are now."""

_COLUMNS = {"group": "group_path", "status": "rank"}
REGISTRATION_FIELDS = tuple(field.name for field in fields(Registration))
_DEVICE_FIELDS = tuple(field.name for field in fields(Device))


def to_json(value: object) -> str:
    """Write ``value`` as the compact JSON that columns hold."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _column_value(name: str, value: Any) -> Any:
    match name:
        case "status":
            return RANKS[value]
        case "properties":
            return to_json(value) if value else "{}"
        case "claims" if not value:
            return "[]"
        case "claims":
            return to_json(
                [[c.fingerprint, c.kind, c.client_id, c.token, c.public_key, c.form, c.first_seen] for c in value]
            )
    return value


def _folded(record: Registration | Device) -> str:
    return f"{record.id}\n{record.name or ''}".casefold()


def _row_of(record: Any, names: Iterable[str]) -> dict[str, Any]:
    return {_COLUMNS.get(name, name): _column_value(name, getattr(record, name)) for name in names}


def _claims_of(text: str) -> tuple[Claim, ...]:
    if text == "[]":
        return ()
    return tuple(
        Claim(fingerprint, CallKind(kind), client_id, token, public_key, Form(form), first_seen)
        for fingerprint, kind, client_id, token, public_key, form, first_seen in json.loads(text)
    )


_REGISTRATION_COLUMNS: Final = tuple(column.name for column in schema.registrations.c)
assert _REGISTRATION_COLUMNS[-1] == "folded"
_FIELDS_IN_ORDER: Final = tuple(
    next((field for field, name in _COLUMNS.items() if name == column), column) for column in _REGISTRATION_COLUMNS[:-1]
)
_values_of: Final = attrgetter(*_FIELDS_IN_ORDER)
_RANK_AT: Final = _FIELDS_IN_ORDER.index("status")
_JSON_AT: Final = (_FIELDS_IN_ORDER.index("properties"), _FIELDS_IN_ORDER.index("claims"))
_SELECTED: Final = tuple(schema.registrations.c[_COLUMNS.get(name, name)] for name in REGISTRATION_FIELDS)
_SELECTED_DEVICE: Final = tuple(schema.devices.c[_COLUMNS.get(name, name)] for name in _DEVICE_FIELDS)
_STATUS_AT: Final = REGISTRATION_FIELDS.index("status")
_PROPERTIES_AT: Final = REGISTRATION_FIELDS.index("properties")
_CLAIMS_AT: Final = REGISTRATION_FIELDS.index("claims")


def registration_of(row: Sequence[Any]) -> Registration:
    """Make the record of a row that was selected with ``registrations_selected``."""
    values = list(row)
    values[_STATUS_AT] = STATUSES[values[_STATUS_AT]]
    values[_PROPERTIES_AT] = {} if values[_PROPERTIES_AT] == "{}" else json.loads(values[_PROPERTIES_AT])
    values[_CLAIMS_AT] = _claims_of(values[_CLAIMS_AT])
    return Registration(*values)


def is_below(column: sa.ColumnElement[Any], path: str) -> sa.ColumnElement[bool]:
    """Tell whether the group in ``column`` is below ``path``; not by LIKE, which takes `a` for `A` in SQLite."""
    return sa.func.substr(column, 1, len(path) + 1) == path + "/"


def registrations_selected() -> sa.Select[Any]:
    """Begin a query whose rows ``registration_of`` reads."""
    return sa.select(*_SELECTED)


def device_of(row: Sequence[Any]) -> Device:
    """Make the record of a row that was selected with ``devices_selected``."""
    values = list(row)
    at = _DEVICE_FIELDS.index("properties")
    values[at] = json.loads(values[at])
    return Device(*values)


ACCOUNT_FIELDS: Final = tuple(field.name for field in fields(Account))


def devices_selected() -> sa.Select[Any]:
    """Begin a query whose rows ``device_of`` reads."""
    return sa.select(*_SELECTED_DEVICE)


def accounts_selected() -> sa.Select[Any]:
    """Begin a query whose rows are the arguments of ``Account``."""
    return sa.select(*(schema.accounts.c[name] for name in ACCOUNT_FIELDS))


def registration_values(registration: Registration) -> tuple[Any, ...]:
    """Return the whole row of ``registration``, in the order of the table's columns."""
    values = [*_values_of(registration), _folded(registration)]
    values[_RANK_AT] = RANKS[registration.status]
    values[_JSON_AT[0]] = _column_value("properties", registration.properties) if registration.properties else "{}"
    values[_JSON_AT[1]] = _column_value("claims", registration.claims) if registration.claims else "[]"
    return tuple(values)


def registration_row(registration: Registration) -> dict[str, Any]:
    """Return the whole row of ``registration`` by its columns."""
    return dict(zip(_REGISTRATION_COLUMNS, registration_values(registration), strict=True))


def changed_columns(before: Registration, after: Registration) -> dict[str, Any]:
    """Return the columns, with their new values, in which the two differ."""
    names = [name for name in REGISTRATION_FIELDS if getattr(before, name) != getattr(after, name)]
    row = _row_of(after, names)
    if "name" in names:
        row["folded"] = _folded(after)
    return row


def device_row(device: Device) -> dict[str, Any]:
    """Return the whole row of ``device``."""
    row = _row_of(device, _DEVICE_FIELDS)
    row["folded"] = _folded(device)
    return row


def account_row(account: Account) -> dict[str, Any]:
    """Return the whole row of ``account``."""
    return {name: getattr(account, name) for name in ACCOUNT_FIELDS}
