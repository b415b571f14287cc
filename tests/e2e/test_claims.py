"""Claims: what callers show, who is meant, and what everybody else hears."""

import contextlib
import json
import re
from typing import Any

import pytest

from tests.e2e.hpke import Key
from tests.e2e.peer import Administrator, Device, administrator, device, payload_of, resident
from tests.e2e.scenes import NOT_ACCEPTED, TIME, accepted, enter, is_error, setting, watching

Access = dict[str, Any]
POLICY = "security-token.policy"


async def unheard(caller: Device) -> None:
    """Nothing came to this caller before the answer to a call that it makes now."""
    await caller.call({"requestId": "unheard"})
    answer = await caller.peer.next_json()
    assert answer == {**json.loads(NOT_ACCEPTED), "requestId": "unheard"}


async def claims_of(admin: Administrator, device_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await admin.get(device_id))["claims"]
    return found


async def test_a_claim_shows_how_it_called_and_no_secret(access: Access) -> None:
    key = Key()
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        await admin.ok("register", {"id": "show-1"})
        await enter(stack, access, "show-1", {"securityToken": "t"})
        await enter(stack, access, "show-1", {"publicKey": key.public}, plain=True)
        first, second = await claims_of(admin, "show-1")
        assert set(first) == {"fingerprint", "call", "tokenSent", "keySent", "firstSeen"}
        assert set(second) == set(first) | {"keyFingerprint"}
        assert (first["call"], first["tokenSent"], first["keySent"]) == ("private", True, False)
        assert (second["call"], second["tokenSent"], second["keySent"]) == ("plain", False, True)
        assert second["keyFingerprint"] == key.fingerprint
        for claim in (first, second):
            assert re.fullmatch("[0-9a-f]{8}", claim["fingerprint"])
            assert re.fullmatch(TIME, claim["firstSeen"])


async def test_what_makes_a_claim_another_one(access: Access) -> None:
    key = Key()
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        await admin.ok("register", {"id": "other-1"})
        caller = await enter(stack, access, "other-1", {})
        for same in ({}, {"securityToken": ""}, {"securityToken": "  "}, {"more": [1]}):
            await caller.call(same)
            assert payload_of(await caller.peer.next()) == NOT_ACCEPTED
        await caller.ask({"requestId": "b"})
        found = await admin.get("other-1")
        assert (found["calls"], len(found["claims"])) == (6, 1)
        await caller.ask({"securityToken": "t"})
        await caller.ask({"securityToken": "t", "publicKey": key.public})
        await caller.call(b"")
        await caller.ask({"securityToken": "\tt "})
        found = await admin.get("other-1")
        assert (found["calls"], len(found["claims"]), found["claimsOverflow"]) == (10, 4, False)
        assert len({claim["fingerprint"] for claim in found["claims"]}) == 4


async def test_of_several_claims_one_must_be_named_and_only_that_caller_is_served(access: Access) -> None:
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        await admin.ok("register", {"id": "several-1"})
        callers = [await enter(stack, access, "several-1", {}) for _ in range(3)]
        answer = await admin.answer("accept", {"id": "several-1"})
        assert is_error(answer, "CLAIM_CONFLICT")
        assert answer["error"]["details"]["claims"] == await claims_of(admin, "several-1")
        rows = await admin.ok("accept", {"devices": [{"id": "several-1"}, {"id": "several-0"}]})
        assert rows["accepted"] == []
        codes = [(one["id"], one["code"]) for one in rows["failed"]]
        assert sorted(codes) == [("several-0", "NOT_FOUND"), ("several-1", "CLAIM_CONFLICT")]
        assert await admin.code("accept", {"id": "several-1", "claim": "00000000"}) == "NOT_FOUND"
        assert await admin.code("accept", {"id": "several-1", "claim": ""}) in {"NOT_FOUND", "MALFORMED_REQUEST"}
        chosen, other = (claim["fingerprint"] for claim in answer["error"]["details"]["claims"][1:])
        rows = await admin.ok("accept", {"devices": [{"id": "several-1", "claim": chosen}]})
        assert rows == {"accepted": ["several-1"], "failed": []}
        assert (await admin.get("several-1"))["failedAttempts"] == 0
        assert (await accepted(callers[1]))["deviceId"] == "several-1"
        await unheard(callers[0])
        await unheard(callers[2])
        await admin.ok("accept", {"id": "several-1"})
        await admin.ok("accept", {"id": "several-1", "claim": chosen})
        assert await admin.code("accept", {"id": "several-1", "claim": other}) == "INVALID_STATE"


