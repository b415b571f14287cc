"""A whole installation as a person would run it: processes, folders, free ports. It knows the commands only."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests import lines

BIN = Path(sys.executable).parent
PATIENCE = 60.0
AGAIN = 0.25
"""Seconds after which a broker is asked again to end."""
PARTS = [range(start, start + 2_500) for start in range(12_000, 32_000, 2_500)]
"""Ports for tests, in parts."""
_given: set[int] = set()


def free_ports(number: int) -> list[int]:
    """Take ports of 127.0.0.1 that nobody listens at, none of them twice in this process.

    They are below those that the system gives to outgoing connections: one of these would otherwise take the port of a
    broker that is being started again. Processes that test at the same time draw from parts of their own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % len(PARTS)
    found: list[int] = []
    while len(found) < number:
        port = secrets.choice(PARTS[worker])
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            if port not in _given:
                found.append(port)
                _given.add(port)
    return found


def run(*words: str, timeout: float = 120, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, without a terminal."""
    return subprocess.run(
        words, input=stdin, capture_output=True, text=True, timeout=timeout, env={**os.environ, **env}, check=False
    )


def wait_until(condition: Any, what: str, patience: float = PATIENCE) -> Any:
    """Poll ``condition`` until it is true and return its value."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {patience:g} s")


@dataclass
class Process:
    """A process of ours, with what it printed in a file."""

    words: list[str]
    log: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, words: list[str], log: Path, **env: str) -> Self:
        with log.open("ab") as file:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env={**os.environ, **env},
                start_new_session=True,
            )
        return cls(words, log, process)

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)


class Broker(Process):
    """A Mosquitto, which listens before it minds signals: a SIGTERM just before its main loop is lost."""

    @classmethod
    def on(cls, configuration: Path, log: Path) -> Self:
        return cls.start([str(lines.broker()), "-c", str(configuration)], log)

    def stop(self, number: int = signal.SIGTERM) -> int:
        for _ in range(int(PATIENCE / AGAIN)):
            if self.process.poll() is None:
                self.process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self.process.wait(AGAIN)
        raise AssertionError(f"{self.words} does not end: {self.output}")


@dataclass
class Site:
    """Brokers and bridge on one folder."""

    data: Path
    processes: dict[str, Process] = field(default_factory=dict)
    generation: int = 0
    env: dict[str, str] = field(default_factory=dict)

    @property
    def access(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.data / "access.json").read_text(encoding="utf-8"))
        return content

    def password_of(self, username: str) -> str:
        password: str = next(one["password"] for one in self.access["administrators"] if one["username"] == username)
        return password

    def cli(self, *words: str, timeout: float = 120, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        return run(str(BIN / "bootstrap-bridge"), *words, "--data", str(self.data), timeout=timeout, stdin=stdin, **env)

    def stop(self) -> None:
        for process in reversed(list(self.processes.values())):
            process.stop()
        self.processes.clear()


class UpSite(Site):
    """`bootstrap-bridge up`."""

    def start(self, *options: str, **env: str) -> None:
        self.generation += 1
        if "--port" not in options:
            if (self.data / "access.json").exists():
                ports = [self.access["port"], self.access["bootstrapPort"]]
            else:
                ports = free_ports(2)
            options += ("--port", str(ports[0]), "--bootstrap-port", str(ports[1]))
        log = self.data.parent / f"{self.data.name}.up.{self.generation}.log"
        words = [str(BIN / "bootstrap-bridge"), "up", "--data", str(self.data), "--log-level", "info", *options]
        up = self.processes["up"] = Process.start(words, log, **env)
        wait_until(lambda: "is ready" in up.output or up.process.poll() is not None, "up is ready")
        assert up.process.poll() is None, up.output

    @property
    def up(self) -> Process:
        return self.processes["up"]

    def broker_pids(self) -> dict[str, int]:
        """The brokers among the children of `up`, by the folder of their configuration."""
        found = {}
        children = Path(f"/proc/{self.up.process.pid}/task/{self.up.process.pid}/children")
        for pid in children.read_text().split():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            found[Path(words[2].decode()).parent.name] = int(pid)
        return found

    def kill_bridge(self) -> None:
        self.up.kill()

    def restart_bridge(self) -> None:
        self.start()


class ApartSite(Site):
    """`init`, then both brokers and `serve` as processes of their own."""

    def make(self) -> None:
        """Make keys, accounts and both brokers' configurations."""
        port, bootstrap_port = free_ports(2)
        done = self.cli("init", "--port", str(port), "--bootstrap-port", str(bootstrap_port))
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        if not self.data.exists():
            self.make()
        for name in ("operations", "bootstrap"):
            self.start_broker(name)
        self.start_bridge()

    def start_broker(self, name: str) -> None:
        self.generation += 1
        configuration = self.data / f"{name}-broker" / "mosquitto.conf"
        log = self.data.parent / f"{self.data.name}.{name}.{self.generation}.log"
        self.processes[name] = Broker.on(configuration, log)
        port = self.access["port" if name == "operations" else "bootstrapPort"]
        wait_until(lambda: _answers(port), f"the {name} broker answers")

    def start_bridge(self) -> None:
        self.generation += 1
        log = self.data.parent / f"{self.data.name}.serve.{self.generation}.log"
        words = [str(BIN / "bootstrap-bridge"), "serve", "--data", str(self.data)]
        serve = self.processes["serve"] = Process.start(words, log, **self.env)
        wait_until(lambda: '"ready"' in serve.output or serve.process.poll() is not None, "the bridge is ready", 60)
        assert serve.process.poll() is None, serve.output

    def kill_bridge(self) -> None:
        self.processes["serve"].kill()

    def restart_bridge(self) -> None:
        self.start_bridge()


AnySite = UpSite | ApartSite


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def running(site: AnySite) -> Iterator[AnySite]:
    """Start ``site`` and end what it started, whatever happens."""
    try:
        site.start()
        yield site
    finally:
        site.stop()
