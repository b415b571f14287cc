"""What users know of device registration, sentence by sentence in the order in which it is told to them.

Each test's first words name the chapter; the one on files stands in a module of its own. What a page's buttons do is
tried as the command behind them.
"""

import contextlib
import re
from typing import Any

import pytest

from tests.e2e.peer import Administrator, Device, administrator, payload_of
from tests.e2e.people import appointed, bulk, hears_only, new_tenant, numbers_of, status_of
from tests.e2e.scenes import NOT_ACCEPTED, TIME, accepted, bring_in, enter, is_error, resident, setting, watching

Access = dict[str, Any]
POLICY, ATTEMPTS = "security-token.policy", "security-token.max-attempts"
WAITING, PENDING, ACCEPTED, BLOCKED = "WAITING_FOR_CONNECTION", "PENDING_ACCEPTANCE", "ACCEPTED", "BLOCKED"
ACCEPTED_ANSWER = {"status", "tenant", "deviceId", "username", "password", "clientId"}


async def pending(
    stack: contextlib.AsyncExitStack, access: Access, admin: Administrator, device_id: str, token: str = ""
) -> Device:
    """Register a device and let it call, with a token or without."""
    await admin.ok("register", {"id": device_id})
    return await enter(stack, access, device_id, {"securityToken": token} if token else {})


async def blocked(stack: contextlib.AsyncExitStack, access: Access, admin: Administrator, device_id: str) -> Device:
    """Use up the attempts of a registration."""
    caller = await pending(stack, access, admin, device_id, "right")
    for _ in range(5):
        await admin.answer("accept", {"id": device_id, "securityToken": "wrong"})
    return caller


class TestConnectingDevices:
    """The introduction."""

    async def test_only_what_is_registered_connects(self, access: Access) -> None:
        """Connecting devices: without a registration a device gets no credentials, whatever it does."""
        async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
            caller = await enter(stack, access, "doc-unregistered", {"securityToken": "t"})
            assert await admin.code("accept", {"id": "doc-unregistered"}) == "NOT_FOUND"
            await caller.call({"securityToken": "t"})
            assert payload_of(await caller.peer.next()) == NOT_ACCEPTED

    async def test_all_devices_in_registration_are_listed_with_their_status(self, access: Access) -> None:
        """Connecting devices: whatever is being registered is in the list, with one of four statuses."""
        async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
            await admin.ok("register", {"id": "doc-all-waiting"})
            await pending(stack, access, admin, "doc-all-pending")
            await pending(stack, access, admin, "doc-all-accepted")
            await admin.ok("accept", {"id": "doc-all-accepted"})
            await blocked(stack, access, admin, "doc-all-blocked")
            listed = (await admin.ok("list", {"search": "doc-all-"}))["registrations"]
            assert {one["id"].removeprefix("doc-all-"): one["status"] for one in listed} == {
                "waiting": WAITING,
                "pending": PENDING,
                "accepted": ACCEPTED,
                "blocked": BLOCKED,
            }

    async def test_one_or_many_are_registered_in_one_step(self, access: Access) -> None:
        """Connecting devices: there is a way for single devices and one for many at a time."""
        async with administrator(access) as admin:
            assert len((await admin.ok("register", {"id": "doc-way-1"}))["created"]) == 1
            assert numbers_of(await bulk(admin, "ID;PATH\ndoc-way-2;\ndoc-way-3;\n")) == (2, 2, 0, 2)


