"""Administrators' requests and answers: bytes to models, records to JSON. Pure (the contract, section 5)."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bridge import names
from bridge.credentials import key_fingerprint
from bridge.registration import Claim, Code, Event, Refusal, Registration, Status
from bridge.wire import fault_of, from_bytes, iso, to_bytes

MAX_ANSWER: Final = 1_000_000
"""Bytes of an answer; a page of a list ends early to stay below."""
MAX_ROWS: Final = MAX_ANSWER - 10_000
"""Bytes of all rows in an answer; the rest of it is small."""
MAX_MESSAGE: Final = 1_000
"""Characters of a sentence in an answer; it may repeat what was asked, which may be long."""
MAX_IDS: Final = 1_000
"""Devices in one register, accept or delete, and rows that a list in an answer holds."""
MAX_PROPERTIES: Final = 8_192
SORTS: Final = ("id", "name", "status", "creationTime", "lastSeen")

Text = Annotated[str, Field(max_length=255)]
Model = TypeVar("Model", bound=BaseModel)
RequestId = Annotated[str, Field(min_length=1, max_length=128)]


class BadRequest(Exception):
    """A request that is refused before it is decided."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(code, message)


class Request(BaseModel):
    """What every JSON payload may carry. Members that nobody knows are refused: a typing error must not pass."""

    model_config = ConfigDict(strict=True, extra="forbid")

    requestId: RequestId | None = None  # noqa: N815 - the contract's name


class NewDevice(BaseModel):
    """One device to register."""

    model_config = ConfigDict(strict=True, extra="forbid")

    id: str
    group: str | None = None
    type: Text | None = None
    name: Text | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    securityToken: str = ""  # noqa: N815 - the contract's name
    autoAccept: bool = False  # noqa: N815 - the contract's name
    tenant: str | None = None


class AcceptedDevice(BaseModel):
    """One device to accept."""

    model_config = ConfigDict(strict=True, extra="forbid")

    id: str
    securityToken: str = ""  # noqa: N815 - the contract's name
    claim: str | None = None


class Many(Request):
    """Several devices in one request; each is understood by itself, so that a bad one fails alone."""

    devices: list[Any]


class RegisterOne(NewDevice, Request):
    """``register`` with one device."""


class AcceptOne(AcceptedDevice, Request):
    """``accept`` with one device."""


class ById(Request):
    """A request about one device."""

    id: str


class ByIds(Request):
    """``delete`` with several ids."""

    ids: list[str]


class ListRequest(Request):
    """``list``."""

    status: list[Annotated[Status, Field(strict=False)]] | None = None
    search: Text | None = None
    tenant: str | None = None
    sort: str | None = None
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    cursor: str | None = None


class Option(Request):
    """``get-option``."""

    category: str
    key: str


class OptionSetting(Option):
    """``set-option``."""

    value: Any


class StatsRequest(Request):
    """``stats``; ``since`` is a time in ISO 8601."""

    since: str | None = None


def parse_object(payload: bytes) -> dict[str, Any]:
    """Read a payload that is a JSON object, or empty for one without members. Raises BadRequest."""
    if not payload.strip():
        return {}
    try:
        value = from_bytes(payload)
    except ValueError:
        raise BadRequest(
            Code.MALFORMED_REQUEST, "the payload is not valid JSON in UTF-8, or holds a number too large for it"
        ) from None
    if not isinstance(value, dict):
        raise BadRequest(Code.MALFORMED_REQUEST, "the payload is a JSON object, as {}")
    return value


def parse(model: type[Model], value: object) -> Model:
    """Check ``value`` against ``model``. Raises BadRequest."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise BadRequest(Code.MALFORMED_REQUEST, fault_of(error)) from None


def checked_properties(properties: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return ``properties`` if they are small enough. Raises BadRequest."""
    if len(to_bytes(properties)) > MAX_PROPERTIES:
        raise BadRequest(Code.LIMIT_REACHED, f"properties have at most {MAX_PROPERTIES} bytes as JSON")
    return properties


def checked_number(number: int) -> None:
    """Refuse more devices than one message may name. Raises BadRequest."""
    if number > MAX_IDS:
        raise BadRequest(
            Code.LIMIT_REACHED, f"one message names at most {MAX_IDS} devices, this one {number}: send several messages"
        )


def checked_id(device_id: str) -> str:
    """Return ``device_id`` if it is one. Raises BadRequest."""
    if fault := names.device_id_fault(device_id):
        raise BadRequest(Code.INVALID_ID, fault)
    return device_id


# Answers.


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


def to_cursor(position: Sequence[Any]) -> str:
    """Write where a page ended, as an opaque word."""
    return base64.urlsafe_b64encode(json.dumps(list(position)).encode()).decode().rstrip("=")


def _is_sort_value(value: object) -> bool:
    return isinstance(value, str) or (type(value) is int and -(2**63) <= value < 2**63)


def from_cursor(cursor: str, length: int) -> list[Any]:
    """Read what ``to_cursor`` wrote. Raises BadRequest."""
    try:
        position = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        position = None
    if not isinstance(position, list) or len(position) != length or not all(map(_is_sort_value, position)):
        raise BadRequest(Code.MALFORMED_REQUEST, "this cursor is not one that a page ended with")
    return position
