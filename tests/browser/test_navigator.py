"""The navigator: beside the page where there is room, else when it is asked for."""

from playwright.async_api import Browser, expect

from tests.browser.station import Console, Person, owner_at, somebody
from tests.e2e.site import AnySite


async def test_on_a_desk_the_navigator_is_there_and_can_be_put_away(person: Person, site: AnySite) -> None:
    page = await owner_at(person, site, "/groups")
    navigator = page.get_by_role("navigation", name="Navigator")
    await expect(navigator.get_by_role("link", name="Groups")).to_be_in_viewport()
    for _ in range(2):
        await page.get_by_role("button", name="Menu").click()
        await expect(navigator.get_by_role("link", name="Groups")).not_to_be_in_viewport()
        await page.get_by_role("button", name="Menu").click()
        await expect(navigator.get_by_role("link", name="Groups")).to_be_in_viewport()


async def test_on_a_phone_the_navigator_comes_when_asked_for(browser: Browser, console: Console, site: AnySite) -> None:
    async with somebody(browser, console, viewport={"width": 390, "height": 844}) as person:
        page = await owner_at(person, site, "/groups")
        link = page.get_by_role("link", name="All devices")
        await expect(page.get_by_role("heading", name="Groups", level=1)).to_be_in_viewport()
        await expect(link).not_to_be_in_viewport()
        await page.get_by_role("button", name="Menu").click()
        await expect(link).to_be_in_viewport()
        await link.click()
        await expect(page.get_by_role("heading", name="Devices", level=1)).to_be_in_viewport()
