"""An administrator's side of the control topic, against a bridge that answers as it is told."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from bridge.admin import FILE_PATIENCE, PATIENCE, TRIES, Access, Admin, NoAnswer, RefusedByBridge, result_of
from bridge.broker import Connection, Disconnected, Incoming
from tests.hurried import hurried

ACCESS = Access("host", 1883, "default", "admin", "s3cret", "site")
RESPONSE = "site/control/default/admin/response"


def incoming(topic: str, value: Any) -> Incoming:
    payload = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Incoming(topic, payload, 1, False, 1, None)


def about_file(correlation: bytes | None, value: Any) -> Incoming:
    return Incoming(RESPONSE, json.dumps(value).encode(), 1, False, 1, correlation)


def granted(request: dict[str, Any]) -> dict[str, Any]:
    return {"command": "list", "requestId": request["requestId"], "ok": True, "result": {"echo": request}}


@dataclass
class Line:
    """A connection to a bridge. ``silent`` requests get no answer; ``reason`` is what the broker says of a publish."""

    answer: Callable[[dict[str, Any]], Any] = granted
    silent: int = 0
    reason: int = 0
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    files: list[tuple[str, bytes, bytes]] = field(default_factory=list)
    subscribed: list[str] = field(default_factory=list)
    inbox: deque[Incoming | None] = field(default_factory=deque)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def bring(self, *messages: Incoming | None) -> None:
        self.inbox.extend(messages)
        self.arrived.set()

    async def publish(
        self, topic: str, payload: bytes, *, correlation: bytes | None = None, patience: float = 10
    ) -> int:
        if correlation is not None:
            return self.take_file(topic, payload, correlation)
        request = json.loads(payload)
        self.asked.append((topic, request))
        if self.silent:
            self.silent -= 1
        elif self.reason < 0x80:
            self.bring(incoming(RESPONSE, self.answer(request)))
        return self.reason

    def take_file(self, topic: str, payload: bytes, correlation: bytes) -> int:
        self.files.append((topic, payload, correlation))
        if self.silent:
            self.silent -= 1
        elif self.reason < 0x80:
            result = {"bytes": len(payload)}
            self.bring(about_file(correlation, {"command": "bulk-register", "ok": True, "result": result}))
        return self.reason

    async def subscribe(self, *filters: str) -> None:
        self.subscribed += filters

    async def batches(self) -> AsyncIterator[list[Incoming]]:
        while True:
            await self.arrived.wait()
            self.arrived.clear()
            while self.inbox:
                message = self.inbox.popleft()
                if message is None:
                    raise Disconnected("the connection ended")
                yield [message]


@asynccontextmanager
async def speaking(line: Line) -> AsyncIterator[Admin]:
    admin = Admin(cast("Connection", line), ACCESS)
    hearing = asyncio.create_task(admin.run())
    try:
        yield admin
    finally:
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)


async def test_a_request_goes_to_the_askers_own_topic_and_its_answer_comes_back() -> None:
    line = Line()
    async with speaking(line) as admin:
        result = await admin.request("list", {"limit": 7})
    ((topic, request),) = line.asked
    assert topic == "site/control/default/admin/request/list"
    assert result == {"echo": request}
    assert request["limit"] == 7
    assert len(request["requestId"]) == 32


async def test_answers_find_their_own_request_in_any_order() -> None:
    line = Line(silent=2)
    async with speaking(line) as admin, asyncio.TaskGroup() as tasks:
        first = tasks.create_task(admin.request("list", {"n": 1}))
        second = tasks.create_task(admin.request("list", {"n": 2}))
        while len(line.asked) < 2:
            await asyncio.wait([first, second], timeout=0)
        line.bring(*(incoming(RESPONSE, granted(request)) for _, request in reversed(line.asked)))
        assert (await first)["echo"]["n"] == 1
        assert (await second)["echo"]["n"] == 2


async def test_a_file_is_sent_as_it_is_and_its_answer_found_by_the_correlation_data() -> None:
    line = Line()
    async with speaking(line) as admin:
        other = about_file(b"another's", {"command": "bulk-register", "ok": True, "result": {"bytes": 0}})
        line.bring(other, about_file(None, {"command": "bulk-register", "ok": True, "result": {"bytes": 0}}))
        assert await admin.request("bulk-register", b"ID;PATH\n\xe4;\n") == {"bytes": 11}
    ((topic, payload, correlation),) = line.files
    assert topic == "site/control/default/admin/request/bulk-register"
    assert payload == b"ID;PATH\n\xe4;\n"
    assert 16 <= len(correlation) <= 64


def test_a_file_without_answer_is_repeated_with_patience_and_the_same_correlation_data() -> None:
    async def work() -> None:
        line = Line(silent=1)
        async with speaking(line) as admin:
            began = asyncio.get_running_loop().time()
            await admin.request("bulk-register", b"ID\na\n")
            assert FILE_PATIENCE <= asyncio.get_running_loop().time() - began < 2 * FILE_PATIENCE
        assert len(line.files) == 2
        assert len(set(line.files)) == 1

    hurried(work())


async def test_two_files_have_correlation_data_of_their_own() -> None:
    line = Line()
    async with speaking(line) as admin:
        await asyncio.gather(*(admin.request("bulk-validate", b"ID\n") for _ in range(2)))
    assert len({correlation for _, _, correlation in line.files}) == 2


async def test_what_is_no_answer_to_us_is_left_alone() -> None:
    line = Line()
    line.bring(incoming(RESPONSE, b"\xff"), incoming(RESPONSE, []), incoming(RESPONSE, {"requestId": "another's"}))
    line.bring(incoming("site/events/default/registrations/x", {"event": "registered"}))
    async with speaking(line) as admin:
        assert await admin.request("list")


def test_a_request_without_answer_is_repeated_under_the_same_id() -> None:
    async def work() -> None:
        line = Line(silent=2)
        async with speaking(line) as admin:
            began = asyncio.get_running_loop().time()
            await admin.request("accept", {"id": "x"})
            assert 2 * PATIENCE <= asyncio.get_running_loop().time() - began < 3 * PATIENCE
        assert len(line.asked) == 3
        assert len({json.dumps(request) for _, request in line.asked}) == 1

    hurried(work())


def test_a_bridge_that_never_answers_is_given_up() -> None:
    async def work() -> None:
        line = Line(silent=99)
        async with speaking(line) as admin:
            with pytest.raises(NoAnswer, match="running"):
                await admin.request("list")
        assert len(line.asked) == TRIES

    hurried(work())


async def test_what_the_broker_does_not_let_through_is_a_refusal() -> None:
    async with speaking(Line(reason=0x87)) as admin:
        with pytest.raises(RefusedByBridge) as caught:
            await admin.request("set-option")
    assert caught.value.code == "NOT_PERMITTED"
    assert "set-option" in caught.value.message


async def test_a_refusal_is_raised_with_code_message_and_details() -> None:
    def no(request: dict[str, Any]) -> dict[str, Any]:
        error = {"code": "CLAIM_CONFLICT", "message": "which", "details": {"claims": [1]}}
        return {"command": "accept", "requestId": request["requestId"], "ok": False, "error": error}

    async with speaking(Line(answer=no)) as admin:
        with pytest.raises(RefusedByBridge, match="which") as caught:
            await admin.request("accept")
        assert (await admin.answer("accept"))["ok"] is False
    assert (caught.value.code, caught.value.details) == ("CLAIM_CONFLICT", {"claims": [1]})


def test_an_answer_that_says_nothing_is_a_refusal_all_the_same() -> None:
    with pytest.raises(RefusedByBridge):
        result_of({})


async def test_events_of_the_tenant_and_the_bridges_state_are_heard() -> None:
    line = Line()
    async with speaking(line) as admin:
        events = admin.events()
        line.bring(incoming("site/events/default/registrations/early", {"event": "registered"}))
        heard = asyncio.ensure_future(anext(events))
        while not line.subscribed:
            await asyncio.wait([heard], timeout=0)
        line.bring(incoming("site/bridge/state", {"state": "online"}))
        topics = [(await heard)[0]]
        if topics == ["site/events/default/registrations/early"]:
            topics = [(await anext(events))[0]]
        await events.aclose()  # type: ignore[attr-defined]
    assert topics == ["site/bridge/state"]
    assert line.subscribed == ["site/events/default/#", "site/bridge/state"]


async def test_hearing_ends_with_the_connection() -> None:
    line = Line()
    line.bring(None)
    with pytest.raises(Disconnected):
        await Admin(cast("Connection", line), ACCESS).run()


def test_what_is_printed_of_an_access_holds_no_password() -> None:
    assert "s3cret" not in repr(ACCESS)
