"""The overview: figures that follow what happens, drawn and as text, by the person's own clock."""

import re
from datetime import UTC, datetime
from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.browser.station import Console, Person, somebody
from tests.e2e.peer import administrator, private_id, stranger
from tests.e2e.site import AnySite


async def at_the_overview(person: Person, site: AnySite, path: str = "/overview", name: str = "admin") -> Page:
    page = await person.log_in(name, site.password_of(name), path)
    await expect(page.get_by_role("heading", name="Overview", level=1)).to_be_visible()
    await expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    return page


async def number(page: Page, status: str) -> int:
    shown = page.locator(".counts li").filter(has_text=status).locator(".figure")
    return int((await shown.inner_text()).replace(",", ""))


async def test_what_happens_is_shown_while_it_happens(person: Person, site: AnySite) -> None:
    """A device is registered, calls, is accepted and logs in; numbers, the minute and the last events follow."""
    page = await at_the_overview(person, site)
    await expect(page.locator(".latest")).to_have_count(0)
    async with administrator(site.access) as admin:
        waiting = (await admin.ok("stats"))["counts"]["WAITING_FOR_CONNECTION"]
        await admin.ok("register", {"id": "overview-1", "name": "<img src=x onerror=alert(1)>"})
        counted = page.locator(".counts li").filter(has_text="Waiting for connection").locator(".figure")
        await expect(counted).not_to_have_text(str(waiting))
        async with stranger(site.access, private_id()) as device:
            await device.publish("bootstrap/overview-1/request/" + device.client.identifier, b"{}")
            latest = page.locator(".latest tbody tr")
            await expect(latest.filter(has_text="overview-1").filter(has_text="called")).to_be_visible()
            await expect(page.get_by_text(re.compile(r"During the last minute: [1-9]\d* first calls"))).to_be_visible()
            await expect(page.get_by_text(re.compile("waits? to be accepted"))).to_be_visible()
            await expect(page.get_by_role("link", name="See who waits")).to_be_visible()
            await admin.ok("accept", {"id": "overview-1"})
            await expect(latest.filter(has_text="overview-1").filter(has_text="accepted")).to_be_visible()
        await admin.ok("delete", {"id": "overview-1"})
        await expect(latest.filter(has_text="overview-1").filter(has_text="deleted")).to_be_visible()


async def test_the_bars_and_the_table_have_the_same_numbers_by_the_persons_clock(
    browser: Browser, console: Console, site: AnySite
) -> None:
    async with administrator(site.access) as admin, somebody(browser, console, timezone_id="Asia/Kolkata") as person:
        await admin.ok("register", {"devices": [{"id": f"overview-bar-{one}"} for one in range(3)]})
        registered = sum(row["registered"] for row in (await admin.ok("stats"))["series"])
        assert registered >= 3
        page = await at_the_overview(person, site)
        await page.get_by_text("Show as a table").click()
        rows = page.locator("details.figures tbody tr")
        await expect(rows).to_have_count(24)
        # Hours of the bridge begin at half past there.
        await expect(rows.first.locator("th")).to_have_text(re.compile(r"^[A-Z][a-z]{2} \d\d:30$"))

        async def sum_of_the_table() -> int:
            cells = await rows.locator("td:nth-child(2)").all_inner_texts()
            return sum(int(cell.replace(",", "")) for cell in cells)

        assert await sum_of_the_table() >= registered
        names = await page.locator("details.figures thead th").all_inner_texts()
        assert names == ["Time", "Registered", "First calls", "Accepted", "Logged in", "Blocked"]
        drawn = page.get_by_role("img", name=re.compile("^Bars over time"))
        await expect(drawn.locator("svg path[fill='var(--chart-registered)']").first).to_be_attached()
        for one in range(3):
            await admin.ok("delete", {"id": f"overview-bar-{one}"})


async def test_the_time_looked_back_on_is_chosen_and_kept_in_the_address(person: Person, site: AnySite) -> None:
    page = await at_the_overview(person, site)
    choice = page.get_by_role("group", name="Time shown")
    await expect(choice.get_by_role("button", name="24 hours")).to_have_attribute("aria-pressed", "true")
    rows = page.locator("details.figures tbody tr")
    await choice.get_by_role("button", name="30 days").press("Enter")
    await expect(choice.get_by_role("button", name="30 days")).to_have_attribute("aria-pressed", "true")
    await expect(rows).to_have_count(30)
    assert page.url.endswith("?range=month")
    await page.reload()
    await expect(choice.get_by_role("button", name="30 days")).to_have_attribute("aria-pressed", "true")
    await expect(rows).to_have_count(30)
    await page.goto(person.console.url + "/overview?range=<script>")
    await expect(choice.get_by_role("button", name="24 hours")).to_have_attribute("aria-pressed", "true")
    today = f"{datetime.now(UTC):%a}"
    await expect(rows.first.locator("th")).to_have_text(re.compile(f"^{today} "))


async def test_charts_change_with_light_and_dark(person: Person, site: AnySite) -> None:
    page = await at_the_overview(person, site)
    total = page.get_by_role("img", name=re.compile("^Ring")).locator("text").first

    async def colour() -> Any:
        return await total.evaluate("(one) => getComputedStyle(one).fill")

    await total.wait_for()
    light = await colour()
    await page.get_by_role("button", name="Dark or light").click()
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert await colour() != light


async def test_every_colour_that_is_drawn_is_one_of_the_sheet(person: Person, site: AnySite) -> None:
    """A name that the sheet does not know would be black on both grounds."""
    page = await at_the_overview(person, site)
    await page.get_by_role("img", name=re.compile("^Bars over time")).locator("svg text").first.wait_for()
    drawn = "".join(await page.locator(".chart svg").evaluate_all("(all) => all.map((one) => one.innerHTML)"))
    names = sorted(set(re.findall(r"var\((--[\w-]+)\)", drawn)))
    assert names
    value = "(name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()"
    assert [name for name in names if not await page.evaluate(value, name)] == []
    grounds = "[...document.querySelectorAll('.overview .dot')].map((one) => getComputedStyle(one).backgroundColor)"
    dots = await page.evaluate(grounds)
    assert len(set(dots)) == 6
    assert "rgba(0, 0, 0, 0)" not in dots


async def test_nothing_is_wider_than_a_phone(browser: Browser, console: Console, site: AnySite) -> None:
    async with somebody(browser, console, viewport={"width": 390, "height": 844}) as person:
        page = await at_the_overview(person, site)
        await page.locator(".chart svg").first.wait_for()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        boxes = "[...document.querySelectorAll('.chart svg')].map((one) => one.getBoundingClientRect())"
        widths = await page.evaluate(boxes)
        assert widths
        assert all(one["right"] <= 390 for one in widths)


async def test_management_sees_the_figures_of_all(person: Person, site: AnySite) -> None:
    async with administrator(site.access, "management") as root:
        page = await at_the_overview(person, site, name="root")
        counts = (await root.ok("stats"))["counts"]
        assert await number(page, "Blocked") == counts["BLOCKED"]
