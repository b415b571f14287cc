"""The transition table: each row by example, the whole of it by its properties."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.decisions import Command, Confirm, Deliver, Enter, MarkDelivered, MarkInstalled, Remove
from bridge.outcomes import Case
from bridge.registration import Code, Device, Policy, Registration, Said, Status, TokenPolicy
from bridge.rules import TABLE, Row
from tests.examples import (
    AGE,
    CONFIRM,
    CONFIRMED,
    DELETE,
    DELETE_DEVICE,
    EXPIRING,
    FOUR,
    GONE,
    INSTALL,
    LENIENT,
    MISFITS,
    NO,
    OF_FILES,
    OVER,
    PLAIN,
    REGISTER,
    STATE,
    STRICT,
    TAKEN,
    YES,
    Example,
)
from tests.making import (
    ACCEPTED,
    BEFORE,
    BLOCKED,
    DEVICES,
    DRAW,
    NEW_SEED,
    NOW,
    PENDING,
    SAID,
    SEED,
    WAITING,
    accept,
    accepted,
    announce,
    blocked,
    call,
    claim,
    decided,
    events_of,
    installed,
    pending,
    provision,
    waiting,
)

EXAMPLES = [
    # register
    Example("nobody knows the id: register", None, REGISTER, WAITING, events=("registered",)),
    Example(
        "a device of the tenant: register again",
        None,
        REGISTER,
        WAITING,
        None,
        ("registered",),
        device_tenant="default",
    ),
    Example("a device of another tenant: register", None, REGISTER, GONE, Code.ALREADY_EXISTS, device_tenant="north"),
    *(
        Example(f"{before.status}: register", before, REGISTER, before.status, TAKEN)
        for before in (waiting(), pending(), accepted(), blocked())
    ),
    *OF_FILES,
    # call
    Example("not registered: call", None, call(), GONE, effects=(NO,)),
    Example("a device without registration: call", None, call(), GONE, None, OVER, (NO,), device_tenant="default"),
    Example(
        "waiting: call without token under REQUIRED", waiting(), call(), BLOCKED, None, ("blocked",), (NO,), STRICT
    ),
    Example(
        "pending: call without token under REQUIRED", pending(), call(), BLOCKED, None, ("blocked",), (NO,), STRICT
    ),
    Example("waiting: the same, to be ignored", waiting(), call(), WAITING, effects=(NO,), policy=LENIENT),
    Example("pending: the same, to be ignored", pending(), call(), PENDING, effects=(NO,), policy=LENIENT),
    Example(
        "waiting: the same, a token was given at registration",
        waiting(token="a"),
        call(),
        WAITING,
        effects=(NO,),
        policy=STRICT,
    ),
    Example(
        "pending: the same, a claim has a token",
        pending(claim("c1", "a")),
        call(),
        PENDING,
        None,
        ("requested",),
        (NO,),
        STRICT,
    ),
    Example("waiting: call that becomes a claim", waiting(), call(), PENDING, None, ("requested",), (NO,)),
    Example("pending: call that becomes a further claim", pending(), call(), PENDING, None, ("requested",), (NO,)),
    Example("waiting: call without the registration's token", waiting(token="a"), call("b"), WAITING, effects=(NO,)),
    Example("pending: call equal to a claim", pending(), call(like=claim("c1")), PENDING, effects=(NO,)),
    Example("pending: a claim too many", pending(*FOUR), call(), PENDING, None, ("claim-conflict",), (NO,)),
    Example(
        "pending: the token given at accept is carried",
        pending(*FOUR, claims_overflow=True, token="a", token_from_accept=True),
        call("a"),
        PENDING,
        None,
        ("requested",),
        (NO,),
    ),
    Example(
        "waiting: the pre-authorised token is carried",
        waiting(token="a", auto_accept=True),
        call("a"),
        ACCEPTED,
        None,
        ("requested", "accepted"),
        (NO, *INSTALL),
    ),
    Example(
        "pending: the pre-authorised token is carried",
        pending(token="a", auto_accept=True),
        call("a"),
        ACCEPTED,
        None,
        ("requested", "accepted"),
        (NO, *INSTALL),
    ),
    Example(
        "waiting: a short token is guessed",
        waiting(token="a", auto_accept=True),
        call("b"),
        WAITING,
        effects=(NO,),
        says={"wrong_calls": 1},
    ),
    Example(
        "pending: a short token is guessed",
        pending(token="a", auto_accept=True),
        call("b"),
        PENDING,
        effects=(NO,),
        says={"wrong_calls": 1},
    ),
    Example("blocked: call", blocked(), call(), BLOCKED, effects=(NO,)),
    Example(
        "accepted, not installed: the accepted claim calls", accepted(), call(like=claim("c1")), ACCEPTED, effects=(NO,)
    ),
    Example("installed: the accepted claim calls", installed(), call(like=claim("c1")), ACCEPTED, effects=(YES,)),
    Example("installed: another calls", installed(), call(), ACCEPTED, effects=(NO,)),
    Example("confirmed: call", CONFIRMED, call(like=claim("c1")), ACCEPTED, None, OVER, (NO,)),
    # accept
    Example("not registered: accept", None, accept(), GONE, Code.NOT_FOUND),
    Example("waiting: accept", waiting(), accept(), WAITING, STATE),
    Example(
        "pending: accept, one claim chosen and allowed", pending(), accept(), ACCEPTED, None, ("accepted",), INSTALL
    ),
    Example(
        "pending: wrong token number max-attempts",
        pending(claim("c1", "a"), failed_attempts=4),
        accept("b"),
        BLOCKED,
        Code.BLOCKED,
        ("blocked",),
    ),
    Example(
        "pending: wrong token",
        pending(claim("c1", "a"), failed_attempts=3),
        accept("b"),
        PENDING,
        Code.TOKEN_MISMATCH,
        ("token-mismatch",),
    ),
    Example(
        "pending: accept under REQUIRED, only claims without token",
        pending(),
        accept(),
        BLOCKED,
        Code.BLOCKED,
        ("blocked",),
        policy=STRICT,
    ),
    Example("pending: the same, to be ignored", pending(), accept(), PENDING, Code.TOKEN_REQUIRED, policy=LENIENT),
    Example(
        "pending: too many callers, a token given",
        pending(*FOUR, claims_overflow=True),
        accept("a"),
        PENDING,
        Code.CLAIM_CONFLICT,
        ("claim-conflict",),
    ),
    Example("pending: two callers", pending(*FOUR[:2]), accept(), PENDING, Code.CLAIM_CONFLICT, ("claim-conflict",)),
    Example("blocked: accept", blocked(), accept(), BLOCKED, STATE),
    Example("accepted: accept", accepted(), accept(), ACCEPTED),
    Example("accepted: accept, naming the claim", accepted(), accept(named="c1"), ACCEPTED),
    Example("accepted: accept, naming another claim", accepted(*FOUR[:2]), accept(named="c1"), ACCEPTED, STATE),
    # delete
    Example("not registered: delete", None, DELETE, GONE, Code.NOT_FOUND),
    *(
        Example(f"{before.status}: delete", before, DELETE, GONE, None, ("deleted",))
        for before in (waiting(), pending(), blocked())
    ),
    Example("accepted, not confirmed: delete", accepted(), DELETE, GONE, None, ("deleted",), (Remove(),)),
    Example("confirmed: delete", CONFIRMED, DELETE, GONE, None, ("deleted",)),
    # what became true outside
    Example(
        "accepted: its account is installed", accepted(), MarkInstalled("pump-7", SEED), ACCEPTED, effects=(Deliver(),)
    ),
    Example(
        "installed: its credentials are delivered",
        installed(),
        MarkDelivered("pump-7", SEED),
        ACCEPTED,
        None,
        ("delivered",),
    ),
    Example("installed: the device speaks", installed(), CONFIRM, ACCEPTED, None, ("confirmed",)),
    Example("waiting: older than its life", waiting(), AGE, GONE, None, ("expired",), policy=EXPIRING),
    Example("pending: older than its life", pending(), AGE, GONE, None, ("expired",), policy=EXPIRING),
    Example("confirmed: retention over", CONFIRMED, AGE, GONE, policy=Policy(retention=60_000)),
    # the same, when it does not fit
    *(
        Example(
            f"{before.status if before else 'gone'}: {type(command).__name__} does not fit",
            before,
            command,
            before.status if before else GONE,
        )
        for before in (None, waiting(), pending(), blocked(), accepted())
        for command in MISFITS
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_each_row_of_the_contracts_table_holds(example: Example) -> None:
    decision = example.decide()
    assert (decision.after.status if decision.after else None) is example.to
    assert (decision.refusal.code if decision.refusal else None) is example.refused
    assert tuple(events_of(decision)) == example.events
    assert decision.effects == example.effects
    assert {name: getattr(decision.after, name) for name in example.says} == example.says


def fitting(example: Example) -> Row:
    tenant = example.device_tenant if example.device is None else example.device.tenant
    case = Case(example.before, example.command, example.policy, NOW, DRAW, tenant, example.device)
    status = example.before.status if example.before else None
    for row in TABLE:
        applies = status in row.sources and row.on is type(example.command)
        if applies and (row.guard is None or row.guard(case, example.command)):
            return row
    raise AssertionError(example.title)


def test_every_row_of_the_table_has_an_example() -> None:
    hit = {(row.sources, row.on, row.when) for row in map(fitting, EXAMPLES)}
    missing = [(row.sources, row.on.__name__, row.when) for row in TABLE if (row.sources, row.on, row.when) not in hit]
    assert missing == []


def test_the_table_has_a_last_word_for_every_status_and_command() -> None:
    for status, command in product((None, *Status), get_args(Command)):
        rows = [row for row in TABLE if status in row.sources and row.on is command]
        assert rows, (status, command)
        assert rows[-1].guard is None, (status, command)
        assert all(row.guard is not None for row in rows[:-1]), "a row behind one that always fits is never reached"


TOKENS = [None, "a", "b"]
CLAIM_SETS = [(), (claim("c1"),), (claim("c1", "a"), claim("c2")), FOUR, (PLAIN,)]


def any_registrations() -> Iterator[Registration]:
    for claims, token, long, auto, overflow in product(CLAIM_SETS, TOKENS, [0, 1], [0, 1], [0, 1]):
        common = {"token": token, "token_is_long": bool(long), "auto_accept": bool(auto)}
        if not claims:
            yield waiting(**common)
            continue
        yield pending(*claims, claims_overflow=bool(overflow), token_from_accept=bool(long), **common)
        yield blocked(claims=claims, **common)
        yield from (accepted(*claims, **common), installed(*claims, **common))
        yield installed(*claims, confirmed=BEFORE, **common)
        yield installed(*claims, answered_plain=BEFORE - 600_000, delivered=BEFORE, **common)


REGISTRATIONS = [None, *any_registrations()]
COMMANDS: list[Command] = [
    REGISTER, DELETE, CONFIRM, AGE, Confirm("pump-7", "north"),
    *(MarkInstalled("pump-7", seed) for seed in (SEED, bytes(16))),
    *(MarkDelivered("pump-7", seed) for seed in (SEED, bytes(16))),
    *(call(token, client_id=who) for token in TOKENS for who in ("client-c1", "client-new")),
    call(like=PLAIN),
    *(accept(token, named) for token in TOKENS for named in (None, "c1", "c9")),
    accept(gentle=True), DELETE_DEVICE,
    *(announce(tenant=t, may_update=m, name="N") for t in ("default", "north") for m in (True, False)),
    announce(token="b", auto_accept=True), announce(group="A/B", may_update=False),
    *(provision(tenant=t, may_update=m, name="N") for t in ("default", "north") for m in (True, False)),
    *(provision(held=True, may_update=m, name=n) for m in (True, False) for n in ("N", None)),
]  # fmt: skip
POLICIES = st.builds(
    Policy,
    st.sampled_from(TokenPolicy),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from([60_000, 86_400_000]),
    st.sampled_from([0, 60_000]),
    st.sampled_from([0, 60_000, 86_400_000]),
)


@settings(max_examples=4)
@given(POLICIES, st.none() | DEVICES.map(lambda device: replace(device, id="pump-7")))
def test_every_command_is_decided_alike_each_time_and_a_refusal_changes_only_what_it_says(
    policy: Policy, device: Device | None
) -> None:
    for before, command in product(REGISTRATIONS, COMMANDS):
        decision = decided(before, command, policy, device=device)
        assert decision == decided(before, command, policy, device=device)
        if decision.refusal is None:
            continue
        assert decision.effects == ()
        after = decision.after
        match decision.refusal.code:
            case Code.TOKEN_MISMATCH:
                assert before is not None
                assert after == replace(before, failed_attempts=before.failed_attempts + 1)
            case Code.BLOCKED:
                assert before is not None
                assert after is not None
                assert after.reason in ("TOO_MANY_ATTEMPTS", "TOKEN_MISSING")
                failed = before.failed_attempts + (after.reason == "TOO_MANY_ATTEMPTS")
                assert after == replace(before, status=BLOCKED, reason=after.reason, failed_attempts=failed)
            case Code.CLAIM_CONFLICT if after != before:
                assert before is not None
                assert isinstance(command, type(accept()))
                assert after == replace(before, token=command.token, token_from_accept=True)
            case _:
                assert after == before


@given(st.none() | DEVICES.map(lambda device: replace(device, id="pump-7", tenant="default")), SAID, st.booleans())
def test_a_line_sent_again_changes_nothing(device: Device | None, said: Said, owner: bool) -> None:
    for before in (None, waiting(), pending(), accepted(), CONFIRMED):
        line = replace(announce(may_update=owner), said=said)
        first = decided(before, line, device=device)
        if first.refusal is not None:
            continue
        left = next((effect.device for effect in first.effects if isinstance(effect, Enter)), device)
        again = decided(first.after, replace(line, bulk="b2", may_update=False), device=left)
        assert (again.after, again.events, again.effects, again.refusal) == (first.after, (), (), None)


@given(st.none() | DEVICES.map(lambda device: replace(device, id="pump-7", tenant="default")), SAID)
def test_a_full_line_sent_again_changes_nothing(device: Device | None, said: Said) -> None:
    for before in (None, waiting(), pending(), accepted(), CONFIRMED, blocked()):
        first = decided(before, replace(provision(), said=said), device=device)
        (entered,) = [effect.device for effect in first.effects if isinstance(effect, Enter)]
        line = replace(provision(held=True, may_update=False), said=said, seed=NEW_SEED, bulk="b2", by=entered.owner)
        again = decided(first.after, line, device=entered)
        assert (again.after, again.events, again.effects, again.refusal) == (first.after, (), (), None)
        other = decided(first.after, replace(line, by=f"{entered.owner}-x"), device=entered)
        assert other.refusal is not None, "nobody finds out a password by trying"
        assert other.refusal.code is Code.NOT_PERMITTED
