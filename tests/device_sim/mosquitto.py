"""A real Mosquitto for one test: started on a free port, restarted in the middle, its log at hand."""

import asyncio
import base64
import getpass
import hashlib
import os
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from tests import lines

PATIENCE = 60.0
"""Seconds after which a test that waits for an event has failed."""
AGAIN = 0.25
"""Seconds after which the broker is asked again to end: it says that it is running just before it minds SIGTERM."""

BOOTSTRAP_ACL = """\
user bridge
topic read bootstrap/+/request
topic read bootstrap/+/request/+
topic write bootstrap/+/request
topic write bootstrap/+/request/+
topic write bootstrap/+/response
topic write bootstrap/+/response/+
pattern write bootstrap/%c/request
pattern read bootstrap/%c/response
pattern write bootstrap/+/request/%c
pattern read bootstrap/+/response/%c
"""
OPERATIONS_ACL = """\
user watcher
topic readwrite devices/#
pattern readwrite devices/+/%c/#
"""


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def password_line(username: str, password: str) -> str:
    """Return the line of a Mosquitto password file."""
    salt = os.urandom(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"{username}:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"


class Mosquitto:
    """One broker below ``directory``; ``users`` is user name → password, ``prefix`` stands before the ACL's topics."""

    def __init__(self, directory: Path, users: Mapping[str, str], acl: str, *, prefix: str = "", tls: str = "") -> None:
        self.port = free_port()
        self.log: list[str] = []
        self._directory = directory
        self._news = asyncio.Condition()
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        directory.mkdir()
        acl = acl.replace(" bootstrap/", f" {prefix}bootstrap/").replace(" devices/", f" {prefix}devices/")
        (directory / "acl").write_text(acl)
        self.set_users(users)
        (directory / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\n{tls}allow_anonymous false\nallow_zero_length_clientid false\n"
            f"password_file {directory}/passwords\nacl_file {directory}/acl\nmax_packet_size 20480\n"
            f"set_tcp_nodelay true\npersistence false\nlog_dest stderr\nlog_type all\n"
            f"user {getpass.getuser()}\n"
        )

    def set_users(self, users: Mapping[str, str]) -> None:
        """Write the password file; a broker that runs reads it on ``reload``."""
        lines = "".join(password_line(name, password) for name, password in users.items())
        (self._directory / "passwords").write_text(lines)

    async def start(self) -> None:
        """Start, and return when the broker serves."""
        begun = len(self.log)
        self._process = await asyncio.create_subprocess_exec(
            lines.broker(), "-c", str(self._directory / "mosquitto.conf"), stderr=asyncio.subprocess.PIPE
        )
        self._reader = asyncio.create_task(self._read(), name=f"log of port {self.port}")
        await self.until_logged("mosquitto version", " running", start=begun)

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the broker, with SIGKILL the hard way; harmless when it does not run."""
        if self._process and self._reader:
            async with asyncio.timeout(PATIENCE):
                while self._process.returncode is None:
                    self._process.send_signal(number)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._process.wait(), AGAIN)
            await self._reader
            self._process = None

    def reload(self) -> None:
        """Let the broker read its password file again."""
        assert self._process
        self._process.send_signal(signal.SIGHUP)

    def freeze(self) -> None:
        """Let the broker answer nobody; only ``stop`` with SIGKILL ends it then."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    async def until_logged(self, *words: str, start: int = 0) -> None:
        """Wait until a line of the log from line ``start`` on holds all ``words``."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(lambda: any(all(word in line for word in words) for line in self.log[start:]))

    async def _read(self) -> None:
        assert self._process
        assert self._process.stderr
        async for line in self._process.stderr:
            async with self._news:
                self.log.append(line.decode(errors="replace").rstrip())
                self._news.notify_all()
