"""aiomqtt's client, mended where hundreds of them in one process need it."""

import asyncio
import contextlib
import logging
import socket
import ssl
from typing import Any

import aiomqtt
from aiomqtt.types import PahoSocket
from paho.mqtt.client import Client as PahoClient
from paho.mqtt.client import DisconnectFlags, MQTTMessage
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

_NO_DELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)

_logger = logging.getLogger("device_sim.mqtt")
_logger.setLevel(logging.ERROR)  # every lost connection is an event of its device and counted there


class Client(aiomqtt.Client):
    """A client for one connection. ``timeout`` is the seconds a broker has for each answer.

    What aiomqtt does otherwise: a publish or subscribe that waits when the connection breaks waits out its whole
    time-out; the reason why a broker refused a publish is dropped; a socket whose broker never said a word stays open.
    And it registers file descriptors with the event loop a moment after paho has opened or used them. By then paho may
    have closed them and another client may have got the same number, whose messages would never be read or written
    again. This client looks whether its socket is still open at the moment of registering.
    """

    def __init__(
        self,
        hostname: str,
        port: int,
        *,
        username: str,
        password: str,
        identifier: str,
        protocol: aiomqtt.ProtocolVersion = aiomqtt.ProtocolVersion.V5,
        timeout: float = 10.0,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(
            hostname,
            port,
            username=username,
            password=password,
            identifier=identifier,
            protocol=protocol,
            timeout=timeout,
            tls_context=tls_context,
            socket_options=_NO_DELAY,
            logger=_logger,
        )
        self.inbox: asyncio.Queue[tuple[str, bytes] | None] = asyncio.Queue()
        """Topic and payload of each message; None when the connection is lost."""
        self.lost: str | None = None
        """Why the connection is lost; None while it is not."""
        self.publish_refusal: str | None = None
        """Why the broker refused the last publish; only MQTT 5 tells. Reset it before each publish."""

    async def close(self) -> None:
        """Close a connection that was made, if the broker has not done so already."""
        with contextlib.suppress(aiomqtt.MqttError):  # it was to be closed, and it is
            await self.__aexit__(None, None, None)
        if self._disconnected.done() and not self._disconnected.cancelled():
            self._disconnected.exception()  # seen; asyncio would complain at some later time

    def abandon(self) -> None:
        """Close a connection that was never made."""
        self._client.disconnect()

    def _on_message(self, client: PahoClient, userdata: Any, message: MQTTMessage) -> None:
        self.inbox.put_nowait((message.topic, bytes(message.payload)))

    def _on_publish(
        self, client: PahoClient, userdata: Any, mid: int, reason_code: ReasonCode, properties: Properties
    ) -> None:
        if reason_code.is_failure:
            self.publish_refusal = str(reason_code)
        super()._on_publish(client, userdata, mid, reason_code, properties)

    def _on_disconnect(
        self,
        client: PahoClient,
        userdata: Any,
        flags: DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None = None,
    ) -> None:
        # paho may call from the thread that dials.
        self._loop.call_soon_threadsafe(self._release, self._connected, str(reason_code))
        super()._on_disconnect(client, userdata, flags, reason_code, properties)

    def _release(self, connected: asyncio.Future[None], reason: str) -> None:
        """Let go whoever waits for this connection; ``connected`` is the future of the time when it broke."""
        self.lost = reason
        self.inbox.put_nowait(None)
        for confirmation in self._pending_publishes.values():
            confirmation.set()
        waiting: list[asyncio.Future[Any]] = [connected, *self._pending_subscribes.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(aiomqtt.MqttError(reason))

    def _on_socket_open(self, client: PahoClient, userdata: Any, sock: PahoSocket) -> None:
        self._loop.call_soon_threadsafe(self._watch_reads, sock)

    def _on_socket_register_write(self, client: PahoClient, userdata: Any, sock: PahoSocket) -> None:
        self._loop.call_soon_threadsafe(self._watch_writes, sock)

    def _watch_reads(self, sock: PahoSocket) -> None:
        if _is_open(sock):
            self._loop.add_reader(sock.fileno(), self._read, sock)
            self._misc_task = self._loop.create_task(self._misc_loop(), name=f"keep alive {self.identifier}")

    def _watch_writes(self, sock: PahoSocket) -> None:
        if _is_open(sock):
            self._loop.add_writer(sock.fileno(), self._write)

    def _read(self, sock: PahoSocket) -> None:
        sound = False
        try:
            self._client.loop_read()
            # TLS may have decoded more than one read consumed, and the selector knows nothing of that.
            while isinstance(sock, ssl.SSLSocket) and _is_open(sock) and sock.pending():
                self._client.loop_read()
            sound = True
        finally:
            if not sound:
                self._break("a packet could not be read")

    def _write(self) -> None:
        sound = False
        try:
            self._client.loop_write()
            sound = True
        finally:
            if not sound:
                self._break("a packet could not be written")

    def _break(self, reason: str) -> None:
        """End the connection because paho has stumbled; its exception goes to the event loop's handler."""
        self._release(self._connected, reason)
        self.abandon()


def _is_open(sock: PahoSocket) -> bool:
    return sock.fileno() >= 0
