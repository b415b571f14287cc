"""Devices and groups in a browser: looked at, found, changed, moved and deleted."""

import re

from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.station import Console, Person, owner_at, somebody
from tests.e2e.peer import Administrator, administrator
from tests.e2e.scenes import bring_in
from tests.e2e.site import AnySite

HOSTILE = "<script>document.title='taken'</script>"


async def stocked(admin: Administrator, *rows: str, columns: str = "NAME;TYPE;PATH") -> None:
    """Put devices into the inventory, each a row ``ID;…`` of a full bulk file."""
    lines = [f"ID;CREDENTIALS;{columns}"]
    for row in rows:
        device_id, rest = row.split(";", 1)
        lines.append(f"{device_id};secret-of-{device_id[:64]};{rest}")
    result = await admin.ok("bulk-register", "\r\n".join(lines).encode())
    assert result["numberOfFailed"] == 0, result


def ids(page: Page) -> Locator:
    return page.locator("table.devices tbody tr a")


async def search(page: Page, words: str) -> None:
    await page.get_by_label("Search ID or name").fill(words)


async def test_devices_are_searched_sorted_and_found_by_group(person: Person, site: AnySite) -> None:
    """What is looked at stands in the address, so that it is there again after a reload."""
    async with administrator(site.access) as other:
        await stocked(
            other,
            "inv-find-1;Zebra;t;Inv find/North",
            "inv-find-2;Ant;t;Inv find/South",
            "inv-find-3;Bear;t;Inv find",
        )
    page = await owner_at(person, site, "/devices")
    await search(page, "INV-FIND")
    await expect(ids(page)).to_have_text(["inv-find-1", "inv-find-2", "inv-find-3"])
    await page.get_by_role("button", name="Name").click()
    await expect(ids(page)).to_have_text(["inv-find-2", "inv-find-3", "inv-find-1"])
    await page.get_by_role("button", name="Name").click()
    await expect(ids(page)).to_have_text(["inv-find-1", "inv-find-3", "inv-find-2"])
    await expect(page.get_by_role("columnheader", name="Name")).to_have_attribute("aria-sort", "descending")
    tree = page.get_by_role("tree")
    await tree.get_by_role("treeitem", name="Inv find").click()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowDown")
    await expect(tree.get_by_role("treeitem", name="North")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(ids(page)).to_have_text(["inv-find-1"])
    await page.reload()
    await expect(ids(page)).to_have_text(["inv-find-1"])
    await expect(tree.get_by_role("treeitem", name="North")).to_have_attribute("aria-selected", "true")
    await page.get_by_role("button", name="Show the devices of all groups").click()
    await search(page, "inv-find-none")
    await expect(page.get_by_text("No device fits")).to_be_visible()


async def test_many_devices_are_turned_page_by_page(person: Person, site: AnySite) -> None:
    async with administrator(site.access) as other:
        await stocked(other, *(f"inv-page-{number:03};;;" for number in range(150)))
    page = await owner_at(person, site, "/devices?search=inv-page")
    await expect(ids(page)).to_have_count(100)
    await expect(page.get_by_text(re.compile("Rows 1.100"))).to_be_visible()
    await page.get_by_role("button", name="Next").click()
    await expect(ids(page).first).to_have_text("inv-page-100")
    await expect(page.get_by_text(re.compile("Rows 101.150"))).to_be_visible()
    await expect(page.get_by_role("button", name="Next")).to_be_disabled()
    await page.get_by_role("button", name="Previous").click()
    await expect(ids(page).first).to_have_text("inv-page-000")


async def test_a_device_comes_and_is_shown_with_what_it_says_of_itself(person: Person, site: AnySite) -> None:
    """The list follows by itself; what devices say is shown as text, whatever it is."""
    async with administrator(site.access) as other:
        page = await owner_at(person, site, "/devices?id=inv-comes")
        await expect(page.get_by_text("There is no such device")).to_be_visible()
        await other.ok("register", {"id": "inv-comes"})
        await expect(page.get_by_text("It is in the registration process: Waiting for connection")).to_be_visible()
        await other.ok("delete", {"id": "inv-comes"})
        await person.open("/devices?search=inv-comes")
        await expect(page.get_by_text("No device fits")).to_be_visible()
        await bring_in(site.access, other, "inv-comes", name=HOSTILE, properties={"site": {"hall": HOSTILE}})
    await ids(page).filter(has_text="inv-comes").click()
    await expect(page.get_by_role("heading", name=HOSTILE)).to_be_visible()
    facts = page.locator("dl.facts")
    await expect(facts.first).to_contain_text("default/device_inv-comes")
    await expect(facts.first).to_contain_text("Accepted, confirmed")
    await expect(facts.last).to_contain_text("site.hall")
    await expect(facts.last).to_contain_text(HOSTILE)
    assert "taken" not in await page.title()
    await page.locator("#content").get_by_role("link", name="Devices").click()
    await expect(page.get_by_label("Search ID or name")).to_have_value("inv-comes")


async def test_a_device_is_changed_and_deleted_by_its_owner(person: Person, site: AnySite) -> None:
    """What others did meanwhile stays; who deletes types the id; the past tells of it."""
    async with administrator(site.access) as other:
        await stocked(other, "inv-edit;Old name;old-type;Inv edit")
        page = await owner_at(person, site, "/devices?id=inv-edit")
        await page.get_by_role("button", name="Edit").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Name").fill("New name")
        await other.ok("update-device", {"id": "inv-edit", "type": "their-type"})
        await expect(page.locator("dl.facts").first).to_contain_text("their-type")
        await expect(dialog.get_by_label("Name")).to_have_value("New name")
        await dialog.get_by_label("Group").fill("Inv edit/New one")
        await dialog.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", name="New name")).to_be_visible()
        device = await other.ok("get-device", {"id": "inv-edit"})
        assert (device["name"], device["type"], device["group"]) == ("New name", "their-type", "Inv edit/New one")
        past = page.locator("table.entries")
        await expect(past).to_contain_text("Changed the device")
        await expect(past).to_contain_text("Registered by file")

        await page.get_by_role("button", name="Delete device").click()
        delete = dialog.get_by_role("button", name="Delete device")
        await expect(delete).to_be_disabled()
        await dialog.get_by_label("To be sure, type the ID: inv-edit").fill("inv-edit")
        await delete.click()
        await expect(page.get_by_text("There is no such device")).to_be_visible()
        await expect(page.get_by_text("it was deleted, or never accepted")).to_be_visible()
        assert await other.code("get-device", {"id": "inv-edit"}) == "NOT_FOUND"
        await expect(past).to_contain_text("Deleted the device")


async def test_what_the_bridge_refuses_is_told_in_the_dialog(person: Person, site: AnySite) -> None:
    async with administrator(site.access) as other:
        await stocked(other, "inv-refused;Name;;")
        page = await owner_at(person, site, "/devices?id=inv-refused")
        await page.get_by_role("button", name="Edit").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Group").fill("a//b")
        await dialog.get_by_role("button", name="Save").click()
        await expect(dialog.get_by_role("alert")).to_contain_text("each group name in a path has 1 to 255 characters")
        await expect(dialog.get_by_label("Group")).to_have_value("a//b")
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()
        await expect(page.get_by_role("button", name="Edit")).to_be_focused()


async def test_chosen_devices_are_moved_to_a_new_group(person: Person, site: AnySite) -> None:
    async with administrator(site.access) as other:
        await stocked(other, "inv-move-1;;;Inv move", "inv-move-2;;;", "inv-move-3;;;Inv move")
        page = await owner_at(person, site, "/devices?search=inv-move")
        await page.get_by_label("Choose inv-move-1").check()
        await page.get_by_label("Choose inv-move-2").check()
        await page.get_by_role("button", name="Move 2 devices").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Group").fill("Inv move/There")
        await dialog.get_by_role("button", name="Move", exact=True).click()
        await expect(dialog).to_be_hidden()
        await expect(page.get_by_text("2 devices were moved.")).to_be_attached()
        await expect(page.locator("tr", has_text="inv-move-2")).to_contain_text("Inv move/There")
        groups = [(await other.ok("get-device", {"id": f"inv-move-{number}"}))["group"] for number in (1, 2, 3)]
        assert groups == ["Inv move/There", "Inv move/There", "Inv move"]


async def test_a_group_is_made_emptied_and_deleted(person: Person, site: AnySite) -> None:
    """A group with devices is not deleted: the page says why, and moves them."""
    async with administrator(site.access) as other:
        await stocked(other, "inv-group-1;;;Inv group/Sub", "inv-group-2;;;Inv group")
        page = await owner_at(person, site, "/groups?group=Inv+group")
        panel = page.locator("section.listed")
        await expect(panel).to_contain_text("Inv group")
        await page.get_by_role("button", name="New group", exact=True).click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Group").fill("Inv group/Sub")
        await dialog.get_by_role("button", name="Create").click()
        await expect(dialog.get_by_role("alert")).to_contain_text("there is a group Inv group/Sub already")
        await dialog.get_by_label("Group").fill("Inv group/Empty")
        await dialog.get_by_role("button", name="Create").click()
        await expect(page.get_by_role("treeitem", name="Empty")).to_have_attribute("aria-selected", "true")

        await page.get_by_role("treeitem", name="Inv group").click()
        await panel.get_by_role("button", name="Delete").click()
        await expect(dialog).to_contain_text("2 devices are in this group or below it")
        await expect(dialog.get_by_role("button", name="Delete", exact=True)).to_have_count(0)
        await dialog.get_by_role("button", name="Move its devices").click()
        await dialog.get_by_label("To the group").fill("Inv elsewhere")
        await dialog.get_by_role("button", name="Move", exact=True).click()
        await expect(panel).to_contain_text("2 devices were moved.")
        assert (await other.ok("get-device", {"id": "inv-group-1"}))["group"] == "Inv elsewhere"

        await panel.get_by_role("button", name="Delete").click()
        await expect(dialog).to_contain_text("with 2 empty groups below it")
        await dialog.get_by_role("button", name="Delete", exact=True).click()
        await expect(page.get_by_role("treeitem", name="Inv group")).to_have_count(0)
        paths = [one["path"] for one in (await other.ok("list-groups", {"limit": 1000}))["groups"]]
        assert not [path for path in paths if path.startswith("Inv group")]


async def test_who_may_only_look_is_offered_nothing_else(browser: Browser, console: Console, site: AnySite) -> None:
    async with administrator(site.access) as admin:
        await stocked(admin, "inv-viewed;Looked at;;Inv viewed")
        made = await admin.ok("create-administrator", {"name": "inv-viewer", "role": "viewer"})
    async with somebody(browser, console) as viewer:
        page = await viewer.log_in("inv-viewer", made["password"], "/devices?id=inv-viewed")
        await expect(page.get_by_role("heading", name="Looked at")).to_be_visible()
        await expect(page.locator("#content button")).to_have_count(0)
        await viewer.open("/devices?search=inv-viewed")
        await expect(ids(page)).to_have_text(["inv-viewed"])
        await expect(page.locator("#content input[type=checkbox]")).to_have_count(0)
        await viewer.open("/groups?group=Inv+viewed")
        await expect(page.locator("section.listed")).to_contain_text("Devices in it")
        await expect(page.locator("#content button")).to_have_count(0)


async def test_management_is_told_where_the_inventory_is(person: Person, site: AnySite) -> None:
    page = await person.log_in("root", site.password_of("root"), "/devices")
    await expect(page.locator("#content")).to_contain_text("Devices and groups stay with each tenant")
    await person.open("/groups")
    await expect(page.locator("#content")).to_contain_text("Groups stay with each tenant")
