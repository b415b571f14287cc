"""The one door for administrators: a message on a control topic in, exactly one answer out.

The broker has proved who speaks; role and tenant are checked again here. A changing request, its audit entries and its
answer are one transaction, so that a repeat within ten minutes gets the same answer and is not done twice.
"""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from bridge import queries
from bridge.answers import MAX_MESSAGE, Answer
from bridge.arrows import Arrow, passed
from bridge.batch import AccountWork, Batch
from bridge.broker import Incoming
from bridge.decisions import BulkEvent, Event, Refusal
from bridge.handlers import HANDLERS, SWEEPS
from bridge.handlers.desk import CutShort, Desk, Refused, Sweep
from bridge.handlers.people import revealed
from bridge.measures import FAULTS, HANDLING, MESSAGES, REFUSALS, REQUEST, REQUESTS, UNMEASURED, Meter
from bridge.names import MANAGEMENT, device_id_fault
from bridge.records import Answered, AuditEntry
from bridge.registration import Code
from bridge.requests import BadRequest, Request, checked_question, parse, parse_object
from bridge.roles import CHANGING, COMMANDS, FILES, OF_MANAGEMENT, OF_ONE_DEVICE, OWNER, RULEBOOK_CHANGING, commands_of
from bridge.rulebook import Rulebook
from bridge.store import Store, StoreFault
from bridge.transaction import Transaction
from bridge.wire import Topics, echoed

MOVES: Final = 5
"""Registrations whose change stands in the log line of one request."""
REMEMBERED: Final = 600_000
"""Milliseconds for which a repeated request gets the same answer."""

log = structlog.get_logger("control")


@dataclass(slots=True)
class Handled:
    """What one request came to: the answer to publish, and what to tell others after it.

    ``payload`` is empty where the bridge ends in the middle of it: there is no answer then.
    """

    topic: str = field(repr=False)
    payload: bytes = field(repr=False)
    correlation: bytes | None
    events: list[Event | BulkEvent] = field(default_factory=list)
    account_work: AccountWork = field(default_factory=AccountWork)


@dataclass(slots=True)
class _Asked:
    """A request as it was understood so far."""

    tenant: str
    administrator: str
    command: str
    payload: bytes = field(repr=False)
    correlation: bytes | None
    arrived: float | None = None
    value: dict[str, Any] = field(default_factory=dict, repr=False)
    request_id: str | None = None
    outcome: str = "ok"
    repeated: bool = False
    moves: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def key(self) -> str | None:
        """What a repeat is recognised by."""
        if self.request_id is not None:
            return "id:" + self.request_id
        return "correlation:" + self.correlation.hex() if self.correlation else None

    @property
    def actor(self) -> str:
        return f"{self.tenant}/{self.administrator}"

    @property
    def device_id(self) -> str | None:
        """The one device that the request is about, if it is about one."""
        found = self.value.get("id") if self.command in OF_ONE_DEVICE else None
        return found if isinstance(found, str) and device_id_fault(found) is None else None


