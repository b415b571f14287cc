"""What calls, accounts and time do to registrations, as a plain reader of the contract understands it."""

from dataclasses import dataclass, field
from typing import Any

from tests.lives.records import (
    ACCEPTED,
    BLOCKED,
    MINUTE,
    PENDING,
    WAITING,
    Dev,
    Kept,
    Login,
    Person,
    Reg,
    Request,
    Shown,
)

PLAIN_WINDOW = 10 * MINUTE
STRICTNESS = ("IGNORED", "OPTIONAL", "REQUIRED")


@dataclass
class Devices:
    """All that is promised to be there."""

    now: int
    regs: dict[str, Reg] = field(default_factory=dict)
    devices: dict[str, Dev] = field(default_factory=dict)
    logins: dict[str, Login] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    tenants: set[str] = field(default_factory=lambda: {"management", "default"})
    options: dict[tuple[str, str], Any] = field(default_factory=dict)
    strangers: dict[str, int] = field(default_factory=dict)
    audit: list[tuple[str, str, str, str | None, str]] = field(default_factory=list)
    files: int = 0
    answers: dict[tuple[str, int], tuple[int, Request]] = field(default_factory=dict)
    lives: int = 0
    outcome: Any = None
    """What the request came to: ``ok`` or a code, and per device where there are several."""

    # What holds for a tenant.

    def option(self, tenant: str, key: str, default: Any) -> Any:
        return self.options.get((tenant, key), default)

    def tokens(self, tenant: str) -> str:
        own = self.option(tenant, "security-token.policy", "OPTIONAL")
        above = self.option("management", "security-token.policy", own)
        return str(max(own, above, key=STRICTNESS.index))

    def attempts(self, tenant: str) -> int:
        return int(self.option(tenant, "security-token.max-attempts", 5))

    def blocks(self, tenant: str) -> bool:
        return bool(self.option(tenant, "token-missing.action", "BLOCK") == "BLOCK")

    def is_over(self, reg: Reg) -> bool:
        window = self.option(reg.tenant, "redelivery.window", 86_400) * 1_000
        return (
            reg.confirmed is not None
            or (reg.accepted is not None and self.now - reg.accepted >= window)
            or (reg.answered is not None and self.now - reg.answered >= PLAIN_WINDOW)
        )

    # Devices.

    def call(self, id_: str, shown: Shown) -> bool:
        """A device calls; tell whether it gets credentials."""
        reg = self.regs.get(id_)
        if reg is None:
            self.strangers[id_] = self.strangers.get(id_, 0) + 1
            return False
        reg.calls += 1
        if reg.status == BLOCKED:
            return False
        if reg.status == ACCEPTED:
            is_chosen = reg.chosen is not None and reg.chosen.shown == shown
            if self.is_over(reg) or not is_chosen or not reg.installed:
                return False
            if shown.client is None and shown.key is None and reg.answered is None:
                reg.answered = self.now
            return True
        known = reg.token is not None or any(one.shown.token for one in reg.claims)
        if self.tokens(reg.tenant) == "REQUIRED" and shown.token is None and not known:
            if self.blocks(reg.tenant):
                reg.status, reg.reason = BLOCKED, "TOKEN_MISSING"
        elif reg.token is not None and shown.token != reg.token:
            if reg.auto and shown.token is not None and len(reg.token) < 16:
                reg.guesses += 1
                reg.auto = reg.guesses < self.attempts(reg.tenant)
        else:
            self.claim(reg, shown)
            if reg.auto:
                self.choose(id_, reg, next(one for one in reg.claims if one.shown == shown))
        return False

    def claim(self, reg: Reg, shown: Shown) -> None:
        if any(one.shown == shown for one in reg.claims):
            return
        if len(reg.claims) < 4:
            reg.claims.append(Kept(shown))
            reg.status = PENDING
        elif reg.auto or (reg.token is not None and reg.claims[-1].shown.token != reg.token):
            reg.claims[-1] = Kept(shown)
        else:
            reg.overflow = True

    def choose(self, id_: str, reg: Reg, kept: Kept) -> None:
        self.lives += 1
        reg.status, reg.chosen, reg.life, reg.accepted = ACCEPTED, kept, self.lives, self.now
        self.logins[id_] = Login(reg.tenant, self.lives)

    def mark_installed(self, id_: str) -> None:
        """The broker has confirmed a device's account."""
        login, reg = self.logins[id_], self.regs.get(id_)
        login.installed = True
        if reg is None or reg.status != ACCEPTED or reg.life != login.life or reg.installed:
            return
        reg.installed = True
        if reg.chosen is not None:
            self.enter(id_, reg)

    def enter(self, id_: str, reg: Reg) -> Dev:
        """Make the inventory entry that comes with an account."""
        entry = self.devices.setdefault(id_, Dev(reg.tenant, reg.owner, self.now))
        entry.owner = reg.owner
        entry.name = entry.name if reg.name is None else reg.name
        entry.group = entry.group if reg.group is None else reg.group
        entry.file_by = entry.file_by if reg.file_by is None else reg.file_by
        return entry

    def hear(self, id_: str, tenant: str, life: int | None, said: dict[str, str]) -> None:
        """A device, of which the broker knew it by the password of ``life``, says something of itself."""
        reg, entry = self.regs.get(id_), self.devices.get(id_)
        if reg is not None and reg.tenant == tenant and reg.installed and reg.confirmed is None:
            assert life == reg.life, ("what an earlier life said confirms nothing", life, reg)
            reg.confirmed = self.now
        if entry is not None and entry.tenant == tenant:
            entry.heard = self.now
            entry.name = said.get("name", entry.name)
            entry.said = said.get("colour", entry.said)

    def age(self) -> None:
        """Time has passed, and the house is kept."""
        for id_, reg in list(self.regs.items()):
            ttl = self.option(reg.tenant, "registration.ttl", 0) * 1_000
            retention = self.option(reg.tenant, "registration.retention", 86_400) * 1_000
            is_old = reg.status in (WAITING, PENDING) and 0 < ttl <= self.now - reg.created
            if is_old or (reg.confirmed is not None and self.now - reg.confirmed >= retention):
                del self.regs[id_]

    def remove(self, id_: str) -> None:
        """Take a device's account and its entry away."""
        self.devices.pop(id_, None)
        login = self.logins.get(id_)
        if login is not None:
            login.wanted = login.installed = False
