"""Every word of what the rules do: whom events name, what refusals say, what stands in the record afterwards."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.decisions import (
    Accept,
    Call,
    Confirm,
    DeleteDevice,
    Enter,
    Event,
    Install,
    MarkDelivered,
    MarkInstalled,
    Reply,
)
from bridge.registration import CallKind, Claim, Code, Form, Policy, Registration, Status
from tests.examples import Example
from tests.making import (
    ACCEPTED,
    BEFORE,
    BLOCKED,
    BY,
    DRAW,
    NOW,
    PENDING,
    REQUIRED,
    accept,
    accepted,
    announce,
    blocked,
    call,
    claim,
    decided,
    entry,
    events_of,
    pending,
    provision,
    waiting,
)
from tests.test_rules import EXAMPLES

DEFAULTS = Policy()
NO = (Reply(credentials=False),)
INSTALL = Install(DRAW.seed, DRAW.key_id)
FOUR = tuple(claim(f"c{number}") for number in range(4))
COUNTED: dict[str, Any] = {"calls": 1, "first_called": NOW, "last_seen": NOW}


def teller(event: Event, example: Example) -> str:
    """Return who must stand in an event as the one by whom it came."""
    command = example.command
    if isinstance(command, Call):
        return "bridge" if event.event == "accepted" else "device"
    if isinstance(command, Confirm):
        return "device"
    return str(getattr(command, "by", "bridge"))


@pytest.mark.parametrize("example", [one for one in EXAMPLES if one.events], ids=lambda one: one.title)
def test_an_event_tells_of_what_when_by_whom_and_why(example: Example) -> None:
    decision = example.decide()
    about = decision.after or example.before
    for event in decision.events:
        tenant = about.tenant if about is not None else example.device_tenant or entry().tenant
        assert (event.id, event.tenant, event.at) == (example.command.id, tenant, NOW)
        assert event.by == teller(event, example)
        status = None if about is None else about.status
        assert event.status is (PENDING if event.event == "requested" else status)
        reasons = {"blocked": getattr(about, "reason", None)}
        if isinstance(example.command, Call):
            reasons["claim-conflict"] = "CLAIMS_OVERFLOW"
        assert event.reason == reasons.get(event.event)


@pytest.mark.parametrize("example", [one for one in EXAMPLES if one.refused], ids=lambda one: one.title)
def test_a_refusal_is_a_sentence_that_names_the_device(example: Example) -> None:
    refusal = example.decide().refusal
    assert refusal is not None
    assert "pump-7" in refusal.message
    assert len(refusal.message) > 25
    assert "None" not in refusal.message
    shown = () if example.before is None else example.before.claims
    assert refusal.claims == (shown if refusal.code is Code.CLAIM_CONFLICT else ())


@pytest.mark.parametrize(
    ("reason", "before", "command", "policy"),
    [
        ("TOKEN_MISSING", waiting(), call(), Policy(REQUIRED)),
        ("TOKEN_MISSING", pending(), call(), Policy(REQUIRED)),
        ("TOKEN_MISSING", pending(), accept(), Policy(REQUIRED)),
        ("TOO_MANY_ATTEMPTS", pending(claim("c1", "a")), accept("b"), Policy(max_attempts=1)),
    ],
)
def test_why_it_was_blocked_stands_in_the_record(
    reason: str, before: Registration, command: Call | Accept, policy: Policy
) -> None:
    decision = decided(before, command, policy)
    assert decision.after is not None
    assert (decision.after.status, decision.after.reason) == (BLOCKED, reason)
    assert [event.reason for event in decision.events] == [reason]
    assert decision.after.failed_attempts == (reason == "TOO_MANY_ATTEMPTS")


@pytest.mark.parametrize(("failed", "left"), [(0, "4 more wrong tokens block it"), (3, "1 more wrong token blocks it")])
def test_a_wrong_token_is_told_with_how_many_more_block(failed: int, left: str) -> None:
    refusal = decided(pending(claim("c1", "a"), failed_attempts=failed), accept("b"), Policy(max_attempts=5)).refusal
    assert refusal is not None
    assert refusal.message.endswith(left)


def taken(before: Registration, made: Call) -> Registration:
    """What the record is after a pre-authorised call, but for its claims."""
    return replace(
        before,
        status=ACCEPTED,
        calls=before.calls + 1,
        first_called=NOW if before.first_called is None else BEFORE,
        last_seen=NOW,
        token_sent=True,
        accepted=NOW,
        seed=DRAW.seed,
        key_id=DRAW.key_id,
    )


def new_claim(made: Call) -> Claim:
    return Claim(DRAW.fingerprint, made.kind, made.client_id, made.token, made.public_key, made.form, NOW)


def test_a_preauthorised_call_becomes_the_claim_that_is_accepted() -> None:
    before, made = waiting(token="a", auto_accept=True), call("a")
    decision = decided(before, made)
    expected = replace(taken(before, made), claims=(new_claim(made),), accepted_claim=DRAW.fingerprint)
    assert decision.after == expected
    assert events_of(decision) == ["requested", "accepted"]
    assert decision.effects == (*NO, INSTALL)


def test_a_preauthorised_call_that_is_a_claim_already_is_accepted_as_it_stands() -> None:
    shown = (claim("c0", "a"), claim("c1", "a"))
    before = pending(*shown, token="a", auto_accept=True)
    made = call(like=shown[1])
    decision = decided(before, made)
    assert decision.after == replace(taken(before, made), accepted_claim="c1")
    assert [(event.event, event.by) for event in decision.events] == [("accepted", "bridge")]
    assert decision.effects == (*NO, INSTALL)


def test_a_preauthorised_call_behind_four_claims_replaces_the_last() -> None:
    before, made = pending(*FOUR, token="a", auto_accept=True), call("a")
    decision = decided(before, made)
    expected = replace(taken(before, made), claims=(*FOUR[:3], new_claim(made)), accepted_claim=DRAW.fingerprint)
    assert decision.after == expected
    assert [(event.event, event.by) for event in decision.events] == [("requested", "device"), ("accepted", "bridge")]
    assert decision.effects == (*NO, INSTALL)


def test_three_claims_leave_room_for_a_preauthorised_one() -> None:
    decision = decided(pending(*FOUR[:3], token="a", auto_accept=True), call("a"))
    assert decision.after is not None
    assert decision.after.claims == (*FOUR[:3], new_claim(call("a")))


def test_a_claim_never_bears_the_fingerprint_of_another() -> None:
    first = claim(DRAW.fingerprint)
    for before in (pending(first), pending(first, claim("c1"), claim("c2"), claim("c3"), token="a")):
        after = decided(before, call(before.token)).after
        assert after is not None
        assert after.claims[-1].fingerprint == "0a1b2c3e"
        assert after.claims[-1].first_seen == NOW


def test_a_fingerprint_after_the_last_one_is_the_first() -> None:
    after = decided(pending(claim("ffffffff")), call(), draw=replace(DRAW, fingerprint="ffffffff")).after
    assert after is not None
    assert after.claims[-1].fingerprint == "00000000"


def test_the_last_guess_that_is_allowed_ends_the_preauthorisation() -> None:
    before = waiting(token="a", auto_accept=True, wrong_calls=4)
    decision = decided(before, call("b"), Policy(max_attempts=5))
    assert decision.after == replace(before, **COUNTED, token_sent=True, wrong_calls=5, auto_accept=False)
    assert decision.effects == NO
    (event,) = decision.events
    assert (event.event, event.by, event.status) == ("auto-accept-suspended", "device", Status.WAITING)


def test_a_call_for_a_device_without_registration_is_told_to_its_tenant() -> None:
    (event,) = decided(None, call(), device_tenant="north").events
    assert event == Event("request-after-completion", "pump-7", "north", None, NOW, "device")


def test_who_deletes_a_device_stands_in_the_event() -> None:
    (event,) = decided(None, DeleteDevice("pump-7", "north/nora"), device=entry(tenant="north")).events
    assert event == Event("deleted", "pump-7", "north", None, NOW, "north/nora")
    (event,) = decided(accepted(), DeleteDevice("pump-7", "default/eve")).events
    assert event == Event("deleted", "pump-7", "default", ACCEPTED, NOW, "default/eve")


def test_a_token_that_is_taken_at_accept_is_told_with_who_gave_it() -> None:
    (event,) = decided(pending(*FOUR, claims_overflow=True), accept("a")).events
    assert (event.event, event.by, event.reason) == ("claim-conflict", BY, None)


def test_what_a_simple_line_registers_is_what_it_says() -> None:
    command = announce(
        name="N", type="T", group="A/B", token="digest", token_is_long=True, auto_accept=True, tenant="north"
    )
    decision = decided(None, command)
    assert decision.after == Registration(
        id="pump-7", tenant="north", owner=BY, created=NOW, name="N", type="T", group="A/B",
        token="digest", token_is_long=True, auto_accept=True, bulk="b1",
    )  # fmt: skip
    assert decision.events == (Event("registered", "pump-7", "north", Status.WAITING, NOW, BY),)


@pytest.mark.parametrize("member", ["name", "type", "group"])
def test_a_simple_line_changes_what_it_says_and_nothing_else(member: str) -> None:
    before = waiting(name="n", type="t", group="g")
    said: dict[str, Any] = {member: "new"}
    assert decided(before, announce(**said)).after == replace(before, **said, bulk="b1")
    assert decided(before, announce()).after == before


@pytest.mark.parametrize("auto", [None, True, False])
@pytest.mark.parametrize("is_long", [True, False])
def test_a_token_in_a_simple_line_begins_a_new_life_of_guesses(is_long: bool, auto: bool | None) -> None:
    before = pending(token="old", token_from_accept=True, token_is_long=not is_long, wrong_calls=3, auto_accept=True)
    after = decided(before, announce(token="new", token_is_long=is_long, auto_accept=auto)).after
    assert after == replace(
        before, token="new", token_from_accept=False, token_is_long=is_long, wrong_calls=0, auto_accept=bool(auto),
        bulk="b1",
    )  # fmt: skip


def test_the_token_that_is_there_may_come_again_and_only_says_whether_it_accepts() -> None:
    before = pending(token="old", wrong_calls=3)
    assert decided(before, announce(token="old")).after == before
    assert decided(before, announce(token="old", auto_accept=True)).after == replace(
        before, auto_accept=True, bulk="b1"
    )


def test_a_token_lent_at_accept_is_the_registrations_own_once_a_line_brings_it() -> None:
    before = pending(token="old", token_from_accept=True)
    assert decided(before, announce(token="old")).after == replace(before, token_from_accept=False, bulk="b1")


def test_after_acceptance_a_line_no_longer_brings_a_token() -> None:
    after = decided(accepted(), announce(token="new", auto_accept=True, name="N")).after
    assert after == replace(accepted(), name="N", bulk="b1")


def test_a_full_line_makes_a_confirmed_registration_of_any() -> None:
    for before in (None, waiting(name="W"), pending(auto_accept=True), blocked()):
        after = decided(before, provision(type="T", group="G")).after
        assert after is not None
        kept = before or Registration("pump-7", "default", BY, NOW)
        assert after == replace(
            kept, status=ACCEPTED, reason=None, auto_accept=False, accepted_claim=None, type="T", group="G",
            seed=bytes(range(200, 216)), key_id="k1", accepted=NOW, installed=None, answered_plain=None, delivered=None,
            confirmed=NOW, bulk="b1",
        )  # fmt: skip


def test_a_full_line_over_what_was_delivered_begins_anew() -> None:
    before = accepted(installed=BEFORE, delivered=BEFORE, answered_plain=BEFORE, confirmed=None)
    after = decided(before, provision(name="N"), device=entry()).after
    assert after is not None
    assert (after.installed, after.delivered, after.answered_plain, after.accepted_claim) == (None, None, None, None)
    assert (after.confirmed, after.accepted) == (NOW, NOW)


def test_what_was_delivered_is_noted_once_by_the_bridge() -> None:
    before = accepted(installed=BEFORE)
    decision = decided(before, MarkDelivered("pump-7", before.seed or b""))
    assert decision.after == replace(before, delivered=NOW)
    assert decision.events == (Event("delivered", "pump-7", "default", ACCEPTED, NOW, "bridge"),)


def test_a_plain_unsealed_answer_begins_the_ten_minutes_and_no_other_does() -> None:
    plain = claim("c1", kind=CallKind.PLAIN, client_id="pump-7", form=Form.LINE)
    for shown, noted in (
        (plain, NOW),
        (replace(plain, public_key="k", form=Form.JSON), None),
        (replace(plain, kind=CallKind.PRIVATE, client_id="c"), None),
    ):
        before = accepted(shown, installed=BEFORE)
        decision = decided(before, call(like=shown))
        assert decision.after == replace(before, calls=2, last_seen=NOW, answered_plain=noted)
        assert decision.effects == (Reply(credentials=True),)
    again = accepted(plain, installed=BEFORE, answered_plain=BEFORE)
    assert decided(again, call(like=plain)).after == replace(again, calls=2, last_seen=NOW)


def test_one_claim_more_than_is_kept_is_told_once() -> None:
    decision = decided(pending(*FOUR), call())
    assert decision.after == replace(pending(*FOUR), calls=5, last_seen=NOW, claims_overflow=True)
    assert [event.event for event in decision.events] == ["claim-conflict"]
    again = decided(pending(*FOUR, claims_overflow=True), call())
    assert again.after == replace(pending(*FOUR), calls=5, last_seen=NOW, claims_overflow=True)
    assert not again.events


@pytest.mark.parametrize("policy", [DEFAULTS, Policy(REQUIRED)])
def test_with_too_many_callers_and_a_token_that_none_carries_the_next_call_is_waited_for(policy: Policy) -> None:
    before = pending(*FOUR, token="a", token_from_accept=True, claims_overflow=True)
    decision = decided(before, accept(), policy)
    assert decision.after == before
    assert decision.refusal is not None
    assert (decision.refusal.code, decision.refusal.claims) == (Code.CLAIM_CONFLICT, FOUR)
    assert "pump-7" in decision.refusal.message
    assert decision.after is not None
    assert decision.after.status is PENDING


def test_when_it_was_installed_and_confirmed_stands_in_the_record() -> None:
    before = accepted()
    assert decided(before, MarkInstalled("pump-7", before.seed or b"")).after == replace(before, installed=NOW)
    there = accepted(installed=BEFORE)
    assert decided(there, Confirm("pump-7", "default")).after == replace(there, confirmed=NOW)


def test_a_full_line_writes_entry_and_registration_with_the_name_of_its_file() -> None:
    decision = decided(accepted(installed=BEFORE, confirmed=BEFORE), provision(), device=entry(bulk="b0"))
    assert decision.after is not None
    assert (decision.after.name, decision.after.bulk) == ("Pump", "b1")
    assert Enter(entry(bulk="b1")) in decision.effects


def test_a_line_for_an_entry_that_is_to_come_names_its_file() -> None:
    decision = decided(accepted(), announce(name="N"), device=entry())
    assert decision.after == replace(accepted(), name="N", bulk="b1")
    assert decision.effects == (Enter(entry(name="N", bulk="b1")),)
