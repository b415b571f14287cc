"""Calls from the bootstrap broker: understand, decide as a batch, commit, acknowledge, then answer.

Whoever calls, known or not, costs one row in the same transaction and gets his answer after the same commit: neither
the content nor the timing of an answer tells which ids exist (the contract, section 3). What is above a limit is told
apart before any row is looked at, by who calls alone.
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from bridge import wire
from bridge.arrows import Arrow, passed
from bridge.batch import AccountWork, Batch, distinct
from bridge.broker import Incoming
from bridge.credentials import seal
from bridge.decisions import Call, Event, Reply
from bridge.limits import Limiter, Pace, Rates, Verdict
from bridge.measures import (
    BATCH,
    CALL,
    CALL_TO_PENDING,
    FAULTS,
    HANDLING,
    LIMITED,
    MALFORMED,
    MESSAGES,
    UNMEASURED,
    Meter,
)
from bridge.names import MANAGEMENT
from bridge.options import RETRY_AFTER, number_of
from bridge.registration import Claim, Form, Registration
from bridge.rulebook import Rulebook
from bridge.store import Store
from bridge.transaction import MAX_UNREGISTERED
from bridge.wire import Malformed, ParsedCall, Topics

LOGGED: Final = 1.0
"""Malformed calls a second that have a line of their own in the log, a minute's worth at once; the others share one."""

log = structlog.get_logger("intake")