class TestDeviceRegistration:
    """The list and the statuses."""

    async def test_name_status_date_and_tenant_are_shown(self, access: Access) -> None:
        """Device registration: each entry tells name, status, when it was made and from which tenant."""
        async with administrator(access) as admin:
            await admin.ok("register", {"id": "doc-shown", "name": "Pump 7"})
            (one,) = (await admin.ok("list", {"search": "doc-shown"}))["registrations"]
            assert (one["id"], one["name"], one["status"], one["tenant"]) == ("doc-shown", "Pump 7", WAITING, "default")
            assert re.fullmatch(TIME, one["creationTime"])
            assert one["owner"] == "default/admin"

    async def test_waiting_for_connection_is_registered_and_never_called(self, access: Access) -> None:
        """Device registration: waiting means that nobody with this id has tried to connect yet."""
        async with administrator(access) as admin:
            await admin.ok("register", {"id": "doc-waiting"})
            found = await admin.get("doc-waiting")
            assert (found["status"], found["calls"], "lastSeen" in found) == (WAITING, 0, False)

    async def test_pending_acceptance_has_called_and_awaits_a_person(self, access: Access) -> None:
        """Device registration: pending means that the device called, but gets nothing until a person accepts."""
        async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
            caller = await pending(stack, access, admin, "doc-pending")
            found = await admin.get("doc-pending")
            assert (found["status"], found["calls"]) == (PENDING, 1)
            await caller.call({})
            assert payload_of(await caller.peer.next()) == NOT_ACCEPTED
            assert caller.peer.heard.empty(), "no credentials before somebody accepts"

    async def test_accepted_lets_the_credentials_go(self, access: Access) -> None:
        """Device registration: accepted means that a person allowed the credentials to be sent."""
        async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
            caller = await pending(stack, access, admin, "doc-accepted")
            assert await admin.ok("accept", {"id": "doc-accepted"}) == {"id": "doc-accepted", "status": ACCEPTED}
            assert set(await accepted(caller)) == ACCEPTED_ANSWER
            assert await status_of(admin, "doc-accepted") == ACCEPTED

    async def test_blocked_has_failed_too_often(self, access: Access) -> None:
        """Device registration: blocked means that the limit of failed attempts was passed."""
        async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
            await blocked(stack, access, admin, "doc-blocked")
            found = await admin.get("doc-blocked")
            assert (found["status"], found["reason"], found["failedAttempts"]) == (BLOCKED, "TOO_MANY_ATTEMPTS", 5)

    async def test_a_blocked_one_is_deleted_and_made_again(self, access: Access) -> None:
        """Device registration: out of blocked leads only deleting and registering again."""
        async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
            caller = await blocked(stack, access, admin, "doc-again")
            assert await admin.code("accept", {"id": "doc-again", "securityToken": "right"}) == "INVALID_STATE"
            assert await admin.code("register", {"id": "doc-again"}) == "ALREADY_REGISTERED"
            await admin.ok("delete", {"id": "doc-again"})
            await admin.ok("register", {"id": "doc-again"})
            await caller.ask({"securityToken": "right"})
            await admin.ok("accept", {"id": "doc-again", "securityToken": "right"})
            assert (await accepted(caller))["deviceId"] == "doc-again"


