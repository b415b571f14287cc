"""Topics, calls and answers as the contract (sections 1 to 3) has them: text and bytes only, no state."""

import json
from dataclasses import dataclass
from typing import Any, NoReturn

from device_sim.memory import Approach, Call, Credentials, Form
from device_sim.names import is_tenant_id
from device_sim.sealing import from_base64url, public_key, to_base64url

SHORTEST_RETRY = 0.1
"""Seconds. A device obeys ``retryAfter``, but never calls more often than this."""
LONGEST_RETRY = 86_400.0
"""Seconds. A device that was told more asks again after a day."""

# No text repeats what came: a field that stands in the wrong place may be the password.
_FOREIGN = "the answer is for another device"

_LINE_CODE = "70"
_LINE_FIELDS = 4


class MalformedAnswer(ValueError):
    """An answer that the contract does not know, or that contradicts it."""


class ForeignAnswer(ValueError):
    """A well-formed answer that is meant for another device."""


@dataclass(frozen=True, slots=True)
class Pending:
    """Not accepted, whatever the reason; call again after ``retry_after`` seconds."""

    retry_after: float


@dataclass(frozen=True, slots=True)
class Accepted:
    """Accepted; the credentials are in the answer."""

    credentials: Credentials


@dataclass(frozen=True, slots=True)
class Sealed:
    """Accepted; the credentials are in ``sealed``, readable with the device's key."""

    sealed: bytes


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """The call was not understood; ``message`` says why."""

    error: str
    message: str


Answer = Pending | Accepted | Sealed | NotUnderstood


def request_topic(prefix: str, device_id: str, approach: Approach) -> str:
    """Return the topic of a call in the name of ``device_id``; ``prefix`` is empty or ends with a slash."""
    return _call_topic(prefix, device_id, "request", approach)


def answer_topic(prefix: str, device_id: str, approach: Approach) -> str:
    """Return the topic on which such a call is answered."""
    return _call_topic(prefix, device_id, "response", approach)


def device_topic(prefix: str, tenant: str, device_id: str, name: str) -> str:
    """Return a registered device's own topic, e.g. ``devices/t1/pump-7/info``."""
    return f"{prefix}devices/{tenant}/{device_id}/{name}"


def call_payload(approach: Approach, number: int) -> bytes:
    """Return the payload of call ``number``; only ``requestId`` differs between the calls of one approach."""
    if approach.form is Form.LINE:
        return (approach.token or "").encode()
    fields = {"requestId": str(number)}
    if approach.token is not None:
        fields["securityToken"] = approach.token
    if approach.private_key is not None:
        fields["publicKey"] = to_base64url(public_key(approach.private_key))
    return json.dumps(fields, ensure_ascii=False).encode()


def read_answer(payload: bytes, form: Form, device_id: str) -> Answer:
    """Read an answer to a call of ``form`` in the name of ``device_id``.

    Raises MalformedAnswer, or ForeignAnswer when it is for another device.
    """
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise MalformedAnswer("the answer is not UTF-8") from None
    return _read_line(text, device_id) if form is Form.LINE else _read_object(text, device_id)


def _call_topic(prefix: str, device_id: str, direction: str, approach: Approach) -> str:
    topic = f"{prefix}bootstrap/{device_id}/{direction}"
    return f"{topic}/{approach.client_id}" if approach.call is Call.PRIVATE else topic


def _read_line(text: str, device_id: str) -> Answer:
    fields = text.split(",")
    if len(fields) != _LINE_FIELDS or fields[0] != _LINE_CODE:
        raise MalformedAnswer("the answer is not 70,<tenant>,<user>,<password>")
    _, tenant, user, password = fields
    if user != f"device_{device_id}":
        raise ForeignAnswer(_FOREIGN)
    return Accepted(_credentials(tenant, f"{tenant}/{user}", password, device_id))


def _read_object(text: str, device_id: str) -> Answer:
    try:
        fields = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise MalformedAnswer("the answer is not JSON") from None
    if not isinstance(fields, dict):
        raise MalformedAnswer("the answer is not a JSON object")
    match fields.get("status"):
        case "PENDING_ACCEPTANCE":
            return Pending(_retry_after(fields.get("retryAfter")))
        case "ACCEPTED" if "sealed" in fields:
            try:
                return Sealed(from_base64url(_text(fields, "sealed")))
            except ValueError:
                raise MalformedAnswer("'sealed' is not base64url") from None
        case "ACCEPTED":
            if _text(fields, "deviceId") != device_id:
                raise ForeignAnswer(_FOREIGN)
            if _text(fields, "clientId") != device_id:
                raise MalformedAnswer("'clientId' is not the device id")
            return Accepted(
                _credentials(_text(fields, "tenant"), _text(fields, "username"), _text(fields, "password"), device_id)
            )
        case "ERROR":
            return NotUnderstood(_text(fields, "error"), _text(fields, "message"))
        case _:
            raise MalformedAnswer("the status is unknown")


def _credentials(tenant: str, username: str, password: str, device_id: str) -> Credentials:
    if not is_tenant_id(tenant):
        raise MalformedAnswer("the tenant breaks the rule for tenant ids")
    if username != f"{tenant}/device_{device_id}":
        raise MalformedAnswer("the user name is not <tenant>/device_<device id>")
    if not password:
        raise MalformedAnswer("the password is empty")
    return Credentials(tenant=tenant, username=username, password=password, client_id=device_id)


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise MalformedAnswer(f"{name!r} is missing or no string")
    return value


def _retry_after(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise MalformedAnswer("'retryAfter' is no number of seconds")
    return float(min(max(value, SHORTEST_RETRY), LONGEST_RETRY))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
