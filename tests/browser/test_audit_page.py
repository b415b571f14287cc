"""The audit in a browser: told in words, filtered, and read further back."""

from playwright.async_api import expect

from tests.browser.station import Person, owner_at
from tests.e2e.peer import administrator
from tests.e2e.site import AnySite


async def test_what_was_done_is_told_live_and_found_by_device(person: Person, site: AnySite) -> None:
    async with administrator(site.access) as other:
        page = await owner_at(person, site, "/audit?id=audited-1")
        await expect(page.get_by_text("Nothing fits", exact=True)).to_be_visible()
        await other.ok("register", {"id": "audited-1", "name": "<b>Pump</b>"})
        rows = page.locator("table.entries tbody tr")
        await expect(rows).to_have_count(1)
        await expect(rows.first).to_contain_text("Registered")
        await expect(rows.first).to_contain_text("default/admin")
        await other.code("accept", {"id": "audited-1"})
        await other.ok("delete", {"id": "audited-1"})
        await expect(rows.first).to_contain_text("Deleted the registration")
        await expect(rows.nth(1)).to_contain_text("Refused: not in this state")
        await expect(page.get_by_label("Device", exact=True)).to_have_value("audited-1")


async def test_who_and_what_came_of_it_narrow_the_list(person: Person, site: AnySite) -> None:
    async with administrator(site.access) as other:
        await other.ok("create-group", {"path": "Audited group"})
        await other.code("create-group", {"path": "Audited group"})
    page = await owner_at(person, site, "/audit")
    rows = page.locator("table.entries tbody tr", has_text="Audited group")
    await expect(rows).to_have_count(2)
    await page.get_by_label("Outcome").select_option("refused")
    await expect(rows).to_have_count(1)
    await expect(rows.first).to_contain_text("Refused: already exists")
    await page.get_by_label("Who").fill("ROOT")
    await expect(rows).to_have_count(0)
    await page.get_by_label("Who").fill("ADMIN")
    await expect(rows).to_have_count(1)
    await page.reload()
    await expect(rows).to_have_count(1)
    await expect(page.get_by_label("Outcome")).to_have_value("refused")
    await page.get_by_label("Since").fill("2000-01-01T00:00")
    await expect(rows).to_have_count(1)
    await page.get_by_label("Since").fill("2999-01-01T00:00")
    await expect(rows).to_have_count(0)
    await page.get_by_role("button", name="Clear filters").click()
    await expect(rows).to_have_count(2)


async def test_older_entries_are_read_further_back_and_new_ones_do_not_push_them_away(
    person: Person, site: AnySite
) -> None:
    async with administrator(site.access) as other:
        await other.ok("register", {"devices": [{"id": f"audited-many-{number:03}"} for number in range(130)]})
        page = await owner_at(person, site, "/audit")
        rows = page.locator("table.entries tbody tr")
        await expect(rows).to_have_count(100)
        await page.get_by_role("button", name="Look further back").click()
        await expect(page.locator("table.entries")).to_contain_text("audited-many-000")
        await other.ok("register", {"id": "audited-fresh"})
        newest = page.get_by_role("button", name="There is something new")
        await expect(newest).to_be_visible()
        await expect(rows.first).not_to_contain_text("audited-fresh")
        await newest.click()
        await expect(rows.first).to_contain_text("audited-fresh")
        await expect(rows).to_have_count(100)
