"""How browsers are listened to: HTTP by uvicorn, with the bounds in time and number that it does not have itself.

Whoever connects and says nothing, or goes on saying it, holds a place that another can have; whoever does not read what
they asked for is not waited for.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from bridge.console.guard import Application

HEAD_PATIENCE: Final = 10.0
"""Seconds for the head of a request, from the beginning of the connection or of the head."""
READ_PATIENCE: Final = 30.0
"""Seconds for which an answer that is not read is kept; the system's own buffers hold some of it besides."""
MOST_WAITING: Final = 200
"""Connections on which no request is under way; one more ends the one that has waited longest."""
MAX_HEAD: Final = 16_384
"""Bytes of a request's line and headers, which h11 keeps to; the quicker parser has no bound."""
MAX_MESSAGE: Final = 1_000_000
"""Bytes of a message on a socket; NiceGUI's script in the browser knows the same number and sends no longer ones."""
HANDSHAKE_PATIENCE: Final = 10.0
"""Seconds for a TLS handshake."""
AGAIN: Final = 60.0
"""Seconds after which it is looked whether there is another certificate."""

log = structlog.get_logger("console")


def bounded(
    most: int = MOST_WAITING, head_patience: float = HEAD_PATIENCE, read_patience: float = READ_PATIENCE
) -> type[H11Protocol]:
    """Return the protocol of all connections of a server. It is h11's, which is strict in what it takes for HTTP."""
    waiting: dict[H11Protocol, None] = {}

    class Bounded(H11Protocol):
        """A connection whose browser has to say what it wants, and to read what it asked for."""

        _head: asyncio.TimerHandle | None = None
        _unread: asyncio.TimerHandle | None = None

        def _wait(self) -> None:
            if self._head is not None:
                return
            self._head = self.loop.call_later(head_patience, self.transport.abort)
            waiting[self] = None
            if len(waiting) > most:
                next(iter(waiting)).transport.abort()

        def _wait_no_more(self) -> None:
            waiting.pop(self, None)
            if self._head is not None:
                self._head.cancel()
                self._head = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._wait()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._wait_no_more()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._wait_no_more()
            self._wait()  # for the next request, or for the rest of this answer to be read

        def handle_websocket_upgrade(self, event: Any) -> None:
            self._wait_no_more()
            super().handle_websocket_upgrade(event)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._unread = self.loop.call_later(read_patience, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._unread is not None:
                self._unread.cancel()

        def connection_lost(self, exc: Exception | None) -> None:
            self._wait_no_more()
            if self._unread is not None:
                self._unread.cancel()
            super().connection_lost(exc)

    return Bounded


@dataclass(slots=True)
class Certificate:
    """The console's certificate and key, read anew when others have put another there."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """Return the server's side of TLS. Raises OSError, ssl.SSLError among them."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key, password=_no_passphrase)
        return context

    async def follow(self, context: ssl.SSLContext, every: float = AGAIN) -> None:
        """Have ``context`` show what is in the files now, until cancelled; connections stay as they are."""
        seen = self._seen()
        while True:
            await asyncio.sleep(every)
            found = self._seen()
            if found == seen:
                continue
            try:
                self.context()  # tried apart: the one in use must not be left with half of it
                context.load_cert_chain(self.certificate, self.key, password=_no_passphrase)
            except OSError as error:
                log.warning("certificate not read", file=str(self.certificate), reason=str(error))
            else:
                seen = found
                log.info("certificate read anew", file=str(self.certificate))

    def _seen(self) -> tuple[object, ...]:
        try:
            return tuple((state.st_mtime_ns, state.st_ino) for state in (self.certificate.stat(), self.key.stat()))
        except OSError:
            return ()


def _no_passphrase() -> str:
    raise OSError("the key has a passphrase, for which nobody can be asked: give one without")


class Server(uvicorn.Server):
    """One that leaves signals to who runs it, says when it serves, and bounds handshakes in time."""

    def __init__(self, config: uvicorn.Config, when_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_started = when_started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: they cancel the task that runs this."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell. The rest is as uvicorn does it for sockets that it is given."""
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise RuntimeError("the pages could not be set up")
        loop = asyncio.get_running_loop()

        def connection() -> asyncio.Protocol:
            return self.config.http_protocol_class(  # type: ignore[call-arg]
                config=self.config, server_state=self.server_state, app_state=self.lifespan.state
            )

        self.servers = [
            await loop.create_server(
                connection,
                sock=one,
                ssl=self.config.ssl,
                ssl_handshake_timeout=None if self.config.ssl is None else HANDSHAKE_PATIENCE,
            )
            for one in sockets or []
        ]
        self.started = True
        self._when_started()


def config_of(app: Application, context: ssl.SSLContext | None, proxies: tuple[str, ...]) -> uvicorn.Config:
    """Return how ``app`` is served: without banners, without a log of its own, by what ``proxies`` say of who asks."""
    return uvicorn.Config(
        app,
        http=bounded(),
        h11_max_incomplete_event_size=MAX_HEAD,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        ssl_context_factory=None if context is None else lambda config, usual: context,
        timeout_graceful_shutdown=2,
        ws_max_size=MAX_MESSAGE,
        ws_max_queue=8,
    )
