"""The fleet of the soak: simulated devices that call, repeat, log in with what they got, talk, and forget."""

import asyncio
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from device_sim.bootstrap_file import Brokers
from device_sim.connection import Dialler
from device_sim.device import Device, Phase
from device_sim.memory import Approach, Call, Credentials, Form, Memory
from device_sim.pace import Pace, Timing
from device_sim.runner import Runner
from device_sim.sealing import new_private_key
from tests.soak.words import Machine

TIMING = Timing(retry_after=1.0, telemetry_interval=2.0, backoff_first=0.15, backoff_most=1.0, forget_after=3)
"""Everything a device does, it does fast here, so that a thousand kills take minutes."""

NEVER = 1_000_000_000
"""Refusals after which a device that knows no bootstrap forgets what it was given in the factory."""

Given = Callable[[Machine, Credentials], None]


class _Hasty(Pace):
    """Calls again after a second, where the bridge asks for thirty: a run would be waiting most of the time."""

    def obey(self, retry_after: float) -> None:
        """Do not."""


@dataclass
class Unit:
    """One device: its memory, which outlives it, and the task in which it lives while it is on."""

    machine: Machine
    dialler: Dialler
    given: Given
    memory: Memory | None = None
    device: Device | None = None
    refused: Memory | None = None
    """What it has forgotten last, because the broker refused it again and again."""
    connections: int = 0
    _runner: Runner | None = None
    _life: asyncio.Task[None] | None = None

    @property
    def client_id(self) -> str | None:
        """The client id that it calls with."""
        return None if self.memory is None else self.memory.approach.client_id

    @property
    def credentials(self) -> Credentials | None:
        """The credentials it has now."""
        return None if self.memory is None else self.memory.credentials

    @property
    def is_at_home(self) -> bool:
        """Tell whether it is logged in with its own credentials, and has said so."""
        device = self.device
        return device is not None and device.phase is Phase.LOGGED_IN and device.informed

    def switch_on(self) -> None:
        """Begin to live, with the memory there is."""
        timing = replace(TIMING, forget_after=NEVER) if self.machine.from_file else TIMING
        device = Device(self.machine.id, self._approach, random.random, timing=timing, memory=self.memory)
        device._pace = _Hasty(timing, random.random)
        self.device = device
        self._runner = Runner(device, self.dialler, self._save)
        self._life = asyncio.get_running_loop().create_task(self._runner.run(), name=f"device {self.machine.id}")

    async def switch_off(self) -> None:
        """End at once; the memory stays. Raises what has ended the device before."""
        if self._runner is None or self._life is None:
            return
        self._runner.stop()
        self._life.cancel()
        done, _ = await asyncio.wait({self._life})
        for life in done:
            if not life.cancelled():
                life.result()
        assert self.device is not None
        self.connections += self.device.counts.connections
        self._runner = self._life = self.device = None

    async def reset(self) -> None:
        """Forget everything and begin anew, as after a factory reset."""
        await self.switch_off()
        self.memory = self.refused = None
        self.switch_on()

    async def provide(self, credentials: Credentials) -> None:
        """Give it credentials from outside, as in a factory, and switch it on."""
        await self.switch_off()
        self.memory = Memory(self.machine.id, self._approach(), credentials)
        self.given(self.machine, credentials)
        self.switch_on()

    def fault(self) -> BaseException | None:
        """Return what ended the device though it was on: a fault of the simulator."""
        if self._life is None or not self._life.done() or self._life.cancelled():
            return None
        return self._life.exception()

    def _approach(self) -> Approach:
        machine = self.machine
        return Approach(
            client_id=machine.id if machine.plain else secrets.token_urlsafe(24),
            call=Call.PLAIN if machine.plain else Call.PRIVATE,
            form=Form.LINE if machine.line else Form.JSON,
            token=machine.token,
            private_key=new_private_key() if machine.sealed else None,
        )

    def _save(self, memory: Memory) -> None:
        before, self.memory = self.memory, memory
        if memory.credentials is not None:
            self.given(self.machine, memory.credentials)
        elif before is not None and before.credentials is not None:
            self.refused = before


class Fleet:
    """All devices of a run."""

    def __init__(self, machines: tuple[Machine, ...], brokers: Brokers, given: Given) -> None:
        dialler = Dialler(brokers)
        self.units = [Unit(machine, dialler, given) for machine in machines]

    def __getitem__(self, at: int) -> Unit:
        """Return the unit with this number."""
        return self.units[at]

    def switch_on(self) -> None:
        """Switch on whoever calls; who gets its credentials from a file waits for them."""
        for unit in self.units:
            if not unit.machine.from_file:
                unit.switch_on()

    async def switch_off(self) -> None:
        """End all of them."""
        await asyncio.gather(*(unit.switch_off() for unit in self.units))

    @property
    def at_home(self) -> int:
        """How many are logged in."""
        return sum(unit.is_at_home for unit in self.units)

    @property
    def connections(self) -> int:
        """How many connections they have made, all together."""
        return sum(
            unit.connections + (0 if unit.device is None else unit.device.counts.connections) for unit in self.units
        )

    def faults(self) -> list[str]:
        """Return what has ended devices that were on."""
        return [f"{unit.machine.id}: {fault!r}" for unit in self.units if (fault := unit.fault()) is not None]
