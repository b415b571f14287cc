"""The clock of the machine is set now and then, by people or by the network: what that must not do is decided here.

Deadlines are times of day, since they outlast a restart; waiting goes by a clock that nobody sets. Where the two part,
the time of day was set.
"""

from collections.abc import Callable
from typing import Final

import structlog

SLACK: Final = 5_000
"""Milliseconds by which clocks may differ without a word."""
LEAP: Final = 300_000
"""Milliseconds forward from which on a clock is taken for set rather than corrected."""
LONG_AWAY: Final = 86_400_000
"""Milliseconds since the newest entry from which on a start may have happened with a wrong clock."""
GRACE: Final = 3_600.0
"""Seconds after a leap forward in which nothing expires, so that a clock that is wrong can be set right first."""

log = structlog.get_logger("clock")


class Timekeeper:
    """Notices when the clock was set.

    ``clock`` is the time of day in milliseconds, ``steady`` a clock in seconds that nobody sets. ``newest``: when the
    newest entry from before the start was written; ``settled``: the newest of those that are older than ``GRACE``.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        steady: Callable[[], float],
        newest: int | None = None,
        settled: int | None = None,
    ) -> None:
        self._clock = clock
        self._steady = steady
        self._last = (clock(), steady())
        self._grace_ends = steady()
        self._looks_ahead = True  # it may have gone back while nobody looked
        now = self._last[0]
        if settled is not None and now - settled > LONG_AWAY:
            self._grace_ends += GRACE
            away = (now - settled) // 1000
            log.info("long away", seconds=away, expiry=f"begins in {GRACE:.0f} s, in case the clock is wrong")
        if newest is not None and newest - now > SLACK:
            ahead = (newest - now) // 1000
            log.warning("clock was set back", seconds=ahead, noticed="the newest entry is from the future")

    def look(self) -> int:
        """Return by how many milliseconds the clock was set since the last look, negative for back, 0 for a little."""
        now, steady = self._clock(), self._steady()
        before, then = self._last
        self._last = (now, steady)
        leap = now - before - round((steady - then) * 1000)
        if leap < -SLACK:
            self._looks_ahead = True
            log.warning("clock was set back", seconds=-leap // 1000)
        elif leap > LEAP:
            self._grace_ends = steady + GRACE
            log.warning("clock was set forward", seconds=leap // 1000, expiry=f"waits for {GRACE:.0f} s")
        else:
            return 0
        return leap

    def lets_expire(self) -> bool:
        """Tell whether deadlines may be acted upon for good now."""
        self.look()
        return self._steady() >= self._grace_ends

    def latest(self) -> int | None:
        """Return the latest time that an entry may bear, where entries may have to be looked through; else None."""
        self.look()
        return self._clock() + SLACK if self._looks_ahead else None

    def looked_through(self) -> None:
        """Note that the entries have been looked through."""
        self._looks_ahead = False
