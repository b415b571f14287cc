"""The only place, with ``bridge.sockets``, that knows aiomqtt and paho: connect, subscribe, receive, publish.

Three things go past aiomqtt to the paho client inside it, and nowhere else: incoming messages are taken as they come
(``on_message``), QoS 1 is acknowledged when the caller says so (``manual_ack_set``, ``ack``), and a publish tells the
broker's reason code (``on_publish``). aiomqtt acknowledges before the application has seen a message and drops the
reason of a publish.
"""

import asyncio
import functools
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.client import MQTT_ERR_SUCCESS, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from bridge.inbox import Inbox
from bridge.inbox import Incoming as Incoming
from bridge.sockets import Client, Unanswered
from bridge.trust import TrustFault, client_context, words_of
from bridge.window import WINDOW, Outgoing, Window

RECEIVED: Final = 200
"""Messages with QoS above 0 that the broker sends before the first of them is acknowledged (its Receive Maximum)."""
NO_MATCHING_SUBSCRIBERS: Final = 0x10
SESSION_LIFE: Final = 1_209_600
"""Seconds that the broker keeps a persistent session of the bridge: 14 days, the brokers' own limit is shorter."""

KEEPALIVE: Final = 15
"""Seconds of silence after which the broker is asked whether it is still there. One that says nothing for as long again
is gone; the broker ends a silent connection of ours, and speaks our last will, after one and a half times as long."""

_UNHEARD: Final = logging.getLogger(f"{__name__}.aiomqtt")
_UNHEARD.disabled = True  # whoever uses a connection is told all of it by exceptions

_NOT_AUTHORISED: Final = frozenset({0x84, 0x85, 0x86, 0x87, 0x8A})


class BrokerError(Exception):
    """Something between us and a broker failed; the connection is of no further use."""


class Unreachable(BrokerError):
    """Nobody answers at the address."""


class Untrusted(Unreachable):
    """What answers at the address is not to be trusted, or does not speak TLS, where that was wanted."""


class LoginRefused(BrokerError):
    """The broker does not take this login."""


class Disconnected(BrokerError):
    """The connection ended, or the broker no longer answers on it."""


class SubscriptionRefused(BrokerError):
    """The broker does not let this login subscribe there."""


