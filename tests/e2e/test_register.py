"""Registering, looking at and deleting registrations by the control topic."""

import json
import re
from typing import Any

import aiomqtt
import pytest

from tests.e2e.peer import V5, V311, Administrator, administrator, device
from tests.e2e.scenes import TIME, bring_in, clear, is_error, setting, strict_json

Access = dict[str, Any]

INVALID_IDS = [
    "",
    "x" * 256,
    ".",
    "..",
    *(f"bad{one}id" for one in '/\\+#$%,"'),
    *(f"bad{one}id" for one in "\0\a\x7f\x85"),  # Cc
    *(f"bad{one}id" for one in "\u00ad\u200b\ufeff"),  # Cf
    *(f"bad{one}id" for one in "\ue000\U0010fffd"),  # Co
    *(f"bad{one}id" for one in " \u00a0\u3000\u2028\u2029"),  # Zs, Zl, Zp
    *(f"bad{one}id" for one in "\ufdd0\uffff\U0001fffe"),  # non-characters
    " leading",
    "trailing ",
    "line\n",
    "Zahle\u0308r",  # not NFC: a, combining diaeresis
    "\u212b",  # not NFC: the angstrom sign
    "$SYS",
    "+",
    "#",
]


async def names(admin: Administrator, **query: Any) -> list[str]:
    return [one["id"] for one in (await admin.ok("list", query))["registrations"]]


@pytest.mark.parametrize("protocol", [V311, V5], ids=["mqtt311", "mqtt5"])
async def test_a_registration_shows_what_was_given_and_nothing_secret(
    access: Access, protocol: aiomqtt.ProtocolVersion
) -> None:
    device_id = f"reg-full-{protocol.name}".lower()
    async with administrator(access, protocol=protocol) as admin:
        answer = await admin.answer(
            "register",
            {
                "id": device_id,
                "group": "Hall 2/North",
                "type": "acme_Pump",
                "name": "Pump 7",
                "properties": {"a": {"b": [1, None, "ü"]}},
                "securityToken": " secret-4711 ",
                "autoAccept": True,
            },
        )
        assert "secret-4711" not in json.dumps(answer)
        assert answer["result"]["failed"] == []
        (created,) = answer["result"]["created"]
        assert re.fullmatch(TIME, created["creationTime"])
        assert created == {
            "id": device_id,
            "status": "WAITING_FOR_CONNECTION",
            "tenant": "default",
            "name": "Pump 7",
            "type": "acme_Pump",
            "group": "Hall 2/North",
            "owner": "default/admin",
            "creationTime": created["creationTime"],
            "failedAttempts": 0,
            "calls": 0,
            "tokenSent": False,
            "claimsOverflow": False,
            "claims": [],
            "autoAccept": True,
            "properties": {"a": {"b": [1, None, "ü"]}},
        }
        assert await admin.get(device_id) == created
        plain = (await admin.ok("register", {"id": device_id + "-bare"}))["created"][0]
        assert set(created) - set(plain) == {"name", "type", "group"}
        assert plain["properties"] == {}


async def test_many_at_once_fail_row_by_row(access: Access) -> None:
    async with administrator(access) as admin:
        await admin.ok("register", {"id": "many-old"})
        big = {"x": "y" * 8200}
        rows = [
            {"id": "many-1", "properties": {"a": 1}},
            {"id": "many-1"},
            {"id": "many-old"},
            {"id": "many/2"},
            {"id": "many-3", "autoAccept": True},
            {"id": "many-4", "properties": big},
            {"id": "many-5", "tenant": "management"},
            {"id": "many-6"},
        ]
        result = await admin.ok("register", {"devices": rows})
        assert [one["id"] for one in result["created"]] == ["many-1", "many-6"]
        assert all("properties" not in one and "claims" not in one for one in result["created"])
        assert sorted((one["id"], one["code"]) for one in result["failed"]) == [
            ("many-1", "ALREADY_REGISTERED"),
            ("many-3", "TOKEN_REQUIRED"),
            ("many-4", "LIMIT_REACHED"),
            ("many-5", "NOT_PERMITTED"),
            ("many-old", "ALREADY_REGISTERED"),
            ("many/2", "INVALID_ID"),
        ]
        assert all(one["message"] for one in result["failed"])
        assert (await admin.get("many-1"))["properties"] == {"a": 1}


