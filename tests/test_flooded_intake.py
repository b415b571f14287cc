"""Calls above a limit: not looked at, counted, and nobody can tell from them which ids exist."""

import json
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.broker import Incoming
from bridge.intake import Intake
from bridge.limits import AT_ONCE, Pace, Rates
from bridge.measures import LIMITED, MALFORMED, MESSAGES, Measure
from bridge.wire import Malformed, parse_call
from tests.world import PRIVATE, World

NOT_ACCEPTED = b'{"status":"PENDING_ACCEPTANCE","retryAfter":30}'
WHOLE = int(AT_ONCE)
"""Calls at once under a rate of one a second."""


class Counting:
    """A meter that tests read."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, tuple[str, ...]], float] = {}

    def count(self, measure: Measure, number: float = 1, /, **labels: str) -> None:
        key = (measure.name, tuple(labels.values()))
        self.counts[key] = self.counts.get(key, 0) + number

    def observe(self, measure: Measure, value: float, /, **labels: str) -> None:
        return

    def show(self, measure: Measure, value: float, /, **labels: str) -> None:
        return

    def of(self, measure: Measure, *labels: str) -> float:
        return self.counts.get((measure.name, labels), 0)


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def limited(world: World, **rates: float) -> tuple[Intake, Counting, Seconds]:
    meter, seconds = Counting(), Seconds()
    pace = Pace(Rates(**({"device": 0.0, "connection": 0.0, "overall": 0.0} | rates)), seconds, lambda: 0.5)
    return Intake(world.store, world.rulebook, world.topics, world.clock, meter, pace), meter, seconds


def another(number: int) -> str:
    return f"{number:04}" + PRIVATE


async def test_whoever_calls_above_his_limit_is_neither_decided_nor_answered_and_others_are(world: World) -> None:
    intake, meter, _ = limited(world, device=1)
    await world.done("register", {"id": "busy"})
    flood = [world.message("busy")] * (WHOLE + 40)
    taken = await intake.take([*flood, world.message("other"), world.message("busy", client_id=another(1))])
    assert len(taken.answers) == WHOLE + 2
    assert {one.payload for one in taken.answers} == {NOT_ACCEPTED}
    found = await world.registration("busy")
    assert found is not None
    assert found.calls == WHOLE + 1
    assert (meter.of(LIMITED, "device"), meter.of(MESSAGES, "call", "limited")) == (40, 40)
    assert meter.of(MESSAGES, "call", "handled") == WHOLE + 2


async def test_a_stranger_cannot_use_up_what_the_device_itself_may_call(world: World) -> None:
    intake, _, _ = limited(world, device=1, connection=1)
    await world.done("register", {"id": "pump-7"})
    await intake.take([world.message("pump-7", client_id=another(1))] * 200)
    assert len((await intake.take([world.message("pump-7")])).answers) == 1
    assert len((await intake.take([world.message("pump-7", client_id=None)])).answers) == 1


async def test_a_connection_has_one_limit_whatever_ids_it_names(world: World) -> None:
    intake, meter, seconds = limited(world, connection=1)
    taken = await intake.take([world.message(f"guess-{one}") for one in range(WHOLE + 40)])
    assert len(taken.answers) == WHOLE
    assert meter.of(LIMITED, "connection") == 40
    assert (await world.done("list-unregistered", {"limit": 1000}, who="management/root"))["devices"][0][
        "id"
    ].startswith("guess-")
    assert len((await world.done("list-unregistered", {"limit": 1000}, who="management/root"))["devices"]) == WHOLE
    seconds.now += 3
    assert len((await intake.take([world.message(f"more-{one}") for one in range(10)])).answers) == 3


async def test_above_the_limit_of_all_some_are_told_to_wait_and_nothing_is_written(world: World) -> None:
    intake, meter, _ = limited(world, overall=2)
    herd = [world.message(f"herd-{one}", b'{"requestId":"%d"}' % one, another(one)) for one in range(300)]
    line = [world.message(f"line-{one}", b"token", another(one)) for one in range(10)]
    taken = await intake.take([*herd, *line])
    looked_at, told = 2 * WHOLE, WHOLE // 2
    assert len(taken.answers) == looked_at + told
    assert sorted(int(json.loads(one.payload)["requestId"]) for one in taken.answers) == list(range(looked_at + told))
    assert meter.of(LIMITED, "overall") == 310 - looked_at
    assert len((await world.done("list-unregistered", {"limit": 1000}, who="management/root"))["devices"]) == looked_at


async def test_nothing_above_a_limit_tells_known_ids_from_unknown_ones(world: World) -> None:
    """The same calls for a pending, an accepted, a blocked and an unknown id, each with answers and refusals alike."""
    await world.done("register", {"devices": [{"id": "waiting"}, {"id": "blocked"}]})
    await world.call("blocked", b'{"securityToken":"a"}', another(1))
    for _ in range(5):
        await world.answer("accept", {"id": "blocked", "securityToken": "b"})
    await world.accepted("accepted", client_id=another(2))
    await world.installer.drain()
    seen = set()
    for device_id in ("waiting", "blocked", "accepted", "unknown"):
        for rates in ({"device": 1.0}, {"connection": 1.0}, {"overall": 1.0}):
            intake, _, seconds = limited(world, **rates)
            shown: list[Any] = [str(rates)]
            for pause in (0, 0.5, 0.5, 10, 100):
                seconds.now += pause
                messages = [world.message(device_id)] * 70 + [world.message(device_id, b"{")] * 5
                answers = (await intake.take(messages)).answers
                shown.append([(one.topic.replace(device_id, "…"), one.payload) for one in answers])
            seen.add(repr(shown))
    assert len(seen) == 3, "one for each limit"


async def test_an_accepted_device_that_called_too_often_gets_its_credentials_when_it_has_waited(world: World) -> None:
    intake, _, seconds = limited(world, device=1)
    await world.accepted("pump-7")
    await world.installer.drain()
    await intake.take([world.message("pump-7")] * 500)
    assert (await intake.take([world.message("pump-7")])).answers == []
    seconds.now += 30
    (answer,) = (await intake.take([world.message("pump-7")])).answers
    assert answer.delivers is not None


async def test_under_load_everybody_is_told_to_wait_longer_and_not_all_the_same(world: World) -> None:
    meter, seconds = Counting(), Seconds()
    chances = iter([number / 40 for number in range(40)] * 1_000)
    pace = Pace(Rates(0, 0, overall=4), seconds, lambda: next(chances))
    intake = Intake(world.store, world.rulebook, world.topics, world.clock, meter, pace)
    for second in range(30):
        seconds.now += 1
        herd = [world.message(f"herd-{one}", client_id=another(one)) for one in range(second, second + 20)]
        answers = (await intake.take(herd)).answers
    told = {json.loads(one.payload)["retryAfter"] for one in answers}
    assert min(told) > 60
    assert len(told) > 3
    seconds.now += 3_600
    assert [one.payload for one in (await intake.take([world.message("herd-1")])).answers] == [NOT_ACCEPTED]


async def test_what_is_malformed_is_counted_by_its_kind_however_much_it_is_and_answered_within_the_limits(
    world: World,
) -> None:
    intake, meter, _ = limited(world, device=1)
    payloads = {
        b"{": "not-json",
        b'{"requestId":1}': "members",
        b'{"publicKey":"x"}': "public-key",
        b"\xff": "not-utf8",
    }
    messages = [world.message("a", payload) for payload in payloads] * 100
    taken = await intake.take(messages)
    assert len(taken.answers) == WHOLE
    assert {kind: meter.of(MALFORMED, kind) for kind in payloads.values()} == dict.fromkeys(payloads.values(), 100)
    assert (intake.malformed, meter.of(MESSAGES, "call", "malformed")) == (400, 400)
    assert meter.of(MESSAGES, "call", "limited") == 0


async def test_a_flood_is_no_flood_of_lines_in_the_log_and_the_lines_tell_all_of_it(world: World) -> None:
    intake, _, _ = limited(world, device=1)
    with capture_logs() as lines:
        for _ in range(10):
            await intake.take([world.message("a", b"{")] * 100 + [world.message("b")] * 100)
            intake.sum_up()
        intake.sum_up()
    assert len(lines) <= WHOLE + 1 + 2 * 10
    single = sum(line["event"] == "malformed call" for line in lines)
    summed = sum(line["kinds"]["not-json"] for line in lines if line["event"] == "more malformed calls")
    assert single + summed == 1_000
    assert sum(line["device"] for line in lines if line["event"] == "calls above a limit") == 1_000 - WHOLE
    assert max(line.get("total", 0) for line in lines) == 1_000


async def test_a_retained_call_above_the_limit_is_cleared_all_the_same(world: World) -> None:
    intake, _, _ = limited(world, device=1)
    message = replace(world.message("pump-7"), retain=True)
    await intake.take([message] * WHOLE)
    taken = await intake.take([message] * 5)
    assert (list(taken.clearings), taken.answers) == ([message.topic], [])


def test_each_way_to_be_malformed_has_a_kind_that_is_counted(world: World) -> None:
    calls: dict[str, Incoming] = {
        "device-id": world.message("a b"),
        "client-id": world.message("a", client_id="short"),
        "too-large": world.message("a", b"x" * 16_385),
        "not-utf8": world.message("a", b"\xff"),
        "not-json": world.message("a", b"{"),
        "members": world.message("a", b'{"securityToken":1}'),
        "public-key": world.message("a", b'{"publicKey":"x"}'),
        "token": world.message("a", b"x" * 257),
    }
    assert set(calls) == set(MALFORMED.labels["reason"])
    for kind, message in calls.items():
        with pytest.raises(Malformed) as error:
            parse_call(world.topics, message.topic, message.payload)
        assert error.value.kind == kind
