"""Options and statistics by the control topic."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from tests.e2e.peer import V5, V311, Administrator, administrator, device
from tests.e2e.scenes import TIME, bring_in, clear, is_error, setting
from tests.e2e.site import UpSite, running

Access = dict[str, Any]
CATEGORY = "device-registration"
OPTIONS: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "security-token.policy": ("OPTIONAL", ["IGNORED", "REQUIRED", "OPTIONAL"], ["optional", "", "NONE", 1, None, []]),
    "security-token.max-attempts": (5, [1, 100, "7"], [0, 101, -1, 1.5, "x", "", "1.5", True, None, [], 10**30]),
    "token-missing.action": ("BLOCK", ["IGNORE", "BLOCK"], ["ignore", "", 0, None, True]),
    "redelivery.window": (86400, [60, 604800, "3600"], [59, 604801, 0, -60, "1h", None, False]),
    "registration.ttl": (0, [1, 86400, "0", 0], [-1, "-1", 0.5, "never", None, True]),
    "registration.retention": (86400, [60, "604800"], [-1, "x", None, True]),
}


async def get(admin: Administrator, key: str) -> dict[str, Any]:
    return await admin.ok("get-option", {"category": CATEGORY, "key": key})


async def put(admin: Administrator, key: str, value: Any) -> dict[str, Any]:
    return await admin.answer("set-option", {"category": CATEGORY, "key": key, "value": value})


@pytest.mark.parametrize("protocol", [V311, V5], ids=["mqtt311", "mqtt5"])
@pytest.mark.parametrize("key", OPTIONS)
async def test_an_option_takes_what_its_range_says(access: Access, key: str, protocol: aiomqtt.ProtocolVersion) -> None:
    default, good, bad = OPTIONS[key]
    async with administrator(access, protocol=protocol) as admin, setting(admin, {key: default}):
        assert await get(admin, key) == {"category": CATEGORY, "key": key, "value": default, "effective": default}
        for value in good:
            said = int(value) if isinstance(value, str) and value.isdigit() else value
            answer = await put(admin, key, value)
            assert answer["result"] == {"category": CATEGORY, "key": key, "value": said, "effective": said}
            assert (await get(admin, key)) == answer["result"]
        for value in bad:
            answer = await put(admin, key, value)
            assert answer["ok"] is False, value
            assert answer["error"]["code"] == "INVALID_OPTION" or not isinstance(value, str | int), (value, answer)
            assert answer["error"]["code"] in {"INVALID_OPTION", "MALFORMED_REQUEST"}, (value, answer)
        assert (await get(admin, key))["value"] == said


async def test_the_list_of_options_tells_what_they_take(access: Access) -> None:
    async with administrator(access) as admin:
        options = {
            one["key"]: one for one in (await admin.ok("list-options"))["options"] if one["category"] == CATEGORY
        }
        assert set(options) == {*OPTIONS, "retry-after"}
        for key, one in options.items():
            assert set(one) == {"category", "key", "value", "type", "unit", "default", "range"}, key
            assert one["value"] == (await get(admin, key))["value"]
        assert {key: one["default"] for key, one in options.items()} == {
            **{key: default for key, (default, _, _) in OPTIONS.items()},
            "retry-after": 30,
        }
        assert "REQUIRED" in str(options["security-token.policy"]["range"])
        assert "604800" in str(options["redelivery.window"]["range"])


@pytest.mark.parametrize(
    ("category", "key"), [(CATEGORY, "nonsense"), ("nonsense", "retry-after"), ("", ""), (CATEGORY, "Retry-After")]
)
async def test_an_unknown_option_is_refused(access: Access, category: str, key: str) -> None:
    async with administrator(access) as admin:
        assert await admin.code("get-option", {"category": category, "key": key}) == "INVALID_OPTION"
        assert await admin.code("set-option", {"category": category, "key": key, "value": 30}) == "INVALID_OPTION"


async def test_retry_after_is_set_by_management_alone_and_every_device_hears_it(access: Access) -> None:
    async with (
        administrator(access) as admin,
        administrator(access, "management") as root,
        device(access, "retry-1") as known,
        device(access, "retry-2") as unknown,
    ):
        await admin.ok("register", {"id": "retry-1"})
        answer = await put(admin, "retry-after", 60)
        assert is_error(answer, "NOT_PERMITTED"), answer
        assert await known.ask() == {"status": "PENDING_ACCEPTANCE", "retryAfter": 30}
        async with setting(root, {"retry-after": 3600}):
            for caller in (known, unknown):
                assert await caller.ask() == {"status": "PENDING_ACCEPTANCE", "retryAfter": 3600}
            assert (await get(admin, "retry-after"))["effective"] == 3600
            assert (await put(root, "retry-after", "5"))["result"]["value"] == 5
            assert await unknown.ask() == {"status": "PENDING_ACCEPTANCE", "retryAfter": 5}
            for wrong in (4, 3601, 0, "x"):
                assert is_error(await put(root, "retry-after", wrong), "INVALID_OPTION")
        assert await unknown.ask() == {"status": "PENDING_ACCEPTANCE", "retryAfter": 30}


STRICT = ["IGNORED", "OPTIONAL", "REQUIRED"]


async def test_the_stricter_policy_of_the_tenant_and_management_holds(access: Access) -> None:
    key = "security-token.policy"
    async with administrator(access) as admin, administrator(access, "management") as root:
        try:
            await put(admin, key, "IGNORED")
            await put(root, key, "IGNORED")
            for of_management in STRICT:
                assert (await put(root, key, of_management))["ok"]
                for own in STRICT:
                    stricter = max(of_management, own, key=STRICT.index)
                    answer = await put(admin, key, own)
                    assert answer["result"] == {"category": CATEGORY, "key": key, "value": own, "effective": stricter}
                    assert await get(admin, key) == answer["result"]
                assert (await get(root, key))["effective"] == of_management
        finally:
            await put(root, key, "IGNORED")
            await put(admin, key, "OPTIONAL")


async def test_the_policy_of_management_is_enforced_and_not_only_shown(access: Access) -> None:
    async with (
        administrator(access) as admin,
        administrator(access, "management") as root,
        device(access, "strict-1") as caller,
        device(access, "strict-2") as other,
    ):
        try:
            await put(root, "security-token.policy", "REQUIRED")
            await admin.ok("register", {"devices": [{"id": "strict-1"}, {"id": "strict-2"}]})
            await caller.ask()
            assert (await admin.get("strict-1"))["status"] == "BLOCKED"
        finally:
            await put(root, "security-token.policy", "IGNORED")
        await other.ask({"securityToken": "t"})
        assert await admin.code("accept", {"id": "strict-2"}) == "TOKEN_REQUIRED", "its own OPTIONAL is stricter now"


async def test_options_of_one_tenant_are_not_those_of_another(access: Access) -> None:
    async with administrator(access) as admin, administrator(access, "management") as root:
        before = (await get(root, "security-token.max-attempts"))["value"]
        async with setting(admin, {"security-token.max-attempts": 9}):
            assert (await get(root, "security-token.max-attempts"))["value"] == before


async def test_an_option_holds_after_a_restart(tmp_path: Path) -> None:
    with running(UpSite(tmp_path / "data")) as site:
        async with administrator(site.access) as admin:
            await put(admin, "security-token.policy", "REQUIRED")
        site.kill_bridge()
        site.restart_bridge()
        async with administrator(site.access) as admin, device(site.access, "hold-1") as caller:
            assert (await get(admin, "security-token.policy"))["effective"] == "REQUIRED"
            await admin.ok("register", {"id": "hold-1"})
            await caller.ask()
            assert (await admin.get("hold-1"))["status"] == "BLOCKED"


def total(stats: dict[str, Any]) -> dict[str, int]:
    names = ("registered", "requested", "accepted", "confirmed", "blocked")
    return {name: sum(hour[name] for hour in stats["series"]) for name in names}


async def test_stats_count_what_happened(access: Access) -> None:
    async with administrator(access) as admin, administrator(access, "management") as root:
        await clear(root)
        before, all_before = await admin.ok("stats"), await root.ok("stats")
        assert not any(before["counts"].values())
        assert "oldestPending" not in before
        await bring_in(access, admin, "stats-1")
        async with device(access, "stats-2") as second, device(access, "stats-3") as third:
            await admin.ok("register", {"devices": [{"id": f"stats-{number}"} for number in (2, 3, 4)]})
            await second.ask()
            async with setting(admin, {"security-token.policy": "REQUIRED"}):
                await third.ask()
        await root.ok("register", {"id": "stats-5"})
        after, all_after = await admin.ok("stats"), await root.ok("stats")
        counts = {"WAITING_FOR_CONNECTION": 1, "PENDING_ACCEPTANCE": 1, "ACCEPTED": 1, "BLOCKED": 1}
        assert {status: n for status, n in after["counts"].items() if n} == counts
        assert all_after["counts"]["WAITING_FOR_CONNECTION"] == 2, "management sees all"
        grown = {name: number - total(before)[name] for name, number in total(after).items()}
        assert grown == {"registered": 4, "requested": 2, "accepted": 1, "confirmed": 1, "blocked": 1}
        assert total(all_after)["registered"] - total(all_before)["registered"] == 5
        seconds = after["callToConfirmedSeconds"]
        assert set(seconds) == {"p50", "p95", "p99"}
        assert 0 <= seconds["p50"] <= seconds["p95"] <= seconds["p99"] < 60
        assert after["oldestPending"]
        for hour in after["series"]:
            assert set(hour) == {"hour", "registered", "requested", "accepted", "confirmed", "blocked"}
            assert re.fullmatch(TIME, hour["hour"])


async def test_stats_since_leave_out_what_was_before(access: Access) -> None:
    async with administrator(access) as admin:
        await admin.ok("register", {"id": "since-1"})
        later = (datetime.now(UTC) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        assert not any(total(await admin.ok("stats", {"since": later})).values())
        earlier = (datetime.now(UTC) - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        assert total(await admin.ok("stats", {"since": earlier}))["registered"] >= 1
