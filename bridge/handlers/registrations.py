"""register, accept, accept-all and delete."""

from dataclasses import dataclass, field
from typing import Any, Final

from bridge import names, queries
from bridge.answers import bounded, failure_object, registration_object
from bridge.batch import distinct
from bridge.decisions import Accept, Delete, Register
from bridge.handlers.desk import Desk, Result, Tally
from bridge.names import MANAGEMENT
from bridge.registration import Code, Registration, Status
from bridge.requests import (
    AcceptedDevice,
    AcceptOne,
    BadRequest,
    ById,
    ByIds,
    Many,
    NewDevice,
    RegisterOne,
    Request,
    checked_group,
    checked_id,
    checked_number,
    checked_properties,
    parse,
)
from bridge.wire import Malformed, parse_token

CHUNK: Final = 500
"""Registrations that accept-all decides in one transaction, so that calls get their turn in between."""


def _digest(desk: Desk, device_id: str, text: str) -> tuple[str | None, bool]:
    try:
        token = parse_token(text)
    except Malformed as error:
        raise BadRequest(Code.MALFORMED_REQUEST, str(error)) from None
    if token is None:
        return None, False
    return desk.keys.token_digest(device_id, token), len(token) >= names.LONG_TOKEN


def _register_command(desk: Desk, device: NewDevice) -> Register:
    checked_id(device.id)
    tenant = desk.tenant
    if device.tenant is not None:
        if desk.tenant == MANAGEMENT and device.group is not None:
            raise BadRequest(Code.TENANT_AND_GROUP, "name a tenant or a group, not both: groups stay with their tenant")
        tenant = desk.named_tenant(device.tenant)
    if device.group is not None:
        checked_group(device.group)
    token, token_is_long = _digest(desk, device.id, device.securityToken)
    if device.autoAccept and token is None:
        raise BadRequest(Code.TOKEN_REQUIRED, "autoAccept needs the securityToken that the device will show")
    return Register(
        id=device.id,
        tenant=tenant,
        by=desk.actor,
        name=device.name,
        type=device.type,
        group=device.group,
        properties=checked_properties(device.properties),
        token=token,
        token_is_long=token_is_long,
        auto_accept=device.autoAccept,
    )


def _id_in(value: object) -> str | None:
    device_id = value.get("id") if isinstance(value, dict) else value
    return device_id[:256] if isinstance(device_id, str) else None


def tenant_of(registration: Registration | None) -> str | None:
    """Return the tenant of a registration, where there is one to be seen."""
    return None if registration is None else registration.tenant


async def register(desk: Desk, value: dict[str, Any]) -> Result:
    """Announce one device, or several."""
    many = "devices" in value
    items = parse(Many, value).devices if many else [parse(RegisterOne, value)]
    checked_number(len(items))
    tally = Tally(desk, many)
    commands: list[Register] = []
    for item in items:
        try:
            commands.append(_register_command(desk, parse(NewDevice, item) if many else item))
        except BadRequest as error:
            tally.note(_id_in(item) if many else item.id, error.refusal)
    await desk.load(distinct(command.id for command in commands))
    created: list[dict[str, Any]] = []
    for command in commands:
        decision = desk.batch.decide(command)
        if tally.note(command.id, decision.refusal, tenant=command.tenant) and decision.after is not None:
            created.append(registration_object(decision.after, brief=many))
    await desk.transaction.forget_unregistered([row["id"] for row in created])
    return bounded(created=created, failed=tally.failed)


async def accept(desk: Desk, value: dict[str, Any]) -> Result:
    """Accept one device, or several."""
    many = "devices" in value
    items = parse(Many, value).devices if many else [parse(AcceptOne, value)]
    checked_number(len(items))
    tally = Tally(desk, many)
    commands: list[Accept] = []
    for item in items:
        try:
            device: AcceptedDevice = parse(AcceptedDevice, item) if many else item
            token, _ = _digest(desk, device.id, device.securityToken)
            commands.append(Accept(device.id, desk.actor, token, device.claim))
        except BadRequest as error:
            tally.note(_id_in(item) if many else item.id, error.refusal)
    await desk.load(distinct(command.id for command in commands))
    accepted: list[str] = []
    for command in commands:
        decision = desk.batch.decide(command, hidden=desk.is_hidden(command.id))
        details = {} if command.claim is None else {"claim": command.claim}
        if tally.note(command.id, decision.refusal, details, tenant=tenant_of(decision.after)):
            accepted.append(command.id)
    if many:
        return bounded(accepted=accepted, failed=tally.failed)
    return {"id": accepted[0], "status": Status.ACCEPTED}


async def delete(desk: Desk, value: dict[str, Any]) -> Result:
    """Delete one registration, or several."""
    many = "ids" in value
    ids = distinct(parse(ByIds, value).ids) if many else [parse(ById, value).id]
    checked_number(len(ids))
    await desk.load(ids)
    tally = Tally(desk, many)
    deleted: list[str] = []
    for device_id in ids:
        tenant = tenant_of(desk.batch.registration(device_id, desk.scope))
        decision = desk.batch.decide(Delete(device_id, desk.actor), hidden=desk.is_hidden(device_id))
        if tally.note(device_id, decision.refusal, tenant=tenant):
            deleted.append(device_id)
    return bounded(deleted=deleted, failed=tally.failed)


@dataclass(slots=True)
class AcceptAll:
    """accept-all on its way through the pending registrations, a chunk in each transaction; see ``Sweep``."""

    after: str = ""
    accepted: int = 0
    failed: list[dict[str, Any]] = field(default_factory=list)
    done: bool = False

    @classmethod
    def of(cls, value: dict[str, Any]) -> "AcceptAll":
        """Begin, if the payload is as it should be. Raises BadRequest."""
        parse(Request, value)
        return cls()

    async def step(self, desk: Desk) -> None:
        """Decide the next chunk."""
        ids = await queries.ids_with_status(desk.connection, desk.scope, Status.PENDING, self.after, CHUNK)
        await desk.load(ids)
        for device_id in ids:
            decision = desk.batch.decide(Accept(device_id, desk.actor, gentle=True))
            refusal = decision.refusal
            if refusal is None:
                desk.note(device_id, "ok", tenant=tenant_of(decision.after))
                self.accepted += 1
            else:
                self.failed.append(failure_object(device_id, refusal))
        self.done = len(ids) < CHUNK
        if self.done:
            desk.note(None, "ok", {"accepted": self.accepted, "failed": len(self.failed)})
        else:
            self.after = ids[-1]

    def result(self) -> Result:
        """Return what came of it."""
        return {"acceptedCount": self.accepted, **bounded(failed=self.failed)}
