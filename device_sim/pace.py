"""When a device does something next: repeats as it was told, back-off with jitter. Pure; chance is passed in."""

from collections.abc import Callable
from dataclasses import dataclass, field

REPEAT_JITTER = 0.2
"""A repeat comes up to this part of its interval later, never sooner than the answer asked."""

_MOST_DOUBLINGS = 16  # far beyond any sensible longest back-off, and keeps the power small


@dataclass(frozen=True, slots=True)
class Timing:
    """Intervals in seconds; ``retry_after`` holds until an answer names another, telemetry at interval 0 is none.

    ``forget_after`` is the number of refused logins on end after which a device forgets its credentials.
    """

    retry_after: float = 30.0
    telemetry_interval: float = 10.0
    backoff_first: float = 1.0
    backoff_most: float = 30.0
    forget_after: int = 8


@dataclass(slots=True)
class Pace:
    """One device's sense of time; ``chance`` gives a number from 0 up to 1. All results are moments, in seconds."""

    timing: Timing
    chance: Callable[[], float]
    _told: float | None = field(default=None, init=False)
    _attempts: int = field(default=0, init=False)

    def obey(self, retry_after: float) -> None:
        """Repeat every ``retry_after`` seconds from now on."""
        self._told = retry_after

    def settle(self) -> None:
        """Take the connection for a good one: the next back-off is the first again."""
        self._attempts = 0

    def next_call(self, now: float) -> float:
        """Return when to repeat a call."""
        interval = self.timing.retry_after if self._told is None else self._told
        return now + interval * (1 + REPEAT_JITTER * self.chance())

    def next_attempt(self, now: float) -> float:
        """Return when to try again what has failed; each failure on end doubles the wait."""
        factor = float(1 << min(self._attempts, _MOST_DOUBLINGS))
        self._attempts += 1
        longest = min(self.timing.backoff_most, self.timing.backoff_first * factor)
        return now + longest * (1 + self.chance()) / 2

    def first_telemetry(self, now: float) -> float | None:
        """Return when the first telemetry after a login is due, spread over one interval; None means never."""
        interval = self.timing.telemetry_interval
        return now + interval * self.chance() if interval else None

    def next_telemetry(self, now: float) -> float:
        """Return when the telemetry after this one is due."""
        return now + self.timing.telemetry_interval
