"""How many calls are looked at: limits for each device, each connection and all together, within bounded memory. Pure.

A limit is a number of calls a second, of which a minute's worth may come at once. It knows nothing of registrations:
who is refused, and what he is told to wait, must not tell which ids exist (the contract, section 3). So there is
nothing either that two callers of the same id share, whom one of them could watch the other by.
"""

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

AT_ONCE: Final = 60.0
"""Seconds' worth of calls that may come at once: a herd after a power cut is no misuse."""
MAX_KEYS: Final = 20_000
"""Callers that a limiter remembers, with some 300 bytes each. Who is forgotten begins anew."""
LONGEST_KEY: Final = 400
"""Characters of a name that is remembered as it is. A call that is malformed may have one of 20,000."""
MAX_RETRY_AFTER: Final = 3_600.0
MOST_GROWN: Final = 900.0
"""Seconds that load adds at most. That spreads 900,000 devices over 1,000 calls a second; more would only let whoever
floods keep devices away for longer than the flood lasts."""
COMFORT: Final = 0.5
"""Part of the overall limit that calls shall settle at."""
"""Fleets that settle there leave the other part to those who do not wait as they are told."""
STEEPEST: Final = 2.0
"""Seconds a second by which what is told changes at most."""
LONGEST_STEP: Final = 10.0
"""Seconds for which one count of calls is taken to have held."""


class Limiter:
    """At most ``rate`` a second for each key over time, and ``AT_ONCE`` seconds' worth of it at once; 0: no limit.

    Of a key one number is kept, the moment at which it may have used all of its rate up to now (the generic cell rate
    algorithm of ITU-T I.371). A moment that has passed says nothing any more, so such keys are forgotten at no loss.
    """

    def __init__(self, rate: float, max_keys: int = MAX_KEYS) -> None:
        self._interval = 1.0 / rate if rate else 0.0
        self._slack = max(0.0, AT_ONCE - self._interval) + 1e-9  # sums of fractions
        self._max_keys = max_keys
        self._used_up: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._used_up)

    def takes(self, key: str, now: float) -> bool:
        """Tell whether one more of ``key`` is within the rate, and count it if so. ``now`` is in seconds."""
        if not self._interval:
            return True
        moments = self._used_up
        used_up = max(moments.get(key, now), now)
        if used_up - now > self._slack:
            return False
        moments.pop(key, None)
        moments[key] = used_up + self._interval  # at the end: in front stand those not counted for longest
        self._forget(now)
        return True

    def _forget(self, now: float) -> None:
        moments = self._used_up
        for _ in range(2):  # more than come in, so that what is over does not pile up
            oldest = next(iter(moments))
            if moments[oldest] > now and len(moments) <= self._max_keys:
                return
            del moments[oldest]
            if not moments:
                return


def _short(key: str) -> str:
    return key if len(key) <= LONGEST_KEY else hashlib.sha256(key.encode()).hexdigest()


class RetryAfter:
    """The seconds after which callers shall call again, one value for all, longer while more calls come than shall.

    It moves by the logarithm of how many times too many they are, in seconds a second. What it tells shows only one
    such time later, when those who were told call again, so that quicker steps would swing for ever (an integrator
    with a delay is stable up to a gain of pi/2; this one's is 1).
    """

    def __init__(self, comfortable: float) -> None:
        self._comfortable = comfortable
        self._grown = 0.0
        self._since: float | None = None
        self._heard = 0

    def hear(self, calls: int, now: float) -> None:
        """Take into account that ``calls`` have come until ``now``, in seconds."""
        if not self._comfortable:
            return
        self._heard += calls
        if self._since is None:
            self._since = now
        passed = now - self._since
        if passed < 1.0:
            return
        ratio = self._heard / passed / self._comfortable
        step = max(-STEEPEST, min(STEEPEST, math.log(ratio))) if ratio > 0 else -STEEPEST
        self._grown += step * (passed if step < 0 else min(passed, LONGEST_STEP))
        self._grown = max(0.0, min(MOST_GROWN, self._grown))
        self._since, self._heard = now, 0

    def tell(self, base: float, chance: float) -> int:
        """Return the seconds to tell one caller: ``base``, and under load more, spread by ``chance`` (0 to 1)."""
        if self._grown < 1.0:
            return math.ceil(base)
        return math.ceil(min(MAX_RETRY_AFTER, (base + self._grown) * (1 + chance / 2)))


class Verdict(StrEnum):
    """Whether a call is looked at, or which limit it is above."""

    TAKEN = "taken"
    DEVICE = "device"
    CONNECTION = "connection"
    OVERALL = "overall"


@dataclass(frozen=True)
class Rates:
    """Calls a second: of one caller in one device's name, of one connection, of all; 0 is no limit."""

    device: float = 20.0
    connection: float = 100.0
    overall: float = 2_000.0


class Pace:
    """Decides for each call whether it is looked at."""

    def __init__(self, rates: Rates, clock: Callable[[], float], chance: Callable[[], float]) -> None:
        self._devices = Limiter(rates.device)
        self._connections = Limiter(rates.connection)
        self._all = Limiter(rates.overall)
        self._told = Limiter(rates.overall / 4)
        self._retry_after = RetryAfter(rates.overall * COMFORT)
        self._clock = clock
        self._chance = chance

    def verdict(self, topic: str, client_id: str) -> Verdict:
        """Decide on a call by ``client_id``, to whom alone the broker lets ``topic``."""
        now = self._clock()
        if not self._devices.takes(_short(topic), now):
            return Verdict.DEVICE
        if not self._connections.takes(_short(client_id), now):
            return Verdict.CONNECTION
        self._retry_after.hear(1, now)
        return Verdict.TAKEN if self._all.takes("", now) else Verdict.OVERALL

    def tells(self) -> bool:
        """Tell whether one more caller above the overall limit is answered; others call again unasked."""
        return self._told.takes("", self._clock())

    def retry_after(self, base: float) -> int:
        """Return the seconds to tell one caller, whoever it is; ``base`` is what is told without load."""
        self._retry_after.hear(0, self._clock())
        return self._retry_after.tell(base, self._chance())
