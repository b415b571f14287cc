"""A bulk file of a session: received, checked, registered; stopped, gone on with; what goes wrong is told."""

import asyncio
import io
import tracemalloc
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge import bulk, uploading
from bridge.admin import RefusedByBridge
from bridge.bulk import BadFile, BadRow
from bridge.console import bulk_job
from bridge.console.bulk_job import Discarded, Job, Phase, TooLarge
from bridge.console.session import Away, State

LIMIT = 10_000_000


class Bridge:
    """A session with a bridge at its other end that knows bulk files. ``on_request`` happens before each answer."""

    tenant = "default"
    name = "admin"

    def __init__(self) -> None:
        self.state = State.ONLINE
        self.known: set[str] = set()
        self.asked: list[str] = []
        self.touched = 0
        self.watchers: list[Callable[[], None]] = []
        self.on_request: Callable[[int], None] = lambda number: None

    async def request(
        self, command: str, payload: Mapping[str, Any] | bytes | None = None, *, request_id: str | None = None
    ) -> dict[str, Any]:
        assert isinstance(payload, bytes)
        self.asked.append(command)
        await asyncio.sleep(0)
        self.on_request(len(self.asked))
        try:
            rows = list(bulk.read(io.StringIO(bulk.decode(payload), newline="")))
        except BadFile as error:
            raise RefusedByBridge("BULK_FILE_INVALID", str(error), {}) from None
        failed = [row for row in rows if isinstance(row, BadRow)]
        good = {row.id for row in rows if not isinstance(row, BadRow)}
        created = good - self.known
        if command == "bulk-register":
            self.known |= created
        return {
            "numberOfAll": len(rows),
            "numberOfCreated": len(created),
            "numberOfSuccessful": len(rows) - len(failed),
            "numberOfFailed": len(failed),
            "credentialUpdatedList": [],
            "failedCreationList": [
                {"line": row.line, "deviceId": row.id, "code": row.code, "failureReason": row.reason} for row in failed
            ],
        }

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        self.watchers.append(watcher)
        return lambda: self.watchers.remove(watcher)

    def become(self, state: State) -> None:
        self.state = state
        for watcher in self.watchers:
            watcher()

    def touch(self) -> None:
        self.touched += 1


class Watched:
    """A job with all it showed."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        self.seen: list[tuple[Phase, float]] = []
        self._new = asyncio.Event()
        self.job = Job(bridge, "devices.csv", 0, self.look)

    def look(self) -> None:
        self.seen.append((self.job.phase, self.job.fraction))
        self._new.set()

    async def until(self, fits: Callable[[Job], bool]) -> Job:
        async with asyncio.timeout(30):
            while not fits(self.job):
                await self._new.wait()
                self._new.clear()
        return self.job

    async def at(self, phase: Phase) -> Job:
        return await self.until(lambda job: job.phase is phase)


async def pieces(payload: bytes, size: int = 1_000) -> AsyncIterator[bytes]:
    for place in range(0, len(payload), size):
        yield payload[place : place + size]


async def checked(bridge: Bridge, payload: bytes) -> Watched:
    watched = Watched(bridge)
    await watched.job.receive(pieces(payload), LIMIT)
    await watched.until(lambda job: job.phase in {Phase.CHECKED, Phase.FAULTY})
    return watched


ROWS = [f"bad id {n};" if n % 10 == 0 else f"pump-{n};Hall" for n in range(100)]
FILE = ("ID;PATH\r\n" + "".join(f"{row}\r\n" for row in ROWS)).encode()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files in parts of 20 records."""
    cut = uploading.parts
    monkeypatch.setattr(uploading.Upload, "parts", lambda self: cut(self.lines(), max_records=20))