async def test_a_thousand_ids_are_taken_and_one_more_is_refused_whole(access: Access) -> None:
    async with administrator(access) as admin:
        rows = [{"id": f"thousand-{number}"} for number in range(1001)]
        for command, payload in (
            ("register", {"devices": rows}),
            ("accept", {"devices": rows}),
            ("delete", {"ids": [row["id"] for row in rows]}),
        ):
            assert await admin.code(command, payload) == "LIMIT_REACHED"
        assert await names(admin, search="thousand-") == []
        assert len((await admin.ok("register", {"devices": rows[:1000]}))["created"]) == 1000
        refused = await admin.ok("accept", {"devices": rows[:1000]})
        assert refused["accepted"] == []
        assert {one["code"] for one in refused["failed"]} == {"INVALID_STATE"}
        assert len((await admin.ok("delete", {"ids": [row["id"] for row in rows[:1000]]}))["deleted"]) == 1000
        assert await names(admin, search="thousand-") == []


async def test_properties_of_eight_kibibytes_are_taken_and_larger_ones_refused(access: Access) -> None:
    async with administrator(access) as admin:
        await admin.ok("register", {"id": "props-1", "properties": {"x": "y" * 8150}})
        assert await admin.code("register", {"id": "props-2", "properties": {"x": "y" * 8300}}) == "LIMIT_REACHED"
        assert await admin.code("register", {"id": "props-3", "properties": {"x": "ü" * 4200}}) == "LIMIT_REACHED"
        assert await admin.code("get", {"id": "props-2"}) == "NOT_FOUND"


async def test_every_forbidden_id_is_refused_alone_and_in_a_row(access: Access) -> None:
    async with administrator(access) as admin:
        result = await admin.ok("register", {"devices": [{"id": one} for one in INVALID_IDS]})
        assert result["created"] == []
        failed = sorted((one["id"], one["code"]) for one in result["failed"])
        assert failed == sorted((one, "INVALID_ID") for one in INVALID_IDS)
        codes = {one: await admin.code("register", {"id": one}) for one in INVALID_IDS}
        assert {one: code for one, code in codes.items() if code != "INVALID_ID"} == {}


async def test_an_id_with_half_a_surrogate_is_refused_and_the_answer_is_sound(access: Access) -> None:
    async with administrator(access) as admin:
        await admin.peer.publish("control/default/admin/request/register", rb'{"id":"bad\ud800id"}')
        answer = await admin.peer.next_json()
        assert answer["error"]["code"] in {"INVALID_ID", "MALFORMED_REQUEST"}
        await admin.ok("list", {})


@pytest.mark.parametrize("device_id", ["v" * 255, "é" * 255, "-", "...", "a:b;c|d", "水", "😀", "Zähler", "a.b@c"])
async def test_every_other_id_is_taken(access: Access, device_id: str) -> None:
    async with administrator(access) as admin:
        assert (await admin.ok("register", {"id": device_id}))["created"][0]["id"] == device_id
        assert (await admin.get(device_id))["id"] == device_id
        await admin.ok("delete", {"id": device_id})


async def test_ids_are_told_apart_by_case(access: Access) -> None:
    async with administrator(access) as admin:
        await admin.ok("register", {"devices": [{"id": "case-x"}, {"id": "CASE-X"}]})
        assert (await admin.get("CASE-X"))["id"] == "CASE-X"
        await admin.ok("delete", {"id": "CASE-X"})
        assert (await admin.get("case-x"))["id"] == "case-x"


