"""Locks on files, which end with whoever holds them, however he ends: nothing is left that stops the next start."""

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from bridge.folder import give_to_owner

LOCK_PATIENCE: Final = 5.0
"""Seconds for which the children of somebody who was killed may still be ending."""
REMINDED_AFTER: Final = 0.5
"""Seconds after which such children are asked to end. The kernel has asked them already, but a Mosquitto that had only
just been started may have lost that signal, and would hold the folder for ever."""

CHANGING: Final = 10.0
"""Seconds that a change of keys and logins may take."""


class Busy(Exception):
    """Somebody else works there."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that is held. ``cut_off``: who held it before did not end in good order, but was killed."""

    descriptor: int
    cut_off: bool

    def sign(self) -> None:
        """Write down who holds it; where the disk is full it holds all the same, without a name."""
        with suppress(OSError):
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, f"{os.getpid()}\n".encode(), 0)

    def strike_out(self) -> None:
        """Take the name away: from here on, all is in good order."""
        with suppress(OSError):  # who comes next thinks then that we were killed, and looks closer
            os.ftruncate(self.descriptor, 0)

    def release(self) -> None:
        """Let others have it."""
        os.close(self.descriptor)


def take_lock(path: Path, what: str, remedy: str, *, patience: float = LOCK_PATIENCE) -> Lock:
    """Lock by the file ``path``, unsigned; in the sentence of a refusal stand ``what`` and ``remedy``.

    Children that inherit the descriptor hold the lock too, until they have ended. Raises Busy, OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    began = time.monotonic()
    deadline, remind_at = began + patience, began + REMINDED_AFTER
    while True:
        holder = os.pread(descriptor, 64, 0).decode(errors="replace").strip()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            now = time.monotonic()
            if now < deadline and not _is_running(holder):
                if now >= remind_at:
                    remind_at = now + REMINDED_AFTER
                    for left in _left_behind(path):
                        with suppress(OSError):  # it has just ended, or is another user's
                            os.kill(left, signal.SIGTERM)
                time.sleep(0.05)
                continue
            os.close(descriptor)
            raise Busy(f"{what} is in use by another bridge (process {holder or 'unknown'}): {remedy}") from None
        holder = os.pread(descriptor, 64, 0).decode(errors="replace").strip()
        return Lock(descriptor, bool(holder))


def lock_folder(data: Path) -> Lock:
    """Take the folder for making or changing the installation, and for its brokers by `up`. Raises Busy, OSError."""
    return _signed(data / "lock", data)


def lock_bridge(data: Path) -> Lock:
    """Take the part of the folder that is the bridge's alone, by `up` or `serve`. Raises Busy, OSError."""
    return _signed(data / "bridge" / "lock", data)


def lock_changes(data: Path) -> Lock:
    """Take the right to change keys and logins, for as long as that takes. Raises Busy, OSError."""
    return _taken(data / "bridge" / "changes.lock", "keys and logins", CHANGING)


@contextmanager
def changed_alone(data: Path) -> Iterator[None]:
    """Hold that right until the block ends. Raises Busy, OSError."""
    lock = lock_changes(data)
    try:
        yield
    finally:
        lock.release()


def lock_out_bridge(data: Path) -> Lock | None:
    """Keep a bridge from starting for a moment; None where one is at work. Raises OSError."""
    try:
        taken = _taken(data / "bridge" / "lock", "the folder", 0.0)
    except Busy:
        return None
    taken.strike_out()  # whoever had it has ended, and a process of that number may be anybody
    return taken


def holder(data: Path, table: Path = Path("/proc/locks")) -> int | None:
    """Return the process of the bridge that works in the folder, if the system too says that it holds the lock.

    A number in a file proves nothing: it may be of a process in another container, or by now any other's.
    """
    path = data / "bridge" / "lock"
    try:
        pid = path.read_text(encoding="ascii").strip()
        inode = str(path.stat().st_ino)
        held = [line.split() for line in table.read_text(encoding="ascii").splitlines()]
    except (OSError, ValueError):
        return None
    return (
        int(pid) if any(one[1] == "FLOCK" and one[4] == pid and one[5].endswith(f":{inode}") for one in held) else None
    )


def _taken(path: Path, what: str, patience: float) -> Lock:
    """Take a lock for a moment, unsigned, so that others wait. Raises Busy, OSError."""
    taken = take_lock(path, what, "try again", patience=patience)
    give_to_owner(taken.descriptor, path.parent)
    return taken


def _signed(path: Path, data: Path) -> Lock:
    taken = take_lock(path, f"the folder {data}", "end that one first, or choose another folder with --data")
    give_to_owner(taken.descriptor, path.parent)
    taken.sign()
    return taken


def _left_behind(path: Path) -> list[int]:
    """Return the brokers that hold the lock by inheritance, and whose parent, who took it, is gone.

    Whose parent holds it too is in order, although the number in the file says nothing here: it is in a container.
    """
    target = path.stat()
    parents: dict[int, int] = {}
    brokers = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if not any(_holds(process, link, target) for link in (process / "fd").iterdir()):
                continue
            pid = int(process.name)
            parents[pid] = int((process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            words = (process / "cmdline").read_text(encoding="utf-8").split("\0")
        except (OSError, ValueError):
            continue  # another user's process, or one that has just ended
        if any(one == "-c" and Path(two).parent.parent == path.parent.absolute() for one, two in pairwise(words)):
            brokers.append(pid)
    return [pid for pid in brokers if parents[pid] not in parents]


def _holds(process: Path, link: Path, target: os.stat_result) -> bool:
    """Tell whether this open file of a process is the one by which ``target`` is locked."""
    try:
        found = link.stat()
        if (found.st_dev, found.st_ino) != (target.st_dev, target.st_ino):
            return False
        return "FLOCK" in (process / "fdinfo" / link.name).read_text(encoding="ascii")
    except FileNotFoundError:
        return False  # this one has just been closed, which says nothing of the others


def _is_running(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