class Control:
    """Executes requests one after the other."""

    def __init__(
        self,
        store: Store,
        rulebook: Rulebook,
        topics: Topics,
        clock: Callable[[], int],
        meter: Meter = UNMEASURED,
    ) -> None:
        self._store = store
        self._rulebook = rulebook
        self._topics = topics
        self._clock = clock
        self._meter = meter
        self.ends: Callable[[], bool] = lambda: False
        """Whether the bridge is ending, asked between the parts of what takes a while."""

    def refuse_for_want_of_room(self, message: Incoming) -> Handled:
        """Answer a request that cannot even wait; it is neither decided nor remembered, and may be sent again."""
        asked = self._asked(message)
        if asked.command not in FILES:
            self._read(asked)
        asked.outcome = Code.LIMIT_REACHED
        self._measure(asked, 0.0)
        refusal = Refusal(
            Code.LIMIT_REACHED, "too many requests wait already: wait for their answers, then send this one again"
        )
        payload = Answer(asked.command, asked.request_id, refusal=refusal).to_bytes()
        return Handled(self._topics.response(asked.tenant, asked.administrator), payload, asked.correlation)

    def _asked(self, message: Incoming) -> _Asked:
        _, tenant, administrator, _, command = self._topics.levels(message.topic)
        return _Asked(tenant, administrator, command, message.payload, echoed(message.correlation), message.arrived)

    async def handle(self, message: Incoming) -> Handled:
        """Execute the request in ``message``; a fault of ours is answered INTERNAL and logged."""
        asked = self._asked(message)
        command = asked.command
        handled = Handled(self._topics.response(asked.tenant, asked.administrator), b"", asked.correlation)
        started = time.perf_counter()
        try:
            handled.payload = await self._execute(asked, handled)
        except BadRequest as error:
            asked.outcome = error.refusal.code
            handled.payload = await self._refuse(asked, error.refusal)
        except StoreFault as error:
            asked.outcome = Code.INTERNAL
            log.error("not stored", actor=asked.actor, command=command, fault=str(error))
            await self._unfollow(asked)
            handled.payload = self._internal(asked, _not_stored(asked.command))
        except CutShort:
            log.info("request cut short", actor=asked.actor, command=command)
            return handled
        except Exception:
            asked.outcome = Code.INTERNAL
            self._meter.count(FAULTS, where="control")
            log.exception("failed", actor=asked.actor, command=command)
            handled.payload = self._internal(asked, "a fault of the bridge; its log tells more")
        log.info(
            "request",
            actor=asked.actor,
            command=command,
            device=asked.device_id,
            outcome=asked.outcome,
            repeated=asked.repeated,
            moves=asked.moves[:MOVES],
            events=dict(Counter(event.event for event in handled.events if isinstance(event, Event))),
            refused=dict(asked.refused),
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
        )
        self._measure(asked, time.perf_counter() - started)
        return handled

    def _measure(self, asked: _Asked, seconds: float) -> None:
        outcome = {"ok": "handled", Code.INTERNAL: "fault", Code.MALFORMED_REQUEST: "malformed"}
        self._meter.count(MESSAGES, kind=REQUEST, outcome=outcome.get(asked.outcome, "refused"))
        self._meter.count(REQUESTS, command=asked.command, outcome=asked.outcome)
        self._meter.observe(HANDLING, seconds, kind=REQUEST)
        for code, number in asked.refused.items():
            self._meter.count(REFUSALS, number, code=code)
        if asked.outcome != "ok":
            self._meter.count(REFUSALS, code=asked.outcome)

    async def _unfollow(self, asked: _Asked) -> None:
        """After a change that was not kept, follow what the database says; as long as it cannot, the session ends."""
        if asked.command in RULEBOOK_CHANGING:
            async with self._store.read() as connection:
                await self._follow(connection)

    async def _execute(self, asked: _Asked, handled: Handled) -> bytes:
        fault = None if asked.command in FILES else self._read(asked)
        self._check(asked)
        if fault is not None:
            raise fault
        if asked.command in CHANGING:
            return await self._change(asked, handled)
        async with self._store.read() as connection:
            desk = self._desk(asked, Transaction(connection))
            result = await HANDLERS[asked.command](desk, asked.value)
        return Answer(asked.command, asked.request_id, result).to_bytes()

    def _read(self, asked: _Asked) -> BadRequest | None:
        """Read what the payload holds; a fault waits until it is known that the command may be asked at all."""
        try:
            if asked.command not in CHANGING:
                checked_question(asked.payload)
            asked.value = parse_object(asked.payload)
            asked.request_id = parse(Request, {"requestId": asked.value.get("requestId")}).requestId
        except BadRequest as fault:
            return fault
        return None

    def _check(self, asked: _Asked) -> None:
        role = self._rulebook.roles.get((asked.tenant, asked.administrator))
        if role is None:
            raise BadRequest(Code.NOT_PERMITTED, f"{asked.actor} is no administrator here")
        if not self._rulebook.hears(asked.tenant, asked.administrator, asked.arrived):
            raise BadRequest(
                Code.NOT_PERMITTED,
                f"{asked.actor} was made anew, and this came from who had the name before: log in and send it again",
            )
        allowed = commands_of(role, management=asked.tenant == MANAGEMENT)
        if asked.command in allowed:
            return
        if asked.command not in COMMANDS[OWNER] | OF_MANAGEMENT:
            known = ", ".join(sorted(allowed))
            raise BadRequest(Code.UNKNOWN_COMMAND, f"there is no command {asked.command!r}; there are {known}")
        if asked.command in OF_MANAGEMENT:
            raise BadRequest(Code.NOT_PERMITTED, f"{asked.command} is for owners of the tenant {MANAGEMENT} only")
        raise BadRequest(Code.NOT_PERMITTED, f"the role {role} does not have {asked.command}: ask an owner")

    def _desk(self, asked: _Asked, transaction: Transaction) -> Desk:
        now = self._clock()
        return Desk(
            tenant=asked.tenant,
            administrator=asked.administrator,
            command=asked.command,
            role=self._rulebook.roles[asked.tenant, asked.administrator],
            payload=asked.payload,
            transaction=transaction,
            batch=Batch(transaction, self._rulebook, now),
            rulebook=self._rulebook,
            now=now,
            ends=self.ends,
        )

    async def _change(self, asked: _Asked, handled: Handled) -> bytes:
        passed(Arrow.REQUEST_UNDERSTOOD)
        sweep = SWEEPS[asked.command](asked.value) if asked.command in SWEEPS else None
        while True:
            async with self._store.write() as transaction:
                if (repeated := await self._repeated(transaction, asked)) is not None:
                    return repeated
                self._check(asked)  # again: while this one waited for its turn, or between parts, a role may have gone
                desk = self._desk(asked, transaction)
                answer = await self._decide(desk, asked, sweep)
                await desk.batch.write()
                await transaction.audit(desk.audit)
                said = None if answer is None else answer.to_bytes()
                if said is not None:
                    await self._remember(transaction, asked, said)
                if desk.changes_rulebook:
                    # Before the commit: who reads the rows after it shall not follow what was.
                    await self._follow(transaction.connection)
                passed(Arrow.REQUEST_DECIDED)
            # Committed: now others may hear of it.
            if asked.outcome == "ok":
                asked.refused.update(one.outcome for one in desk.audit if one.device_id and one.outcome != "ok")
            asked.moves.extend(desk.batch.moves(MOVES - len(asked.moves)))
            handled.events.extend([] if desk.quiet else desk.batch.events)
            handled.events.extend(desk.news)
            handled.account_work.add(desk.batch.account_work)
            if said is not None:
                passed(Arrow.REQUEST_COMMITTED)
                return revealed(asked.command, said, self._rulebook.keys)
            passed(Arrow.REQUEST_PART_COMMITTED)
            if self.ends():
                raise CutShort

    async def _follow(self, connection: queries.Connection) -> None:
        now = await queries.standing(connection)
        self._rulebook.follow(now.values, now.tenants, now.roles)

    async def _decide(self, desk: Desk, asked: _Asked, sweep: Sweep | None) -> Answer | None:
        """Decide the request, or the next part of it; None while parts are left."""
        if sweep is not None:
            await sweep.step(desk)
            return Answer(asked.command, asked.request_id, sweep.result()) if sweep.done else None
        try:
            result = await HANDLERS[asked.command](desk, asked.value)
        except Refused as error:
            asked.outcome = error.refusal.code
            return Answer(asked.command, asked.request_id, refusal=error.refusal)
        return Answer(asked.command, asked.request_id, result)

    async def _refuse(self, asked: _Asked, refusal: Refusal) -> bytes:
        """Answer a request that was refused before anything was decided; what would have changed is audited."""
        answer = Answer(asked.command, asked.request_id, refusal=refusal)
        if asked.command in CHANGING:
            entry = AuditEntry(
                self._clock(),
                asked.tenant,
                asked.actor,
                asked.command,
                asked.device_id,
                refusal.code,
                {"message": refusal.message[:MAX_MESSAGE]},
            )
            try:
                async with self._store.write() as transaction:
                    if (repeated := await self._repeated(transaction, asked)) is not None:
                        return repeated
                    await transaction.audit([entry])
                    await self._remember(transaction, asked, answer.to_bytes())
            except StoreFault as error:
                log.error("not audited", actor=asked.actor, command=asked.command, fault=str(error))
        return answer.to_bytes()

    async def _repeated(self, transaction: Transaction, asked: _Asked) -> bytes | None:
        """Return the answer that the same request had before, the refusal of another under its name, or None."""
        if asked.key is None:
            return None
        since = self._clock() - REMEMBERED
        earlier = await transaction.answered(asked.tenant, asked.administrator, asked.key, since)
        if earlier is None:
            return None
        asked.repeated = True
        if (earlier.command, earlier.digest) == (asked.command, self._digest(asked)):
            asked.outcome = json.loads(earlier.answer).get("error", {"code": "ok"})["code"]
            return revealed(asked.command, earlier.answer.encode(), self._rulebook.keys)
        asked.outcome = Code.MALFORMED_REQUEST
        refusal = Refusal(
            Code.MALFORMED_REQUEST,
            "this requestId was used for another request within the last ten minutes: take a new one",
        )
        return Answer(asked.command, asked.request_id, refusal=refusal).to_bytes()

    async def _remember(self, transaction: Transaction, asked: _Asked, said: bytes) -> None:
        if asked.key is not None:
            name = (asked.tenant, asked.administrator, asked.key, asked.command)
            await transaction.remember(Answered(*name, self._digest(asked), said.decode(), self._clock()))

    def _digest(self, asked: _Asked) -> str:
        return self._rulebook.keys.request_digest(asked.command, asked.payload)

    def _internal(self, asked: _Asked, message: str) -> bytes:
        return Answer(asked.command, asked.request_id, refusal=Refusal(Code.INTERNAL, message)).to_bytes()


def _not_stored(command: str) -> str:
    """Say what has become of a request that the database did not do."""
    if command not in CHANGING:
        return "the database could not be read, the bridge's log says why: try again later"
    kept = "what was done before it stays" if command in SWEEPS else "nothing was done"
    return f"the change could not be stored, {kept}: try again later, the bridge's log says why"