async def test_refusals_of_a_single_registration(access: Access) -> None:
    async with administrator(access) as admin, administrator(access, "management") as root:
        await admin.ok("register", {"id": "refuse-1"})
        for expected, payload in (
            ("ALREADY_REGISTERED", {"id": "refuse-1"}),
            ("TOKEN_REQUIRED", {"id": "refuse-2", "autoAccept": True}),
            ("TOKEN_REQUIRED", {"id": "refuse-2", "autoAccept": True, "securityToken": " \t "}),
            ("NOT_PERMITTED", {"id": "refuse-2", "tenant": "management"}),
            ("NOT_PERMITTED", {"id": "refuse-2", "tenant": "nowhere"}),
        ):
            answer = await admin.answer("register", payload)
            assert is_error(answer, expected), (payload, answer)
        for expected, payload in (
            ("TENANT_AND_GROUP", {"id": "refuse-2", "tenant": "default", "group": "Hall 1"}),
            ("UNKNOWN_TENANT", {"id": "refuse-2", "tenant": "nowhere"}),
        ):
            answer = await root.answer("register", payload)
            assert is_error(answer, expected), (payload, answer)
        assert await admin.code("get", {"id": "refuse-2"}) == "NOT_FOUND"


@pytest.mark.parametrize("path", ["", "/", "a//b", "/a", "a/", "a/\x07/b", "a/" + "x" * 256])
async def test_a_group_path_with_a_wrong_name_is_refused(access: Access, path: str) -> None:
    async with administrator(access) as admin:
        answer = await admin.answer("register", {"id": "group-wrong", "group": path})
        assert is_error(answer, "MALFORMED_REQUEST"), answer


async def test_a_token_is_trimmed_and_has_at_most_256_characters(access: Access) -> None:
    async with administrator(access) as admin:
        await admin.ok("register", {"id": "token-256", "securityToken": " " + "ü" * 256 + "\n"})
        code = await admin.code("register", {"id": "token-257", "securityToken": "x" * 257})
        assert code in {"MALFORMED_REQUEST", "LIMIT_REACHED"}


async def test_an_id_of_another_tenant_is_taken_and_no_answer_names_the_tenant(access: Access) -> None:
    async with administrator(access) as admin, administrator(access, "management") as root:
        await root.ok("register", {"id": "foreign-1"})
        answer = await admin.answer("register", {"id": "foreign-1"})
        assert is_error(answer, "ALREADY_REGISTERED")
        assert "management" not in json.dumps(answer)
        row = (await admin.ok("register", {"devices": [{"id": "foreign-1"}]}))["failed"][0]
        assert row["code"] == "ALREADY_REGISTERED"
        assert "management" not in json.dumps(row)
        await bring_in(access, root, "foreign-2")
        await root.ok("delete", {"id": "foreign-2"})
        answer = await admin.answer("register", {"id": "foreign-2"})
        assert is_error(answer, "ALREADY_EXISTS")
        assert "management" not in json.dumps(answer)
        await root.ok("register", {"id": "foreign-2"})


