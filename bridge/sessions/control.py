"""The session with administrators: their requests, the answers, and the state of the bridge."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from bridge import __version__, broker
from bridge.batch import AccountWork
from bridge.broker import Connection, Disconnected, Incoming, Will
from bridge.clock import clock
from bridge.control import Control
from bridge.measures import MESSAGES, REQUEST, UNMEASURED, Meter
from bridge.roles import FILES
from bridge.sessions import RETAINED_NEVER, Switch
from bridge.sessions.herald import Herald
from bridge.wire import Topics, iso, to_bytes

FILES_WAITING: Final = 8
"""Requests with files, up to 2 MB each, that wait in memory; more wait in the broker, and others behind them."""
SLOW: Final = FILES | {"accept-all"}
"""Commands that take a while; they are worked on in parts, between which others have their turn."""

REFUSED: Final = 0x80
"""From here on a reason code is a refusal (MQTT 5, section 2.4)."""

log = structlog.get_logger("control")


class ControlSession:
    """Administrators' requests, and the news for them."""

    name = "control"

    def __init__(
        self, login: broker.Login, topics: Topics, control: Control, herald: Herald, meter: Meter = UNMEASURED
    ) -> None:
        self._login = login
        self._meter = meter
        self._topics = topics
        self._control = control
        self._herald = herald
        self.accounts_changed: Callable[[AccountWork], None] = lambda work: None
        self.ready = Switch()
        self.lives = 0
        """How often it has connected; with each, the last will of the one before may have spoken."""

    async def run(self) -> None:
        """See ``Session.run``."""
        offline = to_bytes({"state": "offline"})
        will = Will(self._topics.state, offline)
        async with broker.connect(self._login, manual_ack=True, will=will) as connection:
            await connection.subscribe(self._topics.requests, retain_as_published=True, retain_handling=RETAINED_NEVER)
            self._herald.connection = connection
            self.lives += 1
            try:
                async with asyncio.TaskGroup() as tasks:
                    files: asyncio.Queue[Incoming] = asyncio.Queue(FILES_WAITING)
                    tasks.create_task(self._receive(connection, files), name="control: receive")
                    tasks.create_task(self._work_on_files(connection, files), name="control: files")
                    self.ready.turn_on()
            finally:
                self._herald.connection = None
                # Leaving in good order suppresses the will.
                with suppress(Disconnected):
                    await connection.publish(self._topics.state, offline, retain=True, patience=2.0)

    @property
    def connection(self) -> Connection | None:
        """The connection while there is one."""
        return self._herald.connection

    async def announce(self, whole: bool) -> None:
        """Say whether all of the bridge serves; retained, so that who comes later knows too. Raises Disconnected."""
        online = {"state": "online", "version": __version__, "since": iso(clock())}
        state = online if whole else {"state": "offline"}
        if self._herald.connection is None:
            raise Disconnected("the session with administrators has ended")
        reason = await self._herald.connection.publish(self._topics.state, to_bytes(state), retain=True)
        if reason >= REFUSED:
            raise Disconnected(f"the broker does not let the bridge publish {self._topics.state} (code {reason:#x})")

    async def _receive(self, connection: Connection, files: asyncio.Queue[Incoming]) -> None:
        async for messages in connection.batches():
            for message in messages:
                if message.retain:
                    self._meter.count(MESSAGES, kind=REQUEST, outcome="discarded")
                    log.warning("retained request discarded", topic=message.topic)
                    connection.ack([message])
                elif self._topics.levels(message.topic)[-1] in SLOW:
                    await files.put(message)
                else:
                    await self._take(connection, message)

    async def _work_on_files(self, connection: Connection, files: asyncio.Queue[Incoming]) -> None:
        """Work on what takes a while, one after the other, while other requests are answered."""
        while True:
            await self._take(connection, await files.get())

    async def _take(self, connection: Connection, message: Incoming) -> None:
        await self._answer(connection, message)
        connection.ack([message])
        await connection.drained()

    async def _answer(self, connection: Connection, message: Incoming) -> None:
        handled = await self._control.handle(message)
        if handled.account_work:
            self.accounts_changed(handled.account_work)
        connection.send(handled.topic, handled.payload, correlation=handled.correlation)
        self._herald.tell(handled.events)
