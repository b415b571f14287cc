"""How often somebody may try to log in. Pure: it counts, and says how long to wait; it knows neither names nor broker.

Mosquitto counts no refused logins, so passwords that people chose could be found by trying here. Who is told to wait
does not reach the broker. Three things are counted: a name from one address, all from one address, and a name from
everywhere. By the last two somebody else could lock a person out, so of them are spared the addresses from which that
person has logged in.
"""

import ipaddress
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

FREE_PAIR: Final = 5
"""Wrong attempts for one name from one address, before waiting begins: a person who does not remember well."""
FREE_ADDRESS: Final = 20
"""The same for all names from one address, behind which a whole office may be."""
FREE_NAME: Final = 50
"""The same for one name from everywhere."""
FIRST_WAIT: Final = 5.0
LONGEST_WAIT: Final = 900.0
FORGET: Final = 3_600.0
"""Seconds after the last wrong attempt, after which there was none."""
MOST: Final = 10_000
"""Names and addresses that are remembered; the one that was counted longest ago is forgotten for another."""
LONGEST_NAME: Final = 255
"""Characters of a name that are remembered; strangers may type many more."""


@dataclass(slots=True)
class _Count:
    wrong: int = 0
    last: float = 0.0


_Key = tuple[str, ...]


class Throttle:
    """Counts of one process; ``clock`` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: dict[_Key, _Count] = {}
        self._good: dict[tuple[str, str], None] = {}

    def begin(self, name: str, address: str) -> float:
        """Return the seconds to wait, or 0.0 for an attempt, which counts as wrong until ``forgive`` or ``succeed``.

        So attempts that are made at the same time are not more than those that are made one after the other.
        """
        place = network_of(address)
        now = self._clock()
        waits = [self._wait(key, free, now) for key, free in self._keys(name, place)]
        if (longest := max(waits)) > 0:
            return longest
        for key, _ in self._keys(name, place):
            count = self._counts.pop(key, None) or _Count()
            count.wrong += 1
            count.last = now
            self._counts[key] = count  # at the end: the order is that of the last time
        while len(self._counts) > MOST:
            del self._counts[next(iter(self._counts))]
        return 0.0

    def forgive(self, name: str, address: str) -> None:
        """Take back an attempt that nobody has judged, as when the broker is away."""
        for key, _ in self._keys(name, network_of(address)):
            if (count := self._counts.get(key)) is not None:
                count.wrong -= 1
                if count.wrong <= 0:
                    del self._counts[key]

    def succeed(self, name: str, address: str) -> None:
        """Note that the password was right: the address is known for this person, and was not wrong."""
        place = network_of(address)
        self.forgive(name, address)
        self._counts.pop(("pair", name, place), None)
        self._good.pop((name, place), None)
        self._good[name, place] = None
        while len(self._good) > MOST:
            del self._good[next(iter(self._good))]

    def _keys(self, name: str, place: str) -> Iterator[tuple[_Key, int]]:
        name = name[:LONGEST_NAME]
        yield ("pair", name, place), FREE_PAIR
        if (name, place) not in self._good:
            yield ("address", place), FREE_ADDRESS
            yield ("name", name), FREE_NAME

    def _wait(self, key: _Key, free: int, now: float) -> float:
        count = self._counts.get(key)
        if count is not None and now - count.last > FORGET:
            del self._counts[key]
            return 0.0
        if count is None or count.wrong < free:
            return 0.0
        # The exponent is bounded too: two to the power of a million is a number that takes its time.
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(count.wrong - free, 20))
        return max(0.0, count.last + wait - now)


def network_of(address: str) -> str:
    """Return what of an address is one person's: of IPv6 the first 64 bits, which every home has for itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
