"""Which claim an accept means: every policy with every set of claims, against the contract's prose read once more."""

import itertools
from dataclasses import dataclass, replace

import pytest

from bridge.claims import claim_of, same, shows
from bridge.decisions import Decision, Install
from bridge.registration import CallKind, Code, Draw, Form, Policy, Registration, TokenPolicy
from tests.making import (
    ACCEPTED,
    BLOCKED,
    DRAW,
    IGNORED,
    NOW,
    OPTIONAL,
    PENDING,
    REQUIRED,
    accept,
    call,
    claim,
    decided,
    events_of,
    pending,
    waiting,
)

CLAIMS: dict[str, tuple[list[str | None], bool]] = {
    # what callers showed as tokens, and whether there were more of them than are kept
    "one without token": ([None], False),
    "two without token": ([None, None], False),
    "one with token": (["a"], False),
    "two with tokens of their own": (["a", "b"], False),
    "two with the same token": (["a", "a"], False),
    "one with and one without": ([None, "a"], False),
    "two tokens and one without": (["b", None, "a"], False),
    "too many without token": ([None] * 4, True),
    "too many, one with token": ([None, "a", None, None], True),
    "too many with other tokens": (["b", "c", "d", None], True),
    "too many, two with the same token": (["a", "b", "a", None], True),
}


@dataclass(frozen=True)
class Outcome:
    """What an accept comes to."""

    accepted: str | None = None
    code: Code | None = None
    counted: bool = False
    blocked: str | None = None
    takes: str | None = None
    shown: tuple[str, ...] = ()


def oracle(
    policy: TokenPolicy,
    reg: Registration,
    given: str | None,
    named: str | None,
    *,
    gentle: bool,
    block: bool,
    most: int,
) -> Outcome:
    """The contract, section 4, "Which claim is accepted", as prose in another order than the program has it."""
    claims = {one.fingerprint: one.token for one in reg.claims}
    conflict = Outcome(code=Code.CLAIM_CONFLICT)
    last = reg.failed_attempts + 1 == most
    wrong = Outcome(code=Code.TOKEN_MISMATCH, counted=True)
    if last:
        wrong = Outcome(code=Code.BLOCKED, counted=True, blocked="TOO_MANY_ATTEMPTS")
    if gentle:  # accept-all never blocks: what it may not decide it lists
        wrong = Outcome(code=Code.TOKEN_REQUIRED)
    if named is not None and named not in claims:
        return Outcome(code=Code.NOT_FOUND)
    if policy is IGNORED:
        if named is not None:
            return Outcome(accepted=named)
        return Outcome(accepted=next(iter(claims))) if len(claims) == 1 else replace(conflict, shown=tuple(claims))
    if reg.token is not None and given is not None and given != reg.token:
        return wrong
    token = reg.token if given is None else given
    if named is not None:
        if claims[named] is None:
            return Outcome(code=Code.TOKEN_REQUIRED) if policy is REQUIRED else Outcome(accepted=named)
        if token is None:
            return Outcome(code=Code.TOKEN_REQUIRED)
        return Outcome(accepted=named) if claims[named] == token else wrong
    if all(shown is None for shown in claims.values()):
        if policy is REQUIRED:
            if gentle or not block:
                return Outcome(code=Code.TOKEN_REQUIRED)
            return Outcome(code=Code.BLOCKED, blocked="TOKEN_MISSING")
        if reg.claims_overflow:
            return replace(conflict, takes=given, shown=tuple(claims))
        fitting = list(claims)
    else:
        if token is None:
            return Outcome(code=Code.TOKEN_REQUIRED)
        fitting = [name for name, shown in claims.items() if shown == token]
        if not fitting:
            return replace(conflict, takes=given, shown=tuple(claims)) if reg.claims_overflow else wrong
    return Outcome(accepted=fitting[0]) if len(fitting) == 1 else replace(conflict, shown=tuple(fitting))


