"""aiomqtt's client, mended where its sockets meet the event loop. Only ``bridge.broker`` uses it."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import aiomqtt


class Unanswered(aiomqtt.MqttError):
    """Somebody took the connection and ended it before an answer."""


class Client(aiomqtt.Client):
    """aiomqtt's client, which hands its socket to the event loop only while it is open.

    aiomqtt registers the number of a socket a moment after paho has used it. Closed meanwhile, the number may be
    another connection's, which would then be neither read nor written again. Registering at once in the loop's own
    thread also saves waking the loop for each packet.
    """

    @property
    def ended(self) -> asyncio.Future[None]:
        """Done once the connection has ended."""
        return self._disconnected

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any = None) -> None:
        """Give up at once where a connection ends before the broker has answered; aiomqtt waits its whole patience."""
        if not self._connected.done():
            self._connected.set_exception(Unanswered(f"the connection ended before an answer: {reason}"))
            self._connected.exception()  # nobody may be waiting for it any more
        if self._connected.cancelled():
            return  # so is whoever was connecting; aiomqtt would raise it into the event loop
        super()._on_disconnect(client, userdata, flags, reason, properties)
        if self._disconnected.done() and not self._disconnected.cancelled():
            self._disconnected.exception()  # the same

    def _on_socket_open(self, client: Any, userdata: Any, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._watch, sock)  # paho connects in a thread of its own

    def _watch(self, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.add_reader(sock.fileno(), self._read, sock)
            self._misc_task = self._loop.create_task(self._misc_loop(), name="keep alive")

    def _read(self, sock: Any) -> None:
        self._perform(self._client.loop_read)
        # TLS may have decoded more than that took, and the selector knows nothing of it. Others have their turn first.
        if isinstance(sock, ssl.SSLSocket) and sock.fileno() >= 0 and sock.pending():
            self._loop.call_soon(self._read, sock)

    def _on_socket_register_write(self, client: Any, userdata: Any, sock: Any) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # the thread in which paho connects
            self._loop.call_soon_threadsafe(self._want_to_write, sock)
        else:
            self._want_to_write(sock)

    def _want_to_write(self, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.add_writer(sock.fileno(), self._perform, self._client.loop_write)

    def _perform(self, step: Callable[[], Any]) -> None:
        try:
            step()
        except Exception as error:  # noqa: BLE001 - it ends the connection, and whoever uses that is told
            if not self._disconnected.done():
                self._disconnected.set_exception(error)
