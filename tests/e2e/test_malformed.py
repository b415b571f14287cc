"""Calls that are not understood: answered or dropped, never claims, never failed attempts, and nobody else notices."""

import contextlib
import json
import secrets
from typing import Any

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.e2e.peer import V311, administrator, device, payload_of, private_id, stranger
from tests.e2e.scenes import NOT_ACCEPTED, accepted, assert_serves, strict_json

Access = dict[str, Any]
NOT_UNDERSTOOD = {
    "open": b"{",
    "not closed": b'{"securityToken":"t"',
    "more behind": b'{"securityToken":"t"} x',
    "not json": b"{'securityToken':'t'}",
    "bad utf-8": b'{"securityToken":"\xff"}',
    "bad utf-8 elsewhere": b'{"other":"\xc3\x28"}',
    "nul": b'{"securityToken":"t"}\0',
    "token number": b'{"securityToken":4711}',
    "token list": b'{"securityToken":["t"]}',
    "token object": b'{"securityToken":{}}',
    "token boolean": b'{"securityToken":true}',
    "token long": b'{"securityToken":"' + b"x" * 257 + b'"}',
    "token long in code points": json.dumps({"securityToken": "ü" * 257}).encode(),
    "request id number": b'{"requestId":5}',
    "request id object": b'{"requestId":{}}',
    "not a number": b'{"other":NaN}',
    "too large": b'{"other":"' + b"x" * 16_384 + b'"}',
    "nested, open": b'{"a":' * 3000,
    "brackets": b'{"a":' + b"[" * 16_000,
    "control character": b'{"securityToken":"a\x01b"}',
}
PERHAPS = {
    "deep": b'{"a":' * 2500 + b"1" + b"}" * 2500,
    "deep list": b'{"a":' + b"[" * 7000 + b"]" * 7000 + b"}",
    "huge number": b'{"a":1e999999}',
    "long number": b'{"a":' + b"9" * 5000 + b"}",
    "long fraction": b'{"a":0.' + b"1" * 5000 + b"}",
    "half a surrogate in a token": rb'{"securityToken":"\ud800"}',
    "half a surrogate in a request id": rb'{"requestId":"\udfff"}',
    "half a surrogate in a name": rb'{"\ud800":1}',
    "names twice": b'{"securityToken":"a","securityToken":"b"}',
    "null": b'{"securityToken":null,"publicKey":null,"requestId":null}',
    "nul in token": rb'{"securityToken":"a\u0000b"}',
    "prototype": b'{"__proto__":{"a":1},"constructor":1,"__class__":1}',
}
SILENT = {
    "bad utf-8": b"\xff\xfe\xfd",
    "binary": bytes(range(128, 256)) * 10,
    "too long": b"x" * 257,
    "too large": b"x" * 16_385,
    "cut off": "ü".encode()[:1],
    "surrogate": b"\xed\xa0\x80",
    "overlong": b"\xc0\xaf",
}


async def untouched(access: Access, device_id: str) -> None:
    async with administrator(access) as admin:
        found = await admin.get(device_id)
        assert (found["status"], found["calls"], found["claims"]) == ("WAITING_FOR_CONNECTION", 0, [])
        assert (found["failedAttempts"], found["claimsOverflow"]) == (0, False)


@pytest.mark.parametrize("name", NOT_UNDERSTOOD)
async def test_a_json_call_that_is_not_understood_is_told_so(access: Access, name: str) -> None:
    device_id = f"mal-{name}".replace(" ", "-").replace(",", "")
    async with administrator(access) as admin:
        await admin.ok("register", {"id": device_id})
    for plain in (False, True):
        async with device(access, device_id, plain=plain) as caller:
            await caller.call(NOT_UNDERSTOOD[name], correlation=b"c")
            answer = strict_json(payload_of(await caller.peer.next()))
            assert set(answer) <= {"status", "error", "message", "requestId"}
            assert (answer["status"], answer["error"]) == ("ERROR", "MALFORMED_REQUEST")
            assert answer["message"]
    await untouched(access, device_id)


