"""Answers and events: records to the JSON of the contract. Pure (the contract, section 5)."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from bridge.credentials import key_fingerprint
from bridge.decisions import BulkEvent, Event, Refusal
from bridge.records import AuditEntry, Caller
from bridge.registration import Claim, Code, Device, Registration
from bridge.requests import MAX_IDS, BadRequest
from bridge.wire import from_bytes, iso, to_bytes

DEFAULT_TYPE: Final = "c8y_DefaultDevice"
DEFAULT_ID_TYPE: Final = "c8y_Serial"
Record = TypeVar("Record")

MAX_ANSWER: Final = 1_000_000
"""Bytes of an answer; a page of a list ends early to stay below."""
MAX_ROWS: Final = MAX_ANSWER - 10_000
"""Bytes of all rows in an answer; the rest of it is small."""
MAX_MESSAGE: Final = 1_000
"""Characters of a sentence in an answer; it may repeat what was asked, which may be long."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request."""

    command: str
    request_id: str | None
    result: Mapping[str, Any] | None = None
    refusal: Refusal | None = None

    def to_bytes(self) -> bytes:
        """Write the answer as the contract has it."""
        answer: dict[str, Any] = {"command": self.command}
        if self.request_id is not None:
            answer["requestId"] = self.request_id
        answer["ok"] = self.refusal is None
        if self.refusal is None:
            answer["result"] = self.result
        else:
            error: dict[str, Any] = {"code": self.refusal.code, "message": self.refusal.message[:MAX_MESSAGE]}
            if self.refusal.claims:
                error["details"] = {"claims": [claim_object(claim) for claim in self.refusal.claims]}
            answer["error"] = error
        return to_bytes(answer)


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else iso(milliseconds)


def claim_object(claim: Claim) -> dict[str, Any]:
    """Show a claim; of token and key only that they were sent, and what a person can compare."""
    return _present(
        {
            "fingerprint": claim.fingerprint,
            "keyFingerprint": None if claim.public_key is None else key_fingerprint(claim.public_key),
            "call": claim.kind,
            "tokenSent": claim.token is not None,
            "keySent": claim.public_key is not None,
            "firstSeen": iso(claim.first_seen),
        }
    )


def registration_object(registration: Registration, *, brief: bool = False) -> dict[str, Any]:
    """Show a registration as the contract has it; ``brief`` leaves out properties and claims."""
    shown = _present(
        {
            "id": registration.id,
            "status": registration.status,
            "tenant": registration.tenant,
            "name": registration.name,
            "type": registration.type,
            "group": registration.group,
            "owner": registration.owner,
            "creationTime": iso(registration.created),
            "reason": registration.reason,
            "failedAttempts": registration.failed_attempts,
            "calls": registration.calls,
            "lastSeen": _time(registration.last_seen),
            "tokenSent": registration.token_sent,
            "claimsOverflow": registration.claims_overflow,
            "claims": None if brief else [claim_object(claim) for claim in registration.claims],
            "autoAccept": registration.auto_accept,
            "acceptedTime": _time(registration.accepted),
            "installedTime": _time(registration.installed),
            "deliveredTime": _time(registration.delivered),
            "confirmedTime": _time(registration.confirmed),
        }
    )
    if not brief:
        shown["properties"] = registration.properties
    return shown


def event_object(event: Event) -> dict[str, Any]:
    """Show an event as the contract has it."""
    return _present(
        {
            "event": event.event,
            "id": event.id,
            "status": event.status,
            "at": iso(event.at),
            "by": event.by,
            "reason": event.reason,
        }
    )


def bulk_event_object(event: BulkEvent) -> dict[str, Any]:
    """Show what a bulk file did in one tenant."""
    return {"event": "bulk", "at": iso(event.at), "by": event.by, **event.numbers}


