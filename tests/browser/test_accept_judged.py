"""What accepting opens is judged like every page: choosing between callers, registering again, accept all, options."""

import contextlib

import pytest
from playwright.async_api import Browser, expect

from tests.browser.judging import findings
from tests.browser.owners import owning
from tests.browser.station import Console
from tests.browser.test_access import SCREENS
from tests.e2e.hpke import Key
from tests.e2e.peer import device
from tests.e2e.site import AnySite


@pytest.mark.parametrize("screen", ["phone-dark", pytest.param("desk-light", marks=pytest.mark.long)])
async def test_no_window_of_accepting_has_a_serious_fault(
    screen: str, browser: Browser, console: Console, site: AnySite
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        owned = owning(browser, console, site, "acjudge", **SCREENS[screen])
        _, boss, person = await stack.enter_async_context(owned)
        blocked, crowd = f"judged-{screen}-blocked", f"judged-{screen}-crowd"
        await boss.ok("register", {"devices": [{"id": crowd}, {"id": blocked}]})
        for payload in ({"publicKey": Key().public}, {"securityToken": "right"}, {}, {}, {}):
            async with device(site.access, crowd) as caller:
                await caller.ask(payload)
        async with device(site.access, blocked) as caller:
            await caller.ask({"securityToken": "right"})
        for _ in range(5):
            await boss.answer("accept", {"id": blocked, "securityToken": "wrong"})

        page = person.page
        row = await person.row(crowd)
        await row.get_by_role("button", name="Accept", exact=True).click()
        await expect(row.locator(".notice")).to_contain_text("give the one on its label")
        assert await findings(page) == [], "a refusal at the row"
        await row.get_by_role("button", name="Compare 4 callers").click()
        window = page.get_by_role("dialog")
        await expect(window.get_by_role("radio")).to_have_count(4)
        await window.get_by_role("radio").first.check()
        assert await findings(page) == [], "the choice between callers"
        await page.keyboard.press("Escape")

        again = (await person.row(blocked)).get_by_role("button", name="Delete and register again")
        await again.click()
        assert await findings(page) == [], "registering again"
        await page.keyboard.press("Escape")
        await expect(again).to_be_focused()

        await page.get_by_role("button", name="Accept all").click()
        await window.get_by_role("button", name="Accept all").click()
        await expect(window).to_contain_text("1 device could not be accepted automatically")
        assert await findings(page) == [], "what accept all left"

        await person.open("/options")
        field = page.get_by_label("Time in seconds").first
        await field.fill("nothing")
        await expect(page.get_by_text("This is no whole number in the range.")).to_be_visible()
        assert await findings(page) == [], "options"
