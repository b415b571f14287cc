"""The bridge's command line, made to die at a chosen arrow.

Usage: python -m tests.e2e.dying DOOM serve --data DIR

DOOM is a file that need not be there. Once it is, and the arrow that it names is passed, it is renamed to ``….met``,
and the processes that it names end as by `kill -9`; the bridge too, and last, if it is among them, else it goes on.
"""

import json
import os
import signal
import sys
from pathlib import Path

from bridge import arrows
from bridge.arrows import Arrow
from bridge.cli import main
from bridge.handlers import bulk, registrations

SMALL_PART = 2
"""Devices in a part of a file or of accept-all, so that a few make several parts."""


class Doom:
    """What is to happen at an arrow, read from the file each time, so that a running bridge can be told."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[str, int] = ("", 0)

    def passed(self, arrow: Arrow) -> None:
        """End what is to end at ``arrow``, if it is to be now."""
        try:
            doom = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        if doom["arrow"] != arrow:
            return
        key, times = self._seen
        self._seen = (doom["key"], times + 1 if key == doom["key"] else 1)
        if self._seen[1] < doom["nth"]:
            return
        self._path.rename(self._path.with_suffix(".met"))
        for pid in doom["pids"]:
            os.kill(pid, signal.SIGKILL)
        if doom["own"]:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    arrows.hook = Doom(Path(sys.argv.pop(1))).passed
    for room in (bulk, registrations):
        setattr(room, "CHUNK", SMALL_PART)  # noqa: B010 - it is final to everybody else
    main()
