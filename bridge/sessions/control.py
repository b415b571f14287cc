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
from bridge.control import Control, Handled
from bridge.measures import MESSAGES, REQUEST, UNMEASURED, Meter
from bridge.roles import FILES
from bridge.sessions import RETAINED_NEVER, Hands, Switch, as_long_as, note_dropped
from bridge.sessions.herald import Herald
from bridge.turns import Turns
from bridge.wire import Topics, iso, to_bytes

SLOW: Final = FILES | {"accept-all"}
"""Commands that take a while; they are worked on in parts, between which others have their turn."""
RECEIVED: Final = 20
"""Requests, up to 2 MB each, that the broker sends before the first of them is taken."""

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
        control.ends = lambda: self.hands.resting
        self._silent = False
        self.lives = 0
        """How often it has connected; with each, the last will of the one before may have spoken."""

    async def run(self) -> None:
        """See ``Session.run``."""
        will = Will(self._topics.state, OFFLINE)
        async with broker.connect(self._login, manual_ack=True, will=will, received=RECEIVED) as connection:
            await connection.subscribe(self._topics.requests, retain_as_published=True, retain_handling=RETAINED_NEVER)
            self._herald.connection = connection
            self.lives += 1
            try:
                async with asyncio.TaskGroup() as tasks:
                    quick, slow = _Waiting(), _Waiting(takes_a_while=True)
                    tasks.create_task(self._receive(connection, quick, slow), name="control: receive")
                    tasks.create_task(self._work(connection, quick), name="control: requests")
                    tasks.create_task(self._work(connection, slow), name="control: files")
                    self.ready.turn_on()
            finally:
                self._herald.connection = None
                # What was committed when this ended in the middle may never have been told.
                self.accounts_changed(AccountWork(leaving=True))
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

    async def _receive(self, connection: Connection, quick: "_Waiting", slow: "_Waiting") -> None:
        """Let requests wait for their turn, so that one who sends thousands keeps only himself waiting.

        They are acknowledged as soon as they wait here: the session is a clean one, and an acknowledgement that is
        held back would bring nothing back after a fault, but would keep others' requests in the broker.
        """
        async for messages in connection.batches():
            if self.hands.resting:
                return  # nobody is answered any more; administrators repeat after the next start
            for message in messages:
                connection.ack([message])
                passed(Arrow.REQUEST_ACKNOWLEDGED)
                if message.retain:
                    self._meter.count(MESSAGES, kind=REQUEST, outcome="discarded")
                    log.warning("retained request discarded", topic=message.topic)
                    continue
                _, tenant, administrator, _, command = self._topics.levels(message.topic)
                waiting = slow if command in SLOW else quick
                refused = waiting.turns.add(f"{tenant}/{administrator}", message, message.weight)
                waiting.some.set()
                for one in refused:
                    await self._tell(connection, self._control.refuse_for_want_of_room(one))
            note_dropped(connection, REQUEST, self._meter)

    async def _work(self, connection: Connection, waiting: "_Waiting") -> None:
        """Work on requests one after the other; on what takes a while, while others are answered.

        At the end what is quick is answered still, and of what takes a while no further part is begun.
        """
        while True:
            waiting.some.clear()
            with self.hands.full():
                while (message := waiting.turns.take()) is not None:
                    if self.hands.resting and waiting.takes_a_while:
                        continue
                    passed(Arrow.REQUEST_HEARD)
                    await self._tell(connection, await self._control.handle(message))
            await waiting.some.wait()

    async def _tell(self, connection: Connection, handled: Handled) -> None:
        if handled.account_work:
            self.accounts_changed(handled.account_work)
        if handled.payload:
            connection.send(handled.topic, handled.payload, correlation=handled.correlation)
        passed(Arrow.REQUEST_ANSWERED)
        await self._herald.tell_all(handled.events)
        passed(Arrow.REQUEST_TOLD)
        await connection.drained()


class _Waiting:
    def __init__(self, *, takes_a_while: bool = False) -> None:
        self.takes_a_while = takes_a_while
        self.turns: Turns[Incoming] = Turns()
        self.some = asyncio.Event()
