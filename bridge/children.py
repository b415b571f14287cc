"""Two Mosquitto processes as children of `up`: started, watched, started again, ended, and never left behind."""

import asyncio
import ctypes
import os
import pwd
import shutil
import signal
import socket
import ssl
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

_PR_SET_PDEATHSIG: Final = 1
RESTARTS: Final = 3
RESTART_WINDOW: Final = 60.0
"""More than ``RESTARTS`` ends of a broker within so many seconds, and `up` gives up."""
END_PATIENCE: Final = 5.0
END_AGAIN: Final = 0.25
"""Seconds after which a broker is asked again to end: SIGTERM in the moment before its main loop is lost (measured on
2.0.11 and 2.1.2), and at any other time a second one changes nothing."""
START_PATIENCE: Final = 10.0
_NO_FAULTS: Final = ("Info: ", "Restored ", "OpenSSL Error")
"""What Mosquitto 2.1 says at each start, whatever it was told to keep to itself, and what any stranger makes it say who
breaks off a handshake. Where OpenSSL refuses the broker's own files, a line of another kind says so first."""
BROKER_USER: Final = "mosquitto"
_FOLDERS: Final = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"

log = structlog.get_logger("brokers")


class BrokersFault(Exception):
    """The brokers cannot be run; the sentence says why and what to do."""


def installed_mosquitto() -> Path | None:
    """Find the broker's program, also where an ordinary user's PATH does not look; None where there is none."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path=_FOLDERS)
    return None if found is None else Path(found)


def find_mosquitto() -> Path:
    """Find the broker's program. Raises BrokersFault."""
    found = installed_mosquitto()
    if found is None:
        raise BrokersFault(
            "Mosquitto is not installed. On Debian, as root: apt-get install mosquitto\n"
            "(That starts a broker of its own on port 1883; 'systemctl disable --now mosquitto' ends it.)\n"
            "If it is somewhere else, name it with BOOTSTRAP_BRIDGE_MOSQUITTO=/path/to/mosquitto"
        )
    return found


def _offered_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def free_port(host: str, *, but: int | None = None, offered: Callable[[str], int] = _offered_port) -> int:
    """Return a port of ``host`` on which nobody listens, other than ``but``, which the system may offer again."""
    port = offered(host)
    while port == but:
        port = offered(host)
    return port


def port_fault(host: str, port: int, option: str) -> str | None:
    """Say why no broker can listen at ``host`` and ``port``, who does, and how to go on; None if one can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            holder = holder_of(port)
            taken = f"port {port} of {host} cannot be used: {error.strerror}"
            if holder is None:
                return f"{taken}\nChoose another with {option} (0 takes a free one)."
            pid, name = holder
            end = "systemctl disable --now mosquitto" if name == "mosquitto" else f"kill {pid}"
            return (
                f"{taken}: the process {pid} ({name}) listens there.\n"
                f"End it ({end}), or choose another port with {option} (0 takes a free one)."
            )
    return None


def holder_of(port: int) -> tuple[int, str] | None:
    """Return process id and name of who listens at a port of this machine; None where that cannot be seen."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(link.readlink()) in inodes for link in (process / "fd").iterdir()):
                return int(process.name), (process / "comm").read_text(encoding="utf-8").strip()
        except OSError:
            continue  # another user's process, or one that has just ended
    return None


@dataclass(frozen=True, slots=True)
class Owner:
    """As whom the brokers run. ``user`` None: as whoever started us. ``lines`` go into their configurations."""

    user: str | None
    lines: tuple[str, ...] = ()
    warning: str | None = None


def choose_owner(data: Path) -> Owner:
    """Decide as whom the brokers run: started as root, as the user mosquitto where that one can reach its files."""
    if os.geteuid() != 0:
        return Owner(None)
    as_root = ("user root",)
    try:
        entry = pwd.getpwnam(BROKER_USER)
    except KeyError:
        return Owner(None, as_root, f"started as root, and there is no user {BROKER_USER}: the brokers run as root")
    barred = barred_folder(data, entry)
    if barred is not None:
        return Owner(
            None,
            as_root,
            f"started as root, and the user {BROKER_USER} cannot reach {data} (see {barred}): the brokers run as "
            "root. Better: start as an ordinary user, or choose --data in a folder that others may enter",
        )
    return Owner(BROKER_USER)


def barred_folder(data: Path, entry: pwd.struct_passwd) -> Path | None:
    """Return the folder above ``data`` that the user of ``entry`` cannot enter, if there is one."""
    for folder in data.absolute().parents:
        if not folder.exists():
            continue  # it will be made, open to others
        status = folder.stat()
        if not (
            status.st_mode & 0o001
            or (status.st_uid == entry.pw_uid and status.st_mode & 0o100)
            or (status.st_gid == entry.pw_gid and status.st_mode & 0o010)
        ):
            return folder
    return None


