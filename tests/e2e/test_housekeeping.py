"""What goes by itself: registrations that nobody brought to an end, and confirmed ones whose time in the list is over.

The bridge looks every 30 seconds, and a real broker cannot be hurried: so there is one wait for all.
"""

import contextlib
from typing import Any

from tests.e2e.peer import administrator
from tests.e2e.people import new_tenant
from tests.e2e.scenes import bring_in, enter, resident, setting, watching
from tests.e2e.site import UpSite

Access = dict[str, Any]
WITHIN = 40.0
"""Seconds: the interval of housekeeping with some room."""


async def test_what_is_over_goes_within_the_interval_and_is_told(own_site: UpSite) -> None:
    """One wait for everything that time does: expiry of two tenants, retirement, and what must stay."""
    own_site.start()
    access = own_site.access
    async with (
        administrator(access) as admin,
        administrator(access, "management") as root,
        new_tenant(access, root, "patient") as patient,
        watching(access, "management") as watcher,
        setting(admin, {"registration.ttl": 1, "registration.retention": 0}),
        contextlib.AsyncExitStack() as stack,
    ):
        credentials = await bring_in(access, admin, "house-done")
        await admin.ok(
            "register", {"devices": [{"id": f"house-{name}"} for name in ("waiting", "pending", "accepted")]}
        )
        await patient.ok("register", {"id": "house-patient"})
        await enter(stack, access, "house-pending", {})
        caller = await enter(stack, access, "house-accepted", {})
        await admin.ok("accept", {"id": "house-accepted"})
        await admin.until("house-accepted", "deliveredTime")
        device = await stack.enter_async_context(resident(access, credentials))
        await watcher.of("house-waiting", "registered")
        topic, event = await watcher.message("house-waiting", WITHIN)
        assert topic == "events/default/registrations/house-waiting"
        assert (event["event"], event["status"], event["by"]) == ("expired", "WAITING_FOR_CONNECTION", "bridge")
        await watcher.of("house-pending", "registered", "requested")
        event = (await watcher.message("house-pending"))[1]
        assert (event["event"], event["status"]) == ("expired", "PENDING_ACCEPTANCE")
        for name in ("waiting", "pending", "done"):
            assert await admin.code("get", {"id": f"house-{name}"}) == "NOT_FOUND", name
        assert (await admin.get("house-accepted"))["status"] == "ACCEPTED", "accepted ones do not expire"
        assert (await patient.get("house-patient"))["status"] == "WAITING_FOR_CONNECTION", "no ttl of its own"
        assert (await admin.ok("get-device", {"id": "house-done"}))["id"] == "house-done", "the device stays"
        await device.publish("devices/default/house-done/info", b'{"name":"Still here"}')
        async with resident(access, credentials):
            pass
        await caller.call()
        assert (await caller.peer.next_json())["status"] == "ACCEPTED"
        created = await admin.ok("register", {"id": "house-waiting"})
        assert created["failed"] == [], "what expired may be registered again"
