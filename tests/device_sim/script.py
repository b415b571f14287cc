"""Scripts of a device's life for tests: an event, the commands that must follow."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from device_sim.device import Device
from device_sim.events import (
    Acknowledged,
    Command,
    ConnectBootstrap,
    Connected,
    ConnectOperations,
    Event,
    Publish,
    Save,
    Started,
    Subscribe,
)
from device_sim.memory import Approach, Credentials, Memory
from device_sim.pace import Timing
from tests.device_sim.desk import accepted_object

ID = "pump-7"
CREDENTIALS = Credentials(tenant="t1", username="t1/device_pump-7", password="secret", client_id=ID)
LOGIN = ConnectOperations(username="t1/device_pump-7", password="secret", client_id=ID)
ACCEPTED = json.dumps(accepted_object(ID, "secret")).encode()
PENDING = b'{"status": "PENDING_ACCEPTANCE", "retryAfter": 5}'
INFO, COMMANDS, TELEMETRY = (f"devices/t1/{ID}/{name}" for name in ("info", "commands", "telemetry"))
TIMING = Timing(retry_after=30, telemetry_interval=10, backoff_first=1, backoff_most=8, forget_after=3)


def client_ids() -> Callable[[], Approach]:
    """Return a source of approaches, told apart by their client ids: first, second and so on."""
    numbers = iter(range(1, 1_000))
    return lambda: Approach(f"client-{next(numbers):022}")


@dataclass
class Script:
    """A device and its clock; without jitter, so that every moment is exact."""

    device: Device
    now: float = 100.0

    def tell(self, event: Event, *expected: Command, after: float = 0.0) -> None:
        """Let ``after`` seconds pass, tell ``event``, compare all commands."""
        self.now += after
        assert self.device.handle(event, self.now) == list(expected)

    def wakes_after(self, seconds: float | None) -> None:
        """Compare the moment at which the device wants to be woken."""
        wakes_at = self.device.wakes_at
        assert (None if wakes_at is None else wakes_at - self.now) == seconds


def script(
    memory: Memory | None = None,
    *,
    fresh: Callable[[], Approach] | None = None,
    prefix: str = "",
    spoil: Callable[[int], bytes] | None = None,
) -> Script:
    """Return a device without jitter, whose back-off is half of the longest."""
    return Script(Device(ID, fresh or client_ids(), lambda: 0.0, prefix, TIMING, memory, spoil))


def approach(number: int = 1) -> Approach:
    """Return approach ``number`` of a script."""
    return Approach(f"client-{number:022}")


def topics(number: int = 1) -> tuple[str, str]:
    """Return request and answer topic of approach ``number``."""
    client_id = approach(number).client_id
    return f"bootstrap/{ID}/request/{client_id}", f"bootstrap/{ID}/response/{client_id}"


def call(number: int, approach_number: int = 1) -> Publish:
    """Return call ``number``."""
    return Publish(topics(approach_number)[0], json.dumps({"requestId": str(number)}).encode())


def calling() -> Script:
    """Return a script that has reached the first call."""
    play = script()
    play.tell(Started(), Save(Memory(ID, approach())), ConnectBootstrap(approach().client_id))
    play.tell(Connected(), Subscribe(topics()[1]), call(1))
    return play


def logged_in() -> Script:
    """Return a script that has reached the end of a login, with stored credentials."""
    play = script(Memory(ID, approach(), CREDENTIALS))
    play.tell(Started(), LOGIN)
    (subscribe, info) = play.device.handle(Connected(), play.now)
    assert subscribe == Subscribe(COMMANDS)
    assert isinstance(info, Publish)
    assert (info.topic, info.qos) == (INFO, 1)
    play.tell(Acknowledged(INFO))
    return play
