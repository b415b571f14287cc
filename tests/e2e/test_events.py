"""Events: their topics, members, order, and by whom."""

import contextlib
import re
from typing import Any

from tests.e2e.peer import administrator, connected, device
from tests.e2e.scenes import TIME, accepted, bring_in, resident, setting, watching

Access = dict[str, Any]


async def test_the_main_job_is_told_step_by_step(access: Access) -> None:
    async with (
        administrator(access) as admin,
        watching(access) as watcher,
        watching(access, "management") as overseer,
        device(access, "told-1") as caller,
    ):
        await admin.ok("register", {"id": "told-1"})
        await caller.ask({"securityToken": "right"})
        await admin.code("accept", {"id": "told-1", "securityToken": "wrong"})
        await admin.ok("accept", {"id": "told-1", "securityToken": "right"})
        await admin.ok("accept", {"id": "told-1"})
        credentials = await accepted(caller)
        await admin.until("told-1", "deliveredTime")
        async with resident(access, credentials) as peer:
            await peer.publish("devices/default/told-1/info", b"{}")
            await admin.until("told-1", "confirmedTime")
            await peer.publish("devices/default/told-1/info", b"{}")
        await admin.ok("delete", {"id": "told-1"})
        expected = [
            ("registered", "WAITING_FOR_CONNECTION", "default/admin"),
            ("requested", "PENDING_ACCEPTANCE", "device"),
            ("token-mismatch", "PENDING_ACCEPTANCE", "default/admin"),
            ("accepted", "ACCEPTED", "default/admin"),
            ("delivered", "ACCEPTED", "bridge"),
            ("confirmed", "ACCEPTED", "device"),
            ("deleted", "ACCEPTED", "default/admin"),
        ]
        times = []
        for event, status, by in expected:
            topic, content = await watcher.message("told-1")
            assert topic == "events/default/registrations/told-1"
            assert set(content) == {"event", "id", "status", "at", "by"}
            assert (content["event"], content["status"], content["by"]) == (event, status, by)
            assert content["id"] == "told-1"
            assert re.fullmatch(TIME, content["at"])
            times.append(content["at"])
            assert await overseer.message("told-1") == (topic, content), "management hears the same"
        assert times == sorted(times)


async def test_blocked_tells_the_reason(access: Access) -> None:
    async with (
        administrator(access) as admin,
        watching(access) as watcher,
        device(access, "blocked-1") as silent,
        device(access, "blocked-2") as guessed,
    ):
        await admin.ok("register", {"devices": [{"id": "blocked-1"}, {"id": "blocked-2"}]})
        async with setting(admin, {"security-token.policy": "REQUIRED"}):
            await silent.ask()
        _, blocked = await watcher.of("blocked-1", "registered", "blocked")
        assert (blocked["status"], blocked["reason"], blocked["by"]) == ("BLOCKED", "TOKEN_MISSING", "device")
        async with setting(admin, {"security-token.max-attempts": 1}):
            await guessed.ask({"securityToken": "t"})
            assert await admin.code("accept", {"id": "blocked-2", "securityToken": "x"}) == "BLOCKED"
        await watcher.of("blocked-2", "registered", "requested")
        _, event = await watcher.message("blocked-2")
        if event["event"] == "token-mismatch":
            _, event = await watcher.message("blocked-2")
        assert (event["event"], event["reason"], event["by"]) == ("blocked", "TOO_MANY_ATTEMPTS", "default/admin")
        await admin.ok("delete", {"id": "blocked-2"})
        (deleted,) = await watcher.of("blocked-2", "deleted")
        assert deleted["status"] == "BLOCKED"


