"""One who is logged in: a connection to the operations broker of their own, and what is heard on it.

A session has no rights but those that the broker gives its administrator. It goes on through breaks of the connection;
it ends when the person logs out or is idle, or when the broker no longer takes the login.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import structlog

from bridge import admin
from bridge.admin import Access, Admin, NoAnswer, RefusedByBridge
from bridge.backoff import Backoff
from bridge.broker import BrokerError, Disconnected, LoginRefused, SubscriptionRefused
from bridge.console import digits
from bridge.names import MANAGEMENT
from bridge.roles import OWNER, REGISTRAR, VIEWER, commands_of

RECONNECT_PATIENCE: Final = 5.0
"""Seconds for which a request waits for the connection to come back, before the person is told."""
RECONNECT_WITHIN: Final = 3.0
"""Seconds after which the broker has been tried again, at the latest: a person is waiting."""
SENDS: Final = 3
"""Connections on which a request is sent at most. What ends each of them, as a message does that is larger than the
broker takes, would end the next one too, and with it all that the person has open."""

log = structlog.get_logger("console")

Heard = Callable[[str, Mapping[str, Any]], None]
"""What hears an event: the last levels of its topic below ``events/<tenant>``, and the object."""


class Away(Exception):
    """Broker or bridge is not there now; the sentence says which. What was asked may be asked again later."""


class Ended(Exception):
    """The session is over."""


class State(StrEnum):
    """What a person sees of the connection."""

    ONLINE = "online"
    BROKER_AWAY = "broker away"
    BRIDGE_AWAY = "bridge away"
    ENDED = "ended"


class End(StrEnum):
    """Why a session is over; each has a text in the section ``login``."""

    LOGGED_OUT = "logged_out"
    EXPIRED = "expired"
    AGED = "aged"
    ELSEWHERE = "elsewhere"
    REFUSED = "ended"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the operations broker is, as all who log in here reach it."""

    host: str
    port: int
    topic_prefix: str = ""
    authority: Path | None = None

    def access(self, tenant: str, username: str, password: str) -> Access:
        """Return how this person reaches it."""
        return Access(self.host, self.port, tenant, username, password, self.topic_prefix, self.authority)


