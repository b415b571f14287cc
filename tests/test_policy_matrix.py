"""Which claim an administrator's yes accepts, under every policy: the matrix of the contract, section 4, by hand.

Each line of the tables says what was given at registration, what callers showed, and for each way of saying yes what
comes of it. ``accept`` and ``named`` are followed by the token given with it.
"""

from itertools import product
from typing import Any, Final

import pytest

from bridge.decisions import Register
from bridge.registration import MAX_CLAIMS, Draw, Policy, Registration, TokenPolicy
from tests.making import ACCEPTED, BY, PENDING, accept, call, decided
from tests.making import BLOCKED as BLOCKED_NOW
from tests.world import World

POLICY: Final = {"category": "device-registration", "key": "security-token.policy"}
ROOT = "management/root"
OK = "ACCEPTED"
BLOCKED, MISMATCH, REQUIRED, CONFLICT = "BLOCKED", "TOKEN_MISMATCH", "TOKEN_REQUIRED", "CLAIM_CONFLICT"
STATE = "INVALID_STATE"

CALLS: Final[dict[str, list[str | None]]] = {
    # Who called, each from a client id of its own: with which token (None: without).
    "nobody": [],
    "bare": [None],
    "token": ["right"],
    "two bare": [None, None],
    "two tokens": ["right", "other"],
    "same token": ["right", "right"],
    "mixed": [None, "right"],
    "overflow": [None] * (MAX_CLAIMS + 1),
    "overflow mixed": ["other", None, None, None, "right"],
}

# What is given with accept, and its answer. An empty token is none: the columns say "none" for both.
#   policy     at reg.  callers            none      right     wrong     named: none  right     wrong     accept-all
MATRIX: Final = """
    IGNORED    -        nobody             STATE     STATE     STATE     -            -         -         none
    IGNORED    -        bare               OK        OK        OK        OK           OK        OK        OK
    IGNORED    -        token              OK        OK        OK        OK           OK        OK        OK
    IGNORED    -        two bare           CONFLICT  CONFLICT  CONFLICT  OK           OK        OK        CONFLICT
    IGNORED    -        two tokens         CONFLICT  CONFLICT  CONFLICT  OK           OK        OK        CONFLICT
    IGNORED    -        same token         CONFLICT  CONFLICT  CONFLICT  OK           OK        OK        CONFLICT
    IGNORED    -        mixed              CONFLICT  CONFLICT  CONFLICT  OK           OK        OK        CONFLICT
    IGNORED    -        overflow           CONFLICT  CONFLICT  CONFLICT  OK           OK        OK        CONFLICT
    IGNORED    right    bare               STATE     STATE     STATE     -            -         -         none
    IGNORED    right    token              OK        OK        OK        OK           OK        OK        OK
    IGNORED    right    two tokens         OK        OK        OK        OK           OK        OK        OK
    IGNORED    right    same token         CONFLICT  CONFLICT  CONFLICT  OK           OK        OK        CONFLICT
    IGNORED    right    mixed              OK        OK        OK        OK           OK        OK        OK

    OPTIONAL   -        nobody             STATE     STATE     STATE     -            -         -         none
    OPTIONAL   -        bare               OK        OK        OK        OK           OK        OK        OK
    OPTIONAL   -        token              REQUIRED  OK        MISMATCH  REQUIRED     OK        MISMATCH  REQUIRED
    OPTIONAL   -        two bare           CONFLICT  CONFLICT  CONFLICT  OK           OK        OK        CONFLICT
    OPTIONAL   -        two tokens         REQUIRED  OK        MISMATCH  REQUIRED     OK        MISMATCH  REQUIRED
    OPTIONAL   -        same token         REQUIRED  CONFLICT  MISMATCH  REQUIRED     OK        MISMATCH  REQUIRED
    OPTIONAL   -        mixed              REQUIRED  OK        MISMATCH  OK           OK        OK        REQUIRED
    OPTIONAL   -        overflow           CONFLICT  CONFLICT  CONFLICT  OK           OK        OK        CONFLICT
    OPTIONAL   -        overflow mixed     REQUIRED  CONFLICT  CONFLICT  REQUIRED     MISMATCH  MISMATCH  REQUIRED
    OPTIONAL   right    nobody             STATE     STATE     STATE     -            -         -         none
    OPTIONAL   right    bare               STATE     STATE     STATE     -            -         -         none
    OPTIONAL   right    token              OK        OK        MISMATCH  OK           OK        MISMATCH  OK
    OPTIONAL   right    two tokens         OK        OK        MISMATCH  OK           OK        MISMATCH  OK
    OPTIONAL   right    same token         CONFLICT  CONFLICT  MISMATCH  OK           OK        MISMATCH  CONFLICT
    OPTIONAL   right    mixed              OK        OK        MISMATCH  OK           OK        MISMATCH  OK

    REQUIRED   -        nobody             STATE     STATE     STATE     -            -         -         none
    REQUIRED   -        token              REQUIRED  OK        MISMATCH  REQUIRED     OK        MISMATCH  REQUIRED
    REQUIRED   -        two tokens         REQUIRED  OK        MISMATCH  REQUIRED     OK        MISMATCH  REQUIRED
    REQUIRED   -        same token         REQUIRED  CONFLICT  MISMATCH  REQUIRED     OK        MISMATCH  REQUIRED
    REQUIRED   -        overflow mixed     REQUIRED  CONFLICT  CONFLICT  REQUIRED     MISMATCH  MISMATCH  REQUIRED
    REQUIRED   right    bare               STATE     STATE     STATE     -            -         -         none
    REQUIRED   right    token              OK        OK        MISMATCH  OK           OK        MISMATCH  OK
    REQUIRED   right    two tokens         OK        OK        MISMATCH  OK           OK        MISMATCH  OK
    REQUIRED   right    same token         CONFLICT  CONFLICT  MISMATCH  OK           OK        MISMATCH  CONFLICT
    REQUIRED   right    mixed              OK        OK        MISMATCH  OK           OK        MISMATCH  OK
"""

