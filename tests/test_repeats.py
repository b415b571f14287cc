"""What stands in the audit, and what a repeated request gets."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from bridge import schema
from bridge.control import Control
from bridge.roles import CHANGING, COMMANDS, OF_MANAGEMENT
from tests.world import World

POLICY = {"category": "device-registration", "key": "security-token.policy"}
TOKEN_CALL = b'{"securityToken":"s3cret"}'
ROOT, NORA, RITA, VERA = "management/root", "north/nora", "default/rita", "default/vera"


async def audit_of(world: World) -> list[tuple[Any, ...]]:
    table = schema.audit
    columns = (table.c.tenant, table.c.actor, table.c.action, table.c.device_id, table.c.outcome)
    async with world.store.read() as connection:
        return [tuple(row) for row in await connection.execute(sa.select(*columns).order_by(table.c.number))]


async def test_what_was_done_or_refused_stands_in_the_audit(world: World) -> None:
    await world.done("register", {"id": "pump-7"})
    await world.refused("accept", {"id": "pump-7"}, who=RITA)
    await world.refused("register", {"id": "x", "colour": 1})
    await world.refused("set-option", {**POLICY, "value": "REQUIRED"}, who=VERA)
    await world.done("list")
    await world.done("delete", {"ids": ["pump-7", "x"]}, who=ROOT)
    assert await audit_of(world) == [
        ("default", "default/admin", "register", "pump-7", "ok"),
        ("default", RITA, "accept", "pump-7", "INVALID_STATE"),
        ("default", "default/admin", "register", "x", "MALFORMED_REQUEST"),
        ("default", VERA, "set-option", None, "NOT_PERMITTED"),
        ("default", ROOT, "delete", "pump-7", "ok"),
        ("management", ROOT, "delete", "x", "NOT_FOUND"),
    ]


async def test_every_changing_command_is_audited_and_no_other(world: World) -> None:
    for command in sorted(COMMANDS["owner"] | OF_MANAGEMENT):
        await world.answer(command, {"id": "nobody", "ids": [], "colour": 1})
    assert {action for _, _, action, _, _ in await audit_of(world)} == CHANGING


async def test_no_token_gets_into_answer_event_or_table(world: World) -> None:
    await world.done("register", {"id": "pump-7"})
    await world.call("pump-7", TOKEN_CALL)
    said = []
    for payload in ({"id": "pump-7", "securityToken": "s3cret-wrong"}, {"id": "pump-7", "securityToken": "s3cret"}):
        handled = await world.ask("accept", {**payload, "requestId": payload["securityToken"][-5:]})
        said += [handled.payload.decode(), repr(handled.events)]
    async with world.store.read() as connection:
        for table in schema.metadata.tables.values():
            said.append(repr((await connection.execute(sa.select(table))).all()))
    assert "s3cret" not in "".join(said)


# The same request again.

REGISTER = {"id": "pump-7", "requestId": "r-1"}


@pytest.fixture(params=["the same bridge", "a bridge started again"])
def again(request: pytest.FixtureRequest, world: World) -> Callable[[], None]:
    """Come back later, to the same bridge or to one that has been started again on the same database."""

    def come_back() -> None:
        if request.param == "a bridge started again":
            world.control = Control(world.store, world.rulebook, world.topics, world.clock)

    return come_back


async def test_a_repeated_request_gets_the_same_answer_and_is_not_done_twice(
    world: World, again: Callable[[], None]
) -> None:
    first = await world.ask("register", REGISTER)
    world.clock.turn(599)
    again()
    second = await world.ask("register", REGISTER)
    assert json.loads(first.payload)["ok"]
    assert second.payload == first.payload
    assert second.events == []
    assert len(await audit_of(world)) == 1


async def test_after_ten_minutes_a_request_is_a_new_one(world: World, again: Callable[[], None]) -> None:
    await world.done("register", REGISTER)
    world.clock.turn(600.001)
    again()
    assert await world.refused("register", REGISTER) == "ALREADY_REGISTERED"


async def test_a_failed_attempt_that_is_repeated_counts_once(world: World, again: Callable[[], None]) -> None:
    await world.done("register", {"id": "pump-7"})
    await world.call("pump-7", b'{"securityToken":"s3cret"}')
    wrong = {"id": "pump-7", "securityToken": "no", "requestId": "r-1"}
    answers = set()
    for _ in range(3):
        answers.add((await world.ask("accept", wrong)).payload)
        again()
    assert len(answers) == 1
    assert (await world.done("get", {"id": "pump-7"}))["failedAttempts"] == 1


async def test_a_refused_request_that_is_repeated_is_refused_again_whatever_has_changed(
    world: World, again: Callable[[], None]
) -> None:
    wish = {"id": "pump-7", "tenant": "south", "requestId": "r-1"}
    first = await world.ask("register", wish, who=ROOT)
    assert json.loads(first.payload)["error"]["code"] == "UNKNOWN_TENANT"
    world.rulebook.tenants |= {"south"}
    again()
    assert (await world.ask("register", wish, who=ROOT)).payload == first.payload
    assert len(await audit_of(world)) == 1


async def test_a_request_refused_at_the_door_is_refused_again_whatever_role_its_asker_has_by_now(
    world: World, again: Callable[[], None]
) -> None:
    setting = {**POLICY, "value": "REQUIRED", "requestId": "r-1"}
    first = await world.ask("set-option", setting, who=VERA)
    assert json.loads(first.payload)["error"]["code"] == "NOT_PERMITTED"
    world.rulebook.roles = {("default", "vera"): "owner"}
    again()
    assert (await world.ask("set-option", setting, who=VERA)).payload == first.payload
    assert (await world.done("set-option", {**setting, "requestId": "r-2"}, who=VERA))["value"] == "REQUIRED"


@pytest.mark.parametrize(
    ("command", "payload"),
    [
        ("register", {"id": "pump-8", "requestId": "r-1"}),
        ("delete", REGISTER),
        ("register", {"colour": 1, "requestId": "r-1"}),
    ],
)
async def test_another_request_under_the_same_id_is_malformed(
    world: World, again: Callable[[], None], command: str, payload: dict[str, Any]
) -> None:
    first = await world.ask("register", REGISTER)
    again()
    assert await world.refused(command, payload) == "MALFORMED_REQUEST"
    assert (await world.done("list"))["counts"]["WAITING_FOR_CONNECTION"] == 1
    assert (await world.ask("register", REGISTER)).payload == first.payload, "the first answer is still remembered"


async def test_correlation_data_is_what_a_repeat_is_known_by_where_no_request_id_was_sent(
    world: World, again: Callable[[], None]
) -> None:
    first = await world.ask("register", {"id": "pump-7"}, correlation=b"c-1")
    again()
    assert (await world.ask("register", {"id": "pump-7"}, correlation=b"c-1")).payload == first.payload
    assert await world.refused("register", {"id": "pump-8"}, correlation=b"c-1") == "MALFORMED_REQUEST"
    assert await world.refused("register", {"id": "pump-7"}, correlation=b"c-2") == "ALREADY_REGISTERED"
    assert await world.refused("register", {"id": "pump-7"}) == "ALREADY_REGISTERED"


async def test_correlation_data_beside_a_request_id_does_not_matter(world: World) -> None:
    first = await world.ask("register", REGISTER, correlation=b"c-1")
    assert (await world.ask("register", REGISTER, correlation=b"c-2")).payload == first.payload


async def test_correlation_data_that_is_too_long_is_not_remembered(world: World) -> None:
    await world.ask("register", {"id": "pump-7"}, correlation=b"c" * 65)
    assert await world.refused("register", {"id": "pump-7"}, correlation=b"c" * 65) == "ALREADY_REGISTERED"


async def test_a_request_id_belongs_to_its_administrator(world: World) -> None:
    await world.done("register", REGISTER)
    for who in (RITA, NORA, ROOT):
        assert await world.refused("register", REGISTER, who=who) == "ALREADY_REGISTERED"


async def test_what_only_reads_is_answered_anew(world: World) -> None:
    ask = {"requestId": "r-1"}
    assert (await world.done("list", ask))["registrations"] == []
    await world.done("register", {"id": "pump-7"})
    assert len((await world.done("list", ask))["registrations"]) == 1


async def test_accept_all_is_repeated_like_any_other_request(world: World) -> None:
    await world.done("register", {"id": "pump-7"})
    await world.call("pump-7")
    first = await world.ask("accept-all", {"requestId": "r-1"})
    assert json.loads(first.payload)["result"]["acceptedCount"] == 1
    assert (await world.ask("accept-all", {"requestId": "r-1"})).payload == first.payload


async def test_what_was_set_by_a_repeated_request_holds(world: World) -> None:
    setting = {**POLICY, "value": "REQUIRED", "requestId": "r-1"}
    first = await world.ask("set-option", setting)
    await world.done("set-option", {**POLICY, "value": "IGNORED"})
    assert (await world.ask("set-option", setting)).payload == first.payload
    assert (await world.done("get-option", POLICY))["value"] == "IGNORED"
