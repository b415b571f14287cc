"""What a plain reader of the contract writes down: registrations, devices, logins, requests."""

from dataclasses import dataclass, field, replace
from typing import Any

WAITING, PENDING, ACCEPTED, BLOCKED = "WAITING", "PENDING", "ACCEPTED", "BLOCKED"
MINUTE = 60_000
PART = 2
"""Devices in one part of a sweep or a file, here."""


@dataclass(frozen=True)
class Shown:
    """What a caller shows. ``client`` None: it calls on the plain topic."""

    client: str | None
    form: str
    token: str | None = None
    key: str | None = None


@dataclass
class Kept:
    """A claim, and the fingerprint under which administrators see it, once it was seen."""

    shown: Shown
    print: str | None = None


@dataclass
class Reg:
    """A registration."""

    tenant: str
    owner: str
    created: int
    status: str = WAITING
    reason: str | None = None
    name: str | None = None
    group: str | None = None
    token: str | None = None
    lent: bool = False
    """The token was given at accept, not at registration."""
    auto: bool = False
    guesses: int = 0
    failed: int = 0
    calls: int = 0
    claims: list[Kept] = field(default_factory=list)
    overflow: bool = False
    chosen: Kept | None = None
    life: int | None = None
    accepted: int | None = None
    installed: bool = False
    answered: int | None = None
    delivered: bool = False
    confirmed: int | None = None
    file_by: str | None = None
    """Whose file wrote it last."""


@dataclass
class Dev:
    """An entry of the inventory."""

    tenant: str
    owner: str
    created: int
    name: str | None = None
    group: str | None = None
    said: str | None = None
    """The one custom property that devices here tell of."""
    heard: int | None = None
    file_by: str | None = None


@dataclass
class Login:
    """A device's account. ``life`` tells its passwords apart, ``password`` is one that a file brought."""

    tenant: str
    life: int
    password: str | None = None
    wanted: bool = True
    installed: bool = False


@dataclass
class Person:
    """An administrator's account, or an application's with the role None."""

    tenant: str
    role: str | None
    wanted: bool = True


@dataclass(frozen=True)
class Line:
    """A line of a bulk file; ``credentials`` None: of a simple one."""

    id: str
    name: str = ""
    path: str = ""
    token: str = ""
    auto: str = ""
    credentials: str | None = None
    tenant: str = ""


@dataclass(frozen=True)
class Request:
    """What an administrator asks; ``payload`` as JSON would have it, or the lines of a file."""

    who: str
    command: str
    payload: Any
    number: int

    @property
    def tenant(self) -> str:
        return self.who.split("/")[0]


class Refused(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def described(record: Reg | Dev, line: Line) -> Reg | Dev:
    """What a record would be with what a line says of it."""
    return replace(record, name=line.name or record.name, group=line.path or record.group)


def describe(record: Reg | Dev, line: Line) -> None:
    record.name, record.group = line.name or record.name, line.path or record.group


def patch(reg: Reg, line: Line) -> None:
    """What a line of a simple file makes of a registration that waits."""
    describe(reg, line)
    if line.token and (line.token != reg.token or reg.lent):
        reg.token, reg.lent, reg.guesses, reg.auto = line.token, False, 0, False
    if line.auto:
        reg.auto = line.auto == "true"
