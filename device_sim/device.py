"""One device as a machine: events in, commands out. No clock, no chance, no input or output of its own.

A life has two halves. Without credentials the device calls on the bootstrap broker and repeats its call until an
answer brings them; with credentials it logs in on the operations broker, sends its ``info`` at each login and then
telemetry. A connection that is lost or not made is dialled again after a back-off with jitter. When its login has been
refused ``Timing.forget_after`` times on end, it forgets the credentials and calls anew, as a device does that was
deleted and registered again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from device_sim import contract
from device_sim.events import (
    Acknowledged,
    Command,
    ConnectBootstrap,
    Connected,
    ConnectOperations,
    Denied,
    Disconnect,
    Disconnected,
    Event,
    LoginRefused,
    Publish,
    Received,
    Save,
    Started,
    Subscribe,
    Ticked,
)
from device_sim.memory import Approach, Credentials, Memory
from device_sim.pace import Pace, Timing
from device_sim.readings import info_payload, telemetry_payload
from device_sim.sealing import UnsealError, unseal


class Phase(StrEnum):
    """Where a device stands."""

    OFF = "off"
    RESTING = "resting"
    DIALLING = "dialling"
    CALLING = "calling"
    LOGGED_IN = "logged in"


class UnexpectedEventError(RuntimeError):
    """An event that cannot happen in this phase: a fault of whoever drives the machine."""

    def __init__(self, phase: Phase, event: Event) -> None:
        super().__init__(phase, event)
        self.phase = phase
        self.event = event

    def __str__(self) -> str:
        return f"{type(self.event).__name__} cannot happen while the device is {self.phase}"


@dataclass(slots=True)
class Counts:
    """What has happened to one device since it was switched on."""

    calls: int = 0
    pending: int = 0
    not_understood: int = 0
    ignored: int = 0
    denied: int = 0
    connections: int = 0
    failures: int = 0
    refused: int = 0
    forgotten: int = 0
    telemetry: int = 0
    commands: int = 0


@dataclass(slots=True)
class Device:
    """The machine. Feed it with ``handle``, do what it returns in order, and send ``Ticked`` at ``wakes_at``.

    ``prefix`` is the configured topic prefix, empty or ending with a slash. ``fresh`` makes a new approach when one is
    needed, ``chance`` a number from 0 up to 1 for jitter. ``spoil`` replaces the payload of call n; it is for devices
    that misbehave.
    """

    device_id: str
    fresh: Callable[[], Approach]
    chance: Callable[[], float]
    prefix: str = ""
    timing: Timing = field(default_factory=Timing)
    memory: Memory | None = None
    spoil: Callable[[int], bytes] | None = None

    phase: Phase = field(default=Phase.OFF, init=False)
    wakes_at: float | None = field(default=None, init=False)
    counts: Counts = field(default_factory=Counts, init=False)
    called_at: float | None = field(default=None, init=False)
    credentials_at: float | None = field(default=None, init=False)
    informed: bool = field(default=False, init=False)
    fault: str = field(default="", init=False)
    _refusals: int = field(default=0, init=False)
    _info_due: bool = field(default=True, init=False)
    _pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        """Begin with the intervals of ``timing``."""
        self._pace = Pace(self.timing, self.chance)

    @property
    def credentials(self) -> Credentials | None:
        """The credentials it has now."""
        return self.memory.credentials if self.memory else None

    def handle(self, event: Event, now: float) -> list[Command]:
        """Take ``event`` at ``now`` (seconds of any steady clock) and return what is to be done, in order.

        Raises UnexpectedEventError, and changes nothing, when the event cannot happen in this phase.
        """
        match self.phase, event:
            case Phase.OFF, Started():
                return self._start()
            case Phase.RESTING, Ticked():
                return self._dial() if self._is_due(now) else []
            case Phase.DIALLING, Connected():
                return self._connected(now)
            case Phase.DIALLING, LoginRefused(reason):
                return self._refused(reason, now)
            case ((Phase.DIALLING | Phase.CALLING | Phase.LOGGED_IN), Disconnected(reason)):
                self.counts.failures += 1
                return self._rest(reason, now)
            case Phase.CALLING, Ticked():
                return [self._call(now)] if self._is_due(now) else []
            case Phase.CALLING, Received(topic, payload):
                return self._answered(topic, payload, now)
            case Phase.CALLING, Acknowledged():
                self._pace.settle()
            case Phase.LOGGED_IN, Ticked():
                return self._talk(now)
            case Phase.LOGGED_IN, Received():
                self.counts.commands += 1
            case Phase.LOGGED_IN, Acknowledged(topic):
                self._acknowledged(topic, now)
            case ((Phase.CALLING | Phase.LOGGED_IN), Denied(topic, reason)):
                self._denied(topic, reason, now)
            case _:
                raise UnexpectedEventError(self.phase, event)
        return []

    # -- before and between connections

    def _start(self) -> list[Command]:
        return self._dial() if self.memory else [self._begin_anew(), *self._dial()]

    def _begin_anew(self) -> Save:
        self.memory = Memory(self.device_id, self.fresh())
        return Save(self.memory)

    def _dial(self) -> list[Command]:
        self.phase = Phase.DIALLING
        self.wakes_at = None
        if own := self.credentials:
            return [ConnectOperations(username=own.username, password=own.password, client_id=own.client_id)]
        return [ConnectBootstrap(self._approach.client_id)]

    def _refused(self, reason: str, now: float) -> list[Command]:
        self.counts.refused += 1
        if self.credentials:
            self._refusals += 1
            if self._refusals >= self.timing.forget_after:
                return self._forget()
        return self._rest(reason, now)

    def _rest(self, reason: str, now: float) -> list[Command]:
        self.fault = reason
        self.phase = Phase.RESTING
        self.wakes_at = self._pace.next_attempt(now)
        return []

    def _forget(self) -> list[Command]:
        self.counts.forgotten += 1
        self._refusals = 0
        self._pace.settle()
        self.called_at = self.credentials_at = None
        self.informed = False
        return [self._begin_anew(), *self._dial()]

    # -- the first half: calling

    def _connected(self, now: float) -> list[Command]:
        self.counts.connections += 1
        self.fault = ""
        self._refusals = 0
        if own := self.credentials:
            self.phase = Phase.LOGGED_IN
            self._info_due = True
            return [Subscribe(self._own_topic(own, "commands")), self._inform(own)]
        self.phase = Phase.CALLING
        return [Subscribe(self._answer_topic), self._call(now)]

    def _call(self, now: float) -> Publish:
        self.counts.calls += 1
        if self.called_at is None:
            self.called_at = now
        self.wakes_at = self._pace.next_call(now)
        number = self.counts.calls
        payload = self.spoil(number) if self.spoil else contract.call_payload(self._approach, number)
        return Publish(contract.request_topic(self.prefix, self.device_id, self._approach), payload)

    def _answered(self, topic: str, payload: bytes, now: float) -> list[Command]:
        if topic != self._answer_topic:
            self.counts.ignored += 1
            return []
        try:
            answer = self._read(payload)
        except (contract.MalformedAnswer, contract.ForeignAnswer, UnsealError) as fault:
            self.counts.ignored += 1
            self.fault = str(fault)
            return []
        match answer:
            case contract.Pending(retry_after):
                self.counts.pending += 1
                self._pace.obey(retry_after)
                self.wakes_at = self._pace.next_call(now)
                return []
            case contract.NotUnderstood(_, message):
                self.counts.not_understood += 1
                self.fault = message
                return []
            case contract.Accepted(credentials):
                return self._receive(credentials, now)

    def _read(self, payload: bytes) -> contract.Pending | contract.NotUnderstood | contract.Accepted:
        """Read an answer and open it where it is sealed. Who sent a key takes no credentials that others could read."""
        form, key = self._approach.form, self._approach.private_key
        answer = contract.read_answer(payload, form, self.device_id)
        if isinstance(answer, contract.Sealed):
            if key is None:
                raise contract.MalformedAnswer("a sealed answer came though no key was sent")
            answer = contract.read_answer(unseal(key, self.device_id, answer.sealed), form, self.device_id)
            if not isinstance(answer, contract.Accepted):
                raise contract.MalformedAnswer("the sealed answer holds no credentials")
        elif isinstance(answer, contract.Accepted) and key is not None:
            raise contract.MalformedAnswer("the credentials came unsealed though a key was sent")
        return answer

    def _receive(self, credentials: Credentials, now: float) -> list[Command]:
        # The key has done its work; kept, it would open answers that somebody recorded.
        self.memory = Memory(self.device_id, replace(self._approach, private_key=None), credentials)
        self.credentials_at = now
        self._pace.settle()
        return [Disconnect(), Save(self.memory), *self._dial()]

    # -- the second half: logged in

    def _inform(self, own: Credentials) -> Publish:
        self.wakes_at = None
        return Publish(self._own_topic(own, "info"), info_payload(self.device_id))

    def _talk(self, now: float) -> list[Command]:
        own = self.credentials
        if own is None or not self._is_due(now):
            return []
        if self._info_due:
            return [self._inform(own)]
        self.counts.telemetry += 1
        self.wakes_at = self._pace.next_telemetry(now)
        return [Publish(self._own_topic(own, "telemetry"), telemetry_payload(self.counts.telemetry))]

    def _acknowledged(self, topic: str, now: float) -> None:
        self._pace.settle()
        own = self.credentials
        if own and topic == self._own_topic(own, "info"):
            self._info_due = False
            self.informed = True
            self.wakes_at = self._pace.first_telemetry(now)

    def _denied(self, topic: str, reason: str, now: float) -> None:
        self.counts.denied += 1
        own = self.credentials
        # The topic of a call holds the client id, which is nobody else's business.
        self.fault = f"{topic.rsplit('/', 1)[-1] if own else 'the call'} was refused: {reason}"
        if own and topic == self._own_topic(own, "info"):
            self.wakes_at = self._pace.next_attempt(now)

    # -- small questions

    @property
    def _approach(self) -> Approach:
        assert self.memory is not None, "the device is off"
        return self.memory.approach

    @property
    def _answer_topic(self) -> str:
        return contract.answer_topic(self.prefix, self.device_id, self._approach)

    def _own_topic(self, own: Credentials, name: str) -> str:
        return contract.device_topic(self.prefix, own.tenant, self.device_id, name)

    def _is_due(self, now: float) -> bool:
        return self.wakes_at is not None and now >= self.wakes_at
