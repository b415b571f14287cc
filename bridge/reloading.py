"""How a running bridge takes up changed keys and logins: asked by SIGHUP, it reads them again and notes what it uses.

What it reads is taken whole or not at all: with a damaged file it goes on as before.
"""

import asyncio
import os
import signal
import sys
import termios
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import structlog

from bridge import file_modes, installation
from bridge.bootstrap_logins import EarlierLogin
from bridge.clock import clock
from bridge.credentials import KeyRing
from bridge.folder import InstallationFault
from bridge.installation import Installation
from bridge.locks import Busy, changed_alone
from bridge.measures import BOOTSTRAP_OVERLAP, UNMEASURED, Meter
from bridge.telling import Loaded

LOOK: Final = 60.0
"""Seconds between two looks whether a bootstrap login's time is over."""
OVERDUE: Final = 3600.0
"""Seconds between two words about a login whose time is over, and which this process cannot end."""

log = structlog.get_logger("keys")


class Hangup:
    """SIGHUP as it comes. To be listened to before a lock tells where we are: until then it would end the process."""

    def __init__(self) -> None:
        self._asked = False
        self._wake: Callable[[], None] = lambda: None
        self._had_terminal = sys.stderr is not None and sys.stderr.isatty()

    def listen(self) -> None:
        """Hear the signal from now on."""
        signal.signal(signal.SIGHUP, self._heard)

    def _heard(self, number: int, frame: object) -> None:
        if self._had_terminal and not _terminal_is_there():
            os.kill(os.getpid(), signal.SIGTERM)  # it was closed: nobody asks for a reload, all ends in good order
            return
        self._asked = True
        self._wake()

    async def wait(self, seconds: float) -> bool:
        """Wait until the signal has come, or ``seconds``; tell which."""
        loop, event = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(event.set)

        self._wake = wake
        try:
            if not self._asked:
                async with asyncio.timeout(seconds):
                    await event.wait()
        except TimeoutError:
            return False
        finally:
            self._wake = lambda: None
        self._asked = False
        return True


def _terminal_is_there() -> bool:
    try:
        termios.tcgetattr(2)
    except termios.error:
        return False
    return True


class Changes:
    """The installation as the running bridge goes by it, and its changes as they are taken up.

    ``reload_brokers`` has the brokers read their files again; None: they are not ours.
    """

    def __init__(self, made: Installation, hangup: Hangup | None = None, files_group: str | None = None) -> None:
        self.made = made
        self._files_group = files_group
        self.reload_brokers: Callable[[], None] | None = None
        self.write_passwords: Callable[[Installation], object] = installation.write_passwords
        self._hangup = hangup or Hangup()
        self._number = 0
        self._told = 0.0

    async def follow(self, take: Callable[[KeyRing], Awaitable[None]], meter: Meter = UNMEASURED) -> None:
        """Note what the bridge goes by, and take changes up whenever it is asked to, for ever.

        ``take`` is given new keys, and raises InstallationFault where they cannot be. Logins end by themselves.
        """
        self._say_overlap()
        await asyncio.to_thread(self._note, None)
        while True:
            await self._end_logins()
            meter.show(BOOTSTRAP_OVERLAP, self._overlap())
            if await self._hangup.wait(self._pause()):
                await self._take_up(take)

    async def _take_up(self, take: Callable[[KeyRing], Awaitable[None]]) -> None:
        fault = None
        try:
            fresh = await asyncio.to_thread(self._read)
            await take(fresh.keys)
            self.made = fresh
            if self.reload_brokers is not None:
                await asyncio.to_thread(self.write_passwords, fresh)
                self.reload_brokers()
        except (InstallationFault, OSError) as error:
            fault = str(error)
            log.error("changes not taken up", reason=fault, do="put it right and reload again; all goes on as before")
        else:
            log.info("changes taken up", key=self.made.keys.current, logins=list(self.made.logins))
            self._say_overlap()
        await asyncio.to_thread(self._note, fault)

    def _read(self) -> Installation:
        """Read keys and bootstrap logins again; all else stays as it was at the start. Raises InstallationFault."""
        file_modes.refuse_open(self.made.folder.path, self._files_group)
        found = installation.load(self.made.folder.path)
        if not found.keys.agrees_with(self.made.keys):
            raise InstallationFault(f"{self.made.folder.keys} is another installation's: restore the right one")
        logins = {
            name: getattr(found.facts, name) for name in ("bootstrap_username", "bootstrap_password", "earlier_logins")
        }
        return replace(self.made, keys=found.keys, facts=self.made.facts.model_copy(update=logins))

    async def _end_logins(self) -> None:
        """End bootstrap logins whose time is over."""
        over = self.made.logins_over
        if not over:
            return
        try:
            self.made = await asyncio.to_thread(self._ended)
        except (InstallationFault, Busy, OSError) as error:
            if time.monotonic() - self._told > OVERDUE or not self._told:
                self._told = time.monotonic()
                do = "bootstrap-bridge rotate-bootstrap-password --end-overlap, as the owner of the broker's folder"
                log.error("bootstrap login not ended", logins=over, reason=str(error), do=do)
            return
        self._told = 0.0
        if self.reload_brokers is not None:
            self.reload_brokers()
            log.warning("bootstrap login ended", logins=over)
        else:
            log.warning(
                "bootstrap login ended", logins=over, do="reload the bootstrap broker (SIGHUP): it knows it still"
            )
        await asyncio.to_thread(self._note, None)

    def _ended(self) -> Installation:
        """Take logins that are over out of the broker's file, then out of ours. Raises what ``_end_logins`` expects."""
        with changed_alone(self.made.folder.path):
            found = installation.load(self.made.folder.path)
            if not self.made.folder.passwords.exists():
                raise InstallationFault(f"{self.made.folder.passwords} is not here")
            self.write_passwords(found)
            left = installation.forget_logins(found).facts.earlier_logins
        return replace(self.made, facts=self.made.facts.model_copy(update={"earlier_logins": left}))

    def _note(self, fault: str | None) -> None:
        self._number += 1
        made = self.made
        logins, brokers = tuple(made.logins), self.reload_brokers is not None
        loaded = Loaded(os.getpid(), self._number, made.keys.current, tuple(made.keys.masters), logins, brokers, fault)
        try:
            loaded.write(made.folder.loaded)
        except OSError as error:
            log.warning("not noted which keys are in use", file=str(made.folder.loaded), reason=str(error))

    def _say_overlap(self) -> None:
        for one in self._earlier():
            if one.end > clock():
                log.warning(
                    "two bootstrap logins are valid",
                    present=self.made.facts.bootstrap_username,
                    earlier=one.username,
                    until=one.until,
                )

    def _earlier(self) -> list[EarlierLogin]:
        return self.made.facts.earlier_logins

    def _overlap(self) -> float:
        """Return the seconds until the last earlier login ends; below 0 where one should have ended."""
        return max(((one.end - clock()) / 1000 for one in self._earlier()), default=0.0)

    def _pause(self) -> float:
        """Return the seconds until the next look: the clock may be set meanwhile."""
        ends = [(one.end - clock()) / 1000 for one in self._earlier()]
        return min([LOOK, *(one for one in ends if one > 0)])
