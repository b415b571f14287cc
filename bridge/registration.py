"""The words of the core: registrations, claims, devices, policies. Data only; the rules stand in ``rules``.

Nothing here knows a clock, a broker, a database or randomness. Times are whole milliseconds since 1970, UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

MAX_CLAIMS = 4
"""How many distinct claims of a registration are kept (the contract, section 3)."""

ANSWERED_PLAIN_WINDOW = 600_000
"""Milliseconds that a plain unsealed call is answered with credentials after the first such answer."""


class Status(StrEnum):
    """Where a registration stands; the values are the contract's, ``words`` what people read."""

    WAITING = "WAITING_FOR_CONNECTION"
    PENDING = "PENDING_ACCEPTANCE"
    ACCEPTED = "ACCEPTED"
    BLOCKED = "BLOCKED"

    @property
    def words(self) -> str:
        """The status as the console and the command line show it."""
        return self.value.replace("_", " ").capitalize()


class TokenPolicy(IntEnum):
    """How much a security token counts; of two the larger is the stricter."""

    IGNORED = 0
    OPTIONAL = 1
    REQUIRED = 2


class Form(StrEnum):
    """The two forms of a request; an answer comes in the form of its request."""

    LINE = "line"
    JSON = "json"


class CallKind(StrEnum):
    """Whether the caller's client id is a secret of its own or the device id."""

    PRIVATE = "private"
    PLAIN = "plain"


class Code(StrEnum):
    """The refusals of the contract, section 5."""

    MALFORMED_REQUEST = "MALFORMED_REQUEST"
    UNKNOWN_COMMAND = "UNKNOWN_COMMAND"
    UNKNOWN_TENANT = "UNKNOWN_TENANT"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_REGISTERED = "ALREADY_REGISTERED"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    INVALID_ID = "INVALID_ID"
    INVALID_STATE = "INVALID_STATE"
    INVALID_OPTION = "INVALID_OPTION"
    TOKEN_MISMATCH = "TOKEN_MISMATCH"  # noqa: S105 - a code, not a secret
    TOKEN_REQUIRED = "TOKEN_REQUIRED"  # noqa: S105 - a code, not a secret
    BLOCKED = "BLOCKED"
    CLAIM_CONFLICT = "CLAIM_CONFLICT"
    TENANT_AND_GROUP = "TENANT_AND_GROUP"
    NOT_PERMITTED = "NOT_PERMITTED"
    BULK_FILE_INVALID = "BULK_FILE_INVALID"
    LIMIT_REACHED = "LIMIT_REACHED"
    INTERNAL = "INTERNAL"


@dataclass(frozen=True, slots=True)
class Claim:
    """What one caller showed. ``token`` is a keyed digest in hex, ``public_key`` base64url as it was sent."""

    fingerprint: str
    kind: CallKind
    client_id: str = field(repr=False)
    token: str | None = field(repr=False)
    public_key: str | None
    form: Form
    first_seen: int


@dataclass(frozen=True, slots=True)
class Registration:
    """Our record of a device on its way in. ``token`` is the digest of the token known to the administrator.

    ``bulk`` names the bulk file that wrote it last, as the audit does.
    """

    id: str
    tenant: str
    owner: str
    created: int
    status: Status = Status.WAITING
    reason: str | None = None
    name: str | None = None
    type: str | None = None
    group: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    token: str | None = field(default=None, repr=False)
    token_from_accept: bool = False
    token_is_long: bool = False
    auto_accept: bool = False
    wrong_calls: int = 0
    failed_attempts: int = 0
    calls: int = 0
    first_called: int | None = None
    last_seen: int | None = None
    token_sent: bool = False
    claims: tuple[Claim, ...] = ()
    claims_overflow: bool = False
    accepted_claim: str | None = None
    seed: bytes | None = field(default=None, repr=False)
    key_id: str | None = None
    accepted: int | None = None
    installed: int | None = None
    answered_plain: int | None = None
    delivered: int | None = None
    confirmed: int | None = None
    bulk: str | None = None

    def claim(self, fingerprint: str | None) -> Claim | None:
        """Return the kept claim with ``fingerprint``, or None."""
        return next((claim for claim in self.claims if claim.fingerprint == fingerprint), None)


@dataclass(frozen=True, slots=True)
class Device:
    """An entry of the inventory; ``last_info`` is when the device last spoke of itself."""

    id: str
    tenant: str
    owner: str
    name: str | None
    type: str | None
    group: str | None
    properties: Mapping[str, Any]
    created: int
    last_info: int | None = None
    iccid: str | None = None
    id_type: str | None = None
    shell: bool = False
    bulk: str | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What a line of a bulk file says of a device; None, or a property that is not there: it says nothing."""

    name: str | None = None
    type: str | None = None
    group: str | None = None
    iccid: str | None = None
    id_type: str | None = None
    shell: bool | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """What the tenant's options say, times in milliseconds; 0 as ``ttl`` means never."""

    tokens: TokenPolicy = TokenPolicy.OPTIONAL
    max_attempts: int = 5
    block_missing: bool = True
    redelivery_window: int = 86_400_000
    ttl: int = 0
    retention: int = 86_400_000


@dataclass(frozen=True, slots=True)
class Draw:
    """Randomness handed to one decision: a password seed of 16 bytes with its key's id, and 8 hex digits."""

    seed: bytes = field(repr=False)
    key_id: str
    fingerprint: str
