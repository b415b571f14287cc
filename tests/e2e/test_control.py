"""The control topic itself: what is no request, what is said twice, what is retained, and who else hears it."""

import json
import re
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from tests.e2e.peer import V5, V311, Administrator, administrator, connected, correlation_of, device, payload_of
from tests.e2e.scenes import TIME, accepted, is_error, strict_json
from tests.e2e.site import AnySite, ApartSite, Process, running
from tests.hostile import Attack
from tests.hostile.carrying import carries_out

Access = dict[str, Any]
COMMANDS = [
    "register",
    "list",
    "get",
    "accept",
    "accept-all",
    "delete",
    "get-option",
    "set-option",
    "list-options",
    "stats",
]
NO_OBJECTS = [
    b"{",
    b"}",
    b"[]",
    b"5",
    b"null",
    b'"x"',
    b"true",
    b"\xff\xfe",
    b"\0",
    b'{"id":"x"',
    b'{"id":"x"}}',
    b"{'id':1}",
]


async def raw(admin: Administrator, command: str, payload: bytes, **request: Any) -> dict[str, Any]:
    """Send bytes as they are, and read the answer strictly."""
    await admin.peer.publish(f"control/{admin.tenant}/{admin.name}/request/{command}", payload, **request)
    answer: dict[str, Any] = strict_json(payload_of(await admin.peer.next()))
    return answer


@pytest.mark.parametrize("protocol", [V311, V5], ids=["mqtt311", "mqtt5"])
@pytest.mark.parametrize("command", COMMANDS)
async def test_what_is_no_object_is_refused_by_every_command(
    access: Access, command: str, protocol: aiomqtt.ProtocolVersion
) -> None:
    async with administrator(access, protocol=protocol) as admin:
        for payload in NO_OBJECTS:
            answer = await raw(admin, command, payload)
            assert is_error(answer, "MALFORMED_REQUEST"), (payload, answer)
            assert answer["command"] == command
        assert (await admin.answer("list"))["ok"] is True


@pytest.mark.parametrize("command", ["register", "get", "accept", "delete", "get-option", "set-option"])
async def test_an_empty_payload_names_no_device_and_is_refused(access: Access, command: str) -> None:
    async with administrator(access) as admin:
        for payload in (b"", b" ", b"{}"):
            assert is_error(await raw(admin, command, payload), "MALFORMED_REQUEST"), payload


@pytest.mark.parametrize(
    ("command", "payload"),
    [
        ("register", {"id": 5}),
        ("register", {"id": None}),
        ("register", {"id": ["x"]}),
        ("register", {"devices": {"id": "x"}}),
        ("register", {"devices": "x"}),
        ("register", {"id": "wrong-1", "devices": [{"id": "wrong-2"}]}),
        ("register", {"id": "wrong-1", "name": 5}),
        ("register", {"id": "wrong-1", "properties": []}),
        ("register", {"id": "wrong-1", "autoAccept": "yes", "securityToken": "t"}),
        ("register", {"id": "wrong-1", "securityToken": 4711}),
        ("get", {"id": 5}),
        ("accept", {"id": True}),
        ("accept", {"id": "wrong-1", "securityToken": 5}),
        ("accept", {"id": "wrong-1", "claim": 5}),
        ("delete", {"ids": "wrong-1"}),
        ("delete", {"ids": [5]}),
        ("get-option", {"category": "device-registration"}),
        ("get-option", {"category": 5, "key": "retry-after"}),
        ("set-option", {"category": "device-registration", "key": "registration.ttl"}),
        ("stats", {"since": "yesterday"}),
        ("stats", {"since": 5}),
    ],
)
async def test_a_member_of_the_wrong_kind_is_refused_and_changes_nothing(
    access: Access, command: str, payload: dict[str, Any]
) -> None:
    async with administrator(access) as admin:
        answer = await admin.answer(command, payload)
        assert is_error(answer, "MALFORMED_REQUEST"), answer
        assert (await admin.ok("list", {"search": "wrong-"}))["registrations"] == []


async def test_a_row_of_the_wrong_kind_does_not_make_half_of_the_others_vanish(access: Access) -> None:
    async with administrator(access) as admin:
        answer = await admin.answer("register", {"devices": [{"id": "half-1"}, {"id": 5}]})
        found = [one["id"] for one in (await admin.ok("list", {"search": "half-"}))["registrations"]]
        assert found == ([one["id"] for one in answer["result"]["created"]] if answer["ok"] else [])