# Callers came under OPTIONAL, then the policy became REQUIRED. With token-missing.action IGNORE nothing blocks.
#   action     callers            none      right     named: none  right     wrong     accept-all
STRICTER: Final = """
    BLOCK      bare               BLOCKED   BLOCKED   REQUIRED     REQUIRED  REQUIRED  REQUIRED
    BLOCK      two bare           BLOCKED   BLOCKED   REQUIRED     REQUIRED  REQUIRED  REQUIRED
    BLOCK      overflow           BLOCKED   BLOCKED   REQUIRED     REQUIRED  REQUIRED  REQUIRED
    BLOCK      mixed              REQUIRED  OK        REQUIRED     REQUIRED  REQUIRED  REQUIRED
    IGNORE     bare               REQUIRED  REQUIRED  REQUIRED     REQUIRED  REQUIRED  REQUIRED
    IGNORE     overflow           REQUIRED  REQUIRED  REQUIRED     REQUIRED  REQUIRED  REQUIRED
"""

# What holds: the tenant's own policy, management's floor (-: never set), and the stricter of both.
FLOORS: Final = """
    -         -         OPTIONAL
    IGNORED   -         IGNORED
    REQUIRED  -         REQUIRED
    IGNORED   IGNORED   IGNORED
    IGNORED   OPTIONAL  OPTIONAL
    IGNORED   REQUIRED  REQUIRED
    OPTIONAL  IGNORED   OPTIONAL
    OPTIONAL  REQUIRED  REQUIRED
    REQUIRED  IGNORED   REQUIRED
    REQUIRED  OPTIONAL  REQUIRED
    -         REQUIRED  REQUIRED
    -         IGNORED   OPTIONAL
"""
WORDS: Final = {
    "OK": OK, "STATE": STATE, "CONFLICT": CONFLICT, "MISMATCH": MISMATCH, "REQUIRED": REQUIRED, "BLOCKED": BLOCKED,
}  # fmt: skip


