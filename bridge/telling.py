"""How a command that changes keys or logins finds the running bridge, asks it to take them up, and knows that it did.

The bridge is found by its lock and asked by SIGHUP; what it goes by it notes in a file.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from bridge import installation
from bridge.folder import Folder, write_private
from bridge.locks import Lock, holder, lock_changes, lock_out_bridge

BY_HAND: Final = "systemctl reload bootstrap-bridge, docker compose kill -s HUP bridge, or kill -HUP with its number"
"""How a person asks a bridge that a command cannot reach."""
PATIENCE: Final = 20.0
"""Seconds that a command waits until the bridge has taken a change up."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a running bridge goes by. ``number`` grows with each look; ``fault``: why the last one changed nothing.

    ``brokers``: the bootstrap broker is its child, which it reloads.
    """

    pid: int
    number: int
    current: str
    keys: tuple[str, ...]
    logins: tuple[str, ...]
    brokers: bool
    fault: str | None = None

    def write(self, path: Path) -> None:
        """Write it down. Raises OSError."""
        write_private(path, json.dumps(asdict(self)) + "\n")

    @classmethod
    def read(cls, path: Path) -> "Loaded | None":
        """Read what the bridge noted last; None where it did not."""
        try:
            content = json.loads(path.read_bytes())
            return cls(**{**content, "keys": tuple(content["keys"]), "logins": tuple(content["logins"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None


class Answer(StrEnum):
    """What became of asking the running bridge."""

    NOBODY = "nobody"
    TAKEN = "taken"
    UNSEEN = "unseen"
    NOT_TAKEN = "not taken"


@dataclass(frozen=True, slots=True)
class Told:
    """What came of telling the running bridge of a change, and what it noted."""

    answer: Answer
    loaded: Loaded | None = None

    @property
    def is_current(self) -> bool:
        """Tell whether no bridge goes by what was before the change."""
        return self.answer in (Answer.NOBODY, Answer.TAKEN)


@dataclass(frozen=True, slots=True)
class Changing:
    """The right to change keys and logins of a folder, with no bridge starting meanwhile."""

    folder: Folder
    bridge_runs: bool

    def tell(self, is_right: Callable[[Loaded], bool], patience: float = PATIENCE) -> Told:
        """Have a running bridge take up what was changed, and wait until it goes by what ``is_right``."""
        if not self.bridge_runs:
            return Told(Answer.NOBODY)
        pid = holder(self.folder.path)
        if pid is None:
            return Told(Answer.UNSEEN)
        before = Loaded.read(self.folder.loaded)
        number = before.number if before is not None and before.pid == pid else 0
        try:
            os.kill(pid, signal.SIGHUP)
        except OSError:
            return Told(Answer.UNSEEN)
        deadline = time.monotonic() + patience
        found = None
        while time.monotonic() < deadline:
            found = Loaded.read(self.folder.loaded)
            if found is not None and found.pid == pid and found.number > number:
                if found.fault is not None:
                    return Told(Answer.NOT_TAKEN, found)
                if is_right(found):
                    return Told(Answer.TAKEN, found)
            time.sleep(0.05)
        return Told(Answer.NOT_TAKEN, found)


@contextmanager
def changing(data: Path) -> Iterator[Changing]:
    """Take the right to change keys and logins. Raises InstallationFault, Busy, OSError."""
    installation.load(data)  # there is one
    locks: list[Lock] = [lock_changes(data)]
    try:
        alone = lock_out_bridge(data)
        locks += [] if alone is None else [alone]
        yield Changing(Folder(data), alone is None)
    finally:
        for lock in locks:
            lock.release()