@pytest.mark.parametrize("name", PERHAPS)
async def test_an_odd_json_call_is_either_taken_or_told_so(access: Access, name: str) -> None:
    device_id = f"odd-{name}".replace(" ", "-")
    async with administrator(access) as admin, device(access, device_id) as caller:
        await admin.ok("register", {"id": device_id})
        await caller.call(PERHAPS[name])
        answer = strict_json(payload_of(await caller.peer.next()))
        if answer["status"] == "ERROR":
            assert answer["error"] == "MALFORMED_REQUEST"
            await untouched(access, device_id)
        else:
            assert answer.items() >= strict_json(NOT_ACCEPTED).items()
            assert len((await admin.get(device_id))["claims"]) == 1
        assert (await caller.ask({}))["status"] == "PENDING_ACCEPTANCE"


@pytest.mark.parametrize("name", SILENT)
async def test_a_line_call_that_is_not_understood_gets_no_answer(access: Access, name: str) -> None:
    device_id = f"quiet-{name}".replace(" ", "-")
    async with administrator(access) as admin, device(access, device_id) as caller:
        await admin.ok("register", {"id": device_id})
        await caller.call(SILENT[name])
        await caller.call(b"{")
        assert (await caller.peer.next_json())["status"] == "ERROR", "the only answer is that to the second call"
        await untouched(access, device_id)


@pytest.mark.parametrize("size", [20_481, 200_000, 1_048_576])
async def test_what_the_broker_cuts_off_harms_its_sender_alone(access: Access, size: int) -> None:
    device_id = f"cut-{size}"
    async with administrator(access) as admin, device(access, device_id + "-other") as other:
        await admin.ok("register", {"id": device_id})
        with contextlib.suppress(aiomqtt.MqttError):
            async with stranger(access, caller := private_id(), V311, timeout=1) as peer:
                await peer.subscribe(f"bootstrap/{device_id}/response/{caller}")
                await peer.publish(f"bootstrap/{device_id}/request/{caller}", b"{" + b" " * size, qos=0)
                await peer.thrown_out()
                assert peer.heard.empty()
        await untouched(access, device_id)
        assert (await other.ask())["status"] == "PENDING_ACCEPTANCE"


@pytest.mark.parametrize("length", [16_384, 16_383])
async def test_a_call_of_sixteen_kibibytes_is_a_call(access: Access, length: int) -> None:
    async with administrator(access) as admin, device(access, f"full-{length}") as caller:
        await admin.ok("register", {"id": f"full-{length}"})
        frame = b'{"other":""}'
        await caller.call(frame[:-2] + b"x" * (length - len(frame)) + frame[-2:])
        assert payload_of(await caller.peer.next()) == NOT_ACCEPTED
        assert len((await admin.get(f"full-{length}"))["claims"]) == 1


@pytest.mark.parametrize("letter", ["x", "ü", "\u2028", "😀", "\\u0001", '\\"', "\\u0000", "\\ud83d\\ude00"])
async def test_a_long_request_id_never_makes_an_answer_the_broker_cuts_off(access: Access, letter: str) -> None:
    device_id = f"echo-{secrets.token_hex(4)}"
    async with administrator(access) as admin, device(access, device_id) as caller, device(access, "echo-x") as other:
        await admin.ok("register", {"id": device_id})
        for _ in range(2):
            body = f'{{"requestId":"{letter * (16_000 // len(letter.encode()))}"}}'.encode()
            assert len(body) <= 16_384
            await caller.call(body)
            answer = await caller.peer.next_json()
            assert answer["status"] in {"PENDING_ACCEPTANCE", "ERROR", "ACCEPTED"}
            if answer["status"] != "ERROR":
                assert answer["requestId"] == json.loads(body)["requestId"]
            assert (await other.ask())["status"] == "PENDING_ACCEPTANCE"
            if (await admin.get(device_id))["status"] == "PENDING_ACCEPTANCE":
                await admin.ok("accept", {"id": device_id})
                await accepted(caller)


