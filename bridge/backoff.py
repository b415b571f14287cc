"""How long to wait before trying again: longer each time, and never in step with others."""

import asyncio
import random
from collections.abc import Callable


class Backoff:
    """Waits between attempts: doubled from 0.1 s to ``longest`` seconds, each with jitter, begun anew by ``reset``.

    ``chance`` draws from 0 up to 1.
    """

    def __init__(self, longest: float = 10.0, chance: Callable[[], float] = random.random) -> None:
        self._longest = longest
        self._chance = chance
        self._next = 0.1

    def reset(self) -> None:
        """Begin with short waits again."""
        self._next = 0.1

    async def wait(self) -> None:
        """Wait between half of the next interval and all of it, so that clients do not come back in step."""
        interval = self._next
        self._next = min(self._longest, interval * 2)
        await asyncio.sleep(interval * (0.5 + self._chance() / 2))
