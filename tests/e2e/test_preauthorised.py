"""Devices whose token is known before they call: they are let in without anybody waiting for them."""

import asyncio
import contextlib
from typing import Any

import pytest

from tests.e2e.hpke import Key
from tests.e2e.peer import administrator, device, payload_of
from tests.e2e.people import bulk, numbers_of
from tests.e2e.scenes import NOT_ACCEPTED, accepted, enter, is_error, resident, setting, watching

Access = dict[str, Any]
LONG = "a-token-of-more-than-16"
POLICIES = ["IGNORED", "OPTIONAL", "REQUIRED"]


@pytest.mark.parametrize("policy", POLICIES)
async def test_registered_with_a_token_the_matching_call_is_accepted_at_once(access: Access, policy: str) -> None:
    device_id = f"zero-{policy}".lower()
    async with (
        administrator(access) as admin,
        setting(admin, {"security-token.policy": policy}),
        watching(access) as watcher,
        device(access, device_id) as caller,
        device(access, device_id) as other,
    ):
        created = await admin.ok("register", {"id": device_id, "securityToken": f" {LONG}\n", "autoAccept": True})
        assert created["created"][0]["autoAccept"] is True
        assert payload_of(await _asked(other, {"securityToken": "another"})) == NOT_ACCEPTED
        assert (await admin.get(device_id))["status"] == "WAITING_FOR_CONNECTION", "another token is no claim"
        await caller.call({"securityToken": LONG})
        credentials = await accepted(caller)
        assert credentials["username"] == f"default/device_{device_id}"
        events = await watcher.of(device_id, "registered", "requested", "accepted")
        assert [event["by"] for event in events] == ["default/admin", "device", "bridge"]
        async with resident(access, credentials) as peer:
            await peer.publish(f"devices/default/{device_id}/info", b"{}")
        found = await admin.until(device_id, "confirmedTime")
        assert (found["status"], len(found["claims"]), found["failedAttempts"]) == ("ACCEPTED", 1, 0)
        assert payload_of(await _asked(other, {"securityToken": "another"})) == NOT_ACCEPTED


async def _asked(caller: Any, payload: dict[str, Any]) -> Any:
    await caller.call(payload)
    return await caller.peer.next()


async def test_a_line_form_device_is_let_in_the_same_way(access: Access) -> None:
    async with administrator(access) as admin, device(access, "zero-line", plain=True) as caller:
        await admin.ok("register", {"id": "zero-line", "securityToken": LONG, "autoAccept": True})
        await caller.call(LONG + "\r\n")
        kind, tenant, user, password = payload_of(await caller.peer.next()).decode().split(",")
        assert (kind, tenant, user, len(password)) == ("70", "default", "device_zero-line", 32)


async def test_a_sealed_device_is_let_in_the_same_way(access: Access) -> None:
    key = Key()
    async with administrator(access) as admin, device(access, "zero-sealed") as caller:
        await admin.ok("register", {"id": "zero-sealed", "securityToken": LONG, "autoAccept": True})
        await caller.call({"securityToken": LONG, "publicKey": key.public})
        answer = await accepted(caller)
        assert set(answer) == {"status", "sealed"}
        async with resident(access, key.open(answer["sealed"], "zero-sealed")):
            pass


@pytest.mark.parametrize("token", [None, "", "  \n"])
async def test_auto_accept_needs_a_token(access: Access, token: str | None) -> None:
    async with administrator(access) as admin:
        given = {} if token is None else {"securityToken": token}
        assert await admin.code("register", {"id": "zero-none", "autoAccept": True, **given}) == "TOKEN_REQUIRED"
        assert await admin.code("get", {"id": "zero-none"}) == "NOT_FOUND"


async def test_fifty_devices_of_a_file_come_in_while_nobody_looks(access: Access) -> None:
    tokens = {f"zero-file-{number}": f"secret of device {number:>8}" for number in range(50)}
    lines = [f"{device_id};Zero/File;{token};true" for device_id, token in tokens.items()]
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        result = await bulk(admin, "\n".join(["ID;PATH;TOKEN;AUTOACCEPT", *lines]))
        assert numbers_of(result) == (50, 50, 0, 50)

        async def come_in(device_id: str, token: str) -> None:
            caller = await enter(stack, access, device_id)
            await caller.call({"securityToken": token})
            credentials = await accepted(caller)
            async with resident(access, credentials) as peer:
                await peer.publish(f"devices/default/{device_id}/info", b"{}")

        async with asyncio.TaskGroup() as tasks:
            for device_id, token in tokens.items():
                tasks.create_task(come_in(device_id, token))
        for device_id in tokens:
            assert (await admin.until(device_id, "confirmedTime"))["status"] == "ACCEPTED"
        groups = {one["path"]: one["devices"] for one in (await admin.ok("list-groups", {"limit": 1000}))["groups"]}
        assert groups["Zero/File"] == 50
        again = await bulk(admin, "\n".join(["ID;PATH;TOKEN;AUTOACCEPT", *lines]))
        assert numbers_of(again) == (50, 0, 0, 50), "the file sent again says nothing new"


async def test_calls_without_a_token_are_no_guesses(access: Access) -> None:
    async with (
        administrator(access) as admin,
        contextlib.AsyncExitStack() as stack,
        setting(admin, {"security-token.max-attempts": 2}),
    ):
        await admin.ok("register", {"id": "zero-quiet", "securityToken": "1234", "autoAccept": True})
        for _ in range(4):
            await enter(stack, access, "zero-quiet", {})
        found = await admin.get("zero-quiet")
        assert (found["autoAccept"], found["calls"]) == (True, 4)
        caller = await enter(stack, access, "zero-quiet")
        await caller.call({"securityToken": "1234"})
        await accepted(caller)


async def test_another_token_at_accept_is_a_mismatch_and_counts(access: Access) -> None:
    async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
        await admin.ok("register", {"id": "zero-known", "securityToken": LONG})
        caller = await enter(stack, access, "zero-known", {"securityToken": LONG})
        answer = await admin.answer("accept", {"id": "zero-known", "securityToken": "other"})
        assert is_error(answer, "TOKEN_MISMATCH"), answer
        assert (await admin.get("zero-known"))["failedAttempts"] == 1
        await admin.ok("accept", {"id": "zero-known"})
        await accepted(caller)
