"""The figures of the overview: what happened, put into bars of equal length, and what happens right now. Pure.

The bridge counts by the hour; a person thinks in hours and days of where they are, hence the ``zone``: minutes that the
person's clock is ahead of UTC.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from bridge.console.texts import text

HAPPENINGS: Final = ("registered", "requested", "accepted", "confirmed", "blocked")
"""What the bridge counts by the hour, in the order in which it happens to a device."""
STEPS: Final = ("requested", "accepted", "delivered", "confirmed")
"""The way of a device from its first call on, as its events name the steps."""
WINDOW: Final = 60
"""Seconds that are right now."""
_HOUR: Final = timedelta(hours=1)
_UNITS: Final = (("d", 86_400, "h", 3_600), ("h", 3_600, "min", 60), ("min", 60, "s", 1))


@dataclass(frozen=True, slots=True)
class Range:
    """A time to look back on: ``bars`` bars of ``hours`` each, the last one being the one we are in."""

    name: str
    bars: int
    hours: int


RANGES: Final = {one.name: one for one in (Range("day", 24, 1), Range("week", 28, 6), Range("month", 30, 24))}
"""By name, the one first that a page shows."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: when it begins by the person's clock, and how often each of ``HAPPENINGS`` was in it."""

    begins: datetime
    numbers: Mapping[str, int]


def began(looked: Range, now: datetime, zone: int) -> datetime:
    """Return when the first bar begins, in UTC: with an hour of the bridge, days and six hours with the person's day.

    Where a clock differs from UTC by a part of an hour, so do the bars from that clock's full hours: what the bridge
    has counted in one hour is in one bar.
    """
    ahead = timedelta(hours=zone // 60)
    hour = (now.astimezone(UTC) + ahead).replace(minute=0, second=0, microsecond=0)
    last = hour - timedelta(hours=hour.hour % looked.hours)
    return last - (looked.bars - 1) * looked.hours * _HOUR - ahead


def bars(series: Iterable[Mapping[str, Any]], looked: Range, now: datetime, zone: int) -> list[Bar]:
    """Put the bridge's ``series`` into bars, those without anything too."""
    first = began(looked, now, zone)
    numbers = [dict.fromkeys(HAPPENINGS, 0) for _ in range(looked.bars)]
    for row in series:
        at = (datetime.fromisoformat(row["hour"]) - first) // (looked.hours * _HOUR)
        if 0 <= at < looked.bars:
            for name in HAPPENINGS:
                numbers[at][name] += int(row[name])
    step, ahead = looked.hours * _HOUR, timedelta(minutes=zone)
    return [Bar(first + ahead + at * step, counted) for at, counted in enumerate(numbers)]


def labels(shown: Sequence[Bar], looked: Range) -> list[str]:
    """Name the bars, each by itself: the day stands where it can be mistaken."""
    if looked.hours >= 24:
        return [f"{one.begins:%a} {one.begins.day} {one.begins:%b}" for one in shown]
    if looked.hours > 1:
        return [f"{one.begins:%a} {one.begins.day}, {one.begins:%H:%M}" for one in shown]
    return [f"{one.begins:%a} {one.begins:%H:%M}" for one in shown]


def duration(seconds: float) -> str:
    """Say how long something took or has lasted, no more exactly than a person wants it."""
    if seconds < 9.95:
        return text("overview.length_s", number=f"{seconds:.1f}")
    whole = round(seconds)
    for unit, length, smaller, part in _UNITS:
        if whole >= length:
            rest = whole % length // part
            told = text(f"overview.length_{unit}", number=f"{whole // length:,}")
            return f"{told} {text(f'overview.length_{smaller}', number=rest)}" if rest else told
    return text("overview.length_s", number=whole)


@dataclass
class Pulse:
    """Counts events by the second for as long as they are right now. ``at`` is any clock that only goes on."""

    _seconds: deque[tuple[int, dict[str, int]]] = field(default_factory=deque)

    def beat(self, event: str, at: float) -> None:
        """Count an event."""
        second = int(at)
        if not self._seconds or self._seconds[-1][0] < second:
            self._seconds.append((second, {}))
        counted = self._seconds[-1][1]
        counted[event] = counted.get(event, 0) + 1
        self._forget(at)

    def _forget(self, at: float) -> None:
        while self._seconds and self._seconds[0][0] <= int(at) - WINDOW:
            self._seconds.popleft()

    def totals(self, at: float) -> dict[str, int]:
        """Return how often each event was in the last ``WINDOW`` seconds."""
        self._forget(at)
        found: dict[str, int] = {}
        for _, counted in self._seconds:
            for event, number in counted.items():
                found[event] = found.get(event, 0) + number
        return found

    def course(self, event: str, at: float) -> list[int]:
        """Return the numbers of each of the last ``WINDOW`` seconds, the one we are in last."""
        self._forget(at)
        found = [0] * WINDOW
        for second, counted in self._seconds:
            found[second - int(at) - 1] = counted.get(event, 0)
        return found