def device_object(device: Device) -> dict[str, Any]:
    """Show an inventory entry as the contract has it; name and group are null where there is none."""
    shown = {
        "id": device.id,
        "tenant": device.tenant,
        "owner": device.owner,
        "name": device.name,
        "type": device.type or DEFAULT_TYPE,
        "group": device.group,
        "iccid": device.iccid,
        "idType": device.id_type or DEFAULT_ID_TYPE,
        "shell": device.shell,
        "authType": "BASIC",
        "creationTime": iso(device.created),
        "lastInfoTime": _time(device.last_info),
        "properties": device.properties,
    }
    optional = ("iccid", "lastInfoTime")
    return {key: value for key, value in shown.items() if value is not None or key not in optional}


def caller_object(caller: Caller) -> dict[str, Any]:
    """Show an id that called without registration."""
    return {
        "id": caller.id,
        "calls": caller.calls,
        "firstSeen": iso(caller.first_seen),
        "lastSeen": iso(caller.last_seen),
        "tokenSent": caller.token_sent,
    }


def audit_object(entry: AuditEntry) -> dict[str, Any]:
    """Show an audit entry."""
    details = entry.details if entry.bulk is None else {"bulk": entry.bulk, **entry.details}
    return _present(
        {
            "at": iso(entry.at),
            "actor": entry.actor,
            "action": entry.action,
            "id": entry.device_id,
            "outcome": entry.outcome,
            "details": details,
        }
    )


def failure_object(device_id: str | None, refusal: Refusal) -> dict[str, Any]:
    """Show why one of several devices was refused."""
    return {"id": device_id, "code": refusal.code, "message": refusal.message[:MAX_MESSAGE]}


def bounded(**lists: Sequence[Any]) -> dict[str, Any]:
    """Show the first rows of each list, as many as an answer has room for, with ``truncated`` where that is not all.

    What stands last, the failures, gets its room first.
    """
    room = MAX_ROWS
    shown: dict[str, Any] = {key: [] for key in lists}
    for key, rows in reversed(lists.items()):
        for row in rows[:MAX_IDS]:
            room -= len(to_bytes(row)) + 1
            if room < 0:
                break
            shown[key].append(row)
    if any(len(shown[key]) < len(rows) for key, rows in lists.items()):
        shown["truncated"] = True
    return shown


def paged(
    found: Sequence[Record],
    limit: int,
    show: Callable[[Record], dict[str, Any]],
    position: Callable[[Record], Sequence[Any]],
) -> tuple[list[dict[str, Any]], str | None]:
    """Show a page of ``found``, of which one more than ``limit`` was asked for, and where the next one begins.

    A page ends early where the answer would grow too large.
    """
    rows: list[dict[str, Any]] = []
    size = 0
    for record in found[:limit]:
        row = show(record)
        size += len(to_bytes(row)) + 1
        if rows and size > MAX_ROWS:
            break
        rows.append(row)
    more = rows and len(rows) < len(found)
    return rows, to_cursor(position(found[len(rows) - 1])) if more else None


def sorted_cursor(cursor: str | None, sort: str | None, length: int) -> list[Any] | None:
    """Return the ``length`` sort values that ``cursor`` holds, if it is of a list in this order. Raises BadRequest."""
    if cursor is None:
        return None
    sorted_by, *after = from_cursor(cursor, length + 1)
    if sorted_by != (sort or ""):
        raise BadRequest(Code.MALFORMED_REQUEST, "this cursor is of a list in another order: keep sort as it was")
    return after


def to_cursor(position: Sequence[Any]) -> str:
    """Write where a page ended, as an opaque word."""
    return base64.urlsafe_b64encode(json.dumps(list(position)).encode()).decode().rstrip("=")


def _is_sort_value(value: object) -> bool:
    return isinstance(value, str) or (type(value) is int and -(2**63) <= value < 2**63)


def from_cursor(cursor: str, length: int, kinds: Sequence[type] | None = None) -> list[Any]:
    """Read what ``to_cursor`` wrote: ``length`` values, of ``kinds`` where these are known. Raises BadRequest."""
    try:
        position = from_bytes(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        position = None
    if (
        not isinstance(position, list)
        or len(position) != length
        or not all(map(_is_sort_value, position))
        or (kinds is not None and [type(value) for value in position] != list(kinds))
    ):
        raise BadRequest(Code.MALFORMED_REQUEST, "this cursor is not one that a page ended with")
    return position
