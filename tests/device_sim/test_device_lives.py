"""Any life that can happen to a device, drawn by Hypothesis: what must hold at every step of it."""

import json

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from device_sim.contract import answer_topic, request_topic
from device_sim.device import Device, Phase
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
from device_sim.memory import Approach, Memory
from device_sim.pace import Timing
from tests.device_sim.desk import accepted_object

ID = "Wärmepumpe-7"
TIMING = Timing(retry_after=5, telemetry_interval=3, forget_after=3)


class Life(RuleBasedStateMachine):
    """A device, its disk, and a clock; each rule is something that the world may do to it."""

    @initialize(remembers=st.booleans())
    def switch_on(self, remembers: bool) -> None:
        self.approaches = 0
        self.chance = 0.0
        self.now = 0.0
        self.disk: Memory | None = Memory(ID, self.fresh()) if remembers else None
        self.last_call = -1e9
        self.last_topic = ""
        self.told = TIMING.retry_after
        self.boot()

    def fresh(self) -> Approach:
        self.approaches += 1
        return Approach(f"{self.approaches:032}")

    def boot(self) -> None:
        self.device = Device(ID, self.fresh, lambda: self.chance, timing=TIMING, memory=self.disk)
        self.last_call = -1e9
        self.told = TIMING.retry_after
        self.tell(Started())

    def tell(self, event: Event) -> None:
        before = self.disk
        commands = self.device.handle(event, self.now)
        self.perform(event, commands)
        if before and self.disk and before.approach != self.disk.approach:
            assert isinstance(event, LoginRefused), "only a refused login makes a device call in another way"
            assert before.credentials

    def perform(self, event: Event, commands: list[Command]) -> None:
        for command in commands:
            match command:
                case Save(memory):
                    self.disk = memory
                case ConnectBootstrap(client_id):
                    assert self.disk
                    assert self.disk.credentials is None
                    assert client_id == self.disk.approach.client_id
                case ConnectOperations():
                    assert self.disk
                    assert self.disk.credentials
                    assert command.client_id == ID
                case Publish(topic):
                    self.last_topic = topic
                    self.check_publish(event, topic)
                case Subscribe(topic):
                    assert topic in {self.answers, f"devices/t1/{ID}/commands"}
                case Disconnect():
                    assert self.device.phase is Phase.DIALLING

    def check_publish(self, event: Event, topic: str) -> None:
        assert self.disk
        if self.disk.credentials:
            assert topic in {f"devices/t1/{ID}/info", f"devices/t1/{ID}/telemetry"}
            return
        assert topic == request_topic("", ID, self.disk.approach)
        if not isinstance(event, Connected):
            assert self.now - self.last_call >= self.told, "a call was repeated too soon"
        self.last_call = self.now

    @property
    def answers(self) -> str:
        assert self.disk
        return answer_topic("", ID, self.disk.approach)

    def stands(self, *phases: Phase) -> bool:
        return self.device.phase in phases

    @rule(seconds=st.floats(0, 60), chance=st.floats(0, 1, exclude_max=True))
    def time_passes(self, seconds: float, chance: float) -> None:
        self.now += seconds
        self.chance = chance

    @rule()
    def is_switched_off_and_on(self) -> None:
        self.boot()

    @rule()
    def is_woken(self) -> None:
        if not self.stands(Phase.DIALLING):
            if self.device.wakes_at is not None:
                self.now = max(self.now, self.device.wakes_at)
            self.tell(Ticked())

    @precondition(lambda self: self.stands(Phase.DIALLING))
    @rule()
    def connects(self) -> None:
        self.tell(Connected())

    @precondition(lambda self: self.stands(Phase.DIALLING))
    @rule()
    def is_refused(self) -> None:
        self.tell(LoginRefused("no"))

    @precondition(lambda self: self.stands(Phase.DIALLING, Phase.CALLING, Phase.LOGGED_IN))
    @rule()
    def loses_the_connection(self) -> None:
        self.tell(Disconnected("gone"))

    @precondition(lambda self: self.stands(Phase.CALLING, Phase.LOGGED_IN))
    @rule(taken=st.booleans())
    def hears_of_its_last_message(self, taken: bool) -> None:
        self.tell(Acknowledged(self.last_topic) if taken else Denied(self.last_topic, "no"))

    @precondition(lambda self: self.stands(Phase.CALLING, Phase.LOGGED_IN))
    @rule(payload=st.binary(max_size=60))
    def receives_whatever(self, payload: bytes) -> None:
        before = self.device.credentials
        self.tell(Received(self.answers, payload))
        assert self.device.credentials is before

    @precondition(lambda self: self.stands(Phase.CALLING))
    @rule(seconds=st.integers(5, 3600))
    def is_told_to_wait(self, seconds: int) -> None:
        pending = json.dumps({"status": "PENDING_ACCEPTANCE", "retryAfter": seconds})
        self.tell(Received(self.answers, pending.encode()))
        self.told = float(seconds)

    @precondition(lambda self: self.stands(Phase.CALLING))
    @rule(right=st.booleans())
    def is_accepted(self, right: bool) -> None:
        answer = json.dumps(accepted_object(ID if right else "pump-8", "secret")).encode()
        self.tell(Received(self.answers, answer))
        assert (self.device.credentials is not None) == right

    @invariant()
    def what_it_knows_is_on_disk(self) -> None:
        assert self.device.memory == self.disk

    @invariant()
    def it_always_goes_on(self) -> None:
        """Somebody will tell it something: a broker that it dials, an acknowledgement or the clock."""
        sent_info = self.device.phase is Phase.LOGGED_IN and self.last_topic.endswith("/info")
        assert self.stands(Phase.DIALLING) or self.device.wakes_at is not None or sent_info

    @invariant()
    def who_made_it_has_credentials(self) -> None:
        assert self.device.credentials or not self.device.informed


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
