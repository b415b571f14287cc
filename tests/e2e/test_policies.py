"""The three token policies: what a call shows, what an administrator gives, and what comes of it."""

import contextlib
from typing import Any

import pytest

from tests.e2e.peer import administrator, device, payload_of
from tests.e2e.scenes import NOT_ACCEPTED, accepted, bring_in, clear, enter, is_error, setting

Access = dict[str, Any]
POLICY, ACTION, ATTEMPTS = "security-token.policy", "token-missing.action", "security-token.max-attempts"
OUTCOMES = {
    ("IGNORED", None, None): "ok",
    ("IGNORED", None, "wrong"): "ok",
    ("IGNORED", "right", None): "ok",
    ("IGNORED", "right", "right"): "ok",
    ("IGNORED", "right", "wrong"): "ok",
    ("OPTIONAL", None, None): "ok",
    ("OPTIONAL", None, "wrong"): "ok",
    ("OPTIONAL", "right", None): "TOKEN_REQUIRED",
    ("OPTIONAL", "right", " "): "TOKEN_REQUIRED",
    ("OPTIONAL", "right", "right"): "ok",
    ("OPTIONAL", "right", " right\n"): "ok",
    ("OPTIONAL", "right", "wrong"): "TOKEN_MISMATCH",
    ("OPTIONAL", "right", "RIGHT"): "TOKEN_MISMATCH",
    ("REQUIRED", None, None): "INVALID_STATE",
    ("REQUIRED", None, "right"): "INVALID_STATE",
    ("REQUIRED", "right", None): "TOKEN_REQUIRED",
    ("REQUIRED", "right", "right"): "ok",
    ("REQUIRED", "right", "wrong"): "TOKEN_MISMATCH",
}


@pytest.mark.parametrize(("policy", "shown", "given"), OUTCOMES)
@pytest.mark.parametrize("line", [False, True], ids=["json", "line"])
async def test_accept_under_each_policy(
    access: Access, policy: str, shown: str | None, given: str | None, line: bool
) -> None:
    outcome = OUTCOMES[policy, shown, given]
    device_id = f"policy-{policy}-{shown}-{given}-{line}".lower().replace(" ", "_").replace("\n", "_")
    if given == "RIGHT":
        device_id += "-upper"
    async with administrator(access) as admin, setting(admin, {POLICY: policy}), device(access, device_id) as caller:
        await admin.ok("register", {"id": device_id})
        if line:
            await caller.call(shown or "")
            await admin.until(device_id, "calls")
        else:
            await caller.ask({"securityToken": shown} if shown else {})
        request = {"id": device_id} if given is None else {"id": device_id, "securityToken": given}
        answer = await admin.answer("accept", request)
        found = await admin.get(device_id)
        if outcome == "ok":
            assert answer["result"] == {"id": device_id, "status": "ACCEPTED"}
            expected = f"70,default,device_{device_id},".encode() if line else b'{"status":"ACCEPTED"'
            assert payload_of(await caller.peer.next()).startswith(expected)
        else:
            assert is_error(answer, outcome), answer
            blocked = policy == "REQUIRED" and shown is None
            assert found["status"] == ("BLOCKED" if blocked else "PENDING_ACCEPTANCE")
            assert found.get("reason") == ("TOKEN_MISSING" if blocked else None)
        assert found["failedAttempts"] == (outcome == "TOKEN_MISMATCH")
        assert found["tokenSent"] is (shown is not None)


