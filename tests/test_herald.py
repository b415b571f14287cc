"""News for whoever watches: told as long as somebody takes them, dropped and counted where nobody does."""

from typing import Any, cast

from structlog.testing import capture_logs

from bridge.broker import Connection, Disconnected
from bridge.decisions import Event
from bridge.registration import Status
from bridge.sessions.herald import AT_ONCE, COMPLETION_PAUSE, MOST_WAITING, Herald
from bridge.wire import Topics


class Line:
    """A connection that takes what it is given, with so many before it that wait."""

    def __init__(self) -> None:
        self.waiting = 0
        self.sent: list[str] = []

    def send(self, topic: str, payload: bytes) -> None:
        self.sent.append(topic)


def told_over() -> tuple[Line, Herald]:
    line, herald = Line(), Herald(Topics())
    herald.connection = cast("Connection", line)
    return line, herald


def event(name: Any = "requested", device_id: str = "pump-7", at: int = 0) -> Event:
    return Event(name, device_id, "default", Status.PENDING, at, "device")


def test_without_a_broker_news_are_dropped() -> None:
    _, herald = told_over()
    herald.connection = None
    herald.tell([event()])


def test_a_broker_that_takes_nothing_costs_no_more_memory_than_a_bound_and_one_line_of_the_log() -> None:
    line, herald = told_over()
    line.waiting = MOST_WAITING
    with capture_logs() as log:
        for _ in range(100):
            herald.tell([event()] * 10)
        assert line.sent == []
        line.waiting = MOST_WAITING - 1
        herald.tell([event()])
        assert len(line.sent) == 1
        line.waiting = 0
        herald.tell([event()])
    assert [(one["event"], one.get("dropped")) for one in log] == [
        ("events dropped", None),
        ("events told again", 1000),
    ]
    assert len(line.sent) == 2


def test_one_device_that_calls_after_its_completion_is_news_once_in_a_while() -> None:
    line, herald = told_over()
    for at in (0, 1, COMPLETION_PAUSE - 1, COMPLETION_PAUSE):
        herald.tell([event("request-after-completion", at=at)])
    assert len(line.sent) == 2
    herald.tell([event("request-after-completion", "pump-8", 1)])
    assert len(line.sent) == 3


class Taking(Line):
    """A connection whose broker takes what waits only while somebody waits for that."""

    def __init__(self, gone: bool = False) -> None:
        super().__init__()
        self.most = 0
        self.gone = gone

    def send(self, topic: str, payload: bytes) -> None:
        super().send(topic, payload)
        self.waiting += 1
        self.most = max(self.most, self.waiting)

    async def drained(self) -> None:
        if self.gone:
            raise Disconnected("the broker has not acknowledged for 30 s")
        self.waiting = 0


async def tell_all(line: Taking, number: int) -> None:
    herald = Herald(Topics())
    herald.connection = cast("Connection", line)
    await herald.tell_all([event(device_id=f"pump-{one}") for one in range(number)])


async def test_however_many_there_are_at_once_all_are_told_in_order_and_few_wait() -> None:
    line, number = Taking(), 3 * MOST_WAITING
    await tell_all(line, number)
    assert line.sent == [f"events/default/registrations/pump-{one}" for one in range(number)]
    assert line.most == AT_ONCE


async def test_a_broker_that_is_gone_keeps_nobody_waiting_with_news() -> None:
    line = Taking(gone=True)
    await tell_all(line, 2 * AT_ONCE)
    assert len(line.sent) == 2 * AT_ONCE
    await Herald(Topics()).tell_all([event()])
