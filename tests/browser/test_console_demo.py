"""`make console`: what it prints is so, devices call in, and Ctrl-C leaves nothing behind."""

import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.station import Console, Person, somebody
from tests.e2e.site import Process, UpSite, wait_until

pytestmark = [pytest.mark.alone, pytest.mark.long]
PATIENCE = 300.0
"""Seconds: a dozen processes begin, and a dozen commands are run."""


@contextmanager
def shown(folder: Path) -> Iterator[Process]:
    """Run the demonstration until the block ends; its own temporary folder is made below ``folder``."""
    words = [sys.executable, "-m", "bridge.console_demo", "--port", "0", "--no-browser"]
    folder.chmod(0o711)  # the brokers' user goes through it
    process = Process.start(words, folder / "log", TMPDIR=str(folder), PYTHONUNBUFFERED="1")
    try:
        wait_until(lambda: "Ctrl-C" in process.output or process.process.poll() is not None, "all is shown", PATIENCE)
        assert process.process.poll() is None, process.output
        yield process
    finally:
        process.process.send_signal(signal.SIGINT)
        wait_until(lambda: "ending" in process.output, "it ends", PATIENCE)
        process.process.send_signal(signal.SIGTERM)  # whoever is impatient breaks nothing off
        process.process.wait(PATIENCE)
    assert [path.name for path in folder.iterdir()] == ["log"]


def processes_below(folder: Path) -> list[str]:
    """Return the commands of all processes that work in ``folder``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if str(folder) in words or (process / "cwd").readlink().is_relative_to(folder):
                found.append(words)
        except OSError:
            continue  # it has just ended
    return found


async def test_what_it_prints_works_and_ctrl_c_leaves_nothing_behind(browser: Browser, tmp_path: Path) -> None:
    with shown(tmp_path) as process:
        address = re.search(r"http://127\.0\.0\.1:(\d+)/", process.output)
        logins = dict(re.findall(r"^  (admin|rita|victor|root) +(\S{20,})", process.output, re.MULTILINE))
        labels = dict(re.findall(r"^  ((?:meter|valve)-\d+) +(\S+-\S+)", process.output, re.MULTILINE))
        assert address is not None
        assert sorted(logins) == ["admin", "rita", "root", "victor"]
        assert len(labels) == 8
        console = Console(UpSite(tmp_path), int(address[1]), process)
        async with somebody(browser, console) as person:
            await accept_a_meter(person, logins["admin"], labels["meter-002"])
        async with somebody(browser, console) as person:
            page = await person.log_in("victor", logins["victor"])
            row = page.locator('[data-id="pump-008"]')
            await expect(row).to_contain_text("Pending acceptance")
            await expect(row.get_by_role("button", name="Accept")).to_have_count(0)
        assert len(processes_below(tmp_path)) >= 7
    assert process.process.returncode in {0, 128 + signal.SIGTERM}, process.output
    assert "Traceback" not in process.output
    wait_until(lambda: processes_below(tmp_path) == [], "all have ended", PATIENCE)


async def accept_a_meter(person: Person, password: str, token: str) -> None:
    """Type the token of the label, as the list of what to try says; blocked and conflicting ones are there too."""
    page = await person.log_in("admin", password)
    row = page.locator('[data-id="meter-002"]')
    await expect(row).to_contain_text("Pending acceptance")
    await expect(page.locator('[data-id="meter-001"]')).to_contain_text("Blocked")
    await row.get_by_label(re.compile("^Security token")).fill(token)
    await row.get_by_role("button", name="Accept").click()
    await expect(row.locator(".status")).to_have_text("Accepted")
