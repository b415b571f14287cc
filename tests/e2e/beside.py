"""A Mosquitto of somebody else's, with users and rights of its own, and the bridge beside it."""

import contextlib
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bridge.credentials import mosquitto_hash
from tests.e2e.peer import V5, Peer, connected
from tests.e2e.site import ApartSite, Broker, free_ports, wait_until

NO_ACL = ""
ACL = "topic read board/#\nuser old\ntopic readwrite plant/#\nuser all\ntopic readwrite #\n"


@dataclass
class BesideSite(ApartSite):
    """A broker of somebody else's in a folder of its own, which runs before there is a bridge."""

    users: tuple[str, ...] = ("old", "all")
    acl: str = ACL
    more: tuple[str, ...] = ("allow_anonymous false",)
    options: tuple[str, ...] = ()
    included: bool = False
    port: int = 0
    bootstrap_port: int = 0

    @property
    def home(self) -> Path:
        return self.data.parent / f"{self.data.name}.theirs"

    @property
    def configuration(self) -> Path:
        return self.home / "mosquitto.conf"

    def write(self) -> None:
        """Write the broker as it is before us."""
        self.home.mkdir()
        self.port, self.bootstrap_port = free_ports(2)
        lines = ["user root", f"listener {self.port} 127.0.0.1", *self.more]
        if self.users:
            passwords = "".join(f"{user}:{mosquitto_hash(f'{user}-password').line}\n" for user in self.users)
            (self.home / "passwords").write_text(passwords, encoding="utf-8")
            lines.append(f"password_file {self.home}/passwords")
        if self.acl:
            (self.home / "acl").write_text(self.acl, encoding="utf-8")
            lines.append(f"acl_file {self.home}/acl")
        if self.included:
            (self.home / "conf.d").mkdir()
            (self.home / "conf.d" / "more.conf").write_text("max_inflight_messages 50\n", encoding="utf-8")
            lines.append(f"include_dir {self.home}/conf.d")
        self.configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def init(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return self.cli(
            *("init", "--beside", str(self.configuration), "--bootstrap-port", str(self.bootstrap_port)),
            *self.options,
            *words,
            stdin=stdin,
        )

    def start_theirs(self) -> None:
        """Start their broker, or start it again."""
        if "operations" in self.processes:
            self.processes.pop("operations").stop()
        self.generation += 1
        log = self.data.parent / f"{self.data.name}.theirs.{self.generation}.log"
        self.processes["operations"] = Broker.on(self.configuration, log)
        wait_until(
            lambda: _listens(self.port) or self.processes["operations"].process.poll() is not None, "their broker"
        )
        assert self.processes["operations"].process.poll() is None, self.processes["operations"].output

    def start(self) -> None:
        self.write()
        self.start_theirs()
        done = self.init("--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        self.start_theirs()
        self.start_broker("bootstrap")
        self.start_bridge()

    def files(self) -> dict[str, bytes]:
        """All files of both, but what a running broker or bridge writes."""
        roots = [self.home, *([self.data] if self.data.exists() else [])]
        return {str(path): path.read_bytes() for root in roots for path in root.rglob("*") if path.is_file()}

    def as_(self, user: str | None) -> contextlib.AbstractAsyncContextManager[Peer]:
        return connected(self.port, user, f"{user}-password" if user else None, None, V5)  # type: ignore[arg-type]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
