"""What the store keeps beside registrations and devices: accounts, audit entries, answered requests. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.registration import Registration

DEVICE: Final = "device"
ADMINISTRATOR: Final = "administrator"
APPLICATION: Final = "application"
"""The kinds of accounts."""


@dataclass(frozen=True, slots=True)
class Change:
    """A registration before and after a decision; None: there was or is none."""

    before: Registration | None
    after: Registration | None


@dataclass(frozen=True, slots=True)
class Account:
    """A login that the operations broker should have (``wanted``) or should lose. ``installed`` None: to be done.

    ``secret`` is a password that somebody chose, encrypted; without it the password is derived from ``seed``.
    ``details`` are what an application may read and write, as JSON. ``revisit``: what it may do has changed since.
    """

    username: str
    kind: str
    tenant: str
    subject: str
    seed: bytes = field(repr=False)
    key_id: str
    role: str | None = None
    wanted: bool = True
    renewed: bool = False
    installed: int | None = None
    secret: bytes | None = field(default=None, repr=False)
    details: str | None = None
    revisit: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """An id that called without a registration."""

    id: str
    calls: int
    first_seen: int
    last_seen: int
    token_sent: bool


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what with which outcome; ``details`` hold no secret. ``tenant`` is the one concerned, who may read it.

    ``bulk`` names the file that a bulk command brought.
    """

    at: int
    tenant: str
    actor: str
    action: str
    device_id: str | None
    outcome: str
    details: Mapping[str, Any]
    bulk: str | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """A changing request that was answered, so that its repeat is not done twice."""

    tenant: str
    administrator: str
    key: str
    command: str
    digest: str = field(repr=False)
    answer: str = field(repr=False)
    at: int
