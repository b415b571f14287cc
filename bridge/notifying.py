"""Tells systemd how the service is, by a word over its socket (sd_notify(3)); without systemd it tells nobody."""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

READY: Final = "READY=1"
STOPPING: Final = "STOPPING=1"
ALIVE: Final = "WATCHDOG=1"


class Notifier:
    """Where systemd listens, if it does. A word that cannot be sent is lost: the service works on without."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the null byte of Linux's abstract names.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        pid = environment.get("WATCHDOG_PID", str(os.getpid()))
        self.watched = "WATCHDOG_USEC" in environment and pid == str(os.getpid())
        """Whether systemd ends the service when it is not told ``ALIVE`` in time."""

    def tell(self, *words: str) -> None:
        """Send assignments such as ``READY=1`` or ``STATUS=…`` as one message."""
        if not self._address:
            return
        with (
            suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sending,
        ):
            sending.connect(self._address)
            # A line is an assignment, so that none may come in with a reason that has several.
            sending.send("\n".join(" ".join(word.splitlines()) for word in words).encode())
