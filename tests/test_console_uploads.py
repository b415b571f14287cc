"""Who may send a file now: by a ticket that counts once, one at a time, no longer than the session."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from bridge.console import uploads
from bridge.console.bulk_job import Phase
from bridge.console.session import State
from bridge.console.uploads import Desk, NoUpload, Uploads

LIMIT = 1_000


class Person:
    """A session whose bridge never answers."""

    tenant = "default"
    name = "admin"

    def __init__(self) -> None:
        self.state = State.ONLINE
        self.watchers: list[Callable[[], None]] = []

    async def request(
        self, command: str, payload: Mapping[str, Any] | bytes | None = None, *, request_id: str | None = None
    ) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {}

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        self.watchers.append(watcher)
        return lambda: self.watchers.remove(watcher)

    def touch(self) -> None:
        raise AssertionError("nothing was answered")

    def end(self) -> None:
        self.state = State.ENDED
        for watcher in list(self.watchers):
            watcher()


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def broken_off() -> AsyncIterator[bytes]:
    yield b"ID\r\n"
    raise ConnectionResetError(104, "Connection reset by peer")


@pytest.fixture
def held() -> Uploads:
    return Uploads(LIMIT, most=2)


def desk(held: Uploads, key: str = "one") -> tuple[Desk, Person]:
    person = Person()
    return held.desk(key, person), person


async def status_of(desk: Desk, ticket: str, *pieces: bytes) -> int:
    with pytest.raises(NoUpload) as refused:
        await desk.receive(ticket, chunks(*pieces))
    assert str(refused.value)
    return refused.value.status


async def test_a_file_is_taken_by_its_ticket_and_is_checked_at_once(held: Uploads) -> None:
    mine, _ = desk(held)
    seen: list[Phase | None] = []
    stop = mine.watch(lambda: seen.append(mine.job.phase if mine.job else None))
    await mine.receive(mine.ticket("devices.csv", 8), chunks(b"ID\r\n", b"a\r\n"))
    assert mine.job is not None
    assert (mine.job.phase, mine.job.name, mine.job.size) == (Phase.CHECKING, "devices.csv", 7)
    mine.discard()
    stop()
    mine.discard()
    assert seen == [Phase.RECEIVING, Phase.CHECKING, None]


async def test_a_ticket_counts_once_and_the_newest_alone(held: Uploads) -> None:
    mine, _ = desk(held)
    assert await status_of(mine, "", b"ID") == 403
    old, new = mine.ticket("a.csv", 2), mine.ticket("b.csv", 2)
    assert await status_of(mine, old, b"ID") == 403
    assert await status_of(mine, new, b"ID") == 403, "a wrong one ends the right one"
    new = mine.ticket("b.csv", 2)
    await mine.receive(new, chunks(b"ID"))
    mine.discard()
    assert await status_of(mine, new, b"ID") == 403


async def test_a_ticket_that_no_ticket_can_be_is_refused_like_any_other(held: Uploads) -> None:
    mine, _ = desk(held)
    mine.ticket("plant.csv", 4)
    assert await status_of(mine, "\xe9") == 403


async def test_a_page_that_fails_takes_nothing_from_the_work_or_from_others(held: Uploads) -> None:
    mine, _ = desk(held)

    def fails() -> None:
        raise KeyError("a fault of the page")

    told: list[str] = []
    mine.watch(fails)
    mine.watch(lambda: told.append("told"))
    await mine.receive(mine.ticket("plant.csv", 4), chunks(b"ID\r\n"))
    assert mine.job is not None
    assert mine.job.phase is Phase.CHECKING
    assert told
    mine.discard()


async def test_a_ticket_of_another_session_counts_for_nothing(held: Uploads) -> None:
    mine, _ = desk(held)
    others, _ = desk(held, "other")
    assert held.desk("one", Person()) is mine
    assert await status_of(others, mine.ticket("a.csv", 2), b"ID") == 403
    assert others.job is None


async def test_a_ticket_does_not_last(held: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, _ = desk(held)
    ticket = mine.ticket("a.csv", 2)
    monkeypatch.setattr(uploads, "TICKET_LASTS", -1.0)
    assert await status_of(mine, ticket, b"ID") == 403


async def test_a_large_file_is_refused_before_and_while_it_comes(held: Uploads) -> None:
    mine, _ = desk(held)
    with pytest.raises(NoUpload, match="Split it"):
        mine.ticket("a.csv", LIMIT + 1)
    assert await status_of(mine, mine.ticket("a.csv", 1), b"x" * LIMIT, b"x") == 413
    assert mine.job is None


async def test_one_file_a_session_and_few_in_all(held: Uploads) -> None:
    mine, _ = desk(held)
    ticket = mine.ticket("a.csv", 2)
    await mine.receive(ticket, chunks(b"ID"))
    with pytest.raises(NoUpload, match="Another file of yours"):
        mine.ticket("b.csv", 2)
    second, _ = desk(held, "second")
    third, _ = desk(held, "third")
    late = third.ticket("c.csv", 2)
    await second.receive(second.ticket("b.csv", 2), chunks(b"ID"))
    assert await status_of(third, late, b"ID") == 503
    with pytest.raises(NoUpload, match="Other people"):
        third.ticket("c.csv", 2)
    mine.discard()
    third.ticket("c.csv", 2)
    second.discard()


async def test_what_breaks_off_is_forgotten(held: Uploads) -> None:
    mine, _ = desk(held)
    with pytest.raises(NoUpload):
        await mine.receive(mine.ticket("a.csv", 9), broken_off())
    assert mine.job is None


async def test_a_file_discarded_while_it_comes_leaves_the_next_one_alone(held: Uploads) -> None:
    mine, _ = desk(held)
    came, goes_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"ID\r\n"
        came.set()
        await goes_on.wait()
        yield b"a\r\n"

    first = asyncio.create_task(mine.receive(mine.ticket("a.csv", 7), slow()))
    await came.wait()
    mine.discard()
    await mine.receive(mine.ticket("b.csv", 2), chunks(b"ID"))
    goes_on.set()
    with pytest.raises(NoUpload, match="cancelled"):
        await first
    assert mine.job is not None
    assert mine.job.name == "b.csv"
    mine.discard()


async def test_all_goes_with_the_session(held: Uploads) -> None:
    mine, person = desk(held)
    await mine.receive(mine.ticket("a.csv", 2), chunks(b"ID"))
    person.end()
    assert mine.job is None
    assert person.watchers == []
    assert held.desk("one", Person()) is not mine


async def test_a_disk_that_is_full_is_told(held: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    mine, _ = desk(held)
    with pytest.raises(NoUpload, match="No space left on device") as refused:
        await mine.receive(mine.ticket("a.csv", 2), chunks(b"ID"))
    assert refused.value.status == 507
    assert mine.job is None
