"""Everybody can use the console: what axe-core judges, on each page, in light and dark, on a desk and on a phone."""

from typing import Any, Final

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.judging import findings
from tests.browser.station import Console, Person, somebody
from tests.e2e.peer import administrator, private_id, stranger
from tests.e2e.scenes import bring_in
from tests.e2e.site import AnySite

SCREENS: Final[dict[str, dict[str, Any]]] = {
    f"{where}-{theme}": {"viewport": size, "color_scheme": theme}
    for where, size in {"desk": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}.items()
    for theme in ("light", "dark")
}
LONG: Final = "access-" + "long" * 40


async def paths_of(page: Page) -> list[str]:
    """Return where the navigator of the page leads."""
    links = await page.locator("nav a").all()
    paths = [await link.get_attribute("href") for link in links]
    assert "/" in paths
    return [path for path in paths if path]


async def settled(page: Page) -> None:
    """Wait until the page is there with what it shows."""
    await page.wait_for_selector("#content h1")
    await page.wait_for_function("() => !document.querySelector('[aria-busy=true]')")


async def people_a_site(site: AnySite, name: str) -> None:
    """Register devices in each status, one of them with a very long id, and bring one in."""
    async with administrator(site.access) as admin:
        for id_ in (f"{name}-{LONG}", f"{name}-pending", f"{name}-blocked"):
            await admin.ok("register", {"id": id_, "name": "<b>Pump</b> at the well", "group": "Access/North"})
        for id_ in (f"{name}-pending", f"{name}-blocked"):
            async with stranger(site.access, private_id()) as device:
                await device.publish(
                    f"bootstrap/{id_}/request/{device.client.identifier}", b'{"securityToken":"right"}'
                )
                await admin.until(id_, "lastSeen")
        for _ in range(5):
            await admin.answer("accept", {"id": f"{name}-blocked", "securityToken": "wrong"})
        await bring_in(site.access, admin, f"{name}-in")


@pytest.mark.parametrize(
    "screen",
    # Each size and each theme once; the rest where there is time.
    [pytest.param(one, marks=() if one in {"desk-light", "phone-dark"} else pytest.mark.long) for one in SCREENS],
)
async def test_no_page_has_a_serious_fault_nor_is_wider_than_the_screen(
    screen: str, browser: Browser, console: Console, site: AnySite
) -> None:
    await people_a_site(site, f"access-{screen}")
    async with somebody(browser, console, **SCREENS[screen]) as person:
        page = await person.open("/")
        assert await findings(page) == [], "the login"
        await person.log_in("admin", site.password_of("admin"))
        for path in await paths_of(page):
            await person.open(path)
            await settled(page)
            assert await findings(page) == [], path
            wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{path} is {wide} px wider than the screen"


async def test_a_page_begins_with_a_way_past_the_navigator(admin: Person) -> None:
    await settled(admin.page)
    await admin.page.keyboard.press("Tab")
    await expect(admin.page.get_by_role("link", name="Skip to the content")).to_be_focused()
    await admin.page.keyboard.press("Enter")
    await expect(admin.page.locator("#content")).to_be_focused()


async def test_light_and_dark_are_remembered(admin: Person) -> None:
    root = admin.page.locator("html")
    await expect(root).to_have_attribute("data-theme", "light")
    await admin.page.get_by_role("button", name="Dark or light").click()
    await expect(root).to_have_attribute("data-theme", "dark")
    await admin.page.reload()
    await expect(root).to_have_attribute("data-theme", "dark")


async def test_what_axe_is_there_to_find_is_found(admin: Person) -> None:
    """The judge is awake: a page with a button without a name and with pale text is not let through."""
    await settled(admin.page)
    await admin.page.evaluate(
        "document.querySelector('#content').insertAdjacentHTML('beforeend',"
        " '<button></button><p style=\"color:#bbb;background:#fff\">pale</p>')"
    )
    told = " ".join(await findings(admin.page))
    assert "button-name" in told
    assert "color-contrast" in told