async def test_a_file_is_checked_then_registered() -> None:
    bridge = Bridge()
    watched = await checked(bridge, FILE)
    job = watched.job
    assert (job.phase, job.lines, job.size) == (Phase.CHECKED, 100, len(FILE))
    assert bridge.known == set()
    assert job.findings is not None
    assert (job.findings.tally.created, job.findings.tally.failed) == (90, 10)

    job.register()
    await watched.at(Phase.DONE)
    assert len(bridge.known) == 90
    assert job.findings.number == 10
    assert b"".join(job.findings.download()) == ("\ufeffID;PATH\r\n" + "\r\n".join(ROWS[::10]) + "\r\n").encode()
    assert bridge.touched == 2  # the person's work is the person's use
    job.close()
    assert bridge.watchers == []


@pytest.mark.usefixtures("small_parts")
async def test_progress_is_shown_part_by_part() -> None:
    watched = await checked(Bridge(), FILE)
    watched.seen.clear()
    watched.job.register()
    await watched.at(Phase.DONE)
    shares = [share for phase, share in watched.seen if phase is Phase.REGISTERING]
    assert len(shares) == 6
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    watched.job.close()


@pytest.mark.usefixtures("small_parts")
async def test_who_stops_and_goes_on_has_each_part_registered_once() -> None:
    bridge = Bridge()
    watched = await checked(bridge, FILE)
    job = watched.job
    bridge.asked.clear()
    bridge.on_request = lambda number: job.stop() if number == 2 else None
    job.register()
    await watched.at(Phase.STOPPED)
    assert job.findings is not None
    assert (job.findings.tally.lines, len(bridge.known)) == (40, 36)
    assert job.fraction == pytest.approx(0.4, abs=0.05)

    job.register()
    await watched.at(Phase.DONE)
    assert bridge.asked == ["bulk-register"] * 5
    assert (job.findings.tally.lines, job.findings.tally.created, job.findings.number) == (100, 90, 10)
    job.close()


async def test_a_stop_at_the_last_part_is_the_end() -> None:
    bridge = Bridge()
    watched = await checked(bridge, FILE)
    bridge.on_request = lambda number: watched.job.stop()
    watched.job.register()
    await watched.at(Phase.DONE)
    watched.job.close()


@pytest.mark.usefixtures("small_parts")
async def test_a_stop_while_nobody_answers_is_at_once_and_counts_what_was_answered() -> None:
    bridge = Bridge()
    watched = await checked(bridge, FILE)
    bridge.asked.clear()

    def lose(number: int) -> None:
        if number == 3:
            raise Away("the broker cannot be reached.")

    bridge.on_request = lose
    watched.job.register()
    await watched.until(lambda job: job.waiting)
    watched.job.stop()
    job = await watched.at(Phase.STOPPED)
    assert job.findings is not None
    assert (job.findings.tally.lines, len(bridge.known)) == (40, 36)
    job.close()


@pytest.mark.usefixtures("small_parts")
async def test_a_stop_that_the_part_on_its_way_does_not_heed_comes_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk_job, "STOP_PATIENCE", 0.01)
    bridge = Bridge()
    watched = await checked(bridge, FILE)
    hung = asyncio.Event()

    async def hang(*_: object, **__: object) -> dict[str, Any]:
        hung.set()
        await asyncio.Event().wait()
        return {}

    monkeypatch.setattr(bridge, "request", hang)
    watched.job.register()
    await hung.wait()
    watched.job.stop()
    assert watched.job.stopping
    job = await watched.at(Phase.STOPPED)
    assert not job.waiting
    job.close()


@pytest.mark.usefixtures("small_parts")
async def test_a_broker_that_is_away_in_the_middle_is_waited_for() -> None:
    bridge = Bridge()
    watched = await checked(bridge, FILE)
    bridge.asked.clear()

    def lose(number: int) -> None:
        if number == 2:
            raise Away("the broker cannot be reached.")

    bridge.on_request = lose
    watched.job.register()
    await watched.until(lambda job: job.waiting)
    bridge.become(State.BROKER_AWAY)
    bridge.become(State.ONLINE)
    job = await watched.at(Phase.DONE)
    assert job.findings is not None
    assert (job.findings.tally.created, len(bridge.known)) == (90, 90)
    assert not job.waiting
    job.close()


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "the file is empty"),
        (b"NAME;PATH\r\npump;Hall\r\n", "no column ID"),
        (b"ID;COLOUR\r\npump;red\r\n", "'COLOUR' is not known here"),
        (b"\xff\xfeI\x00D\x00", "UTF-16"),
        (b"PK\x03\x04rest", "a workbook"),
    ],
    ids=["empty", "no ID", "unknown column", "UTF-16", "workbook"],
)
async def test_a_file_that_is_at_fault_as_a_whole_is_told(payload: bytes, words: str) -> None:
    watched = await checked(Bridge(), payload)
    assert watched.job.phase is Phase.FAULTY
    assert words in watched.job.fault
    watched.job.register()
    assert watched.job.phase is Phase.FAULTY
    watched.job.close()