class TestSingleDeviceRegistration:
    """Manually, one or several at a time."""

    async def test_an_id_is_unique(self, access: Access) -> None:
        """Single device registration, step 3: a device id is entered, and no two devices have the same."""
        async with administrator(access) as admin, administrator(access, "management") as root:
            await admin.ok("register", {"id": "490154203237518"})
            for one in (admin, root):
                assert await one.code("register", {"id": "490154203237518"}) == "ALREADY_REGISTERED"

    async def test_a_group_takes_the_device_after_registration(self, access: Access) -> None:
        """Single device registration, step 4: the group, which is optional, holds the device once it is registered."""
        async with administrator(access) as admin:
            await admin.ok("create-group", {"path": "Doc group"})
            await bring_in(access, admin, "doc-grouped", group="Doc group")
            assert (await admin.ok("get-device", {"id": "doc-grouped"}))["group"] == "Doc group"
            groups = (await admin.ok("list-groups", {"limit": 1000}))["groups"]
            assert {"path": "Doc group", "devices": 1} in groups
            await bring_in(access, admin, "doc-ungrouped")
            assert (await admin.ok("get-device", {"id": "doc-ungrouped"}))["group"] is None

    async def test_several_devices_in_one_step_each_with_its_group(self, access: Access) -> None:
        """Single device registration, step 5: more devices are added to the same step, each with a group or none."""
        async with administrator(access) as admin:
            rows = [{"id": "doc-several-1", "group": "Doc several"}, {"id": "doc-several-2"}]
            result = await admin.ok("register", {"devices": rows})
            assert ([one["id"] for one in result["created"]], result["failed"]) == (
                ["doc-several-1", "doc-several-2"],
                [],
            )
            assert (await admin.get("doc-several-1"))["group"] == "Doc several"
            assert "group" not in await admin.get("doc-several-2")

    async def test_management_chooses_a_tenant_or_a_group_not_both(self, access: Access) -> None:
        """Single device registration, note: management adds to a tenant; with a group as well it is refused."""
        async with administrator(access, "management") as root, new_tenant(access, root, "doc-sub") as boss:
            await root.ok("register", {"id": "doc-sub-1", "tenant": "doc-sub"})
            assert (await boss.get("doc-sub-1"))["tenant"] == "doc-sub"
            await root.ok("register", {"id": "doc-sub-2", "group": "Of management"})
            both = await root.answer("register", {"id": "doc-sub-3", "tenant": "doc-sub", "group": "Both"})
            assert is_error(both, "TENANT_AND_GROUP"), both

    async def test_management_has_no_access_to_a_subtenants_inventory(self, access: Access) -> None:
        """Single device registration, note: the inventory of a tenant is closed to management."""
        async with administrator(access) as admin, administrator(access, "management") as root:
            await bring_in(access, admin, "doc-inventory")
            assert await root.code("get-device", {"id": "doc-inventory"}) == "NOT_FOUND"
            assert (await root.ok("list-devices", {"search": "doc-inventory"}))["devices"] == []
            assert (await admin.ok("get-device", {"id": "doc-inventory"}))["id"] == "doc-inventory"

    async def test_from_registered_to_accepted_the_status_follows(self, access: Access) -> None:
        """Single device registration, the end: waiting after registering, pending after connecting, then accepted."""
        async with administrator(access) as admin, contextlib.AsyncExitStack() as stack, watching(access) as watcher:
            await admin.ok("register", {"id": "doc-follows"})
            assert await status_of(admin, "doc-follows") == WAITING
            caller = await enter(stack, access, "doc-follows", {})
            assert await status_of(admin, "doc-follows") == PENDING
            await admin.ok("accept", {"id": "doc-follows"})
            credentials = await accepted(caller)
            assert await status_of(admin, "doc-follows") == ACCEPTED
            await watcher.of("doc-follows", "registered", "requested", "accepted")
            async with resident(access, credentials) as peer:
                await peer.subscribe("devices/default/doc-follows/#")
                await hears_only(peer, "devices/default/doc-follows/mark")


class TestSecurityTokenPolicy:
    """Against whoever guesses a serial number."""

    async def test_who_guesses_an_id_does_not_get_the_device(self, access: Access) -> None:
        """Security token policy: with a token, a stranger who knows the id does not take the device over."""
        async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
            await admin.ok("register", {"id": "doc-guessed"})
            stranger = await enter(stack, access, "doc-guessed", {"securityToken": "a guess"})
            caller = await enter(stack, access, "doc-guessed", {"securityToken": "on the label"})
            await admin.ok("accept", {"id": "doc-guessed", "securityToken": "on the label"})
            assert (await accepted(caller))["deviceId"] == "doc-guessed"
            await stranger.call({"securityToken": "a guess"})
            assert payload_of(await stranger.peer.next()) == NOT_ACCEPTED

    async def test_who_may_not_read_options_sees_no_policy(self, access: Access) -> None:
        """Security token policy, note: without the right to read options the policy is taken to be OPTIONAL.

        Such a person cannot ask for it; what is enforced is the real one.
        """
        async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
            one = await stack.enter_async_context(appointed(access, admin, "doc-registrar", "registrar"))
            await stack.enter_async_context(setting(admin, {POLICY: "REQUIRED", "token-missing.action": "IGNORE"}))
            await pending(stack, access, one, "doc-unseen", "t")
            assert await one.code("accept", {"id": "doc-unseen"}) == "TOKEN_REQUIRED"
            await one.ok("accept", {"id": "doc-unseen", "securityToken": "t"})

    @pytest.mark.parametrize("value", ["IGNORED", "OPTIONAL", "REQUIRED"])
    async def test_the_policy_is_a_tenant_option_with_three_values(self, access: Access, value: str) -> None:
        """Security token policy: category, key and value of the option are as known, OPTIONAL unless set."""
        option = {"category": "device-registration", "key": "security-token.policy"}
        async with administrator(access) as admin, setting(admin, {POLICY: value}):
            assert (await admin.ok("get-option", option))["value"] == value
            listed = (await admin.ok("list-options", {}))["options"]
            (found,) = (one for one in listed if one["key"] == POLICY)
            assert (found["category"], found["default"], found["value"]) == ("device-registration", "OPTIONAL", value)
            refused = await admin.answer("set-option", {**option, "value": "SOMETIMES"})
            assert is_error(refused, "INVALID_OPTION"), refused


