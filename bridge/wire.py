"""Topics and payloads of devices: bytes to calls, answers to bytes (the contract, sections 2 and 3). Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json, to_json

from bridge import names
from bridge.credentials import BadPublicKey, parse_public_key
from bridge.registration import CallKind, Code, Form

MAX_CALL: Final = 16_384
"""Bytes of a call, and of a device's info; the bootstrap broker cuts off what is above 20 KiB."""
MAX_CORRELATION: Final = 64
ANSWER_EXPIRY: Final = 30
"""Seconds that a broker keeps an answer for a listener."""


class Malformed(Exception):
    """A message that cannot be understood. ``answerable``: its sender asked in the form that gets an error answer.

    ``kind`` says in one word what was wrong, to be counted by.
    """

    def __init__(self, reason: str, kind: str, *, answerable: bool = False) -> None:
        super().__init__(reason)
        self.kind = kind
        self.answerable = answerable


def iso(milliseconds: int) -> str:
    """Write a time as ISO 8601 in UTC with milliseconds and ``Z``."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def to_bytes(value: object) -> bytes:
    """Write ``value`` as compact JSON in UTF-8; what JSON has no number for becomes null."""
    return to_json(value, inf_nan_mode="null")


def from_bytes(payload: bytes) -> Any:
    """Read JSON that can be written again: UTF-8, no NaN, no number beyond what a double holds. Raises ValueError."""
    value = from_json(payload, allow_inf_nan=False)
    if not _is_finite(value):
        raise ValueError("a number is too large")
    return value


def _is_finite(value: object) -> bool:
    match value:
        case float():
            return math.isfinite(value)
        case list():
            return all(_is_finite(item) for item in value)
        case dict():
            return all(_is_finite(item) for item in value.values())
    return True


def echoed(correlation: bytes | None) -> bytes | None:
    """Return the correlation data that an answer carries: the request's, unless it is too long."""
    return correlation if correlation is not None and len(correlation) <= MAX_CORRELATION else None


@dataclass(frozen=True, slots=True)
class Topics:
    """All topics, below ``prefix`` (empty, or ending with ``/``)."""

    prefix: str = ""

    @classmethod
    def below(cls, topic_prefix: str) -> "Topics":
        """Return the topics below the configured prefix, as ``site/one`` or empty."""
        return cls(topic_prefix + "/" if topic_prefix else "")

    @property
    def calls(self) -> tuple[str, str]:
        """The filters of plain and of private calls."""
        return f"{self.prefix}bootstrap/+/request", f"{self.prefix}bootstrap/+/request/+"

    @property
    def requests(self) -> str:
        """The filter of administrators' requests."""
        return f"{self.prefix}control/+/+/request/+"

    @property
    def infos(self) -> str:
        """The filter of what devices say of themselves."""
        return f"{self.prefix}devices/+/+/info"

    @property
    def barrier(self) -> str:
        """A topic that ``infos`` matches and that no device can have: ``-`` is no tenant id."""
        return f"{self.prefix}devices/-/-/info"

    @property
    def state(self) -> str:
        """The retained state of the bridge."""
        return f"{self.prefix}bridge/state"

    def caller(self, kind: CallKind, device_id: str, client_id: str) -> str:
        """Where a caller hears the answer."""
        plain = f"{self.prefix}bootstrap/{device_id}/response"
        return plain if kind is CallKind.PLAIN else f"{plain}/{client_id}"

    def request(self, tenant: str, administrator: str, command: str) -> str:
        """Where an administrator publishes a command."""
        return f"{self.prefix}control/{tenant}/{administrator}/request/{command}"

    def response(self, tenant: str, administrator: str) -> str:
        """Where an administrator hears the answers."""
        return f"{self.prefix}control/{tenant}/{administrator}/response"

    def event(self, tenant: str, device_id: str) -> str:
        """Where events of a registration are published."""
        return f"{self.prefix}events/{tenant}/registrations/{device_id}"

    def bulk_event(self, tenant: str) -> str:
        """Where it is told what a bulk file did."""
        return f"{self.prefix}events/{tenant}/bulk"

    def events(self, tenant: str) -> str:
        """The filter of all events that administrators of ``tenant`` may see."""
        return f"{self.prefix}events/#" if tenant == names.MANAGEMENT else f"{self.prefix}events/{tenant}/#"

    def device(self, tenant: str, device_id: str) -> str:
        """The filter of a device's own topics."""
        return f"{self.prefix}devices/{tenant}/{device_id}/#"

    def levels(self, topic: str) -> list[str]:
        """Split ``topic`` below the prefix."""
        return topic.removeprefix(self.prefix).split("/")


