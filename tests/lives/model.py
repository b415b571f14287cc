"""The contract as a plain reader understands it: dictionaries, no tables of rules, nothing of the bridge's own core.

A request that is worked on in parts is a generator that yields where a part is committed: what a crash leaves is one
of these states, and no other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.lives.files import Files
from tests.lives.records import ACCEPTED, BLOCKED, MINUTE, PART, PENDING, Person, Refused, Reg, Request

REMEMBERED = 10 * MINUTE


@dataclass
class Model(Files):
    """All that is promised to be there, and what administrators make of it."""

    def ask(self, request: Request) -> Iterator[None]:
        """Work on a request; yields after each part that is committed, and leaves ``outcome``."""
        name = (request.who, request.number)
        before = self.answers.get(name)
        if before is not None and self.now - before[0] <= REMEMBERED:
            assert before[1] == request
            self.outcome = "as before"
            return
        try:
            self.check(request)
            if request.command == "accept-all":
                yield from self.accept_all(request)
            elif request.command == "bulk-register":
                yield from self.bulk(request)
            else:
                self.outcome = getattr(self, request.command.replace("-", "_"))(request, request.payload)
        except Refused as refused:
            one = request.payload.get("id") if isinstance(request.payload, dict) else None
            is_of_one = request.command in {"register", "accept", "delete", "delete-device"}
            self.note(request, one if is_of_one else None, refused.code)
            self.outcome = refused.code
        self.answers[name] = (self.now, request)
        yield

    def each(self, request: Request, ids: list[Any], act: Any) -> dict[str, str]:
        """Do something for each of several devices; what one is refused concerns it alone."""
        outcome: dict[str, str] = {}
        for item in ids:
            id_ = item if isinstance(item, str) else item["id"]
            tenant, code = act(request, item)
            self.note(request, id_, code, tenant)
            outcome.setdefault(id_, code)
        return outcome

    def one_or_more(self, request: Request, several: str, act: Any) -> Any:
        payload = request.payload
        if several in payload:
            return self.each(request, payload[several], act)
        tenant, code = act(request, payload)
        self.note(request, payload["id"], code, tenant)
        return code

    def register(self, request: Request, payload: dict[str, Any]) -> Any:
        return self.one_or_more(request, "devices", self.register_one)

    def register_one(self, request: Request, item: dict[str, Any]) -> tuple[str | None, str]:
        id_, tenant = item["id"], item.get("tenant", request.tenant)
        entry = self.devices.get(id_)
        if id_ in self.regs:
            return tenant, "ALREADY_REGISTERED"
        if entry is not None and entry.tenant != tenant:
            return tenant, "ALREADY_EXISTS"
        token = item.get("securityToken")
        self.regs[id_] = Reg(
            tenant, request.who, self.now, name=item.get("name"), token=token, auto=item.get("autoAccept", False)
        )
        self.strangers.pop(id_, None)
        return tenant, "ok"

    def accept(self, request: Request, payload: dict[str, Any]) -> Any:
        return self.one_or_more(request, "devices", self.accept_one)

    def accept_one(self, request: Request, item: dict[str, Any]) -> tuple[str | None, str]:
        reg = self.seen(request, item["id"])
        if reg is None:
            return None, "NOT_FOUND"
        named = item.get("claim")
        if reg.status == ACCEPTED:
            is_it = named is None or (reg.chosen is not None and reg.chosen.print == named)
            return reg.tenant, "ok" if is_it else "INVALID_STATE"
        if reg.status != PENDING:
            return reg.tenant, "INVALID_STATE"
        code = self.choice(item["id"], reg, item.get("securityToken"), named, gentle=False)
        return reg.tenant, code

    def choice(self, id_: str, reg: Reg, token: str | None, named: str | None, *, gentle: bool) -> str:
        """Find the claim that is meant, and accept it."""
        tokens = self.tokens(reg.tenant)
        given = token or (None if named is not None and reg.lent else reg.token)
        contradicts = token is not None and reg.token is not None and not reg.lent and token != reg.token
        fitting = [one for one in reg.claims if named is None or one.print == named]
        if not fitting:
            return "NOT_FOUND"
        shows_token = any(one.shown.token is not None for one in fitting)
        if tokens == "IGNORED":
            pass
        elif contradicts:
            return self.mismatch(reg, gentle)
        elif not shows_token:
            if tokens == "REQUIRED" and (named is not None or reg.token is None):
                if named is None and self.blocks(reg.tenant) and not gentle:
                    reg.status, reg.reason = BLOCKED, "TOKEN_MISSING"
                    return "BLOCKED"
                return "TOKEN_REQUIRED"
            if named is None and reg.overflow:
                return self.lend(reg, token)
        elif given is None:
            return "TOKEN_REQUIRED"
        else:
            fitting = [one for one in fitting if one.shown.token == given]
            if not fitting:
                return self.lend(reg, token) if reg.overflow and named is None else self.mismatch(reg, gentle)
        if len(fitting) > 1:
            return "CLAIM_CONFLICT"
        self.choose(id_, reg, fitting[0])
        return "ok"

    def mismatch(self, reg: Reg, gentle: bool) -> str:
        if gentle:  # accept-all never blocks, and counts nothing
            return "TOKEN_REQUIRED"
        reg.failed += 1
        if reg.failed < self.attempts(reg.tenant):
            return "TOKEN_MISMATCH"
        reg.status, reg.reason = BLOCKED, "TOO_MANY_ATTEMPTS"
        return "BLOCKED"

    def lend(self, reg: Reg, token: str | None) -> str:
        if token is not None:
            reg.token, reg.lent = token, True
        return "CLAIM_CONFLICT"

    def accept_all(self, request: Request) -> Iterator[None]:
        accepted, failed = 0, {}
        ids = sorted(id_ for id_, reg in self.regs.items() if reg.status == PENDING and self.seen(request, id_))
        for number, id_ in enumerate(ids):
            if number and number % PART == 0:
                yield
            reg = self.regs[id_]
            code = self.choice(id_, reg, None, None, gentle=True)
            if code == "ok":
                accepted += 1
                self.note(request, id_, "ok", reg.tenant)
            else:
                failed[id_] = code
        if ids and len(ids) % PART == 0:
            yield
        self.note(request, None, "ok")
        self.outcome = (accepted, failed)

    def delete(self, request: Request, payload: dict[str, Any]) -> Any:
        return self.one_or_more(request, "ids", self.delete_one)

    def delete_one(self, request: Request, item: Any) -> tuple[str | None, str]:
        id_ = item if isinstance(item, str) else item["id"]
        reg = self.seen(request, id_)
        if reg is None:
            return None, "NOT_FOUND"
        del self.regs[id_]
        if reg.status == ACCEPTED and reg.confirmed is None:
            self.remove(id_)
        return reg.tenant, "ok"

    def delete_device(self, request: Request, payload: dict[str, Any]) -> str:
        id_ = payload["id"]
        reg, entry = self.regs.get(id_), self.devices.get(id_)
        is_device = entry is not None and entry.tenant == request.tenant
        is_accepted = reg is not None and reg.tenant == request.tenant and reg.status == ACCEPTED
        if not is_device and not is_accepted:
            raise Refused("NOT_FOUND")
        self.regs.pop(id_, None)
        self.remove(id_)
        self.note(request, id_, "ok")
        return "ok"

    def set_option(self, request: Request, payload: dict[str, Any]) -> str:
        self.options[request.tenant, payload["key"]] = payload["value"]
        self.note(request, None, "ok")
        return "ok"

    def create_tenant(self, request: Request, payload: dict[str, Any]) -> str:
        if payload["id"] in self.tenants:
            raise Refused("ALREADY_EXISTS")
        self.tenants.add(payload["id"])
        self.note(request, None, "ok")
        return "ok"

    def create_administrator(self, request: Request, payload: dict[str, Any]) -> str:
        tenant = payload.get("tenant", request.tenant)
        if tenant not in self.tenants:
            raise Refused("UNKNOWN_TENANT")
        return self.people_come(request, payload["name"], Person(tenant, payload["role"]))

    def create_application(self, request: Request, payload: dict[str, Any]) -> str:
        return self.people_come(request, payload["name"], Person(request.tenant, None))

    def people_come(self, request: Request, name: str, person: Person) -> str:
        there = self.people.get(name)
        if there is not None and there.wanted:
            raise Refused("ALREADY_EXISTS")
        self.people[name] = person
        self.note(request, None, "ok", person.tenant)
        return "ok"

    def delete_administrator(self, request: Request, payload: dict[str, Any]) -> str:
        name = payload["name"]
        person = self.people.get(name)
        if person is None or not person.wanted or person.role is None:
            raise Refused("NOT_FOUND")
        if request.tenant not in ("management", person.tenant):
            raise Refused("NOT_FOUND")
        owners = [
            one for one, other in self.people.items()
            if other.wanted and other.role == "owner" and other.tenant == person.tenant
        ]  # fmt: skip
        if owners == [name] and request.tenant == person.tenant:
            raise Refused("INVALID_STATE")
        return self.people_leave(request, person)

    def delete_application(self, request: Request, payload: dict[str, Any]) -> str:
        person = self.people.get(payload["name"])
        if person is None or not person.wanted or person.role is not None or person.tenant != request.tenant:
            raise Refused("NOT_FOUND")
        return self.people_leave(request, person)

    def people_leave(self, request: Request, person: Person) -> str:
        person.wanted = False
        self.note(request, None, "ok", person.tenant)
        return "ok"