BAD_IDS = [
    *("", "x" * 256, ".", "..", "a b", "a,b", 'a"b', "a%b", "a\\b", "$SYS", "a$", "e\u0301", "\u200bx", "\ue000"),
]


@pytest.mark.parametrize("device_id", BAD_IDS)
async def test_a_call_of_a_bad_id_is_refused(access: Access, device_id: str) -> None:
    async with device(access, device_id) as caller:
        for payload in ({}, {"securityToken": "t"}):
            answer = await caller.ask(payload)
            assert (answer["status"], answer["error"]) == ("ERROR", "MALFORMED_REQUEST")
        await caller.call(b"token")
        assert (await caller.ask({}))["status"] == "ERROR", "in line form nothing is said"


@pytest.mark.parametrize(
    "client_id", ["x", "x" * 21, "x" * 65, "x" * 21 + ".", "x" * 21 + "ü", "x" * 30 + "=", "x" * 21 + " "]
)
async def test_a_private_call_under_a_bad_client_id_is_no_claim(access: Access, client_id: str) -> None:
    device_id = f"client-{len(client_id)}-{ord(client_id[-1])}"
    async with administrator(access) as admin, device(access, device_id, client_id=client_id) as caller:
        await admin.ok("register", {"id": device_id})
        answer = await caller.ask({"securityToken": "t"})
        assert (answer["status"], answer["error"]) == ("ERROR", "MALFORMED_REQUEST")
        await untouched(access, device_id)


@pytest.mark.parametrize("client_id", ["x" * 22, "y" * 64, "-_" * 11])
async def test_the_shortest_and_the_longest_private_client_id_are_taken(access: Access, client_id: str) -> None:
    async with administrator(access) as admin, device(access, f"fit-{client_id[0]}", client_id=client_id) as caller:
        await admin.ok("register", {"id": caller.id})
        assert (await caller.ask())["status"] == "PENDING_ACCEPTANCE"
        assert len((await admin.get(caller.id))["claims"]) == 1


async def test_topics_with_empty_or_surplus_levels_are_no_calls(access: Access) -> None:
    own = private_id()
    async with administrator(access) as admin, stranger(access, own) as peer:
        await admin.ok("register", {"id": "levels"})
        for topic in (
            f"bootstrap/levels/request/{own}/",
            f"bootstrap/levels/request//{own}",
            f"bootstrap//levels/request/{own}",
            f"/bootstrap/levels/request/{own}",
            f"bootstrap/levels/Request/{own}",
            "bootstrap/levels/request/",
            f"bootstrap//request/{own}",
            f"bootstrap/{own}/request/",
        ):
            await peer.publish(topic, b"{}")
            await peer.publish(topic, b"")
        await untouched(access, "levels")
    await assert_serves(access, f"levels-{own[:6].strip('-_')}x")


async def test_a_response_topic_in_a_call_is_ignored(access: Access) -> None:
    async with device(access, "respond-1") as caller, device(access, "respond-2") as other:
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = other.response_topic
        properties.MessageExpiryInterval = 1
        properties.UserProperty = [("a", "b")] * 50
        properties.ContentType = "x" * 1000
        await caller.peer.client.publish(caller.request_topic, b"{}", 1, False, properties)
        assert str((await caller.peer.next()).topic) == caller.response_topic
        await other.call({"requestId": "own"})
        assert (await other.peer.next_json())["requestId"] == "own"


async def test_a_thousand_bad_calls_in_a_row_leave_the_service_as_it_was(access: Access) -> None:
    payloads = [one for one in (*NOT_UNDERSTOOD.values(), *SILENT.values()) if len(one) < 4096]
    async with administrator(access) as admin, device(access, "row-1") as caller:
        await admin.ok("register", {"id": "row-1"})
        for number in range(1000):
            await caller.call(payloads[number % len(payloads)], qos=number % 3)
        await untouched(access, "row-1")
        await assert_serves(access, "row-2")
