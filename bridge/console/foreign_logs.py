"""What the libraries that serve the pages log, in our own form: one line each, to the same place.

Each of their loggers would otherwise print in its own way, or be lost. What strangers can have them say as often as
they like, such as that something was no HTTP, is left out.
"""

import logging
from typing import Final

import structlog

LOUD: Final = ("uvicorn.error", "engineio.server", "socketio.server", "websockets")
"""Loggers that are heard from errors on: their warnings are about what somebody sent."""

log = structlog.get_logger("console")


class _Forwarding(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Log a line of a library as one of ours, with its traceback, which holds no values of variables."""
        say = log.error if record.levelno >= logging.ERROR else log.warning
        say("a library says", library=record.name, words=record.getMessage().strip(), exc_info=record.exc_info)


def take_over() -> None:
    """Send what libraries log from warnings on to our log."""
    root = logging.getLogger()
    root.handlers = [_Forwarding()]
    root.setLevel(logging.WARNING)
    for name in LOUD:
        logging.getLogger(name).setLevel(logging.ERROR)