def check(before: Registration, decision: Decision, outcome: Outcome, *, gentle: bool) -> None:
    """Everything that an accept may change, and nothing else."""
    after, events = before, []
    if outcome.counted:
        after = replace(after, failed_attempts=after.failed_attempts + 1)
        events = ["token-mismatch"]
    if outcome.blocked is not None:
        after = replace(after, status=BLOCKED, reason=outcome.blocked)
        events = ["blocked"]
    if outcome.takes is not None:
        after = replace(after, token=outcome.takes, token_from_accept=True)
    if outcome.code is Code.CLAIM_CONFLICT and not gentle:
        events = ["claim-conflict"]
    if outcome.accepted is not None:
        after = replace(
            after,
            status=ACCEPTED,
            accepted=NOW,
            accepted_claim=outcome.accepted,
            seed=DRAW.seed,
            key_id=DRAW.key_id,
        )
        events = ["accepted"]
    assert decision.after == after
    assert events_of(decision) == events
    assert decision.effects == ((Install(DRAW.seed, DRAW.key_id),) if outcome.accepted is not None else ())
    assert (decision.refusal.code if decision.refusal else None) is outcome.code
    if decision.refusal is not None:
        assert tuple(one.fingerprint for one in decision.refusal.claims) == outcome.shown
        assert "pump-7" in decision.refusal.message


@pytest.mark.parametrize("block", [True, False], ids=["block", "ignore"])
@pytest.mark.parametrize("policy", TokenPolicy)
@pytest.mark.parametrize("shown", CLAIMS)
def test_an_accept_does_what_the_contract_says(shown: str, policy: TokenPolicy, block: bool) -> None:
    tokens, overflow = CLAIMS[shown]
    claims = [claim(f"c{number}", token) for number, token in enumerate(tokens)]
    rules = Policy(tokens=policy, max_attempts=5, block_missing=block)
    ways = [
        *itertools.product([None, "a", "wrong"], [None, *(one.fingerprint for one in claims), "unknown"], [False]),
        (None, None, True),
    ]
    for (given, named, gentle), attempts in itertools.product(ways, [0, 4]):
        before = pending(*claims, claims_overflow=overflow, failed_attempts=attempts)
        outcome = oracle(policy, before, given, named, gentle=gentle, block=block, most=5)
        check(before, decided(before, accept(given, named, gentle=gentle), rules), outcome, gentle=gentle)


@pytest.mark.parametrize("policy", TokenPolicy)
@pytest.mark.parametrize("number", [1, 2, 4])
def test_a_token_given_at_registration_counts_as_given_at_accept(number: int, policy: TokenPolicy) -> None:
    claims = [claim(f"c{at}", "a") for at in range(number)]
    ways = [*itertools.product([None, "a", "wrong"], [None, "c0", "unknown"], [False]), (None, None, True)]
    for (given, named, gentle), attempts in itertools.product(ways, [0, 4]):
        before = pending(*claims, token="a", claims_overflow=number == 4, failed_attempts=attempts)
        outcome = oracle(policy, before, given, named, gentle=gentle, block=True, most=5)
        check(before, decided(before, accept(given, named, gentle=gentle), Policy(policy)), outcome, gentle=gentle)


@pytest.mark.parametrize("policy", [OPTIONAL, REQUIRED])
def test_accept_all_counts_no_attempt_where_callers_show_another_token_than_was_given_later(
    policy: TokenPolicy,
) -> None:
    before = pending(claim("c0", "b"), token="a", failed_attempts=4)
    decision = decided(before, accept(gentle=True), Policy(policy))
    assert (decision.after, decision.events) == (before, ())
    assert decision.refusal is not None
    assert decision.refusal.code is Code.TOKEN_REQUIRED
    assert "pump-7" in decision.refusal.message


@pytest.mark.parametrize("policy", [OPTIONAL, REQUIRED])
def test_a_token_taken_at_accept_picks_the_next_caller_that_carries_it(policy: TokenPolicy) -> None:
    rules = Policy(policy)
    claims = [claim("c0"), claim("c1", "b"), claim("c2"), claim("c3")]
    given = decided(pending(*claims, claims_overflow=True), accept("a"), rules).after
    assert given is not None
    other = decided(given, call("x"), rules).after
    assert other is not None
    assert other.claims == given.claims, "another token is not asked for"
    called = decided(other, call("a"), rules).after
    assert called is not None
    assert [one.fingerprint for one in called.claims] == ["c0", "c1", "c2", DRAW.fingerprint]
    again = decided(called, call("a", client_id="client-later"), rules).after
    assert again is not None
    assert again.claims == called.claims, "only the next call replaces the last claim"
    after = decided(again, accept("a"), rules)
    assert after.after is not None
    assert (after.after.status, after.after.accepted_claim) == (ACCEPTED, DRAW.fingerprint)
    assert after.after.failed_attempts == 0