async def test_a_token_that_several_show_leaves_only_those_to_choose_from(access: Access) -> None:
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        await admin.ok("register", {"id": "share-1"})
        callers = [await enter(stack, access, "share-1", {"securityToken": token} if token else {}) for token in "aba"]
        await enter(stack, access, "share-1", {})
        answer = await admin.answer("accept", {"id": "share-1", "securityToken": "a"})
        assert is_error(answer, "CLAIM_CONFLICT")
        claims = await claims_of(admin, "share-1")
        assert answer["error"]["details"]["claims"] == [claims[0], claims[2]]
        await admin.ok("accept", {"id": "share-1", "securityToken": "a", "claim": claims[2]["fingerprint"]})
        await accepted(callers[2])
        await unheard(callers[0])


@pytest.mark.parametrize("policy", ["IGNORED", "OPTIONAL", "REQUIRED"])
async def test_a_named_claim_needs_its_token_as_the_policy_says(access: Access, policy: str) -> None:
    device_id = f"named-{policy}".lower()
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        await admin.ok("register", {"devices": [{"id": device_id}, {"id": device_id + "-2"}]})
        caller = await enter(stack, access, device_id, {"securityToken": "t"})
        bare = await enter(stack, access, device_id, {})
        second = await enter(stack, access, device_id + "-2", {"securityToken": "t"})
        await enter(stack, access, device_id + "-2", {"securityToken": "t"})
        claims = await claims_of(admin, device_id)
        async with setting(admin, {POLICY: policy}):
            unknown = {"id": device_id, "claim": "ffffffff", "securityToken": "t"}
            assert await admin.code("accept", unknown) == "NOT_FOUND"
            named = {"id": device_id + "-2", "claim": (await claims_of(admin, device_id + "-2"))[0]["fingerprint"]}
            if policy != "IGNORED":
                assert await admin.code("accept", named) == "TOKEN_REQUIRED"
                assert (await admin.get(device_id + "-2"))["failedAttempts"] == 0
                assert await admin.code("accept", {**named, "securityToken": "x"}) == "TOKEN_MISMATCH"
                assert (await admin.get(device_id + "-2"))["failedAttempts"] == 1
                named["securityToken"] = "t"
            await admin.ok("accept", named)
            await accepted(second)
            without = {"id": device_id, "claim": claims[1]["fingerprint"]}
            if policy == "REQUIRED":
                assert await admin.code("accept", without) == "TOKEN_REQUIRED"
                found = await admin.get(device_id)
                assert (found["status"], found["failedAttempts"]) == ("PENDING_ACCEPTANCE", 0)
            else:
                await admin.ok("accept", without)
                await accepted(bare)
                await unheard(caller)


async def test_overflow_of_tokenless_claims_is_solved_by_a_token_given_later(access: Access) -> None:
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        await admin.ok("register", {"id": "flood-1"})
        crowd = [await enter(stack, access, "flood-1", {}) for _ in range(5)]
        found = await admin.get("flood-1")
        assert (len(found["claims"]), found["claimsOverflow"], found["calls"]) == (4, True, 5)
        answer = await admin.answer("accept", {"id": "flood-1"})
        assert is_error(answer, "CLAIM_CONFLICT")
        for word in ("delete", "register", "securityToken"):
            assert word in answer["error"]["message"]
        for token in ("first", "second"):
            assert await admin.code("accept", {"id": "flood-1", "securityToken": token}) == "CLAIM_CONFLICT"
        assert (await admin.get("flood-1"))["failedAttempts"] == 0
        before = await claims_of(admin, "flood-1")
        wrong = await enter(stack, access, "flood-1", {"securityToken": "first"})
        assert await claims_of(admin, "flood-1") == before, "the token given later has replaced the first"
        right = await enter(stack, access, "flood-1", {"securityToken": "second"})
        after = await claims_of(admin, "flood-1")
        assert after[:3] == before[:3]
        assert after[3]["fingerprint"] != before[3]["fingerprint"]
        assert after[3]["tokenSent"] is True
        await admin.ok("accept", {"id": "flood-1", "securityToken": "second"})
        assert (await accepted(right))["deviceId"] == "flood-1"
        for other in (*crowd, wrong):
            await unheard(other)


