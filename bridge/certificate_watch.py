"""Looks at the certificates that the brokers show, whoever made them, tells when they end, and warns in time.

It looks at what is shown and not at files: those may be another user's, and a broker may not have read them anew.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import structlog

from bridge.certificates import DAY, WARN_BEFORE, WARN_BEFORE_AUTHORITY, BadCertificate, Certificate, read
from bridge.installation import Installation
from bridge.measures import CERTIFICATE_EXPIRY, Meter
from bridge.trust import shown_certificate

AGAIN: Final = 60.0
"""Seconds after which it is looked again where a broker showed nothing."""
REMINDER: Final = DAY
"""Milliseconds after which the log warns again of the same certificate."""
AUTHORITY: Final = "authority"

log = structlog.get_logger("bridge")


class CertificateWatch:
    """What was seen of the certificates of one installation, and what was warned of. ``clock`` is in milliseconds."""

    def __init__(
        self,
        made: Installation,
        clock: Callable[[], int],
        meter: Meter,
        shown: Callable[[str, int], Awaitable[bytes]] = shown_certificate,
    ) -> None:
        self._made = made
        self._clock = clock
        self._meter = meter
        self._shown = shown
        self._warned: dict[str, tuple[int, int]] = {}

    async def run(self, every: float) -> None:
        """Look each ``every`` seconds until cancelled; without TLS there is nothing to look at."""
        while self._made.authority is not None:
            complete = await self.look()
            await asyncio.sleep(every if complete else min(AGAIN, every))

    async def look(self) -> bool:
        """Look at all of them once; tell whether all could be seen. That a broker is away is told by its sessions."""
        complete = True
        for name, (host, port) in self._made.doors.items():
            try:
                self._note(name, read(await self._shown(host, port)), WARN_BEFORE)
            except (OSError, TimeoutError, BadCertificate):
                complete = False
        for authority in self._authority():
            self._note(AUTHORITY, authority, WARN_BEFORE_AUTHORITY)
        return complete

    def _authority(self) -> Iterator[Certificate]:
        path = self._made.authority
        assert isinstance(path, Path)
        try:
            yield read(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, BadCertificate) as error:
            log.warning("certificate not read", file=str(path), reason=str(error))

    def _note(self, name: str, found: Certificate, soon: int) -> None:
        now = self._clock()
        self._meter.show(CERTIFICATE_EXPIRY, found.ends / 1000, certificate=name)
        if found.ends - now >= soon:
            return
        ends, told = self._warned.get(name, (0, 0))
        if ends == found.ends and now - told < REMINDER:
            return
        self._warned[name] = (found.ends, now)
        days = max(0, (found.ends - now) // DAY)
        log.warning("certificate ends", certificate=name, ends=found.ends_on, days=days, do=self._advice(name))

    def _advice(self, name: str) -> str:
        tls = self._made.facts.tls
        if name == AUTHORITY:
            return "give all who connect another authority: see 'When the authority ends' in docs/operating.md"
        if self._made.trusted is not None or tls.is_given:
            return f"renew {tls.certificate or 'it where it was made'} and let the broker read it anew"
        return "bootstrap-bridge renew-certificates, then let the broker read it anew (SIGHUP)"
