"""The one door for administrators: every command done, every refusal with its code, every tenant by itself."""

import json
from typing import Any

import pytest

from bridge.answers import MAX_ANSWER
from bridge.broker import Incoming
from bridge.decisions import Event
from bridge.records import Change
from bridge.roles import COMMANDS
from tests.making import pending
from tests.world import World

POLICY = {"category": "device-registration", "key": "security-token.policy"}
TOKEN_CALL = b'{"securityToken":"s3cret"}'
OTHER = "zyxwvutsrqponmlkjihgfe"
ROOT, NORA, RITA, VERA = "management/root", "north/nora", "default/rita", "default/vera"


async def called(world: World, device_id: str, payload: bytes = b"{}", *, who: str = "default/admin") -> None:
    await world.done("register", {"id": device_id}, who=who)
    await world.call(device_id, payload)


# Each command as it is meant.


async def test_a_device_is_registered_with_all_that_was_said_of_it(world: World) -> None:
    wish = {
        "id": "pump-7",
        "group": "A/B",
        "type": "t",
        "name": "Pump",
        "properties": {"x": [1]},
        "securityToken": " a ",
    }
    (created,) = (await world.done("register", wish))["created"]
    assert created == {
        "id": "pump-7", "status": "WAITING_FOR_CONNECTION", "tenant": "default", "name": "Pump", "type": "t",
        "group": "A/B", "owner": "default/admin", "creationTime": "2026-01-01T00:00:00.000Z", "failedAttempts": 0,
        "calls": 0, "tokenSent": False, "claimsOverflow": False, "claims": [], "autoAccept": False,
        "properties": {"x": [1]},
    }  # fmt: skip
    assert await world.done("get", {"id": "pump-7"}) == created


async def test_of_several_devices_a_bad_one_fails_alone(world: World) -> None:
    wishes = [{"id": "a"}, {"id": "b c"}, {"id": "a"}, 7, {"id": "d", "colour": 1}, {"id": "e", "autoAccept": True}, {}]
    result = await world.done("register", {"devices": wishes})
    assert [one["id"] for one in result["created"]] == ["a"]
    assert "claims" not in result["created"][0]
    assert sorted((one["id"] or "", one["code"]) for one in result["failed"]) == [
        ("", "MALFORMED_REQUEST"),
        ("", "MALFORMED_REQUEST"),
        ("a", "ALREADY_REGISTERED"),
        ("b c", "INVALID_ID"),
        ("d", "MALFORMED_REQUEST"),
        ("e", "TOKEN_REQUIRED"),
    ]


async def test_a_device_that_called_is_accepted(world: World) -> None:
    await called(world, "pump-7")
    handled = await world.ask("accept", {"id": "pump-7"})
    assert json.loads(handled.payload)["result"] == {"id": "pump-7", "status": "ACCEPTED"}
    assert [event.event for event in handled.events if isinstance(event, Event)] == ["accepted"]
    assert [account.username for account, _ in handled.account_work.coming] == ["default/device_pump-7"]
    again = await world.ask("accept", {"id": "pump-7"})
    assert json.loads(again.payload)["result"] == {"id": "pump-7", "status": "ACCEPTED"}
    assert (again.events, again.account_work.coming) == ([], [])


async def test_several_devices_are_accepted_each_by_its_own_token(world: World) -> None:
    for device_id in ("a", "b", "c"):
        await called(world, device_id, TOKEN_CALL)
    devices = [{"id": "a", "securityToken": "s3cret"}, {"id": "b", "securityToken": "no"}, {"id": "c"}, {"id": "d"}]
    result = await world.done("accept", {"devices": devices})
    assert result["accepted"] == ["a"]
    assert [(one["id"], one["code"]) for one in result["failed"]] == [
        ("b", "TOKEN_MISMATCH"),
        ("c", "TOKEN_REQUIRED"),
        ("d", "NOT_FOUND"),
    ]


