"""What a run of the soak has measured, and whether the bridge gives back what it takes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bridge.arrows import Arrow

MEMORY_GROWTH = 1.5
"""Times by which the bridge's memory may have grown between the first looks and the last."""
DESCRIPTORS_GROWTH = 8
"""Files and connections by which it may have: a session on its way, a connection to the database more or less."""
FIRST_AND_LAST = 3
"""Looks at the beginning and at the end that are compared; of each the least counts, which no passing work is in."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the processes take at rest: KiB of memory and descriptors of the bridge, KiB of the brokers."""

    bridge: int
    descriptors: int
    operations: int
    bootstrap: int


@dataclass(slots=True)
class Figures:
    """Counts of a whole run."""

    kills: int = 0
    processes_killed: int = 0
    at_arrows: Counter[Arrow] = field(default_factory=Counter)
    steps: int = 0
    helped: Counter[str] = field(default_factory=Counter)
    checks: int = 0
    seconds: float = 0.0
    looks: list[Look] = field(default_factory=list)

    def growth(self) -> list[str]:
        """Return, in sentences, what has grown without bound."""
        return grown(self.looks)


def grown(looks: Sequence[Look]) -> list[str]:
    """Return what has grown too much from the first looks to the last; with too few of them nothing can be said."""
    if len(looks) < 2 * FIRST_AND_LAST:
        return []
    first, last = looks[:FIRST_AND_LAST], looks[-FIRST_AND_LAST:]
    found = []
    before, after = min(look.bridge for look in first), min(look.bridge for look in last)
    if after > before * MEMORY_GROWTH:
        found.append(f"the bridge took {before} KiB of memory at first and takes {after} KiB at the end")
    before, after = min(look.descriptors for look in first), min(look.descriptors for look in last)
    if after > before + DESCRIPTORS_GROWTH:
        found.append(f"the bridge had {before} files and connections open at first and has {after} at the end")
    return found
