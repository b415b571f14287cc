"""`up --console`: the page beside brokers and bridge, as a process that knows no secret and outlives none of them."""

import http.client
import json
import os
import re
import signal
import ssl
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.async_api import Browser, expect

from tests.browser.station import Console, somebody
from tests.e2e.site import BIN, Process, UpSite, free_ports, wait_until

PATIENCE = 120.0
"""Seconds: reading NiceGUI takes long on a machine that has much to do."""


@contextmanager
def up_with_console(folder: Path, *options: str, **env: str) -> Iterator[Console]:
    """Run `up --console` on free ports until the block ends."""
    site = UpSite(folder / "data")
    ports = dict(zip(("--port", "--bootstrap-port", "--console-port"), map(str, free_ports(3)), strict=True))
    words = [str(BIN / "bootstrap-bridge"), "up", "--data", str(site.data), "--console", "--log-level", "info"]
    process = Process.start(
        [*words, *(word for pair in ports.items() for word in pair), *options], folder / "log", **env
    )
    site.processes["up"] = process
    try:
        wait_until(lambda: "accept-all" in process.output or process.process.poll() is not None, "up", PATIENCE)
        assert process.process.poll() is None, process.output
        yield Console(site, int(ports["--console-port"]), process)
    finally:
        site.stop()


def pids_of(console: Console) -> list[int]:
    """Return the processes of the console, in the order in which they served."""
    lines = [line for line in console.process.output.splitlines() if '"console ready"' in line]
    return [json.loads(line)["pid"] for line in lines]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def looked_at(pid: int) -> tuple[bytes, set[Path]]:
    """Return what a process was told at its start, and which files are open in it."""
    process = Path(f"/proc/{pid}")
    told = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
    return told, {link.readlink() for link in (process / "fd").iterdir()}


async def test_up_serves_the_page_and_ends_it_with_itself(browser: Browser, tmp_path: Path) -> None:
    """Its address stands where it is ready; a page that dies comes back; nothing is left at the end."""
    with up_with_console(tmp_path, BOOTSTRAP_BRIDGE_PASSWORD="hunter2-of-the-environment") as console:
        told = re.search(r"The console: open (\S+) in a browser", console.process.output)
        assert told is not None
        assert told[1] == f"{console.url}/"
        async with somebody(browser, console) as person:
            await person.log_in("admin", console.site.password_of("admin"))
            await expect(person.page.get_by_role("heading", level=1)).to_be_visible()
        (first,) = pids_of(console)
        known, opened = looked_at(first)
        access = console.site.access
        secrets = [access["bootstrap"]["password"], *(one["password"] for one in access["administrators"])]
        for secret in (*secrets, "hunter2-of-the-environment"):
            assert secret.encode() not in known
        assert {path for path in opened if path.is_relative_to(console.site.data)} == {console.site.data / "lock"}

        os.kill(first, signal.SIGKILL)
        second = wait_until(lambda: next((pid for pid in pids_of(console) if pid != first), None), "again", PATIENCE)
        async with somebody(browser, console) as person:
            await person.log_in("admin", console.site.password_of("admin"))
        assert console.process.process.poll() is None
    assert console.process.process.returncode == 0
    assert not is_running(second)
    assert "Traceback" not in console.process.output


def test_with_tls_it_has_a_certificate_of_the_installation_and_killed_it_leaves_nothing_behind(tmp_path: Path) -> None:
    with up_with_console(tmp_path, "--tls") as console:
        assert f"The console: open https://127.0.0.1:{console.port}/" in console.process.output
        trusted = ssl.create_default_context(cafile=console.site.data / "ca.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", console.port, timeout=PATIENCE, context=trusted)
        access = console.site.access
        password = next(one["password"] for one in access["administrators"] if one["username"] == "admin")
        form = urllib.parse.urlencode({"username": "admin", "password": password})
        origin = f"https://127.0.0.1:{console.port}"
        headers = {"Origin": origin, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/login", form, headers)
        answer = connection.getresponse()
        assert answer.status == 303
        assert "Secure" in answer.headers["set-cookie"]
        connection.close()
        (pid,) = pids_of(console)
        console.process.kill()
        wait_until(lambda: not is_running(pid), "the console has ended", PATIENCE)
