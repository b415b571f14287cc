"""What requests of administrators have in common, and what lines of files do, as the contract tells of them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.lives.devices import Devices
from tests.lives.records import ACCEPTED, BLOCKED, PART, Line, Login, Refused, Reg, Request, describe, described, patch

RIGHTS: dict[str, set[str]] = {
    "viewer": set(),
    "registrar": {"register", "accept", "accept-all", "delete", "bulk-register"},
    "owner": {
        *("register", "accept", "accept-all", "delete", "bulk-register", "set-option", "delete-device"),
        *("create-administrator", "delete-administrator", "create-application", "delete-application"),
    },
}


@dataclass
class Files(Devices):
    """What administrators may do, what is noted of it, and their files."""

    def check(self, request: Request) -> None:
        person = self.people.get(request.who.split("/")[1])
        if person is None or not person.wanted or person.tenant != request.tenant or person.role is None:
            raise Refused("NOT_PERMITTED")
        if request.command == "create-tenant":
            if person.role != "owner" or request.tenant != "management":
                raise Refused("NOT_PERMITTED")
        elif request.command not in RIGHTS[person.role]:
            raise Refused("NOT_PERMITTED")

    def note(self, request: Request, id_: str | None, outcome: str, tenant: str | None = None) -> None:
        self.audit.append((tenant or request.tenant, request.who, request.command, id_, outcome))

    def seen(self, request: Request, id_: str) -> Reg | None:
        """The registration, if it is for the eyes of who asks."""
        reg = self.regs.get(id_)
        return reg if reg is None or request.tenant in ("management", reg.tenant) else None

    def bulk(self, request: Request) -> Iterator[None]:
        self.files += 1
        file = self.files
        outcome: list[str] = []
        concerned: set[str] = set()
        for number, line in enumerate(request.payload):
            if number and number % PART == 0:
                self.note_file(request, file, concerned)
                yield
                self.check(request)
            outcome.append(self.full(request, line) if line.credentials is not None else self.simple(request, line))
            if outcome[-1] != "MALFORMED_REQUEST":
                concerned.add(line.tenant or request.tenant)
            elif request.tenant != "management":
                concerned.add(request.tenant)
        self.note_file(request, file, concerned)
        if len(request.payload) % PART == 0:
            yield
        self.outcome = outcome

    def note_file(self, request: Request, file: int, concerned: set[str]) -> None:
        """One entry for each tenant in the file, whatever the number of parts."""
        for tenant in concerned or {request.tenant}:
            entry = (tenant, request.who, f"bulk-register {file}", None, "ok")
            if entry not in self.audit:
                self.audit.append(entry)

    def taken(self, request: Request, id_: str, tenant: str) -> str | None:
        reg, entry = self.regs.get(id_), self.devices.get(id_)
        if reg is not None:
            return None if reg.tenant == tenant else "ALREADY_REGISTERED"
        return "ALREADY_EXISTS" if entry is not None and entry.tenant != tenant else None

    def may_update(self, request: Request) -> bool:
        return self.people[request.who.split("/")[1]].role == "owner"

    def simple(self, request: Request, line: Line) -> str:
        tenant = line.tenant or request.tenant
        reg, entry = self.regs.get(line.id), self.devices.get(line.id)
        if code := self.taken(request, line.id, tenant):
            return code
        if reg is None and entry is None:
            self.regs[line.id] = reg = Reg(tenant, request.who, self.now)
            self.strangers.pop(line.id, None)
            patch(reg, line)
            reg.file_by = request.who
        elif reg is None or reg.status == ACCEPTED:
            to_come = reg is not None and not reg.installed and reg.confirmed is None
            told = [one for one in (entry, reg if to_come else None) if one is not None]
            if all(described(one, line) == one for one in told):
                return "ok"
            if not self.may_update(request):
                return "NOT_PERMITTED"
            for one in told:
                if described(one, line) != one:
                    describe(one, line)
                    one.file_by = request.who
        elif reg.status == BLOCKED:
            return "INVALID_STATE"
        else:
            before = replace(reg)
            patch(reg, line)
            reg.file_by = reg.file_by if reg == before else request.who
        return "ok"

    def full(self, request: Request, line: Line) -> str:
        tenant, id_ = line.tenant or request.tenant, line.id
        assert line.credentials is not None
        if len(line.credentials) < 8:
            return "MALFORMED_REQUEST"
        if code := self.taken(request, id_, tenant):
            return code
        reg, entry, login = self.regs.get(id_), self.devices.get(id_), self.logins.get(id_)
        held = login is not None and login.wanted and login.tenant == tenant and login.password == line.credentials
        is_device = entry is not None or (reg is not None and reg.status == ACCEPTED)
        is_calm = reg is None or reg.status == ACCEPTED
        if is_device:
            known = entry or reg
            assert known is not None
            made_it = known.owner == known.file_by == request.who
            is_new = entry is None or described(entry, line) != entry
            may_know = self.may_update(request) or made_it
            if held and is_calm and not is_new and may_know:
                return "ok"
            if not self.may_update(request) and not (held and not is_new and may_know):
                return "NOT_PERMITTED"
            if held and is_calm and entry is not None:
                if is_new:
                    describe(entry, line)
                    entry.file_by = request.who
                return "ok"
        if not held:
            self.lives += 1
            self.logins[id_] = login = Login(tenant, self.lives, line.credentials)
        assert login is not None
        if reg is None:
            self.regs[id_] = reg = Reg(tenant, request.who, self.now)
            self.strangers.pop(id_, None)
            if entry is None:
                entry = self.enter(id_, reg)
        elif entry is None or (not reg.installed and reg.confirmed is None):
            entry = self.enter(id_, reg)
        describe(entry, line)
        entry.file_by = reg.file_by = request.who
        reg.status, reg.reason, reg.auto, reg.chosen = ACCEPTED, None, False, None
        reg.life, reg.accepted, reg.confirmed = login.life, self.now, self.now
        reg.installed, reg.answered, reg.delivered = held and login.installed, None, False
        reg.name, reg.group = entry.name, entry.group
        return "ok"
