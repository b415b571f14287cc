"""The session with administrators: their requests, the answers, and the state of the bridge."""

from collections.abc import Callable
from contextlib import suppress

import structlog

from bridge import __version__, broker
from bridge.batch import AccountWork
from bridge.broker import Connection, Disconnected, Incoming, Will
from bridge.clock import clock
from bridge.control import Control
from bridge.sessions import RETAINED_NEVER, Switch
from bridge.sessions.herald import Herald
from bridge.wire import Topics, iso, to_bytes

log = structlog.get_logger("control")


class ControlSession:
    """Administrators' requests, and the news for them."""

    name = "control"

    def __init__(self, login: broker.Login, topics: Topics, control: Control, herald: Herald) -> None:
        self._login = login
        self._topics = topics
        self._control = control
        self._herald = herald
        self.accounts_changed: Callable[[AccountWork], None] = lambda work: None
        self.ready = Switch()

    async def run(self) -> None:
        """See ``Session.run``."""
        offline = to_bytes({"state": "offline"})
        will = Will(self._topics.state, offline)
        async with broker.connect(self._login, manual_ack=True, will=will) as connection:
            await connection.subscribe(self._topics.requests, retain_as_published=True, retain_handling=RETAINED_NEVER)
            self._herald.connection = connection
            try:
                self.ready.turn_on()
                await self._receive(connection)
            finally:
                self._herald.connection = None
                # Leaving in good order suppresses the will.
                with suppress(Disconnected):
                    await connection.publish(self._topics.state, offline, retain=True, patience=2.0)

    async def announce(self) -> None:
        """Say that the bridge serves; retained, so that who comes later knows too."""
        state = {"state": "online", "version": __version__, "since": iso(clock())}
        if self._herald.connection is not None:
            await self._herald.connection.publish(self._topics.state, to_bytes(state), retain=True)

    async def _receive(self, connection: Connection) -> None:
        async for messages in connection.batches():
            for message in messages:
                if message.retain:
                    log.warning("retained request discarded", topic=message.topic)
                else:
                    await self._answer(connection, message)
                connection.ack([message])
                await connection.drained()

    async def _answer(self, connection: Connection, message: Incoming) -> None:
        handled = await self._control.handle(message)
        if handled.account_work:
            self.accounts_changed(handled.account_work)
        connection.send(handled.topic, handled.payload, correlation=handled.correlation)
        self._herald.tell(handled.events)
