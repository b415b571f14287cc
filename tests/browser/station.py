"""A console in front of a running installation, and people with browsers at it."""

import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect

from tests.e2e.site import BIN, AnySite, Process, free_ports, wait_until

CHROMIUM: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
"""Debian's browser without what a container does not let it have; nothing of it goes out to the network."""
PATIENCE: Final = 20_000.0
"""Milliseconds that a page has for whatever a test waits for."""


@dataclass
class Console:
    """`bootstrap-bridge console` on an installation."""

    site: AnySite
    port: int
    process: Process
    scheme: str = "http"
    generation: int = 0

    @classmethod
    def start(
        cls, site: AnySite, folder: Path, *options: str, program: Sequence[str] = (), within: Path | None = None
    ) -> "Console":
        """Start it on a free port and wait until it serves; ``program`` is another one than the command."""
        port = free_ports(1)[0]
        words = [*(program or [str(BIN / "bootstrap-bridge")]), "console", "--data", str(site.data.absolute())]
        words += ["--console-port", str(port), *options]
        process = Process.start_in(within or Path.cwd(), words, folder / f"console.{port}.log")
        over = lambda: "ready" in process.output or process.process.poll() is not None  # noqa: E731
        wait_until(over, "the console is ready", 60)
        assert process.process.poll() is None, process.output
        return cls(site, port, process, "https" if "--tls" in options else "http")

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.process.stop()


@contextlib.contextmanager
def serving(site: AnySite, folder: Path, *options: str) -> Iterator[Console]:
    """Start a console and end it, whatever happens."""
    served = Console.start(site, folder, *options)
    try:
        yield served
    finally:
        served.stop()


@dataclass
class Person:
    """Somebody at a browser of their own, with all that the page complained of."""

    page: Page
    context: BrowserContext
    console: Console
    faults: list[str] = field(default_factory=list)

    def hear(self, page: Page) -> None:
        """Keep what the browser reports of a page: script errors and errors that it writes to its console."""

        def on_console(message: ConsoleMessage) -> None:
            # A broken connection and a refused login are shown to the person; the browser also writes them down.
            told = ("Failed to load resource", "WebSocket")
            if message.type == "error" and not any(words in message.text for words in told):
                self.faults.append(message.text)

        page.on("console", on_console)
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    async def open(self, path: str) -> Page:
        await self.page.goto(self.console.url + path)
        return self.page

    async def log_in(self, username: str, password: str, path: str = "/") -> Page:
        """Log in by the form, as a person does, and wait for the page."""
        await self.open(path)
        await self.page.fill("#username", username)
        await self.page.fill("#password", password)
        await self.page.click("button[type=submit]")
        await self.page.wait_for_selector("#content")
        return self.page

    async def row(self, device_id: str) -> Any:
        """Return the row of a registration once it is there."""
        found = self.page.locator(f'tr[data-id="{device_id}"]')
        await found.wait_for()
        return found


async def owner_at(person: Person, site: AnySite, path: str) -> Page:
    """Log the owner of the tenant `default` in, and be at the page at ``path`` right then."""
    return await person.log_in("admin", site.password_of("admin"), path)


async def at_login(page: Page, words: str) -> None:
    """Wait until the page has become the login, which tells why."""
    await page.wait_for_url("**/login?**")
    await expect(page.get_by_role("alert")).to_have_text(words)


def chromium() -> str:
    """Return where Debian's browser is."""
    found = shutil.which("chromium")
    assert found, "Chromium is not on this machine: make chromium"
    return found


@contextlib.asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """Start a browser; tests open contexts in it, which share nothing."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM))
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def somebody(browser: Browser, console: Console, **options: Any) -> AsyncIterator[Person]:
    """Give somebody a browser without cookies, by Playwright's options for a context. No page may report errors."""
    context = await browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    person = Person(page, context, console)
    person.hear(page)
    try:
        yield person
        assert person.faults == []
    finally:
        await context.close()
