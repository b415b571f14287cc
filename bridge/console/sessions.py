"""All who are logged in here: who gets in, how many, and for how long."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from bridge.broker import SubscriptionRefused
from bridge.console.session import Away, Broker, End, Ended, Session, State
from bridge.names import DEFAULT, MANAGEMENT

log = structlog.get_logger("console")


class Sessions:
    """All who are logged in; made by ``opened``."""

    def __init__(self, broker: Broker, tasks: asyncio.TaskGroup, idle: float, most: int) -> None:
        self._broker = broker
        self._tasks = tasks
        self._idle = idle
        self._most = most
        self._sessions: dict[str, Session] = {}

    def get(self, cookie: str | None) -> Session | None:
        """Return the living session of a cookie."""
        return self._sessions.get(_key(cookie)) if cookie else None

    async def log_in(self, username: str, password: str, tenant: str | None) -> tuple[str, Session]:
        """Log in at the broker and return the new cookie and session.

        Raises LoginRefused, SubscriptionRefused (of another tenant), Unreachable, NoAnswer, TooMany.
        """
        if len(self._sessions) >= self._most:
            raise TooMany
        cookie = secrets.token_urlsafe(32)
        session = await self._begun(_key(cookie), username, password, tenant)
        self._sessions[session.key] = session
        log.info("logged in", tenant=session.tenant, administrator=session.name, role=session.role)
        return cookie, session

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

    def log_out(self, cookie: str | None) -> None:
        """End the session of a cookie, if there is one."""
        if (session := self.get(cookie)) is not None:
            session.finish(End.LOGGED_OUT)

    def close(self) -> None:
        """End all sessions."""
        for session in list(self._sessions.values()):
            session.finish(End.LOGGED_OUT)

    async def expire(self) -> None:
        """End sessions whose people have not done anything for long, until cancelled."""
        while True:
            await asyncio.sleep(min(5.0, self._idle / 4))
            for session in list(self._sessions.values()):
                if time.monotonic() - session.used > self._idle:
                    session.finish(End.EXPIRED)


class TooMany(Exception):
    """As many are logged in as this process takes."""


def _key(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


@asynccontextmanager
async def opened(broker: Broker, *, idle: float, most: int) -> AsyncIterator[Sessions]:
    """Hold sessions, each ended after ``idle`` seconds without use, no more than ``most`` at a time."""
    async with asyncio.TaskGroup() as tasks:
        sessions = Sessions(broker, tasks, idle, most)
        expiring = tasks.create_task(sessions.expire(), name="end idle sessions")
        try:
            yield sessions
        finally:
            expiring.cancel()
            sessions.close()


__all__ = ["Away", "Broker", "End", "Ended", "Session", "Sessions", "State", "TooMany", "opened"]