class TestIgnored:
    """The first policy."""

    @pytest.mark.parametrize("shown", ["", "secret"])
    @pytest.mark.parametrize("given", ["", "another"])
    async def test_accepted_without_any_check_of_tokens(self, access: Access, shown: str, given: str) -> None:
        """Ignored security token policy: a device is accepted whatever it showed and whatever is given."""
        device_id = f"doc-ignored-{shown}-{given}"
        async with (
            administrator(access) as admin,
            setting(admin, {POLICY: "IGNORED"}),
            contextlib.AsyncExitStack() as stack,
        ):
            caller = await pending(stack, access, admin, device_id, shown)
            await admin.ok("accept", {"id": device_id, **({"securityToken": given} if given else {})})
            assert (await accepted(caller))["deviceId"] == device_id


@pytest.mark.parametrize("policy", ["OPTIONAL", "REQUIRED"])
class TestRegistrationUsingASecurityToken:
    """The device shows a token; the procedure is the same under both policies."""

    async def test_only_the_matching_token_completes_it(self, access: Access, policy: str) -> None:
        """Optional and required policy: where the device showed a token, only the same one completes it."""
        device_id = f"doc-match-{policy}".lower()
        async with (
            administrator(access) as admin,
            setting(admin, {POLICY: policy}),
            contextlib.AsyncExitStack() as stack,
        ):
            caller = await pending(stack, access, admin, device_id, "secret")
            assert await admin.code("accept", {"id": device_id}) == "TOKEN_REQUIRED"
            assert await status_of(admin, device_id) == PENDING
            await admin.ok("accept", {"id": device_id, "securityToken": "secret"})
            assert (await accepted(caller))["deviceId"] == device_id

    async def test_a_wrong_token_is_told_as_a_mismatch(self, access: Access, policy: str) -> None:
        """Optional and required policy: a wrong token gets a message that the two values do not agree."""
        device_id = f"doc-mismatch-{policy}".lower()
        async with (
            administrator(access) as admin,
            setting(admin, {POLICY: policy}),
            contextlib.AsyncExitStack() as stack,
        ):
            await pending(stack, access, admin, device_id, "secret")
            answer = await admin.answer("accept", {"id": device_id, "securityToken": "wrong"})
            assert is_error(answer, "TOKEN_MISMATCH"), answer
            assert "token" in answer["error"]["message"].lower()
            found = await admin.get(device_id)
            assert (found["status"], found["failedAttempts"]) == (PENDING, 1)

    @pytest.mark.parametrize("attempts", [1, 3])
    async def test_after_some_failed_attempts_it_is_blocked(self, access: Access, policy: str, attempts: int) -> None:
        """Optional and required policy: failing often enough blocks, says so, and must be deleted before it goes on."""
        device_id = f"doc-attempts-{policy}-{attempts}".lower()
        async with (
            administrator(access) as admin,
            setting(admin, {POLICY: policy, ATTEMPTS: attempts}),
            contextlib.AsyncExitStack() as stack,
        ):
            caller = await pending(stack, access, admin, device_id, "secret")
            codes = [await admin.code("accept", {"id": device_id, "securityToken": "no"}) for _ in range(attempts)]
            assert codes == ["TOKEN_MISMATCH"] * (attempts - 1) + ["BLOCKED"]
            assert await status_of(admin, device_id) == BLOCKED
            await caller.call({"securityToken": "secret"})
            assert payload_of(await caller.peer.next()) == NOT_ACCEPTED
            assert await admin.code("accept", {"id": device_id, "securityToken": "secret"}) == "INVALID_STATE"
            await admin.ok("delete", {"id": device_id})
            await admin.ok("register", {"id": device_id})
            await caller.ask({"securityToken": "secret"})
            await admin.ok("accept", {"id": device_id, "securityToken": "secret"})
            await accepted(caller)


