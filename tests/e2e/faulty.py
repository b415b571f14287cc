"""A line to a broker that can fail as lines do: fall silent, slow down, break in the middle of a packet."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.site import BIN, ApartSite, Process, free_ports, wait_until

HURRIED = {"KEEPALIVE": "5", "RECONCILE_EVERY": "2", "RECONNECT_WITHIN": "1"}
"""Settings, in seconds, with which faults are noticed and mended sooner than by default."""


class Line:
    """A TCP proxy to a port of 127.0.0.1, in a thread of its own, so that tests may wait as they like."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.delay = 0.0
        """Seconds that each piece of data takes, either way."""
        self.accepted = 0
        """Connections taken so far."""
        self.open = 0
        """Connections that are open now."""
        self.bytes_left: int | None = None
        """After so many bytes from the bridge all connections are reset; once."""
        self._flowing = True
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._resumed = asyncio.Event()
        self._resumed.set()
        (self.port,) = free_ports(1)
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="line", daemon=True)
        self._thread.start()
        assert started.wait(10)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", self.port))
        started.set()
        self._loop.run_forever()
        server.close()
        self._cut()
        pending = asyncio.all_tasks(self._loop)
        for task in pending:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            with contextlib.suppress(asyncio.CancelledError):  # at the end, which the streams would complain of
                await self._join(reader, writer)
        finally:
            self.open -= 1

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        self._open.add(writer)
        await self._resumed.wait()  # taken, and never answered
        try:
            there, to = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            self._reset(writer)
            return
        self._open.add(to)
        await asyncio.gather(self._pass(reader, to, from_bridge=True), self._pass(there, writer, from_bridge=False))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_bridge: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await self._resumed.wait()
                if self.delay:
                    await asyncio.sleep(self.delay)
                if from_bridge and self.bytes_left is not None:
                    if len(data) >= self.bytes_left:
                        writer.write(data[: self.bytes_left])
                        await writer.drain()
                        self.bytes_left = None
                        self._cut()
                        return
                    self.bytes_left -= len(data)
                writer.write(data)
                await writer.drain()
        writer.close()

    def _reset(self, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    def _cut(self) -> None:
        for writer in self._open:
            self._reset(writer)
        self._open.clear()

    def _do(self, work: Callable[[], None]) -> None:
        done = threading.Event()

        def run() -> None:
            work()
            done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(10)

    def hold(self) -> None:
        """Pass nothing on any more, and close nothing: half-open, for both sides."""
        self._do(self._resumed.clear)

    def resume(self) -> None:
        """Pass on again, also what was held."""
        self._do(self._resumed.set)

    def cut(self) -> None:
        """Reset all connections."""
        self._do(self._cut)

    def end(self) -> None:
        self._do(lambda: None)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)


@dataclass
class LinedSite(ApartSite):
    """Brokers and bridge as processes, with a line between the bridge and each broker."""

    lines: dict[str, Line] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    def start_bridge(self) -> None:
        if not self.lines:
            access = self.access
            self.lines = {"operations": Line(access["port"]), "bootstrap": Line(access["bootstrapPort"])}
        self.generation += 1
        log = self.data.parent / f"{self.data.name}.serve.{self.generation}.log"
        words = [str(BIN / "bootstrap-bridge"), "serve", "--data", str(self.data)]
        words += ["--port", str(self.lines["operations"].port)]
        words += ["--bootstrap-port", str(self.lines["bootstrap"].port)]
        env = {f"BOOTSTRAP_BRIDGE_{name}": value for name, value in (HURRIED | self.settings).items()}
        env["BOOTSTRAP_BRIDGE_DEBUGGABLE"] = "1"  # its open files are counted
        serve = self.processes["serve"] = Process.start(words, log, **env)
        wait_until(lambda: '"ready"' in serve.output or serve.process.poll() is not None, "the bridge is ready")
        assert serve.process.poll() is None, serve.output

    @property
    def bridge(self) -> Process:
        return self.processes["serve"]

    def stop(self) -> None:
        super().stop()
        for line in self.lines.values():
            line.end()
        self.lines.clear()


def open_files(process: Process) -> int:
    """Count the open files of a process."""
    return sum(1 for _ in Path(f"/proc/{process.process.pid}/fd").iterdir())


def threads(process: Process) -> int:
    """Count the threads of a process."""
    return sum(1 for _ in Path(f"/proc/{process.process.pid}/task").iterdir())


def resident_kib(process: Process) -> int:
    """Return how much memory a process holds, in KiB."""
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1])


@contextlib.contextmanager
def lined(path: Path, **settings: str) -> Iterator[LinedSite]:
    """Run brokers, lines and a bridge, and end them whatever happens."""
    site = LinedSite(path, settings=settings)
    try:
        site.start()
        yield site
    finally:
        site.stop()
