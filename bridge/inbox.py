"""Messages that have arrived and wait for their turn, in batches; bounded."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

MAX_BATCH: Final = 500
MAX_WAITING: Final = 20_000
MAX_WAITING_BYTES: Final = 32_000_000
"""Messages that wait for their turn, and their bytes, beyond which those with QoS 0 are dropped.

Nothing else bounds them: they need no acknowledgement, and while reading stopped, that of our own publishes would not
be heard.
"""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message as it came; ``mid`` and ``qos`` are for its acknowledgement, ``arrived`` is when, by ``monotonic``."""

    topic: str = field(repr=False)
    payload: bytes = field(repr=False)
    qos: int
    retain: bool
    mid: int
    correlation: bytes | None
    arrived: float | None = field(default=None, compare=False)

    @property
    def weight(self) -> int:
        """Its bytes."""
        return len(self.topic) + len(self.payload) + len(self.correlation or b"")


class Inbox(asyncio.Queue[Any]):
    """The queue that aiomqtt waits on, so that its own disconnect handling stays in force; ``get`` gives a batch."""

    def __init__(self, maxsize: int = 0) -> None:
        super().__init__(maxsize)
        self.waiting: deque[Incoming] = deque()
        self.arrived = asyncio.Event()
        self.size = 0
        self.dropped = 0

    def add(self, message: Incoming) -> None:
        if not message.qos and (len(self.waiting) >= MAX_WAITING or self.size >= MAX_WAITING_BYTES):
            self.dropped += 1
            return
        self.size += message.weight
        self.waiting.append(message)
        self.arrived.set()

    async def get(self) -> Any:
        while not self.waiting:
            self.arrived.clear()
            await self.arrived.wait()
        batch = [self.waiting.popleft() for _ in range(min(len(self.waiting), MAX_BATCH))]
        self.size -= sum(message.weight for message in batch)
        return batch