@pytest.mark.parametrize("policy", ["IGNORED", "OPTIONAL", "REQUIRED"])
async def test_accept_all_takes_what_needs_no_token_and_no_choice(access: Access, policy: str) -> None:
    key = f"all-{policy}-".lower()
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        await clear(admin)
        rows = [{"id": key + name} for name in ("none", "token", "two", "waiting")]
        rows.append({"id": key + "given", "securityToken": "t"})
        await admin.ok("register", {"devices": rows})
        await enter(stack, access, key + "none", {})
        await enter(stack, access, key + "token", {"securityToken": "t"})
        await enter(stack, access, key + "given", {"securityToken": "t"})
        for _ in range(2):
            await enter(stack, access, key + "two", {})
        async with setting(admin, {POLICY: policy}):
            result = await admin.ok("accept-all", {})
        failed = {one["id"].removeprefix(key): one["code"] for one in result["failed"]}
        assert all(set(one) == {"id", "code", "message"} and one["message"] for one in result["failed"])
        assert (failed, result["acceptedCount"]) == {
            "IGNORED": ({"two": "CLAIM_CONFLICT"}, 3),
            "OPTIONAL": ({"two": "CLAIM_CONFLICT", "token": "TOKEN_REQUIRED"}, 2),
            "REQUIRED": (dict.fromkeys(["none", "two", "token"], "TOKEN_REQUIRED"), 1),
        }[policy]
        found = (await admin.ok("list", {"search": key}))["registrations"]
        states = {one["id"].removeprefix(key): one["status"] for one in found}
        assert "BLOCKED" not in states.values(), "it never blocks"
        assert states["waiting"] == "WAITING_FOR_CONNECTION"
        assert all((states[name] == "PENDING_ACCEPTANCE") == (name in failed) for name in states if name != "waiting")
        again = await admin.ok("accept-all", {})
        assert again["acceptedCount"] == (1 if policy == "REQUIRED" else 0), "the tokenless one, under OPTIONAL"


async def test_a_call_without_token_blocks_under_required_unless_it_shall_be_ignored(access: Access) -> None:
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        for name in "abc":
            await admin.ok("register", {"id": f"missing-{name}"})
        pending = await enter(stack, access, "missing-b", {})
        async with setting(admin, {POLICY: "REQUIRED", ACTION: "IGNORE"}):
            await enter(stack, access, "missing-a", {})
            found = await admin.get("missing-a")
            assert (found["status"], found["calls"], found["claims"]) == ("WAITING_FOR_CONNECTION", 1, [])
            assert await admin.code("accept", {"id": "missing-a"}) == "INVALID_STATE"
            await enter(stack, access, "missing-b", {})
            found = await admin.get("missing-b")
            assert (found["status"], found["calls"], len(found["claims"])) == ("PENDING_ACCEPTANCE", 2, 1)
            assert await admin.code("accept", {"id": "missing-b"}) == "TOKEN_REQUIRED"
            assert (await admin.get("missing-b"))["status"] == "PENDING_ACCEPTANCE"
        async with setting(admin, {POLICY: "REQUIRED"}):
            for name in ("b", "c"):
                caller = pending if name == "b" else await enter(stack, access, "missing-c")
                await caller.call("  \n")
                found = await admin.until(f"missing-{name}", "reason")
                assert (found["status"], found["reason"]) == ("BLOCKED", "TOKEN_MISSING")


async def test_an_accept_of_tokenless_claims_blocks_under_required(access: Access) -> None:
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        for name, request in (("a", {}), ("b", {"securityToken": "t"})):
            await admin.ok("register", {"id": f"late-{name}"})
            caller = await enter(stack, access, f"late-{name}", {})
            async with setting(admin, {POLICY: "REQUIRED"}):
                (claim,) = (await admin.get(f"late-{name}"))["claims"]
                named = {"id": f"late-{name}", "claim": claim["fingerprint"]}
                assert await admin.code("accept", named) == "TOKEN_REQUIRED"
                assert (await admin.get(f"late-{name}"))["status"] == "PENDING_ACCEPTANCE"
                assert await admin.code("accept", {"id": f"late-{name}", **request}) == "BLOCKED"
                found = await admin.get(f"late-{name}")
                assert (found["status"], found["reason"], found["failedAttempts"]) == ("BLOCKED", "TOKEN_MISSING", 0)
                assert await admin.code("accept", {"id": f"late-{name}"}) == "INVALID_STATE"
            await caller.call({})
            assert payload_of(await caller.peer.next()) == NOT_ACCEPTED


async def test_where_a_token_is_known_a_call_without_one_does_not_block(access: Access) -> None:
    async with (
        administrator(access) as admin,
        setting(admin, {POLICY: "REQUIRED"}),
        contextlib.AsyncExitStack() as stack,
    ):
        await admin.ok("register", {"devices": [{"id": "known-a"}, {"id": "known-b", "securityToken": "t"}]})
        await enter(stack, access, "known-a", {"securityToken": "t"})
        await enter(stack, access, "known-a", {})
        found = await admin.get("known-a")
        assert (found["status"], len(found["claims"])) == ("PENDING_ACCEPTANCE", 2)
        await admin.ok("accept", {"id": "known-a", "securityToken": "t"})
        await enter(stack, access, "known-b", {})
        found = await admin.get("known-b")
        assert (found["status"], found["calls"], found["claims"]) == ("WAITING_FOR_CONNECTION", 1, [])
        await enter(stack, access, "known-b", {"securityToken": "t"})
        await admin.ok("accept", {"id": "known-b"})


