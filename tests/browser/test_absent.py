"""How long somebody stays logged in. These wait rather than work, so they stand apart and others run meanwhile."""

import asyncio
from itertools import count
from pathlib import Path

from playwright.async_api import Browser, expect

from tests.browser.station import Console, at_login, somebody
from tests.e2e.peer import administrator
from tests.e2e.site import AnySite


async def test_who_does_nothing_is_warned_and_then_logged_out_whatever_happens_meanwhile(
    browser: Browser, site: AnySite, tmp_path: Path
) -> None:
    """Events refresh the page and are no use of it; a click is."""
    console = Console.start(site, tmp_path, "--idle", "0.4")
    busy = asyncio.create_task(registering(site))
    try:
        async with somebody(browser, console) as person:
            page = await person.log_in("admin", site.password_of("admin"))
            warning = page.get_by_text("You will be logged out within a minute")
            await expect(warning).to_be_visible()
            await page.get_by_role("button", name="Stay logged in").click()
            await expect(warning).to_be_hidden()
            await expect(warning).to_be_visible()
            await page.wait_for_url("**/login?**", timeout=60_000)
            await at_login(page, "You were logged out, because nothing was done for some time.")
    finally:
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)
        console.stop()


async def registering(site: AnySite) -> None:
    async with administrator(site.access) as other:
        for number in count(1):
            await other.ok("register", {"id": f"safety-busy-{number}"})
            await asyncio.sleep(0.5)


async def test_nobody_stays_logged_in_for_ever(browser: Browser, site: AnySite, tmp_path: Path) -> None:
    console = Console.start(site, tmp_path, "--longest", "0.01")
    try:
        async with somebody(browser, console) as person:
            page = await person.log_in("admin", site.password_of("admin"))
            while page.url == f"{console.url}/":
                await page.mouse.click(600, 400)
                await page.wait_for_timeout(500)
            await at_login(page, "You were logged out, because you had been logged in for a long time.")
    finally:
        console.stop()
