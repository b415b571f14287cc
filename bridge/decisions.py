"""What goes into a decision and what comes out of it: commands, effects, events, refusals. Data only.

Times are whole milliseconds since 1970, UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.registration import CallKind, Claim, Code, Device, Form, Registration, Said, Status

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
    token: str | None = field(default=None, repr=False)
    token_is_long: bool = False
    auto_accept: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A well-formed call on the bootstrap broker."""

    id: str
    kind: CallKind
    client_id: str = field(repr=False)
    form: Form
    token: str | None = field(default=None, repr=False)
    public_key: str | None = None


@dataclass(frozen=True, slots=True)
class Accept:
    """An administrator accepts. ``gentle`` is accept-all's way: it never blocks."""

    id: str
    by: str
    token: str | None = field(default=None, repr=False)
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
    token: str | None = field(default=None, repr=False)
    token_is_long: bool = False
    auto_accept: bool | None = None


@dataclass(frozen=True, slots=True)
class Provision:
    """A line of a full bulk file: the device needs no acceptance, its password comes from the file.

    ``secret`` is that password encrypted, ``seed`` and ``key_id`` name it. ``held``: the account has this password
    already, which this administrator may know, since ``installed``, and seed and key are the account's own.
    """

    id: str
    tenant: str
    by: str
    said: Said
    bulk: str
    may_update: bool
    seed: bytes = field(repr=False)
    key_id: str
    secret: bytes | None = field(default=None, repr=False)
    held: bool = False
    installed: int | None = None


@dataclass(frozen=True, slots=True)
class MarkInstalled:
    """The operations broker has confirmed the account whose password comes from ``seed``."""

    id: str
    seed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class MarkDelivered:
    """The bootstrap broker took the credentials made from ``seed`` for a listener."""

    id: str
    seed: bytes = field(repr=False)


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

    seed: bytes = field(repr=False)
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
