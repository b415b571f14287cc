"""All who are logged in here: who gets in, how many, and for how long."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from bridge.broker import LoginRefused, SubscriptionRefused
from bridge.console.session import Away, Broker, End, Ended, Session, State
from bridge.console.throttle import Throttle
from bridge.names import DEFAULT, MANAGEMENT, administrator_fault, tenant_id_fault

ENTERING: Final = 10
"""Logins that are being tried at the broker at a time; each is a connection of its own."""
ENTERING_AGAIN: Final = 3.0
"""Seconds after which somebody may try again for whom there was no place among them."""
WARN_BEFORE: Final = 60.0
"""Seconds before the end for which a person is told of it, and can stay by doing something."""
MAX_PASSWORD: Final = 256
"""Characters; the bridge takes and makes shorter ones."""

log = structlog.get_logger("console")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long sessions last, in seconds, ``idle`` without use and ``longest`` at all, and how many there are."""

    idle: float = 1_800.0
    longest: float = 43_200.0
    most: int = 50
    each: int = 10
    """Of one person; another one ends the one that was not used for longest."""


class TooMany(Exception):
    """As many are logged in as this process takes."""


class TooOften(Exception):
    """Somebody has tried too often; ``seconds`` later they may try again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.0f} s")
        self.seconds = seconds


class Sessions:
    """All who are logged in; made by ``opened``."""

    def __init__(self, broker: Broker, tasks: asyncio.TaskGroup, limits: Limits) -> None:
        self._broker = broker
        self._tasks = tasks
        self._limits = limits
        self._throttle = Throttle()
        self._entering = 0
        self._sessions: dict[str, Session] = {}

    def get(self, cookie: str | None) -> Session | None:
        """Return the living session of a cookie."""
        session = self._sessions.get(_key(cookie)) if cookie else None
        return session if session is not None and session.end is None else None

    async def log_in(self, username: str, password: str, tenant: str | None, address: str = "") -> tuple[str, Session]:
        """Log in at the broker, somebody at ``address``, and return the new cookie and session.

        Raises LoginRefused, SubscriptionRefused (of another tenant), Unreachable, NoAnswer, TooMany, TooOften.
        """
        with self._attempt(username, address):
            if administrator_fault(username) or (tenant and tenant_id_fault(tenant)) or not _is_password(password):
                raise LoginRefused("no administrator has such a login")
            cookie = secrets.token_urlsafe(32)
            session = await self._begun(_key(cookie), username, password, tenant)
        self._make_room(session)
        self._sessions[session.key] = session
        log.info("logged in", tenant=session.tenant, administrator=session.name, role=session.role, address=address)
        return cookie, session

    @contextmanager
    def _attempt(self, username: str, address: str) -> Iterator[None]:
        """Let the block try, if it may; what the broker says of it is counted. Raises TooMany, TooOften."""
        if len(self._sessions) >= self._limits.most:
            raise TooMany
        if self._entering >= ENTERING:
            raise TooOften(ENTERING_AGAIN)
        if (seconds := self._throttle.begin(username, address)) > 0:
            log.warning("login held back", address=address, seconds=round(seconds))
            raise TooOften(seconds)
        self._entering += 1
        try:
            yield
        except LoginRefused:
            # Not the name: somebody may have typed a password in its place.
            log.info("login refused", address=address)
            raise
        except SubscriptionRefused:
            self._throttle.succeed(username, address)
            raise
        except BaseException:
            self._throttle.forgive(username, address)
            raise
        else:
            self._throttle.succeed(username, address)
        finally:
            self._entering -= 1

    async def _begun(self, key: str, username: str, password: str, tenant: str | None) -> Session:
        # User names are unique, but topics name the tenant: where none is named, the usual two are tried.
        for tried in (tenant,) if tenant else (DEFAULT, MANAGEMENT):
            session = Session(key, self._broker.access(tried, username, password))
            first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            session.begin(self._tasks, first, lambda: self._sessions.pop(key, None))
            try:
                await first
            except SubscriptionRefused:
                if tried == (tenant or MANAGEMENT):
                    raise
                continue
            except BaseException:
                session.finish(End.LOGGED_OUT)
                raise
            return session
        raise AssertionError("a tenant was tried")

    def _make_room(self, new: Session) -> None:
        theirs = [one for one in self._sessions.values() if (one.tenant, one.name) == (new.tenant, new.name)]
        for session in sorted(theirs, key=lambda one: one.used)[: max(0, len(theirs) + 1 - self._limits.each)]:
            session.finish(End.ELSEWHERE)

    def log_out(self, cookie: str | None) -> None:
        """End the session of a cookie, if there is one."""
        if (session := self.get(cookie)) is not None:
            session.finish(End.LOGGED_OUT)

    def close(self) -> None:
        """End all sessions."""
        for session in list(self._sessions.values()):
            session.finish(End.STOPPED)

    async def expire(self) -> None:
        """End sessions that are too old, or whose people have not done anything for long, until cancelled."""
        idle = self._limits.idle
        while True:
            await asyncio.sleep(min(2.0, idle / 10))
            for session in list(self._sessions.values()):
                now = time.monotonic()
                if now - session.began > self._limits.longest:
                    session.finish(End.AGED)
                elif now - session.used > idle:
                    session.finish(End.EXPIRED)
                else:
                    session.warn(now - session.used > idle - min(WARN_BEFORE, idle / 2))


def _is_password(text: str) -> bool:
    return 0 < len(text) <= MAX_PASSWORD and "\0" not in text


def _key(cookie: str) -> str:
    return hashlib.sha256(cookie.encode(errors="surrogatepass")).hexdigest()


@asynccontextmanager
async def opened(broker: Broker, limits: Limits) -> AsyncIterator[Sessions]:
    """Hold sessions within ``limits``; all end with the block."""
    async with asyncio.TaskGroup() as tasks:
        sessions = Sessions(broker, tasks, limits)
        expiring = tasks.create_task(sessions.expire(), name="end idle sessions")
        try:
            yield sessions
        finally:
            expiring.cancel()
            sessions.close()


__all__ = ["Away", "Broker", "End", "Ended", "Limits", "Session", "Sessions", "State", "TooMany", "TooOften", "opened"]