@pytest.mark.parametrize(
    "payload",
    [
        b'{"id":"odd-1","properties":{"a":NaN}}',
        b'{"id":"odd-1","properties":{"a":Infinity}}',
        b'{"id":"odd-1","properties":{"a":-Infinity}}',
        b'{"id":"odd-1","properties":{"a":"\xff"}}',
        b'{"id":"odd-1","properties":{"a":"\t"}}',
        b"\xef\xbb\xbf" + b'{"id":',
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'{"properties":' + b"[" * 100_000,
    ],
    ids=lambda payload: payload[:24].decode(errors="replace"),
)
async def test_what_only_looks_like_json_is_refused(access: Access, payload: bytes) -> None:
    async with administrator(access) as admin:
        assert is_error(await raw(admin, "register", payload), "MALFORMED_REQUEST")
        assert await admin.code("get", {"id": "odd-1"}) == "NOT_FOUND"


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400, "9" * 5000, "1e-999", "0." + "3" * 500])
async def test_unusual_numbers_never_make_an_answer_that_is_no_json(access: Access, number: str) -> None:
    async with administrator(access) as admin:
        device_id = f"number-{number[:6]}-{len(number)}".encode()
        payload = b'{"id":"%b","properties":{"a":%b}}' % (device_id, number.encode())
        answer = await raw(admin, "register", payload)
        assert answer["ok"] or answer["error"]["code"] == "MALFORMED_REQUEST", answer
        for command in ("get", "delete"):
            again = await raw(admin, command, b'{"id":"%b"}' % device_id)
            assert again["ok"] == answer["ok"], again


@pytest.mark.parametrize("command", ["nonsense", "Register", "list ", "get.", "übung", "$SYS", ""])
async def test_an_unknown_command_is_answered(access: Access, command: str) -> None:
    async with administrator(access) as admin:
        for payload in (b"{}", b'{"id":"x","requestId":"r"}'):
            answer = await raw(admin, command, payload)
            assert is_error(answer, "UNKNOWN_COMMAND"), answer
            assert answer["command"] == command
        for payload in (b"", b"\xff"):
            answer = await raw(admin, command, payload)
            assert answer["error"]["code"] in {"UNKNOWN_COMMAND", "MALFORMED_REQUEST"}


async def test_a_request_below_the_command_level_reaches_nobody(access: Access) -> None:
    async with administrator(access) as admin:
        for topic in ("list/more", "list/", "register/x/y"):
            await admin.peer.publish(f"control/default/admin/request/{topic}", b'{"id":"below-1"}')
        await admin.peer.publish("control/default/admin/request", b"{}")
        assert (await admin.answer("get", {"id": "below-1"}))["command"] == "get"


@pytest.mark.parametrize("wrong", ["", "x" * 129, 5, True, [], {}])
async def test_a_request_id_of_the_wrong_kind_is_refused(access: Access, wrong: Any) -> None:
    async with administrator(access) as admin:
        assert await admin.code("register", {"id": "request-id-1", "requestId": wrong}) == "MALFORMED_REQUEST"
        assert await admin.code("get", {"id": "request-id-1"}) == "NOT_FOUND"


@pytest.mark.parametrize("good", ["x", "x" * 128, "ü" * 128, 'a"b\\c\n', "😀"])
async def test_the_request_id_is_echoed_in_answers_and_refusals(access: Access, good: str) -> None:
    async with administrator(access) as admin:
        assert (await admin.answer("list", {"requestId": good}))["requestId"] == good
        answer = await admin.answer("get", {"id": "nobody", "requestId": good})
        assert (answer["requestId"], answer["ok"]) == (good, False)
        assert (await admin.answer("nonsense", {"requestId": good}))["requestId"] == good


async def test_correlation_data_of_64_bytes_is_echoed_and_longer_is_not(access: Access) -> None:
    async with administrator(access) as admin:
        topic = "control/default/admin/request/list"
        for sent, echoed in ((b"\0", b"\0"), (b"\xff" * 64, b"\xff" * 64), (b"c" * 65, None), (b"c" * 1000, None)):
            await admin.peer.publish(topic, b"{}", correlation=sent)
            message = await admin.peer.next()
            assert correlation_of(message) == echoed
            assert (message.retain, message.qos) == (False, 1)
        await admin.peer.publish(topic, b"\xff", correlation=b"c")
        assert correlation_of(await admin.peer.next()) == b"c", "a refusal echoes it too"


