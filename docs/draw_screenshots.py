"""Take the pictures of the console that the documentation shows, from the data of `make console`.

`make screenshots` runs it after the page has changed. It starts the demo itself, looks with Debian's Chromium, and
writes docs/screenshots/*.png.
"""

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, Page, async_playwright, expect

from tests.browser.station import CHROMIUM, chromium

TARGET: Final = Path(__file__).parent / "screenshots"
PATIENCE: Final = 240.0
"""Seconds for the demo to come to where it says what to try."""
DESK: Final[dict[str, Any]] = {"viewport": {"width": 1280, "height": 800}}
PHONE: Final[dict[str, Any]] = {"viewport": {"width": 390, "height": 844}}


@dataclass(frozen=True, slots=True)
class Demo:
    """The running demo: where its page is, and the owner's password."""

    address: str
    password: str


@contextmanager
def demo() -> Iterator[Demo]:
    """Run `make console` without its browser, and end it."""
    words = [sys.executable, "-u", "-m", "bridge.console_demo", "--port", "0", "--no-browser"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    told = ""
    try:
        deadline = time.monotonic() + PATIENCE
        while "Ctrl-C ends it" not in told:
            line = process.stdout.readline()
            told += line
            assert line, f"the demo has ended:\n{told}"
            assert time.monotonic() < deadline, f"the demo does not come to its end:\n{told}"
        address = re.search(r"https?://\S+", told)
        password = re.search(r"^\s*admin\s+(\S+)", told, re.MULTILINE)
        assert address, told
        assert password, told
        yield Demo(address[0].rstrip("/"), password[1])
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


async def registrations(page: Page) -> None:
    await page.locator("tr", has_text="pump-005").first.wait_for()


async def accepting(page: Page) -> None:
    """Two callers for one device, side by side."""
    row = page.locator("tr", has_text="gate-001").first
    await row.get_by_role("button", name=re.compile("Accept|Compare")).first.click()
    await page.get_by_role("dialog").wait_for()


async def registering(page: Page) -> None:
    await page.get_by_role("button", name="Register device").click()
    await page.get_by_role("menuitem", name=re.compile("General")).first.click()
    dialog = page.get_by_role("dialog")
    await dialog.wait_for()
    await dialog.get_by_label(re.compile("Device ID")).first.fill("pump-042")


async def shown(page: Page) -> None:
    await expect(page.locator("#content h1")).to_be_visible()


SHOTS: Final[tuple[tuple[str, str, dict[str, Any], str, Callable[[Page], Awaitable[None]]], ...]] = (
    ("registration", "/", DESK, "light", registrations),
    ("registration-phone", "/", PHONE, "dark", registrations),
    ("accept", "/", DESK, "light", accepting),
    ("register", "/", DESK, "light", registering),
    ("overview", "/overview", DESK, "light", shown),
    ("devices", "/devices", DESK, "light", shown),
)


async def take(browser: Browser, run: Demo) -> None:
    """Take all pictures."""
    for name, path, screen, theme, prepare in SHOTS:
        context = await browser.new_context(**screen, color_scheme=theme, locale="en-GB", reduced_motion="reduce")
        page = await context.new_page()
        await page.goto(run.address + path)
        await page.fill("#username", "admin")
        await page.fill("#password", run.password)
        await page.click("button[type=submit]")
        await page.wait_for_selector("#content h1")
        await prepare(page)
        await page.evaluate("document.fonts.ready")
        await page.wait_for_load_state("networkidle")
        await page.screenshot(path=TARGET / f"{name}.png", animations="disabled")
        await context.close()
        print(f"{name}.png")


async def main() -> None:
    """Run the demo and take the pictures."""
    TARGET.mkdir(exist_ok=True)
    with demo() as run:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM))
            await take(browser, run)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
