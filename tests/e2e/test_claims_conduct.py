"""Attacks by behaviour on registrations, as the table has them: races of claims and guesses of tokens."""

import asyncio
import contextlib
from typing import Any

import pytest

from tests.e2e.peer import Administrator, administrator, device, payload_of
from tests.e2e.people import person
from tests.e2e.scenes import NOT_ACCEPTED, accepted, enter, is_error, setting, watching
from tests.e2e.site import AnySite
from tests.hostile import Attack
from tests.hostile.carrying import carries_out

Access = dict[str, Any]
NONE_OF = {"status": "PENDING_ACCEPTANCE", "retryAfter": 30}


@pytest.fixture
def access(up_site: AnySite) -> Access:
    """One installation: what brokers and bridge do does not hang on how they were started."""
    return up_site.access


async def claims_of(admin: Administrator, device_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await admin.get(device_id))["claims"]
    return found


# Races of claims.


@carries_out("two-callers")
async def test_of_two_callers_the_named_one_is_served(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        await admin.ok("register", {"id": "race-1"})
        stranger, victim = [await enter(stack, access, "race-1", {}) for _ in range(2)]
        answer = await admin.answer("accept", {"id": "race-1"})
        assert is_error(answer, "CLAIM_CONFLICT")
        first, second = answer["error"]["details"]["claims"]
        assert await admin.ok("accept-all", {}) is not None
        assert (await admin.get("race-1"))["status"] == "PENDING_ACCEPTANCE", "nor by accepting all"
        await admin.ok("accept", {"id": "race-1", "claim": second["fingerprint"]})
        assert (await accepted(victim))["deviceId"] == "race-1"
        assert await stranger.ask({}) == NONE_OF
        assert await admin.code("accept", {"id": "race-1", "claim": first["fingerprint"]}) == "INVALID_STATE"


@carries_out("stranger-beside-token")
async def test_the_token_decides_between_its_holder_and_a_stranger(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        await admin.ok("register", {"id": "race-2"})
        bare = await enter(stack, access, "race-2", {})
        wrong = await enter(stack, access, "race-2", {"securityToken": "guess"})
        victim = await enter(stack, access, "race-2", {"securityToken": "label"})
        assert await admin.code("accept", {"id": "race-2"}) == "TOKEN_REQUIRED"
        await admin.ok("accept", {"id": "race-2", "securityToken": "label"})
        await accepted(victim)
        for stranger, said in ((bare, {}), (wrong, {"securityToken": "guess"}), (bare, {"securityToken": "label"})):
            assert await stranger.ask(said) == NONE_OF


@carries_out("token-heard")
async def test_who_shows_the_token_too_must_be_told_from_its_holder(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        await admin.ok("register", {"id": "race-3"})
        victim = await enter(stack, access, "race-3", {"securityToken": "label"})
        thief = await enter(stack, access, "race-3", {"securityToken": "label"})
        await enter(stack, access, "race-3", {"securityToken": "other"})
        answer = await admin.answer("accept", {"id": "race-3", "securityToken": "label"})
        assert is_error(answer, "CLAIM_CONFLICT")
        claims = await claims_of(admin, "race-3")
        assert answer["error"]["details"]["claims"] == claims[:2]
        await admin.ok("accept", {"id": "race-3", "securityToken": "label", "claim": claims[0]["fingerprint"]})
        await accepted(victim)
        assert await thief.ask({"securityToken": "label"}) == NONE_OF


@carries_out("junk-claims")
async def test_four_claims_of_junk_do_not_keep_the_device_out(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        await admin.ok("register", {"id": "race-4"})
        junk = [await enter(stack, access, "race-4", {}) for _ in range(4)]
        victim = await enter(stack, access, "race-4", {"securityToken": "label"})
        found = await admin.get("race-4")
        assert (len(found["claims"]), found["claimsOverflow"]) == (4, True)
        answer = await admin.answer("accept", {"id": "race-4"})
        assert is_error(answer, "CLAIM_CONFLICT")
        assert await admin.code("accept", {"id": "race-4", "securityToken": "label"}) == "CLAIM_CONFLICT"
        assert await victim.ask({"securityToken": "label"}) == NONE_OF, "now it becomes a claim"
        await admin.ok("accept", {"id": "race-4", "securityToken": "label"})
        assert (await accepted(victim))["deviceId"] == "race-4"
        for one in junk:
            assert await one.ask({}) == NONE_OF


@carries_out("junk-claims-against-token")
async def test_a_registration_with_a_token_has_no_room_for_junk(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        await admin.ok("register", {"id": "race-5", "securityToken": "label"})
        for said in ({}, {"securityToken": "a"}, {"securityToken": "b"}, {"securityToken": "c"}, {}):
            await enter(stack, access, "race-5", said)
        found = await admin.get("race-5")
        assert (found["claims"], found["claimsOverflow"], found["calls"]) == ([], False, 5)
        victim = await enter(stack, access, "race-5", {"securityToken": "label"})
        await admin.ok("accept", {"id": "race-5"})
        await accepted(victim)


@carries_out("claim-while-accepting")
async def test_a_call_at_the_moment_of_acceptance_serves_no_stranger(access: Access, attack: Attack) -> None:
    outcomes = set()
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        for number in range(20):
            device_id = f"moment-{number}"
            await admin.ok("register", {"id": device_id})
            victim = await enter(stack, access, device_id, {})
            stranger = await enter(stack, access, device_id)
            own = (await claims_of(admin, device_id))[0]["fingerprint"]
            asked = asyncio.gather(stranger.call(b"{}"), admin.answer("accept", {"id": device_id}))
            if number % 2:
                asked = asyncio.gather(admin.answer("accept", {"id": device_id}), stranger.call(b"{}"))
            answer = next(one for one in await asked if one is not None)
            outcomes.add(answer["ok"])
            if not answer["ok"]:
                assert is_error(answer, "CLAIM_CONFLICT")
                await admin.ok("accept", {"id": device_id, "claim": own})
            assert (await accepted(victim))["deviceId"] == device_id
            for _ in range(2):
                assert await stranger.peer.next_json() == NONE_OF
                await stranger.call(b"{}")
    assert outcomes, "it was decided"


# Guessing tokens.


@carries_out("token-by-calling")
async def test_guesses_by_calling_are_told_nothing_and_count_for_nothing(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        await admin.ok("register", {"devices": [{"id": "guess-1"}, {"id": "guess-2", "securityToken": "0007"}]})
        await enter(stack, access, "guess-1", {"securityToken": "0007"})
        for device_id in ("guess-1", "guess-2"):
            attacker = await enter(stack, access, device_id)
            answers = set()
            for guess in range(12):
                await attacker.call({"securityToken": f"{guess:04}"})
                answers.add(payload_of(await attacker.peer.next()))
                await attacker.call(f"{guess:04}")  # the line form has no answer
            assert answers == {NOT_ACCEPTED}, "the right one among them"
            await attacker.ask()
            found = await admin.get(device_id)
            assert (found["status"], found["failedAttempts"]) == ("PENDING_ACCEPTANCE", 0)
        assert await admin.code("accept", {"id": "guess-1"}) == "TOKEN_REQUIRED"


@carries_out("short-token-by-calling")
async def test_guesses_of_a_short_token_end_acceptance_by_itself(access: Access, attack: Attack) -> None:
    async with (
        administrator(access) as admin,
        watching(access) as watcher,
        contextlib.AsyncExitStack() as stack,
        setting(admin, {"security-token.max-attempts": 3}),
    ):
        await admin.ok("register", {"id": "guessed-3", "securityToken": "1234", "autoAccept": True})
        for guess in ("0000", "1111"):
            await enter(stack, access, "guessed-3", {"securityToken": guess})
        assert (await admin.get("guessed-3"))["autoAccept"] is True
        await enter(stack, access, "guessed-3", {"securityToken": "2222"})
        await watcher.of("guessed-3", "registered", "auto-accept-suspended")
        assert (await admin.get("guessed-3"))["autoAccept"] is False
        right = await enter(stack, access, "guessed-3", {"securityToken": "1234"})
        await watcher.of("guessed-3", "requested")
        assert (await admin.get("guessed-3"))["status"] == "PENDING_ACCEPTANCE", "a person decides now"
        await admin.ok("accept", {"id": "guessed-3"})
        await accepted(right)


@carries_out("long-token-by-calling")
async def test_guesses_of_a_long_token_suspend_nothing(access: Access, attack: Attack) -> None:
    token = "0123456789abcdef"
    async with (
        administrator(access) as admin,
        contextlib.AsyncExitStack() as stack,
        setting(admin, {"security-token.max-attempts": 1}),
    ):
        await admin.ok("register", {"id": "guess-4", "securityToken": token, "autoAccept": True})
        for number in range(5):
            await enter(stack, access, "guess-4", {"securityToken": f"{token[:-1]}{number}"})
        found = await admin.get("guess-4")
        assert (found["autoAccept"], found["status"]) == (True, "WAITING_FOR_CONNECTION")
        victim = await enter(stack, access, "guess-4")
        await victim.call({"securityToken": token})
        await accepted(victim)


@carries_out("token-by-accepting")
async def test_guesses_at_accept_are_counted_and_block(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, device(access, "guess-5") as victim:
        await admin.ok("register", {"id": "guess-5"})
        await victim.ask({"securityToken": "right"})
        claim = (await claims_of(admin, "guess-5"))[0]["fingerprint"]
        ways: list[dict[str, Any]] = [{}, {"claim": claim}, {"requestId": "guess-5"}, {"requestId": "guess-5"}, {}]
        for number, way in enumerate(ways):
            answer = await admin.answer("accept", {"id": "guess-5", "securityToken": "wrong", **way})
            assert is_error(answer, "TOKEN_MISMATCH"), (number, answer)
        assert (await admin.get("guess-5"))["failedAttempts"] == 4, "one of them was said twice"
        rows = await admin.ok("accept", {"devices": [{"id": "guess-5", "securityToken": "wrong"}]})
        assert [one["code"] for one in rows["failed"]] == ["BLOCKED"]
        found = await admin.get("guess-5")
        assert (found["status"], found["reason"]) == ("BLOCKED", "TOO_MANY_ATTEMPTS")
        assert await admin.code("accept", {"id": "guess-5", "securityToken": "right"}) == "INVALID_STATE"
        assert await victim.ask({"securityToken": "right"}) == NONE_OF


@carries_out("accept-without-token")
async def test_naming_a_claim_does_not_go_round_its_token(access: Access, attack: Attack) -> None:
    async with administrator(access) as admin, device(access, "guess-6") as victim:
        await admin.ok("register", {"id": "guess-6"})
        await victim.ask({"securityToken": "right"})
        claim = (await claims_of(admin, "guess-6"))[0]["fingerprint"]
        for way in ({}, {"claim": claim}, {"securityToken": ""}, {"securityToken": " "}):
            assert await admin.code("accept", {"id": "guess-6", **way}) == "TOKEN_REQUIRED"
        rows = await admin.ok("accept-all", {})
        assert ("guess-6", "TOKEN_REQUIRED") in [(one["id"], one["code"]) for one in rows["failed"]]
        found = await admin.get("guess-6")
        assert (found["status"], found["failedAttempts"]) == ("PENDING_ACCEPTANCE", 0)
        await admin.ok("accept", {"id": "guess-6", "securityToken": "right"})
        await accepted(victim)


@carries_out("password-by-file")
async def test_no_password_is_found_out_by_files(access: Access, attack: Attack) -> None:
    def file(*guesses: str) -> bytes:
        return "\n".join(["ID;CREDENTIALS", *(f"guess-7;{guess}" for guess in guesses)]).encode()

    async with administrator(access) as admin:
        made = await admin.ok("create-administrator", {"name": "guesser", "role": "registrar"})
        async with person(access, "default", "guesser", made["password"]) as guesser:
            for again in (0, 1):
                assert (await guesser.ok("bulk-register", file("by-himself")))["numberOfCreated"] == 1 - again
            assert (await admin.ok("bulk-register", file("by-an-owner")))["numberOfSuccessful"] == 1
            for command in ("bulk-register", "bulk-validate"):
                result = await guesser.ok(command, file("by-himself", "by-somebody", "by-an-owner"))
                assert [one["code"] for one in result["failedCreationList"]] == ["NOT_PERMITTED"] * 3


@carries_out("call-without-token")
async def test_a_call_without_token_blocks_only_where_no_token_is_known(access: Access, attack: Attack) -> None:
    async with (
        administrator(access) as admin,
        contextlib.AsyncExitStack() as stack,
        setting(admin, {"security-token.policy": "REQUIRED"}),
    ):
        given = {"id": "block-2", "securityToken": "right"}
        await admin.ok("register", {"devices": [{"id": "block-1"}, given, {"id": "block-3"}, {"id": "block-4"}]})
        await enter(stack, access, "block-3", {"securityToken": "right"})
        async with setting(admin, {"token-missing.action": "IGNORE"}):
            await enter(stack, access, "block-4", {})
        for number in (1, 2, 3):
            await enter(stack, access, f"block-{number}", {})
        shown = [(await admin.get(f"block-{number}"))["status"] for number in (1, 2, 3, 4)]
        assert shown == ["BLOCKED", "WAITING_FOR_CONNECTION", "PENDING_ACCEPTANCE", "WAITING_FOR_CONNECTION"]
        await admin.ok("delete", {"id": "block-1"})
        await admin.ok("register", {**given, "id": "block-1"})
        await enter(stack, access, "block-1", {})
        victim = await enter(stack, access, "block-1", {"securityToken": "right"})
        await admin.ok("accept", {"id": "block-1"})
        await accepted(victim)


@carries_out("claim-bomb")
async def test_what_a_huge_accept_leaves_is_small(access: Access, attack: Attack) -> None:
    huge = "c" * 1_999_800  # with the rest of the request just below what the broker takes
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        await admin.ok("register", {"id": "huge-1"})
        await enter(stack, access, "huge-1", {})
        for member in ("claim", "securityToken"):
            assert await admin.code("accept", {"id": "huge-1", member: huge}) == "MALFORMED_REQUEST"
        assert await admin.code("accept", {"id": huge}) == "NOT_FOUND"
        entries = (await admin.ok("audit", {"limit": 3}))["entries"]
        assert [one["outcome"] for one in entries] == ["NOT_FOUND", "MALFORMED_REQUEST", "MALFORMED_REQUEST"]
        await admin.ok("accept", {"id": "huge-1"})
