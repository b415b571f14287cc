"""News for whoever watches: told in order, no faster than the broker takes them, within a bound."""

from typing import Any, cast

from bridge.broker import Connection, Disconnected
from bridge.decisions import Event
from bridge.registration import Status
from bridge.sessions.herald import AT_ONCE, MOST_WAITING, Herald
from bridge.wire import Topics
from tests.world import START


class FakeConnection:
    """A connection whose broker takes publishes only while somebody waits for it."""

    def __init__(self, gone: bool = False) -> None:
        self.topics: list[str] = []
        self.waiting = 0
        self.most = 0
        self.gone = gone

    def send(self, topic: str, payload: bytes, **options: Any) -> None:
        self.topics.append(topic)
        self.waiting += 1
        self.most = max(self.most, self.waiting)

    async def drained(self) -> None:
        if self.gone:
            raise Disconnected("the broker has not acknowledged for 30 s")
        self.waiting = 0


def events(number: int) -> list[Event]:
    return [
        Event("expired", f"pump-{one}", "default", Status.WAITING, START, "bridge", None)
        for one in range(number)
    ]


def heralding(connection: FakeConnection) -> Herald:
    herald = Herald(Topics())
    herald.connection = cast("Connection", connection)
    return herald


async def test_however_many_there_are_all_are_told_and_few_wait() -> None:
    connection = FakeConnection()
    await heralding(connection).tell_all(events(3 * MOST_WAITING))
    assert len(connection.topics) == 3 * MOST_WAITING
    assert connection.topics[-1] == f"events/default/registrations/pump-{3 * MOST_WAITING - 1}"
    assert connection.most == AT_ONCE


async def test_what_a_broker_does_not_take_is_dropped_beyond_the_bound() -> None:
    connection = FakeConnection()
    herald = heralding(connection)
    for start in range(0, 2 * MOST_WAITING, 500):
        herald.tell(events(500))
        assert connection.waiting <= MOST_WAITING, start
    connection.waiting = 0
    herald.tell(events(1))
    assert connection.waiting == 1, "and told again when it has taken the others"


async def test_a_broker_that_is_gone_holds_nobody_up() -> None:
    connection = FakeConnection(gone=True)
    await heralding(connection).tell_all(events(2 * AT_ONCE))
    await Herald(Topics()).tell_all(events(1))
    assert len(connection.topics) == 2 * AT_ONCE
