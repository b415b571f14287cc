"""Asks the bridge for as long as it takes: for work that goes on while nobody looks.

It knows no page. A request that stayed without an answer is sent again under the same requestId, so that what was done
is not done twice and its counts are those of the first time.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Protocol

from bridge.admin import RefusedByBridge
from bridge.console.session import Away, State

AGAIN: Final = 3.0
"""Seconds after which is asked again where nothing tells that broker or bridge are back."""
TRIES: Final = 20
"""Times that a bridge is asked which says that it has too much to do."""


class Asked(Protocol):
    """What is needed of a session."""

    state: State

    async def request(
        self, command: str, payload: Mapping[str, Any] | bytes | None = None, *, request_id: str | None = None
    ) -> dict[str, Any]:
        """Ask the bridge. Raises RefusedByBridge, Away, Ended."""

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Call ``watcher`` whenever the state has changed; return what ends that."""


class Persistent:
    """Asks in a session's name. ``told`` is called when it begins and ceases to wait for broker or bridge."""

    def __init__(self, session: Asked, told: Callable[[bool], object]) -> None:
        self._session = session
        self._told = told
        self._back = asyncio.Event()
        self._is_waiting = False
        self._was = session.state
        self._unanswered: tuple[str, Mapping[str, Any] | bytes, str] | None = None
        self.close = session.watch(self._watch)

    async def ask(self, command: str, payload: Mapping[str, Any] | bytes) -> dict[str, Any]:
        """Ask until there is an answer. Raises RefusedByBridge, Ended.

        Who was cancelled and asks the same next gets the answer to what may have been done meanwhile.
        """
        request_id: str | None = None
        if self._unanswered is not None and self._unanswered[:2] == (command, payload):
            request_id = self._unanswered[2]
        overloaded = 0
        while True:
            self._back.clear()
            request_id = request_id or secrets.token_hex(16)
            self._unanswered = (command, payload, request_id)
            try:
                if (result := await self._asked(command, payload, request_id)) is not None:
                    self._unanswered = None
                    self._wait(False)
                    return result
                continue
            except Away:
                self._wait(True)
            except RefusedByBridge as error:
                self._unanswered = request_id = None
                overloaded += 1
                if error.code != "LIMIT_REACHED" or overloaded == TRIES:
                    raise
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN):
                    await self._back.wait()

    async def _asked(self, command: str, payload: Mapping[str, Any] | bytes, request_id: str) -> dict[str, Any] | None:
        """Ask once; None: broker or bridge were away meanwhile and are back, so that the request may be lost."""
        asking = asyncio.ensure_future(self._session.request(command, payload, request_id=request_id))
        coming = asyncio.ensure_future(self._back.wait())
        try:
            await asyncio.wait({asking, coming}, return_when=asyncio.FIRST_COMPLETED)
            return asking.result() if asking.done() else None
        finally:
            for task in (asking, coming):
                task.cancel()
            await asyncio.gather(asking, coming, return_exceptions=True)

    def _watch(self) -> None:
        was, self._was = self._was, self._session.state
        if was is self._was:
            return  # it is something else that is told
        if self._was is State.ONLINE:
            self._back.set()
        self._wait(self._was is not State.ONLINE)

    def _wait(self, waiting: bool) -> None:
        if waiting is not self._is_waiting:
            self._is_waiting = waiting
            self._told(waiting)