async def test_each_claim_kept_is_told_once_and_conflict_and_overflow_too(access: Access) -> None:
    async with (
        administrator(access) as admin,
        watching(access) as watcher,
        contextlib.AsyncExitStack() as stack,
    ):
        await admin.ok("register", {"id": "claims-1"})
        callers = [await stack.enter_async_context(device(access, "claims-1")) for _ in range(6)]
        for caller in callers[:2]:
            await caller.ask()
            await caller.ask()
        assert await admin.code("accept", {"id": "claims-1"}) == "CLAIM_CONFLICT"
        for caller in callers[2:]:
            await caller.ask()
        await admin.ok("delete", {"id": "claims-1"})
        events = await watcher.of(
            "claims-1",
            *("registered", "requested", "requested", "claim-conflict", "requested", "requested", "claim-conflict"),
            "deleted",
        )
        assert [one["by"] for one in events] == [
            *("default/admin", "device", "device", "default/admin", "device", "device", "device", "default/admin")
        ]
        assert {one["status"] for one in events[1:]} == {"PENDING_ACCEPTANCE"}


async def test_calls_after_completion_are_told_once_a_minute_and_device(access: Access) -> None:
    async with administrator(access) as admin, watching(access) as watcher:
        for device_id, delete in (("after-1", False), ("after-2", True)):
            await bring_in(access, admin, device_id)
            await watcher.of(device_id, "registered", "requested", "accepted", "delivered", "confirmed")
            if delete:
                await admin.ok("delete", {"id": device_id})
                await watcher.of(device_id, "deleted")
            async with device(access, device_id) as caller, device(access, device_id, plain=True) as other:
                for _ in range(3):
                    await caller.ask()
                    await other.ask({"securityToken": "x"})
            topic, event = await watcher.message(device_id)
            assert topic == f"events/default/registrations/{device_id}"
            assert (event["event"], event["by"]) == ("request-after-completion", "device")
            if delete:
                await admin.ok("register", {"id": device_id})
                await watcher.of(device_id, "registered")
            else:
                await admin.ok("delete", {"id": device_id})
                await watcher.of(device_id, "deleted")


async def test_calls_of_ids_nobody_registered_are_no_event(access: Access) -> None:
    async with administrator(access) as admin, watching(access, "management") as watcher:
        async with device(access, "nobody-1") as caller:
            await caller.ask()
        await admin.ok("register", {"id": "nobody-1"})
        await watcher.of("nobody-1", "registered")


async def test_default_hears_nothing_of_managements_devices(access: Access) -> None:
    async with (
        administrator(access) as admin,
        administrator(access, "management") as root,
        watching(access) as watcher,
        watching(access, "management") as overseer,
    ):
        await bring_in(access, root, "unheard-1")
        await root.ok("delete", {"id": "unheard-1"})
        await admin.ok("register", {"id": "unheard-2"})
        await watcher.of("unheard-2", "registered")
        assert "unheard-1" not in watcher.kept
        topic, event = await overseer.message("unheard-1")
        assert topic == "events/management/registrations/unheard-1"
        assert event["by"] == "management/root"


async def test_events_of_others_cannot_be_subscribed_to(access: Access) -> None:
    one = next(one for one in access["administrators"] if one["tenant"] == "default")
    async with connected(access["port"], one["username"], one["password"]) as peer:
        for topic in ("events/management/#", "events/#", "#", "events/+/registrations/#", "+/+/#"):
            assert (await peer.subscribe(topic))[0] >= 128, topic
        assert await peer.subscribe("events/default/registrations/+") == [1]


async def test_what_one_administrator_registers_for_another_tenant_is_told_there(access: Access) -> None:
    async with administrator(access, "management") as root, watching(access) as watcher:
        await root.ok("register", {"id": "for-1", "tenant": "default"})
        topic, event = await watcher.message("for-1")
        assert topic == "events/default/registrations/for-1"
        assert event["by"] == "management/root"


async def test_events_are_not_retained(access: Access) -> None:
    async with administrator(access) as admin, watching(access) as first:
        await admin.ok("register", {"id": "gone-event-1"})
        await first.of("gone-event-1", "registered")
        async with watching(access) as late:
            await admin.ok("register", {"id": "gone-event-2"})
            await late.of("gone-event-2", "registered")
            assert set(late.kept) == {"gone-event-2"}