def paced(rates: Rates) -> Pace:
    """Make the limits, on a clock that nobody sets."""
    return Pace(rates, time.monotonic, lambda: secrets.randbelow(1_000_000) / 1_000_000)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An answer to publish on the bootstrap broker. ``delivers`` is the seed where it carries credentials."""

    topic: str = field(repr=False)
    payload: bytes = field(repr=False)
    correlation: bytes | None = None
    device_id: str | None = None
    delivers: bytes | None = field(default=None, repr=False)


@dataclass(slots=True)
class Taken:
    """What a batch of calls came to, to be acted on after the commit."""

    answers: list[Outgoing] = field(default_factory=list)
    clearings: dict[str, None] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    moves: list[str] = field(default_factory=list)
    account_work: AccountWork = field(default_factory=AccountWork)


@dataclass(slots=True)
class _Heard:
    message: Incoming
    parsed: ParsedCall
    call: Call
    after: Registration | None = None
    credentials: bool = False


class Intake:
    """Turns messages into decisions and answers; it publishes nothing itself."""

    def __init__(
        self,
        store: Store,
        rulebook: Rulebook,
        topics: Topics,
        clock: Callable[[], int],
        meter: Meter = UNMEASURED,
        pace: Pace | None = None,
    ) -> None:
        self._pace = pace or paced(Rates())
        self._lines = Limiter(LOGGED)
        self._limited: Counter[str] = Counter()
        self._unlogged: Counter[str] = Counter()
        self._store = store
        self._rulebook = rulebook
        self._topics = topics
        self._clock = clock
        self._meter = meter
        self._noted = 0
        self.malformed = 0

    async def take(self, messages: Sequence[Incoming]) -> Taken:
        """Decide and commit a batch. Raises StoreFault, with nothing of the batch kept."""
        started = time.perf_counter()
        taken = Taken()
        passed(Arrow.CALLS_HEARD)
        heard = [call for message in messages if (call := self._understand(message, taken)) is not None]
        passed(Arrow.CALLS_UNDERSTOOD)
        if heard:
            await self._decide(heard, taken)
        for call in heard:
            try:
                answer = self._answer(call)
            except Exception:  # one answer that cannot be made must not cost the others theirs
                self._meter.count(FAULTS, where="calls")
                log.exception("not answered", device=call.call.id)
            else:
                taken.answers.extend([] if answer is None else [answer])
        if heard:  # what was not looked at is summed up
            log.info(
                "calls",
                messages=len(messages),
                calls=len(heard),
                devices=[call.call.id for call in heard[:3]],
                moves=taken.moves,
                events=Counter(event.event for event in taken.events),
                milliseconds=round((time.perf_counter() - started) * 1000, 1),
            )
        self._measure(messages, heard, taken, time.perf_counter() - started)
        return taken

    def _measure(self, messages: Sequence[Incoming], heard: list[_Heard], taken: Taken, seconds: float) -> None:
        self._meter.observe(BATCH, len(messages), kind=CALL)
        self._meter.observe(HANDLING, seconds, kind=CALL)
        self._meter.count(MESSAGES, len(heard), kind=CALL, outcome="handled")
        requested = {event.id for event in taken.events if event.event == "requested"}
        if requested:
            now = time.monotonic()
            for one in heard:
                if one.call.id in requested and one.message.arrived is not None:
                    requested.remove(one.call.id)
                    self._meter.observe(CALL_TO_PENDING, now - one.message.arrived)

    def sum_up(self) -> None:
        """Log what was not logged one by one since the last time: a flood of calls must not become one of lines."""
        if self._limited:
            log.warning("calls above a limit", **self._limited)
            self._limited.clear()
        if self._unlogged:
            log.warning("more malformed calls", kinds=dict(self._unlogged), total=self.malformed)
            self._unlogged.clear()

    def _understand(self, message: Incoming, taken: Taken) -> _Heard | None:
        if message.retain:
            if not message.payload:
                self._meter.count(MESSAGES, kind=CALL, outcome="discarded")
                return None  # somebody cleared a retained call, which is no call
            taken.clearings[message.topic] = None
        try:
            parsed = wire.parse_call(self._topics, message.topic, message.payload)
        except Malformed as error:
            self._malformed(message, error, taken)
            return None
        except Exception:
            self.malformed += 1
            self._meter.count(MESSAGES, kind=CALL, outcome="fault")
            self._meter.count(FAULTS, where="calls")
            log.exception("not understood", device=self._topics.levels(message.topic)[1][:256])
            return None
        verdict = self._pace.verdict(message.topic, parsed.client_id)
        if verdict is not Verdict.TAKEN:
            self._limit(message, parsed, verdict, taken)
            return None
        token = None
        if parsed.token is not None:
            token = self._rulebook.keys.token_digest(parsed.device_id, parsed.token)
        call = Call(parsed.device_id, parsed.kind, parsed.client_id, parsed.form, token, parsed.public_key)
        return _Heard(message, parsed, call)

    def _limit(self, message: Incoming, parsed: ParsedCall, verdict: Verdict, taken: Taken) -> None:
        """Leave a call alone. Who is above his own limit has answers enough; others may not know why they wait."""
        self._meter.count(MESSAGES, kind=CALL, outcome="limited")
        self._meter.count(LIMITED, limit=verdict)
        self._limited[verdict] += 1
        if verdict is Verdict.OVERALL and parsed.form is Form.JSON and self._pace.tells():
            taken.answers.append(self._not_accepted(message, parsed.request_id))

    def _malformed(self, message: Incoming, error: Malformed, taken: Taken) -> None:
        self.malformed += 1
        self._meter.count(MESSAGES, kind=CALL, outcome="malformed")
        self._meter.count(MALFORMED, reason=error.kind)
        # Not the whole topic: a private client id is what keeps a private call private.
        levels = self._topics.levels(message.topic)
        if self._lines.takes("", time.monotonic()):
            log.warning(
                "malformed call",
                device=levels[1][:256],
                kind=error.kind,
                reason=str(error),
                total=self.malformed,
            )
        else:
            self._unlogged[error.kind] += 1
        # Counted as what it is, whatever the limits say; those are for the answer.
        client_id = levels[3] if len(levels) == 4 else levels[1]
        if error.answerable and self._pace.verdict(message.topic, client_id) is Verdict.TAKEN:
            topic = wire.answer_topic(self._topics, message.topic)
            answer = Outgoing(topic, wire.malformed_answer(str(error)), wire.echoed(message.correlation))
            taken.answers.append(answer)

    async def _decide(self, heard: list[_Heard], taken: Taken) -> None:
        async with self._store.write() as transaction:
            batch = Batch(transaction, self._rulebook, self._clock())
            await batch.load(distinct(one.call.id for one in heard), alike=True)
            passed(Arrow.CALLS_LOADED)
            unknown: Counter[str] = Counter()
            with_token: set[str] = set()
            for one in heard:
                try:
                    decision = batch.decide(one.call)
                except Exception:
                    self._meter.count(FAULTS, where="calls")
                    log.exception("not decided", device=one.call.id)
                    continue
                one.after = decision.after
                one.credentials = Reply(credentials=True) in decision.effects
                if decision.after is None:
                    unknown[one.call.id] += 1
                    if one.call.token is not None:
                        with_token.add(one.call.id)
            await batch.write()
            await transaction.note_unregistered(
                [(device_id, device_id in with_token, calls) for device_id, calls in unknown.items()], batch.now
            )
            self._noted += len(unknown)
            if self._noted > MAX_UNREGISTERED // 10:
                await transaction.trim_unregistered()
                self._noted = 0
            passed(Arrow.CALLS_DECIDED)
        passed(Arrow.CALLS_COMMITTED)
        taken.events = batch.events
        taken.moves = batch.moves(3)
        taken.account_work = batch.account_work

    def _answer(self, one: _Heard) -> Outgoing | None:
        if one.credentials and one.after is not None:
            claim = one.after.claim(one.after.accepted_claim)
            assert claim is not None
            return self.credentials_for(one.after, claim, one.parsed.request_id, wire.echoed(one.message.correlation))
        if one.call.form is Form.LINE:
            return None
        return self._not_accepted(one.message, one.parsed.request_id)

    def _not_accepted(self, message: Incoming, request_id: str | None) -> Outgoing:
        return Outgoing(
            wire.answer_topic(self._topics, message.topic),
            wire.not_accepted_answer(self.retry_after(), request_id),
            wire.echoed(message.correlation),
        )

    def retry_after(self) -> int:
        """Return the seconds to tell the next caller, whoever it is: the option's, and more under load."""
        return self._pace.retry_after(number_of(self._rulebook.values, MANAGEMENT, RETRY_AFTER))

    def push(self, registration: Registration) -> Outgoing | None:
        """Make the unasked answer that an accepted claim gets once its account is installed.

        None where it cannot be made, as with a row that somebody has changed: it must not cost the others theirs.
        """
        claim = registration.claim(registration.accepted_claim)
        assert claim is not None
        try:
            return self.credentials_for(registration, claim, None, None)
        except Exception:
            self._meter.count(FAULTS, where="calls")
            log.exception("not pushed", device=registration.id)
            return None

    def credentials_for(
        self, registration: Registration, claim: Claim, request_id: str | None, correlation: bytes | None
    ) -> Outgoing:
        """Make the answer with the credentials of ``registration``, in the form in which ``claim`` asked."""
        assert registration.seed is not None
        assert registration.key_id is not None
        tenant, device_id = registration.tenant, registration.id
        password = self._rulebook.keys.device_password(tenant, device_id, registration.seed, registration.key_id)
        if claim.form is Form.LINE:
            payload = wire.credentials_line(tenant, device_id, password)
        else:
            answer = wire.credentials_object(tenant, device_id, password)
            if claim.public_key is not None:
                answer = {"status": "ACCEPTED", "sealed": seal(wire.to_bytes(answer), claim.public_key, device_id)}
            payload = wire.accepted_answer(answer, request_id)
        topic = self._topics.caller(claim.kind, device_id, claim.client_id)
        return Outgoing(topic, payload, correlation, device_id, registration.seed)
