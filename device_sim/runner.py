"""Drives one device machine over MQTT: does what it commands, tells it what happened and when its time has come."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from device_sim.connection import BadLoginError, Connection, ConnectionLostError, Dialler
from device_sim.device import Device
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
from device_sim.memory import Memory

logger = logging.getLogger("device_sim")


class Runner:
    """The life of ``device`` in this process; ``save`` is called in a thread and may block."""

    def __init__(self, device: Device, dialler: Dialler, save: Callable[[Memory], None]) -> None:
        self._device = device
        self._dialler = dialler
        self._save = save
        self._commands: deque[Command] = deque()
        self._stopped = False

    def stop(self) -> None:
        """Make ``run`` end; its task is to be cancelled too, so that it does not wait for anything first."""
        self._stopped = True

    async def run(self) -> None:
        """Live until cancelled after ``stop``. Raises what ``save`` raises."""
        self._tell(Started())
        while True:
            self._heed_stop()
            if not self._commands:
                await asyncio.sleep(max(0.0, (self._device.wakes_at or 0.0) - _now()))
                self._tell(Ticked())
                continue
            match self._commands.popleft():
                case Save(memory):
                    await asyncio.to_thread(self._save, memory)
                case (ConnectBootstrap() | ConnectOperations()) as target:
                    await self._attend(target)
                case command:
                    raise AssertionError(f"{type(command).__name__} without a connection")

    async def _attend(self, target: ConnectBootstrap | ConnectOperations) -> None:
        """Hold one connection from dialling to its end; afterwards only commands for the time after it are left."""
        try:
            async with self._dialler.dial(target) as connection:
                await self._converse(connection)
        except BadLoginError as refused:
            logger.info("%s: login refused: %s", self._device.device_id, refused)
            self._tell(LoginRefused(str(refused)))
        except ConnectionLostError as lost:
            logger.info("%s: no connection: %s", self._device.device_id, lost)
            # What was still to be done on the connection is void; what is to be remembered is not.
            self._commands = deque(command for command in self._commands if isinstance(command, Save))
            self._tell(Disconnected(str(lost)))

    async def _converse(self, connection: Connection) -> None:
        """Do commands and tell events until the machine wants the connection closed."""
        self._tell(Connected())
        while True:
            while self._commands:
                match self._commands.popleft():
                    case Disconnect():
                        return
                    case Subscribe(topic):
                        if refusal := await connection.subscribe(topic):
                            self._tell(Denied(topic, refusal))
                    case Publish(topic, payload, qos):
                        refusal = await connection.publish(topic, payload, qos)
                        self._tell(Denied(topic, refusal) if refusal else Acknowledged(topic))
                    case command:
                        raise AssertionError(f"{type(command).__name__} on an open connection")
                self._heed_stop()
            self._tell(await self._next_event(connection))

    async def _next_event(self, connection: Connection) -> Event:
        try:
            async with asyncio.timeout_at(self._device.wakes_at):
                return Received(*await connection.receive())
        except TimeoutError:
            return Ticked()

    def _heed_stop(self) -> None:
        """Raise the CancelledError that something has swallowed: ``asyncio.wait_for`` may, on Python 3.11."""
        if self._stopped:
            raise asyncio.CancelledError

    def _tell(self, event: Event) -> None:
        before = self._device.phase
        self._commands.extend(self._device.handle(event, _now()))
        if self._device.phase is not before:
            logger.info("%s: %s -> %s", self._device.device_id, before, self._device.phase)


def _now() -> float:
    """Return the event loop's clock, the one that ``asyncio.timeout_at`` knows."""
    return asyncio.get_running_loop().time()
