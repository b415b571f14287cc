"""Pages that stay as the bridge has it, and leave nothing behind when they go."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from typing import cast

import pytest
from nicegui import Client, background_tasks, core, ui
from nicegui.page import page

from bridge.console import bulk_upload
from bridge.console.live import Live, while_open
from bridge.console.session import Session, State
from bridge.console.texts import text
from bridge.console.uploads import Uploads


class Person:
    """A session on which nothing happens by itself."""

    key = "key"
    tenant = "default"
    name = "anna"
    of_management = False
    state = State.ONLINE

    def __init__(self) -> None:
        self.told: set[Callable[..., object]] = set()

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        self.told.add(watcher)
        return lambda: self.told.discard(watcher)

    hear = watch

    def may(self, command: str) -> bool:
        return True


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    monkeypatch.setattr(core, "loop", asyncio.get_running_loop())
    made = Client(page("/somewhere"))
    yield made
    if not made.is_deleted:
        made.delete()
    for task in background_tasks.running_tasks:
        task.cancel()
    await asyncio.gather(*background_tasks.running_tasks, return_exceptions=True)


def session_of(person: Person) -> Session:
    return cast("Session", person)


async def test_a_page_that_failed_once_is_kept_live_all_the_same(client: Client) -> None:
    loads = 0
    failed, again = asyncio.Event(), asyncio.Event()

    async def load() -> None:
        nonlocal loads
        loads += 1
        if loads == 1:
            failed.set()
            raise KeyError("a fault of ours")
        again.set()

    with client:
        live = Live(session_of(Person()), load, pace=0.0)
    live.refresh()
    await failed.wait()
    live.refresh()
    async with asyncio.timeout(60):
        await again.wait()


async def test_a_page_is_not_loaded_twice_at_a_time(client: Client) -> None:
    """Else what was asked for before a change could be shown after it."""
    at_work, began, goes_on = 0, asyncio.Event(), asyncio.Event()
    most = 0

    async def load() -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        began.set()
        await goes_on.wait()
        at_work -= 1

    with client:
        live = Live(session_of(Person()), load, pace=0.0)
    live.refresh()
    await began.wait()
    now = asyncio.ensure_future(live.now())
    for _ in range(5):
        await asyncio.sleep(0)
    goes_on.set()
    await now
    assert most == 1


async def test_what_is_put_on_a_page_that_is_gone_already_ends_at_once(client: Client) -> None:
    """A page makes room for another while it is still being built."""
    person = Person()
    client.delete()
    with client:
        Live(session_of(person), lambda: asyncio.sleep(0))
    assert not person.told
    ended: list[str] = []
    while_open(client, lambda: ended.append("at once"))
    assert ended == ["at once"]


async def test_a_file_that_is_refused_again_is_told_again(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A property that stays the same is no news for the browser."""
    monkeypatch.setattr(bulk_upload, "_uploads", [Uploads(1_000, most=0)])
    with client:
        bulk_upload.board(session_of(Person()))
        board = bulk_upload._boards[client]
        told: list[tuple[object, ...]] = []
        monkeypatch.setattr(board, "run_method", lambda *words: told.append(words))
        for _ in range(2):
            board._choose({"name": "plant.csv", "size": 4})
    assert told == [("fail", text("bulk.others"))] * 2


async def test_a_page_on_which_the_bulk_dialog_was_opened_leaves_nothing_behind(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_upload, "_uploads", [Uploads(1_000)])
    person = session_of(Person())
    with client:
        bulk_upload.board(person)
        label = ui.label("what the page shows")
        bulk_upload.dialog(person, lambda: client.open(label.text))
    before = len(bulk_upload._boards)
    client.delete()
    gc.collect()
    assert len(bulk_upload._boards) == before - 1, "whatever still holds the page"