@dataclass(frozen=True, slots=True)
class Login:
    """Where and as whom to connect. ``client_id`` None lets the library draw one; ``keepalive`` is in seconds.

    ``authority`` is the file of those whose certificates are trusted, read anew for each connection; None is plain TCP.
    """

    host: str
    port: int
    username: str
    password: str = field(repr=False)
    client_id: str | None = field(default=None, repr=False)
    keepalive: int = KEEPALIVE
    authority: Path | None = None


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker publishes, retained and with QoS 1, when the connection ends without a good-bye."""

    topic: str
    payload: bytes


@functools.cache
def _expiring(expiry: int) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)
    properties.MessageExpiryInterval = expiry
    return properties


def _properties(correlation: bytes | None, expiry: int | None) -> Properties | None:
    if correlation is None:
        return None if expiry is None else _expiring(expiry)  # paho does not change it, and making one is slow
    properties = Properties(PacketTypes.PUBLISH)
    properties.CorrelationData = correlation
    if expiry is not None:
        properties.MessageExpiryInterval = expiry
    return properties


class Connection:
    """A live connection; made by ``connect``."""

    def __init__(self, client: Client, inbox: Inbox, manual_ack: bool, longest: int | None = None) -> None:
        self._longest = longest
        self._client = client
        self._paho = client._client
        self._inbox = inbox
        self._window = Window()
        self._early: dict[int, int] = {}
        self._room = asyncio.Event()
        self._room.set()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._manual_ack = manual_ack
        self._unacknowledged = 0
        self._paho.manual_ack_set(manual_ack)
        self._paho.disable_logger()  # a line for each packet, written to nowhere
        self._connected = self._paho.on_connect
        self._paho.on_connect = self._on_connect
        self._paho.on_message = self._on_message
        self._paho.on_publish = self._on_publish

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any = None) -> None:
        self._window.limit = min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW))
        assert self._connected is not None
        self._connected(client, userdata, flags, reason, properties)  # type: ignore[call-arg]

    def _on_message(self, client: Any, userdata: Any, message: MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", None)
        self._unacknowledged += self._manual_ack and message.qos > 0
        payload, arrived = message.payload, time.monotonic()
        payload = bytes(payload if self._longest is None else payload[: self._longest])
        self._inbox.add(
            Incoming(message.topic, payload, message.qos, message.retain, message.mid, correlation, arrived)
        )

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason: ReasonCode, properties: Any) -> None:
        if mid in self._window:
            self._settle(mid, reason.value)
        else:
            self._early[mid] = reason.value  # acknowledged before publish() has told us its message id

    def _settle(self, mid: int, reason: int) -> None:
        settled = self._window.end(mid)
        while (following := self._window.following()) is not None:
            self._publish(following)
        if self._window.has_room:
            self._room.set()
        if not self._window.under_way:
            self._quiet.set()
        if settled.told is not None:
            settled.told(reason)

    async def subscribe(
        self,
        *filters: str,
        qos: int = 1,
        no_local: bool = False,
        retain_as_published: bool = False,
        retain_handling: int = SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE,
    ) -> None:
        """Subscribe to ``filters``. Raises SubscriptionRefused if the broker says no to one, Disconnected."""
        options = SubscribeOptions(qos, no_local, retain_as_published, retain_handling)
        subscribing = asyncio.ensure_future(self._client.subscribe([(filter_, options) for filter_ in filters]))
        try:
            await asyncio.wait((subscribing, self._client.ended), return_when=asyncio.FIRST_COMPLETED)
            if not subscribing.done():  # aiomqtt would wait its whole patience for an answer
                raise Disconnected("could not subscribe: the connection ended")
            codes = subscribing.result()
        except aiomqtt.MqttError as error:
            raise Disconnected(f"could not subscribe: {error}") from error
        finally:
            subscribing.cancel()
        for filter_, code in zip(filters, cast("list[ReasonCode]", codes), strict=True):
            value = code.value
            if value >= 0x80:
                raise SubscriptionRefused(f"the broker refuses the subscription to {filter_}: {code}")

    async def batches(self) -> AsyncIterator[list[Incoming]]:
        """Yield whatever has arrived, at most ``MAX_BATCH`` messages at a time. Raises Disconnected at the end."""
        try:
            async for batch in self._client.messages:
                yield cast("list[Incoming]", batch)
        except aiomqtt.MqttError as error:
            raise Disconnected(str(error)) from error

    def ack(self, messages: Sequence[Incoming]) -> None:
        """Acknowledge messages that were received with manual acknowledgement; QoS 0 needs none."""
        for message in messages:
            if message.qos:
                self._unacknowledged -= 1
                self._paho.ack(message.mid, message.qos)

    @property
    def depths(self) -> dict[str, int]:
        """How many messages wait for their turn, are not acknowledged by us, and not by the broker."""
        return {
            "waiting": len(self._inbox.waiting),
            "unacknowledged": self._unacknowledged,
            "outgoing": len(self._window),
        }

    def send(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        correlation: bytes | None = None,
        expiry: int | None = None,
        told: Callable[[int], None] | None = None,
    ) -> None:
        """Publish without waiting; ``told`` hears the broker's MQTT 5 reason code. ``expiry`` is in seconds.

        Raises Disconnected.
        """
        outgoing = Outgoing(topic, payload, qos, retain, _properties(correlation, expiry), told)
        if qos == 0 or self._window.goes_at_once(outgoing):
            self._publish(outgoing)
        elif not self._window.has_room:
            self._room.clear()

    def _publish(self, outgoing: Outgoing) -> None:
        info = self._paho.publish(outgoing.topic, outgoing.payload, outgoing.qos, outgoing.retain, outgoing.properties)
        if info.rc != MQTT_ERR_SUCCESS:
            raise Disconnected(f"could not publish: error {info.rc}")
        if outgoing.qos:
            self._window.begin(info.mid, outgoing)
            self._quiet.clear()
            if info.mid in self._early:
                self._settle(info.mid, self._early.pop(info.mid))

    @property
    def has_room(self) -> bool:
        """Whether ``drained`` would return at once."""
        return self._room.is_set()

    def dropped(self) -> int:
        """Return how many messages with QoS 0 were dropped since this was asked the last time."""
        number, self._inbox.dropped = self._inbox.dropped, 0
        return number

    @property
    def waiting(self) -> int:
        """Publishes that wait in memory because the broker has not acknowledged those before them."""
        return self._window.waiting

    async def drained(self) -> None:
        """Wait until there is room for further publishes. Raises Disconnected when that takes 30 s."""
        try:
            async with asyncio.timeout(30):
                await self._room.wait()
        except TimeoutError:
            raise Disconnected("the broker has not acknowledged for 30 s") from None

    async def settled(self) -> None:
        """Wait until the broker has acknowledged all that was sent; without a broker that is never."""
        await self._quiet.wait()

    async def publish(self, topic: str, payload: bytes, *, patience: float = 10.0, **options: Any) -> int:
        """Publish with QoS 1 and return the broker's reason code.

        Raises Disconnected, at once when the connection ends, and after ``patience`` s.
        """
        reason: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def told(code: int) -> None:
            if not reason.done():
                reason.set_result(code)

        self.send(topic, payload, told=told, **options)
        ended = self._client.ended
        await asyncio.wait((reason, ended), timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if reason.done():
            return reason.result()
        if ended.done():
            raise Disconnected("the connection ended before the broker had acknowledged")
        raise Disconnected(f"the broker has not acknowledged within {patience:g} s")


@asynccontextmanager
async def connect(
    login: Login,
    *,
    persistent: bool = False,
    clean_start: bool | None = None,
    manual_ack: bool = False,
    will: Will | None = None,
    patience: float = 10.0,
    received: int = RECEIVED,
    longest: int | None = None,
) -> AsyncIterator[Connection]:
    """Connect with MQTT 5 and TCP_NODELAY; without the latter a QoS 1 round trip waits for delayed TCP acks.

    A ``persistent`` session survives the connection. ``clean_start`` clears what an earlier one left behind (by
    default only where not persistent). ``received``: how many messages come before one is acknowledged. ``longest``:
    bytes after which a payload is cut off. Raises Unreachable, Untrusted, LoginRefused.
    """
    inbox = Inbox()
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = SESSION_LIFE if persistent else 0
    properties.ReceiveMaximum = received
    client = Client(
        login.host,
        login.port,
        username=login.username,
        password=login.password,
        identifier=login.client_id,
        protocol=aiomqtt.ProtocolVersion.V5,
        clean_start=(not persistent) if clean_start is None else clean_start,
        properties=properties,
        will=None if will is None else aiomqtt.Will(will.topic, will.payload, 1, True),
        keepalive=login.keepalive,
        timeout=patience,
        max_inflight_messages=0,  # the window is kept here; paho looks through all that is under way each time
        queue_type=cast("Any", lambda maxsize=0: inbox),
        logger=_UNHEARD,
        socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        tls_context=_context(login),
    )
    # Only connecting shall read as a failure to connect, hence no `async with` round the caller's block here.
    try:
        connection = Connection(client, inbox, manual_ack, longest)
        await client.__aenter__()
    except MqttConnectError as error:
        if _value(error.rc) in _NOT_AUTHORISED:
            raise LoginRefused(f"the broker at {login.host}:{login.port} refuses the login {login.username}") from error
        raise Unreachable(f"the broker at {login.host}:{login.port} refuses to connect: {error}") from error
    except (aiomqtt.MqttError, OSError) as error:
        _drop(client)  # it may be open, to somebody who says nothing
        # aiomqtt turns what the handshake says into a text, and keeps the reason only as the context.
        words = None if login.authority is None else words_of(error.__context__)
        if words is not None:
            raise Untrusted(f"the broker at {login.host}:{login.port}: {words}") from error
        hint = "; if it speaks TLS, name its authority with --tls-ca"
        plain = hint if login.authority is None and isinstance(error, Unanswered) else ""
        raise Unreachable(f"no broker answers at {login.host}:{login.port}: {error}{plain}") from error
    except asyncio.CancelledError:
        client._client.disconnect()
        raise
    try:
        yield connection
    finally:
        await _leave(client)


def _context(login: Login) -> ssl.SSLContext | None:
    if login.authority is None:
        return None
    try:
        return client_context(login.authority)
    except TrustFault as error:
        raise Untrusted(str(error)) from error


def _value(code: Any) -> int:
    return code if isinstance(code, int) else int(code.value)


async def _leave(client: aiomqtt.Client) -> None:
    try:
        await client.__aexit__(None, None, None)
    except aiomqtt.MqttError:
        pass  # it had ended already, which whoever used it has been told, or the other side takes nothing any more
    finally:
        _drop(client)


def _drop(client: aiomqtt.Client) -> None:
    """Close what may still be open, without a word."""
    client._client._sock_close()