class _CallPayload(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", hide_input_in_errors=True)

    securityToken: str = Field(default="", repr=False)  # noqa: N815 - the contract's name
    publicKey: str | None = None  # noqa: N815 - the contract's name
    requestId: str | None = None  # noqa: N815 - the contract's name


@dataclass(frozen=True, slots=True)
class ParsedCall:
    """A well-formed call; ``token`` is in clear, to be digested at once."""

    device_id: str
    kind: CallKind
    client_id: str = field(repr=False)
    form: Form
    token: str | None = field(repr=False)
    public_key: str | None
    request_id: str | None


def answer_topic(topics: Topics, request_topic: str) -> str:
    """Return where the caller at ``request_topic`` listens; an id may read as any word, also ``request``."""
    levels = topics.levels(request_topic)
    levels[2] = "response"
    return topics.prefix + "/".join(levels)


def parse_call(topics: Topics, topic: str, payload: bytes) -> ParsedCall:
    """Understand a call. Raises Malformed."""
    is_json = payload.startswith(b"{")
    levels = topics.levels(topic)
    device_id = levels[1]
    kind = CallKind.PLAIN if len(levels) == 3 else CallKind.PRIVATE
    client_id = device_id if kind is CallKind.PLAIN else levels[3]
    if fault := names.device_id_fault(device_id):
        raise Malformed(fault, "device-id", answerable=is_json)
    if kind is CallKind.PRIVATE and not names.is_private_client_id(client_id):
        raise Malformed(
            "a private call's client id has 22 to 64 characters of A-Z, a-z, 0-9, _ and -",
            "client-id",
            answerable=is_json,
        )
    if len(payload) > MAX_CALL:
        reason = f"a call has at most {MAX_CALL} bytes, this one has {len(payload)}"
        raise Malformed(reason, "too-large", answerable=is_json)
    if not is_json:
        try:
            token = payload.decode()
        except UnicodeDecodeError:
            raise Malformed("a call in line form is UTF-8 text", "not-utf8") from None
        return ParsedCall(device_id, kind, client_id, Form.LINE, parse_token(token), None, None)
    try:
        parsed = _CallPayload.model_validate(from_json(payload, allow_inf_nan=False))
    except ValidationError as error:
        raise Malformed(fault_of(error), "members", answerable=True) from None
    except ValueError:
        raise Malformed("the payload is not valid JSON", "not-json", answerable=True) from None
    try:
        token_given = parse_token(parsed.securityToken)
        if parsed.publicKey is not None:
            parse_public_key(parsed.publicKey)
    except Malformed as error:
        raise Malformed(str(error), error.kind, answerable=True) from None
    except BadPublicKey as error:
        raise Malformed(str(error), "public-key", answerable=True) from None
    return ParsedCall(device_id, kind, client_id, Form.JSON, token_given, parsed.publicKey, parsed.requestId)


def parse_token(text: str) -> str | None:
    """Trim a security token; empty is none. Raises Malformed for one that is too long."""
    token = text.strip()
    if len(token) > names.MAX_TOKEN:
        reason = f"a security token has at most {names.MAX_TOKEN} characters, this one has {len(token)}"
        raise Malformed(reason, "token")
    return token or None


def fault_of(error: ValidationError) -> str:
    """Say in one sentence what a payload has wrong, without repeating values that may be secret."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return "the payload is not valid JSON"
    if first["type"] == "extra_forbidden":
        return f"there is no member {first['loc'][-1]!r} here"
    where = ".".join(str(part) for part in first["loc"])
    message = first["msg"][:1].lower() + first["msg"][1:]
    return f"{where}: {message}" if where else message


def not_accepted_answer(retry_after: int, request_id: str | None = None) -> bytes:
    """The one answer to everybody who is not accepted, whatever the reason. ``retry_after`` is in seconds."""
    answer: dict[str, Any] = {"status": "PENDING_ACCEPTANCE", "retryAfter": retry_after}
    return to_bytes(_with_id(answer, request_id))


def malformed_answer(reason: str) -> bytes:
    """The answer to a call in JSON form that cannot be understood."""
    return to_bytes({"status": "ERROR", "error": Code.MALFORMED_REQUEST, "message": reason})


def credentials_line(tenant: str, device_id: str, password: str) -> bytes:
    """The answer to an accepted call in line form."""
    return f"70,{tenant},device_{device_id},{password}".encode()


def credentials_object(tenant: str, device_id: str, password: str) -> dict[str, Any]:
    """The answer to an accepted call in JSON form, and the plaintext of a sealed one."""
    return {
        "status": "ACCEPTED",
        "tenant": tenant,
        "deviceId": device_id,
        "username": names.device_username(tenant, device_id),
        "password": password,
        "clientId": device_id,
    }


def accepted_answer(answer: Mapping[str, Any], request_id: str | None = None) -> bytes:
    """Write the credentials, or ``{"status":"ACCEPTED","sealed":…}``, with the caller's request id."""
    return to_bytes(_with_id(dict(answer), request_id))


def _with_id(answer: dict[str, Any], request_id: str | None) -> dict[str, Any]:
    if request_id is not None:
        answer["requestId"] = request_id
    return answer


def parse_info(topics: Topics, topic: str, payload: bytes) -> tuple[str, str, Mapping[str, Any] | None]:
    """Return tenant, device id and the JSON object, if any, of what a device says of itself."""
    _, tenant, device_id, _ = topics.levels(topic)
    if len(payload) > MAX_CALL or not payload.startswith(b"{"):
        return tenant, device_id, None
    try:
        value = from_bytes(payload)
    except ValueError:
        return tenant, device_id, None
    return tenant, device_id, value
