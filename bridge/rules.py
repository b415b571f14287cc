"""The rules of a registration as one table: from which status, at which command, when, to which status.

``decide`` walks the table and performs the first row that fits. It is a pure function: the clock and the randomness
come as arguments, what is to be done goes out as a value. The table is the specification; the diagram in the design
page is drawn from it. Source of the rows: the contract, sections 3 and 4.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bridge import outcomes as do
from bridge.claims import (
    Chosen,
    Mismatch,
    OnlyTokenless,
    TakeToken,
    carries_other_token,
    choose,
    fits,
    is_missing_token,
    is_new,
    replaces_last,
    same,
    shows,
)
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
    MarkDelivered,
    MarkInstalled,
    Provision,
    Register,
)
from bridge.inventory import described
from bridge.outcomes import Case
from bridge.registration import ANSWERED_PLAIN_WINDOW, Code, Device, Draw, Policy, Registration, Status

WAITING, PENDING, ACCEPTED, BLOCKED = Status


@dataclass(frozen=True, slots=True)
class Row:
    """One rule. ``to`` None: the registration is gone afterwards, or never came to be."""

    sources: tuple[Status | None, ...]
    on: type
    when: str
    to: Status | None
    act: Callable[..., Decision]
    guard: Callable[..., bool] | None = None


# When rows fit.


def _breaks_policy(case: Case, call: Call) -> bool:
    return is_missing_token(case.reg, call, case.policy)


def _breaks_policy_and_blocks(case: Case, call: Call) -> bool:
    return case.policy.block_missing and _breaks_policy(case, call)


def _preauthorised(case: Case, call: Call) -> bool:
    reg = case.reg
    return reg.auto_accept and reg.token is not None and same(reg.token, call.token)


def _guesses(case: Case, call: Call) -> bool:
    reg = case.reg
    return reg.auto_accept and not reg.token_is_long and call.token is not None and carries_other_token(reg, call)


def _is_replacement(case: Case, call: Call) -> bool:
    return replaces_last(case.reg, call)


def _is_claim(case: Case, call: Call) -> bool:
    return is_new(case.reg, call) and fits(case.reg)


def _is_one_too_many(case: Case, call: Call) -> bool:
    return is_new(case.reg, call)


def redelivery_ended(registration: Registration, policy: Policy, now: int) -> bool:
    """Tell whether credentials of an accepted registration are no longer sent (the contract, section 3)."""
    if registration.confirmed is not None:
        return True
    if registration.accepted is not None and now - registration.accepted >= policy.redelivery_window:
        return True
    return registration.answered_plain is not None and now - registration.answered_plain >= ANSWERED_PLAIN_WINDOW


def _is_ended(case: Case, call: Call) -> bool:
    return redelivery_ended(case.reg, case.policy, case.now)


def _is_accepted_claim(case: Case, call: Call) -> bool:
    claim = case.reg.claim(case.reg.accepted_claim)
    return claim is not None and shows(claim, call)


def _is_other_claim(case: Case, accept: Accept) -> bool:
    return accept.claim is not None and accept.claim != case.reg.accepted_claim


def _is_chosen(case: Case, accept: Accept) -> bool:
    return isinstance(choose(case.reg, accept, case.policy), Chosen)


def _is_mismatch(case: Case, accept: Accept) -> bool:
    return isinstance(choose(case.reg, accept, case.policy), Mismatch) and not accept.gentle


def _is_last_mismatch(case: Case, accept: Accept) -> bool:
    return case.reg.failed_attempts + 1 >= case.policy.max_attempts and _is_mismatch(case, accept)


def _blocks_at_accept(case: Case, accept: Accept) -> bool:
    only_tokenless = isinstance(choose(case.reg, accept, case.policy), OnlyTokenless)
    return only_tokenless and case.policy.block_missing and not accept.gentle


def _brings_token(case: Case, accept: Accept) -> bool:
    return isinstance(choose(case.reg, accept, case.policy), TakeToken)


def _is_foreign_device(case: Case, command: Register | Announce | Provision) -> bool:
    return case.device_tenant not in (None, command.tenant)


def _is_foreign_registration(case: Case, command: Announce | Provision) -> bool:
    return case.reg.tenant != command.tenant


def _is_device(case: Case, command: Command) -> bool:
    return case.device is not None


def _changes_entry(case: Case, command: Announce | Provision) -> bool:
    device = case.device
    if device is not None and described(device, command.said, command.bulk) is not device:
        return True
    return do.told(case, command) is not case.registration


def _says_nothing_new(case: Case, command: Announce) -> bool:
    is_known = case.device is not None or case.registration is not None
    return is_known and not _changes_entry(case, command)


def _may_not_update(case: Case, command: Announce) -> bool:
    return not command.may_update


def _provides_nothing_new(case: Case, command: Provision) -> bool:
    return command.held and not _changes_entry(case, command) and _may_know_password(case, command)


def _may_know_password(case: Case, command: Provision) -> bool:
    """Tell whether the administrator may learn that the password is the right one: an owner, or who made the device."""
    known = case.device or case.registration
    return command.may_update or (known is not None and known.owner == command.by)


def _lacks_right_to_provision(case: Case, command: Provision) -> bool:
    is_device = case.device is not None or (case.registration is not None and case.reg.status is ACCEPTED)
    return is_device and not command.may_update and not _provides_nothing_new(case, command)


def _holds_password(case: Case, command: Provision) -> bool:
    return command.held and case.device is not None


def _waits_for_installation(case: Case, command: MarkInstalled) -> bool:
    return case.reg.installed is None and case.reg.seed == command.seed


def _waits_for_delivery(case: Case, command: MarkDelivered) -> bool:
    return case.reg.delivered is None and case.reg.seed == command.seed


def _waits_for_confirmation(case: Case, command: Confirm) -> bool:
    reg = case.reg
    return reg.tenant == command.tenant and reg.installed is not None and reg.confirmed is None


def _is_expired(case: Case, command: Age) -> bool:
    return 0 < case.policy.ttl <= case.now - case.reg.created


def _is_retired(case: Case, command: Age) -> bool:
    confirmed = case.reg.confirmed
    return confirmed is not None and case.now - confirmed >= case.policy.retention


_OPEN = (WAITING, PENDING)
_ALL = (WAITING, PENDING, ACCEPTED, BLOCKED)
_TAKEN = do.refuse(Code.ALREADY_EXISTS, "the device id {id} is taken: no registration was made")
_REGISTERED = do.refuse(Code.ALREADY_REGISTERED, "the device id {id} is registered already: nothing was changed")
_NEEDS_OWNER = do.refuse(Code.NOT_PERMITTED, "{id} is a device already, which only an owner changes: ask one")
_NO_DEVICE = do.refuse(Code.NOT_FOUND, "there is no device {id}; a registration that was not accepted goes by delete")
_NOT_FOUND = do.refuse(Code.NOT_FOUND, "there is no registration of {id}: register it first")


def _each(
    sources: tuple[Status, ...],
    on: type,
    when: str,
    act: Callable[..., Decision],
    guard: Callable[..., bool] | None = None,
) -> tuple[Row, ...]:
    """Rows of one kind that leave each status as it is."""
    return tuple(Row((status,), on, when, status, act, guard) for status in sources)


# fmt: off
TABLE: Final[tuple[Row, ...]] = (
    # register
    Row((None,), Register, "the id is a device of another tenant", None, _TAKEN, _is_foreign_device),
    Row((None,), Register, "otherwise", WAITING, do.register),
    *_each(_ALL, Register, "always", do.refuse(
        Code.ALREADY_REGISTERED, "the device {id} is registered already: delete that registration to begin again")),

    # a line of a simple bulk file
    Row((None,), Announce, "the id is a device of another tenant", None, _TAKEN, _is_foreign_device),
    *_each(_ALL, Announce, "another tenant's registration", _REGISTERED, _is_foreign_registration),
    Row((None,), Announce, "a device about which it says nothing new", None, do.keep, _says_nothing_new),
    Row((ACCEPTED,), Announce, "a device about which it says nothing new", ACCEPTED, do.keep, _says_nothing_new),
    Row((None,), Announce, "changes a device, not by an owner", None, _NEEDS_OWNER,
        lambda case, command: _is_device(case, command) and not command.may_update),
    Row((ACCEPTED,), Announce, "changes a device, not by an owner", ACCEPTED, _NEEDS_OWNER, _may_not_update),
    Row((None,), Announce, "changes a device", None, do.enter, _is_device),
    Row((ACCEPTED,), Announce, "changes a device", ACCEPTED, do.enter, _is_device),
    Row((None,), Announce, "otherwise", WAITING, do.announce),
    *_each((WAITING, PENDING, ACCEPTED), Announce, "otherwise", do.update),
    Row((BLOCKED,), Announce, "otherwise", BLOCKED, do.refuse(
        Code.INVALID_STATE, "the registration of {id} is blocked: delete it first")),

    # a line of a full bulk file
    Row((None,), Provision, "the id is a device of another tenant", None, _TAKEN, _is_foreign_device),
    *_each(_ALL, Provision, "another tenant's registration", _REGISTERED, _is_foreign_registration),
    Row((None,), Provision, "nothing new for a device", None, do.keep, _provides_nothing_new),
    Row((ACCEPTED,), Provision, "nothing new for a device", ACCEPTED, do.keep, _provides_nothing_new),
    Row((None,), Provision, "changes a device, not by an owner", None, _NEEDS_OWNER, _lacks_right_to_provision),
    *_each(_ALL, Provision, "changes a device, not by an owner", _NEEDS_OWNER, _lacks_right_to_provision),
    Row((None,), Provision, "the password that the device has", None, do.enter, _holds_password),
    Row((ACCEPTED,), Provision, "the password that the device has", ACCEPTED, do.enter, _holds_password),
    Row((None, *_ALL), Provision, "otherwise", ACCEPTED, do.provision),

    # call
    Row((None,), Call, "always", None, do.unregistered),
    Row(_OPEN, Call, "no token under REQUIRED and none known", BLOCKED, do.block_missing, _breaks_policy_and_blocks),
    Row((WAITING,), Call, "no token under REQUIRED, to be ignored", WAITING, do.count, _breaks_policy),
    Row((PENDING,), Call, "no token under REQUIRED, to be ignored", PENDING, do.count, _breaks_policy),
    Row((WAITING, PENDING), Call, "carries the pre-authorised token", ACCEPTED, do.claim_and_accept, _preauthorised),
    Row((WAITING,), Call, "guesses a short pre-authorised token", WAITING, do.count_guess, _guesses),
    Row((PENDING,), Call, "guesses a short pre-authorised token", PENDING, do.count_guess, _guesses),
    Row((PENDING,), Call, "carries the token given at accept", PENDING, do.claim_replacing_last, _is_replacement),
    Row(_OPEN, Call, "shows a new claim", PENDING, do.claim, _is_claim),
    Row((PENDING,), Call, "shows a claim too many", PENDING, do.overflow, _is_one_too_many),
    *_each((*_OPEN, BLOCKED), Call, "otherwise", do.count),
    Row((ACCEPTED,), Call, "re-delivery has ended", ACCEPTED, do.after_completion, _is_ended),
    Row((ACCEPTED,), Call, "equals the accepted claim", ACCEPTED, do.answer_with_credentials, _is_accepted_claim),
    Row((ACCEPTED,), Call, "otherwise", ACCEPTED, do.count),

    # accept
    Row((None,), Accept, "always", None, _NOT_FOUND),
    Row((WAITING,), Accept, "always", WAITING, do.refuse(
        Code.INVALID_STATE, "no device has called as {id} yet: turn it on and wait for its call")),
    Row((PENDING,), Accept, "one claim chosen and allowed", ACCEPTED, do.accept, _is_chosen),
    Row((PENDING,), Accept, "wrong token, the last one allowed", BLOCKED,
        do.block("TOO_MANY_ATTEMPTS", "too many wrong security tokens, the registration of {id} is blocked now"),
        _is_last_mismatch),
    Row((PENDING,), Accept, "wrong token", PENDING, do.count_mismatch, _is_mismatch),
    Row((PENDING,), Accept, "under REQUIRED, only claims without token", BLOCKED,
        do.block("TOKEN_MISSING", "no call for {id} showed the security token that the policy requires"),
        _blocks_at_accept),
    Row((PENDING,), Accept, "too many claims, a token given", PENDING, do.take_token, _brings_token),
    Row((PENDING,), Accept, "otherwise", PENDING, do.undecided),
    Row((BLOCKED,), Accept, "always", BLOCKED, do.refuse(
        Code.INVALID_STATE, "the registration of {id} is blocked: delete it and register it again")),
    Row((ACCEPTED,), Accept, "names another claim", ACCEPTED, do.refuse(
        Code.INVALID_STATE, "another claim of {id} was accepted: delete it and register it again"), _is_other_claim),
    Row((ACCEPTED,), Accept, "otherwise", ACCEPTED, do.keep),

    # delete
    Row((None,), Delete, "always", None, _NOT_FOUND),
    Row(_ALL, Delete, "always", None, do.delete),

    # delete-device
    Row((None, *_ALL), DeleteDevice, "it is a device", None, do.delete_device, _is_device),
    Row((ACCEPTED,), DeleteDevice, "otherwise", None, do.delete_device),
    Row((None,), DeleteDevice, "otherwise", None, _NO_DEVICE),
    *_each((WAITING, PENDING, BLOCKED), DeleteDevice, "otherwise", _NO_DEVICE),

    # what became true outside
    Row((ACCEPTED,), MarkInstalled, "its account", ACCEPTED, do.installed, _waits_for_installation),
    Row((ACCEPTED,), MarkDelivered, "its credentials, the first time", ACCEPTED, do.delivered, _waits_for_delivery),
    Row((ACCEPTED,), Confirm, "installed, the first time", ACCEPTED, do.confirm, _waits_for_confirmation),
    Row(_OPEN, Age, "registration.ttl is over", None, do.expire, _is_expired),
    Row((ACCEPTED,), Age, "confirmed, registration.retention is over", None, do.retire, _is_retired),
    *(Row((status,), command, "otherwise", status, do.keep)
      for command in (MarkInstalled, MarkDelivered, Confirm, Age) for status in (None, *_ALL)),
)
# fmt: on


def _index() -> dict[tuple[Status | None, type], tuple[Row, ...]]:
    index: dict[tuple[Status | None, type], list[Row]] = {}
    for row in TABLE:
        for source in row.sources:
            index.setdefault((source, row.on), []).append(row)
    return {key: tuple(rows) for key, rows in index.items()}


_INDEX: Final = _index()


def decide(
    registration: Registration | None,
    command: Command,
    *,
    policy: Policy,
    now: int,
    draw: Draw,
    device_tenant: str | None = None,
    device: Device | None = None,
) -> Decision:
    """Decide what ``command`` does to ``registration``; pure and total.

    ``now`` is in milliseconds since 1970 UTC. ``device_tenant`` is the tenant whose inventory has the device already,
    ``device`` that entry, needed for lines of bulk files and for deleting devices.
    Raises LookupError if the table has no row for the case, which is a bug.
    """
    case = Case(registration, command, policy, now, draw, device_tenant, device)
    status = None if registration is None else registration.status
    for row in _INDEX[status, type(command)]:
        if row.guard is None or row.guard(case, command):
            decision = row.act(case, command)
            reached = None if decision.after is None else decision.after.status
            assert reached is row.to, (row, reached)
            return decision
    raise LookupError(f"no rule for {type(command).__name__} from {status}")