async def test_the_fifth_wrong_token_blocks_and_only_deleting_helps(access: Access) -> None:
    async with administrator(access) as admin, device(access, "five-1") as caller:
        await admin.ok("register", {"id": "five-1"})
        await caller.ask({"securityToken": "right"})
        for number in range(1, 6):
            answer = await admin.answer("accept", {"id": "five-1", "securityToken": f"wrong-{number}"})
            assert is_error(answer, "BLOCKED" if number == 5 else "TOKEN_MISMATCH"), answer
            found = await admin.get("five-1")
            assert found["failedAttempts"] == number
            assert found["status"] == ("BLOCKED" if number == 5 else "PENDING_ACCEPTANCE")
        assert found["reason"] == "TOO_MANY_ATTEMPTS"
        answer = await admin.answer("accept", {"id": "five-1", "securityToken": "right"})
        assert is_error(answer, "INVALID_STATE")
        assert "delete" in answer["error"]["message"].lower()
        assert (await admin.get("five-1"))["failedAttempts"] == 5
        await caller.call({"securityToken": "right"})
        assert payload_of(await caller.peer.next()) == NOT_ACCEPTED
        assert await admin.code("register", {"id": "five-1"}) == "ALREADY_REGISTERED"
        await admin.ok("delete", {"id": "five-1"})
        credentials = await bring_in(access, admin, "five-1")
        assert credentials["deviceId"] == "five-1"


async def test_wrong_tokens_are_counted_over_claims_and_a_right_one_still_accepts(access: Access) -> None:
    async with (
        administrator(access) as admin,
        setting(admin, {ATTEMPTS: 3}),
        contextlib.AsyncExitStack() as stack,
    ):
        await admin.ok("register", {"id": "over-1"})
        await enter(stack, access, "over-1", {"securityToken": "a"})
        caller = await enter(stack, access, "over-1", {"securityToken": "b"})
        claims = (await admin.get("over-1"))["claims"]
        first = {"id": "over-1", "claim": claims[0]["fingerprint"]}
        assert await admin.code("accept", {**first, "securityToken": "b"}) == "TOKEN_MISMATCH"
        assert await admin.code("accept", first) == "TOKEN_REQUIRED"
        assert await admin.code("accept", {"id": "over-1", "securityToken": "x"}) == "TOKEN_MISMATCH"
        assert (await admin.get("over-1"))["failedAttempts"] == 2
        await admin.ok("accept", {"id": "over-1", "securityToken": "b"})
        assert (await accepted(caller))["deviceId"] == "over-1"


@pytest.mark.parametrize("policy", ["IGNORED", "OPTIONAL", "REQUIRED"])
async def test_a_token_given_at_registration_decides_what_becomes_a_claim(access: Access, policy: str) -> None:
    device_id = f"given-{policy}".lower()
    async with (
        administrator(access) as admin,
        setting(admin, {POLICY: policy}),
        contextlib.AsyncExitStack() as stack,
    ):
        await admin.ok("register", {"id": device_id, "securityToken": " right "})
        for number, shown in enumerate(({}, {"securityToken": "wrong"}), 1):
            await enter(stack, access, device_id, shown)
            found = await admin.get(device_id)
            assert (found["status"], found["calls"], found["claims"]) == ("WAITING_FOR_CONNECTION", number, [])
        caller = await enter(stack, access, device_id, {"securityToken": "right "})
        assert len((await admin.get(device_id))["claims"]) == 1
        if policy != "IGNORED":
            other = {"id": device_id, "securityToken": "wrong"}
            assert await admin.code("accept", other) == "TOKEN_MISMATCH"
            assert (await admin.get(device_id))["failedAttempts"] == 1
            await admin.ok("accept", {"id": device_id})
        else:
            await admin.ok("accept", {"id": device_id, "securityToken": "wrong"})
        await accepted(caller)