async def test_management_sees_all_and_default_nothing_of_managements(access: Access) -> None:
    async with (
        administrator(access) as admin,
        administrator(access, "management") as root,
        device(access, "sees-1") as caller,
    ):
        created = (await root.ok("register", {"id": "sees-1"}))["created"][0]
        assert (created["tenant"], created["owner"]) == ("management", "management/root")
        created = (await root.ok("register", {"id": "sees-2", "tenant": "default"}))["created"][0]
        assert (created["tenant"], created["owner"]) == ("default", "management/root")
        await admin.ok("register", {"id": "sees-3"})
        await caller.ask()
        assert sorted(await names(root, search="sees-")) == ["sees-1", "sees-2", "sees-3"]
        assert await names(root, search="sees-", tenant="management") == ["sees-1"]
        assert sorted(await names(root, search="sees-", tenant="default")) == ["sees-2", "sees-3"]
        assert await root.code("list", {"tenant": "nowhere"}) == "UNKNOWN_TENANT"
        assert sorted(await names(admin, search="sees-")) == ["sees-2", "sees-3"]
        assert await admin.code("list", {"tenant": "management"}) == "NOT_PERMITTED"
        for command in ("get", "accept", "delete"):
            answer = await admin.answer(command, {"id": "sees-1"})
            assert is_error(answer, "NOT_FOUND")
            unknown = await admin.answer(command, {"id": "sees-0"})
            assert json.dumps(answer["error"]).replace("sees-1", "sees-0") == json.dumps(unknown["error"])
        assert (await root.get("sees-3"))["tenant"] == "default"
        assert (await admin.ok("delete", {"ids": ["sees-1", "sees-2"]}))["deleted"] == ["sees-2"]
        assert await root.ok("accept", {"id": "sees-1"}) == {"id": "sees-1", "status": "ACCEPTED"}
        assert (await root.ok("delete", {"id": "sees-3"}))["deleted"] == ["sees-3"]


async def test_list_filters_searches_counts_and_puts_pending_first(access: Access) -> None:
    async with administrator(access) as admin, device(access, "li-c") as third, device(access, "li-d") as fourth:
        await clear(admin)
        for letter in "abcd":
            await admin.ok("register", {"id": f"li-{letter}", "name": f"Zähler_{letter}"})
        await third.ask()
        await fourth.ask()
        await admin.ok("accept", {"id": "li-d"})
        result = await admin.ok("list", {})
        assert result["registrations"][0]["id"] == "li-c"
        assert result["next"] is None
        waiting = [one["id"] for one in result["registrations"] if one["status"] == "WAITING_FOR_CONNECTION"]
        assert waiting == ["li-a", "li-b"], "within a status the oldest first"
        counts = {"WAITING_FOR_CONNECTION": 2, "PENDING_ACCEPTANCE": 1, "ACCEPTED": 1}
        assert {status: n for status, n in result["counts"].items() if n} == counts
        assert await names(admin, status=["ACCEPTED", "PENDING_ACCEPTANCE"]) == ["li-c", "li-d"]
        assert await names(admin, status=["BLOCKED"]) == []
        for search, expected in (
            ("LI-A", ["li-a"]),
            ("zähler_a", ["li-a"]),
            ("ZÄHLER_B", ["li-b"]),
            ("_", ["li-c", "li-a", "li-b", "li-d"]),
            ("li_a", []),
            ("%", []),
        ):
            found = await admin.ok("list", {"search": search})
            assert sorted(one["id"] for one in found["registrations"]) == sorted(expected), search
            assert {status: n for status, n in found["counts"].items() if n} == counts
        found_one = (await admin.ok("list", {"search": "li-c"}))["registrations"][0]
        assert found_one == await admin.get("li-c")


@pytest.mark.parametrize("sort", ["id", "name", "status", "creationTime", "lastSeen"])
@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_hold_every_registration_once_in_order(access: Access, sort: str, limit: int) -> None:
    key = f"page-{sort}-{limit}-".lower()
    async with administrator(access) as admin, device(access, key + "b") as second, device(access, key + "d") as fourth:
        rows: list[dict[str, Any]] = [{"id": key + letter} for letter in "abcdef"]
        rows[1]["name"], rows[4]["name"], rows[5]["name"] = "same", "same", "other"
        await admin.ok("register", {"devices": rows})
        await second.ask()
        await fourth.ask()
        orders = {}
        for order in (sort, "-" + sort):
            found: list[dict[str, Any]] = []
            query: dict[str, Any] = {"search": key, "sort": order, "limit": limit}
            while True:
                page = await admin.ok("list", query)
                found += page["registrations"]
                assert len(found) <= 6
                if page["next"] is None:
                    break
                query["cursor"] = page["next"]
            assert sorted(one["id"] for one in found) == [row["id"] for row in rows]
            orders[order] = [one.get(sort) for one in found]
        up = [value for value in orders[sort] if value is not None]
        down = [value for value in orders["-" + sort] if value is not None]
        if sort != "status":
            assert up == sorted(up)
        assert down == up[::-1]


