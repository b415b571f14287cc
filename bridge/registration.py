"""The words of the core: registrations, claims, commands, events, effects. Data only; the rules stand in ``rules``.

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
    client_id: str
    token: str | None
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
    token: str | None = None
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
    seed: bytes | None = None
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

    seed: bytes
    key_id: str
    fingerprint: str


# Commands: what somebody wants, or what has become true outside.


@dataclass(frozen=True, slots=True)
class Register:
    """An administrator announces a device. ``by`` is ``<tenant>/<administrator>``."""

    id: str
    tenant: str
    by: str
    name: str | None = None
    type: str | None = None
    group: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)
    token: str | None = None
    token_is_long: bool = False
    auto_accept: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A well-formed call on the bootstrap broker."""

    id: str
    kind: CallKind
    client_id: str
    form: Form
    token: str | None = None
    public_key: str | None = None


@dataclass(frozen=True, slots=True)
class Accept:
    """An administrator accepts. ``gentle`` is accept-all's way: it never blocks."""

    id: str
    by: str
    token: str | None = None
    claim: str | None = None
    gentle: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """An administrator deletes a registration."""

    id: str
    by: str


@dataclass(frozen=True, slots=True)
class DeleteDevice:
    """An administrator deletes a device: its account, its entry and, if there is one, its registration."""

    id: str
    by: str


@dataclass(frozen=True, slots=True)
class Announce:
    """A line of a simple bulk file: registers a device, or updates what is there. ``may_update``: by an owner."""

    id: str
    tenant: str
    by: str
    said: Said
    bulk: str
    may_update: bool
    token: str | None = None
    token_is_long: bool = False
    auto_accept: bool | None = None


@dataclass(frozen=True, slots=True)
class Provision:
    """A line of a full bulk file: the device needs no acceptance, its password comes from the file.

    ``secret`` is that password encrypted, ``seed`` and ``key_id`` name it. ``held``: the account has this password
    already, since ``installed``, and seed and key are the account's own.
    """

    id: str
    tenant: str
    by: str
    said: Said
    bulk: str
    may_update: bool
    seed: bytes
    key_id: str
    secret: bytes | None = field(default=None, repr=False)
    held: bool = False
    installed: int | None = None


@dataclass(frozen=True, slots=True)
class MarkInstalled:
    """The operations broker has confirmed the account whose password comes from ``seed``."""

    id: str
    seed: bytes


@dataclass(frozen=True, slots=True)
class MarkDelivered:
    """The bootstrap broker took the credentials made from ``seed`` for a listener."""

    id: str
    seed: bytes


@dataclass(frozen=True, slots=True)
class Confirm:
    """The device spoke on its own info topic."""

    id: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Age:
    """Time has passed."""

    id: str


Command = (
    Register
    | Announce
    | Provision
    | Call
    | Accept
    | Delete
    | DeleteDevice
    | MarkInstalled
    | MarkDelivered
    | Confirm
    | Age
)


# Effects: what the shell does after the commit; each can be done again without harm.


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer the call at hand: with the credentials, or as to anybody who is not accepted."""

    credentials: bool


@dataclass(frozen=True, slots=True)
class Install:
    """Make the device's account in the operations broker. ``secret``: the password, encrypted, if it is not derived."""

    seed: bytes
    key_id: str
    secret: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Remove:
    """Take the device's account, and the inventory entry made with it, away."""


@dataclass(frozen=True, slots=True)
class Deliver:
    """Push the credentials to the accepted claim."""


@dataclass(frozen=True, slots=True)
class Enter:
    """Write the inventory entry, new or changed; part of the same commit."""

    device: Device


Effect = Reply | Install | Remove | Deliver | Enter


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for those who watch. ``event`` is the contract's word."""

    event: str
    id: str
    tenant: str
    status: Status | None
    at: int
    by: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class BulkEvent:
    """What a bulk file did in one tenant; ``numbers`` by their names in the contract."""

    tenant: str
    at: int
    by: str
    numbers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A no, with what was wrong and what to do next. ``claims`` are the ones to choose from."""

    code: Code
    message: str
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What one command did: the record afterwards (None: there is none), what to tell, what to do, or the refusal."""

    after: Registration | None
    events: tuple[Event, ...] = ()
    effects: tuple[Effect, ...] = ()
    refusal: Refusal | None = None
