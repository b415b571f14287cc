"""The session with administrators: their requests, the answers, and the state of the bridge."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from bridge import __version__, broker
from bridge.arrows import Arrow, passed
from bridge.batch import AccountWork
from bridge.broker import Connection, Disconnected, Incoming, Will
from bridge.clock import clock
from bridge.control import Control
from bridge.measures import MESSAGES, REQUEST, UNMEASURED, Meter
from bridge.roles import FILES
from bridge.sessions import RETAINED_NEVER, Hands, Switch, as_long_as
from bridge.sessions.herald import Herald
from bridge.wire import Topics, iso, to_bytes

FILES_WAITING: Final = 8
"""Requests with files, up to 2 MB each, that wait in memory; more wait in the broker, and others behind them."""
SLOW: Final = FILES | {"accept-all"}
"""Commands that take a while; they are worked on in parts, between which others have their turn."""

OFFLINE: Final = to_bytes({"state": "offline"})
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
        self.hands = Hands()
        self._silent = False
        self.lives = 0
        """How often it has connected; with each, the last will of the one before may have spoken."""

    async def run(self) -> None:
        """See ``Session.run``."""
        will = Will(self._topics.state, OFFLINE)
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
                if not self._silent:
                    await self._say_offline(connection)

    def current(self) -> Connection | None:
        """Return the connection while there is one."""
        return self._herald.connection

    async def settle(self) -> None:
        """Return once the broker has taken all answers and events."""
        connection = self.current()
        if connection is not None:
            await as_long_as(self.ready, connection.settled())

    async def farewell(self) -> None:
        """Say offline, and nothing after it."""
        self._silent = True
        if (connection := self.current()) is not None:
            await self._say_offline(connection)

    async def _say_offline(self, connection: Connection) -> None:
        # Leaving in good order suppresses the will.
        with suppress(Disconnected):
            await connection.publish(self._topics.state, OFFLINE, retain=True, patience=2.0)

    async def announce(self, whole: bool) -> None:
        """Say whether all of the bridge serves; retained, so that who comes later knows too. Raises Disconnected."""
        if self._silent:
            raise Disconnected("the bridge is ending")
        online = {"state": "online", "version": __version__, "since": iso(clock())}
        state = online if whole else {"state": "offline"}
        if self._herald.connection is None:
            raise Disconnected("the session with administrators has ended")
        reason = await self._herald.connection.publish(self._topics.state, to_bytes(state), retain=True)
        if reason >= REFUSED:
            raise Disconnected(f"the broker does not let the bridge publish {self._topics.state} (code {reason:#x})")

    async def _receive(self, connection: Connection, files: asyncio.Queue[Incoming]) -> None:
        async for messages in connection.batches():
            if self.hands.resting:
                return  # nobody is answered any more; administrators repeat after the next start
            with self.hands.full():
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
            message = await files.get()
            if self.hands.resting:
                continue
            with self.hands.full():
                await self._take(connection, message)

    async def _take(self, connection: Connection, message: Incoming) -> None:
        await self._answer(connection, message)
        connection.ack([message])
        passed(Arrow.REQUEST_ACKNOWLEDGED)
        await connection.drained()

    async def _answer(self, connection: Connection, message: Incoming) -> None:
        passed(Arrow.REQUEST_HEARD)
        handled = await self._control.handle(message)
        if handled.account_work:
            self.accounts_changed(handled.account_work)
        connection.send(handled.topic, handled.payload, correlation=handled.correlation)
        passed(Arrow.REQUEST_ANSWERED)
        self._herald.tell(handled.events)
        passed(Arrow.REQUEST_TOLD)