async def test_accept_all_takes_what_needs_no_person_and_lists_the_others(world: World) -> None:
    for number in range(3):
        await called(world, f"free-{number}")
    await called(world, "token", TOKEN_CALL)
    await world.done("register", {"id": "known", "securityToken": "s3cret"})
    await world.call("known", TOKEN_CALL)
    await called(world, "two")
    await world.call("two", client_id=OTHER)
    await world.done("register", {"id": "waiting"})
    result = await world.done("accept-all")
    assert result["acceptedCount"] == 4
    assert [(one["id"], one["code"]) for one in result["failed"]] == [
        ("token", "TOKEN_REQUIRED"),
        ("two", "CLAIM_CONFLICT"),
    ]


async def test_accept_all_blocks_nothing_under_required(world: World) -> None:
    await called(world, "pump-7")
    await world.done("set-option", {**POLICY, "value": "REQUIRED"})
    result = await world.done("accept-all")
    assert (result["acceptedCount"], result["failed"][0]["code"]) == (0, "TOKEN_REQUIRED")
    assert (await world.done("get", {"id": "pump-7"}))["status"] == "PENDING_ACCEPTANCE"


async def test_accept_all_goes_through_more_than_one_transaction_holds(world: World) -> None:
    async with world.store.write() as transaction:
        await transaction.save([Change(None, pending(id=f"p{number:04}")) for number in range(1_001)])
    assert (await world.done("accept-all"))["acceptedCount"] == 1_001
    assert (await world.done("list", {"limit": 1}))["counts"]["ACCEPTED"] == 1_001


async def test_devices_are_deleted_one_or_several_at_a_time(world: World) -> None:
    await world.done("register", {"devices": [{"id": one} for one in "abc"]})
    assert await world.done("delete", {"id": "a"}) == {"deleted": ["a"], "failed": []}
    result = await world.done("delete", {"ids": ["b", "x", "b", "c"]})
    assert result["deleted"] == ["b", "c"]
    assert [(one["id"], one["code"]) for one in result["failed"]] == [("x", "NOT_FOUND")]


