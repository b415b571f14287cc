"""Calls from the bootstrap broker: what is answered, what is kept, what nobody learns."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from structlog.testing import capture_logs

from bridge import schema
from bridge.broker import Incoming
from bridge.credentials import to_base64url
from bridge.intake import Intake, Taken
from bridge.registration import Status
from bridge.store import StoreFault
from tests.world import KEYS, PRIVATE, World

NOT_ACCEPTED = b'{"status":"PENDING_ACCEPTANCE","retryAfter":30}'
OTHER = "zyxwvutsrqponmlkjihgfe"
PLAIN = None
PUBLIC = b'{"publicKey":"CQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}'


def only(taken: Taken) -> bytes:
    (answer,) = taken.answers
    return answer.payload


async def password_of(world: World, device_id: str) -> str:
    found = await world.registration(device_id)
    assert found is not None
    assert found.seed is not None
    return KEYS.device_password(found.tenant, device_id, found.seed, "k1")


async def test_a_device_that_nobody_registered_is_answered_like_one_that_waits(world: World) -> None:
    await world.done("register", {"id": "known"})
    for device_id in ("unknown", "known"):
        taken = await world.call(device_id)
        assert only(taken) == NOT_ACCEPTED
        assert taken.answers[0].topic == f"bootstrap/{device_id}/response/{PRIVATE}"
        assert taken.answers[0].delivers is None


async def test_whoever_is_not_accepted_gets_the_same_answer_whatever_the_reason(world: World) -> None:
    for device_id in ("pending", "deleted", "blocked", "other-claim", "not-installed"):
        await world.done("register", {"id": device_id})
        await world.call(device_id, b'{"securityToken":"a"}')
    await world.done("delete", {"id": "deleted"})
    for _ in range(5):
        await world.answer("accept", {"id": "blocked", "securityToken": "b"})
    for device_id in ("other-claim", "not-installed"):
        await world.done("accept", {"id": device_id, "securityToken": "a"})
    same = {
        only(await world.call(device_id, b'{"securityToken":"a"}', OTHER if device_id == "other-claim" else PRIVATE))
        for device_id in ("pending", "deleted", "blocked", "other-claim", "not-installed", "never-registered")
    }
    assert same == {NOT_ACCEPTED}


async def test_a_call_in_line_form_is_not_answered_before_acceptance(world: World) -> None:
    await world.done("register", {"id": "pump-7"})
    assert (await world.call("pump-7", b"token", PLAIN)).answers == []
    assert (await world.call("unknown", b"", PLAIN)).answers == []


async def test_the_accepted_claim_gets_its_credentials_in_its_own_form(world: World) -> None:
    await world.accepted("json")
    await world.accepted("line", b"", PLAIN)
    await world.installer.drain()
    answer = only(await world.call("json", b'{"requestId":"r-1"}'))
    password = await password_of(world, "json")
    assert json.loads(answer) == {
        "status": "ACCEPTED",
        "tenant": "default",
        "deviceId": "json",
        "username": "default/device_json",
        "password": password,
        "clientId": "json",
        "requestId": "r-1",
    }
    taken = await world.call("line", b"", PLAIN)
    assert only(taken) == f"70,default,device_line,{await password_of(world, 'line')}".encode()
    assert taken.answers[0].topic == "bootstrap/line/response"
    registration = await world.registration("line")
    assert registration is not None
    assert (taken.answers[0].device_id, taken.answers[0].delivers) == ("line", registration.seed)


async def test_a_repeated_call_gets_the_same_password_and_another_claim_none(world: World) -> None:
    await world.accepted("pump-7")
    await world.installer.drain()
    answers = {only(await world.call("pump-7")) for _ in range(3)}
    assert len(answers) == 1
    assert b"password" in answers.pop()
    assert only(await world.call("pump-7", client_id=OTHER)) == NOT_ACCEPTED
    assert only(await world.call("pump-7", b'{"securityToken":"x"}')) == NOT_ACCEPTED
    assert (await world.call("pump-7", b"")).answers == []


async def test_a_sealed_answer_holds_the_credentials_for_the_owner_of_the_key_alone(world: World) -> None:
    private = X25519PrivateKey.generate()
    payload = json.dumps({"publicKey": to_base64url(private.public_key().public_bytes_raw())}).encode()
    await world.accepted("pump-7", payload, PLAIN)
    await world.installer.drain()
    answer: dict[str, Any] = json.loads(only(await world.call("pump-7", payload, PLAIN)))
    password = await password_of(world, "pump-7")
    assert set(answer) == {"status", "sealed"}
    assert password not in json.dumps(answer)
    sealed = base64.urlsafe_b64decode(answer["sealed"] + "=" * (-len(answer["sealed"]) % 4))
    suite = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_128_GCM)
    opened = json.loads(suite.decrypt(sealed, private, info=b"bootstrap/v1/pump-7"))
    assert (opened["password"], opened["clientId"]) == (password, "pump-7")


async def test_a_push_carries_neither_request_id_nor_correlation_data(world: World) -> None:
    await world.accepted("pump-7", b'{"requestId":"r-1"}')
    await world.installer.drain()
    (registration,) = world.pushed
    pushed = world.intake.push(registration)
    assert pushed is not None
    assert pushed.topic == f"bootstrap/pump-7/response/{PRIVATE}"
    assert pushed.correlation is None
    assert "requestId" not in json.loads(pushed.payload)
    assert json.loads(pushed.payload)["password"] == await password_of(world, "pump-7")


@pytest.mark.parametrize("key", ["AAAA", "A" * 43, "no base64url at all!"])
async def test_a_key_that_somebody_changed_in_the_database_costs_its_own_device_the_push_and_nobody_else(
    world: World, key: str
) -> None:
    await world.accepted("pump-7", PUBLIC)
    await world.installer.drain()
    (registration,) = world.pushed
    changed = replace(registration, claims=tuple(replace(one, public_key=key) for one in registration.claims))
    with capture_logs() as logs:
        assert world.intake.push(changed) is None
    assert [(line["event"], line["device"], line["log_level"]) for line in logs] == [("not pushed", "pump-7", "error")]
    assert world.intake.push(registration) is not None


async def test_correlation_data_is_echoed_unless_it_is_too_long(world: World) -> None:
    for payload in (b"{}", b"{"):
        for correlation, echoed in ((b"x" * 64, b"x" * 64), (b"x" * 65, None)):
            message = replace(world.message("pump-7", payload), correlation=correlation)
            (answer,) = (await world.intake.take([message])).answers
            assert answer.correlation == echoed


async def test_a_malformed_call_is_answered_counted_and_changes_nothing(world: World) -> None:
    await world.done("register", {"id": "pump-7"})
    before = await world.registration("pump-7")
    taken = await world.call("pump-7", b'{"securityToken":7}')
    answer = json.loads(only(taken))
    assert (answer["status"], answer["error"]) == ("ERROR", "MALFORMED_REQUEST")
    assert answer["message"]
    assert (await world.call("pump-7", b"\xff")).answers == []
    assert (await world.call("pump-7", b"{}", "too-short")).answers[0].topic.endswith("response/too-short")
    assert world.intake.malformed == 3
    assert await world.registration("pump-7") == before


@pytest.mark.parametrize(
    "client_id", ["request-0123456789abcdefgh", "response-0123456789abcdefg", "request", "request-"]
)
@pytest.mark.parametrize("device_id", ["pump-7", "request"])
async def test_no_choice_of_names_leads_an_answer_astray(world: World, device_id: str, client_id: str) -> None:
    (answer,) = (await world.call(device_id, b"{}", client_id)).answers
    assert answer.topic == f"bootstrap/{device_id}/response/{client_id}"


async def test_a_malformed_call_does_not_harm_the_others_in_its_batch(world: World) -> None:
    await world.done("register", {"id": "pump-7"})
    taken = await world.intake.take(
        [world.message("pump-7", b"{"), world.message("pump-7"), world.message("a b"), world.message("pump-8", b"")]
    )
    assert [answer.payload for answer in taken.answers if answer.topic.startswith("bootstrap/pump-7")][1:] == [
        NOT_ACCEPTED
    ]
    found = await world.registration("pump-7")
    assert found is not None
    assert found.status is Status.PENDING


async def test_a_retained_call_counts_and_is_cleared_and_a_clearing_is_no_call(world: World) -> None:
    await world.done("register", {"id": "pump-7"})
    message = replace(world.message("pump-7"), retain=True)
    taken = await world.intake.take([message])
    assert list(taken.clearings) == [message.topic]
    taken = await world.intake.take([replace(message, payload=b"")])
    assert (taken.clearings, taken.answers) == ({}, [])
    found = await world.registration("pump-7")
    assert found is not None
    assert found.calls == 1
    assert (await world.intake.take([replace(message, payload=b"", retain=False)])).clearings == {}
    found = await world.registration("pump-7")
    assert found is not None
    assert found.calls == 2, "an empty payload without the retain flag is a call without token"


async def test_a_malformed_retained_call_is_cleared_too(world: World) -> None:
    message = replace(world.message("pump-7", b"{"), retain=True)
    assert list((await world.intake.take([message, message])).clearings) == [message.topic]


async def test_no_token_is_kept_in_clear(world: World) -> None:
    await world.done("register", {"id": "pump-7"})
    await world.call("pump-7", b'{"securityToken":"s3cret-t0ken"}')
    async with world.store.read() as connection:
        for table in schema.metadata.tables.values():
            rows = (await connection.execute(sa.select(table))).all()
            assert "s3cret-t0ken" not in repr(rows)
    found = await world.registration("pump-7")
    assert found is not None
    assert found.claims[0].token == KEYS.token_digest("pump-7", "s3cret-t0ken")


async def test_callers_without_registration_are_remembered_in_the_same_transaction(world: World) -> None:
    calls = [world.message("x"), world.message("x", b"token"), world.message("y")]
    await world.intake.take(calls)
    world.clock.turn(5)
    await world.intake.take(calls[:1])
    async with world.store.read() as connection:
        rows = (await connection.execute(sa.select(schema.unregistered).order_by(schema.unregistered.c.id))).all()
    start = world.clock.now - 5_000
    assert [tuple(row) for row in rows] == [("x", 3, start, start + 5_000, True), ("y", 1, start, start, False)]
    await world.done("register", {"id": "x"})
    async with world.store.read() as connection:
        assert list((await connection.execute(sa.select(schema.unregistered.c.id))).scalars()) == ["y"]


async def test_of_a_batch_that_cannot_be_stored_nothing_is_kept_or_answered(world: World) -> None:
    await world.done("register", {"id": "pump-7"})
    before = await world.registration("pump-7")
    async with world.store.write() as transaction:
        await transaction.connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON unregistered BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    with pytest.raises(StoreFault, match="no room"):
        await world.intake.take([world.message("pump-7"), world.message("pump-8")])
    assert await world.registration("pump-7") == before


async def test_the_pause_between_calls_is_what_management_has_set(world: World) -> None:
    setting = {"category": "device-registration", "key": "retry-after", "value": 7}
    await world.done("set-option", setting, who="management/root")
    assert json.loads(only(await world.call("pump-7")))["retryAfter"] == 7


async def test_calls_below_a_prefix_are_answered_below_it(world: World) -> None:
    below = await World.on(world.store, "site/one")
    (answer,) = (await below.call("pump-7")).answers
    assert answer.topic == f"site/one/bootstrap/pump-7/response/{PRIVATE}"


async def test_a_pre_authorised_device_is_accepted_by_its_call_and_answered_once_installed(world: World) -> None:
    await world.done("register", {"id": "pump-7", "securityToken": "s3cret", "autoAccept": True})
    taken = await world.call("pump-7", b'{"securityToken":"s3cret"}')
    assert only(taken) == NOT_ACCEPTED
    assert [event.event for event in taken.events] == ["requested", "accepted"]
    ((account, registration),) = taken.account_work.coming
    assert (account.username, registration.status) == ("default/device_pump-7", Status.ACCEPTED)
    await world.installer.install_known(taken.account_work.coming)
    assert b"password" in only(await world.call("pump-7", b'{"securityToken":"s3cret"}'))


async def test_a_batch_without_any_call_is_no_transaction(world: World) -> None:
    await world.store.close()
    closed = Intake(world.store, world.rulebook, world.topics, world.clock)
    taken = await closed.take([Incoming("bootstrap/pump-7/request", b"", 1, True, 1, None)])
    assert taken == Taken()