class TestOptional:
    """The default."""

    async def test_whether_a_token_is_needed_is_seen_for_each_device(self, access: Access) -> None:
        """Optional policy: the list offers the input for a token, so it tells who showed one."""
        async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
            await pending(stack, access, admin, "doc-input-with", "secret")
            await pending(stack, access, admin, "doc-input-without")
            listed = (await admin.ok("list", {"search": "doc-input"}))["registrations"]
            assert {one["id"]: one["tokenSent"] for one in listed} == {
                "doc-input-with": True,
                "doc-input-without": False,
            }

    async def test_a_device_without_token_goes_on_without_any(self, access: Access) -> None:
        """Optional policy, without a token: nothing has to be given."""
        async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
            caller = await pending(stack, access, admin, "doc-plain")
            await admin.ok("accept", {"id": "doc-plain"})
            await accepted(caller)

    async def test_a_token_given_for_a_device_without_one_is_ignored(self, access: Access) -> None:
        """Optional policy, without a token: one that is given nevertheless does no harm."""
        async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
            caller = await pending(stack, access, admin, "doc-surplus")
            await admin.ok("accept", {"id": "doc-surplus", "securityToken": "surplus"})
            await accepted(caller)
            assert (await admin.get("doc-surplus"))["failedAttempts"] == 0

    async def test_accept_all_takes_the_tokenless_and_lists_the_others(self, access: Access) -> None:
        """Limited usage of accept all: those with a token are left, listed with a warning, and accepted by hand."""
        async with administrator(access) as admin, contextlib.AsyncExitStack() as stack:
            callers = {name: await pending(stack, access, admin, f"doc-every-{name}") for name in "ab"}
            secured = {name: await pending(stack, access, admin, f"doc-every-{name}", "secret") for name in "cd"}
            result = await admin.ok("accept-all", {})
            assert result["acceptedCount"] >= 2
            rows = {row["id"]: row for row in result["failed"] if row["id"].startswith("doc-every-")}
            assert {key: row["code"] for key, row in rows.items()} == {
                "doc-every-c": "TOKEN_REQUIRED",
                "doc-every-d": "TOKEN_REQUIRED",
            }
            assert all(row["message"] for row in rows.values())
            for caller in callers.values():
                await accepted(caller)
            for name, caller in secured.items():
                assert await status_of(admin, f"doc-every-{name}") == PENDING
                await admin.ok("accept", {"id": f"doc-every-{name}", "securityToken": "secret"})
                await accepted(caller)


class TestRequired:
    """The strictest."""

    async def test_who_connects_without_token_is_blocked_for_good(self, access: Access) -> None:
        """Required policy: a device that shows no token is blocked, and its registration cannot be completed."""
        async with (
            administrator(access) as admin,
            setting(admin, {POLICY: "REQUIRED"}),
            contextlib.AsyncExitStack() as stack,
        ):
            caller = await pending(stack, access, admin, "doc-tokenless")
            found = await admin.get("doc-tokenless")
            assert (found["status"], found["reason"]) == (BLOCKED, "TOKEN_MISSING")
            for given in ({}, {"securityToken": "t"}):
                assert await admin.code("accept", {"id": "doc-tokenless", **given}) == "INVALID_STATE"
            await caller.call({"securityToken": "t"})
            assert payload_of(await caller.peer.next()) == NOT_ACCEPTED
            assert await status_of(admin, "doc-tokenless") == BLOCKED
