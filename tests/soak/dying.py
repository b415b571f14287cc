"""Lets a running bridge end itself at an arrow that is named while it runs, by a few bytes both sides have mapped."""

import mmap
import os
import signal
import struct
from pathlib import Path
from typing import Final

from bridge import arrows
from bridge.arrows import Arrow

_ORDER: Final = list(Arrow)
_FORM: Final = struct.Struct("=HH")
"""The number of the arrow, from 1 (0: none), and how often it is still to be passed."""


class Arming:
    """The side of whoever wants a bridge to end."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(_FORM.pack(0, 0))
        self._bytes = _mapped(path)

    def arm(self, arrow: Arrow, passes: int) -> None:
        """Let the bridge end itself when it passes ``arrow`` for the ``passes``-th time from now."""
        _FORM.pack_into(self._bytes, 0, _ORDER.index(arrow) + 1, passes)

    def disarm(self) -> None:
        """Let it live."""
        _FORM.pack_into(self._bytes, 0, 0, 0)


def end_at_armed_arrow(path: str) -> None:
    """Make the bridge of this process look, at each arrow, whether it is to end there."""
    shared = _mapped(Path(path))

    def hook(arrow: Arrow) -> None:
        number, passes = _FORM.unpack_from(shared, 0)
        if number and _ORDER[number - 1] is arrow:
            if passes <= 1:
                os.kill(os.getpid(), signal.SIGKILL)
            _FORM.pack_into(shared, 0, number, passes - 1)

    arrows.hook = hook


def _mapped(path: Path) -> mmap.mmap:
    with path.open("r+b") as file:
        return mmap.mmap(file.fileno(), _FORM.size)
