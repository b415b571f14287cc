"""Work that goes on while nobody looks asks until there is an answer, and never twice."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bridge.admin import RefusedByBridge
from bridge.console import persisting
from bridge.console.persisting import TRIES, Persistent
from bridge.console.session import Away, Ended, State

DONE = {"numberOfAll": 1}


class Session:
    """One whose broker does what the test says, request by request; None stays without an answer."""

    def __init__(self, *answers: Exception | dict[str, Any] | None) -> None:
        self.state = State.ONLINE
        self.answers = list(answers)
        self.asked: list[str | None] = []
        self.heard = asyncio.Event()
        self._watchers: list[Callable[[], None]] = []

    async def request(
        self, command: str, payload: Mapping[str, Any] | bytes | None = None, *, request_id: str | None = None
    ) -> dict[str, Any]:
        self.asked.append(request_id)
        self.heard.set()
        answer = self.answers.pop(0)
        if answer is None:
            await asyncio.Event().wait()
        if isinstance(answer, Exception):
            raise answer
        assert answer is not None
        return answer

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def become(self, state: State) -> None:
        self.state = state
        for watcher in self._watchers:
            watcher()


async def test_an_answer_is_returned() -> None:
    session = Session(DONE)
    told: list[bool] = []
    assert await Persistent(session, told.append).ask("bulk-register", b"ID\r\n") == DONE
    assert told == []


async def test_who_is_away_is_asked_again_under_the_same_id_once_back() -> None:
    session = Session(Away("the broker cannot be reached."), DONE)
    told: list[bool] = []
    waits = asyncio.Event()

    def tell(waiting: bool) -> None:
        told.append(waiting)
        waits.set()

    asking = asyncio.create_task(Persistent(session, tell).ask("bulk-register", b"ID\r\n"))
    await waits.wait()
    session.become(State.BROKER_AWAY)
    session.become(State.ONLINE)
    assert await asking == DONE
    assert told == [True, False]
    assert len(set(session.asked)) == 1
    assert len(session.asked) == 2


async def test_what_was_cut_off_is_asked_next_under_the_same_id_and_anything_else_under_another() -> None:
    session = Session(None, DONE, DONE, None, DONE)
    persistent = Persistent(session, lambda _: None)

    async def cut_off() -> None:
        session.heard.clear()
        asking = asyncio.create_task(persistent.ask("bulk-register", b"ID\r\nx\r\n"))
        await session.heard.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    await cut_off()
    await persistent.ask("bulk-register", b"ID\r\nx\r\n")
    await persistent.ask("bulk-register", b"ID\r\nx\r\n")
    await cut_off()
    await persistent.ask("bulk-register", b"ID\r\ny\r\n")
    first, again, later, cut, other = session.asked
    assert first == again
    assert len({first, later, cut, other}) == 4


async def test_a_bridge_that_is_back_is_asked_again_without_waiting_for_a_lost_answer() -> None:
    session = Session(None, DONE)
    told: list[bool] = []
    asking = asyncio.create_task(Persistent(session, told.append).ask("bulk-register", b"ID\r\n"))
    await session.heard.wait()
    session.become(State.BRIDGE_AWAY)
    assert told == [True]
    session.become(State.ONLINE)
    assert await asking == DONE
    assert told == [True, False]
    assert len(set(session.asked)) == 1


async def test_what_else_a_session_tells_does_not_make_it_ask_again() -> None:
    session = Session(None)
    asking = asyncio.create_task(Persistent(session, lambda _: None).ask("bulk-register", b"ID\r\n"))
    await session.heard.wait()
    session.become(State.ONLINE)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not asking.done()
    assert len(session.asked) == 1
    asking.cancel()


async def test_who_does_not_answer_is_asked_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persisting, "AGAIN", 0.01)
    session = Session(Away("the bridge has not answered."), Away("the bridge has not answered."), DONE)
    assert await Persistent(session, lambda _: None).ask("bulk-register", b"ID\r\n") == DONE
    assert len(set(session.asked)) == 1


async def test_a_bridge_with_too_much_to_do_is_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its refusal is the answer to that request, so that another one is needed."""
    monkeypatch.setattr(persisting, "AGAIN", 0.001)
    busy = RefusedByBridge("LIMIT_REACHED", "too many requests wait already", {})
    session = Session(busy, busy, DONE)
    assert await Persistent(session, lambda _: None).ask("bulk-register", b"ID\r\n") == DONE
    assert len(set(session.asked)) == 3
    session = Session(*[busy] * TRIES, DONE)
    with pytest.raises(RefusedByBridge):
        await Persistent(session, lambda _: None).ask("bulk-register", b"ID\r\n")
    assert len(session.asked) == TRIES


@pytest.mark.parametrize("fault", [RefusedByBridge("NOT_PERMITTED", "", {}), Ended()], ids=["refused", "ended"])
async def test_what_asking_again_does_not_help_ends_it(fault: Exception) -> None:
    session = Session(fault, DONE)
    with pytest.raises(type(fault)):
        await Persistent(session, lambda _: None).ask("bulk-register", b"ID\r\n")
    assert len(session.asked) == 1
