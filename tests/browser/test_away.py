"""The operations broker goes away while a page is open, and comes back."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.station import Console, somebody
from tests.e2e.peer import administrator, private_id, stranger
from tests.e2e.site import ApartSite, running

AWAY = [3.0, pytest.param(30.0, marks=pytest.mark.long)]
"""Seconds for which the broker is gone."""


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[ApartSite]:
    """An installation of the test's own, whose brokers can be stopped alone."""
    with running(ApartSite(tmp_path / "data")) as chosen:
        assert isinstance(chosen, ApartSite)
        yield chosen


@pytest.mark.parametrize("away", AWAY)
async def test_a_page_outlives_a_broker_that_is_away(
    away: float, browser: Browser, apart: ApartSite, tmp_path: Path
) -> None:
    """A notice comes, what was typed stays, and all goes on by itself when the broker is back."""
    console = Console.start(apart, tmp_path)
    try:
        async with somebody(browser, console) as person:
            page = await person.log_in("admin", apart.password_of("admin"))
            async with administrator(apart.access) as admin:
                await admin.ok("register", {"id": "away-1"})
                async with stranger(apart.access, private_id()) as device:
                    await device.publish(
                        f"bootstrap/away-1/request/{device.client.identifier}", b'{"securityToken":"kept"}'
                    )
                    await admin.until("away-1", "lastSeen")
            row = await person.row("away-1")
            token = row.get_by_label("Security token")
            await token.fill("kept")
            await page.evaluate("window.neverReloaded = true")
            notice = page.get_by_role("alert").filter(has_text="this page goes on by itself")
            await expect(notice).to_be_hidden()

            apart.processes["operations"].stop()
            await expect(notice).to_be_visible()
            await asyncio.sleep(away)
            await expect(notice).to_be_visible()
            await row.get_by_role("button", name="Accept", exact=True).click()
            await expect(page.get_by_text("Nothing of what you typed is lost").first).to_be_visible()
            await expect(token).to_have_value("kept")

            apart.start_broker("operations")
            await expect(notice).to_be_hidden(timeout=60_000)
            await expect(token).to_have_value("kept")
            async with administrator(apart.access) as admin:
                await admin.ok("register", {"id": "away-2"})
                await person.row("away-2")
            await row.get_by_role("button", name="Accept", exact=True).click()
            await expect(row).to_contain_text("Accepted")
            assert await page.evaluate("window.neverReloaded")
    finally:
        console.stop()
