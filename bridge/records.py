"""What the store keeps beside registrations: accounts, devices, audit entries, answered requests. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.registration import Registration


@dataclass(frozen=True, slots=True)
class Change:
    """A registration before and after a decision; None: there was or is none."""

    before: Registration | None
    after: Registration | None


@dataclass(frozen=True, slots=True)
class Account:
    """A login that the operations broker should have (``wanted``) or should lose. ``installed`` None: to be done."""

    username: str
    kind: str
    tenant: str
    subject: str
    seed: bytes
    key_id: str
    role: str | None = None
    wanted: bool = True
    renewed: bool = False
    installed: int | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """An entry of the inventory."""

    id: str
    tenant: str
    owner: str
    name: str | None
    type: str | None
    group: str | None
    properties: Mapping[str, Any]
    created: int
    last_info: int | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what with which outcome; ``details`` hold no secret."""

    at: int
    tenant: str
    actor: str
    action: str
    device_id: str | None
    outcome: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """A changing request that was answered, so that its repeat is not done twice."""

    tenant: str
    administrator: str
    key: str
    command: str
    digest: str
    answer: str
    at: int
