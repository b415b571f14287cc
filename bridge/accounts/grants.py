"""What each kind of account may do on the operations broker, as literal topics. Pure (the contract, section 2).

The names are those of Mosquitto's dynamic security: S sends, R receives, P subscribes to patterns, L literally.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bridge.roles import COMMANDS, OWNER
from bridge.wire import Topics


class Act(StrEnum):
    """The acts that a grant names, in the words of the dynamic security plugin."""

    SEND = "publishClientSend"
    RECEIVE = "publishClientReceive"
    SUBSCRIBE_PATTERN = "subscribePattern"
    SUBSCRIBE_LITERAL = "subscribeLiteral"


_LETTERS = {
    "S": Act.SEND,
    "R": Act.RECEIVE,
    "P": Act.SUBSCRIBE_PATTERN,
    "L": Act.SUBSCRIBE_LITERAL,
}


@dataclass(frozen=True, slots=True)
class Grant:
    """One act on one topic filter, allowed or not; of two that match, the higher priority counts."""

    act: Act
    topic: str
    allow: bool = True
    priority: int = 0

    @property
    def members(self) -> dict[str, Any]:
        """The form of the dynamic security plugin."""
        return {"acltype": self.act.value, "topic": self.topic, "priority": self.priority, "allow": self.allow}


def _grants(letters: str, *topics: str) -> tuple[Grant, ...]:
    return tuple(Grant(_LETTERS[letter], topic) for topic in topics for letter in letters)


def digest_of(grants: Iterable[Grant]) -> str:
    """Return what tells one set of grants from another, to see whether an account has those that it should have."""
    return digest_of_members(grant.members for grant in grants)


def digest_of_members(members: Iterable[Mapping[str, Any]]) -> str:
    """Return the same of grants as the dynamic security plugin has them."""
    lines = sorted({f"{one['acltype']} {one['topic']} {one['allow']} {one['priority']}" for one in members})
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]


def for_device(topics: Topics, tenant: str, device_id: str, further: Iterable[str] = ()) -> tuple[Grant, ...]:
    """A device: its own topics, and those of the option ``topics``, in which ``{id}`` stands for it."""
    own = [topics.prefix + one.replace("{id}", device_id) for one in further]
    return _grants("SRP", topics.device(tenant, device_id), *own)


def for_application(topics: Topics, tenant: str, read: Iterable[str], write: Iterable[str]) -> tuple[Grant, ...]:
    """An application: what it was granted; never may it speak for a device by publishing its ``info``."""
    return (
        *_grants("RP", *(topics.prefix + one for one in read)),
        *_grants("S", *(topics.prefix + one for one in write)),
        Grant(Act.SEND, f"{topics.prefix}devices/{tenant}/+/info", allow=False, priority=1),
    )


def for_administrator(topics: Topics, tenant: str, name: str, role: str) -> tuple[Grant, ...]:
    """An administrator: the commands of the role, the own answers, the tenant's events, the bridge's state.

    An owner may send any one level, so that an unknown command is answered.
    """
    commands = ["+"] if role == OWNER else sorted(COMMANDS[role])
    return (
        *_grants("S", *(topics.request(tenant, name, command) for command in commands)),
        *_grants("RL", topics.response(tenant, name)),
        *_grants("RP", topics.events(tenant)),
        *_grants("RL", topics.state),
    )


def for_bridge_control(topics: Topics) -> tuple[Grant, ...]:
    """The bridge as the one who answers administrators."""
    answers = topics.response("+", "+")
    return (*_grants("RP", topics.requests), *_grants("S", answers, f"{topics.prefix}events/#", topics.state))


def for_bridge_info(topics: Topics) -> tuple[Grant, ...]:
    """The bridge as the one who hears what devices say of themselves, and its own barrier in their midst."""
    return (*_grants("RP", topics.infos), *_grants("S", topics.barrier))


def for_bridge_accounts() -> tuple[Grant, ...]:
    """The bridge as the one who makes accounts, and nothing else."""
    return _grants("SRP", "$CONTROL/dynamic-security/#")