def lines_of(table: str) -> list[list[str]]:
    """Cut a table into cells; two spaces or more stand between two."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in table.splitlines() if line.strip()]


# The matrix is of pure decisions, so that all of it takes no time.


def called(policy: Policy, given: str, callers: str) -> Registration:
    """Register a device and let its callers call."""
    command = Register("pump-7", "default", BY, token=None if given == "-" else given)
    found = decided(None, command, policy).after
    for number, token in enumerate(CALLS[callers]):
        found = decided(found, call(token, client_id=f"client-{number}"), policy, draw=drawn(number)).after
    assert found is not None
    return found


def drawn(number: int) -> Draw:
    return Draw(bytes([number] * 16), "k1", f"0000000{number}")


def checked(before: Registration, policy: Policy, way: str, expected: str) -> None:
    """Say yes, and see that the answer is the expected one, with the status and the count that belong to it."""
    if way == "accept-all" and before.status is not PENDING:
        assert expected == "none"
        return
    named, _, word = way.rpartition(" ")
    token = word if word in {"right", "wrong"} else None
    yes = accept(token, before.claims[0].fingerprint if named else None, gentle=way == "accept-all")
    decision = decided(before, yes, policy)
    after = decision.after
    assert after is not None
    assert (OK if decision.refusal is None else decision.refusal.code) == WORDS[expected], way
    assert after.status == {"OK": ACCEPTED, "BLOCKED": BLOCKED_NOW}.get(expected, before.status), way
    assert after.failed_attempts - before.failed_attempts == (expected == "MISMATCH"), way
    assert after.reason == ("TOKEN_MISSING" if expected == "BLOCKED" else None), way
    assert after.claims == before.claims, "an answer to an administrator changes no claim"
    if expected == "OK" and (named or word == "right"):
        chosen = after.claim(after.accepted_claim)
        assert chosen is not None
        assert chosen in (before.claims[:1] if named else [one for one in before.claims if one.token in {token, None}])


WAYS = ["none", "right", "wrong", "named none", "named right", "named wrong", "accept-all"]
STRICTER_WAYS = ["none", "right", "named none", "named right", "named wrong", "accept-all"]


@pytest.mark.parametrize("line", lines_of(MATRIX), ids=lambda line: " | ".join(line[:3]))
def test_a_yes_is_answered_as_the_matrix_says(line: list[str]) -> None:
    word, given, callers, *answers = line
    policy = Policy(TokenPolicy[word])
    for way, expected in zip(WAYS, answers, strict=True):
        if expected != "-":
            checked(called(policy, given, callers), policy, way, expected)


@pytest.mark.parametrize("line", lines_of(STRICTER), ids=lambda line: " | ".join(line[:2]))
def test_callers_without_token_are_judged_by_a_policy_that_became_stricter(line: list[str]) -> None:
    action, callers, *answers = line
    before = called(Policy(), "-", callers)
    policy = Policy(TokenPolicy.REQUIRED, block_missing=action == "BLOCK")
    for way, expected in zip(STRICTER_WAYS, answers, strict=True):
        checked(before, policy, way, expected)


def test_the_matrix_leaves_out_no_combination() -> None:
    """Under REQUIRED without a token from registration, callers without token come first only if it is ignored."""
    there = {tuple(line[:3]) for line in lines_of(MATRIX)}
    for policy, given in product(("IGNORED", "OPTIONAL", "REQUIRED"), ("-", "right")):
        for callers, tokens in CALLS.items():
            blocked_at_once = (policy, given) == ("REQUIRED", "-") and None in tokens[:1]
            same_as_fewer = callers.startswith(("nobody", "two bare", "overflow"))
            assert (policy, given, callers) in there or blocked_at_once or same_as_fewer, (policy, given, callers)


# Through the one door.


async def answered(world: World, way: str) -> str:
    """Say yes in one way; return what came of it: ACCEPTED, or the code."""
    payload = {"id": "pump-7", **({} if way == "none" else {"securityToken": way})}
    answer = await world.answer("accept", payload)
    return OK if answer["ok"] else str(answer["error"]["code"])


async def registered(world: World, given: str, callers: str) -> None:
    await world.done("register", {"id": "pump-7", **({} if given == "-" else {"securityToken": given})})
    for number, token in enumerate(CALLS[callers]):
        body = b"{}" if token is None else b'{"securityToken":"%s"}' % token.encode()
        await world.call("pump-7", body, f"caller-{number}-abcdefghijklmn")


@pytest.mark.parametrize("empty", ["", "  "])
async def test_an_empty_token_is_none(world: World, empty: str) -> None:
    await registered(world, empty, "token")
    assert await answered(world, empty) == REQUIRED
    assert (await world.done("get", {"id": "pump-7"}))["failedAttempts"] == 0
    assert await answered(world, " right ") == OK, "tokens are trimmed"


@pytest.mark.parametrize(("own", "floor", "holds"), lines_of(FLOORS), ids=str)
async def test_the_stricter_of_the_tenants_own_policy_and_managements_floor_holds(
    world: World, own: str, floor: str, holds: str
) -> None:
    """One device tells them apart: it shows a token, nobody gives one; a second one shows none."""
    for who, value in (("default/admin", own), (ROOT, floor)):
        if value != "-":
            await world.done("set-option", {**POLICY, "value": value}, who=who)
    assert (await world.done("get-option", POLICY))["effective"] == holds
    await registered(world, "-", "token")
    assert await answered(world, "none") == (OK if holds == "IGNORED" else REQUIRED)
    await world.done("register", {"id": "bare"})
    await world.call("bare")
    status = (await world.done("get", {"id": "bare"}))["status"]
    assert status == ("BLOCKED" if holds == "REQUIRED" else "PENDING_ACCEPTANCE")


async def test_managements_floor_holds_for_every_tenant_and_their_own_for_none_but_theirs(world: World) -> None:
    await world.done("set-option", {**POLICY, "value": "REQUIRED"}, who="north/nora")
    assert (await world.done("get-option", POLICY))["effective"] == "OPTIONAL"
    await world.done("set-option", {**POLICY, "value": "REQUIRED"}, who=ROOT)
    assert (await world.done("get-option", POLICY))["effective"] == "REQUIRED"


# Too many callers.


async def test_of_too_many_callers_the_one_with_the_token_given_at_accept_comes_next(world: World) -> None:
    await registered(world, "-", "overflow")
    assert await answered(world, "wrong") == CONFLICT
    assert await answered(world, "right") == CONFLICT, "the one given later replaces it"
    last = (await world.done("get", {"id": "pump-7"}))["claims"][-1]
    await world.call("pump-7", b'{"securityToken":"wrong"}', "late-abcdefghijklmnopqrst")
    assert (await world.done("get", {"id": "pump-7"}))["claims"][-1] == last, "the token given first counts no more"
    await world.call("pump-7", b'{"securityToken":"right"}', "late-abcdefghijklmnopqrst")
    claims = (await world.done("get", {"id": "pump-7"}))["claims"]
    assert len(claims) == MAX_CLAIMS
    assert claims[-1]["tokenSent"]
    assert await answered(world, "right") == OK


async def test_too_many_callers_without_token_and_none_given_is_a_conflict_that_says_what_to_do(world: World) -> None:
    await registered(world, "-", "overflow")
    answer = await world.answer("accept", {"id": "pump-7"})
    assert answer["error"]["code"] == CONFLICT
    assert "delete it and register again" in answer["error"]["message"]
    assert "securityToken" in answer["error"]["message"]


# Options change meanwhile.


async def audited(world: World) -> list[tuple[str, str, Any, Any]]:
    entries = (await world.done("audit"))["entries"]
    found = [one for one in entries if one["action"] == "set-option"]
    return [(one["actor"], one["details"]["key"], one["details"]["was"], one["details"]["value"]) for one in found]


async def test_a_changed_policy_holds_for_the_next_event_and_is_audited(world: World) -> None:
    await registered(world, "-", "token")
    assert await answered(world, "none") == REQUIRED
    await world.done("set-option", {**POLICY, "value": "IGNORED"})
    assert await answered(world, "none") == OK
    assert await audited(world) == [("default/admin", "security-token.policy", "OPTIONAL", "IGNORED")]


async def test_fewer_attempts_hold_for_the_next_wrong_token(world: World) -> None:
    await registered(world, "-", "token")
    assert [await answered(world, "wrong") for _ in range(2)] == [MISMATCH] * 2
    await world.done("set-option", {**POLICY, "key": "security-token.max-attempts", "value": 3})
    assert await answered(world, "wrong") == BLOCKED
    assert await answered(world, "right") == STATE
    assert await audited(world) == [("default/admin", "security-token.max-attempts", 5, 3)]


async def test_what_to_do_about_a_missing_token_holds_for_the_next_call(world: World) -> None:
    await world.done("set-option", {**POLICY, "value": "REQUIRED"})
    await world.done("set-option", {**POLICY, "key": "token-missing.action", "value": "IGNORE"})
    await registered(world, "-", "bare")
    found = await world.done("get", {"id": "pump-7"})
    assert (found["status"], found["calls"], found["claims"]) == ("WAITING_FOR_CONNECTION", 1, [])
    await world.done("set-option", {**POLICY, "key": "token-missing.action", "value": "BLOCK"})
    await world.call("pump-7")
    found = await world.done("get", {"id": "pump-7"})
    assert (found["status"], found["reason"]) == ("BLOCKED", "TOKEN_MISSING")


async def test_managements_change_is_audited_for_management_alone(world: World) -> None:
    await world.done("set-option", {**POLICY, "value": "REQUIRED"}, who=ROOT)
    assert await audited(world) == []
    entries = (await world.done("audit", who=ROOT))["entries"]
    assert [(one["actor"], one["outcome"]) for one in entries] == [(ROOT, "ok")]
