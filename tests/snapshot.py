"""One installation at one moment: its rows, the broker's accounts, what devices and people were given and told.

Values only. Where they come from is the collector's business (tests/e2e/inspecting.py), what must be true of them is
that of tests/invariants.py.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.clock import clock
from bridge.names import device_username
from bridge.records import Account, Answered, AuditEntry
from bridge.registration import Device, Registration, Status
from bridge.roles import CHANGING


@dataclass(frozen=True, slots=True)
class BrokerAccount:
    """A login as the operations broker has it, or should have it.

    ``mark`` changes with the password, ``granted`` with what the account may do; ``ours``: the bridge made it.
    """

    username: str
    client_id: str | None
    mark: str
    granted: str
    roles: tuple[str, ...]
    ours: bool = True
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """Credentials that a device or a person was given. ``life`` counts the registrations of that user name."""

    username: str
    password: str = field(repr=False)
    client_id: str | None
    life: int = 1


@dataclass(frozen=True, slots=True)
class Attempt:
    """A login that was tried, and whether the broker let it in."""

    username: str
    password: str = field(repr=False)
    client_id: str | None
    worked: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """A changing request, repeated or not; ``answer`` None: nobody heard one.

    ``subjects`` are the device ids, or the names of people, that it was about, where the request names them. ``key``
    is what the bridge recognises a repeat by, ``heard`` when the answer came, in milliseconds since 1970.
    """

    actor: str
    command: str
    subjects: tuple[str, ...]
    answer: Mapping[str, Any] | None = None
    key: str | None = None
    heard: int = 0
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def tenant(self) -> str:
        """Whose administrator asked."""
        return self.actor.partition("/")[0]

    @property
    def done(self) -> tuple[str, ...]:
        """The subjects of which it was told that it was done."""
        if self.answer is None or not self.answer["ok"]:
            return ()
        result = self.answer["result"]
        rows = result.get("failed", ()) or result.get("failedCreationList", ())
        failed = {row.get("id", row.get("deviceId")) for row in rows}
        return tuple(subject for subject in self.subjects if subject not in failed)


@dataclass
class Ledger:
    """What devices and people were given and told, in the order in which they heard it. One actor at a time an id.

    It begins when it is made, at ``since`` in milliseconds since 1970, and knows nothing of what was before.
    """

    since: int = field(default_factory=clock)
    held: list[Held] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    _lives: Counter[str] = field(default_factory=Counter)

    def begin(self, device_id: str, tenant: str = "default") -> None:
        """Note that ``device_id`` begins a new life: it was registered, perhaps again."""
        self._lives[device_username(tenant, device_id)] += 1

    def give(self, credentials: Mapping[str, Any]) -> None:
        """Note credentials as a device was answered, or as an administrator was made (without ``clientId``)."""
        username = credentials["username"]
        life = self._lives[username]
        self.held.append(Held(username, credentials["password"], credentials.get("clientId"), life))

    def tell(
        self,
        actor: str,
        command: str,
        subjects: Sequence[str],
        answer: Mapping[str, Any] | None,
        *,
        correlation: bytes | None = None,
        passwords: Mapping[str, str] | None = None,
    ) -> None:
        """Note a request, if it changes anything, with the answer heard in the end; ``passwords`` of a full file."""
        if command not in CHANGING:
            return
        key = None if correlation is None else f"correlation:{correlation.hex()}"
        if answer is not None and "requestId" in answer:
            key = f"id:{answer['requestId']}"
        self.asked.append(Asked(actor, command, tuple(subjects), answer, key, clock(), passwords or {}))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An installation at rest, seen from all sides.

    ``passwords`` are those that the rows come to (None: not to be derived), ``wanted`` the accounts of the rows as the
    broker should have them, ``broker`` and ``broker_roles`` (with what each grants) what it has, ``others`` and
    ``others_roles`` what it had of somebody else before the bridge came. ``counts`` are the tallies of now; ``now`` is
    in milliseconds since 1970, ``audit`` what was written since the ledger began.
    """

    now: int = 0
    registrations: Mapping[str, Registration] = field(default_factory=dict)
    accounts: Mapping[str, Account] = field(default_factory=dict)
    devices: Mapping[str, Device] = field(default_factory=dict)
    counts: Mapping[tuple[str, Status], int] = field(default_factory=dict)
    tenants: frozenset[str] = frozenset({"management", "default"})
    groups: frozenset[tuple[str, str]] = frozenset()
    audit: tuple[AuditEntry, ...] = ()
    answers: tuple[Answered, ...] = ()
    passwords: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    wanted: Mapping[str, BrokerAccount] = field(default_factory=dict)
    broker: Mapping[str, BrokerAccount] = field(default_factory=dict)
    broker_roles: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, BrokerAccount] = field(default_factory=dict)
    others_roles: Mapping[str, str] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()
    held: tuple[Held, ...] = ()
    asked: tuple[Asked, ...] = ()
