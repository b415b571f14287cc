"""How the bridge's processes log: to standard error, lines for people in a terminal, JSON otherwise."""

import logging
import sys

import structlog

from bridge.settings import BadSettings


def _tidied(logger: object, method: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Put first what every line has, and leave out what says nothing: None, no, and empty lists."""
    first = {name: line.pop(name) for name in ("timestamp", "level", "event")}
    return first | {name: value for name, value in line.items() if value or (value == 0 and value is not False)}


def configure_logging(level: str, form: str) -> None:
    """Log to standard error: lines for people in a terminal, JSON otherwise. Raises BadSettings."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise BadSettings(f"log-level: there is no level {level!r}")
    shown: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _tidied,
    ]
    if form == "text" or (form == "auto" and sys.stderr.isatty()):
        # Not the tracebacks that it would draw: they show what variables hold, passwords among it.
        plain = structlog.dev.plain_traceback
        shown.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain))
    else:
        shown += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    structlog.configure(
        processors=shown,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
