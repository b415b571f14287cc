"""The session that hears what registered devices say of themselves: it confirms them and fills the inventory."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import structlog

from bridge import broker, wire
from bridge.arrows import Arrow, passed
from bridge.batch import Batch, distinct
from bridge.broker import Connection, Disconnected, Incoming
from bridge.clock import clock
from bridge.decisions import Confirm
from bridge.inventory import with_info
from bridge.measures import BATCH, FAULTS, HANDLING, INFO, MESSAGES, UNMEASURED, Meter
from bridge.registration import Device
from bridge.rulebook import Rulebook
from bridge.sessions import RETAINED_NEVER, Hands, Switch, note_dropped
from bridge.sessions.herald import Herald
from bridge.store import Store
from bridge.wire import Topics

HEARD_PATIENCE: Final = 30.0
"""Seconds that an account waits for the backlog of what devices said."""

log = structlog.get_logger("info")


class InfoSession:
    """What registered devices say of themselves: it confirms them and fills their inventory entry."""

    name = "info"

    def __init__(
        self,
        login: broker.Login,
        topics: Topics,
        store: Store,
        rulebook: Rulebook,
        herald: Herald,
        meter: Meter = UNMEASURED,
    ) -> None:
        self._login = login
        self._meter = meter
        self._topics = topics
        self._store = store
        self._rulebook = rulebook
        self._herald = herald
        self._connection: Connection | None = None
        self._barriers: dict[bytes, asyncio.Future[None]] = {}
        self.compared = asyncio.Event()
        self.hands = Hands()
        self.ready = Switch()

    async def run(self) -> None:
        """See ``Session.run``.

        It begins once the accounts were compared with the broker: of a device whose account was confirmed just before
        the bridge ended, the first word may be waiting, and must find the account noted.
        """
        await self.compared.wait()
        async with broker.connect(
            self._login, persistent=True, manual_ack=True, longest=wire.MAX_CALL + 1
        ) as connection:
            await connection.subscribe(self._topics.infos, retain_handling=RETAINED_NEVER)
            self._connection = connection
            try:
                self.ready.turn_on()
                async for messages in connection.batches():
                    if self.hands.resting:
                        await asyncio.Event().wait()  # not acknowledged: the broker keeps them until the next start
                    with self.hands.full():
                        await self._take(messages)
                        connection.ack(messages)
                        passed(Arrow.INFO_ACKNOWLEDGED)
                    note_dropped(connection, INFO, self._meter)
            finally:
                self._connection = None
                for waiting in self._barriers.values():
                    if not waiting.done():
                        waiting.set_exception(Disconnected("the session that hears devices has ended"))

    def current(self) -> Connection | None:
        """Return the connection while there is one."""
        return self._connection

    async def heard_all(self) -> None:
        """Return once all that the broker had for this session before has been handled.

        A message of our own joins the queue, and what came before it is committed when it arrives. Raises Disconnected.
        """
        try:
            async with asyncio.timeout(HEARD_PATIENCE):
                await self.ready.on.wait()
                if self._connection is None:
                    raise Disconnected("the session that hears devices has ended")
                word = secrets.token_hex(16).encode()
                heard = self._barriers[word] = asyncio.get_running_loop().create_future()
                try:
                    self._connection.send(self._topics.barrier, word)
                    await heard
                finally:
                    del self._barriers[word]
        except TimeoutError:
            raise Disconnected("what devices said was not heard to its end") from None

    async def _take(self, messages: Sequence[Incoming]) -> None:
        said = []
        barriers = []
        for message in messages:
            if message.topic == self._topics.barrier:
                barriers.append(message.payload)
            else:
                said.append(wire.parse_info(self._topics, message.topic, message.payload))
        if said:
            await self._note(said)
        for word in barriers:
            waiting = self._barriers.get(word)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)

    async def _note(self, said: Sequence[tuple[str, str, Any]]) -> None:
        started = time.perf_counter()
        passed(Arrow.INFO_HEARD)
        async with self._store.write() as transaction:
            batch = Batch(transaction, self._rulebook, clock())
            ids = distinct(device_id for _, device_id, _ in said)
            await batch.load(ids)
            entries = await transaction.devices(ids)
            heard: dict[str, Device] = {}
            faults = 0
            for tenant, device_id, value in said:
                try:
                    batch.decide(Confirm(device_id, tenant))
                    entry = heard.get(device_id) or entries.get(device_id)
                    if entry is None or entry.tenant != tenant:
                        continue
                    heard[device_id], too_large = with_info(entry, value or {}, batch.now)
                except Exception:  # it would come again, and end the bridge again
                    faults += 1
                    self._meter.count(FAULTS, where="info")
                    log.exception("not noted", device=device_id)
                    continue
                if too_large:
                    log.warning("properties left out", device=device_id, reason="they would exceed 8 KiB")
            await transaction.save_devices(list(heard.values()))
            await batch.write()
            passed(Arrow.INFO_DECIDED)
        passed(Arrow.INFO_COMMITTED)
        self._herald.tell(batch.events)
        seconds = time.perf_counter() - started
        log.info(
            "info",
            messages=len(said),
            devices=[device_id for _, device_id, _ in said[:3]],
            events=dict(Counter(event.event for event in batch.events)),
            milliseconds=round(seconds * 1000, 1),
        )
        self._meter.count(MESSAGES, len(said) - faults, kind=INFO, outcome="handled")
        self._meter.count(MESSAGES, faults, kind=INFO, outcome="fault")
        self._meter.observe(BATCH, len(said), kind=INFO)
        self._meter.observe(HANDLING, seconds, kind=INFO)