async def test_without_a_limit_a_page_has_a_hundred_and_the_cursor_leads_on(access: Access) -> None:
    async with administrator(access) as admin:
        await admin.ok("register", {"devices": [{"id": f"hundred-{number:03}"} for number in range(130)]})
        page = await admin.ok("list", {"search": "hundred-"})
        assert len(page["registrations"]) == 100
        rest = await admin.ok("list", {"search": "hundred-", "cursor": page["next"]})
        assert rest["next"] is None
        together = [one["id"] for one in page["registrations"] + rest["registrations"]]
        assert sorted(together) == [f"hundred-{number:03}" for number in range(130)]
        await admin.ok("delete", {"ids": together})


async def test_a_page_that_would_pass_a_megabyte_ends_early(access: Access) -> None:
    async with administrator(access) as admin:
        ids = [f"heavy-{number:03}" for number in range(200)]
        await admin.ok("register", {"devices": [{"id": one, "properties": {"x": "y" * 8000}} for one in ids]})
        found: list[str] = []
        query: dict[str, Any] = {"search": "heavy-", "limit": 1000}
        while query.get("cursor", "") is not None:
            await admin.peer.publish("control/default/admin/request/list", json.dumps(query))
            message = await admin.peer.next()
            assert isinstance(message.payload, bytes)
            assert len(message.payload) <= 1_000_000
            result = strict_json(message.payload)["result"]
            found += [one["id"] for one in result["registrations"]]
            query["cursor"] = result["next"]
        assert found == ids
        await admin.ok("delete", {"ids": ids})


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 1001},
        {"limit": -1},
        {"limit": "ten"},
        {"status": ["NONE"]},
        {"status": "PENDING"},
        {"sort": "owner"},
        {"sort": "--id"},
        {"cursor": "nonsense"},
        {"cursor": ""},
        {"cursor": 5},
        {"search": 5},
    ],
)
async def test_a_query_that_is_not_understood_is_refused(access: Access, query: dict[str, Any]) -> None:
    async with administrator(access) as admin:
        assert await admin.code("list", query) == "MALFORMED_REQUEST"


async def test_delete_of_one_and_of_many(access: Access) -> None:
    async with administrator(access) as admin:
        await admin.ok("register", {"devices": [{"id": f"del-{number}"} for number in range(4)]})
        assert await admin.ok("delete", {"id": "del-0"}) == {"deleted": ["del-0"], "failed": []}
        assert await admin.code("delete", {"id": "del-0"}) == "NOT_FOUND"
        result = await admin.ok("delete", {"ids": ["del-1", "del-0", "del-2"]})
        assert result["deleted"] == ["del-1", "del-2"]
        assert [(one["id"], one["code"]) for one in result["failed"]] == [("del-0", "NOT_FOUND")]
        assert await names(admin, search="del-") == ["del-3"]
        assert await admin.ok("delete", {"ids": []}) == {"deleted": [], "failed": []}


async def test_who_sees_the_blocked_one_reads_why(access: Access) -> None:
    async with (
        administrator(access) as admin,
        setting(admin, {"security-token.policy": "REQUIRED"}),
        device(access, "why-1") as caller,
    ):
        await admin.ok("register", {"id": "why-1"})
        await caller.ask()
        found = await admin.get("why-1")
        assert (found["status"], found["reason"], found["calls"]) == ("BLOCKED", "TOKEN_MISSING", 1)
        assert await names(admin, status=["BLOCKED"], search="why-") == ["why-1"]
