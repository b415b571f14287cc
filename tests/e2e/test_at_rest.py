"""Files, processes and their surroundings as others on the machine see them, however careless the start is."""

import asyncio
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.peer import administrator, device
from tests.e2e.scenes import accepted, resident
from tests.e2e.site import BIN, ApartSite, UpSite, run, running, wait_until

CARELESS = {
    "BOOTSTRAP_BRIDGE_PASSWORD": "a-password-of-somebody",
    "PGPASSWORD": "a-password-of-a-database",
    "AWS_SECRET_ACCESS_KEY": "a-key-of-something-else",
    "LD_LIBRARY_PATH": "",
    "LC_ALL": "C.UTF-8",
}
"""What may stand in the environment of who starts the bridge."""


@pytest.fixture
def open_to_all() -> Iterator[None]:
    """Let files be made as openly as they are asked for."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


def modes(folder: Path, *, passable: bool) -> dict[str, str]:
    """Return what below ``folder`` others may read or enter. ``passable``: the folder itself may be passed through.

    That it must be where the brokers run as another user, since everything is started as root.
    """
    found = {}
    for path in (folder, *folder.rglob("*")):
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue  # a draft that has become a file meanwhile
        wanted = 0o700 if stat.S_ISDIR(mode) else 0o600
        if stat.S_IMODE(mode) != wanted and not (path == folder and passable and stat.S_IMODE(mode) == 0o711):
            found[str(path.relative_to(folder))] = oct(stat.S_IMODE(mode))
    return found


def limit_of_cores(pid: int) -> list[str]:
    (line,) = (one for one in Path(f"/proc/{pid}/limits").read_text().splitlines() if one.startswith("Max core file"))
    return line.split()[4:6]


async def _let_in(access: dict[str, Any]) -> None:
    async with administrator(access) as admin, device(access, "rest-1") as caller:
        await admin.ok("register", {"id": "rest-1"})
        await caller.ask({"securityToken": "a-token-of-a-device"})
        await admin.ok("accept", {"id": "rest-1", "securityToken": "a-token-of-a-device"})
        async with resident(access, await accepted(caller)) as peer:
            await peer.publish("devices/default/rest-1/info", b"{}")
        await admin.until("rest-1", "confirmedTime")


def _leave_files(site: UpSite, folder: Path) -> None:
    """Do what people do that leaves files behind."""
    (folder / "file.csv").write_text("ID;CREDENTIALS\nrest-2;a-chosen-password\nrest-3;short\n")
    (folder / "file.csv").chmod(0o600)
    assert site.cli("bulk-register", str(folder / "file.csv"), "--failed", str(folder / "failed.csv")).returncode == 1
    words = [str(BIN / "bootstrap-bridge"), "create-administrator", "jo", "--role", "viewer", "--data", str(site.data)]
    with (folder / "jo.password").open("w") as file:
        subprocess.run(words, stdout=file, stderr=subprocess.PIPE, check=True, timeout=30)
    assert len((folder / "jo.password").read_text()) == 33
    words = [str(BIN / "device-sim"), "run", "--count", "1", "--tokens", "all", "--timeout", "1", "--json"]
    words += ["--bootstrap-file", str(site.data / "bootstrap.json"), "--state", str(folder / "simulator")]
    assert run(*words).returncode == 1, "nobody accepts it"


@pytest.mark.usefixtures("open_to_all")
def test_a_careless_start_shows_nothing_to_others(tmp_path: Path) -> None:
    site, as_root = UpSite(tmp_path / "var"), os.geteuid() == 0
    left = tmp_path / "left"
    left.mkdir(mode=0o700)
    site.start(**CARELESS)
    try:
        bridge, brokers = site.up.process.pid, site.broker_pids()
        assert len(brokers) == 2
        # No core of any of them, and the brokers know nothing of who started them.
        for pid in (bridge, *brokers.values()):
            assert limit_of_cores(pid) == ["1", "1"]
        for pid in brokers.values():
            environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
            assert [one.partition(b"=")[0] for one in environment if one] == [b"PATH"]
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
            assert words.count(b"\0") == 3, "the program, -c, and a file"
        asyncio.run(_let_in(site.access))
        _leave_files(site, left)
        assert modes(site.data, passable=as_root) == {}
        made = {path.name for path in (site.data / "bridge").iterdir()}
        assert made >= {"registrations.db-wal", "registrations.db-shm"}
        assert modes(left, passable=False) == {}
        assert (left / "failed.csv").exists()
        assert (left / "simulator" / "labels.csv").exists()
        # A broker that crashes leaves nothing but a line in the log.
        os.kill(brokers["bootstrap-broker"], signal.SIGSEGV)
        wait_until(lambda: "broker ended" in site.up.output, "the crash is noticed")
    finally:
        site.stop()
    assert (site.data / "operations-broker" / "mosquitto.db").exists()
    assert modes(site.data, passable=as_root) == {}
    assert [path for path in (Path.cwd(), site.data, site.data.parent) if list(path.glob("core*"))] == []


@pytest.mark.usefixtures("open_to_all")
def test_what_init_and_serve_make_is_for_nobody_else(tmp_path: Path) -> None:
    site, as_root = ApartSite(tmp_path / "var", env=CARELESS), os.geteuid() == 0
    with running(site):
        assert limit_of_cores(site.processes["serve"].process.pid) == ["1", "1"]
        assert modes(site.data, passable=as_root) == {}
    assert modes(site.data, passable=as_root) == {}
