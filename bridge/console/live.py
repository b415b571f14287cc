"""What pages do again and again: stay as the bridge has it, and tell what the bridge says no to."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal, Self

import structlog
from nicegui import Client, background_tasks, ui

from bridge.admin import RefusedByBridge
from bridge.console.sessions import Away, Ended, Session, State
from bridge.console.texts import text

REFRESH: Final = 0.25
"""Seconds between two looks at what events have changed, at least."""

log = structlog.get_logger("console")


def while_open(client: Client, ends: Callable[[], object]) -> None:
    """Call ``ends`` when the page is gone: closed, or its browser away for too long.

    At once where it is gone already: a page may have to make room for another while it is still being built.
    """
    if client.is_deleted:
        ends()
    else:
        client.on_delete(ends)


class Live:
    """Keeps what a page shows as the bridge has it: loads it anew when events or a new connection say so.

    ``load`` fetches and shows; it is never run twice at a time, and no more often than each ``pace`` seconds. An
    event meanwhile makes one more run, so that what is shown at the end is never older than the last event.
    """

    def __init__(
        self,
        session: Session,
        load: Callable[[], Awaitable[None]],
        concerns: Callable[[str, Mapping[str, Any]], bool] = lambda topic, event: True,
        pace: float = REFRESH,
    ) -> None:
        self._session = session
        self._load = load
        self._concerns = concerns
        self._pace = pace
        self._wanted = asyncio.Event()
        self._turn = asyncio.Lock()
        client = ui.context.client
        self._client = client
        while_open(client, session.hear(self._hear))
        while_open(client, session.watch(self._watch))
        task = background_tasks.create(self._run(), name=f"keep {client.page.path} live")
        while_open(client, task.cancel)

    def _hear(self, topic: str, event: Mapping[str, Any]) -> None:
        if self._concerns(topic, event):
            self._wanted.set()

    def _watch(self) -> None:
        if self._session.state is State.ONLINE:
            self._wanted.set()

    def refresh(self) -> None:
        """Load soon."""
        self._wanted.set()

    async def now(self) -> None:
        """Load now, as at the first look at the page or after a filter was changed. What cannot be done now is told."""
        with telling(self._client):
            async with self._turn:
                await self._load()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            began = loop.time()
            try:
                with self._client:
                    async with self._turn:
                        await self._load()
            except Ended:
                return
            except (Away, RefusedByBridge) as error:
                log.info("page not refreshed", page=self._client.page.path, reason=str(error))
            except Exception:  # a fault of ours is no reason to show for ever what was true once
                log.exception("a page failed")
            # A page that takes long to load leaves the bridge and this process time for others.
            await asyncio.sleep(max(self._pace, 2 * (loop.time() - began)))


class telling:  # noqa: N801 - reads like the words it stands for
    """A block that asks the bridge; what it says no to, or cannot do now, is told on the page and ends the block.

    ``done`` is True after a block that came to its end.
    """

    def __init__(self, client: Client | None = None) -> None:
        self._client = client or ui.context.client
        self.done = False
        self.refusal: RefusedByBridge | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if error is None:
            self.done = True
            return False
        if isinstance(error, RefusedByBridge):
            self.refusal = error
            self._notify(text("shell.refused", message=error.message), "negative")
            return True
        if isinstance(error, Away):
            self._notify(text("shell.not_now", reason=str(error)), "warning")
            return True
        return isinstance(error, Ended)  # the frame opens the login page

    def _notify(self, words: str, kind: Literal["negative", "warning"]) -> None:
        with self._client:
            ui.notify(words, type=kind, position="top", timeout=8000, close_button=text("shell.close"))
