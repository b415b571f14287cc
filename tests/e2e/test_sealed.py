"""Sealed answers, opened by somebody else's reading of RFC 9180."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag

from docs import draw_vectors
from tests.e2e.conducting import fresh
from tests.e2e.hpke import Key
from tests.e2e.peer import administrator, device, payload_of, resident
from tests.e2e.scenes import NOT_ACCEPTED, accepted

Access = dict[str, Any]
REFUSED = json.loads(draw_vectors.PAGE.read_text(encoding="utf-8"))["refusedKeys"]


def test_the_test_vector_of_the_documentation_opens() -> None:
    text = (Path(__file__).parents[2] / "docs" / "contract.md").read_text(encoding="utf-8")
    (sealed,) = (line for line in text.splitlines() if len(line) > 200 and line.isascii() and " " not in line)
    key = Key(bytes(range(32)))
    assert key.public in text
    assert key.fingerprint in text
    assert key.open(sealed, "pump-7")["password"] == "kcmz4vyrbeqf4d5e5ifrzmhrn3t7yuji"


@pytest.mark.parametrize("plain", [False, True], ids=["private", "plain"])
async def test_a_sealed_answer_opens_with_the_key_and_its_password_works(access: Access, plain: bool) -> None:
    device_id = f"sealed-ü-{plain}".lower()
    key = Key()
    async with administrator(access) as admin, device(access, device_id, plain=plain) as caller:
        await admin.ok("register", {"id": device_id})
        await caller.ask({"publicKey": key.public})
        (claim,) = (await admin.get(device_id))["claims"]
        assert (claim["keySent"], claim["keyFingerprint"]) == (True, key.fingerprint)
        await admin.ok("accept", {"id": device_id})
        pushed = await accepted(caller)
        assert set(pushed) == {"status", "sealed"}
        again = await caller.ask({"publicKey": key.public, "requestId": "r2"})
        assert set(again) == {"status", "sealed", "requestId"}
        assert again["sealed"] != pushed["sealed"]
        opened = [key.open(answer["sealed"], device_id) for answer in (pushed, again)]
        credentials = {name: value for name, value in opened[1].items() if name != "requestId"}
        assert credentials == opened[0]
        assert credentials == {
            "status": "ACCEPTED",
            "tenant": "default",
            "deviceId": device_id,
            "username": f"default/device_{device_id}",
            "password": credentials["password"],
            "clientId": device_id,
        }
        with pytest.raises(InvalidTag):
            key.open(pushed["sealed"], "sealed-other")
        with pytest.raises(InvalidTag):
            Key().open(pushed["sealed"], device_id)
        async with resident(access, credentials) as peer:
            await peer.publish(f"devices/default/{device_id}/info", b"{}")
        await admin.until(device_id, "confirmedTime")


async def test_only_a_call_with_the_accepted_key_is_answered(access: Access) -> None:
    key = Key()
    async with administrator(access) as admin, device(access, "key-1", plain=True) as caller:
        await admin.ok("register", {"id": "key-1"})
        await caller.ask({"publicKey": key.public})
        await admin.ok("accept", {"id": "key-1"})
        await accepted(caller)
        for other in ({}, {"publicKey": Key().public}, {"publicKey": key.public, "securityToken": "x"}):
            await caller.call(json.dumps(other))
            assert payload_of(await caller.peer.next()) == NOT_ACCEPTED
        assert "sealed" in await caller.ask({"publicKey": key.public})


@pytest.mark.parametrize(
    "key",
    [
        *(vector["publicKey"] for vector in REFUSED),
        5,
        [],
        {},
        True,
    ],
)
async def test_a_bad_key_is_refused_at_the_call_and_is_no_claim(access: Access, key: Any) -> None:
    device_id = fresh("bad-key")
    async with administrator(access) as admin, device(access, device_id) as caller:
        await admin.ok("register", {"id": device_id})
        answer = await caller.ask({"publicKey": key, "requestId": "k"})
        assert set(answer) <= {"status", "error", "message", "requestId"}
        assert (answer["status"], answer["error"]) == ("ERROR", "MALFORMED_REQUEST")
        assert answer["message"]
        found = await admin.get(device_id)
        assert (found["status"], found["calls"], found["claims"]) == ("WAITING_FOR_CONNECTION", 0, [])
