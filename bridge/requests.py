"""Administrators' requests and answers: bytes to models, records to JSON. Pure (the contract, section 5)."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bridge import names
from bridge.decisions import Refusal
from bridge.inventory import MAX_PROPERTIES, fits
from bridge.registration import Code, Status
from bridge.wire import fault_of, from_bytes

MAX_IDS: Final = 1_000
"""Devices in one register, accept or delete, and rows that a list in an answer holds."""
MAX_QUESTION: Final = 65_536
"""Bytes of a request that changes nothing and is no file. To read one of 2 MB takes a third of a second."""
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

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    requestId: RequestId | None = None  # noqa: N815 - the contract's name


class NewDevice(BaseModel):
    """One device to register."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    id: str
    group: str | None = None
    type: Text | None = None
    name: Text | None = None
    properties: dict[str, Any] = Field(default_factory=dict)
    securityToken: str = Field(default="", repr=False)  # noqa: N815 - the contract's name
    autoAccept: bool = False  # noqa: N815 - the contract's name
    tenant: str | None = None


class AcceptedDevice(BaseModel):
    """One device to accept."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    id: str
    securityToken: str = Field(default="", repr=False)  # noqa: N815 - the contract's name
    claim: Text | None = None


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

    ids: Annotated[list[str], Field(fail_fast=True)]


class ListRequest(Request):
    """``list``."""

    status: Annotated[list[Annotated[Status, Field(strict=False)]], Field(fail_fast=True)] | None = None
    search: Text | None = None
    tenant: str | None = None
    sort: str | None = None
    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    cursor: str | None = None


class Template(Request):
    """``template``."""

    kind: Literal["simple", "full"]


class Page(Request):
    """A list without filters."""

    limit: Annotated[int, Field(ge=1, le=1_000)] = 100
    cursor: str | None = None


class DeviceList(Page):
    """``list-devices``; ``group``: only those in it or below."""

    search: Text | None = None
    group: str | None = None
    sort: str | None = None


class DeviceUpdate(Request):
    """``update-device``. Null takes a value away; properties are merged by RFC 7396."""

    id: str
    name: Text | None = None
    type: Text | None = None
    group: str | None = None
    properties: dict[str, Any] | None = None


class GroupPath(Request):
    """``create-group`` and ``delete-group``."""

    path: str


class AuditList(Page):
    """``audit``."""

    id: str | None = None
    since: str | None = None


class NewTenant(Request):
    """``create-tenant``."""

    id: str
    name: Text | None = None


class NewAdministrator(Request):
    """``create-administrator``."""

    name: str
    role: Literal["owner", "registrar", "viewer"]
    password: str | None = Field(default=None, repr=False)
    tenant: str | None = None


class ByName(Request):
    """A request about one administrator or application."""

    name: str


class NewApplication(Request):
    """``create-application``."""

    name: str
    read: Annotated[list[str], Field(fail_fast=True)] | None = None
    write: Annotated[list[str], Field(fail_fast=True)] | None = None
    password: str | None = Field(default=None, repr=False)


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


def checked_question(payload: bytes) -> None:
    """Refuse a question that is larger than any that is meant. Raises BadRequest."""
    if len(payload) > MAX_QUESTION:
        raise BadRequest(
            Code.LIMIT_REACHED,
            f"a request that only reads has at most {MAX_QUESTION:,} bytes, this one has {len(payload):,}",
        )


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
    if not fits(properties):
        raise BadRequest(Code.LIMIT_REACHED, f"properties have at most {MAX_PROPERTIES} bytes as JSON")
    return properties


def checked_number(number: int) -> None:
    """Refuse more devices than one message may name. Raises BadRequest."""
    if number > MAX_IDS:
        raise BadRequest(
            Code.LIMIT_REACHED, f"one message names at most {MAX_IDS} devices, this one {number}: send several messages"
        )


def checked_group(path: str) -> str:
    """Return ``path`` if it is a group path. Raises BadRequest."""
    if fault := names.group_path_fault(path):
        raise BadRequest(Code.MALFORMED_REQUEST, f"group: {fault}")
    return path


def checked_password(password: str) -> str:
    """Return a password that somebody chose if it may be one. Raises BadRequest."""
    if fault := names.password_fault(password):
        raise BadRequest(Code.MALFORMED_REQUEST, fault)
    return password


def checked_id(device_id: str) -> str:
    """Return ``device_id`` if it is one. Raises BadRequest."""
    if fault := names.device_id_fault(device_id):
        raise BadRequest(Code.INVALID_ID, fault)
    return device_id
