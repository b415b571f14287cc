"""A client of the control topic: what the command line, the console and the tests use to speak as an administrator."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bridge import broker
from bridge.broker import NO_MATCHING_SUBSCRIBERS, Connection
from bridge.wire import Topics, to_bytes

PATIENCE: Final = 10.0
"""Seconds after which a request without answer is repeated under the same requestId (the contract, section 5)."""
FILE_PATIENCE: Final = 60.0
"""The same for a file, which takes longer on the way and to be worked on."""
AWAY_PATIENCE: Final = 1.0
"""Seconds after which a request is repeated that the broker had nobody to give to."""
TRIES: Final = 3


class NoAnswer(Exception):
    """The broker is there, the bridge does not answer."""


class RefusedByBridge(Exception):
    """The bridge said no. ``code`` is the contract's."""

    def __init__(self, code: str, message: str, details: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


@dataclass(frozen=True, slots=True)
class Access:
    """Where the operations broker is, whose certificates are trusted (None: plain TCP), and who speaks."""

    host: str
    port: int
    tenant: str
    username: str
    password: str = field(repr=False)
    topic_prefix: str = ""
    authority: Path | None = None


class Admin:
    """An administrator's connection; made by ``connect``."""

    def __init__(self, connection: Connection, access: Access, whole: Callable[[str], int | float] = int) -> None:
        self._connection = connection
        self._access = access
        self._whole = whole
        self._topics = Topics.below(access.topic_prefix)
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._events: asyncio.Queue[tuple[str, dict[str, Any]]] | None = None

    @property
    def tenant(self) -> str:
        """The tenant in whose name this one speaks."""
        return self._access.tenant

    async def run(self) -> None:
        """Hear answers and events until the connection ends. Raises Disconnected."""
        response = self._topics.response(self._access.tenant, self._access.username)
        async for messages in self._connection.batches():
            for message in messages:
                try:
                    value = json.loads(message.payload, parse_int=self._whole)
                except ValueError:
                    continue  # not the bridge's
                if not isinstance(value, dict):
                    continue
                if message.topic != response:
                    if self._events is not None:
                        self._events.put_nowait((message.topic, value))
                    continue
                key = value.get("requestId") if message.correlation is None else message.correlation.hex()
                waiting = self._waiting.get(str(key))
                if waiting is not None and not waiting.done():
                    waiting.set_result(value)

    async def answer(
        self, command: str, payload: Mapping[str, Any] | bytes | None = None, *, request_id: str | None = None
    ) -> dict[str, Any]:
        """Send a request and return the whole answer. Raises NoAnswer, Disconnected.

        Bytes are a file: no requestId can be in it, so MQTT's correlation data stands for one. ``request_id``, 32 hex
        digits, is given by who repeats a request on another connection.
        """
        request_id = request_id or secrets.token_hex(16)
        topic = self._topics.request(self._access.tenant, self._access.username, command)
        options: dict[str, Any] = {}
        if isinstance(payload, bytes):
            body, patience = payload, FILE_PATIENCE
            options = {"correlation": bytes.fromhex(request_id), "patience": patience}
        else:
            body, patience = to_bytes({**(payload or {}), "requestId": request_id}), PATIENCE
        nobody = False
        waiting = self._waiting[request_id] = asyncio.get_running_loop().create_future()
        try:
            for _ in range(TRIES):
                reason = await self._connection.publish(topic, body, **options)
                if reason >= 0x80:
                    raise RefusedByBridge("NOT_PERMITTED", f"your role does not have the command {command}", {})
                nobody = reason == NO_MATCHING_SUBSCRIBERS  # only the bridge hears requests
                try:
                    async with asyncio.timeout(AWAY_PATIENCE if nobody else patience):
                        return await asyncio.shield(waiting)
                except TimeoutError:
                    continue
        finally:
            del self._waiting[request_id]
            waiting.cancel()
        if nobody:
            raise NoAnswer("the broker is there, the bridge is not: is it running?")
        raise NoAnswer(f"the bridge has not answered within {patience * TRIES:.0f} s: is it running?")

    async def request(
        self, command: str, payload: Mapping[str, Any] | bytes | None = None, *, request_id: str | None = None
    ) -> dict[str, Any]:
        """Send a request and return its result. Raises RefusedByBridge, NoAnswer, Disconnected."""
        return result_of(await self.answer(command, payload, request_id=request_id))

    async def listen(self) -> None:
        """Keep for ``events`` what happens from now on. Raises Disconnected, SubscriptionRefused."""
        if self._events is None:
            self._events = asyncio.Queue()
            await self._connection.subscribe(self._topics.events(self._access.tenant), self._topics.state)

    async def events(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Yield (topic, object) of what happens from now on, or from ``listen`` on, and the state of the bridge.

        Raises Disconnected, SubscriptionRefused.
        """
        await self.listen()
        assert self._events is not None
        while True:
            yield await self._events.get()


def result_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result in ``answer``. Raises RefusedByBridge."""
    if answer.get("ok"):
        result: dict[str, Any] = answer["result"]
        return result
    error = answer.get("error", {})
    raise RefusedByBridge(error.get("code", "INTERNAL"), error.get("message", ""), error.get("details", {}))


def _first(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error


@asynccontextmanager
async def connect(access: Access, whole: Callable[[str], int | float] = int) -> AsyncIterator[Admin]:
    """Log in as an administrator. Raises Unreachable, LoginRefused, SubscriptionRefused.

    ``whole`` makes a number of the digits of a whole one, which may be as long as devices like.

    What happens inside the block and the connection are one: if the connection ends, the block is cancelled and
    Disconnected is raised.
    """
    login = broker.Login(access.host, access.port, access.username, access.password, authority=access.authority)
    async with broker.connect(login) as connection:
        admin = Admin(connection, access, whole)
        await connection.subscribe(Topics.below(access.topic_prefix).response(access.tenant, access.username))
        try:
            async with asyncio.TaskGroup() as tasks:
                hearing = tasks.create_task(admin.run(), name="hear answers")
                yield admin
                hearing.cancel()
        except ExceptionGroup as group:
            # The block and the connection fail together; what was first says enough. Not `except*`, which would wrap
            # what is raised in it into a group again.
            raise _first(group) from None