async def test_a_changing_command_said_twice_is_done_once(access: Access) -> None:
    async with administrator(access) as admin, device(access, "twice-1") as caller:
        register = {"id": "twice-1", "requestId": "twice-register"}
        first = await admin.answer("register", register)
        assert first["ok"]
        assert await admin.answer("register", register) == first
        await caller.ask({"securityToken": "right"})
        wrong = {"id": "twice-1", "securityToken": "wrong", "requestId": "twice-wrong"}
        refused = await admin.answer("accept", wrong)
        assert is_error(refused, "TOKEN_MISMATCH")
        assert await admin.answer("accept", wrong) == refused
        assert (await admin.get("twice-1"))["failedAttempts"] == 1
        delete = {"id": "twice-1", "requestId": "twice-delete"}
        deleted = await admin.answer("delete", delete)
        await admin.ok("register", {"id": "twice-1"})
        assert await admin.answer("delete", delete) == deleted
        assert (await admin.get("twice-1"))["calls"] == 0
        assert await admin.answer("register", register) == first


async def test_the_same_request_id_on_something_else_is_refused(access: Access) -> None:
    async with administrator(access) as admin:
        await admin.ok("register", {"id": "same-1", "requestId": "same"})
        assert await admin.code("register", {"id": "same-2", "requestId": "same"}) == "MALFORMED_REQUEST"
        assert await admin.code("delete", {"id": "same-1", "requestId": "same"}) == "MALFORMED_REQUEST"
        assert await admin.code("get", {"id": "same-2"}) == "NOT_FOUND"
        assert (await admin.get("same-1"))["id"] == "same-1"


async def test_reading_commands_are_not_remembered(access: Access) -> None:
    async with administrator(access) as admin:
        reading = {"id": "fresh-1", "requestId": "fresh"}
        assert is_error(await admin.answer("get", reading), "NOT_FOUND")
        await admin.ok("register", {"id": "fresh-1"})
        assert (await admin.answer("get", reading))["ok"]
        await admin.ok("delete", {"id": "fresh-1", "requestId": "fresh"})


async def test_where_no_request_id_was_sent_correlation_data_marks_the_repeat(access: Access) -> None:
    async with administrator(access) as admin:
        first = await raw(admin, "register", b'{"id":"mark-1"}', correlation=b"mark" * 16)
        assert first["ok"]
        assert await raw(admin, "register", b'{"id":"mark-1"}', correlation=b"mark" * 16) == first
        other = await raw(admin, "register", b'{"id":"mark-2"}', correlation=b"mark" * 16)
        assert is_error(other, "MALFORMED_REQUEST")
        long = await raw(admin, "register", b'{"id":"mark-1"}', correlation=b"mark" * 16 + b"x")
        assert is_error(long, "ALREADY_REGISTERED"), "longer is not remembered"
        named = await raw(admin, "register", b'{"id":"mark-3","requestId":"m3"}', correlation=b"mark" * 16)
        assert named["ok"], "where there is a requestId, that is the mark"


async def test_marks_of_two_administrators_do_not_meet(access: Access) -> None:
    async with administrator(access) as admin, administrator(access, "management") as root:
        await admin.ok("register", {"id": "meet-1", "requestId": "meet"})
        await root.ok("register", {"id": "meet-2", "requestId": "meet"})


async def test_a_repeat_after_a_restart_gets_the_first_answer(site: AnySite) -> None:
    request = {"id": "restart-1", "requestId": "restart"}
    async with administrator(site.access) as admin:
        first = await admin.answer("register", request)
        marked = await raw(admin, "register", b'{"id":"restart-2"}', correlation=b"restart")
    site.kill_bridge()
    site.restart_bridge()
    async with administrator(site.access) as admin:
        assert await admin.answer("register", request) == first
        assert await raw(admin, "register", b'{"id":"restart-2"}', correlation=b"restart") == marked
        assert await admin.code("delete", {"id": "restart-1", "requestId": "restart"}) == "MALFORMED_REQUEST"


