"""The session at the gate: calls from strangers, and the answers to them, on the bootstrap broker."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog

from bridge import broker, queries
from bridge.arrows import Arrow, passed
from bridge.batch import AccountWork, Batch, distinct
from bridge.broker import Connection, Disconnected, Incoming
from bridge.clock import clock
from bridge.decisions import MarkDelivered
from bridge.intake import Intake, Outgoing
from bridge.measures import ACCEPT_TO_DELIVERED, CALL, UNMEASURED, Meter
from bridge.registration import Registration
from bridge.rulebook import Rulebook
from bridge.rules import redelivery_ended
from bridge.sessions import RETAINED_ONLY_IF_NEW, Hands, Switch, as_long_as, note_dropped
from bridge.sessions.herald import Herald
from bridge.store import Store
from bridge.wire import ANSWER_EXPIRY, Topics

PUSHED_AT_ONCE: Final = 500
"""Registrations read at once when credentials are pushed again after a pause."""
SUMMING_UP: Final = 1.0
"""Seconds between two lines that sum up what has no line of its own in the log."""

log = structlog.get_logger("calls")


class GateSession:
    """Calls from strangers, and the answers to them, on the bootstrap broker."""

    name = "calls"

    def __init__(
        self,
        login: broker.Login,
        topics: Topics,
        intake: Intake,
        store: Store,
        rulebook: Rulebook,
        herald: Herald,
        meter: Meter = UNMEASURED,
    ) -> None:
        self._login = login
        self._meter = meter
        self._topics = topics
        self._intake = intake
        self._store = store
        self._rulebook = rulebook
        self._herald = herald
        self._connection: Connection | None = None
        self._delivered: list[tuple[str, bytes]] = []
        self._was_delivered = asyncio.Event()
        self._all_noted = asyncio.Event()
        self._all_noted.set()
        self.hands = Hands()
        self.accounts_changed: Callable[[AccountWork], None] = lambda work: None
        self.ready = Switch()

    async def run(self) -> None:
        """See ``Session.run``."""
        async with broker.connect(self._login, persistent=True, manual_ack=True) as connection:
            await connection.subscribe(
                *self._topics.calls, no_local=True, retain_as_published=True, retain_handling=RETAINED_ONLY_IF_NEW
            )
            self._connection = connection
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._receive(connection), name="calls: receive")
                    tasks.create_task(self._note_deliveries(), name="calls: note deliveries")
                    tasks.create_task(self._push_again(connection), name="calls: push what was not delivered")
                    tasks.create_task(self._sum_up(connection), name="calls: sum up")
                    self.ready.turn_on()
            finally:
                self._connection = None
                # What was committed when this ended in the middle may never have been told.
                self.accounts_changed(AccountWork(leaving=True))

    def current(self) -> Connection | None:
        """Return the connection while there is one."""
        return self._connection

    async def _sum_up(self, connection: Connection) -> None:
        try:
            while True:
                await asyncio.sleep(SUMMING_UP)
                self._intake.sum_up()
                note_dropped(connection, CALL, self._meter)
        finally:
            self._intake.sum_up()

    async def _receive(self, connection: Connection) -> None:
        async for messages in connection.batches():
            if self.hands.resting:
                return  # not acknowledged: the broker keeps them until the next start
            with self.hands.full():
                await self._take(connection, messages)

    async def _take(self, connection: Connection, messages: Sequence[Incoming]) -> None:
        taken = await self._intake.take(messages)
        connection.ack(messages)
        passed(Arrow.CALLS_ACKNOWLEDGED)
        for topic in taken.clearings:
            connection.send(topic, b"", retain=True)
        for answer in taken.answers:
            self._send(connection, answer)
        passed(Arrow.CALLS_ANSWERED)
        if taken.account_work:
            self.accounts_changed(taken.account_work)
        self._herald.tell(taken.events)
        passed(Arrow.CALLS_TOLD)
        await connection.drained()

    async def settle(self) -> None:
        """Return once the broker has taken all answers, and what it said of deliveries is noted."""
        connection = self._connection
        if connection is not None:
            await as_long_as(self.ready, self._settle(connection))

    async def _settle(self, connection: Connection) -> None:
        await connection.settled()
        await self._all_noted.wait()

    def _send(self, connection: Connection, answer: Outgoing) -> None:
        told: Callable[[int], None] | None = None
        if answer.device_id is not None and answer.delivers is not None:
            delivery = (answer.device_id, answer.delivers)

            def told(reason: int) -> None:
                # A stranger who subscribed to everything hides that nobody listened, hence "delivered" promises little.
                if reason == 0:
                    self._delivered.append(delivery)
                    self._all_noted.clear()
                    self._was_delivered.set()

        connection.send(answer.topic, answer.payload, correlation=answer.correlation, expiry=ANSWER_EXPIRY, told=told)

    def push(self, registrations: Sequence[Registration]) -> None:
        """Send credentials unasked; who does not hear them calls again."""
        connection = self._connection
        if connection is None:
            return
        with suppress(Disconnected):  # the session itself notices, and ends
            for registration in registrations:
                if (answer := self._intake.push(registration)) is not None:
                    self._send(connection, answer)

    async def _push_again(self, connection: Connection) -> None:
        after = ""
        while True:
            await connection.drained()
            async with self._store.read() as reading:
                page = await queries.undelivered(reading, after, PUSHED_AT_ONCE)
            if not page:
                return
            after = page[-1].id
            now = clock()
            self.push([one for one in page if not redelivery_ended(one, self._rulebook.policy(one.tenant), now)])
            passed(Arrow.CREDENTIALS_PUSHED_AGAIN)

    async def _note_deliveries(self) -> None:
        while True:
            if not self._delivered:
                self._all_noted.set()
            await self._was_delivered.wait()
            self._was_delivered.clear()
            delivered, self._delivered = self._delivered, []
            passed(Arrow.DELIVERY_HEARD)
            async with self._store.write() as transaction:
                batch = Batch(transaction, self._rulebook, clock())
                await batch.load(distinct(device_id for device_id, _ in delivered))
                for device_id, seed in delivered:
                    batch.decide(MarkDelivered(device_id, seed))
                await batch.write()
            passed(Arrow.DELIVERY_COMMITTED)
            for event in batch.events:
                registration = batch.registration(event.id)
                if event.event == "delivered" and registration is not None and registration.accepted is not None:
                    self._meter.observe(ACCEPT_TO_DELIVERED, (event.at - registration.accepted) / 1000)
            self._herald.tell(batch.events)
            log.info("delivered", devices=[device_id for device_id, _ in delivered[:3]], messages=len(delivered))