@dataclass
class Session:
    """A person who is logged in. ``key`` is a digest of the cookie, which nobody but the browser keeps."""

    key: str = field(repr=False)
    access: Access = field(repr=False)
    role: str = VIEWER
    has_tenants: bool = False
    state: State = State.ONLINE
    end: End | None = None
    began: float = field(default_factory=time.monotonic)
    used: float = field(default_factory=time.monotonic)
    leaving: bool = False
    """Whether the person is logged out soon unless they do something; watchers are told when this changes."""
    asking: int = 0
    """Requests that have no answer yet."""
    _begun: bool = field(default=False, repr=False)
    _admin: Admin | None = field(default=None, repr=False)
    _task: asyncio.Task[None] | None = field(default=None, repr=False)
    _online: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _lost: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _hearers: set[Heard] = field(default_factory=set, repr=False)
    _watchers: set[Callable[[], None]] = field(default_factory=set, repr=False)

    @property
    def tenant(self) -> str:
        """The tenant in whose name the person speaks."""
        return self.access.tenant

    @property
    def name(self) -> str:
        """The administrator's user name."""
        return self.access.username

    @property
    def of_management(self) -> bool:
        """Whether this one sees the registrations of every tenant."""
        return self.tenant == MANAGEMENT

    def may(self, command: str) -> bool:
        """Tell whether the person's role has ``command``; what is really done, broker and bridge decide."""
        return command in commands_of(self.role, management=self.of_management)

    def touch(self) -> None:
        """Note that the person did something. What events and refreshes do is nothing of theirs."""
        self.used = time.monotonic()
        self.warn(False)

    def warn(self, leaving: bool) -> None:
        """Tell whether the person is logged out soon."""
        if leaving is not self.leaving:
            self.leaving = leaving
            self._tell_watchers()

    async def request(
        self, command: str, payload: Mapping[str, Any] | bytes | None = None, *, request_id: str | None = None
    ) -> dict[str, Any]:
        """Ask the bridge in the person's name and return the result. Raises RefusedByBridge, Away, Ended.

        Where the connection breaks meanwhile, the request is repeated on the next one under the same requestId, so
        that nothing is done twice (the contract, section 5). ``request_id``, 32 hex digits, is given by who asks the
        same again after Away.
        """
        request_id = request_id or secrets.token_hex(16)
        self.asking += 1
        try:
            for _ in range(SENDS):
                connection = await self._connected()
                with suppress(Disconnected):
                    try:
                        return await self._asked(connection, command, payload, request_id)
                    except NoAnswer as error:
                        raise Away(f"{error}.") from None
            raise Away(f"the connection to the broker was lost {SENDS} times while this was asked.")
        finally:
            self.asking -= 1

    async def _connected(self) -> Admin:
        if self.state is not State.ENDED:  # then there will be none
            with suppress(TimeoutError):
                async with asyncio.timeout(RECONNECT_PATIENCE):
                    await self._online.wait()
        if self.state is State.ENDED:
            raise Ended
        if self._admin is None:
            raise Away("the broker cannot be reached.")
        return self._admin

    async def _asked(
        self, connection: Admin, command: str, payload: Mapping[str, Any] | bytes | None, request_id: str
    ) -> dict[str, Any]:
        """Ask on this connection. Raises Disconnected as soon as it is lost, not when patience ends."""
        lost = self._lost
        asking = asyncio.ensure_future(connection.request(command, payload, request_id=request_id))
        losing = asyncio.ensure_future(lost.wait())
        try:
            await asyncio.wait({asking, losing}, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise Disconnected("the connection was lost")
            return asking.result()
        finally:
            for task in (asking, losing):
                task.cancel()
            await asyncio.gather(asking, losing, return_exceptions=True)

    async def policy(self) -> str:
        """Return the security token policy as the person can read it, else OPTIONAL. Raises Away, Ended.

        Source: the source document, "Security token policy for device registration".
        """
        if not self.may("get-option"):
            return "OPTIONAL"
        named = {"category": "device-registration", "key": "security-token.policy"}
        try:
            return str((await self.request("get-option", named))["effective"])
        except RefusedByBridge:
            return "OPTIONAL"

    def hear(self, hearer: Heard) -> Callable[[], None]:
        """Call ``hearer`` at each event from now on; return what ends that."""
        self._hearers.add(hearer)
        return lambda: self._hearers.discard(hearer)

    def watch(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Call ``watcher`` whenever the state has changed; return what ends that."""
        self._watchers.add(watcher)
        return lambda: self._watchers.discard(watcher)

    def _become(self, state: State) -> None:
        if state is not self.state and self.state is not State.ENDED:
            self.state = state
            self._tell_watchers()

    def _tell_watchers(self) -> None:
        for watcher in list(self._watchers):
            try:
                watcher()
            except Exception:
                log.exception("a page failed")  # the others, and the connection, have nothing to do with it

    def begin(self, tasks: asyncio.TaskGroup, first: "asyncio.Future[None]", ended: Callable[[], object]) -> None:
        """Begin the connection as one of ``tasks``; ``ended`` is called when it is over."""
        self._task = tasks.create_task(self._run(first), name=f"session of {self.name}")
        self._task.add_done_callback(lambda _: ended())

    async def _run(self, first: "asyncio.Future[None]") -> None:
        """Keep the connection; ``first`` gets what became of the first one. Ends when the login is refused."""
        try:
            await self._keep(first)
        except Exception as error:
            log.exception("session failed", tenant=self.tenant, administrator=self.name)
            if not first.done():
                first.set_exception(error)
            self.finish(End.FAILED)

    async def _keep(self, first: "asyncio.Future[None]") -> None:
        backoff = Backoff(longest=RECONNECT_WITHIN)
        while True:
            try:
                async with admin.connect(self.access, digits.whole) as connection:
                    await self._find_rights(connection)
                    await connection.listen()  # before pages load, so that nothing happens unseen in between
                    self._admin = connection
                    self._lost = asyncio.Event()
                    self._online.set()
                    backoff.reset()
                    self._become(State.ONLINE)
                    if not first.done():
                        self._begun = True
                        first.set_result(None)
                    async for topic, value in connection.events():
                        self._tell(topic, value)
            except (LoginRefused, SubscriptionRefused) as error:
                if first.done():
                    self.finish(End.REFUSED)
                    return
                first.set_exception(error)
                return
            except (BrokerError, NoAnswer) as error:
                if not first.done():
                    first.set_exception(error)
                    return
                away = State.BRIDGE_AWAY if isinstance(error, NoAnswer) else State.BROKER_AWAY
                self._lose()
                self._become(away)
            finally:
                self._lose()
            await backoff.wait()

    def _lose(self) -> None:
        self._admin = None
        self._online.clear()
        self._lost.set()

    def _tell(self, topic: str, value: Mapping[str, Any]) -> None:
        if topic.endswith("bridge/state"):
            self._become(State.ONLINE if value.get("state") == "online" else State.BRIDGE_AWAY)
            return
        for hearer in list(self._hearers):
            try:
                hearer(topic, value)
            except Exception:
                log.exception("a page failed")

    async def _find_rights(self, connection: Admin) -> None:
        """Learn the role from what the broker lets through: two questions that change nothing. Raises NoAnswer.

        NoAnswer is also raised where the bridge has too much to do for the answer that is needed.
        """
        if await _lets(connection, "list-options", {}):
            self.role = OWNER
        elif await _lets(connection, "bulk-validate", b"ID;PATH\r\n"):
            self.role = REGISTRAR
        else:
            self.role = VIEWER
        if self.of_management and self.role == OWNER:
            try:
                tenants = (await connection.request("list-tenants", {"limit": 3}))["tenants"]
            except RefusedByBridge as error:
                raise NoAnswer(f"the bridge cannot say now which tenants there are: {error.message}") from None
            self.has_tenants = len(tenants) > 2  # the two of a fresh installation show nobody any tenancy

    def finish(self, why: End) -> None:
        """End the session: its connection is closed, pages of it are told. It does not begin again."""
        if self.end is None:
            self.end = why
        if self._begun:  # else somebody was refused, who may have typed a password in the place of a name
            self._begun = False
            log.info("logged out", tenant=self.tenant, administrator=self.name, reason=why.name.lower())
        self._online.set()  # who waits for the connection is told that there will be none
        self._become(State.ENDED)
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()


async def _lets(connection: Admin, command: str, payload: Mapping[str, Any] | bytes) -> bool:
    try:
        await connection.request(command, payload)
    except RefusedByBridge as error:
        return error.code != "NOT_PERMITTED"
    return True
