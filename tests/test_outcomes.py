"""What the rows of the rules do to a registration, one behaviour at a time."""

from dataclasses import replace

import pytest

from bridge.decisions import Age, Command, Confirm, Delete, Enter, MarkDelivered, MarkInstalled, Register, Reply
from bridge.registration import CallKind, Claim, Form, Policy, Registration
from bridge.rules import redelivery_ended
from tests.making import (
    BEFORE,
    BY,
    DRAW,
    NEW_SEED,
    NOW,
    PENDING,
    SEED,
    WAITING,
    accept,
    accepted,
    announce,
    blocked,
    call,
    claim,
    decided,
    entry,
    events_of,
    installed,
    pending,
    provision,
    waiting,
)

DEFAULTS = Policy()
YES, NO = Reply(credentials=True), Reply(credentials=False)
REGISTER = Register("pump-7", "default", BY)
DELETE = Delete("pump-7", BY)
CONFIRM = Confirm("pump-7", "default")
AGE = Age("pump-7")
PLAIN = claim("c1", kind=CallKind.PLAIN, client_id="pump-7", form=Form.LINE)
FOUR = tuple(claim(f"c{number}") for number in range(4))
CONFIRMED = installed(confirmed=BEFORE)
EXPIRING = Policy(ttl=60_000)


def test_no_refusal_and_no_event_names_another_tenant() -> None:
    decision = decided(None, REGISTER, device_tenant="north")
    assert decision.refusal is not None
    assert "north" not in decision.refusal.message


def test_nobody_who_is_not_accepted_can_tell_why() -> None:
    for before in (None, waiting(), pending(), blocked(), accepted(), CONFIRMED, installed(*FOUR[:2])):
        assert decided(before, call()).effects == (NO,)


def test_what_is_registered_is_what_was_asked_for() -> None:
    command = Register("pump-7", "default", BY, "Pump", "c8y_Pump", "A/B", {"site": 1}, "digest", True, True)
    assert decided(None, command).after == Registration(
        "pump-7", "default", BY, NOW, WAITING, None, "Pump", "c8y_Pump", "A/B", {"site": 1}, "digest",
        token_is_long=True, auto_accept=True,
    )  # fmt: skip


def test_a_call_that_becomes_a_claim_is_kept_as_it_was_shown() -> None:
    decision = decided(waiting(), call("a", public_key="key"))
    assert decision.after == replace(
        waiting(), status=PENDING, calls=1, first_called=NOW, last_seen=NOW, token_sent=True,
        claims=(claim(DRAW.fingerprint, "a", client_id="client-new", public_key="key", first_seen=NOW),),
    )  # fmt: skip


def test_a_guessed_short_token_is_counted_until_acceptance_by_itself_ends() -> None:
    before = waiting(token="a", auto_accept=True)
    for number in range(1, 5):
        decision = decided(before, call("b"))
        assert decision.after is not None
        assert (decision.after.auto_accept, decision.after.wrong_calls, events_of(decision)) == (True, number, [])
        before = decision.after
    decision = decided(before, call("b"))
    assert decision.after is not None
    assert not decision.after.auto_accept
    assert events_of(decision) == ["auto-accept-suspended"]
    last = decided(decision.after, call("a"))
    assert last.after is not None
    assert last.after.status is PENDING, "a person decides now"


def test_a_long_token_is_not_guessed_and_calls_without_token_are_no_guesses() -> None:
    long = waiting(token="a", auto_accept=True, token_is_long=True)
    assert decided(long, call("b")).after == replace(long, calls=1, first_called=NOW, last_seen=NOW, token_sent=True)
    short = waiting(token="a", auto_accept=True)
    assert decided(short, call()).after == replace(short, calls=1, first_called=NOW, last_seen=NOW)


def test_a_plain_unsealed_call_is_answered_for_ten_minutes_after_the_first_answer() -> None:
    first = decided(installed(PLAIN), call(like=PLAIN))
    assert first.after is not None
    assert first.after.answered_plain == NOW
    for later, effect in ((599_999, YES), (600_000, NO)):
        assert decided(first.after, call(like=PLAIN), now=NOW + later).effects == (effect,)


@pytest.mark.parametrize("shown", [claim("c1"), claim("c1", kind=CallKind.PLAIN, client_id="pump-7", public_key="key")])
def test_a_private_or_sealed_call_is_answered_until_the_window_ends(shown: Claim) -> None:
    before = installed(shown)
    answered = decided(before, call(like=before.claims[0])).after
    assert answered is not None
    assert answered.answered_plain is None
    end = BEFORE + DEFAULTS.redelivery_window
    assert not redelivery_ended(answered, DEFAULTS, end - 1)
    assert redelivery_ended(answered, DEFAULTS, end)