async def test_what_the_bridge_says_no_to_stops_and_can_be_tried_again() -> None:
    bridge = Bridge()
    watched = await checked(bridge, FILE)

    def refuse(number: int) -> None:
        if number == 2:
            raise RefusedByBridge("INTERNAL", "the database is full", {})

    bridge.on_request = refuse
    watched.job.register()
    job = await watched.at(Phase.STOPPED)
    assert job.fault == "the database is full"
    job.register()
    await watched.at(Phase.DONE)
    assert job.fault == ""
    job.close()


async def test_a_fault_of_our_own_is_logged_and_told() -> None:
    bridge = Bridge()
    watched = await checked(bridge, FILE)

    def break_(number: int) -> None:
        raise KeyError(number)

    bridge.on_request = break_
    with capture_logs() as lines:
        watched.job.register()
        job = await watched.at(Phase.FAULTY)
    assert "its log tells more" in job.fault
    assert [line["event"] for line in lines] == ["bulk file", "bulk file failed"]
    job.close()


async def test_one_line_a_work_is_logged_and_nothing_of_the_file() -> None:
    with capture_logs() as lines:
        watched = await checked(Bridge(), b"ID;CREDENTIALS\r\npump-1;s3cret-s3cret\r\nbad id;s3cret-s3cret\r\n")
        watched.job.register()
        await watched.at(Phase.DONE)
    told = {"event": "bulk file", "log_level": "info", "tenant": "default", "administrator": "admin", "bytes": 60}
    counts = {"lines": 2, "created": 1, "failed": 1}
    assert [{**line, "ms": 0} for line in lines] == [
        {**told, **counts, "work": "checking", "came_to": "checked", "ms": 0},
        {**told, **counts, "work": "registering", "came_to": "done", "ms": 0},
    ]
    watched.job.close()


async def test_a_file_that_is_larger_than_it_said_is_cut_off() -> None:
    watched = Watched(Bridge())
    read: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            read.append(1)
            yield bytes(1_000)

    with pytest.raises(TooLarge):
        await watched.job.receive(endless(), 10_000)
    assert len(read) == 11
    watched.job.close()


async def test_a_file_that_nobody_wants_any_more_is_not_received_to_its_end() -> None:
    watched = Watched(Bridge())

    async def discarded() -> AsyncIterator[bytes]:
        yield b"ID\r\n"
        watched.job.close()
        while True:
            yield bytes(500_000)

    with pytest.raises(Discarded):
        await watched.job.receive(discarded(), LIMIT)


async def test_a_large_file_is_never_held_as_a_whole() -> None:
    row = b"device-000001;%s\r\n" % (b"x" * 200)

    async def large() -> AsyncIterator[bytes]:
        yield b"ID;NAME\r\n"
        for _ in range(1_000):
            yield row * 300

    watched = Watched(Bridge())
    tracemalloc.start()
    try:
        await watched.job.receive(large(), 100_000_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert watched.job.size > 60_000_000
    assert peak < 8_000_000
    watched.job.close()


async def test_who_closes_in_the_middle_has_it_end() -> None:
    bridge = Bridge()
    watched = await checked(bridge, FILE)
    began = asyncio.Event()
    bridge.on_request = lambda number: began.set()
    watched.job.register()
    await began.wait()
    watched.job.close()
    asked = len(bridge.asked)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.gather(task, return_exceptions=True)
    assert len(bridge.asked) == asked