def test_a_token_given_later_replaces_the_one_taken_before() -> None:
    before = pending(*(claim(f"c{at}") for at in range(4)), claims_overflow=True, token="a", token_from_accept=True)
    decision = decided(before, accept("b"))
    assert decision.after == replace(before, token="b")
    assert decision.refusal is not None
    assert decision.refusal.code is Code.CLAIM_CONFLICT


def test_too_many_callers_and_no_token_is_answered_with_the_way_out() -> None:
    before = pending(*(claim(f"c{at}") for at in range(4)), claims_overflow=True)
    refusal = decided(before, accept()).refusal
    assert refusal is not None
    assert "delete it and register again" in refusal.message
    assert "securityToken" in refusal.message


def test_only_accept_all_leaves_a_registration_without_tokens_unblocked_under_required() -> None:
    before = pending(claim("c0"))
    assert decided(before, accept(gentle=True), Policy(REQUIRED)).after == before
    after = decided(before, accept(), Policy(REQUIRED)).after
    assert after is not None
    assert after.status is BLOCKED


def test_a_claim_is_call_and_client_id_and_token_and_key_and_form() -> None:
    kept = claim("c0", "a", public_key="key")
    assert shows(kept, call(like=kept))
    assert not shows(kept, call(like=kept, kind=CallKind.PLAIN))
    assert not shows(kept, call(like=kept, client_id="client-other"))
    assert not shows(kept, replace(call(like=kept), token="b"))
    assert not shows(kept, replace(call(like=kept), token=None))
    assert not shows(kept, call(like=kept, public_key=None))
    assert not shows(kept, call(like=kept, form=Form.LINE))


def test_no_token_equals_no_token_and_nothing_else() -> None:
    assert same(None, None)
    assert same("a", "a")
    assert not same(None, "a")
    assert not same("a", None)
    assert not same("a", "b")


def test_two_claims_of_a_registration_never_bear_the_same_fingerprint() -> None:
    taken = [claim("ffffffff"), claim("00000000")]
    made = claim_of(call(), Draw(DRAW.seed, "k1", "ffffffff"), NOW, taken)
    assert made.fingerprint == "00000001"


@pytest.mark.parametrize("policy", TokenPolicy)
def test_where_a_token_was_given_at_registration_only_calls_that_carry_it_become_claims(policy: TokenPolicy) -> None:
    before = waiting(token="a")
    for token in (None, "b"):
        after = decided(before, call(token), Policy(policy)).after
        assert after == replace(before, calls=1, first_called=NOW, last_seen=NOW, token_sent=token is not None), (
            "others only count"
        )
    after = decided(before, call("a"), Policy(policy)).after
    assert after is not None
    assert (after.status, len(after.claims)) == (PENDING, 1)


def test_four_distinct_claims_are_kept_and_a_fifth_is_told_once() -> None:
    reg: Registration | None = waiting()
    for number in range(4):
        reg = decided(reg, call(client_id=f"client-{number}")).after
    assert reg is not None
    assert len(reg.claims) == 4
    assert not reg.claims_overflow
    fifth = decided(reg, call(client_id="client-5"))
    assert events_of(fifth) == ["claim-conflict"]
    assert fifth.after == replace(reg, calls=5, claims_overflow=True)
    sixth = decided(fifth.after, call(client_id="client-6"))
    assert events_of(sixth) == []
    assert sixth.after == replace(reg, calls=6, claims_overflow=True)


def test_a_repeated_call_makes_no_second_claim() -> None:
    before = pending(claim("c0", "a", public_key="key"))
    decision = decided(before, call(like=before.claims[0]))
    assert decision.after == replace(before, calls=2, last_seen=NOW)
    assert events_of(decision) == []
