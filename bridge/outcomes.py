"""What the rows of the rules do: each function answers the decision for one case. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from bridge.claims import Chosen, Mismatch, TakeToken, Undecided, choose, claim_of, shows
from bridge.decisions import (
    Accept,
    Age,
    Announce,
    Call,
    Command,
    Confirm,
    Decision,
    Delete,
    DeleteDevice,
    Deliver,
    Effect,
    Enter,
    Event,
    Install,
    MarkDelivered,
    MarkInstalled,
    Provision,
    Refusal,
    Register,
    Remove,
    Reply,
)
from bridge.inventory import described, entry_for, is_to_come
from bridge.registration import MAX_CLAIMS, CallKind, Claim, Code, Device, Draw, Policy, Registration, Status

BY_DEVICE: Final = "device"
BY_BRIDGE: Final = "bridge"

WAITING, PENDING, ACCEPTED, BLOCKED = Status


@dataclass(slots=True)
class Case:
    """One command with all that its decision may look at.

    ``device_tenant``: whose inventory has the id already. ``device``: that entry, for commands that look into it.
    """

    registration: Registration | None
    command: Command
    policy: Policy
    now: int
    draw: Draw
    device_tenant: str | None = None
    device: Device | None = None

    @property
    def reg(self) -> Registration:
        """The registration, in rows that begin with one."""
        assert self.registration is not None
        return self.registration


def _decision(
    after: Registration | None,
    *events: Event,
    effects: Iterable[Effect] = (),
    refusal: Refusal | None = None,
) -> Decision:
    return Decision(after, events, tuple(effects), refusal)


def _event(case: Case, name: str, registration: Registration, by: str, reason: str | None = None) -> Event:
    return Event(name, registration.id, registration.tenant, registration.status, case.now, by, reason)


def refuse(code: Code, message: str) -> Callable[[Case, Command], Decision]:
    def act(case: Case, command: Command) -> Decision:
        return _decision(case.registration, refusal=Refusal(code, message.format(id=command.id)))

    return act


def keep(case: Case, command: Command) -> Decision:
    return _decision(case.registration)


def register(case: Case, command: Register) -> Decision:
    registration = Registration(
        id=command.id,
        tenant=command.tenant,
        owner=command.by,
        created=case.now,
        name=command.name,
        type=command.type,
        group=command.group,
        properties=command.properties,
        token=command.token,
        token_is_long=command.token_is_long,
        auto_accept=command.auto_accept,
    )
    return _decision(registration, _event(case, "registered", registration, command.by))


def with_call(case: Case, call: Call) -> Registration:
    reg = case.reg
    return replace(
        reg,
        calls=reg.calls + 1,
        first_called=case.now if reg.first_called is None else reg.first_called,
        last_seen=case.now,
        token_sent=reg.token_sent or call.token is not None,
    )


_NOT_ACCEPTED: Final = (Reply(credentials=False),)


def count(case: Case, call: Call) -> Decision:
    return _decision(with_call(case, call), effects=_NOT_ACCEPTED)


def claim(case: Case, call: Call) -> Decision:
    counted = with_call(case, call)
    claim = claim_of(call, case.draw, case.now, counted.claims)
    after = replace(counted, status=PENDING, claims=(*counted.claims, claim))
    return _decision(after, _event(case, "requested", after, BY_DEVICE), effects=_NOT_ACCEPTED)


def claim_replacing_last(case: Case, call: Call) -> Decision:
    counted = with_call(case, call)
    kept = counted.claims[:-1]
    after = replace(counted, claims=(*kept, claim_of(call, case.draw, case.now, counted.claims)))
    return _decision(after, _event(case, "requested", after, BY_DEVICE), effects=_NOT_ACCEPTED)


def overflow(case: Case, call: Call) -> Decision:
    after = replace(with_call(case, call), claims_overflow=True)
    events = () if case.reg.claims_overflow else (_event(case, "claim-conflict", after, BY_DEVICE, "CLAIMS_OVERFLOW"),)
    return _decision(after, *events, effects=_NOT_ACCEPTED)


def claim_and_accept(case: Case, call: Call) -> Decision:
    shown = next((claim for claim in case.reg.claims if shows(claim, call)), None)
    if shown is not None:  # it called before the administrator gave the token
        return _also_not_accepted(accepting(case, with_call(case, call), shown, BY_BRIDGE))
    claimed = claim(case, call) if len(case.reg.claims) < MAX_CLAIMS else claim_replacing_last(case, call)
    assert claimed.after is not None
    accepted = accepting(case, claimed.after, claimed.after.claims[-1], BY_BRIDGE)
    return _also_not_accepted(replace(accepted, events=(*claimed.events, *accepted.events)))


def _also_not_accepted(decision: Decision) -> Decision:
    """The call at hand gets the usual answer: no credentials leave before the account is there."""
    return replace(decision, effects=(*_NOT_ACCEPTED, *decision.effects))


def count_guess(case: Case, call: Call) -> Decision:
    after = replace(with_call(case, call), wrong_calls=case.reg.wrong_calls + 1)
    if after.wrong_calls < case.policy.max_attempts:
        return _decision(after, effects=_NOT_ACCEPTED)
    after = replace(after, auto_accept=False)
    return _decision(after, _event(case, "auto-accept-suspended", after, BY_DEVICE), effects=_NOT_ACCEPTED)


def block_missing(case: Case, call: Call) -> Decision:
    after = replace(with_call(case, call), status=BLOCKED, reason="TOKEN_MISSING")
    return _decision(after, _event(case, "blocked", after, BY_DEVICE, after.reason), effects=_NOT_ACCEPTED)


def answer_with_credentials(case: Case, call: Call) -> Decision:
    after = with_call(case, call)
    if after.installed is None:
        return _decision(after, effects=_NOT_ACCEPTED)
    if call.kind is CallKind.PLAIN and call.public_key is None and after.answered_plain is None:
        after = replace(after, answered_plain=case.now)
    return _decision(after, effects=(Reply(credentials=True),))


def after_completion(case: Case, call: Call) -> Decision:
    after = with_call(case, call)
    return _decision(after, _event(case, "request-after-completion", after, BY_DEVICE), effects=_NOT_ACCEPTED)


def unregistered(case: Case, call: Call) -> Decision:
    if case.device_tenant is None:
        return _decision(None, effects=_NOT_ACCEPTED)
    event = Event("request-after-completion", call.id, case.device_tenant, None, case.now, BY_DEVICE)
    return _decision(None, event, effects=_NOT_ACCEPTED)


def accepting(case: Case, registration: Registration, claim: Claim, by: str) -> Decision:
    after = replace(
        registration,
        status=ACCEPTED,
        accepted=case.now,
        accepted_claim=claim.fingerprint,
        seed=case.draw.seed,
        key_id=case.draw.key_id,
    )
    return _decision(after, _event(case, "accepted", after, by), effects=(Install(case.draw.seed, case.draw.key_id),))


def accept(case: Case, accept: Accept) -> Decision:
    choice = choose(case.reg, accept, case.policy)
    assert isinstance(choice, Chosen)
    return accepting(case, case.reg, choice.claim, accept.by)


def count_mismatch(case: Case, accept: Accept) -> Decision:
    after = replace(case.reg, failed_attempts=case.reg.failed_attempts + 1)
    left = case.policy.max_attempts - after.failed_attempts
    refusal = Refusal(
        Code.TOKEN_MISMATCH,
        f"the security token is not the one that the device {accept.id} showed: "
        f"compare it with the label; {left} more wrong {'token blocks' if left == 1 else 'tokens block'} it",
    )
    return _decision(after, _event(case, "token-mismatch", after, accept.by), refusal=refusal)


def block(reason: str, message: str) -> Callable[[Case, Accept], Decision]:
    def act(case: Case, accept: Accept) -> Decision:
        failed = case.reg.failed_attempts + (reason == "TOO_MANY_ATTEMPTS")
        after = replace(case.reg, status=BLOCKED, reason=reason, failed_attempts=failed)
        refusal = Refusal(Code.BLOCKED, message.format(id=accept.id) + ": delete it and register it again")
        return _decision(after, _event(case, "blocked", after, accept.by, reason), refusal=refusal)

    return act


def take_token(case: Case, accept: Accept) -> Decision:
    choice = choose(case.reg, accept, case.policy)
    assert isinstance(choice, TakeToken)
    after = replace(case.reg, token=accept.token, token_from_accept=True)
    return _decision(after, _event(case, "claim-conflict", after, accept.by), refusal=choice.refusal)


def undecided(case: Case, accept: Accept) -> Decision:
    choice = choose(case.reg, accept, case.policy)
    if isinstance(choice, Undecided):
        refusal = choice.refusal
    elif isinstance(choice, Mismatch):  # asked gently, which counts nothing
        refusal = Refusal(
            Code.TOKEN_REQUIRED,
            f"no call for {accept.id} showed the security token given for it: accept it with the one on its label",
        )
    else:  # required, no caller showed one, and it is not to block
        refusal = Refusal(
            Code.TOKEN_REQUIRED,
            f"no call for {accept.id} showed a security token, and the policy requires one",
        )
    conflict = refusal.code is Code.CLAIM_CONFLICT and not accept.gentle
    events = (_event(case, "claim-conflict", case.reg, accept.by),) if conflict else ()
    return _decision(case.reg, *events, refusal=refusal)


def delete(case: Case, command: Delete) -> Decision:
    reg = case.reg
    unconfirmed = reg.status is ACCEPTED and reg.confirmed is None
    return _decision(None, _event(case, "deleted", reg, command.by), effects=(Remove(),) if unconfirmed else ())


def delete_device(case: Case, command: DeleteDevice) -> Decision:
    reg, device = case.registration, case.device
    if reg is not None:
        return _decision(None, _event(case, "deleted", reg, command.by), effects=(Remove(),))
    assert device is not None
    event = Event("deleted", device.id, device.tenant, None, case.now, command.by)
    return _decision(None, event, effects=(Remove(),))


def _patched(registration: Registration, command: Announce) -> Registration:
    """What a line says goes over what is there; the token of a registration begins a new life of guesses."""
    said = command.said
    after = replace(
        registration,
        name=registration.name if said.name is None else said.name,
        type=registration.type if said.type is None else said.type,
        group=registration.group if said.group is None else said.group,
    )
    if registration.status is not ACCEPTED:
        if command.token is not None and (command.token != registration.token or registration.token_from_accept):
            after = replace(
                after,
                token=command.token,
                token_from_accept=False,
                token_is_long=command.token_is_long,
                wrong_calls=0,
                auto_accept=bool(command.auto_accept),
            )
        if command.auto_accept is not None:
            after = replace(after, auto_accept=command.auto_accept)
    return after


def announce(case: Case, command: Announce) -> Decision:
    said = command.said
    after = Registration(
        id=command.id,
        tenant=command.tenant,
        owner=command.by,
        created=case.now,
        name=said.name,
        type=said.type,
        group=said.group,
        token=command.token,
        token_is_long=command.token_is_long,
        auto_accept=bool(command.auto_accept),
        bulk=command.bulk,
    )
    event = Event("registered", after.id, after.tenant, WAITING, case.now, command.by)
    return Decision(after, (event,))


def update(case: Case, command: Announce) -> Decision:
    after = _patched(case.reg, command)
    return _decision(case.reg if after == case.reg else replace(after, bulk=command.bulk))


def told(case: Case, command: Announce | Provision) -> Registration | None:
    """Return the registration with what a line says of its device, where the entry is still to come from it."""
    reg = case.registration
    if reg is None or isinstance(command, Provision) or not is_to_come(reg):
        return reg
    after = _patched(reg, command)
    return reg if after == reg else replace(after, bulk=command.bulk)


def enter(case: Case, command: Announce | Provision) -> Decision:
    assert case.device is not None
    entry = described(case.device, command.said, command.bulk)
    return _decision(told(case, command), effects=() if entry is case.device else (Enter(entry),))


def provision(case: Case, command: Provision) -> Decision:
    before = case.registration
    reg = before or Registration(command.id, command.tenant, command.by, case.now)
    after = replace(
        reg,
        status=ACCEPTED,
        reason=None,
        auto_accept=False,
        accepted_claim=None,
        seed=command.seed,
        key_id=command.key_id,
        accepted=case.now,
        installed=command.installed,
        answered_plain=None,
        delivered=None,
        confirmed=case.now,
        bulk=command.bulk,
    )
    entry = case.device
    if entry is None or (before is not None and is_to_come(before)):
        entry = entry_for(reg, case.device, case.now)
    entry = described(entry, command.said, command.bulk)
    after = replace(after, name=entry.name, type=entry.type, group=entry.group)
    happened = [] if before is not None else [_event(case, "registered", after, command.by)]
    happened += [_event(case, name, after, command.by) for name in ("accepted", "confirmed")]
    install = () if command.held else (Install(command.seed, command.key_id, command.secret),)
    return _decision(after, *happened, effects=(*install, Enter(replace(entry, bulk=command.bulk))))


def installed(case: Case, command: MarkInstalled) -> Decision:
    after = replace(case.reg, installed=case.now)
    return _decision(after, effects=() if after.accepted_claim is None else (Deliver(),))


def delivered(case: Case, command: MarkDelivered) -> Decision:
    after = replace(case.reg, delivered=case.now)
    return _decision(after, _event(case, "delivered", after, BY_BRIDGE))


def confirm(case: Case, command: Confirm) -> Decision:
    after = replace(case.reg, confirmed=case.now)
    return _decision(after, _event(case, "confirmed", after, BY_DEVICE))


def expire(case: Case, command: Age) -> Decision:
    return _decision(None, _event(case, "expired", case.reg, BY_BRIDGE))


def retire(case: Case, command: Age) -> Decision:
    return _decision(None)
