"""The bridge's command line, made to be killed at a chosen point.

Usage: python -m tests.e2e.dying POINT serve --data DIR
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from bridge.batch import Batch
from bridge.broker import Connection
from bridge.cli import main
from bridge.installer import Installer
from bridge.sessions.accounts import AccountsSession
from bridge.sessions.gate import GateSession


def die(*_: Any, **__: Any) -> None:
    """End as by `kill -9`."""
    os.kill(os.getpid(), signal.SIGKILL)


async def die_soon(*_: Any, **__: Any) -> None:
    """The same, where a coroutine is expected."""
    die()


def _die_before_changes() -> None:
    write = Batch.write

    async def run(batch: Batch) -> None:
        if batch.events:
            die()
        await write(batch)

    setattr(Batch, "write", run)  # noqa: B010 - as a plain assignment the types would not have it


def _die_after(kind: type, name: str) -> None:
    before: Callable[..., Any] = getattr(kind, name)

    def run(*words: Any, **options: Any) -> None:
        before(*words, **options)
        die()

    setattr(kind, name, run)


POINTS: dict[str, Callable[[], None]] = {
    "before the commit": _die_before_changes,
    "between commit and acknowledgement": lambda: setattr(Connection, "ack", die),
    "between commit and installation": lambda: setattr(AccountsSession, "changed", die),
    "between installation and delivery": lambda: setattr(GateSession, "push", die),
    "between delivery and its note": lambda: _die_after(GateSession, "push"),
    "between renewal and clearing": lambda: setattr(AccountsSession, "_clear", die_soon),
    "before a life has ended": lambda: setattr(Installer, "_end_lives", die_soon),
}

if __name__ == "__main__":
    point = sys.argv.pop(1)
    POINTS[point]()
    main()