async def test_overflow_with_tokens_waits_for_the_one_that_was_given(access: Access) -> None:
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        await admin.ok("register", {"id": "flood-2"})
        for number in range(5):
            await enter(stack, access, "flood-2", {"securityToken": f"guess-{number}"})
        assert await admin.code("accept", {"id": "flood-2"}) == "TOKEN_REQUIRED"
        assert await admin.code("accept", {"id": "flood-2", "securityToken": "label"}) == "CLAIM_CONFLICT"
        assert (await admin.get("flood-2"))["failedAttempts"] == 0
        before = await claims_of(admin, "flood-2")
        right = await enter(stack, access, "flood-2", {"securityToken": "label"})
        assert (await claims_of(admin, "flood-2"))[:3] == before[:3]
        await admin.ok("accept", {"id": "flood-2", "securityToken": "label"})
        await accepted(right)


async def test_a_line_caller_hears_nothing_until_it_is_accepted(access: Access) -> None:
    async with administrator(access) as admin, device(access, "line-1", plain=True) as caller:
        await caller.call(b" {}")
        await caller.call(b"token")
        await admin.ok("register", {"id": "line-1"})
        for payload in (b"token", b"token", b" token\r\n", b"\xff\xfe", b"t" * 257):
            await caller.call(payload)
        found = await admin.until("line-1", "claims")
        await admin.ok("accept", {"id": "line-1", "securityToken": "token"})
        message = await caller.peer.next()
        line = payload_of(message).decode()
        assert re.fullmatch("70,default,device_line-1,[a-z2-7]{32}", line), "and nothing came before"
        assert len((await admin.get("line-1"))["claims"]) == 1, found
        await caller.call(b"other")
        await caller.call(b"token")
        assert payload_of(await caller.peer.next()).decode() == line
        await unheard(caller)


async def test_auto_accept_accepts_the_matching_call_at_once(access: Access) -> None:
    async with administrator(access) as admin, watching(access) as watcher, contextlib.AsyncExitStack() as stack:
        await admin.ok("register", {"id": "auto-1", "securityToken": "label", "autoAccept": True})
        other = await enter(stack, access, "auto-1", {"securityToken": "guess"})
        assert (await admin.get("auto-1"))["status"] == "WAITING_FOR_CONNECTION"
        caller = await enter(stack, access, "auto-1")
        await caller.call({"securityToken": "label"})
        credentials = await accepted(caller)
        events = await watcher.of("auto-1", "registered", "requested", "accepted", "delivered")
        assert events[1]["by"] == "device"
        async with resident(access, credentials) as peer:
            await peer.publish("devices/default/auto-1/info")
        await admin.until("auto-1", "confirmedTime")
        await unheard(other)


async def test_four_guesses_do_not_end_auto_accept_and_calls_without_token_are_no_guesses(access: Access) -> None:
    async with administrator(access) as admin, device(access, "guess-3") as caller:
        await admin.ok("register", {"id": "guess-3", "securityToken": "short", "autoAccept": True})
        for number in range(4):
            await caller.ask({"securityToken": f"guess-{number}"})
            await caller.ask({})
        await caller.call({"securityToken": "short"})
        await accepted(caller)


async def test_the_accepted_form_is_the_only_one_that_is_served(access: Access) -> None:
    async with administrator(access) as admin, device(access, "form-1") as caller:
        await admin.ok("register", {"id": "form-1"})
        await caller.ask({"securityToken": "t"})
        await admin.ok("accept", {"id": "form-1", "securityToken": "t"})
        first = await accepted(caller)
        await caller.call(b"t")
        again = await caller.ask({"securityToken": " t ", "requestId": "after"})
        assert again == {**first, "requestId": "after"}, "the line form got no answer"


async def test_deleted_between_call_and_call_the_old_claim_is_forgotten(access: Access) -> None:
    async with administrator(access) as admin, device(access, "forget-1") as old, device(access, "forget-1") as new:
        await admin.ok("register", {"id": "forget-1"})
        await old.ask()
        await admin.ok("delete", {"id": "forget-1"})
        await admin.ok("register", {"id": "forget-1"})
        assert await admin.code("accept", {"id": "forget-1"}) == "INVALID_STATE"
        await new.ask()
        await admin.ok("accept", {"id": "forget-1"})
        await accepted(new)
        await unheard(old)