def test_a_push_does_not_start_the_ten_minutes() -> None:
    after = decided(accepted(PLAIN), MarkInstalled("pump-7", SEED)).after
    delivered = decided(after, MarkDelivered("pump-7", SEED)).after
    assert delivered is not None
    assert delivered.answered_plain is None


def test_a_word_from_before_the_account_was_installed_does_not_confirm() -> None:
    assert decided(accepted(), CONFIRM).after == accepted()
    assert decided(installed(), Confirm("pump-7", "north")).after == installed()
    assert decided(CONFIRMED, CONFIRM).after == CONFIRMED


def test_an_installation_of_an_earlier_life_marks_nothing() -> None:
    assert decided(accepted(), MarkInstalled("pump-7", bytes(16))).after == accepted()
    assert decided(installed(), MarkDelivered("pump-7", bytes(16))).after == installed()
    assert decided(installed(), MarkInstalled("pump-7", SEED)).after == installed()


def test_only_what_waits_expires_and_only_what_is_confirmed_retires() -> None:
    short = Policy(ttl=60_000, retention=60_000)
    assert decided(waiting(), AGE, short, now=BEFORE + 59_999).after == waiting()
    for kept in (blocked(), accepted(), installed()):
        assert decided(kept, AGE, short, now=NOW + 10**9).after == kept
    assert decided(waiting(), AGE, Policy(ttl=0), now=NOW + 10**12).after == waiting()
    assert decided(CONFIRMED, AGE, short, now=BEFORE + 59_999).after == CONFIRMED


def test_events_say_who_did_it() -> None:
    made: dict[str, list[tuple[Registration | None, Command]]] = {
        BY: [(None, REGISTER), (pending(), accept()), (pending(), DELETE), (pending(*FOUR[:2]), accept())],
        "device": [(waiting(), call()), (pending(*FOUR), call()), (CONFIRMED, call()), (installed(), CONFIRM)],
        "bridge": [(installed(), MarkDelivered("pump-7", SEED)), (waiting(), AGE)],
    }
    for by, cases in made.items():
        for before, command in cases:
            (event,) = decided(before, command, EXPIRING).events
            assert (event.by, event.id, event.tenant, event.at) == (by, "pump-7", "default", NOW)


@pytest.mark.parametrize("before", [waiting(), pending(), accepted(), CONFIRMED, blocked()])
def test_the_event_of_a_deletion_has_the_last_status(before: Registration) -> None:
    (event,) = decided(before, DELETE).events
    assert event.status is before.status


def test_an_entry_that_is_to_come_gets_what_the_line_says() -> None:
    """The device was known before, and its new account is not there yet: the line is not lost when it comes."""
    decision = decided(accepted(name="Old"), announce(name="New"), device=entry())
    assert decision.after is not None
    assert decision.after.name == "New"
    assert decision.effects == (Enter(entry(name="New", bulk="b1")),)


def test_a_full_line_keeps_what_the_registration_says_of_its_device() -> None:
    decision = decided(
        waiting(name="Old", properties={"y": 2}, owner="default/rita"), provision(type="T"), device=entry()
    )
    assert decision.effects[-1] == Enter(
        entry(owner="default/rita", name="Old", type="T", properties={"x": 1, "y": 2}, bulk="b1")
    )


def test_the_token_of_a_line_begins_a_new_life_of_guesses() -> None:
    before = waiting(token="a", wrong_calls=3, auto_accept=True)
    after = decided(before, announce(token="b", token_is_long=True)).after
    assert after == replace(before, token="b", token_is_long=True, wrong_calls=0, auto_accept=False, bulk="b1")
    assert decided(before, announce(token="a")).after is before
    assert decided(before, announce(auto_accept=False)).after == replace(before, auto_accept=False, bulk="b1")


def test_a_full_line_ends_all_that_was_of_the_earlier_way_in() -> None:
    before = installed(claims_overflow=True, answered_plain=BEFORE, delivered=BEFORE, auto_accept=True, reason="X")
    after = decided(before, provision(), device=entry()).after
    assert after is not None
    assert (after.reason, after.auto_accept, after.accepted_claim) == (None, False, None)
    assert (after.answered_plain, after.delivered, after.installed, after.confirmed) == (None, None, None, NOW)
    assert (after.seed, after.key_id, after.accepted) == (NEW_SEED, "k1", NOW)
    assert decided(after, MarkInstalled("pump-7", NEW_SEED)).effects == (), "nobody waits for these credentials"
