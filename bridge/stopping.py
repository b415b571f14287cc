"""How the bridge ends: in stages, each with its own time, so that all of it is over in time whatever hangs.

A stage that is not done in its time is named in the log and left; the next one begins. What the earlier stages did not
bring out stands in the database and is done after the next start. A second signal ends the process at once.
"""

import asyncio
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NoReturn

import structlog

HUNG: Final = 4
"""Exit status of a shutdown in which a stage hung."""
MARGIN: Final = 2.0
"""Seconds beyond all stages after which the process ends whatever it is at."""

log = structlog.get_logger("stopping")


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the shutdown and the seconds it may take."""

    name: str
    seconds: float
    does: str


REST: Final = Stage("take nothing more", 5.0, "finish the batch of calls and the requests in hand; take no others")
DRAIN: Final = Stage(
    "bring out what is done",
    5.0,
    "install and remove accounts that were decided, send answers and credentials, note deliveries",
)
FAREWELL: Final = Stage("say offline", 3.0, "publish `offline` on `bridge/state`")
LEAVE: Final = Stage("leave the brokers", 3.0, "end all sessions and disconnect")
CLOSE: Final = Stage("close the database", 3.0, "end its connections")
BROKERS: Final = Stage(
    "end the brokers",
    8.0,
    "`up` alone: SIGTERM to both Mosquitto, again until they end, and to the console; SIGKILL after 5 seconds",
)

STAGES: Final = (REST, DRAIN, FAREWELL, LEAVE, CLOSE, BROKERS)
"""All stages in their order."""
LIMIT: Final = sum(stage.seconds for stage in STAGES) + MARGIN
"""Seconds after the first signal at which the process has ended."""


LAST_WORDS: Final = 1.0
"""Seconds that whoever reads what we write has for the last of it; a terminal that is held takes nothing for ever."""


def say_in_time(say: Callable[[], object]) -> None:
    """Let ``say`` write, for ``LAST_WORDS`` at the most: a write to somebody who does not read never returns."""

    def saying() -> None:
        with suppress(Exception):  # nobody is left to be told
            say()

    thread = threading.Thread(target=saying, daemon=True)
    thread.start()
    thread.join(LAST_WORDS)


def end_at_once(status: int) -> NoReturn:
    """End the process without waiting for anything, not even for threads that hang."""
    say_in_time(sys.stdout.flush)
    say_in_time(sys.stderr.flush)
    os._exit(status)


def _all_threads() -> str:
    """Say what each thread is at. Unlike faulthandler, whoever writes it lets the other threads run meanwhile."""
    lines = []
    for number, frame in sys._current_frames().items():  # noqa: SLF001 - documented, whatever its name
        lines += [f"Thread {number:#x}:\n", *traceback.format_stack(frame)]
    return "".join(lines)


class Ending:
    """One end of the process: which signal asked for it, which stage it is at, and which stages hung."""

    def __init__(self, limit: float = LIMIT, end: Callable[[int], NoReturn] = end_at_once) -> None:
        self._limit = limit
        self._end = end
        self.signal: int | None = None
        self.stage: str | None = None
        self.hung: list[str] = []
        self.told: Callable[[str], None] = lambda stage: None
        """Hears the name of each stage as it begins."""

    async def go(self, stage: Stage, work: Awaitable[object]) -> None:
        """Do one stage; return when it is done, or its time is over. What fails in it is logged."""
        self.stage = stage.name
        self.told(stage.name)
        began = time.monotonic()
        task = asyncio.ensure_future(work)
        # Not `asyncio.timeout`, which waits until what it cancels lets itself be cancelled.
        await asyncio.wait({task}, timeout=stage.seconds)
        milliseconds = round((time.monotonic() - began) * 1000, 1)
        if not task.done():
            task.cancel()
            self.hung.append(stage.name)
            log.error("stage hung", stage=stage.name, seconds=stage.seconds)
        elif not task.cancelled() and (error := task.exception()) is not None:
            log.warning("stage failed", stage=stage.name, reason=str(error) or type(error).__name__)
        else:
            log.info("stage done", stage=stage.name, milliseconds=milliseconds)

    def signalled(self, number: int) -> bool:
        """Take note of a signal and tell whether it is the first; the second ends the process with 128 + its number."""
        if self.signal is not None:
            at = f", at the stage: {self.stage}" if self.stage else ""
            words = f"{signal.Signals(number).name} again: ended at once{at}\n".encode()
            say_in_time(lambda: os.write(2, words))
            self._end(128 + number)
        self.signal = number
        self.bound(self._limit)
        return True

    def bound(self, seconds: float) -> None:
        """Have the process end in ``seconds`` at the latest, whatever its event loop or its threads wait for."""
        last = threading.Timer(seconds, self._give_up)
        last.daemon = True
        last.start()

    def _give_up(self) -> None:
        def say() -> None:
            log.error("shutdown hung", stage=self.stage or "before the first stage", hung=self.hung)
            os.write(2, _all_threads().encode())

        say_in_time(say)
        self._end(HUNG)


async def until_signalled(work: Awaitable[None], ending: Ending) -> None:
    """Run ``work`` until SIGTERM or SIGINT, which cancel it; ``ending`` bounds what it does then."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)

    # Python's own handlers run although the event loop is busy, so that the second signal ends it even then.
    def stop(number: int, frame: object) -> None:
        if ending.signalled(number):
            loop.call_soon_threadsafe(task.cancel)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        await task
    except asyncio.CancelledError:
        if ending.signal is None:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if ending.hung:
            ending.bound(MARGIN)  # the event loop waits for all tasks when it closes, also for what hung
