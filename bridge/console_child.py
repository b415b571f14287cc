"""The console as a child of `up`: started, watched, started again when it ends by itself, and ended with us.

It is a program like any other that speaks to the operations broker: it gets no secret of ours, neither by its command
line nor by its environment, and no file of ours is open in it but the folder's lock.
"""

import asyncio
import importlib.util
import os
import pwd
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from bridge.backoff import Backoff
from bridge.children import (
    END_PATIENCE,
    BrokersFault,
    Owner,
    barred_folder,
    die_with_parent,
    free_port,
    hand_over,
    port_fault,
)
from bridge.installation import Installation
from bridge.settings import BadSettings, Settings

READY_PATIENCE: Final = 120.0
"""Seconds until it serves at the latest: reading its libraries takes long where a machine has much to do."""
WELL_AFTER: Final = 60.0
"""Seconds after which it runs well: the next end is not taken for one more of a row."""
LONGEST: Final = 30.0
"""Seconds between two starts at the most."""
PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "TERM", "NO_COLOR", "BOOTSTRAP_BRIDGE_DEBUGGABLE")
"""What it gets of our environment; all else may hold a password."""
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
USER: Final = "nobody"

log = structlog.get_logger("up")


def find_port(settings: Settings, others: Sequence[int], *, secure: bool) -> int:
    """Return the port at which browsers shall reach the console, by TLS if ``secure``.

    Raises BadSettings, BrokersFault.
    """
    if importlib.util.find_spec("nicegui") is None:
        raise BadSettings("--console needs what is not installed: pip install 'bootstrap-bridge[console]'")
    host, port = settings.console_listen, settings.console_port
    if not (secure or settings.plain_on_the_network or host in LOOPBACK):
        raise BadSettings(
            f"--console-listen {host}: other machines can reach that, and passwords would travel in clear: add --tls, "
            "or, behind a proxy that speaks TLS, --plain-on-the-network"
        )
    if port == 0:
        while (port := free_port(host)) in others:
            pass
    elif port in others:
        raise BrokersFault(f"port {port} is taken by a broker: give the console another with --console-port")
    elif fault := port_fault(host, port, "--console-port"):
        raise BrokersFault(fault)
    return port


def words_for(settings: Settings, made: Installation, port: int) -> list[str]:
    """Return the command that starts the console of this installation."""
    host, broker_port = made.doors["operations"]
    words = [sys.executable, "-m", "bridge", "console", "--data", str(made.folder.path.absolute())]
    words += ["--host", host, "--port", str(broker_port), "--topic-prefix", made.facts.topic_prefix]
    if made.authority is not None:
        words += ["--tls-ca", str(made.authority.absolute())]
    words += ["--console-listen", settings.console_listen, "--console-port", str(port)]
    for name in filter(None, (settings.console_name or "").split(",")):
        words += ["--console-name", name.strip()]
    if settings.console_url:
        words += ["--console-url", settings.console_url]
    if made.facts.tls.on:
        words.append("--tls")
    elif settings.plain_on_the_network:
        words.append("--plain-on-the-network")
    return [*words, "--log-level", settings.log_level, "--log-format", settings.log_format]


def choose_user(data: Path, program: Path = Path(sys.executable), package: Path = Path(__file__)) -> str | None:
    """Return as whom the console runs: started as root, as nobody where that one can reach what it runs; else as we."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(USER)
    except KeyError:
        log.warning("console as root", reason=f"started as root, and there is no user {USER}")
        return None
    for path in (program, program.resolve(), package, data / "ca.pem"):
        if (barred := barred_folder(path, entry)) is not None:
            log.warning("console as root", reason=f"started as root, and the user {USER} cannot reach {path}: {barred}")
            return None
    return USER


class ConsoleChild:
    """The console's process. ``address`` is where browsers reach it; ``ready`` is set while it serves."""

    def __init__(self, words: Sequence[str], user: str | None, lock: int, folder: Path) -> None:
        self._words = list(words)
        self._user = user
        self._folder = folder
        self._lock = lock
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self._has_served = False
        self.address = ""
        self.ready = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    def hand_over_files(self) -> None:
        """Give the user as whom it runs what it has to read: its certificate and key, if there are any."""
        if self._folder.is_dir():
            hand_over(Owner(self._user), self._folder.parent, (self._folder,))

    async def run(self) -> None:
        """Keep it running until ``stop``. Raises BrokersFault where it has never served; later its ends are borne."""
        backoff = Backoff(LONGEST)
        while not self._stopping:
            began = time.monotonic()
            try:
                status = await self._lived()
            except OSError as error:
                raise BrokersFault(f"{self._words[0]} cannot be started: {error.strerror}") from error
            if self._stopping:
                return
            log.error("console ended", status=status)
            if not self._has_served:
                raise BrokersFault(f"the console ended with status {status} before it served; what is above tells why")
            if time.monotonic() - began > WELL_AFTER:
                backoff.reset()
            await backoff.wait()

    async def _lived(self) -> int:
        """Start it, hear when it is ready, and return its status when it has ended. Raises OSError."""
        self.hand_over_files()
        user = {} if self._user is None else {"user": self._user, "group": pwd.getpwnam(self._user).pw_gid}
        if user:
            user["extra_groups"] = ()
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        self._process = await asyncio.create_subprocess_exec(
            *self._words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is for us; we end the children in order
            preexec_fn=die_with_parent(os.getpid()),
            pass_fds=(self._lock,),
            cwd="/",
            env={**environment, "COLUMNS": "250"},  # its one line stays one
            **user,  # type: ignore[arg-type]
        )
        if self._stopping:  # meanwhile
            self._process.terminate()
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = line.decode(errors="replace").strip()
            if said.startswith("ready: open "):
                self.address = said.removeprefix("ready: open ").partition(" ")[0]
                self._has_served = True
                self.ready.set()
                log.info("console ready", address=self.address, pid=self._process.pid)
        self.ready.clear()
        return await self._process.wait()

    async def wait_until_ready(self) -> str:
        """Return the address once it serves. Raises BrokersFault."""
        try:
            async with asyncio.timeout(READY_PATIENCE):
                await self.ready.wait()
        except TimeoutError:
            raise BrokersFault(f"the console does not serve after {READY_PATIENCE:.0f} s") from None
        return self.address

    async def stop(self) -> None:
        """End the process, with force if it does not go."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(END_PATIENCE):
                await process.wait()
        except TimeoutError:
            if process.returncode is None:  # it may have ended in that moment
                process.kill()
            await process.wait()


def child_for(settings: Settings, made: Installation, lock: int) -> ConsoleChild | None:
    """Return the console of this installation, if there shall be one. Raises BadSettings, BrokersFault."""
    if not settings.console:
        return None
    port = find_port(settings, (made.facts.port, made.facts.bootstrap_port), secure=made.facts.tls.on)
    return ConsoleChild(words_for(settings, made, port), choose_user(settings.data), lock, made.folder.console)