async def test_a_list_is_turned_page_by_page(world: World) -> None:
    await world.done("register", {"devices": [{"id": f"p{number}"} for number in range(5)]})
    await world.call("p3")
    seen, cursor = [], None
    for _ in range(9):
        page = await world.done("list", {"limit": 2, **({"cursor": cursor} if cursor else {})})
        assert page["counts"] == {"WAITING_FOR_CONNECTION": 4, "PENDING_ACCEPTANCE": 1, "ACCEPTED": 0, "BLOCKED": 0}
        seen += [one["id"] for one in page["registrations"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == ["p3", "p0", "p1", "p2", "p4"]


async def test_a_list_is_narrowed_while_its_counts_are_not(world: World) -> None:
    await world.done("register", {"devices": [{"id": "a", "name": "Größe"}, {"id": "b"}]})
    await world.call("b")
    page = await world.done("list", {"search": "GRÖSSE"})
    assert [one["id"] for one in page["registrations"]] == ["a"]
    assert page["counts"]["PENDING_ACCEPTANCE"] == 1
    page = await world.done("list", {"status": ["PENDING_ACCEPTANCE"], "sort": "-id"})
    assert [one["id"] for one in page["registrations"]] == ["b"]
    assert (await world.done("list", {"status": ["BLOCKED"]}))["next"] is None


async def test_a_page_of_large_registrations_ends_early_and_goes_on(world: World) -> None:
    large = {"x": "y" * 8_000}
    for start in range(0, 150, 50):
        await world.done("register", {"devices": [{"id": f"p{start + n:03}", "properties": large} for n in range(50)]})
    seen, cursor = [], None
    for _ in range(9):
        handled = await world.ask("list", {"limit": 1_000, **({"cursor": cursor} if cursor else {})})
        assert len(handled.payload) <= MAX_ANSWER
        page = json.loads(handled.payload)["result"]
        seen += [one["id"] for one in page["registrations"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == [f"p{number:03}" for number in range(150)]


async def test_an_option_is_set_read_and_listed(world: World) -> None:
    assert await world.done("get-option", POLICY) == {**POLICY, "value": "OPTIONAL", "effective": "OPTIONAL"}
    assert (await world.done("set-option", {**POLICY, "value": "IGNORED"}))["effective"] == "IGNORED"
    await world.done("set-option", {**POLICY, "value": "REQUIRED"}, who=ROOT)
    assert await world.done("get-option", POLICY) == {**POLICY, "value": "IGNORED", "effective": "REQUIRED"}
    (listed,) = [one for one in (await world.done("list-options"))["options"] if one["key"] == POLICY["key"]]
    assert listed == {
        **POLICY, "value": "IGNORED", "type": "choice", "unit": None, "default": "OPTIONAL",
        "range": ["IGNORED", "OPTIONAL", "REQUIRED"],
    }  # fmt: skip


async def test_a_number_as_an_option_is_answered_as_a_number(world: World) -> None:
    setting = {"category": "device-registration", "key": "security-token.max-attempts"}
    assert (await world.done("set-option", {**setting, "value": "7"}))["value"] == 7


async def test_statistics_tell_counts_waits_and_hours(world: World) -> None:
    await called(world, "a")
    await called(world, "b")
    await world.done("accept", {"id": "a"})
    result = await world.done("stats")
    assert result["counts"]["ACCEPTED"] == 1
    assert result["oldestPending"] == "2026-01-01T00:00:00.000Z"
    assert result["callToConfirmedSeconds"] == {"p50": None, "p95": None, "p99": None}
    hour = {
        "hour": "2026-01-01T00:00:00.000Z",
        "registered": 2,
        "requested": 2,
        "accepted": 1,
        "confirmed": 0,
        "blocked": 0,
    }
    assert result["series"] == [hour]
    assert (await world.done("stats", {"since": "2026-01-01T01:00:00Z"}))["series"] == []


# Each refusal.


@pytest.mark.parametrize(
    ("command", "payload", "code"),
    [
        ("register", {}, "MALFORMED_REQUEST"),
        ("register", b"{", "MALFORMED_REQUEST"),
        ("register", {"id": "x", "colour": 1}, "MALFORMED_REQUEST"),
        ("register", {"id": "x", "group": "a//b"}, "MALFORMED_REQUEST"),
        ("register", {"id": "x", "securityToken": "y" * 257}, "MALFORMED_REQUEST"),
        ("register", b'{"id":"x","properties":{"a":1e999}}', "MALFORMED_REQUEST"),
        ("register", {"id": "a b"}, "INVALID_ID"),
        ("register", {"id": "known"}, "ALREADY_REGISTERED"),
        ("register", {"id": "x", "autoAccept": True}, "TOKEN_REQUIRED"),
        ("register", {"id": "x", "tenant": "north"}, "NOT_PERMITTED"),
        ("register", {"id": "x", "properties": {"a": "b" * 8_192}}, "LIMIT_REACHED"),
        ("register", {"devices": [{"id": "x"}] * 1_001}, "LIMIT_REACHED"),
        ("accept", {"devices": [{"id": "x"}] * 1_001}, "LIMIT_REACHED"),
        ("delete", {"ids": [str(number) for number in range(1_001)]}, "LIMIT_REACHED"),
        ("accept", {"id": "known"}, "INVALID_STATE"),
        ("accept", {"id": "nobody"}, "NOT_FOUND"),
        ("accept", {}, "MALFORMED_REQUEST"),
        ("delete", {"id": "nobody"}, "NOT_FOUND"),
        ("get", {"id": "nobody"}, "NOT_FOUND"),
        ("list", {"sort": "colour"}, "MALFORMED_REQUEST"),
        ("list", {"cursor": "x"}, "MALFORMED_REQUEST"),
        ("list", {"tenant": "north"}, "NOT_PERMITTED"),
        ("stats", {"since": "yesterday"}, "MALFORMED_REQUEST"),
        ("get-option", {"category": "x", "key": "retry-after"}, "INVALID_OPTION"),
        ("set-option", {**POLICY, "value": "MAYBE"}, "INVALID_OPTION"),
        ("set-option", {"category": "device-registration", "key": "retry-after", "value": 7}, "NOT_PERMITTED"),
        ("fly", {}, "UNKNOWN_COMMAND"),
    ],
)
async def test_a_request_is_refused_with_the_contracts_code(
    world: World, command: str, payload: Any, code: str
) -> None:
    await world.done("register", {"id": "known"})
    assert await world.refused(command, payload) == code


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"id": "x", "tenant": "north", "group": "G"}, "TENANT_AND_GROUP"),
        ({"id": "x", "tenant": "south"}, "UNKNOWN_TENANT"),
    ],
)
async def test_management_names_a_tenant_that_exists_and_no_group_with_it(
    world: World, payload: Any, code: str
) -> None:
    assert await world.refused("register", payload, who=ROOT) == code
    assert await world.refused("list", {"tenant": "south"}, who=ROOT) == "UNKNOWN_TENANT"