@carries_out("retained-request")
async def test_a_retained_request_is_discarded_now_and_after_a_restart(site: AnySite, attack: Attack) -> None:
    topic = "control/default/admin/request/register"
    async with administrator(site.access) as admin:
        await admin.peer.publish(topic, b'{"id":"kept-1"}', retain=True)
        assert await admin.code("get", {"id": "kept-1"}) == "NOT_FOUND"
    site.kill_bridge()
    site.restart_bridge()
    async with administrator(site.access) as admin:
        assert await admin.code("get", {"id": "kept-1"}) == "NOT_FOUND"
        await admin.peer.publish(topic, b"", retain=True)
        assert (await admin.answer("list"))["ok"]


async def test_qos_0_and_2_are_answered_once_as_well(access: Access) -> None:
    async with administrator(access) as admin:
        for qos in (0, 2):
            assert (await admin.answer("list", {"requestId": f"qos-{qos}"}, qos=qos))["requestId"] == f"qos-{qos}"
        assert (await admin.answer("list", {"requestId": "last"}))["requestId"] == "last"


async def test_many_requests_without_waiting_get_one_answer_each_in_order(access: Access) -> None:
    async with administrator(access) as admin:
        for number in range(300):
            body = json.dumps({"id": f"hurry-{number // 2}", "requestId": f"hurry-{number}"})
            await admin.peer.publish("control/default/admin/request/register", body)
        answers = [await admin.peer.next_json() for _ in range(300)]
        assert [one["requestId"] for one in answers] == [f"hurry-{number}" for number in range(300)]
        assert [one["ok"] for one in answers] == [number % 2 == 0 for number in range(300)]
        await admin.ok("delete", {"ids": [f"hurry-{number}" for number in range(150)]})


async def test_the_state_of_the_bridge_is_retained_online(access: Access) -> None:
    for tenant in ("default", "management"):
        one = next(one for one in access["administrators"] if one["tenant"] == tenant)
        async with connected(access["port"], one["username"], one["password"]) as peer:
            assert await peer.subscribe("bridge/state") == [1]
            message = await peer.next()
            state = strict_json(payload_of(message))
            assert message.retain is True
            assert set(state) == {"state", "version", "since"}
            assert state["state"] == "online"
            assert re.fullmatch(TIME, state["since"])


async def test_the_state_is_offline_after_a_kill_and_after_a_clean_stop(tmp_path: Path) -> None:
    with running(ApartSite(tmp_path / "data")) as site:
        assert isinstance(site, ApartSite)
        one = site.access["administrators"][1]
        async with connected(site.access["port"], one["username"], one["password"]) as peer:
            await peer.subscribe("bridge/state")
            assert (await peer.next_json())["state"] == "online"
            for stop in (Process.kill, Process.stop):
                stop(site.processes["serve"])
                assert await peer.next_json() == {"state": "offline"}
                async with connected(site.access["port"], one["username"], one["password"]) as later:
                    await later.subscribe("bridge/state")
                    message = await later.next()
                    assert (message.retain, strict_json(payload_of(message))) == (True, {"state": "offline"})
                site.start_bridge()
                assert (await peer.next_json())["state"] == "online"


async def test_no_answer_event_or_state_carries_a_token_or_password(access: Access) -> None:
    async with administrator(access) as admin, device(access, "secret-1") as caller:
        one = next(one for one in access["administrators"] if one["tenant"] == "management")
        async with connected(access["port"], one["username"], one["password"]) as peer:
            for topic in ("events/#", "bridge/state"):
                await peer.subscribe(topic)
            answers = [await admin.answer("register", {"id": "secret-1"})]
            await caller.ask({"securityToken": "token-of-7"})
            answers.append(await admin.answer("accept", {"id": "secret-1", "securityToken": "guess-of-7"}))
            answers.append(await admin.answer("accept", {"id": "secret-1", "securityToken": "token-of-7"}))
            credentials = await accepted(caller)
            answers += [await admin.answer("get", {"id": "secret-1"}), await admin.answer("list", {})]
            await admin.until("secret-1", "deliveredTime")
            text = json.dumps(answers)
            while "delivered" not in text:
                text += payload_of(await peer.next()).decode()
            for secret in ("token-of-7", "guess-of-7", credentials["password"]):
                assert secret not in text