def hand_over(owner: Owner, data: Path, folders: Sequence[Path]) -> None:
    """Give the brokers' folders to the user as whom they run."""
    if owner.user is None:
        return
    entry = pwd.getpwnam(owner.user)
    data.chmod(0o711)
    for folder in folders:
        os.chown(folder, entry.pw_uid, entry.pw_gid)
        for path in folder.iterdir():
            # That user may have put a link there, to a file of anybody's.
            os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


class Child:
    """One Mosquitto. It ends with us, whatever ends us, and holds the folder's lock until it has ended."""

    def __init__(
        self,
        name: str,
        program: Path,
        configuration: Path,
        owner: Owner,
        lock: int,
        prepare: Callable[[], None] = lambda: None,
    ) -> None:
        self.name = name
        self._prepare = prepare  # before each start; OSError says that the broker cannot be started
        self._command = [str(program), "-c", str(configuration.absolute())]
        self._owner = owner
        self._lock = lock
        self._process: asyncio.subprocess.Process | None = None
        self._ends: deque[float] = deque(maxlen=RESTARTS)
        self._renewing = False
        self.stopping = False

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    async def start(self) -> None:
        """Start the process. Raises BrokersFault."""
        user = {} if self._owner.user is None else {"user": self._owner.user, "group": self._owner.user}
        if user:
            user["extra_groups"] = ()  # type: ignore[assignment]
        try:
            self._prepare()
        except OSError as error:
            raise BrokersFault(
                f"the {self.name} broker cannot be started: {error.filename} cannot be written: {error.strerror}"
            ) from error
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,  # Ctrl-C in the terminal is for us; we end the children in order
                preexec_fn=die_with_parent(os.getpid()),
                pass_fds=(self._lock,),
                env={"PATH": os.environ.get("PATH", "")},
                **user,  # type: ignore[arg-type]
            )
        except OSError as error:
            raise BrokersFault(f"{self._command[0]} cannot be started: {error.strerror}") from error

    async def watch(self) -> None:
        """Pass on what the process says; start it again when it ends by itself. Raises BrokersFault after too often."""
        while True:
            process = self._process
            assert process is not None
            assert process.stderr is not None
            last = ""
            async for line in process.stderr:
                last = line.decode(errors="replace").strip().partition(": ")[2] or line.decode(errors="replace").strip()
                say = log.info if last.startswith(_NO_FAULTS) else log.warning
                say("mosquitto", broker=self.name, says=last)
            code = await process.wait()
            if self.stopping:
                return
            if self._renewing:
                self._renewing = False
                await self.start()
                continue
            now = time.monotonic()
            self._ends.append(now)
            log.error("broker ended", broker=self.name, status=code)
            if len(self._ends) == RESTARTS and now - self._ends[0] < RESTART_WINDOW:
                raise BrokersFault(
                    f"the {self.name} broker ended {RESTARTS} times within a minute; it said last: {last or 'nothing'}"
                )
            await self.start()

    def reload(self) -> None:
        """Have the process read its passwords, rights and certificates again; sessions that may stay do."""
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGHUP)

    async def renew(self) -> None:
        """End the process and have ``watch`` start it again; that is none of the ends after which `up` gives up."""
        if self.pid is not None:
            self._renewing = True
            await self._end()

    async def stop(self) -> None:
        """End the process, with force if it does not go."""
        self.stopping = True
        await self._end()

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(END_PATIENCE):
                while process.returncode is None:  # it may have ended in the moment in which patience did
                    process.send_signal(signal.SIGTERM)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(END_AGAIN):
                            await process.wait()
        if process.returncode is None:
            process.kill()
        await process.wait()


def die_with_parent(parent: int) -> Callable[[], None] | None:
    """Ask the kernel to end the child when we die. A change of user would undo the request, hence it comes last."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # we died in between
            os.kill(os.getpid(), signal.SIGKILL)

    return ask


async def wait_for_port(host: str, port: int, child: Child, trusted: ssl.SSLContext | None = None) -> None:
    """Wait until something answers at the port, over TLS where ``trusted`` says by what. Raises BrokersFault."""
    try:
        async with asyncio.timeout(START_PATIENCE):
            while True:
                try:
                    _, writer = await asyncio.open_connection(host, port, ssl=trusted)
                except ssl.SSLCertVerificationError as error:
                    raise BrokersFault(
                        f"the {child.name} broker at {host}:{port}: its certificate is not trusted: "
                        f"{error.verify_message}"
                    ) from error
                except OSError:
                    await asyncio.sleep(0.02)
                    continue
                writer.close()
                with suppress(OSError):  # the broker may have closed first
                    await writer.wait_closed()
                return
    except TimeoutError:
        raise BrokersFault(f"the {child.name} broker does not answer at {host}:{port}") from None