async def test_wrong_tokens_are_counted_and_the_last_one_blocks(world: World) -> None:
    await called(world, "pump-7", TOKEN_CALL)
    wrong = {"id": "pump-7", "securityToken": "no"}
    assert [await world.refused("accept", wrong) for _ in range(6)] == ["TOKEN_MISMATCH"] * 4 + [
        "BLOCKED",
        "INVALID_STATE",
    ]
    found = await world.done("get", {"id": "pump-7"})
    assert (found["status"], found["reason"], found["failedAttempts"]) == ("BLOCKED", "TOO_MANY_ATTEMPTS", 5)


async def test_a_conflict_shows_the_claims_and_one_is_named(world: World) -> None:
    await called(world, "pump-7")
    await world.call("pump-7", client_id=OTHER)
    answer = await world.answer("accept", {"id": "pump-7"})
    assert answer["error"]["code"] == "CLAIM_CONFLICT"
    claims = answer["error"]["details"]["claims"]
    assert claims == (await world.done("get", {"id": "pump-7"}))["claims"]
    assert await world.refused("accept", {"id": "pump-7", "claim": "00000000"}) == "NOT_FOUND"
    named = claims[1]["fingerprint"]
    assert (await world.done("accept", {"id": "pump-7", "claim": named}))["status"] == "ACCEPTED"
    assert await world.refused("accept", {"id": "pump-7", "claim": claims[0]["fingerprint"]}) == "INVALID_STATE"


async def test_a_fault_of_the_store_is_answered_and_nothing_was_done(world: World) -> None:
    async with world.store.write() as transaction:
        await transaction.connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON registrations BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    assert await world.refused("register", {"id": "pump-7", "requestId": "r-1"}) == "INTERNAL"
    async with world.store.write() as transaction:
        await transaction.connection.exec_driver_sql("DROP TRIGGER full")
    assert (await world.done("register", {"id": "pump-7", "requestId": "r-1"}))["created"]


@pytest.mark.parametrize("command", sorted(COMMANDS["owner"]))
@pytest.mark.parametrize(("who", "role"), [(RITA, "registrar"), (VERA, "viewer")])
async def test_a_role_has_its_commands_and_no_others(world: World, who: str, role: str, command: str) -> None:
    answer = await world.answer(command, {"id": "nobody"}, who=who)
    permitted = answer["ok"] or answer["error"]["code"] != "NOT_PERMITTED"
    assert permitted == (command in COMMANDS[role])


async def test_who_is_no_administrator_here_is_refused_whatever_the_broker_let_through(world: World) -> None:
    assert await world.refused("list", who="default/nora") == "NOT_PERMITTED"
    assert await world.refused("list", who="nowhere/admin") == "NOT_PERMITTED"


async def test_a_request_that_cannot_be_understood_is_answered_on_the_askers_own_topic(world: World) -> None:
    handled = await world.ask("list", b"\xff", correlation=b"c" * 64)
    assert (handled.topic, handled.correlation) == ("control/default/admin/response", b"c" * 64)
    assert (await world.ask("list", correlation=b"c" * 65)).correlation is None
    message = Incoming("control/north/nora/request/list", b"", 1, False, 1, None)
    assert json.loads((await world.control.handle(message)).payload)["result"]["registrations"] == []


