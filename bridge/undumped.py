"""No image of a process that holds keys and passwords: no core file, and no other process of its user looks into it.

What a process holds can still be read by root, and may be written to swap by the system: `docs/operating.md` says so.
"""

import ctypes
import os
import resource
import sys
from typing import Final

OPEN_TO_DEBUGGERS: Final = "BOOTSTRAP_BRIDGE_DEBUGGABLE"
"""The variable that, set to 1, lets debuggers of the same user look in; still there are no cores."""
_PR_SET_DUMPABLE: Final = 4
_NONE_OF_ANY_KIND: Final = 1
"""Bytes of a core file. Linux does not hold a program that takes cores from a pipe to 0, but drops the core at 1
(core(5) and fs/coredump.c); a file is never begun for less than a page."""


def refuse_dumps() -> None:
    """Let the kernel write no core of this process and its children, and show its memory to nobody but root.

    Children that run another program get the limit alone: the kernel shows a program again when it is begun.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    limit = _NONE_OF_ANY_KIND if hard == resource.RLIM_INFINITY or hard >= _NONE_OF_ANY_KIND else 0
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
    if sys.platform.startswith("linux") and os.environ.get(OPEN_TO_DEBUGGERS) != "1":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
