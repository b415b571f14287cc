"""Connections to the brokers: what the rest of the simulator knows of MQTT."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode

from device_sim.bootstrap_file import Brokers
from device_sim.client import Client
from device_sim.events import ConnectBootstrap, ConnectOperations

SIMULTANEOUS_DIALS = 16
"""A fleet that is switched on at once dials no more connections than this at a time."""

_BAD_LOGIN = frozenset({134, 135})
"""MQTT 5 reason codes; paho translates those of MQTT 3.1.1 to them."""
_ANSWER_WITHIN = 10.0
"""Seconds a broker has to answer a connect, a subscribe or a publish."""


class ConnectionLostError(Exception):
    """The broker cannot be reached, has closed the connection or does not answer."""


class UntrustedError(ConnectionLostError):
    """What answers does not show a certificate that ``bootstrap.json`` lets us trust, or speaks no TLS."""


class BadLoginError(Exception):
    """The broker knows no such user and password, or does not let this client in."""


class Connection:
    """One connection to a broker that has let us in."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def subscribe(self, topic: str) -> str | None:
        """Subscribe at QoS 1; returns why the broker refused, None if it did not. Raises ConnectionLostError."""
        try:
            codes = await self._client.subscribe(topic, qos=1)
        except aiomqtt.MqttError as error:
            raise ConnectionLostError(str(error)) from error
        for code in codes:
            if isinstance(code, ReasonCode) and code.is_failure:
                return str(code)
        return None

    async def publish(self, topic: str, payload: bytes, qos: int) -> str | None:
        """Publish; returns why the broker refused (seen with MQTT 5 only), None if it did not.

        One at a time for each connection. Raises ConnectionLostError.
        """
        self._client.publish_refusal = None
        try:
            await self._client.publish(topic, payload, qos=qos)
        except aiomqtt.MqttError as error:
            raise ConnectionLostError(str(error)) from error
        if self._client.lost is not None:
            raise ConnectionLostError(self._client.lost)
        return self._client.publish_refusal

    async def receive(self) -> tuple[str, bytes]:
        """Return topic and payload of the next message; none is lost when cancelled. Raises ConnectionLostError."""
        message = await self._client.inbox.get()
        if message is None:
            self._client.inbox.put_nowait(None)  # for whoever asks next
            raise ConnectionLostError(self._client.lost)
        return message


class Dialler:
    """Opens connections to ``brokers`` for a whole fleet, in MQTT 5 or 3.1.1. Needs a running event loop."""

    def __init__(self, brokers: Brokers, *, mqtt5: bool = True) -> None:
        self._brokers = brokers
        self._protocol = aiomqtt.ProtocolVersion.V5 if mqtt5 else aiomqtt.ProtocolVersion.V311
        self._turn = asyncio.Semaphore(SIMULTANEOUS_DIALS)

    @contextlib.asynccontextmanager
    async def dial(self, target: ConnectBootstrap | ConnectOperations) -> AsyncIterator[Connection]:
        """Connect as ``target`` says, with a clean session, and close at the end.

        Raises BadLoginError or ConnectionLostError.
        """
        client = self._client(target)
        async with self._turn:
            await _open(client)
        try:
            yield Connection(client)
        finally:
            await client.close()

    def _client(self, target: ConnectBootstrap | ConnectOperations) -> Client:
        brokers = self._brokers
        if isinstance(target, ConnectBootstrap):
            port, username, password = brokers.bootstrap_port, brokers.username, brokers.password
        else:
            port, username, password = brokers.operations_port, target.username, target.password
        return Client(
            brokers.host,
            port,
            username=username,
            password=password,
            identifier=target.client_id,
            protocol=self._protocol,
            timeout=_ANSWER_WITHIN,
            tls_context=brokers.tls,
        )


async def _open(client: Client) -> None:
    """Connect. When cancelled, wait for the thread that dials: what it opens must be closed again."""
    opening = asyncio.create_task(client.__aenter__(), name=f"dial {client.identifier}")
    try:
        await asyncio.shield(opening)
    except asyncio.CancelledError:
        client.abandon()
        await asyncio.wait({opening})
        if opening.cancelled() or opening.exception():
            client.abandon()
        else:
            await client.close()
        raise
    except MqttConnectError as error:
        if isinstance(error.rc, ReasonCode) and error.rc.value in _BAD_LOGIN:
            raise BadLoginError(str(error.rc)) from error
        raise ConnectionLostError(str(error)) from error
    except aiomqtt.MqttError as error:
        client.abandon()
        # aiomqtt turns what the handshake says into a text, and keeps the reason only as the context.
        if isinstance(error.__context__, ssl.SSLError):
            raise UntrustedError(_told(error.__context__)) from error
        raise ConnectionLostError(str(error)) from error


def _told(error: ssl.SSLError) -> str:
    """Say in words why a handshake failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the broker's certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError):
        return "the broker ends the connection instead of a TLS handshake: does it speak TLS?"
    return f"no TLS with the broker: {error.reason or error}"