async def test_no_answer_grows_beyond_its_limit_whatever_is_asked(world: World) -> None:
    long = "\U0001d54f" * 255
    ids = [long[:-4] + f"{number:04}" for number in range(1_000)]
    requests: list[tuple[str, dict[str, Any]]] = [
        ("get", {"id": "x" * 1_900_000}),
        ("delete", {"ids": ids}),
        ("delete", {"ids": ["x" * 1_900] * 2 + [f"{number}" + "x" * 1_900 for number in range(998)]}),
        ("accept", {"devices": [{"id": one} for one in ids]}),
        ("register", {"devices": [{"id": one, "name": long, "type": long} for one in ids[:600]]}),
        ("register", {"devices": [{"id": "a b", "group": "x" * 1_900_000}]}),
        ("register", {"id": "x", "group": "/".join(["x" * 255] * 7_000)}),
        ("get-option", {"category": "x" * 1_900_000, "key": "y"}),
    ]
    for command, payload in requests:
        handled = await world.ask(command, payload)
        assert len(handled.payload) <= MAX_ANSWER, command
    assert (await world.done("list", {"limit": 1}))["counts"]["WAITING_FOR_CONNECTION"] == 600


async def test_a_cursor_of_another_order_is_refused_and_not_read_as_a_position(world: World) -> None:
    await world.done("register", {"devices": [{"id": device_id} for device_id in ("a", "b", "c")]})
    cursor = (await world.done("list", {"limit": 1, "sort": "name"}))["next"]
    assert await world.refused("list", {"limit": 1, "sort": "lastSeen", "cursor": cursor}) == "MALFORMED_REQUEST"
    assert await world.refused("list", {"limit": 1, "cursor": cursor}) == "MALFORMED_REQUEST"
    page = await world.done("list", {"limit": 1, "sort": "name", "cursor": cursor})
    assert [one["id"] for one in page["registrations"]] == ["b"]


async def test_a_request_that_finds_no_room_is_told_so_and_is_done_when_it_is_sent_again(world: World) -> None:
    payload = json.dumps({"id": "pump-7", "requestId": "r-1"}).encode()
    message = Incoming(world.topics.request("default", "admin", "register"), payload, 1, False, 1, b"c")
    handled = world.control.refuse_for_want_of_room(message)
    answer = json.loads(handled.payload)
    assert (handled.topic, handled.correlation) == (world.topics.response("default", "admin"), b"c")
    assert (answer["command"], answer["requestId"], answer["ok"]) == ("register", "r-1", False)
    assert answer["error"]["code"] == "LIMIT_REACHED"
    assert await world.registration("pump-7") is None
    assert json.loads((await world.control.handle(message)).payload)["ok"] is True


@pytest.mark.parametrize(("command", "payload"), [("bulk-register", b"ID\na\n"), ("list", b"{"), ("no-such", b"\xff")])
async def test_whatever_it_is_it_can_be_refused_for_want_of_room(world: World, command: str, payload: bytes) -> None:
    message = Incoming(world.topics.request("default", "admin", command), payload, 0, False, 1, None)
    answer = json.loads(world.control.refuse_for_want_of_room(message).payload)
    assert (answer["command"], answer["error"]["code"]) == (command, "LIMIT_REACHED")
    assert "requestId" not in answer


@pytest.mark.parametrize("command", sorted(COMMANDS["viewer"]))
async def test_a_huge_question_is_refused_before_it_is_read(world: World, command: str) -> None:
    huge = b'{"status":[' + b"[]," * 30_000 + b"1]}"
    assert await world.refused(command, huge, who=VERA) == "LIMIT_REACHED"


async def test_a_claim_that_is_none_does_not_fill_the_audit(world: World) -> None:
    await called(world, "pump-7")
    long = {"id": "pump-7", "claim": "c" * 1_900_000}
    assert await world.refused("accept", long, who=RITA) == "MALFORMED_REQUEST"
    (failed,) = (await world.done("accept", {"devices": [long]}, who=RITA))["failed"]
    assert failed["code"] == "MALFORMED_REQUEST"
    assert await world.refused("accept", {"id": "pump-7", "claim": "c" * 255}, who=RITA) == "NOT_FOUND"
    assert len(json.dumps(await world.done("audit", {"limit": 10}))) < 3_000
